package linux

import (
	"os"
	"strconv"
	"strings"
	"sync"
)

// LastCap returns the number of the kernel's last capability; see
// cap_last_cap in capabilities(7).
func LastCap() uintptr { return lastCap() }

var lastCap = sync.OnceValue(func() uintptr {
	const known = 40 // CAP_CHECKPOINT_RESTORE, the last of Linux 5.9 to 6.18
	b, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return known
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return known
	}
	return uintptr(n)
})
