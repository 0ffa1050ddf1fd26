package runflags

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"mydocker/oci"
)

// Request returns the container that the flags and args ask for. args are
// IMAGE and the command, or with --rootfs the command alone.
//
// An [UnsupportedError] is what is understood but not there yet.
func (f *Flags) Request(env Environment, args []string) (*oci.Request, error) {
	if len(f.refused) > 0 {
		return nil, f.refused[0]
	}
	if f.Detach && len(f.attach) > 0 {
		return nil, errors.New("conflicting options: cannot specify both --attach and --detach")
	}
	r := f.req
	r.Ulimits = slices.Clone(f.ulimits)
	for _, complete := range []func(*oci.Request, Environment) error{
		f.source,
		f.modes,
		f.names,
		f.resources,
		f.textFiles,
		f.deviceList,
		f.securityOptions,
		f.mountList, // last: it asks the host about many paths
	} {
		if err := complete(&r, env); err != nil {
			return nil, err
		}
	}
	if err := f.command(&r, args); err != nil {
		return nil, err
	}
	return &r, conflicts(&r)
}

// command takes IMAGE and what is run from the arguments.
func (f *Flags) command(r *oci.Request, args []string) error {
	if r.Rootfs == "" {
		if len(args) == 0 {
			return errors.New("no image given")
		}
		if args[0] == "" {
			return errors.New("invalid reference format")
		}
		r.Image, args = args[0], args[1:]
	}
	if len(args) > 0 {
		r.Command = slices.Clone(args)
	}
	return nil
}

// source completes where the root comes from.
func (f *Flags) source(r *oci.Request, env Environment) error {
	if err := checkPlatform(f.Platform); err != nil {
		return err
	}
	if f.runtime != "" && f.runtime != "mydocker" {
		return fmt.Errorf("unknown or invalid runtime name: %s", f.runtime)
	}
	if f.rootfs == "" {
		return nil
	}
	dir, rw := strings.CutSuffix(f.rootfs, ":rw")
	if !rw {
		dir = strings.TrimSuffix(dir, ":ro")
	}
	dir, err := absolute(env, dir)
	if err != nil {
		return err
	}
	info, err := env.Stat(dir)
	if err != nil {
		return fmt.Errorf("--rootfs: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("--rootfs: %s is not a directory", dir)
	}
	r.Rootfs, r.RootfsRW = dir, rw
	return nil
}

// names checks what the container is called and where its command starts.
func (f *Flags) names(r *oci.Request, _ Environment) error {
	for _, name := range []string{r.Hostname, r.Domainname} {
		// They become lines of /etc/hosts; sethostname(2) has the limit.
		if strings.ContainsAny(name, " \t\r\n") || len(name) > 64 {
			return fmt.Errorf("invalid hostname format: %s", name)
		}
	}
	if r.WorkingDir == "" {
		return nil
	}
	if !path.IsAbs(r.WorkingDir) {
		return fmt.Errorf("the working directory '%s' is invalid, it needs to be an absolute path", r.WorkingDir)
	}
	r.WorkingDir = path.Clean(r.WorkingDir)
	return nil
}

// resources completes and checks the limits.
func (f *Flags) resources(r *oci.Request, env Environment) error {
	if f.swappiness < -1 || f.swappiness > 100 {
		return fmt.Errorf("invalid value: %d. Valid memory swappiness range is 0-100", f.swappiness)
	}
	if f.swappiness >= 0 {
		r.Resources.MemorySwappiness = new(f.swappiness)
	}
	if r.Resources.PidsLimit < 0 {
		r.Resources.PidsLimit = -1
	}
	if r.OOMScoreAdj < -1000 || r.OOMScoreAdj > 1000 {
		return fmt.Errorf("Invalid value %d, range for oom score adj is [-1000, 1000]", r.OOMScoreAdj)
	}
	return checkResources(&r.Resources, env.NumCPU)
}

// textFiles completes the environment and labels, from files first.
func (f *Flags) textFiles(r *oci.Request, env Environment) error {
	for _, name := range f.envFiles {
		lines, err := readKeyValues(env, name, env.LookupEnv)
		if err != nil {
			return err
		}
		r.Env = append(r.Env, lines...)
	}
	for _, e := range f.env {
		r.Env = append(r.Env, resolveEnv(e, env.LookupEnv))
	}
	// A label without a value has an empty one.
	empty := func(string) (string, bool) { return "", true }
	labels := []string{}
	for _, name := range f.labelFiles {
		lines, err := readKeyValues(env, name, empty)
		if err != nil {
			return err
		}
		labels = append(labels, lines...)
	}
	r.Labels = keyValues(append(labels, f.labels...))
	return nil
}

// keyValues is a map of the last value of each key, nil of nothing.
func keyValues(lines []string) map[string]string {
	if len(lines) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, l := range lines {
		k, v, _ := strings.Cut(l, "=")
		m[k] = v
	}
	return m
}

// conflicts refuses flags that contradict each other, in Docker's words.
func conflicts(r *oci.Request) error {
	refuse := func(a, b string) error { return fmt.Errorf("conflicting options: %s and the %s mode", a, b) }
	joins := strings.HasPrefix(r.Network, containerPrefix)
	switch {
	case r.Hostname != "" && joins:
		return refuse("hostname", "network")
	case r.Hostname != "" && r.UTSMode == modeHost:
		return refuse("hostname", "UTS")
	case r.Domainname != "" && r.UTSMode == modeHost:
		return refuse("domainname", "UTS")
	case len(r.DNS) > 0 && joins:
		return refuse("dns", "network")
	case len(r.AddHosts) > 0 && joins:
		return refuse("custom host-to-IP mapping", "network")
	}
	return nil
}

// absolute returns a cleaned absolute path; a relative one starts at the
// working directory.
func absolute(env Environment, p string) (string, error) {
	if filepath.IsAbs(p) {
		return filepath.Clean(p), nil
	}
	wd, err := env.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the directory that %s is relative to: %w", p, err)
	}
	return filepath.Join(wd, p), nil
}

// setUlimit keeps the last limit of each name, sorted by name.
func (f *Flags) setUlimit(s string) error {
	u, err := parseUlimit(s)
	if err != nil {
		return err
	}
	byName := map[string]oci.Ulimit{}
	for _, old := range f.ulimits {
		byName[old.Name] = old
	}
	byName[u.Name] = u
	f.ulimits = slices.SortedFunc(maps.Values(byName), func(a, b oci.Ulimit) int { return strings.Compare(a.Name, b.Name) })
	return nil
}
