package cli

import (
	"github.com/spf13/cobra"

	"mydocker/cli/runtimecmd"
)

// runtimeCommand is the OCI runtime, whose flags are its own.
func (a *app) runtimeCommand() *cobra.Command {
	c := &cobra.Command{Use: "runtime [FLAGS] COMMAND", Short: "Make containers from OCI bundles, as runc and crun do", DisableFlagParsing: true}
	c.RunE = func(_ *cobra.Command, args []string) error {
		if code := runtimecmd.Main(args); code != 0 {
			return &exitError{code: code}
		}
		return nil
	}
	return c
}
