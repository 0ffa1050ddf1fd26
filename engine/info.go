package engine

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"mydocker/container"
	"mydocker/internal/units"
	"mydocker/linux"
)

// Info is what the engine is and where; the names are Docker's where it has them.
type Info struct {
	Containers        int
	ContainersRunning int
	ContainersPaused  int
	ContainersStopped int
	Images            int
	Driver            string // of storage
	DockerRootDir     string
	StateDir          string
	CgroupDriver      string
	CgroupVersion     string // "1" or "2"
	CgroupMode        string // "v1", "hybrid" or "v2"
	Network           string // the default bridge and its subnet
	KernelVersion     string
	OperatingSystem   string
	OSType            string
	Architecture      string
	NCPU              int
	MemTotal          int64 // bytes
	MemTotalHuman     string
	Name              string
}

// KernelRelease returns uname -r, or "unknown".
func KernelRelease() string {
	r, err := linux.Release()
	if err != nil {
		return "unknown"
	}
	return r
}

// Info finds out what there is.
func (e *Engine) Info() (Info, error) {
	i := Info{Driver: "overlay", DockerRootDir: e.Root, StateDir: e.State, CgroupDriver: "cgroupfs", KernelVersion: KernelRelease(),
		OperatingSystem: distribution(), OSType: "linux", Architecture: runtime.GOARCH, NCPU: runtime.NumCPU(), MemTotal: memTotal()}
	i.MemTotalHuman = units.BytesSize(float64(i.MemTotal))
	i.Name, _ = os.Hostname()
	layout, err := e.layout()
	if err != nil {
		return i, err
	}
	i.CgroupMode, i.CgroupVersion = layout.Mode, "1"
	if layout.Mode == "v2" {
		i.CgroupVersion = "2"
	}
	i.Network = e.network().String()
	all, err := e.List()
	if err != nil {
		return i, err
	}
	for _, r := range all {
		i.Containers++
		switch r.Status {
		case container.Running:
			i.ContainersRunning++
		case container.Paused:
			i.ContainersPaused++
		default:
			i.ContainersStopped++
		}
	}
	images, err := e.Images.List()
	i.Images = len(images)
	return i, err
}

// distribution reads PRETTY_NAME of os-release(5).
func distribution() string {
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return "Linux"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "PRETTY_NAME="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return "Linux"
}

// memTotal reads MemTotal of proc_meminfo(5), in bytes.
func memTotal() (n int64) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if _, err := fmt.Sscanf(s.Text(), "MemTotal: %d kB", &n); err == nil {
			return n * 1024
		}
	}
	return 0
}
