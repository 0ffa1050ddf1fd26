package bundle

import "github.com/opencontainers/runtime-spec/specs-go/features"

// Features returns what containers may have; see features.md and
// features-linux.md of the specification.
func Features() *features.Features {
	return &features.Features{
		Hooks: []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"},
	}
}
