package killing_test

import (
	"os"
	"path/filepath"
	"testing"

	"mydocker/internal/testenv"
)

// TestHalfMadeIsRemoved leaves containers as a command that was killed while it
// made them: one of which the journal does not say that all was made is gone.
func TestHalfMadeIsRemoved(t *testing.T) {
	testenv.NetNS(t)
	f := newField(t)
	testenv.Leaks(t, f.env.Root, f.env.State)
	for name, cut := range map[string]int64{"nothing": 0, "something": 200} {
		id := f.must(t, "create", "--name", name, "--rootfs", f.rootfs, "true")
		dir := filepath.Join(f.env.Root, "containers", id)
		if err := os.Truncate(filepath.Join(dir, "journal"), cut); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, "diff")); err != nil {
			t.Fatal(err)
		}
		// The mark of one that somebody was responsible for.
		if err := os.WriteFile(filepath.Join(f.env.State, "containers", id), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whole := f.must(t, "create", "--name", "whole", "--rootfs", f.rootfs, "true")
	if err := os.WriteFile(filepath.Join(f.env.State, "containers", whole), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := f.must(t, "ps", "-a", "--format", "{{.Names}}"); got != "whole" {
		t.Errorf("there are %q", got)
	}
	f.must(t, "start", "-a", "whole")
	f.must(t, "rm", "whole")
}
