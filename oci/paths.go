package oci

import "slices"

// maskedPaths and readonlyPaths are Docker's. Each of them tells about, or
// reaches, the machine rather than the container.
func maskedPaths() []string {
	return []string{
		"/proc/acpi",
		"/proc/asound",
		"/proc/interrupts", // timing of the keyboard, GHSA-6fw5-f8r9-fgfm
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/sched_debug",
		"/proc/scsi",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/sys/devices/virtual/powercap", // energy as a side channel, GHSA-jq35-85cj-fj4p
		"/sys/firmware",
	}
}

func readonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

// protect hides and protects paths. What the engine hides of the host stays
// hidden from privileged containers too: they could look elsewhere, but should
// not stumble on it.
func (m *maker) protect() error {
	l := m.s.Linux
	if !m.r.Privileged && !m.r.SystemPathsUnconfined {
		l.MaskedPaths = append(maskedPaths(), m.f.ThermalThrottle...)
		l.ReadonlyPaths = readonlyPaths()
	}
	if !m.r.HostSecretsVisible {
		l.MaskedPaths = slices.Concat(l.MaskedPaths, m.c.Hidden)
	}
	return nil
}
