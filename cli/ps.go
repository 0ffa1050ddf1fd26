package cli

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mydocker/cli/format"
	"mydocker/container"
)

// psFlags are those of ps.
type psFlags struct {
	format.Options
	all, latest bool
	last        int
	filters     []string
}

func (a *app) psCommand() *cobra.Command {
	var f psFlags
	c := &cobra.Command{Use: "ps [OPTIONS]", Short: "List containers", Args: atMost(0)}
	fs := c.Flags()
	fs.BoolVarP(&f.all, "all", "a", false, "Show all containers (default shows just running)")
	fs.StringArrayVarP(&f.filters, "filter", "f", nil, "Filter output based on conditions provided")
	fs.StringVar(&f.Format, "format", "", "Format output using a Go template, 'table', 'table TEMPLATE' or 'json'")
	fs.IntVarP(&f.last, "last", "n", -1, "Show n last created containers (includes all states)")
	fs.BoolVarP(&f.latest, "latest", "l", false, "Show the latest created container (includes all states)")
	fs.BoolVar(&f.NoTrunc, "no-trunc", false, "Don't truncate output")
	fs.BoolVarP(&f.Quiet, "quiet", "q", false, "Only display container IDs")
	c.RunE = func(c *cobra.Command, args []string) error { return a.ps(f) }
	return c
}

func (a *app) ps(f psFlags) error {
	filters, err := format.ParseFilters(f.filters, format.ContainerFilters())
	if err != nil {
		return err
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	all, err := e.List()
	if err != nil {
		return err
	}
	if f.latest {
		f.last = 1
	}
	_, byStatus := filters["status"]
	_, byExit := filters["exited"]
	everything := f.all || f.last >= 0 || byStatus || byExit
	now := time.Now()
	rows := []format.ContainerRow{}
	for _, r := range all {
		ok, err := filters.Matches(r, e.Containers.Find)
		if err != nil {
			return err
		}
		if ok && (everything || slices.Contains([]container.Status{container.Running, container.Paused, container.Restarting}, r.Status)) {
			rows = append(rows, format.Container(r, now, f.NoTrunc))
		}
	}
	if f.last >= 0 {
		rows = rows[:min(f.last, len(rows))]
	}
	return format.List(a.Out, f.Options, rows, format.ContainerHeader(), format.ContainerTable, func(r format.ContainerRow) string { return r.ID })
}
