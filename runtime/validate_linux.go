package runtime

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime/namespace"
)

func hasNamespace(s *specs.Spec, kind specs.LinuxNamespaceType) bool {
	return slices.ContainsFunc(linuxOf(s).Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == kind })
}

func namespacePath(s *specs.Spec, kind specs.LinuxNamespaceType) string {
	for _, n := range linuxOf(s).Namespaces {
		if n.Type == kind {
			return n.Path
		}
	}
	return ""
}

func checkNamespaces(s *specs.Spec) error {
	known := []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace,
		specs.UTSNamespace, specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace}
	seen := map[specs.LinuxNamespaceType]bool{}
	for _, n := range linuxOf(s).Namespaces {
		switch {
		case !slices.Contains(known, n.Type):
			return fmt.Errorf("namespace %q does not exist", n.Type)
		case seen[n.Type]:
			return fmt.Errorf("malformed spec file: duplicated ns %q", n.Type)
		case n.Path != "" && !path.IsAbs(n.Path):
			return fmt.Errorf("the path of namespace %q must be absolute: %q", n.Type, n.Path)
		}
		seen[n.Type] = true
	}
	return nil
}

// checkMappings also asks for a root inside: the first process is it while it
// prepares the container. Mappings beside a path are let pass, as engines write
// them; they change nothing.
func checkMappings(s *specs.Spec) error {
	l := linuxOf(s)
	if !hasNamespace(s, specs.UserNamespace) {
		if len(l.UIDMappings)+len(l.GIDMappings) > 0 {
			return errors.New("user namespace mappings specified, but user namespace isn't enabled in the config")
		}
		return nil
	}
	if namespacePath(s, specs.UserNamespace) != "" {
		return nil
	}
	if len(l.UIDMappings) == 0 || len(l.GIDMappings) == 0 {
		return errors.New("user namespaces enabled, but no namespace path to join nor mappings to apply specified")
	}
	for what, list := range map[string][]specs.LinuxIDMapping{"uidMappings": l.UIDMappings, "gidMappings": l.GIDMappings} {
		if err := checkMapping(list); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func checkMapping(list []specs.LinuxIDMapping) error {
	root := false
	for i, m := range list {
		if m.Size == 0 || uint64(m.ContainerID)+uint64(m.Size) > 1<<32-1 || uint64(m.HostID)+uint64(m.Size) > 1<<32-1 {
			return fmt.Errorf("%d identities from %d on are out of range", m.Size, m.ContainerID)
		}
		root = root || m.ContainerID == 0
		for _, o := range list[:i] {
			if overlap(m.ContainerID, m.Size, o.ContainerID, o.Size) || overlap(m.HostID, m.Size, o.HostID, o.Size) {
				return fmt.Errorf("the identities from %d and from %d on overlap", o.ContainerID, m.ContainerID)
			}
		}
	}
	if !root {
		return errors.New("there is no mapping for root")
	}
	return nil
}

func overlap(a, n, b, m uint32) bool {
	return uint64(a) < uint64(b)+uint64(m) && uint64(b) < uint64(a)+uint64(n)
}

func checkUTS(s *specs.Spec) error {
	own := hasNamespace(s, specs.UTSNamespace)
	switch {
	case s.Hostname != "" && !own:
		return errors.New("unable to set hostname without a private UTS namespace")
	case s.Domainname != "" && !own:
		return errors.New("unable to set domainname without a private UTS namespace")
	case len(s.Hostname) > 64 || len(s.Domainname) > 64:
		return errors.New("hostname and domainname have 64 bytes at most")
	}
	return nil
}

func checkTime(s *specs.Spec) error {
	offsets := linuxOf(s).TimeOffsets
	if len(offsets) == 0 {
		return nil
	}
	switch {
	case !hasNamespace(s, specs.TimeNamespace):
		return errors.New("time namespace offsets specified, but time namespace isn't enabled in the config")
	case namespacePath(s, specs.TimeNamespace) != "":
		return errors.New("time namespace enabled, but both namespace path and time offsets specified -- you may only provide one")
	}
	const year = 365 * 24 * 3600
	for clock, o := range offsets {
		if clock != "monotonic" && clock != "boottime" {
			return fmt.Errorf("unknown clock %q in timeOffsets", clock)
		}
		if o.Nanosecs >= 1e9 || o.Secs > 250*year || o.Secs < -250*year {
			return fmt.Errorf("the time offset of clock %s is out of range", clock)
		}
	}
	return nil
}

func checkSysctls(s *specs.Spec) error {
	for key, value := range linuxOf(s).Sysctl {
		if err := namespace.CheckSysctlPath(key); err != nil {
			return err
		}
		if strings.Contains(key+value, "\x00") {
			return fmt.Errorf("sysctl %q contains a nul byte", key)
		}
		if err := checkSysctl(s, strings.ReplaceAll(namespace.SysctlPath(key), "/", ".")); err != nil {
			return err
		}
	}
	return nil
}

// checkSysctl lets only parameters pass that belong to a namespace of the
// container. That a network namespace with a path is not the host's, is for
// who can look.
func checkSysctl(s *specs.Spec, key string) error {
	ipc := []string{"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"}
	uts := hasNamespace(s, specs.UTSNamespace)
	switch {
	case slices.Contains(ipc, key) || strings.HasPrefix(key, "fs.mqueue."):
		if !hasNamespace(s, specs.IPCNamespace) {
			return fmt.Errorf("sysctl %q is not allowed in the hosts ipc namespace", key)
		}
	case strings.HasPrefix(key, "net."):
		if !hasNamespace(s, specs.NetworkNamespace) {
			return fmt.Errorf("sysctl %q not allowed in host network namespace", key)
		}
	case strings.HasPrefix(key, "user."):
		if !hasNamespace(s, specs.UserNamespace) {
			return fmt.Errorf("setting ucounts without a user namespace not allowed: %v", key)
		}
	case uts && key == "kernel.domainname":
	case uts && key == "kernel.hostname":
		return fmt.Errorf("sysctl %q is not allowed as it conflicts with the OCI %q field", key, "hostname")
	default:
		return fmt.Errorf("sysctl %q is not in a separate kernel namespace", key)
	}
	return nil
}

func checkNetDevices(s *specs.Spec) error {
	devices := linuxOf(s).NetDevices
	if len(devices) > 0 && !hasNamespace(s, specs.NetworkNamespace) {
		return errors.New("unable to move network devices without a NET namespace")
	}
	inside := map[string]bool{}
	for name, d := range devices {
		for _, n := range []string{name, d.Name} {
			// The kernel takes a % for a pattern of names, and numbers them.
			if n != "" && !namespace.ValidDevice(n) || name == "" || strings.Contains(n, "%") {
				return fmt.Errorf("invalid network device name %q", n)
			}
		}
		to := d.Name
		if to == "" {
			to = name
		}
		if inside[to] {
			return fmt.Errorf("two network devices would be named %q", to)
		}
		inside[to] = true
	}
	return nil
}

func checkDevices(s *specs.Spec) error {
	for _, d := range linuxOf(s).Devices {
		switch {
		case !path.IsAbs(d.Path):
			return fmt.Errorf("the path of device %q must be absolute", d.Path)
		case !slices.Contains([]string{"c", "u", "b", "p"}, d.Type):
			return fmt.Errorf("device %s: unknown type %q", d.Path, d.Type)
		case d.Type != "p" && (d.Major < 0 || d.Major > 1<<12-1 || d.Minor < 0 || d.Minor > 1<<20-1):
			return fmt.Errorf("device %s: %d:%d is no device number", d.Path, d.Major, d.Minor)
		}
	}
	return nil
}
