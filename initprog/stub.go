package initprog

import "unsafe"

// stubBounds returns the addresses of the stub's first instruction and of what
// lies behind its last. It is written in assembly beside the stub.
func stubBounds() (start, end uintptr)

// stubCode returns the machine code of the stub.
func stubCode() []byte {
	start, end := stubBounds()
	// The conversion keeps the address of code, which never moves.
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&start))), end-start)
}
