/* SPDX-License-Identifier: MIT */
/* What conformance cases need: output on COM1, slots and memory, threads, checks. Everything goes through the kernel's ABI. */
#pragma once

#include <bulkhead/abi.h>
#include <bulkhead/boot_info.h>
#include <bulkhead/invocation.h>
#include <bulkhead/syscall.h>
#include <bulkhead/vcpu.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct bh_boot_info *boot_info;

/* A root task's own part: _start calls it. */
void root_task_main(const struct bh_boot_info *info);
/* To be called first: makes `pool`, opens the ports, and what else is needed here. */
void harness_start(const struct bh_boot_info *info);
/* Ends the machine (QEMU with that code at its debug port, or Bochs). */
__attribute__((noreturn)) void harness_end(unsigned int code);

/* Prints: %s %u %x (64-bit values each). */
void print(const char *format, ...);

/* One case: what it proves in one line. Checks that follow belong to it until the next. Everything that the last case made
 * is deleted first. */
void case_begin(const char *name, const char *proves);
/* Says its result. case_begin ends the case before it, too. */
void case_end(void);
/* The case that has begun shows what went wrong in another kernel: which, and when. */
void seen_elsewhere(const char *where);
void check_failed(const char *file, int line, const char *what, uint64_t expected, uint64_t actual);
extern unsigned int cases_begun, cases_passed, cases_failed;

