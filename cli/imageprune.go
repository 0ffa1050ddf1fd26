package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"mydocker/internal/units"
)

func (a *app) imagePruneCommand() *cobra.Command {
	var all, force bool
	c := &cobra.Command{Use: "prune [OPTIONS]", Short: "Remove unused images", Args: atMost(0)}
	c.Flags().BoolVarP(&all, "all", "a", false, "Remove all unused images, not just dangling ones")
	c.Flags().BoolVarP(&force, "force", "f", false, "Do not prompt for confirmation")
	c.RunE = func(c *cobra.Command, args []string) error {
		which := "dangling images"
		if all {
			which = "images without at least one container associated to them"
		}
		if !force && !a.confirm("WARNING! This will remove all "+which+".\nAre you sure you want to continue?") {
			return nil
		}
		return a.pruneImages(all)
	}
	return c
}

func (a *app) pruneImages(all bool) error {
	e, err := a.imageEngine()
	if err != nil {
		return err
	}
	pruned, err := e.PruneImages(all)
	if len(pruned.Done) > 0 {
		fmt.Fprintln(a.Out, "Deleted Images:")
		for _, d := range pruned.Done {
			if d.Untagged != "" {
				fmt.Fprintln(a.Out, "untagged: "+d.Untagged)
			} else {
				fmt.Fprintln(a.Out, "deleted: "+d.Deleted)
			}
		}
		fmt.Fprintln(a.Out)
	}
	fmt.Fprintln(a.Out, "Total reclaimed space:", units.HumanSize(float64(pruned.Bytes)))
	return err
}
