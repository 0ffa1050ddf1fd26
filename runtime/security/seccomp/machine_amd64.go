package seccomp

import "github.com/opencontainers/runtime-spec/specs-go"

const machines = 3

// known are the machines in the order of the table.
var known = [machines]machine{
	{specs.ArchX86_64, 0xc000003e, 0, false},
	{specs.ArchX32, 0xc000003e, 0x40000000, true},
	{specs.ArchX86, 0x40000003, 0, true},
}
