package runflags

import (
	"testing"

	"github.com/spf13/pflag"
)

// What every run pays before it does anything.
func BenchmarkAdd(b *testing.B) {
	for b.Loop() {
		Add(pflag.NewFlagSet("run", pflag.ContinueOnError), true)
	}
}

func BenchmarkTypicalLine(b *testing.B) {
	env := environment()
	for b.Loop() {
		set := pflag.NewFlagSet("run", pflag.ContinueOnError)
		f := Add(set, true)
		if err := set.Parse([]string{"--rm", "-it", "-m", "100m", "--cpus", "1.5", "-e", "A=1", "-v", "/srv:/data:ro", "img", "sh"}); err != nil {
			b.Fatal(err)
		}
		if _, err := f.Request(env, set.Args()); err != nil {
			b.Fatal(err)
		}
	}
}
