package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mydocker/cli/format"
	"mydocker/container"
	"mydocker/engine"
)

// inspectFlags are those of inspect.
type inspectFlags struct {
	format, kind string
	size         bool
}

func (a *app) inspectCommand() *cobra.Command {
	return a.inspecting("", "inspect [OPTIONS] NAME|ID [NAME|ID...]")
}

// inspecting returns the command for containers, images, or ("") both.
func (a *app) inspecting(kind, use string) *cobra.Command {
	f := inspectFlags{kind: kind}
	c := &cobra.Command{Use: use, Short: "Return low-level information on containers and images", Args: atLeast(1)}
	c.Flags().StringVarP(&f.format, "format", "f", "", "Format output using a Go template, or 'json'")
	if kind != "image" {
		c.Flags().BoolVarP(&f.size, "size", "s", false, "Display total file sizes of containers")
	}
	if kind == "" {
		c.Flags().StringVar(&f.kind, "type", "", "Return JSON for the specified type: container or image")
	}
	c.RunE = func(c *cobra.Command, args []string) error { return a.inspect(f, args) }
	return c
}

func (a *app) inspect(f inspectFlags, args []string) error {
	if f.kind != "" && f.kind != "container" && f.kind != "image" {
		return fmt.Errorf("%q is not a valid value for --type", f.kind)
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	var objects []any
	var errs []error
	for _, name := range args {
		o, err := a.lookup(e, f, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		objects = append(objects, o)
	}
	return errors.Join(append([]error{format.Inspect(a.Out, objects, f.format)}, errs...)...)
}

// lookup finds a container, or else an image.
func (a *app) lookup(e *engine.Engine, f inspectFlags, name string) (any, error) {
	if f.kind != "image" {
		r, err := e.Containers.Find(name)
		if err == nil {
			return inspectContainer(e, r, f.size)
		}
		if f.kind == "container" || !isNotFound(err) {
			return nil, err
		}
	}
	i, err := e.Images.Resolve(name)
	if err != nil && f.kind == "" && isNotFound(err) {
		return nil, fmt.Errorf("no such object: %s", name)
	}
	return imageJSON(i), err
}

func inspectContainer(e *engine.Engine, r *container.Record, sized bool) (any, error) {
	spec, err := e.Containers.Spec(r.ID)
	if err != nil {
		return nil, err
	}
	j := format.ContainerInspect(r, spec, e.Containers.Dir(r.ID))
	j.Config.Complete(r.Request, e.ImageConfig(r))
	if sized {
		size, err := e.Size(r)
		if err != nil {
			return nil, err
		}
		j.SizeRw, j.SizeRootFs = &size.RW, &size.RootFS
	}
	return j, nil
}
