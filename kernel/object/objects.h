/* SPDX-License-Identifier: MIT */
/* The kernel objects' structures. Each is made by Retype in memory that a user gave; what owns what:
 *
 *   SchedContext ──holder──> execution (Thread or VCPU) ──waiting_reply──> Reply ──holder──> serving Thread
 *        └──home──> the execution it was bound to          │
 *                                                          └── queued in one Endpoint or Notification at a time
 *
 * A context is in exactly one place: with its holder, or parked in a Reply, or nowhere (unbound). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bulkhead/abi.h>
#include <bulkhead/vcpu.h>

#include "arch/x86_64/layout.h"
#include "object/capability.h"
#include "sched/timeout.h"

struct cpu;
struct reply;

/* ---- CNode: slot 0 holds the header ---- */
struct cnode {
	union {
		struct {
			struct object_header header;
			uint64_t last_slot; /* number of slots, slot 0 included, less one */
			uint32_t bits;      /* 2^bits slots */
		};
		struct capability header_slot;
	};
	struct capability slots_from_1[];
};
_Static_assert(
	sizeof(struct cnode) == sizeof(struct capability), "the CNode's header takes the place of slot 0");

/* ---- SchedContext ---- */
struct sched_context {
	struct object_header header;
	struct timeout replenishment; /* armed while exhausted */
	uint64_t budget, period;      /* TSC ticks; budget 0: not configured */
	uint64_t remaining;           /* of this period's budget */
	uint64_t replenish_at;        /* TSC when the period ends */
	uint64_t consumed;
	struct execution *home;   /* what it was bound to */
	struct execution *holder; /* who runs on it now */
	struct reply *parked;     /* where it waits while nobody runs on it */
	struct cpu *cpu;
};

/* ---- What can be scheduled ---- */
enum execution_kind { EXECUTION_THREAD, EXECUTION_VCPU };
enum execution_state {
	EXECUTION_STOPPED, /* suspended, or never started */
	EXECUTION_READY,   /* runs as soon as it has a context with budget */
	EXECUTION_SENDING, /* in an Endpoint's queue of senders */
	EXECUTION_RECEIVING,
	EXECUTION_WAITING_REPLY,
	EXECUTION_WAITING_SIGNAL, /* in a Notification's queue */
	EXECUTION_HALTED,         /* VCPU: until its bound Notification is signalled */
};

struct execution {
	struct object_header header;
	uint8_t kind, state, priority, maximum_priority;
	bool in_ready_queue;
	bool send_is_call;      /* SENDING: wants an answer */
	bool send_may_grant;    /* SENDING: the endpoint capability had grant */
	uint8_t ready_priority; /* queue it stands in */
	union {
		struct {
			uint32_t trust_domain;
			bool fpu_forbidden;  /* Thread: THREAD_NO_FPU */
			bool return_by_iret; /* Thread in the kernel: rcx and r11 count too, not SYSRET */
		};
		uint64_t switch_key; /* all of it, to compare with struct cpu's */
	};
	struct cpu *cpu;
	struct sched_context
		*context; /* runs on it; NULL: lent, parked, exhausted elsewhere, or never had one */
	struct sched_context *own_context; /* the one that was bound to it: whose home it is */
	struct execution *next, *previous; /* ready queue, or the queue of `queued_on` */
	void *queued_on;                   /* struct endpoint * or struct notification * */
	uint64_t send_badge;
	struct reply *waiting_reply; /* WAITING_REPLY: where the answer comes from */
	struct reply *holding;       /* Thread: the Reply whose caller's context it runs on */
	struct execution *
		open_caller; /* Thread: serves that one's call, which is not written down (ipc/open_call.h) */
	struct notification *bound;
};

/* General registers of a thread in user mode; the order is the ABI's, entry.S knows it. */
enum thread_slot { THREAD_CSPACE, THREAD_VSPACE, THREAD_BUFFER, THREAD_FAULT, THREAD_SLOTS };

#define FPU_AREA_SIZE 1024

