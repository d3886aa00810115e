/* SPDX-License-Identifier: MIT */
/* Invocations: operations on kernel objects by BH_SYS_INVOKE. a0..a5 are the arguments (rdx, r10, r8, r9, r12, r13),
 * r0..r3 the results (rdx, r10, r8, r9). "cap" marks an argument that is a capability index of the caller; where a cap
 * names a CNode, 0 means the caller's own CNode. Every invocation can return BH_ERROR_CAPABILITY, _TYPE, _INVOCATION;
 * the others are listed. Rights: an invocation that changes its object needs WRITE on it, one that only reads it READ. */
#ifndef BULKHEAD_INVOCATION_H
#define BULKHEAD_INVOCATION_H

enum bh_invocation {
	/* UNTYPED_RETYPE  a0 enum bh_object_type, a1 size bits (Untyped 6..47, CNode 1..20 slot bits, Frame 12, 21, 30; else 0),
	 *   cap a2 destination CNode, a3 first destination slot, a4 count 1..256.
	 *   Makes count objects, zeroed (not from device memory), each a child of the Untyped. When the Untyped has no
	 *   children left, it starts again from its beginning. Device memory gives Untyped and Frame only.
	 *   Errors: ARGUMENT (type, size, count, slot range), SLOT_OCCUPIED, MEMORY, RIGHTS, DEPTH. Preemptible. */
	BH_UNTYPED_RETYPE = 0x10,

	/* CNode: the invoked capability names the destination CNode; needs WRITE on it, READ on the source's (MOVE: WRITE, too). */
	BH_CNODE_COPY =
		0x20, /* a0 slot, cap a1 source CNode, a2 source slot, a3 rights to keep. STATE: type can't be copied */
	BH_CNODE_MINT =
		0x21, /* as COPY, a4 badge (Endpoint, Notification: only from badge 0; control caps: see below) */
	BH_CNODE_MOVE = 0x22, /* a0 slot, cap a1 source CNode, a2 source slot */
	BH_CNODE_DELETE =
		0x23, /* a0 slot; deleting an empty slot is BH_OK. The last capability destroys the object */
	BH_CNODE_REVOKE = 0x24, /* a0 slot: deletes everything derived from it. Preemptible */
	BH_CNODE_ROTATE =
		0x25, /* a0 destination, a1 pivot, a2 source slot, all of this CNode: pivot -> destination, source -> pivot;
		      * with destination = source these two change places */
	BH_CNODE_INSPECT =
		0x26, /* a0 slot -> r0 type | rights << 8 | size bits << 16, r1 badge (or range), r2 object's identity, r3 depth */

	/* Thread */
	BH_THREAD_CONFIGURE =
		0x30, /* cap a0 CNode, cap a1 AddressSpace, cap a2 Frame of the IPC buffer (0 = none), cap a3 fault Endpoint
	                             * (0 = none), a4 = priority | maximum priority << 8 | flags << 16 | trust domain << 32,
	                             * a5 runtime block (user GS base). STATE unless suspended. PRIORITY */
	BH_THREAD_READ_REGISTERS =
		0x31, /* -> IPC buffer words 0..19. needs WRITE. STATE unless suspended or faulted; NO_BUFFER */
	BH_THREAD_WRITE_REGISTERS =
		0x32, /* IPC buffer words 0..19 -> thread; privileged flags are masked, rip and bases must be
	                                   * canonical user addresses (ARGUMENT). STATE unless suspended or faulted; NO_BUFFER */
	BH_THREAD_SUSPEND = 0x33, /* cancels what the thread waits for (it sees CANCELLED when resumed) */
	BH_THREAD_RESUME = 0x34,
	BH_THREAD_BIND_NOTIFICATION =
		0x35, /* cap a0 Notification: its signals also end this thread's Recv. STATE */
	BH_THREAD_UNBIND_NOTIFICATION = 0x36,
	BH_THREAD_RECEIVE =
		0x37, /* cap a0 Endpoint, cap a1 Reply: the suspended thread stands in Recv without having run: how a passive
	                            * thread begins. Its registers are those last written. STATE */
	BH_THREAD_SET_UPCALL = 0x38,   /* a0 user address for system calls without bit 63 (0 = none) */
	BH_THREAD_SET_PRIORITY = 0x39, /* a0 = priority | maximum priority << 8. PRIORITY */

