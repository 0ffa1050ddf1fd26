package cli

import (
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mydocker/engine"
)

// stopFlags are those of stop and restart.
type stopFlags struct {
	signal  string
	timeout int
}

func (f *stopFlags) add(fs *pflag.FlagSet) {
	fs.StringVarP(&f.signal, "signal", "s", "", "Signal to send to the container")
	fs.IntVarP(&f.timeout, "timeout", "t", 0, "Seconds to wait before killing the container")
	fs.IntVar(&f.timeout, "time", 0, "Seconds to wait before killing the container")
	fs.Lookup("time").Hidden = true // docker's older name of it
}

func (f *stopFlags) options(fs *pflag.FlagSet) (o engine.StopOptions, err error) {
	if f.signal != "" {
		if o.Signal, err = parseSignal(f.signal); err != nil {
			return o, err
		}
	}
	if fs.Changed("timeout") || fs.Changed("time") {
		o.Timeout = &f.timeout
	}
	return o, nil
}

func (a *app) stopCommand() *cobra.Command {
	return a.stopping("stop [OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers", (*engine.Engine).Stop)
}

func (a *app) restartCommand() *cobra.Command {
	return a.stopping("restart [OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers", (*engine.Engine).Restart)
}

func (a *app) stopping(use, short string, do func(*engine.Engine, string, engine.StopOptions) error) *cobra.Command {
	var f stopFlags
	c := &cobra.Command{Use: use, Short: short, Args: atLeast(1)}
	f.add(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		o, err := f.options(c.Flags())
		if err != nil {
			return err
		}
		e, err := a.engine()
		if err != nil {
			return err
		}
		return a.together(args, func(name string) (string, error) { return name, do(e, name, o) })
	}
	return c
}

func (a *app) waitCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "wait CONTAINER [CONTAINER...]",
		Short: "Block until one or more containers stop, then print their exit codes",
		Args:  atLeast(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		e, err := a.engine()
		if err != nil {
			return err
		}
		return a.each(args, func(name string) (string, error) {
			exit, err := e.Wait(name)
			if err != nil {
				return "", err
			}
			return strconv.Itoa(exit.Code), nil
		})
	}
	return c
}
