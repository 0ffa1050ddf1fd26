package oci

import (
	"fmt"
	"slices"
)

// allCaps are the capabilities in the kernel's order, see capabilities(7).
func allCaps() []string {
	return []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
		"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
		"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
		"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
		"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
		"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"}
}

// dockerCaps are what a container has unless asked otherwise.
func dockerCaps() []string {
	return []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"}
}

// tweakCaps works out --cap-add and --cap-drop: adding ALL leaves only what is
// dropped by name, dropping ALL only what is added by name.
func tweakCaps(add, drop []string, privileged bool) (out []string, err error) {
	if add, err = capNames(add, "CapAdd"); err != nil {
		return nil, err
	}
	if drop, err = capNames(drop, "CapDrop"); err != nil {
		return nil, err
	}
	out = dockerCaps()
	switch {
	case privileged:
		return allCaps(), nil
	case slices.Contains(add, "ALL"):
		out, add = allCaps(), nil
	case slices.Contains(drop, "ALL"):
		out = nil
	}
	out = slices.DeleteFunc(out, func(c string) bool { return slices.Contains(drop, c) })
	for _, c := range add {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out, nil
}

func capNames(words []string, what string) (out []string, err error) {
	for _, w := range words {
		c := capName(w)
		if c != "ALL" && !slices.Contains(allCaps(), c) {
			return nil, fmt.Errorf("invalid %s: unknown capability: %q", what, w)
		}
		out = append(out, c)
	}
	return out, nil
}
