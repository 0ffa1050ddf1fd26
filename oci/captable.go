package oci

import (
	"fmt"
	"slices"

	"mydocker/runtime/security"
)

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
		return security.AllCaps(), nil
	case slices.Contains(add, "ALL"):
		out, add = security.AllCaps(), nil
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
		if c != "ALL" && !slices.Contains(security.AllCaps(), c) {
			return nil, fmt.Errorf("invalid %s: unknown capability: %q", what, w)
		}
		out = append(out, c)
	}
	return out, nil
}
