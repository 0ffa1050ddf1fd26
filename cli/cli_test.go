package cli

import (
	"strings"
	"testing"
)

// TestVerbsAreCalledAsTheySay: the name by which a command is made alone is the
// one that its own usage begins with.
func TestVerbsAreCalledAsTheySay(t *testing.T) {
	a := &app{Streams: System()}
	for _, v := range a.verbs() {
		if got := v.command().Name(); got != v.name {
			t.Errorf("the verb %s makes the command %s", v.name, got)
		}
	}
}

// TestOnlyTheNamedCommandIsMade, and all where it is for cobra to say what is
// meant, or what is wrong.
func TestOnlyTheNamedCommandIsMade(t *testing.T) {
	for line, alone := range map[string]bool{
		"ps":                        true,
		"--root /r --state=/s ps":   true,
		"--root /r container ls":    true,
		"run --rm host ps":          true,
		"ps --help":                 true,
		"":                          false,
		"--help":                    false,
		"--help ps":                 false,
		"--version":                 false,
		"help ps":                   false,
		"prs":                       false,
		"completion bash":           false,
		"__complete p":              false,
		"--root":                    false,
		"--root ps":                 false,
		"--root=/r":                 false,
		"--unknown ps":              false,
		"-v":                        false,
		"--root /r --root /q nope":  false,
		"--state /s --root=/r wait": true,
	} {
		a := &app{Streams: System(), args: strings.Fields(line)}
		if got := len(a.command().Commands()) == 1; got != alone {
			t.Errorf("mydocker %s: one command alone is %v, want %v", line, got, alone)
		}
	}
}