struct thread {
	struct execution execution;
	struct bh_thread_registers registers;
	uint64_t upcall;             /* 0: none */
	struct reply *receive_reply; /* RECEIVING: Reply for the next caller, or NULL */
	struct reply *lent;          /* where it is the lender: it has no context, but holds a Reply */
	/* Receives by ReplyRecv with these two capabilities; found after so many invocations (struct cpu). 0: not known. */
	uint64_t found_after, found_endpoint, found_reply;
	uint64_t pending_fault; /* SENDING a fault message: its words */
	uint64_t fault_words[4];
	struct capability slots[THREAD_SLOTS];
	uint8_t fpu[FPU_AREA_SIZE] __attribute__((aligned(64)));
};
_Static_assert(sizeof(struct thread) <= 1u << BH_THREAD_BITS, "Thread size");

static inline void cnode_initialise(struct cnode *cnode, uint64_t bits)
{
	cnode->bits = (uint32_t)bits;
	cnode->last_slot = (UINT64_C(1) << bits) - 1;
}

/* The slot of that number, or NULL. Slot 0 is the header: never valid. */
static inline struct capability *cnode_slot(struct cnode *cnode, uint64_t index)
{
	if (index - 1 >= cnode->last_slot) {
		return NULL;
	}
	return &cnode->slots_from_1[index - 1];
}

/* ---- IPC ---- */
struct execution_queue {
	struct execution *head, *tail;
};

enum endpoint_state { ENDPOINT_IDLE, ENDPOINT_SENDERS, ENDPOINT_RECEIVERS };
struct endpoint {
	struct object_header header;
	struct execution_queue queue;
	uint64_t state;                /* enum endpoint_state: who stands in the queue */
	struct execution *cancel_next; /* progress of CANCEL_BADGED in the queue, NULL: none under way */
	uint64_t cancel_badge;
};
_Static_assert(sizeof(struct endpoint) <= 1u << BH_ENDPOINT_BITS, "Endpoint size");

struct reply {
	struct object_header header;
	struct execution *caller;     /* who waits for the answer */
	struct thread *holder;        /* who runs on the caller's context because of this Reply */
	struct sched_context *parked; /* the caller's context while its server received with another Reply */
	struct thread *receiver;      /* the thread that stands in Recv with this Reply */
	struct thread *
		lender; /* who has the context afterwards, where that isn't the caller; holder or parked is set then */
};
_Static_assert(sizeof(struct reply) <= 1u << BH_REPLY_BITS, "Reply size");

struct notification {
	struct object_header header;
	uint64_t word;
	struct execution_queue waiters;
	struct execution *bound; /* Thread or VCPU */
};
_Static_assert(sizeof(struct notification) <= 1u << BH_NOTIFICATION_BITS, "Notification size");

struct timer {
	struct object_header header;
	struct timeout timeout;
	struct capability target; /* Notification with badge */
};
_Static_assert(sizeof(struct timer) <= 1u << BH_TIMER_BITS, "Timer size");

/* ---- Spaces ---- */
#define IO_RANGES_PER_SPACE 8

/* Common part of AddressSpace, GuestSpace and IoSpace; stands behind the root table. */
struct space {
	struct object_header header;
	uint64_t root_physical;
	bool is_guest, is_io;
	struct capability mappings; /* sentinel of the ring of Frame and PageTable capabilities mapped here */
	uint64_t flushes; /* GuestSpace: bumped when a mapping went away; vCPUs compare it at entry */
	struct io_ports *io_ranges[IO_RANGES_PER_SPACE];
};

struct address_space {
	uint64_t table[512];
	struct space space;
};
_Static_assert(sizeof(struct address_space) <= 1u << BH_ADDRESS_SPACE_BITS, "AddressSpace size");

struct port_route {
	uint32_t first, count; /* count 0: not in use */
};

struct guest_space {
	uint64_t table[512];
	struct space space;
	struct port_route routes[64];
	uint8_t ports[65536] __attribute__((aligned(65536))); /* 0: no route; else route number + 1 */
};
_Static_assert(sizeof(struct guest_space) == 1u << BH_GUEST_SPACE_BITS, "GuestSpace size");

#define IO_SPACE_FUNCTIONS 8

