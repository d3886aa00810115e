/* SPDX-License-Identifier: MIT */
/* Small guests in real mode, copied to guest-physical 0 and started there with CS base 0. GUEST name: from guest_NAME to
 * guest_NAME_end. */
	.macro GUEST name
	.globl guest_\name, guest_\name\()_end
guest_\name:
	.endm
	.macro END name
guest_\name\()_end:
	.endm

	.section .rodata
	.code16
GUEST cpuid
	cpuid
	hlt
END cpuid
GUEST rdmsr
	rdmsr
	hlt
END rdmsr
GUEST wrmsr
	wrmsr
	hlt
END wrmsr
GUEST in8
	inb	$0x60, %al
	hlt
END in8
GUEST in32
	inl	%dx, %eax
	hlt
END in32
GUEST out8
	outb	%al, $0x61
	hlt
END out8
GUEST out16
	outw	%ax, %dx
	hlt
END out16
GUEST out32
	outl	%eax, %dx
	hlt
END out32
GUEST ins
	insb
	hlt
END ins
GUEST outs
	rep outsw
	hlt
END outs
GUEST hlt
	hlt
	hlt
END hlt
GUEST invd
	invd
	hlt
END invd
GUEST wbinvd
	wbinvd
	hlt
END wbinvd
GUEST monitor
	.byte	0x0f, 0x01, 0xc8
	hlt
END monitor
GUEST mwait
	.byte	0x0f, 0x01, 0xc9
	hlt
END mwait
GUEST rdpmc
	rdpmc
	hlt
END rdpmc
GUEST vmmcall
	.byte	0x0f, 0x01, 0xd9
	hlt
END vmmcall
GUEST vmrun			/* this and the next ones: protected mode */
	.byte	0x0f, 0x01, 0xd8
	hlt
END vmrun
GUEST vmload
	.byte	0x0f, 0x01, 0xda
	hlt
END vmload
GUEST vmsave
	.byte	0x0f, 0x01, 0xdb
	hlt
END vmsave
GUEST stgi
	.byte	0x0f, 0x01, 0xdc
	hlt
END stgi
GUEST clgi
	.byte	0x0f, 0x01, 0xdd
	hlt
END clgi
GUEST invlpga
	.byte	0x0f, 0x01, 0xdf
	hlt
END invlpga
GUEST read_cr8
	.byte	0xf0, 0x0f, 0x20, 0xc0	/* LOCK MOV CR0: CR8 */
	hlt
END read_cr8
GUEST write_cr8
	.byte	0xf0, 0x0f, 0x22, 0xc0
	hlt
END write_cr8
GUEST write_dr0
	movl	%eax, %dr0
	hlt
END write_dr0
GUEST read_dr7
	movl	%dr7, %eax
	hlt
END read_dr7
GUEST nop			/* TF is set: #DB after it */
	nop
	hlt
END nop
GUEST triple_fault
	ud2
END triple_fault
GUEST read_memory
	movb	0x2000, %al
	hlt
END read_memory
GUEST write_memory
	movw	%ax, 0x2004
	hlt
END write_memory
GUEST jump_memory
	.byte	0xe9			/* jmp 0x2000 */
	.word	0x2000 - 3
END jump_memory

/* Counts in 0x800 for ever. */
GUEST spin
	movl	$0, 0x800
1:	incl	0x800
	jmp	1b
END spin

/* An interrupt (vector 20h, set up by the host) has to find its way to the HLT at 0x100. */
GUEST interrupt
	nop
	jmp	guest_interrupt
	.org	guest_interrupt + 0x100
	hlt
	iretw
END interrupt

GUEST sti
	cpuid
	sti
	nop
	nop
	nop
	jmp	. - 3
END sti

/* Four OUTs to routed ports, then four INs; after each IN the value is kept in memory. */
GUEST ports
	movl	$0x11223344, %eax
	movw	$0x80, %dx
	outb	%al, %dx
	outw	%ax, %dx
	outl	%eax, %dx
	movl	$0xffffffff, %eax
	inb	%dx, %al
	movl	%eax, 0x800
	movl	$0xffffffff, %eax
	inw	%dx, %ax
	movl	%eax, 0x804
	movl	$0xffffffff, %eax
	inl	%dx, %eax
	movl	%eax, 0x808
	hlt
