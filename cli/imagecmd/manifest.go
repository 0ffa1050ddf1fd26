package imagecmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"mydocker/cli"
	"mydocker/reference"
)

func manifest(d *cli.Door) *cobra.Command {
	c := d.Group("manifest", "")
	c.AddCommand(manifestInspect(d))
	return c
}

func manifestInspect(d *cli.Door) *cobra.Command {
	var insecure bool
	c := &cobra.Command{Use: "inspect [OPTIONS] IMAGE", Short: "Display an image's manifest, or its index of manifests, as its registry has it", Args: d.Between(1, 1),
		Long: "Display an image's manifest, or its index of manifests, as its registry has it. Nothing\nis kept."}
	c.Flags().BoolVar(&insecure, "insecure", false, "Speak to this registry without verifying its certificate, or without TLS")
	c.RunE = run(func(ctx context.Context, args []string) error {
		ref, err := reference.Parse(args[0])
		if err != nil {
			return err
		}
		var more []string
		if insecure {
			more = append(more, ref.Domain)
		}
		c, err := client(d, more...)
		if err != nil {
			return err
		}
		defer c.Close()
		repo := c.Repository(ref)
		desc, err := repo.Resolve(ctx)
		if err != nil {
			return err
		}
		doc, err := repo.Fetch(ctx, desc)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := json.Indent(&out, doc.Data, "", "   "); err != nil {
			return fmt.Errorf("manifest of %s: %w", args[0], err)
		}
		_, err = fmt.Fprintf(d.Out, "%s\n", bytes.TrimSpace(out.Bytes()))
		return err
	})
	return c
}
