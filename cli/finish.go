package cli

import (
	"os"

	"github.com/spf13/cobra"

	"mydocker/engine"
)

// finishCommand is what a monitor runs when its container has ended and nobody
// else takes it back.
func (a *app) finishCommand() *cobra.Command {
	return &cobra.Command{
		Use: engine.FinishCommand + " CONTAINER", Hidden: true, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := engine.New(a.root, a.state)
			if err != nil {
				return err
			}
			return e.Finish(args[0], os.NewFile(engine.FinishLock, "lock"))
		},
	}
}
