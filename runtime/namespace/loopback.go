package namespace

import (
	"encoding/binary"
	"syscall"

	"mydocker/initprog"
	"mydocker/linux"
)

// LoUp brings the loopback interface of a new network namespace up; see
// netdevice(7).
type LoUp struct{}

// Emit makes the request, SIOCSIFFLAGS.
func (LoUp) Emit(b *initprog.Builder) {
	const setFlags = 0x8914
	request := make([]byte, 40) // struct ifreq
	copy(request, "lo")
	binary.NativeEndian.PutUint16(request[16:], syscall.IFF_UP|syscall.IFF_RUNNING)
	socket := b.Slot()
	b.Sys("socket", syscall.AF_INET, syscall.SOCK_DGRAM|linux.O_CLOEXEC, 0).Into(socket)
	b.Sys("ioctl", socket, setFlags, b.Bytes(request)).Says("bring lo up")
	b.Sys("close", socket)
}

// Shell returns the ip(8) command.
func (LoUp) Shell() string { return "ip link set lo up" }
