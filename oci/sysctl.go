package oci

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// sysctls sets kernel parameters of the container's own namespaces, and with
// them Docker's two defaults that spare a network namespace of its own
// capabilities: ports below 1024, and ping.
func (m *maker) sysctls() error {
	all := map[string]string{}
	if n := m.find(specs.NetworkNamespace); n != nil && n.Path == "" {
		m.defaultSysctl(all, "net.ipv4.ip_unprivileged_port_start", "0")
		if m.r.Userns != "private" { // groups beyond the namespace's do not exist there
			m.defaultSysctl(all, "net.ipv4.ping_group_range", "0 2147483647")
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.r.Sysctls)) {
		if err := m.allowed(k); err != nil {
			return err
		}
		if err := noNUL("sysctl", m.r.Sysctls[k]); err != nil {
			return err
		}
		all[k] = m.r.Sysctls[k]
	}
	if len(all) > 0 {
		m.s.Linux.Sysctl = all
	}
	return nil
}

func (m *maker) defaultSysctl(all map[string]string, key, value string) {
	if m.f.SysctlExists == nil || m.f.SysctlExists(key) {
		all[key] = value
	}
}

// ipcSysctls belong to the IPC namespace, see ipc_namespaces(7).
var ipcSysctls = []string{"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
	"kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"}

// allowed refuses a parameter that is the whole machine's, or that of a
// namespace which the container shares with the host.
func (m *maker) allowed(key string) error {
	shared := func(kind specs.LinuxNamespaceType) bool { return m.find(kind) == nil }
	switch {
	case !isSysctl(key):
		return fmt.Errorf("sysctl '%s' is not allowed", key)
	case strings.HasPrefix(key, "net."):
		if shared(specs.NetworkNamespace) {
			return fmt.Errorf("sysctl '%s' is not allowed in host network namespace", key)
		}
	case slices.Contains(ipcSysctls, key), strings.HasPrefix(key, "fs.mqueue."):
		if shared(specs.IPCNamespace) {
			return fmt.Errorf("sysctl '%s' is not allowed in host ipc namespace", key)
		}
	case key == "kernel.domainname":
		if shared(specs.UTSNamespace) {
			return fmt.Errorf("sysctl '%s' is not allowed in host uts namespace", key)
		}
	case key == "kernel.hostname":
		return fmt.Errorf("sysctl %q is not allowed as it conflicts with the OCI %q field", key, "hostname")
	default:
		return fmt.Errorf("sysctl %q is not in a separate kernel namespace", key)
	}
	return nil
}

// isSysctl tells names with dots between words: what becomes a path below
// /proc/sys has no slash, no "..", and no end that is missing.
func isSysctl(key string) bool {
	for _, word := range strings.Split(key, ".") {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }) {
			return false
		}
	}
	return true
}
