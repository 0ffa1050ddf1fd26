package runtimecmd

import (
	"mydocker/bundle"
)

func featuresCommand() *command {
	return &command{name: "features", about: "print what this runtime knows, as JSON", min: 0, max: 0, flags: noFlags,
		run: func(a *app, _ []string) error {
			f := bundle.Features(a.systemd != nil)
			f.Annotations = map[string]string{"org.mydocker.runtime.version": version}
			return writeJSON(a.out, f)
		}}
}