	/* SchedContext */
	BH_SCHED_CONTEXT_BIND = 0x40, /* cap a0 Thread or VCPU. EMPTY_OBJECT, STATE (either is bound) */
	BH_SCHED_CONTEXT_UNBIND = 0x41,
	BH_SCHED_CONTEXT_CONSUMED = 0x42, /* -> r0 TSC ticks consumed since it was made */
	BH_SCHED_CONTROL_CONFIGURE =
		0x43, /* on SchedControl: cap a0 SchedContext, a1 budget us, a2 period us (10 <= budget <= period <= 10^7).
	                                   * ARGUMENT, RANGE */

	BH_ENDPOINT_CANCEL_BADGED =
		0x50, /* on an Endpoint with badge 0, a0 badge: waiting senders with that badge get CANCELLED. Needs
		      * all three rights. Preemptible */

	/* Timer */
	BH_TIMER_BIND =
		0x60, /* cap a0 Notification: what the timer signals, with that capability's badge. STATE */
	BH_TIMER_ARM =
		0x61, /* a0 absolute deadline in TSC ticks; replaces an earlier one; a past one fires at once. STATE (not bound) */
	BH_TIMER_CANCEL = 0x62, /* -> r0 1 if it was armed */

	/* AddressSpace, GuestSpace, IoSpace: Frame and PageTable are the invoked capabilities */
	BH_FRAME_MAP =
		0x70, /* cap a0 AddressSpace, GuestSpace or IoSpace, a1 address, a2 BH_MAP_* flags. ARGUMENT, STATE, NOT_MAPPED, MAPPED, RIGHTS */
	BH_FRAME_UNMAP = 0x71, /* no error where it was not mapped; needs no right, as PAGE_TABLE_UNMAP */
	BH_PAGE_TABLE_MAP =
		0x72, /* cap a0 space, a1 address, a2 level: 1 (maps 4 KiB pages), 2 (2 MiB), 3 (1 GiB). As FRAME_MAP */
	BH_PAGE_TABLE_UNMAP = 0x73,

	/* GuestSpace and VCPU */
	BH_GUEST_SPACE_ROUTE =
		0x80, /* a0 route number 0..63, a1 first port, a2 count 1..65536; count 0 removes the route.
	                              * ARGUMENT, MAPPED (a port belongs to another route) */
	BH_VCPU_CONFIGURE =
		0x90, /* cap a0 GuestSpace, a1 = number 0..255 | priority << 8 | trust domain << 32. STATE unless stopped; PRIORITY */
	BH_VCPU_BIND =
		0x91, /* a0 exit reason (enum bh_exit_reason), BH_BIND_ALL_EXITS, or BH_BIND_ROUTE + number; cap a1 Endpoint (needs write), or
	                              * for a route a Notification (a doorbell); a2 state groups to store at this exit (BH_GROUP_*) */
	BH_VCPU_BIND_NOTIFICATION = 0x92, /* cap a0 Notification (needs read). STATE */
	BH_VCPU_STATE_FRAME =
		0x93, /* cap a0 CNode, a1 slot: puts a Frame capability of the state page there, derived from this one */
	BH_VCPU_READ_STATE =
		0x94, /* a0 groups -> state page. STATE unless stopped or waiting for an answer */
	BH_VCPU_WRITE_STATE =
		0x95, /* a0 groups <- state page. likewise; and of a stopped one: inject over undelivered */
	BH_VCPU_RUN = 0x96,  /* STATE (not configured, or waiting); starts a stopped one */
	BH_VCPU_STOP = 0x97, /* takes effect at once; an exit that waits for its answer is cancelled */
	BH_VCPU_CANCEL_ACCESS = 0x98, /* a routed access that waits gives exit ROUTE_FAILED. STATE */
	BH_VCPU_INSPECT =
		0x99, /* -> r0 enum bh_vcpu_status | route or exit reason << 8, r1 TSC when it began to wait, r2 sequence number, r3 exits */

