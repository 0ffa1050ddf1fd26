package testenv

import (
	"os"
	"strings"
	"syscall"
)

// Cgroups tells how the machine's control groups are laid out.
type Cgroups string

const (
	CgroupV1     Cgroups = "v1"     // controllers in hierarchies of their own
	CgroupHybrid Cgroups = "hybrid" // the same, and a v2 hierarchy at unified
	CgroupV2     Cgroups = "v2"     // one hierarchy
)

const (
	cgroupTop    = "/sys/fs/cgroup"
	cgroup2Magic = 0x63677270 // CGROUP2_SUPER_MAGIC of statfs(2)
)

// CgroupMode tells how control groups are mounted at /sys/fs/cgroup.
func CgroupMode() Cgroups {
	switch {
	case isCgroup2(cgroupTop):
		return CgroupV2
	case isCgroup2(cgroupTop + "/unified"):
		return CgroupHybrid
	}
	return CgroupV1
}

func isCgroup2(path string) bool {
	var s syscall.Statfs_t
	return syscall.Statfs(path, &s) == nil && s.Type == cgroup2Magic
}

// cgroupMounts returns where hierarchies of control groups are mounted.
func cgroupMounts() []string {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var at []string
	for line := range strings.Lines(string(data)) {
		before, after, _ := strings.Cut(line, " - ")
		mount, fs := strings.Fields(before), strings.Fields(after)
		if len(mount) > 4 && len(fs) > 0 && (fs[0] == "cgroup" || fs[0] == "cgroup2") {
			at = append(at, mount[4])
		}
	}
	return at
}
