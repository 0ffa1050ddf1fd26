package runtimecmd

import (
	"encoding/json"
	"fmt"
	"io"

	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/bundle"
	"mydocker/internal/ps"
)

// shown is a container's state, with what tools expect beside the
// specification's fields.
type shown struct {
	specs.State
	Rootfs  string    `json:"rootfs"`
	Created time.Time `json:"created"`
	Owner   string    `json:"owner"`
}

func show(c *bundle.Container) shown {
	return shown{c.State(), c.Rootfs, c.Created, ownerName(c.Owner)}
}

func ownerName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}

func stateCommand() *command {
	return &command{name: "state", args: "CONTAINER", about: "print the state of a container as JSON", min: 1, max: 1, flags: noFlags,
		run: func(a *app, args []string) error {
			c, err := a.runtime().Find(args[0])
			if err != nil {
				return err
			}
			// Pid stands there also when it is 0.
			s := show(c)
			return writeJSON(a.out, struct {
				Version     string               `json:"ociVersion"`
				ID          string               `json:"id"`
				Pid         int                  `json:"pid"`
				Status      specs.ContainerState `json:"status"`
				Bundle      string               `json:"bundle"`
				Rootfs      string               `json:"rootfs"`
				Created     time.Time            `json:"created"`
				Annotations map[string]string    `json:"annotations,omitempty"`
				Owner       string               `json:"owner"`
			}{s.Version, s.ID, s.Pid, s.Status, s.Bundle, s.Rootfs, s.Created, s.Annotations, s.Owner})
		}}
}

func writeJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func listCommand() *command {
	format, quiet := "table", false
	return &command{name: "list", about: "list the containers below --root", min: 0, max: 0,
		flags: func(f *flags) {
			f.string(&format, "table or json", "format", "f")
			f.bool(&quiet, "only their IDs", "quiet", "q")
		},
		run: func(a *app, _ []string) error {
			all, err := a.runtime().List()
			if err != nil {
				return err
			}
			switch {
			case quiet:
				for _, c := range all {
					fmt.Fprintln(a.out, c.ID)
				}
				return nil
			case format == "table":
				return listTable(a.out, all)
			case format == "json":
				var list []shown // of none it is null, as by runc
				for _, c := range all {
					list = append(list, show(c))
				}
				return json.NewEncoder(a.out).Encode(list)
			}
			return errUsage{fmt.Errorf("invalid format %q: it is table or json", format), "list"}
		}}
}

func listTable(w io.Writer, all []*bundle.Container) error {
	t := tabwriter.NewWriter(w, 12, 1, 3, ' ', 0)
	fmt.Fprintln(t, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER")
	for _, c := range all {
		s := show(c)
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, s.Bundle, s.Created.Format(time.RFC3339Nano), s.Owner)
	}
	return t.Flush()
}

func psCommand() *command {
	format := "table"
	return &command{name: "ps", args: "CONTAINER [OPTIONS OF PS]", about: "list the processes of a container", min: 1, max: -1, literal: true,
		flags: func(f *flags) { f.string(&format, "table or json", "format", "f") },
		run: func(a *app, args []string) error {
			// The format may stand behind the container, too.
			rest := &flags{}
			*rest = *newFlags()
			rest.string(&format, "", "format", "f")
			if more, err := rest.parse(args[1:], true); err == nil {
				args = append(args[:1], more...)
			}
			c, err := a.runtime().Find(args[0])
			if err != nil {
				return err
			}
			pids, err := c.Processes()
			if err != nil {
				return err
			}
			return a.processes(pids, format, args[1:])
		}}
}

func (a *app) processes(pids []int, format string, options []string) error {
	switch format {
	case "json":
		if pids == nil {
			pids = []int{}
		}
		return json.NewEncoder(a.out).Encode(pids)
	case "table":
	default:
		return errUsage{fmt.Errorf("invalid format %q: it is table or json", format), "ps"}
	}
	if len(options) == 0 {
		options = []string{"-ef"}
	}
	f, err := ps.Parse(options)
	if err != nil {
		return err
	}
	rows, err := f.Rows(pids)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.out, 8, 1, 2, ' ', 0)
	for _, row := range append([][]string{f.Titles()}, rows...) {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}
