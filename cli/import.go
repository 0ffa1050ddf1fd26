package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"mydocker/image/importer"
)

func (a *app) importCommand() *cobra.Command {
	var o importer.Options
	c := &cobra.Command{
		Use:   "import [OPTIONS] FILE|- [REPOSITORY[:TAG]]",
		Short: "Import the contents from a tarball to create a filesystem image",
		Long: `Make an image of the root file system in a tar archive, as "docker export"
writes it: plain, or compressed with gzip, zstd, xz or bzip2. "-" reads
standard input.`,
		Example: "  mydocker import rootfs.tar.gz mine:1\n  docker export box | mydocker import -c 'CMD [\"/bin/sh\"]' - box",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 2 {
				return atMost(2)(c, args)
			}
			return atLeast(1)(c, args)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&o.Changes, "change", "c", nil, "Apply Dockerfile instruction to the created image")
	f.StringVarP(&o.Message, "message", "m", "", "Set commit message for imported image")
	f.StringVar(&o.Platform, "platform", "", "Set platform if the image has none (os/arch)")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			o.Ref = args[1]
		}
		return a.importImage(args[0], o)
	}
	return c
}

func (a *app) importImage(file string, o importer.Options) error {
	e, err := a.imageEngine()
	if err != nil {
		return err
	}
	var r io.Reader = a.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		r = f
	} else if isTerminal(a.In) {
		return fmt.Errorf("standard input is a terminal: pipe an archive into it, or name a file")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	i, err := importer.Import(ctx, e.Images, r, o)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	fmt.Fprintln(a.Out, i.ID)
	return nil
}
