package cli

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"mydocker/cli/runtimecmd"
)

// runtimeCommand is the OCI runtime, whose flags are its own.
func (a *app) runtimeCommand() *cobra.Command {
	c := &cobra.Command{Use: "runtime [FLAGS] COMMAND", Short: "Make containers from OCI bundles, as runc and crun do", DisableFlagParsing: true}
	c.RunE = func(_ *cobra.Command, args []string) error {
		becomeRuntime(args)
		if code := runtimecmd.Main(args, nil); code != 0 {
			return &exitError{code: code}
		}
		return nil
	}
	return c
}

// becomeRuntime executes the program mydocker-runtime where it is beside this
// one: it speaks to systemd, too.
func becomeRuntime(args []string) {
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), runtimecmd.Name)
		syscall.Exec(path, append([]string{path}, args...), os.Environ())
	}
}
