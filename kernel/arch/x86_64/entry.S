/* SPDX-License-Identifier: MIT */
/* Ways in: SYSCALL, and 256 trap stubs. From user mode every register goes into the current thread at once. From the
 * kernel only its own interrupt windows come here, NMIs, and what must not happen. */
#include "arch/x86_64/entry_offsets.h"
#include "arch/x86_64/selectors.h"

	.text
	.macro SAVE_KEPT base			/* what a C function keeps, too */
	movq	%rbx, THREAD_RBX(\base)
	movq	%rbp, THREAD_RBP(\base)
	movq	%r12, THREAD_R12(\base)
	movq	%r13, THREAD_R13(\base)
	movq	%r14, THREAD_R14(\base)
	movq	%r15, THREAD_R15(\base)
	.endm
	.macro LOAD_KEPT base
	movq	THREAD_RBX(\base), %rbx
	movq	THREAD_RBP(\base), %rbp
	movq	THREAD_R12(\base), %r12
	movq	THREAD_R13(\base), %r13
	movq	THREAD_R14(\base), %r14
	movq	THREAD_R15(\base), %r15
	.endm
	.macro SAVE_MESSAGE base		/* and rax */
	movq	%rax, THREAD_RAX(\base)
	movq	%rdx, THREAD_RDX(\base)
	movq	%rsi, THREAD_RSI(\base)
	movq	%r8, THREAD_R8(\base)
	movq	%r9, THREAD_R9(\base)
	movq	%r10, THREAD_R10(\base)
	.endm
	.macro LOAD_MESSAGE base
	movq	THREAD_RAX(\base), %rax
	movq	THREAD_RDX(\base), %rdx
	movq	THREAD_RSI(\base), %rsi
	movq	THREAD_R8(\base), %r8
	movq	THREAD_R9(\base), %r9
	movq	THREAD_R10(\base), %r10
	.endm
	.macro SYSCALL_RETURN_ADDRESS base	/* rip, flags and stack of a SYSCALL; rcx is free then */
	movq	%rcx, THREAD_RIP(\base)
	movq	%r11, THREAD_RFLAGS(\base)
	movq	%gs:CPU_SCRATCH, %rcx
	movq	%rcx, THREAD_RSP(\base)
	.endm
	.macro SYSCALL_SAVE_ALL			/* current is a thread: only those make system calls */
	movq	%gs:CPU_CURRENT, %rsp
	SAVE_KEPT %rsp
	SAVE_MESSAGE %rsp
	movq	%rdi, THREAD_RDI(%rsp)
	movq	%rcx, THREAD_RCX(%rsp)
	movq	%r11, THREAD_R11(%rsp)
	SYSCALL_RETURN_ADDRESS %rsp
	movq	%rsp, %rdi
	movq	%gs:CPU_STACK_TOP, %rsp
	.endm

	.macro SYSCALL_SHORT function		/* the number is known: rax is free */
	movq	%gs:CPU_CURRENT, %rax
	SAVE_KEPT %rax
	movq	%rcx, THREAD_RIP(%rax)
	movq	%r11, THREAD_RFLAGS(%rax)
	movq	%rsp, THREAD_RSP(%rax)
	movq	%gs:CPU_STACK_TOP, %rsp
	movq	%r10, %rcx			/* arguments: index, information, words 0 to 3 */
	call	\function
	.endm

/* Three ways, by what has to be kept. Call and ReplyRecv mostly switch threads: what the message won't overwrite goes into the
 * thread, the message stays in registers. What mostly ends here (Signal, Poll, Arm of a timer) keeps its registers on the stack. All
 * others put every register into the thread. */
	.globl syscall_entry
	.type syscall_entry, @function