END ports

GUEST doorbell
	movw	$0x90, %dx
	outb	%al, %dx
	outw	%ax, %dx
	outl	%eax, %dx
	inb	%dx, %al
	hlt
END doorbell

/* ebx = own pattern. Loads it into XMM0, ESI, EDI, EBP and fs base (by the segment), and compares for ever; what differs is
 * told by OUT to port 0xee. Counts in 0x800. */
GUEST pattern
	movd	%ebx, %xmm0
	movd	%ebx, %xmm7
	movl	%ebx, %esi
	movl	%ebx, %edi
	movl	%ebx, %ebp
	movl	$0, 0x800
1:	movd	%xmm0, %ecx
	cmpl	%ebx, %ecx
	jne	2f
	movd	%xmm7, %ecx
	cmpl	%ebx, %ecx
	jne	2f
	cmpl	%ebx, %esi
	jne	2f
	cmpl	%ebx, %edi
	jne	2f
	cmpl	%ebx, %ebp
	jne	2f
	incl	0x800
	jmp	1b
2:	outb	%al, $0xee
	jmp	2b
END pattern

/* Tells the XMM registers that it begins with: or of all in ecx. */
GUEST xmm
	por	%xmm1, %xmm0
	por	%xmm2, %xmm0
	por	%xmm3, %xmm0
	por	%xmm4, %xmm0
	por	%xmm5, %xmm0
	por	%xmm6, %xmm0
	por	%xmm7, %xmm0
	movd	%xmm0, %ecx
	psrldq	$4, %xmm0
	movd	%xmm0, %edx
	orl	%edx, %ecx
	hlt
END xmm

/* Reads through the same address again and again, until it is told to stop by its end. */
GUEST reader
1:	movl	0x2000, %eax
	movl	%eax, 0x800
	jmp	1b
END reader

/* Reads once, tells by HLT, and again when it is resumed. */
GUEST reread
1:	movl	0x2000, %eax
	hlt
	jmp	1b
END reread

/* The same with a write. */
GUEST rewrite
1:	movl	%ebx, 0x2000
	hlt
	jmp	1b
END rewrite

	.code32
/* Protected mode with AVX: fills the upper halves of the vector registers and MXCSR from ebx, and leaves by HLT. */
GUEST fill_ymm
	xorl	%ecx, %ecx
	xgetbv
	movl	$7, %eax
	xorl	%edx, %edx
	vmovd	%ebx, %xmm0
	vpshufd	$0, %xmm0, %xmm0
	vinsertf128 $1, %xmm0, %ymm0, %ymm0
	vmovaps	%ymm0, %ymm1
	vmovaps	%ymm0, %ymm2
	vmovaps	%ymm0, %ymm3
	vmovaps	%ymm0, %ymm4
	vmovaps	%ymm0, %ymm5
	vmovaps	%ymm0, %ymm6
	vmovaps	%ymm0, %ymm7
	fninit
	fld1
	fldpi
1:	hlt
	jmp	1b
END fill_ymm

/* Tells what it finds in them: or of all bits in ecx; tag word of the x87 registers in eax. */
GUEST look_ymm
	vorps	%ymm1, %ymm0, %ymm0
	vorps	%ymm2, %ymm0, %ymm0
	vorps	%ymm3, %ymm0, %ymm0
	vorps	%ymm4, %ymm0, %ymm0
	vorps	%ymm5, %ymm0, %ymm0
	vorps	%ymm6, %ymm0, %ymm0
	vorps	%ymm7, %ymm0, %ymm0
	vextractf128 $1, %ymm0, %xmm1
	vorps	%xmm1, %xmm0, %xmm0
	vpsrldq	$8, %xmm0, %xmm1
	vorps	%xmm1, %xmm0, %xmm0
	vmovd	%xmm0, %ecx
	vpsrldq	$4, %xmm0, %xmm1
	vmovd	%xmm1, %edx
	orl	%edx, %ecx
	fnstenv	0x900
	movzwl	0x908, %eax
	hlt
END look_ymm
	.code16

/* TSC_AUX, and back to the same. */
GUEST rdtscp
1:	rdtscp
	hlt
	jmp	1b
END rdtscp
	.section .note.GNU-stack, "", @progbits
