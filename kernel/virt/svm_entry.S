/* SPDX-License-Identifier: MIT */
/* VMRUN with the guest's general registers (AMD APM vol. 2 section 15.5). Nothing here can fail: what was to be checked was
 * checked, and a refused entry leaves by the same way out. The kernel's stack is empty while a guest runs: nothing returns. */
#include "arch/x86_64/entry_offsets.h"
#include "virt/vm_offsets.h"

	.text
	.macro LOAD_SCRATCH			/* what a C function does not keep; rdi is last */
	movq	REGISTER_RCX(%rdi), %rcx
	movq	REGISTER_RDX(%rdi), %rdx
	movq	REGISTER_RSI(%rdi), %rsi
	movq	REGISTER_R8(%rdi), %r8
	movq	REGISTER_R9(%rdi), %r9
	movq	REGISTER_R10(%rdi), %r10
	movq	REGISTER_R11(%rdi), %r11
	movq	REGISTER_RDI(%rdi), %rdi
	.endm

	.globl svm_enter
	.type svm_enter, @function
/* void svm_enter(uint64_t *registers, uint64_t host_state_physical, struct vmcb *host_state)
 * registers: bh_vcpu_state.registers, in encoding order; rax and rsp stand in the control block. Called with interrupts off;
 * a pending host interrupt makes the guest leave at once. */
svm_enter:
	movq	%gs:CPU_STACK_TOP, %rsp
	pushq	%rsi				/* host state */
	pushq	%rdi				/* registers */
	clgi
	sti					/* with V_INTR_MASKING this flag decides for physical interrupts in the guest */
	rdfsbase %rax				/* the bases of bases_owner, which the VMLOAD after the exit brings back */
	movq	%rax, VMCB_FS_BASE(%rdx)
	swapgs
	rdgsbase %rax
	movq	%rax, VMCB_KERNEL_GS_BASE(%rdx)
	movq	CONTROL_BLOCK_FROM_REGISTERS(%rdi), %rax
	vmload	%rax
	movq	REGISTER_RBX(%rdi), %rbx
	movq	REGISTER_RBP(%rdi), %rbp
	movq	REGISTER_R12(%rdi), %r12
	movq	REGISTER_R13(%rdi), %r13
	movq	REGISTER_R14(%rdi), %r14
	movq	REGISTER_R15(%rdi), %r15
1:	LOAD_SCRATCH
	vmrun	%rax
svm_left:					/* a way into the kernel, on the stack as it was emptied above */
	/* rax is the host's again, rsp too; the rest is the guest's until it is stored. GIF is 0: neither NMI nor interrupt comes */
	xchgq	%rdi, (%rsp)
	movq	%rcx, REGISTER_RCX(%rdi)
	movq	%rdx, REGISTER_RDX(%rdi)
	movq	%rsi, REGISTER_RSI(%rdi)
	movq	%r8, REGISTER_R8(%rdi)
	movq	%r9, REGISTER_R9(%rdi)
	movq	%r10, REGISTER_R10(%rdi)
	movq	%r11, REGISTER_R11(%rdi)
	popq	REGISTER_RDI(%rdi)
	cmpl	$VMCB_EXIT_IOIO, EXIT_CODE_FROM_REGISTERS(%rdi)
	je	3f
2:	movq	%rbx, REGISTER_RBX(%rdi)
	movq	%rbp, REGISTER_RBP(%rdi)
	movq	%r12, REGISTER_R12(%rdi)
	movq	%r13, REGISTER_R13(%rdi)
	movq	%r14, REGISTER_R14(%rdi)
	movq	%r15, REGISTER_R15(%rdi)
	movq	CONTROL_BLOCK_FROM_REGISTERS(%rdi), %rax
	vmsave	%rax
	popq	%rax
	vmload	%rax
	cli
	stgi
	/* QEMU's emulator (7.2) changes its word of pending interrupts at #VMEXIT without its lock, and may forget a host
	 * interrupt that arrives in that instant. A write of the task priority that is there already (0) makes it look again. */
	xorl	%eax, %eax
	movq	%rax, %cr8
	call	svm_exited
3:	testb	$VMCB_IOIO_NO_DOORBELL, EXIT_INFO_1_FROM_REGISTERS(%rdi)
	jnz	2b
	pushq	%rdi				/* as at the entry */
	call	svm_doorbell			/* the guest's FS, GS and task register are still loaded */
	movq	(%rsp), %rdi
	testq	%rax, %rax
	jnz	4f
	movq	%rax, %cr8			/* as above */
	movq	CONTROL_BLOCK_FROM_REGISTERS(%rdi), %rax
	jmp	1b
4:	addq	$8, %rsp
	jmp	2b
	.globl svm_enter_end
svm_enter_end:
	.size svm_enter, . - svm_enter
	.section .note.GNU-stack, "", @progbits