syscall_entry:
	swapgs
	rolq	$1, %rax			/* BH_SYSCALL is bit 0 now */
	cmpq	$(SYSCALL_REPLY_RECV * 2 + 1), %rax
	je	1f
	cmpq	$1, %rax			/* Call */
	je	2f
	rorq	$1, %rax
	movq	%rsp, %gs:CPU_SCRATCH
	btrq	$63, %rax			/* BH_SYSCALL */
	jnc	syscall_full			/* not ours: rax is as it was */
	cmpq	$SYSCALL_SIGNAL, %rax
	je	syscall_light
	cmpq	$SYSCALL_POLL, %rax
	je	syscall_light
	cmpq	$SYSCALL_COUNT, %rax
	jae	4f
	cmpq	$SYSCALL_INVOKE, %rax
	jne	3f
	cmpq	$INVOCATION_TIMER_ARM, %rsi
	je	syscall_light
3:	btsq	$63, %rax
	jmp	syscall_full
4:	movl	$ERROR_SYSCALL, %eax
	swapgs
	sysretq
1:	SYSCALL_SHORT fast_reply_receive
2:	SYSCALL_SHORT fast_call

syscall_light:
	movq	%gs:CPU_STACK_TOP, %rsp
	pushq	%rcx
	pushq	%r11
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%r10
	pushq	%r8
	pushq	%r9
	movq	%rax, %rsi
	movq	%rsp, %rdi			/* struct light_registers */
	call	system_call_light
	popq	%r9
	popq	%r8
	popq	%r10
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%r11
	popq	%rcx
	testq	%rax, %rax
	js	syscall_full			/* not here: rax is the user's again */
	cmpb	$0, %gs:CPU_RESCHEDULE
	jne	1f
	movq	%gs:CPU_SCRATCH, %rsp
	swapgs
	sysretq
1:	SYSCALL_SAVE_ALL			/* done, but somebody else may have to run */
	call	kernel_exit

syscall_full:
	SYSCALL_SAVE_ALL
	call	system_call
	call	kernel_exit
	.size syscall_entry, . - syscall_entry

	.globl thread_return_sysret
	.type thread_return_sysret, @function
thread_return_sysret:
	LOAD_KEPT %rdi
	LOAD_MESSAGE %rdi
	movq	THREAD_RIP(%rdi), %rcx
	movq	THREAD_RFLAGS(%rdi), %r11
	movq	THREAD_RSP(%rdi), %rsp
	movq	THREAD_RDI(%rdi), %rdi
	swapgs
	sysretq
	.size thread_return_sysret, . - thread_return_sysret

/* With a message in rdi, rsi, rdx, r10, r8, r9: thread rax, which made a Call or Receive, gets BH_OK. The first takes the CPU's
 * FS and GS base over from thread rcx; with the second they are in place. */
	.globl thread_switch_message
thread_switch_message:
	rdfsbase %r11
	movq	%r11, THREAD_FS_BASE(%rcx)
	movq	THREAD_FS_BASE(%rax), %r11
	wrfsbase %r11
	swapgs
	rdgsbase %r11
	movq	%r11, THREAD_GS_BASE(%rcx)
	movq	THREAD_GS_BASE(%rax), %r11
	wrgsbase %r11
	jmp	1f
	.globl thread_return_message
thread_return_message:
	swapgs
1:	LOAD_KEPT %rax
	movq	THREAD_RIP(%rax), %rcx
	movq	THREAD_RFLAGS(%rax), %r11
	movq	THREAD_RSP(%rax), %rsp
	xorl	%eax, %eax
	sysretq

	.globl thread_return_iret
	.type thread_return_iret, @function
thread_return_iret:
	movb	$0, THREAD_IRET(%rdi)
	pushq	$SELECTOR_USER_DATA
	pushq	THREAD_RSP(%rdi)
	pushq	THREAD_RFLAGS(%rdi)
	pushq	$SELECTOR_USER_CODE
	pushq	THREAD_RIP(%rdi)
	LOAD_KEPT %rdi
	LOAD_MESSAGE %rdi
	movq	THREAD_RCX(%rdi), %rcx
	movq	THREAD_R11(%rdi), %r11
	movq	THREAD_RDI(%rdi), %rdi
	swapgs
	iretq
	.size thread_return_iret, . - thread_return_iret