	/* Interrupts and ports */
	BH_IRQ_CONTROL_CONFIGURE =
		0xa0, /* on IrqControl: cap a0 IrqHandler, a1 line (global system interrupt), a2 bit 0 level, bit 1 active low. IN_USE, RANGE */
	BH_IRQ_BIND = 0xa1, /* cap a0 Notification; the line is unmasked. EMPTY_OBJECT, STATE */
	BH_IRQ_ACK = 0xa2,  /* unmasks the line after an interrupt; an MSI needs none */
	BH_IRQ_CONTROL_CONFIGURE_MSI =
		0xa3, /* on IrqControl: cap a0 IrqHandler, a1 PCI function (bus << 8 | device << 3 | function), a2 index of the
	                                  * function's message, 0..255 -> r0 address, r1 data of the message. IN_USE, RANGE, MEMORY */
	BH_IO_PORT_CONTROL_CONFIGURE =
		0xa8, /* on IoPortControl: cap a0 IoPorts, a1 first, a2 count. RANGE, IN_USE, STATE */
	BH_IO_PORTS_MAP =
		0xa9, /* cap a0 AddressSpace: its threads may use the ports. STATE (mapped already), MEMORY (8 ranges a space) */
	BH_IO_PORTS_UNMAP = 0xaa,

	/* DMA */
	BH_IO_SPACE_CONTROL_CONFIGURE =
		0xb0, /* on IoSpaceControl: cap a0 IoSpace, a1 PCI function: its DMA goes by this space from now on.
	                                  * STATE (no IOMMU), RANGE, IN_USE, MEMORY (8 functions a space; 255 spaces) */
	BH_IO_SPACE_BIND =
		0xb1, /* cap a0 Notification: signalled when a function's access was refused. EMPTY_OBJECT, STATE */
	BH_IO_SPACE_FAULT =
		0xb2, /* -> r0 function, r1 address, r2 enum bh_io_fault, r3 number so far. The last one that was refused; a
	                           * function that was reported is silent until then. Needs READ */
};

/* THREAD_CONFIGURE flags */
#define BH_THREAD_NO_FPU (1u << 0) /* never uses FPU or vector registers: a use is a fault (#NM) */

/* FRAME_MAP flags; host mappings are never writable and executable at once */
#define BH_MAP_READ (1u << 0)
#define BH_MAP_WRITE (1u << 1)
#define BH_MAP_EXECUTE (1u << 2)
#define BH_MAP_UNCACHED (1u << 3)

#define BH_BIND_ROUTE 0x100u
#define BH_BIND_ALL_EXITS 0xffu
#define BH_ROUTES 64u

#define BH_IRQ_LEVEL (1u << 0)
#define BH_IRQ_ACTIVE_LOW (1u << 1)

/* IoSpaceControl's range is one of PCI functions. A PCI function is named as bus << 8 | device << 3 | function. */
#define BH_PCI_FUNCTIONS 65536u
#define BH_MSI_INDEXES 256u
/* IrqControl's range counts the MSIs of PCI function f as line BH_IRQ_MSI_FIRST + f. */
#define BH_IRQ_MSI_FIRST 65536u

/* Badges of control capabilities narrow them. IrqControl: first line (for MSIs BH_IRQ_MSI_FIRST + function) | count << 32; IoPortControl: first port | count << 32;
 * SchedControl: largest share in 1/1000 (budget * 1000 / period); 0 = not narrowed. Mint of a narrowed one must lie inside. */
#define BH_CONTROL_RANGE(first, count) ((uint64_t)(first) | (uint64_t)(count) << 32)

#endif
