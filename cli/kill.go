package cli

import (
	"fmt"
	"syscall"

	"github.com/moby/sys/signal"
	"github.com/spf13/cobra"
)

func (a *app) killCommand() *cobra.Command {
	var name string
	c := &cobra.Command{Use: "kill [OPTIONS] CONTAINER [CONTAINER...]", Short: "Kill one or more running containers", Args: atLeast(1)}
	c.Flags().StringVarP(&name, "signal", "s", "", "Signal to send to the container (default KILL)")
	c.RunE = func(c *cobra.Command, args []string) error {
		sig, err := parseSignal(name)
		if err != nil {
			return err
		}
		e, err := a.engine()
		if err != nil {
			return err
		}
		return a.each(args, func(name string) (string, error) { return name, e.Kill(name, sig) })
	}
	return c
}

// parseSignal reads a signal: a name with or without SIG in either case, RTMIN+n
// or RTMAX-n, or a number. Nothing is KILL.
func parseSignal(s string) (syscall.Signal, error) {
	if s == "" {
		return syscall.SIGKILL, nil
	}
	sig, err := signal.ParseSignal(s)
	if err != nil || !signal.ValidSignalForPlatform(sig) {
		return 0, fmt.Errorf("invalid signal: %s", s)
	}
	return sig, nil
}