struct io_space {
	uint64_t table[512];
	struct space space;
	uint32_t domain; /* 0: not configured */
	uint32_t function_count;
	uint32_t functions[IO_SPACE_FUNCTIONS];
	struct capability target; /* Notification with badge */
	uint64_t fault_function, fault_address, fault_kind, fault_count;
};
_Static_assert(sizeof(struct io_space) <= 1u << BH_IO_SPACE_BITS, "IoSpace size");

/* Capabilities of all three name the space behind the root table: that is where the header is. */
_Static_assert(offsetof(struct address_space, space) == PAGE_SIZE, "capability_initialise");
_Static_assert(offsetof(struct guest_space, space) == PAGE_SIZE, "capability_initialise");
_Static_assert(offsetof(struct io_space, space) == PAGE_SIZE, "capability_initialise");

static inline __attribute__((always_inline)) struct guest_space *guest_space_of(struct space *space)
{
	return (struct guest_space *)((uint64_t)space - PAGE_SIZE);
}

static inline struct io_space *io_space_of(struct space *space)
{
	return (struct io_space *)((uint64_t)space - PAGE_SIZE);
}

/* ---- VCPU ---- */
struct vcpu_message { /* the exit or access that is on its way to a handler */
	uint64_t label, words[4];
	uint32_t word_count;
	uint32_t reason_or_route;
	bool routed;
};

enum vcpu_slot {
	VCPU_GUEST_SPACE,
	VCPU_EXIT_FIRST,
	VCPU_ROUTE_FIRST = VCPU_EXIT_FIRST + BH_EXIT_REASONS,
	VCPU_SLOTS = VCPU_ROUTE_FIRST + 64
};

struct vcpu {
	struct execution execution;
	uint64_t number; /* 0..255, of the VM's */
	uint64_t exits;
	uint64_t sequence;      /* of routed accesses and exits */
	uint64_t waiting_since; /* TSC */
	struct vcpu_message message;
	uint64_t access_word;  /* routed access under way: direction, width, as sent */
	uint64_t access_value; /* OUT */
	uint64_t access_port;
	uint64_t access_next_rip;
	uint32_t exit_masks[BH_EXIT_REASONS];
	union {
		struct {
			bool answered;     /* the state page is to be loaded before the next entry */
			bool route_failed; /* the routed access got no answer: exit ROUTE_FAILED comes next */
			bool halt_requested; /* the answer was "halt" */
			bool zero;
		};
		uint32_t before_entry; /* any of them */
	};
	uint32_t load_groups;
	bool plain; /* back end: nothing out of the ordinary is to be done before the entry, or was done at it */
	bool event_is_virtual, window_waits; /* svm.c, inject() */
	uint64_t undelivered; /* kernel's own copy: re-injected when the kernel itself resumes the guest */
	/* back end */
	uint32_t asid;
	uint64_t asid_generation;
	uint64_t flushes_seen;
	uint64_t control_block_physical;
	uint64_t xcr0;
	uint64_t debug_registers[4];
	uint64_t tsc_aux;
	struct bh_vcpu_state *state;
	struct capability slots[VCPU_SLOTS];
	uint8_t fpu[FPU_AREA_SIZE] __attribute__((aligned(64)));
	uint8_t control_block[4096] __attribute__((aligned(4096)));
	uint8_t state_page[4096] __attribute__((aligned(4096)));
};
_Static_assert(sizeof(struct vcpu) <= 1u << BH_VCPU_BITS, "VCPU size");

/* ---- Interrupts and ports ---- */
struct irq_handler {
	struct object_header header;
	bool configured;
	uint32_t interrupt;       /* a line, or from INTERRUPT_LINES on an MSI */
	uint32_t function, index; /* of an MSI: whose it is, and which of that function's */
	struct capability target; /* Notification with badge */
};
_Static_assert(sizeof(struct irq_handler) <= 1u << BH_IRQ_HANDLER_BITS, "IrqHandler size");

struct io_ports {
	struct object_header header;
	uint32_t first, count; /* count 0: not configured */
	struct space *space;
};
_Static_assert(sizeof(struct io_ports) <= 1u << BH_IO_PORTS_BITS, "IoPorts size");
