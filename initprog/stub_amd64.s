#include "textflag.h"

// The stub walks the operations at opsBase; their form is told in program.go.
// It is position independent, uses no stack and calls nothing. R12 points to
// the operation at hand. See syscall(2) for the registers.
TEXT ·stub(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVL $0x20000000, R12

loop:
	MOVLQSX (R12), AX
	TESTQ   AX, AX
	JGE     call
	CMPQ    AX, $-2
	JGT     leave
	JEQ     jump
	MOVQ    24(R12), DI
	MOVLQSX (DI), DI
	CMPQ    AX, $-3
	JEQ     nonzero
	CMPQ    AX, $-4
	JEQ     negative
	CMPQ    AX, $-5
	JEQ     equal
	MOVQ    DI, AX
	JMP     result

nonzero:
	TESTQ DI, DI
	JNE   jump
	JMP   next

negative:
	TESTQ DI, DI
	JLT   jump
	JMP   next

equal:
	MOVQ    40(R12), SI
	MOVLQSX (SI), SI
	CMPQ    DI, SI
	JEQ     jump
	JMP     next

jump:
	MOVQ 32(R12), R12
	JMP  loop

call:
	MOVQ    16(R12), BX
	MOVQ    24(R12), DI
	MOVQ    32(R12), SI
	MOVQ    40(R12), DX
	MOVQ    48(R12), R10
	MOVQ    56(R12), R8
	MOVQ    64(R12), R9
	BTQ     $0, BX
	JCC     a1
	MOVLQSX (DI), DI

a1:
	BTQ     $1, BX
	JCC     a2
	MOVLQSX (SI), SI

a2:
	BTQ     $2, BX
	JCC     a3
	MOVLQSX (DX), DX

a3:
	BTQ     $3, BX
	JCC     a4
	MOVLQSX (R10), R10

a4:
	BTQ     $4, BX
	JCC     enter
	MOVLQSX (R8), R8

enter:
	SYSCALL

result:
	CMPQ AX, $-4095
	JCC  failed

store:
	MOVQ  8(R12), BX
	TESTQ BX, BX
	JZ    next
	MOVL  AX, (BX)

next:
	ADDQ $80, R12
	JMP  loop

failed:
	MOVQ 72(R12), BX
	CMPQ BX, $-1
	JEQ  store
	MOVQ AX, CX
	NEGQ CX
	CMPQ CX, $63
	JHI  report
	BTQ  CX, BX
	JCS  store

report:
	// write(Errors, {operation, errno}, 16)
	NEGQ AX
	MOVL $0x10000000, SI
	MOVQ R12, (SI)
	MOVQ AX, 8(SI)
	MOVL 16(SI), DI
	MOVL $16, DX
	MOVL $1, AX
	SYSCALL

leave:
	// exit_group(127)
	MOVL $127, DI
	MOVL $231, AX
	SYSCALL
	INT  $3

TEXT ·stubEnd(SB), NOSPLIT|NOFRAME, $0
	INT $3

// func stubBounds() (start, end uintptr)
TEXT ·stubBounds(SB), NOSPLIT, $0-16
	LEAQ ·stub(SB), AX
	MOVQ AX, start+0(FP)
	LEAQ ·stubEnd(SB), AX
	MOVQ AX, end+8(FP)
	RET
