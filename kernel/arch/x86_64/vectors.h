/* SPDX-License-Identifier: MIT */
/* Interrupt vectors, for C and assembly. Priority class is vector >> 4: the timer outranks all lines. */
#pragma once

#define VECTOR_DEBUG 1
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_PAGE_FAULT 14
#define VECTOR_MACHINE_CHECK 18
#define VECTOR_EXCEPTIONS 32 /* vectors below are exceptions */

#define VECTOR_PIC 0x20 /* where the masked 8259s would deliver a spurious interrupt: 0x20..0x2f */
#define VECTOR_INTERRUPT_FIRST 0x30 /* interrupt n arrives at VECTOR_INTERRUPT_FIRST + n */
#define INTERRUPT_LINES 64          /* interrupts 0..63, vectors 0x30..0x6f: the global system interrupts */
#define INTERRUPTS 128              /* the others, vectors 0x70..0xaf: message-signalled interrupts */
#define VECTOR_IOMMU (VECTOR_INTERRUPT_FIRST + INTERRUPTS)
#define VECTOR_TIMER 0xef
#define VECTOR_SPURIOUS 0xff /* no EOI for this one */
