/* SPDX-License-Identifier: MIT */
/* The kernel's system-call interface: system calls, errors, rights, object types, message format.
 * Shared by the kernel and every user task. Invocations of objects are in invocation.h, virtual CPUs in vcpu.h. */
#ifndef BULKHEAD_ABI_H
#define BULKHEAD_ABI_H

#include <stdint.h>

#define BH_ABI_VERSION 3u

/* Register convention of every system call (instruction SYSCALL):
 *
 *          in                                             out
 *   rax    BH_SYSCALL | number                            enum bh_error
 *   rdi    capability index                               badge of the message, or notification word
 *   rsi    message information, or label of an invocation message information
 *   rdx    message word 0 / argument 0                    message word 0 / result 0
 *   r10    message word 1 / argument 1                    message word 1 / result 1
 *   r8     message word 2 / argument 2                    message word 2 / result 2
 *   r9     message word 3 / argument 3                    message word 3 / result 3
 *   r12    index of the Reply capability (ReplyRecv, Recv, NBRecv), else argument 4
 *   r13    argument 5
 *
 * rcx and r11 are overwritten; every other register is kept. A capability index is a slot number of the caller's
 * CNode. A number without bit 63 is not ours: it becomes an upcall or a fault (see THREAD_SET_UPCALL). */
#define BH_SYSCALL (UINT64_C(1) << 63)

enum bh_syscall {
	/* Call: send on an endpoint (needs write) and block for the answer. The caller's scheduling context goes with the
	 * message when the receiver has none of its own. */
	BH_SYS_CALL = 0,
	/* ReplyRecv: answer the caller that waits in Reply r12 (if any), then Recv on the endpoint rdi with that Reply. */
	BH_SYS_REPLY_RECV = 1,
	/* Send: block until a receiver takes the message; no answer, nothing donated. */
	BH_SYS_SEND = 2,
	/* NBSend: as Send, but dropped silently where no receiver waits. */
	BH_SYS_NB_SEND = 3,
	/* Recv: block for a message on the endpoint (needs read), or for a signal of the thread's bound notification
	 * (message information BH_MESSAGE_SIGNAL, badge = word). A caller is kept in Reply r12. A context that was donated to
	 * the receiver and not yet returned stays parked with its Reply. */
	BH_SYS_RECV = 4,
	/* NBRecv: as Recv, but BH_ERROR_WOULD_BLOCK where nothing waits. */
	BH_SYS_NB_RECV = 5,
	/* Reply: answer the caller that waits in Reply rdi, without receiving. */
	BH_SYS_REPLY = 6,
	/* Signal: OR the capability's badge into the notification rdi (needs write). A vCPU that it is bound to comes before the
	 * others of its priority then; not with BH_SIGNAL_PATIENT in rsi, whose other bits are not used. */
	BH_SYS_SIGNAL = 7,
	/* Wait: block until the notification's word is not zero (needs read); rdi = the word, which is cleared. */
	BH_SYS_WAIT = 8,
	/* Poll: as Wait, but returns 0 at once where the word is zero. */
	BH_SYS_POLL = 9,
	/* Invoke: an operation on a kernel object: rsi = enum bh_invocation, arguments and results as above. */
	BH_SYS_INVOKE = 10,
	/* Yield: go to the end of the own priority's queue. rdi, rsi are not used. */
	BH_SYS_YIELD = 11,
	BH_SYS_COUNT
};

/* rsi of Signal: nobody waits for what is told. A vCPU is woken by it, but goes behind the others of its priority. */
#define BH_SIGNAL_PATIENT (UINT64_C(1) << 0)

