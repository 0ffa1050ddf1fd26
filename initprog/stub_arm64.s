#include "textflag.h"

// The stub walks the operations at opsBase; their form is told in program.go.
// It is position independent, uses no stack and calls nothing. R19 points to
// the operation at hand. See syscall(2) for the registers.
TEXT ·stub(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD $0x20000000, R19

loop:
	MOVW (R19), R8
	CMP  $0, R8
	BGE  call
	CMP  $-2, R8
	BGT  leave
	BEQ  jump
	MOVD 24(R19), R9
	MOVW (R9), R0
	CMP  $-3, R8
	BEQ  nonzero
	CMP  $-4, R8
	BEQ  negative
	CMP  $-5, R8
	BEQ  equal
	B    result

nonzero:
	CBNZ R0, jump
	B    next

negative:
	CMP $0, R0
	BLT jump
	B   next

equal:
	MOVD 40(R19), R9
	MOVW (R9), R9
	CMP  R9, R0
	BEQ  jump
	B    next

jump:
	MOVD 32(R19), R19
	B    loop

call:
	MOVD 16(R19), R20
	MOVD 24(R19), R0
	MOVD 32(R19), R1
	MOVD 40(R19), R2
	MOVD 48(R19), R3
	MOVD 56(R19), R4
	MOVD 64(R19), R5
	TBZ  $0, R20, a1
	MOVW (R0), R0

a1:
	TBZ  $1, R20, a2
	MOVW (R1), R1

a2:
	TBZ  $2, R20, a3
	MOVW (R2), R2

a3:
	TBZ  $3, R20, a4
	MOVW (R3), R3

a4:
	TBZ  $4, R20, enter
	MOVW (R4), R4

enter:
	SVC

result:
	CMN $4095, R0
	BCS failed

store:
	MOVD 8(R19), R20
	CBZ  R20, next
	MOVW R0, (R20)

next:
	ADD $80, R19, R19
	B   loop

failed:
	MOVD 72(R19), R20
	CMN  $1, R20
	BEQ  store
	NEG  R0, R9
	CMP  $63, R9
	BHI  report
	LSR  R9, R20, R20
	TBNZ $0, R20, store

report:
	// write(Errors, {operation, errno}, 16)
	NEG  R0, R9
	MOVD $0x10000000, R1
	MOVD R19, (R1)
	MOVD R9, 8(R1)
	MOVW 16(R1), R0
	MOVD $16, R2
	MOVD $64, R8
	SVC

leave:
	// exit_group(127)
	MOVD $127, R0
	MOVD $94, R8
	SVC
	BRK

TEXT ·stubEnd(SB), NOSPLIT|NOFRAME, $0
	BRK

// func stubBounds() (start, end uintptr)
TEXT ·stubBounds(SB), NOSPLIT, $0-16
	MOVD $·stub(SB), R0
	MOVD R0, start+0(FP)
	MOVD $·stubEnd(SB), R0
	MOVD R0, end+8(FP)
	RET
