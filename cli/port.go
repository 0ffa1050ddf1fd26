package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) portCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "port CONTAINER [PRIVATE_PORT[/PROTO]]",
		Short: "List port mappings or a specific mapping for the container",
		Long:  "List port mappings or a specific mapping for the container. There are none yet:\n--publish is not supported.",
		Args:  between(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := a.engine()
			if err != nil {
				return err
			}
			if _, err := e.Containers.Find(args[0]); err != nil || len(args) == 1 {
				return err
			}
			port, err := parsePort(args[1])
			if err != nil {
				return err
			}
			return fmt.Errorf("No public port '%s' published for %s", port, args[0])
		},
	}
}

// parsePort reads PORT or PORT/PROTO and returns it with its protocol.
func parsePort(s string) (string, error) {
	number, proto, given := strings.Cut(s, "/")
	if proto = strings.ToLower(proto); !given {
		proto = "tcp"
	}
	if !slices.Contains([]string{"tcp", "udp", "sctp"}, proto) {
		return "", fmt.Errorf("invalid port '%s': unknown protocol '%s'", s, proto)
	}
	if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("invalid port '%s': it must be a number from 1 to 65535", s)
	}
	return number + "/" + proto, nil
}