/* Every result of every system call. A result other than BH_OK changed nothing, where not said otherwise. */
enum bh_error {
	BH_OK = 0,
	BH_ERROR_SYSCALL,       /* no such system call number */
	BH_ERROR_CAPABILITY,    /* the index is outside the CNode, or its slot is empty */
	BH_ERROR_TYPE,          /* the capability names an object of another type */
	BH_ERROR_RIGHTS,        /* the capability lacks the right that the operation needs */
	BH_ERROR_INVOCATION,    /* the object has no such invocation */
	BH_ERROR_ARGUMENT,      /* an argument is outside its range, or not aligned */
	BH_ERROR_SLOT_OCCUPIED, /* the destination slot holds a capability */
	BH_ERROR_SLOT_EMPTY,    /* the source slot is empty */
	BH_ERROR_MEMORY,        /* the Untyped has not enough room left */
	BH_ERROR_STATE, /* the object is in a state that forbids this (already bound, already mapped, running ...) */
	BH_ERROR_NOT_MAPPED,   /* a page table is missing on the way to the address */
	BH_ERROR_MAPPED,       /* something is mapped at the address already */
	BH_ERROR_EMPTY_OBJECT, /* the object has not been made usable by its control capability */
	BH_ERROR_PRIORITY,     /* above the caller's maximum controlled priority */
	BH_ERROR_DEPTH,        /* the derivation is too deep (2^48 - 1 levels) */
	BH_ERROR_WOULD_BLOCK,  /* a non-blocking form found nothing to do */
	BH_ERROR_CANCELLED, /* the operation was ended by somebody else: object deleted, access cancelled */
	BH_ERROR_NO_BUFFER, /* the message or invocation needs an IPC buffer and the thread has none */
	BH_ERROR_RANGE,     /* outside what the control capability was narrowed to */
	BH_ERROR_IN_USE,    /* somebody else holds this resource (port range, interrupt) */
	BH_ERROR_COUNT
};

/* Rights of a capability. Copy and Mint can only take some away. */
#define BH_RIGHT_READ (1u << 0)
#define BH_RIGHT_WRITE (1u << 1)
#define BH_RIGHT_GRANT (1u << 2)
#define BH_RIGHTS_ALL (BH_RIGHT_READ | BH_RIGHT_WRITE | BH_RIGHT_GRANT)

enum bh_object_type {
	BH_OBJECT_NULL = 0,
	BH_OBJECT_UNTYPED,
	BH_OBJECT_CNODE,
	BH_OBJECT_THREAD,
	BH_OBJECT_SCHED_CONTEXT,
	BH_OBJECT_ENDPOINT,
	BH_OBJECT_REPLY,
	BH_OBJECT_NOTIFICATION,
	BH_OBJECT_TIMER,
	BH_OBJECT_ADDRESS_SPACE,
	BH_OBJECT_PAGE_TABLE,
	BH_OBJECT_FRAME,
	BH_OBJECT_GUEST_SPACE,
	BH_OBJECT_VCPU,
	BH_OBJECT_IRQ_HANDLER,
	BH_OBJECT_IO_PORTS,
	BH_OBJECT_IO_SPACE,
	BH_OBJECT_SCHED_CONTROL, /* these four are not made by Retype: boot hands them to the root task */
	BH_OBJECT_IRQ_CONTROL,
	BH_OBJECT_IO_PORT_CONTROL,
	BH_OBJECT_IO_SPACE_CONTROL,
	BH_OBJECT_TYPES
};

/* Bytes that an object takes from its Untyped, as a power of two. Untyped, CNode and Frame have the size asked for. */
#define BH_CNODE_SLOT_BITS \
	6 /* a CNode of 2^n slots takes 2^(n + 6) bytes; slot 0 is its header and never holds a capability */
#define BH_THREAD_BITS 11
#define BH_SCHED_CONTEXT_BITS 8
#define BH_ENDPOINT_BITS 6
#define BH_REPLY_BITS 6
#define BH_NOTIFICATION_BITS 6
#define BH_TIMER_BITS 8
#define BH_ADDRESS_SPACE_BITS 13
#define BH_PAGE_TABLE_BITS 12
#define BH_GUEST_SPACE_BITS 17
#define BH_VCPU_BITS 14
#define BH_IRQ_HANDLER_BITS 8
#define BH_IO_PORTS_BITS 7
#define BH_IO_SPACE_BITS 13

