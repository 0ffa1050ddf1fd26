package runflags

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"mydocker/oci"
)

const (
	modeHost        = "host"
	modePrivate     = "private"
	modeNone        = "none"
	containerPrefix = "container:"
)

// Values of --pull.
const (
	PullAlways  = "always"
	PullMissing = "missing"
	PullNever   = "never"
)

func parsePull(s string) (string, error) {
	if s == PullAlways || s == PullMissing || s == PullNever {
		return s, nil
	}
	return "", fmt.Errorf(`invalid pull option: '%s': must be one of "always", "missing" or "never"`, s)
}

// validMode tells if s is empty, one of words, or with joins the namespace of
// another container.
func validMode(s string, joins bool, words ...string) bool {
	if name, ok := strings.CutPrefix(s, containerPrefix); ok {
		return joins && name != ""
	}
	return s == "" || slices.Contains(words, s)
}

// modes checks the namespaces.
func (f *Flags) modes(r *oci.Request, _ Environment) error {
	switch {
	case !validMode(r.PidMode, true, modeHost):
		return errors.New("--pid: invalid PID mode")
	case !validMode(r.IPCMode, true, modeHost, modeNone, modePrivate, "shareable"):
		return fmt.Errorf("--ipc: invalid IPC mode: %s", r.IPCMode)
	case !validMode(r.UTSMode, false, modeHost):
		return errors.New("--uts: invalid UTS mode")
	case !validMode(r.Userns, false, modeHost, modePrivate):
		return errors.New("--userns: invalid USER mode")
	case !validMode(r.CgroupNS, false, modeHost, modePrivate):
		return errors.New("--cgroupns: invalid CGROUP mode")
	}
	return f.network(r)
}

// network checks what the container is connected to: one network, and of
// those that there are.
func (f *Flags) network(r *oci.Request) error {
	if len(f.networks) == 0 {
		return nil
	}
	r.Network = f.networks[0]
	for i, n := range f.networks {
		if slices.Contains(f.networks[:i], n) {
			return fmt.Errorf("network %q is specified multiple times", n)
		}
		if n == containerPrefix {
			return errors.New("invalid container format container:<name|id>")
		}
		if n == "" || !validMode(n, true, modeHost, modeNone, "bridge", "default") {
			return &UnsupportedError{"network", fmt.Sprintf("network %s not found: networks other than bridge, host, none and container:NAME are not supported yet", n)}
		}
	}
	if len(f.networks) > 1 {
		return &UnsupportedError{"network", "more than one network is not supported yet"}
	}
	return nil
}

// setNetwork reads NAME, or CSV such as name=bridge.
func (f *Flags) setNetwork(s string) error {
	name := s
	if strings.Contains(s, "=") {
		fields, err := csvFields(s)
		if err != nil {
			return err
		}
		if name, err = f.networkName(fields); err != nil {
			return err
		}
	}
	f.networks = append(f.networks, name)
	return nil
}

// networkName returns the name among the fields of the long form. What else
// they ask of the network is noted for Request to refuse.
func (f *Flags) networkName(fields []string) (name string, err error) {
	for _, field := range fields {
		key, val, ok := strings.Cut(field, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return "", fmt.Errorf("invalid field %s", field)
		}
		switch key {
		case "name":
			name = strings.TrimSpace(val)
		case "alias", "ip", "ip6", "mac-address", "link-local-ip", "driver-opt", "gw-priority":
			f.refused = append(f.refused, &UnsupportedError{"network", key + "= is not supported yet"})
		default:
			return "", fmt.Errorf("invalid field key %s", key)
		}
	}
	if name == "" {
		return "", errors.New("network name/id is not specified")
	}
	return name, nil
}

// csvFields reads s as the one line of a CSV file.
func csvFields(s string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(s))
	fields, err := r.Read()
	if err != nil {
		return nil, err
	}
	if _, err := r.Read(); err != io.EOF {
		return nil, errors.New("value has more than one line")
	}
	return fields, nil
}

// parseTimeOffset reads CLOCK=DURATION; see time_namespaces(7).
func parseTimeOffset(s string) (clock string, offset time.Duration, err error) {
	clock, text, ok := strings.Cut(s, "=")
	if !ok || clock != "monotonic" && clock != "boottime" {
		return "", 0, errors.New("must be monotonic=DURATION or boottime=DURATION, e.g. boottime=-1h30m")
	}
	offset, err = time.ParseDuration(text)
	return clock, offset, err
}

// checkPlatform accepts what this machine is: OS[/ARCH[/VARIANT]] or ARCH, in
// the names of Go or of uname(1).
func checkPlatform(s string) error {
	host := runtime.GOOS + "/" + runtime.GOARCH
	aliases := strings.NewReplacer("x86_64", "amd64", "x86-64", "amd64", "aarch64", "arm64")
	switch aliases.Replace(strings.ToLower(s)) {
	case "", runtime.GOOS, runtime.GOARCH, host:
		return nil
	case "linux/arm64/v8", "arm64/v8":
		if runtime.GOARCH == "arm64" {
			return nil
		}
	}
	return &UnsupportedError{"platform", fmt.Sprintf("%s is not this machine's platform, %s: emulation is not supported yet", s, host)}
}
