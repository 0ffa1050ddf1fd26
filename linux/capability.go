package linux

import (
	"os"
	"strconv"
	"strings"
)

// LastCap returns the number of the kernel's last capability; see
// cap_last_cap in capabilities(7).
func LastCap() uintptr {
	b, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return 40 // CAP_CHECKPOINT_RESTORE, the last of Linux 5.9 to 6.18
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 40
	}
	return uintptr(n)
}
