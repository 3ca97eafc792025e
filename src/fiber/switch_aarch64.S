/* The fiber switch for 64-bit Arm (AAPCS64 section 6.1): a callee keeps x19-x28, the frame pointer x29, the return address x30 and
 * the low halves of v8-v15. They are stored on the stack that is left, so a context is one stack pointer.
 * Contract in switch.h; called by fiber.c. The signal mask and the caller-saved registers are not touched. FPCR is kept per context
 * so that both assembly switches promise the same. */

	.text

	.globl	switch_to
	.hidden	switch_to
	.type	switch_to, %function
	.p2align 4
switch_to:
	.cfi_startproc
	hint	#34		/* bti c */
	sub	sp, sp, #176
	.cfi_adjust_cfa_offset 176
	stp	x19, x20, [sp, #0]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	.cfi_rel_offset x19, 0
	.cfi_rel_offset x20, 8
	.cfi_rel_offset x21, 16
	.cfi_rel_offset x22, 24
	.cfi_rel_offset x23, 32
	.cfi_rel_offset x24, 40
	.cfi_rel_offset x25, 48
	.cfi_rel_offset x26, 56
	.cfi_rel_offset x27, 64
	.cfi_rel_offset x28, 72
	.cfi_rel_offset x29, 80
	.cfi_rel_offset x30, 88
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mrs	x9, fpcr
	str	x9, [sp, #160]
	/* Both stacks have the same layout here, so the unwind rules hold across the change. */
	mov	x10, sp
	str	x10, [x0]
	ldr	x10, [x1]
	mov	sp, x10
	ldr	x11, [sp, #160]
	cmp	x9, x11
	b.eq	1f
	msr	fpcr, x11	/* slow on most cores, and nearly never different */
1:	ldp	d14, d15, [sp, #144]
	ldp	d12, d13, [sp, #128]
	ldp	d10, d11, [sp, #112]
	ldp	d8, d9, [sp, #96]
	ldp	x29, x30, [sp, #80]
	ldp	x27, x28, [sp, #64]
	ldp	x25, x26, [sp, #48]
	ldp	x23, x24, [sp, #32]
	ldp	x21, x22, [sp, #16]
	ldp	x19, x20, [sp, #0]
	add	sp, sp, #176
	.cfi_def_cfa_offset 0
	.cfi_restore x19
	.cfi_restore x20
	.cfi_restore x21
	.cfi_restore x22
	.cfi_restore x23
	.cfi_restore x24
	.cfi_restore x25
	.cfi_restore x26
	.cfi_restore x27
	.cfi_restore x28
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	switch_to, . - switch_to

	/* First code of a new stack: x19 is the entry, x20 the argument. Unwinding ends here (x30 undefined, x29 zero). */
	.type	switch_begin, %function
	.p2align 4
switch_begin:
	.cfi_startproc
	.cfi_undefined x30
	.cfi_undefined x29
	hint	#34		/* bti c */
	mov	x0, x20
	blr	x19
	brk	#1
	.cfi_endproc
	.size	switch_begin, . - switch_begin

	/* x0: context, x1: top, x2: entry, x3: arg. Lays out what switch_to loads, so that its ret lands in switch_begin. */
	.globl	switch_make
	.hidden	switch_make
	.type	switch_make, %function
	.p2align 4
switch_make:
	.cfi_startproc
	hint	#34		/* bti c */
	and	x1, x1, #-16
	sub	x1, x1, #176
	stp	x2, x3, [x1, #0]
	stp	xzr, xzr, [x1, #16]
	stp	xzr, xzr, [x1, #32]
	stp	xzr, xzr, [x1, #48]
	stp	xzr, xzr, [x1, #64]
	adr	x9, switch_begin
	stp	xzr, x9, [x1, #80]
	stp	xzr, xzr, [x1, #96]
	stp	xzr, xzr, [x1, #112]
	stp	xzr, xzr, [x1, #128]
	stp	xzr, xzr, [x1, #144]
	mrs	x9, fpcr
	stp	x9, xzr, [x1, #160]
	str	x1, [x0]
	ret
	.cfi_endproc
	.size	switch_make, . - switch_make

	/* Branch targets (BTI) hold for this file. */
	.section .note.gnu.property, "a"
	.p2align 3
	.word	4, 16, 5
	.asciz	"GNU"
	.word	0xc0000000, 4, 1, 0

	.section .note.GNU-stack, "", %progbits
