package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) rmCommand() *cobra.Command {
	var force, volumes bool
	c := &cobra.Command{
		Use:   "rm [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Remove one or more containers",
		Args:  atLeast(1),
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "Force the removal of a running container (uses SIGKILL)")
	c.Flags().BoolVarP(&volumes, "volumes", "v", false, "Remove anonymous volumes associated with the container (there are none yet)")
	c.RunE = func(c *cobra.Command, args []string) error {
		e, err := a.engine()
		if err != nil {
			return err
		}
		return a.together(args, func(name string) (string, error) {
			err := e.Remove(name, force)
			if force && isNotFound(err) {
				a.warn([]string{err.Error()})
				return "", nil
			}
			return name, err
		})
	}
	return c
}

// isNotFound tells errors that say "no such container" or "no such image".
func isNotFound(err error) bool {
	nf, ok := err.(interface{ NotFound() bool })
	return ok && nf.NotFound()
}
