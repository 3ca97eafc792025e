/* The fiber switch for x86-64, System V calling convention (psABI 3.2.1 and 3.2.3): a callee keeps rbx, rbp, r12-r15, the control
 * bits of mxcsr and the x87 control word. They are pushed on the stack that is left, so a context is one stack pointer.
 * Contract in switch.h; called by fiber.c. The signal mask and the caller-saved registers are not touched. */

	.text

	.globl	switch_to
	.hidden	switch_to
	.type	switch_to, @function
	.p2align 4
switch_to:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r15, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	/* Both stacks have the same layout here, so the unwind rules hold across the change. */
	movq	%rsp, (%rdi)
	movq	(%rsi), %rsp
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	ret
	.cfi_endproc
	.size	switch_to, . - switch_to

	/* First code of a new stack: rbx is the argument, r12 the entry. Unwinding ends here (rip undefined, rbp zero). */
	.type	switch_begin, @function
	.p2align 4
switch_begin:
	.cfi_startproc
	.cfi_undefined rip
	.cfi_undefined rbp
	endbr64
	movq	%rbx, %rdi
	callq	*%r12
	ud2
	.cfi_endproc
	.size	switch_begin, . - switch_begin

	/* rdi: context, rsi: top, rdx: entry, rcx: arg. Lays out what switch_to pops, so that its ret lands in switch_begin
	 * with the stack aligned to 16 bytes. */
	.globl	switch_make
	.hidden	switch_make
	.type	switch_make, @function
	.p2align 4
switch_make:
	.cfi_startproc
	endbr64
	andq	$-16, %rsi
	xorl	%eax, %eax
	movq	%rax, -8(%rsi)
	movq	%rax, -16(%rsi)
	leaq	switch_begin(%rip), %r8
	movq	%r8, -24(%rsi)
	movq	%rax, -32(%rsi)	/* rbp */
	movq	%rcx, -40(%rsi)	/* rbx */
	movq	%rdx, -48(%rsi)	/* r12 */
	movq	%rax, -56(%rsi)	/* r13 */
	movq	%rax, -64(%rsi)	/* r14 */
	movq	%rax, -72(%rsi)	/* r15 */
	stmxcsr	-80(%rsi)
	fnstcw	-76(%rsi)
	subq	$80, %rsi
	movq	%rsi, (%rdi)
	ret
	.cfi_endproc
	.size	switch_make, . - switch_make

	/* Branch tracking (IBT) holds for this file. Shadow stacks are not claimed: a switch would have to change them too. */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0

	.section .note.GNU-stack, "", @progbits