/* On the stack: vector, error code, rip, cs, rflags, rsp, ss. */
trap_common:
	testb	$3, 24(%rsp)
	jz	trap_from_kernel
	swapgs
	pushq	%rdi
	movq	%gs:CPU_CURRENT, %rdi
	SAVE_KEPT %rdi
	SAVE_MESSAGE %rdi
	movq	%rcx, THREAD_RCX(%rdi)
	movq	%r11, THREAD_R11(%rdi)
	popq	%rax
	movq	%rax, THREAD_RDI(%rdi)
	popq	%rsi				/* vector */
	popq	%rdx				/* error code */
	popq	%rax
	movq	%rax, THREAD_RIP(%rdi)
	popq	%rax				/* cs */
	popq	%rax
	movq	%rax, THREAD_RFLAGS(%rdi)
	popq	%rax
	movq	%rax, THREAD_RSP(%rdi)
	movb	$1, THREAD_IRET(%rdi)
	movq	%gs:CPU_STACK_TOP, %rsp
	call	trap_user
	call	kernel_exit

trap_from_kernel:
	cmpq	$32, (%rsp)
	jae	1f
	cmpq	$2, (%rsp)			/* NMI: no source of them is in use; whatever it was, go on */
	je	2f
	cmpq	$1, (%rsp)			/* #DB: held back by MOV SS before SYSCALL or INT */
	je	2f
	jmp	trap_fatal
1:	pushq	%rax				/* noted, no more: that bit of pending_vectors */
	movq	8(%rsp), %rax
	btsq	%rax, %gs:CPU_PENDING
	popq	%rax
2:	addq	$16, %rsp
	iretq

/* Builds struct panic_registers below the frame. */
trap_fatal:
	pushq	%rbp
	movq	%rsp, %rbp			/* 8: vector, 16: error code, 24: rip, 32: cs, 40: rflags, 48: rsp, 56: ss */
	subq	$(23 * 8), %rsp
	andq	$-16, %rsp
	movq	%rax, 0(%rsp)
	movq	%rbx, 8(%rsp)
	movq	%rcx, 16(%rsp)
	movq	%rdx, 24(%rsp)
	movq	%rsi, 32(%rsp)
	movq	%rdi, 40(%rsp)
	movq	(%rbp), %rax
	movq	%rax, 48(%rsp)
	movq	48(%rbp), %rax
	movq	%rax, 56(%rsp)
	movq	%r8, 64(%rsp)
	movq	%r9, 72(%rsp)
	movq	%r10, 80(%rsp)
	movq	%r11, 88(%rsp)
	movq	%r12, 96(%rsp)
	movq	%r13, 104(%rsp)
	movq	%r14, 112(%rsp)
	movq	%r15, 120(%rsp)
	movq	24(%rbp), %rax
	movq	%rax, 128(%rsp)
	movq	32(%rbp), %rax
	movq	%rax, 136(%rsp)
	movq	40(%rbp), %rax
	movq	%rax, 144(%rsp)
	movq	56(%rbp), %rax
	movq	%rax, 152(%rsp)
	movq	8(%rbp), %rax
	movq	%rax, 160(%rsp)
	movq	16(%rbp), %rax
	movq	%rax, 168(%rsp)
	movq	%cr2, %rax
	movq	%rax, 176(%rsp)
	movq	%rsp, %rdi
	cld
	call	trap_kernel

	.balign 16
	.globl trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	/* vectors that push an error code: AMD APM vol. 2 section 8.2 */
	.if	(vector == 8) || (vector == 10) || (vector == 11) || (vector == 12) || (vector == 13) || (vector == 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
	.else
	pushq	$0
	.endif
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr
	.section .note.GNU-stack, "", @progbits
