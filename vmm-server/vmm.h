/* SPDX-License-Identifier: MIT */
/* Everything that the VMM server knows of its VM. Built by the main thread, then used by the vCPU's handler
 * thread alone. */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/clock.h>
#include <bulkhead/guest_memory.h>
#include <bulkhead/lines.h>
#include <bulkhead/virtio_pci.h>

#include "vcpu/vcpu.h" /* first: cpu/msr.h defines names that its inline functions have for themselves */

#include "arguments.h"
#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "fabric/fabric.h"
#include "lifecycle/lifecycle.h"
#include "pci/msix.h"
#include "pci/pci.h"
#include "unowned.h"

/* Ports that a device model serves: for accesses that have to be done again or in pieces. */
struct vmm_port_range {
	uint32_t first;
	uint32_t count;
	uint64_t endpoint; /* its badge tells the model which of its ranges it is */
};

/* Guest-physical addresses that a device model serves. */
struct vmm_memory_range {
	uint64_t first;
	uint32_t size; /* at most 65536: an offset is that of a port message */
	uint64_t endpoint;
};

/* A virtio function on the PCI bus (vcpu/functions.h). */
struct vmm_function {
	const struct lines_page *page;
	uint64_t signal;                      /* its model's bit in the vCPU's notification */
	uint64_t words[MSIX_VECTORS];         /* of its vectors' lines, as read last */
	uint64_t doorbell[VIRTIO_PCI_QUEUES]; /* capabilities that signal the model */
	uint32_t device;                      /* number on bus 0 */
	uint32_t queues;
	uint32_t first_route; /* of its doorbells: one each */
	uint32_t routed_port; /* where they are; 0: nowhere */
	uint32_t memory;      /* which of `memories` its registers are */
	uint32_t line;        /* which of `lines` INTx is */
	unsigned window;      /* offset of the capability for accesses through configuration space */
	struct msix msix;
};

struct vmm_line {
	const struct lines_page *page;
	uint64_t signal; /* the model's bit in the vCPU's notification */
	uint64_t word;   /* as read last */
	uint32_t number; /* in the page */
	uint32_t gsi;
	uint32_t fabric_line;                /* its number in the fabric, for VMM_LINE_GSI */
	const struct vmm_function *function; /* whose INTx it is, or NULL */
	enum vmm_line_action action;
};

/* What a bit of the vCPU's notification stands for, each as bits of their own: which lines, which functions may have changed. */
struct vmm_signal {
	uint32_t lines;
	uint32_t functions;
};

enum vmm_clock_mode {
	VMM_CLOCK_RUNS,
	VMM_CLOCK_STANDS, /* the VM is paused: its vCPU does not run */
	VMM_CLOCK_CATCHES_UP,
};

struct vmm {
	struct guest_memory memory;
	struct pci pci;
	struct fabric fabric;
	struct cpuid_policy cpuid;
	struct msr_policy msr;
	struct msr_cpu msr_cpu;
	struct msr_unknown msr_unknown;
	struct lifecycle lifecycle;
	struct unowned unowned;
	struct clock_page *clock;
	uint64_t clock_offset; /* host TSC + this = the VM's clock, which models and the APIC timer go by */
	enum vmm_clock_mode clock_mode;
	bool catches_up;       /* it is to catch up after a pause */
	uint64_t paused_tsc;   /* since when it stands */
	uint64_t behind;       /* ticks that it has yet to catch up */
	uint64_t caught_up;    /* the VM's clock when it last caught up some */
	uint8_t reset_control; /* port 0xcf9 */
	bool lines_unread;     /* nothing was read from the line pages yet */
	uint32_t port_count;
	uint32_t memory_count;
	uint32_t line_count;
	uint32_t function_count;
	uint64_t guest_space; /* capability: where doorbells are routed */
	struct vmm_function functions[VMM_VIRTIO_MAX];
	struct vmm_memory_range memories[VMM_MEMORIES_MAX];
	struct vmm_port_range ports[VMM_PORTS_MAX];
	struct vmm_line lines[VMM_LINES_MAX];
	uint8_t fabric_line[FABRIC_LINES_MAXIMUM]; /* the fabric's line n is lines[fabric_line[n]] */
	struct vmm_signal signals[64];
	struct vcpu vcpu;
};
_Static_assert(VMM_LINES_MAX <= FABRIC_LINES_MAXIMUM, "every line may be wired to the fabric");
_Static_assert(VMM_LINES_MAX <= 32 && VMM_VIRTIO_MAX <= 32, "bits of struct vmm_signal");

static inline struct vm_status *vmm_status(struct vmm *vmm) { return vmm->lifecycle.status; }

#endif
