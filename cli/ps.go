package cli

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mydocker/cli/format"
	"mydocker/container"
	"mydocker/engine"
)

// psFlags are those of ps.
type psFlags struct {
	format.Options
	all, latest bool
	size        bool
	last        int
	filters     []string
}

func (a *app) psCommand() *cobra.Command {
	var f psFlags
	c := &cobra.Command{Use: "ps [OPTIONS]", Short: "List containers", Args: atMost(0)}
	flags := c.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "Show all containers (default shows just running)")
	flags.StringArrayVarP(&f.filters, "filter", "f", nil, "Filter output based on conditions provided")
	flags.StringVar(&f.Format, "format", "", "Format output using a Go template, 'table', 'table TEMPLATE' or 'json'")
	flags.IntVarP(&f.last, "last", "n", -1, "Show n last created containers (includes all states)")
	flags.BoolVarP(&f.latest, "latest", "l", false, "Show the latest created container (includes all states)")
	flags.BoolVar(&f.NoTrunc, "no-trunc", false, "Don't truncate output")
	flags.BoolVarP(&f.Quiet, "quiet", "q", false, "Only display container IDs")
	flags.BoolVarP(&f.size, "size", "s", false, "Display total file sizes")
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
	shown := all[:0]
	for _, r := range all {
		ok, err := filters.Matches(r, e.Containers.Find)
		if err != nil {
			return err
		}
		if ok && (everything || slices.Contains([]container.Status{container.Running, container.Paused, container.Restarting}, r.Status)) {
			shown = append(shown, r)
		}
	}
	if f.last >= 0 {
		shown = shown[:min(f.last, len(shown))]
	}
	return a.listContainers(e, f, shown)
}

func (a *app) listContainers(e *engine.Engine, f psFlags, all []container.Record) error {
	now, table := time.Now(), format.ContainerTable
	if f.size {
		table += "\t{{.Size}}"
	}
	rows := []format.ContainerRow{}
	for _, r := range all {
		row := format.Container(r, now, f.NoTrunc)
		if !f.Quiet && (f.size || strings.Contains(f.Format, ".Size")) {
			size, err := e.Size(&r)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // it is just removed
				return err
			}
			row.Size = format.Size(size.RW, size.RootFS)
		}
		rows = append(rows, row)
	}
	return format.List(a.Out, f.Options, rows, format.ContainerHeader(), table, func(r format.ContainerRow) string { return r.ID })
}
