package seccomp

import "github.com/opencontainers/runtime-spec/specs-go"

const machines = 2

// known are the machines in the order of the table.
var known = [machines]machine{
	{specs.ArchAARCH64, 0xc00000b7, 0, false},
	{specs.ArchARM, 0x40000028, 0, true},
}