#define CHECK(condition)                                                    \
	do {                                                                \
		if (!(condition)) {                                         \
			check_failed(__FILE__, __LINE__, #condition, 1, 0); \
		}                                                           \
	} while (0)
#define CHECK_EQUAL(expected, actual)                                                    \
	do {                                                                             \
		uint64_t expected_ = (uint64_t)(expected), actual_ = (uint64_t)(actual); \
		if (expected_ != actual_) {                                              \
			check_failed(__FILE__, __LINE__, #actual, expected_, actual_);   \
		}                                                                        \
	} while (0)
/* A call must return that error. run.py reads the pairs of error and invocation from these lines: BH_... label or bh_ function
 * and error must be literal. */
#define REFUSED(error, call) CHECK_EQUAL(error, call)
/* A condition that the rest of the case can't do without. */
#define REQUIRE(condition)                                                  \
	do {                                                                \
		if (!(condition)) {                                         \
			check_failed(__FILE__, __LINE__, #condition, 1, 0); \
			return;                                             \
		}                                                           \
	} while (0)
#define REQUIRE_OK(call)                                                        \
	do {                                                                    \
		uint64_t error_ = (uint64_t)(call);                             \
		if (error_ != BH_OK) {                                          \
			check_failed(__FILE__, __LINE__, #call, BH_OK, error_); \
			return;                                                 \
		}                                                               \
	} while (0)

/* An invocation with one to six arguments, the others 0. */
#define INVOKE(capability, label, ...) INVOKE_(capability, label, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define INVOKE_(capability, label, a0, a1, a2, a3, a4, a5, ...) \
	bh_invoke(capability, label, a0, a1, a2, a3, a4, a5, NULL)

#define SELF BH_BOOT_CNODE
#define OWN_SPACE BH_BOOT_ADDRESS_SPACE
#define OWN_BUFFER ((struct bh_ipc_buffer *)BH_BOOT_BUFFER_ADDRESS)
#define OWN_PRIORITY 200 /* of the thread that runs the cases */
#define MAP_RW (BH_MAP_READ | BH_MAP_WRITE)
#define MAP_ALL (BH_MAP_READ | BH_MAP_WRITE | BH_MAP_EXECUTE)
#define NO_SLOT ((UINT64_C(1) << BH_BOOT_CNODE_BITS) - 1)

/* Empty slots of the own CNode. */
uint64_t slot_new(void);
uint64_t slot_run(uint64_t count);
/* Deletes everything made since the case began, all threads included. */
void slots_reset(void);

/* An Untyped of 64 MiB that cases make their objects from. */
extern uint64_t pool;

/* A new object from the pool, or 0. */
uint64_t object_new(enum bh_object_type type, uint64_t size_bits);
/* A copy or minted copy in a new slot of the own CNode, or 0. */
uint64_t copy_new(uint64_t slot, uint64_t rights);
uint64_t mint_new(uint64_t slot, uint64_t rights, uint64_t badge);

/* Maps a frame at an address of a space, making PageTables from the pool on the way. */
enum bh_error map_with_tables(uint64_t frame, uint64_t space, uint64_t address, uint64_t flags);
/* Addresses of the own space that nothing is mapped at, `bytes` of them, aligned likewise (a power of two). */
uint64_t address_new(uint64_t bytes);
/* A new 4 KiB frame mapped read-write in the own space; returns the address, the Frame's slot. */
void *page_new(uint64_t *frame);

/* A thread in the own spaces. What is 0 in the structure before thread_new is the usual: no fault endpoint, no FPU, budget and
 * period of 10 ms, own address space and CNode. Suspended: resume it, or put it in Recv. */
struct test_thread {
	uint64_t fault_endpoint, budget, period, space, cnode;
	bool use_fpu, no_buffer;
	uint64_t thread, context, buffer_frame;
	struct bh_ipc_buffer *buffer;
	struct bh_thread_registers registers; /* as it begins */
};
bool thread_new(struct test_thread *thread, void (*function)(uint64_t), uint64_t argument,
	unsigned int priority, bool active);
/* One without a context that waits in Recv; function begins with the first message. */
bool passive_new(struct test_thread *thread, void (*function)(struct bh_message *, uint64_t),
	uint64_t argument, unsigned int priority, uint64_t endpoint, uint64_t reply);

/* A thread that does one blocking system call, tells the result, and stops; resumed, it does it again. */
enum operation { DO_CALL, DO_SEND, DO_RECEIVE, DO_REPLY_RECEIVE, DO_WAIT };
struct actor {
	struct test_thread thread;
	enum operation operation;
	uint64_t capability, reply;
	struct bh_message message;     /* sent; then what was received */
	volatile uint64_t error, done; /* of the last one; how many ended */
};
bool actor_new(struct actor *actor, enum operation operation, uint64_t capability, unsigned int priority);

/* A thread of higher priority that a timer wakes again and again: how often it did, shows that others were interrupted. */
extern volatile uint64_t ticks;
bool ticker_start(uint64_t microseconds);

static inline uint64_t rdtsc(void) { return bh_tsc(); }

static inline uint64_t ticks_of_us(uint64_t microseconds) { return microseconds * boot_info->tsc_khz / 1000; }

/* Lets others of the same or lower priority run: waits on a timer for that many microseconds. */
void pause_us(uint64_t microseconds);
/* Pauses until *word is not less than the value; false: it didn't come in a very long time. */
bool wait_until(const volatile uint64_t *word, uint64_t value);

/* Facts about the capability in a slot of the own CNode; type NULL where it is empty. */
struct bh_capability_facts facts_of(uint64_t slot);

/* The groups, in the order in which they run: each is the function group_NAME in NAME.c. */
#define GROUPS(X)                                                                             \
	X(cnode, "CNodes and derivation")                                                     \
	X(untyped, "Untyped and Retype")                                                      \
	X(preempt, "interrupts that come inside long work")                                   \
	X(thread, "threads: registers, life and end, priorities, upcalls")                    \
	X(fault, "faults of threads")                                                         \
	X(ipc, "messages between threads")                                                    \
	X(between, "messages between two address spaces")                                     \
	X(donation, "whose time a server runs on")                                            \
	X(chain, "chains of servers, and their end in every order")                           \
	X(fast, "the short way of a call, and what it leaves to the general way")             \
	X(fast_middle, "what happens in the middle of a call that came by the short way")     \
	X(fast_order, "the short way of a call, and who else has a claim")                    \
	X(transfer, "capabilities in messages")                                               \
	X(notification, "notifications and who they are bound to")                            \
	X(timer, "timers")                                                                    \
	X(sched, "scheduling contexts: budgets, periods, priorities")                         \
	X(inversion, "hangs, empty budgets, and who waits for whom")                          \
	X(space, "host address spaces: page tables and frames")                               \
	X(guest_space, "guest spaces and the routes of their ports")                          \
	X(guest, "exits of a virtual CPU, and what its invocations refuse")                   \
	X(guest_state, "the state page: what is loaded, clamped, refused, injected")          \
	X(guest_malformed, "state pages that are wrong in each field")                        \
	X(guest_signal, "signals, halting and stopping of a virtual CPU")                     \
	X(guest_route, "routed port accesses and doorbells")                                  \
	X(fast_guest, "what happens in the middle of an exit that came by the short way")     \
	X(fast_open, "calls and exits that nobody disturbs until they are answered")          \
	X(guest_end, "the end of a virtual CPU and of what it needs; isolation")              \
	X(guest_apart, "nothing of one guest shows in another, or in a thread")               \
	X(teardown, "anything is deleted at any time, and what is left is usable")            \
	X(teardown_thread, "what a thread needs is deleted, in each state that it can be in") \
	X(flush, "no translation outlives its mapping")                                       \
	X(device, "host ports and interrupt lines")                                           \
	X(msi, "message-signalled interrupts")                                                \
	X(io_space, "what DMA reaches")                                                       \
	X(no_iommu, "IoSpaces of a machine without an IOMMU")                                 \
	X(found, "what random calls found")                                                   \
	X(boot, "what the kernel tells the root task: boot information, log and trace")

#define GROUP_FUNCTION(name, about) void group_##name(void);
GROUPS(GROUP_FUNCTION)
