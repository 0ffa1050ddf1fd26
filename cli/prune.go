package cli

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mydocker/cli/format"
	"mydocker/container"
	"mydocker/internal/units"
)

func (a *app) containerPruneCommand() *cobra.Command {
	var force bool
	var words []string
	c := &cobra.Command{Use: "prune [OPTIONS]", Short: "Remove all stopped containers", Args: atMost(0)}
	c.Flags().BoolVarP(&force, "force", "f", false, "Do not prompt for confirmation")
	c.Flags().StringArrayVar(&words, "filter", nil, `Provide filter values (e.g. "until=<timestamp>")`)
	c.RunE = func(c *cobra.Command, args []string) error {
		filters, err := format.ParseFilters(words, format.PruneFilters())
		if err != nil {
			return err
		}
		match, err := filters.Prune(time.Now())
		if err != nil {
			return err
		}
		if !force && !a.confirm("WARNING! This will remove all stopped containers.\nAre you sure you want to continue?") {
			return nil
		}
		return a.prune(match)
	}
	return c
}

func (a *app) prune(match func(*container.Record) bool) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	pruned, err := e.Prune(match)
	if len(pruned.IDs) > 0 {
		fmt.Fprintf(a.Out, "Deleted Containers:\n%s\n\n", strings.Join(pruned.IDs, "\n"))
	}
	fmt.Fprintln(a.Out, "Total reclaimed space:", units.HumanSize(float64(pruned.Bytes)))
	return err
}

// confirm asks a question; only y is yes.
func (a *app) confirm(question string) bool {
	fmt.Fprint(a.Out, question+" [y/N] ")
	if a.In == nil {
		return false
	}
	line, err := bufio.NewReader(a.In).ReadString('\n')
	return err == nil && strings.EqualFold(strings.TrimSpace(line), "y")
}
