package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mydocker/engine"
)

func (a *app) explainCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain [OPTIONS] CONTAINER",
		Short: "Show what was done on the host for a container, and what of it is still there",
		Long: `Show what was done on the host for a container, from the journal that is written
before each step, and what of it is still there. What the container did inside
its own namespaces ends with it and is not listed; "mydocker run --explain" shows
that as well.

STATE is one of: there; undone (taken back when the container ended); gone
(though nobody took it back); made (it has no undo, or is shared and stays);
planned (written down, not made).`,
		Args: exactly(1),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		e, err := a.engine()
		if err != nil {
			return err
		}
		rec, changes, err := e.Changes(args[0])
		if err != nil {
			return err
		}
		if asJSON {
			enc := json.NewEncoder(a.Out)
			enc.SetIndent("", "    ")
			return enc.Encode(changes)
		}
		fmt.Fprintf(a.Out, "# container %.12s (%s), %s\n", rec.ID, rec.Name, rec.Status)
		return a.printChanges(changes)
	}
	return c
}

func (a *app) printChanges(changes []engine.Change) error {
	w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "STATE\tPART\tCOMMAND")
	for _, c := range changes {
		for i, l := range strings.Split(c.Command, "\n") {
			if i == 0 {
				fmt.Fprintf(w, "%s\t%s\t%s\n", c.State, c.Part, l)
			} else {
				fmt.Fprintf(w, "\t\t%s\n", l)
			}
		}
	}
	return w.Flush()
}