/* Message information: length in words, number of capabilities, label. */
#define BH_MESSAGE_WORDS_MAX 120u
#define BH_MESSAGE_REGISTERS 4u
#define BH_MESSAGE_CAPS_MAX 4u
#define BH_MESSAGE_INFO(label, words, caps) \
	(((uint64_t)(label) << 16) | ((uint64_t)(caps) << 8) | (uint64_t)(words))
#define BH_MESSAGE_WORDS(info) ((uint32_t)((info)&0x7f))
#define BH_MESSAGE_CAPS(info) ((uint32_t)(((info) >> 8) & 0x7))
#define BH_MESSAGE_LABEL(info) ((uint64_t)(info) >> 16)

/* Labels that the kernel itself sends. Labels from BH_LABEL_USER on are the users' own. */
enum bh_label {
	BH_LABEL_NONE = 0,
	BH_LABEL_SIGNAL = 1, /* Recv returned because of the bound notification; badge = its word */
	BH_LABEL_FAULT =
		2, /* a thread's fault: words {enum bh_fault, address, error code or number, instruction pointer} */
	BH_LABEL_EXIT = 3, /* a virtual CPU's exit, see vcpu.h */
	BH_LABEL_PORT = 4, /* a routed port access, see vcpu.h */
	BH_LABEL_USER = 16,
};
#define BH_MESSAGE_SIGNAL BH_MESSAGE_INFO(BH_LABEL_SIGNAL, 0, 0)

/* Kinds of faults (word 0 of a fault message). An answer resumes the thread; its registers may have been changed before
 * by THREAD_WRITE_REGISTERS. Vectors: AMD APM vol. 2 section 8.2. */
enum bh_fault {
	BH_FAULT_EXCEPTION = 0, /* + vector in bits 8..15 of word 0 */
	BH_FAULT_SYSCALL =
		1, /* a system-call number without bit 63 and no upcall address; word 2 = the number */
	BH_FAULT_NO_SPACE = 2, /* the thread's address space was deleted */
};

/* What a PCI function tried that the IOMMU refused (IO_SPACE_FAULT). */
enum bh_io_fault {
	BH_IO_FAULT_NONE = 0,
	BH_IO_FAULT_READ = 1,      /* memory that is not mapped */
	BH_IO_FAULT_WRITE = 2,     /* memory that is not mapped so */
	BH_IO_FAULT_INTERRUPT = 3, /* a message that it has no handler for */
	BH_IO_FAULT_OTHER = 4,     /* anything else that the IOMMU reports */
};

/* A thread's IPC buffer: a page that the thread's Frame capability names. Words 0..3 travel in registers: their places
 * here are not used. */
struct bh_ipc_buffer {
	uint64_t words[BH_MESSAGE_WORDS_MAX];
	uint64_t caps
		[BH_MESSAGE_CAPS_MAX]; /* sender: indices of the capabilities to transfer (the endpoint needs grant) */
	uint64_t receive_index; /* receiver: first of the empty slots that transferred capabilities go to */
};
_Static_assert(sizeof(struct bh_ipc_buffer) == 1000, "ABI: IPC buffer");

/* rax of a root task that gives up by a fault: the words of its IPC buffer hold text, ended by a zero byte, that says why. The
 * kernel shows it on serial and on the screen. */
#define BH_LAST_WORDS UINT64_C(0x7364726f7754534c)

/* Registers of a thread, as READ_REGISTERS and WRITE_REGISTERS carry them in the IPC buffer's words 0 to 19. */
struct bh_thread_registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags, fs_base, gs_base;
};
_Static_assert(sizeof(struct bh_thread_registers) == 20 * 8, "ABI: thread registers");

#endif
