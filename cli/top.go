package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (a *app) topCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "top CONTAINER [ps OPTIONS]",
		Short: "Display the running processes of a container",
		Long: `Display the running processes of a container, as the host's ps(1) would with
these options; without any, -ef. ps is not executed: the options -e -f -L -l -j,
aux, ax, and -o with a list of columns are known, others are refused.`,
		Args: atLeast(1),
	}
	c.Flags().SetInterspersed(false)
	c.RunE = func(c *cobra.Command, args []string) error {
		e, err := a.engine()
		if err != nil {
			return err
		}
		titles, rows, err := e.Top(args[0], args[1:])
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.Out, 20, 1, 3, ' ', 0)
		for _, row := range append([][]string{titles}, rows...) {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
		return w.Flush()
	}
	return c
}
