package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"mydocker/cli/format"
	"mydocker/engine"
	"mydocker/oci"
)

// versionInfo is what version prints.
type versionInfo struct {
	Version, GoVersion, Os, Arch, KernelVersion, RuntimeSpec string
}

func (a *app) versionCommand() *cobra.Command {
	var f string
	c := &cobra.Command{Use: "version [OPTIONS]", Short: "Show the version information", Args: atMost(0)}
	c.Flags().StringVarP(&f, "format", "f", "", "Format output using a Go template, or 'json'")
	c.RunE = func(c *cobra.Command, args []string) error {
		v := versionInfo{version, runtime.Version(), runtime.GOOS, runtime.GOARCH, engine.KernelRelease(), oci.Version}
		if f != "" {
			return format.Object(a.Out, v, f)
		}
		fmt.Fprintf(a.Out, "mydocker\n Version:       %s\n Go version:    %s\n OS/Arch:       %s/%s\n Kernel:        %s\n Runtime spec:  %s\n",
			v.Version, v.GoVersion, v.Os, v.Arch, v.KernelVersion, v.RuntimeSpec)
		return nil
	}
	return c
}

func (a *app) infoCommand() *cobra.Command {
	var f string
	c := &cobra.Command{Use: "info [OPTIONS]", Short: "Display system-wide information", Args: atMost(0)}
	c.Flags().StringVarP(&f, "format", "f", "", "Format output using a Go template, or 'json'")
	c.RunE = func(c *cobra.Command, args []string) error {
		e, err := a.engine()
		if err != nil {
			return err
		}
		i, err := e.Info()
		if err != nil {
			return err
		}
		if f != "" {
			return format.Object(a.Out, i, f)
		}
		a.printInfo(i)
		return nil
	}
	return c
}

func (a *app) printInfo(i engine.Info) {
	p := func(name string, value any) { fmt.Fprintf(a.Out, "%s: %v\n", name, value) }
	p("Containers", i.Containers)
	p(" Running", i.ContainersRunning)
	p(" Paused", i.ContainersPaused)
	p(" Stopped", i.ContainersStopped)
	p("Images", i.Images)
	p("Storage Driver", i.Driver)
	p("Root Dir", i.DockerRootDir)
	p("State Dir", i.StateDir)
	p("Cgroup Driver", i.CgroupDriver)
	p("Cgroup Version", i.CgroupVersion+" ("+i.CgroupMode+")")
	p("Network", i.Network)
	p("Kernel Version", i.KernelVersion)
	p("Operating System", i.OperatingSystem)
	p("Architecture", i.Architecture)
	p("CPUs", i.NCPU)
	p("Total Memory", i.MemTotalHuman)
	p("Name", i.Name)
}
