package cli

import (
	"github.com/spf13/cobra"

	"mydocker/engine"
)

func (a *app) pauseCommand() *cobra.Command {
	return a.forEach("pause CONTAINER [CONTAINER...]", "Pause all processes within one or more containers", (*engine.Engine).Pause)
}

func (a *app) unpauseCommand() *cobra.Command {
	return a.forEach("unpause CONTAINER [CONTAINER...]", "Unpause all processes within one or more containers", (*engine.Engine).Unpause)
}

// forEach returns a command without flags that does one thing to each container
// and prints its name.
func (a *app) forEach(use, short string, f func(*engine.Engine, string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: atLeast(1), RunE: func(c *cobra.Command, args []string) error {
		e, err := a.engine()
		if err != nil {
			return err
		}
		return a.each(args, func(name string) (string, error) { return name, f(e, name) })
	}}
}
