package cli

import (
	"bufio"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff CONTAINER",
		Short: "Inspect changes to files or directories on a container's filesystem",
		Long: `List what a container has added (A), changed (C) and deleted (D) of the files of
its image. Places where something is mounted in the container are left out.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := a.engine()
			if err != nil {
				return err
			}
			changes, err := e.Diff(args[0])
			if err != nil {
				return err
			}
			w := bufio.NewWriter(a.Out)
			for _, c := range changes {
				fmt.Fprintf(w, "%c %s\n", c.Kind, c.Path)
			}
			return w.Flush()
		},
	}
}
