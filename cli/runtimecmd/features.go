package runtimecmd

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"mydocker/bundle"
)

func featuresCommand() *command {
	return &command{name: "features", about: "print what this runtime knows, as JSON", min: 0, max: 0, flags: noFlags,
		run: func(a *app, _ []string) error {
			f := bundle.Features()
			f.OCIVersionMin, f.OCIVersionMax = "1.0.0", specs.Version
			f.Annotations = map[string]string{"org.mydocker.runtime.version": version}
			return writeJSON(a.out, (*features.Features)(f))
		}}
}
