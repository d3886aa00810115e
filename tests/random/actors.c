/* SPDX-License-Identifier: MIT */
/* Threads that make random calls of their own. An actor is who runs on the stack of its place: threads of the arena that can be
 * actors are all made of one Untyped, and a thread's place in it says which stack is its own. So no two threads ever share one,
 * whatever the calls do to them. */
#include "random.h"

#include "harness.h"

#define STACK_BYTES 4096u

extern const char thread_entry[];
extern const uint8_t guest_page[], guest_page_end[];

uint64_t thread_base, guest_frame_slot, seed_of_run;

static struct bh_ipc_buffer *buffers[ACTORS];
static uint64_t buffer_frames[ACTORS];
static uint64_t disturber_timer, disturber_notification;
static struct caller actors[ACTORS], disturber_caller;
static uint8_t stacks[ACTORS + 1][STACK_BYTES] __attribute__((aligned(16)));

bool actors_initialise(void)
{
	uint8_t *page = page_new(&guest_frame_slot);

	for (size_t i = 0; page != NULL && i < (size_t)(guest_page_end - guest_page); i++) {
		page[i] = guest_page[i];
	}
	for (uint64_t i = 0; i < ACTORS; i++) {
		actors[i].random = seed_of_run ^ (i + 3) * UINT64_C(0xd1342543de82ef95);
		buffers[i] = page_new(&buffer_frames[i]);
		if (buffers[i] == NULL) {
			return false;
		}
	}
	return page != NULL;
}

/* Memory that may be mapped, or not: then this is a fault. */
static void touch_window(struct caller *caller)
{
	volatile uint64_t *word = (volatile uint64_t *)(WINDOW + random_below(caller, 8) * PAGE_BYTES +
							random_below(caller, 75) * 8);

	if (one_in(caller, 2)) {
		*word = random_next(caller);
	} else {
		(void)*word;
	}
}

static void foreign_call(struct caller *caller)
{
	uint64_t number = random_next(caller) >> 1;

	__asm__ volatile("syscall" : "+a"(number) : : "rcx", "r11", "memory");
}

static void actor(uint64_t index)
{
	struct caller *caller = &actors[index];

	for (;;) {
		switch (random_below(caller, 128)) {
		case 0:
			touch_window(caller);
			break;
		case 1:
			foreign_call(caller);
			break;
		case 2:
			__asm__ volatile("pxor %%xmm0, %%xmm0" : : : "memory");
			break;
		case 3:
			if (one_in(caller, 4)) {
				__asm__ volatile("ud2");
			}
			break;
		default:
			random_call(caller);
			break;
		}
	}
}

/* The director's buffer has the registers only as long as that takes: a message that carried them on could start a second thread on
 * this stack. */
static void write_start(struct caller *caller, uint64_t slot, uint64_t index)
{
	struct bh_thread_registers *registers = (struct bh_thread_registers *)caller->buffer->words;

	*registers = (struct bh_thread_registers){ .rip = (uint64_t)thread_entry,
		.rsp = (uint64_t)(stacks[index] + STACK_BYTES),
		.rbx = (uint64_t)actor,
		.rbp = index };
	(void)invoke(caller, slot, BH_THREAD_WRITE_REGISTERS, 0, 0, 0, 0, 0, 0);
	registers->rip = 0x1000;
	registers->rsp = 0;
}

/* Which actor the thread in a slot is, or ACTORS. */
static uint64_t actor_in(struct caller *caller, uint64_t slot)
{
	struct call inspect = { .number = BH_SYS_INVOKE,
		.capability = BH_BOOT_CNODE,
		.info = BH_CNODE_INSPECT,
		.argument = { slot } };
	enum bh_error error = perform(caller, &inspect);
	uint64_t index = (inspect.results.r[2] - thread_base) >> BH_THREAD_BITS;

	if (error != BH_OK || (inspect.results.r[0] & 0xff) != BH_OBJECT_THREAD ||
		inspect.results.r[2] < thread_base || index >= ACTORS) {
		return ACTORS;
	}
	return index;
}

void actor_receives(struct caller *caller, uint64_t slot)
{
	uint64_t index = actor_in(caller, slot);

	if (index < ACTORS) {
		actors[index].received = true;
	}
}

void actor_begin(struct caller *caller, uint64_t slot)
{
	uint64_t index = actor_in(caller, slot), random = random_next(caller);
	struct caller *who;

	if (index == ACTORS) {
		return;
	}
	(void)invoke(caller, slot, BH_THREAD_SUSPEND, 0, 0, 0, 0, 0, 0);
	who = &actors[index];
	who->index = index;
	who->may_block = true;
	who->buffer = index % 8 == 7 ? NULL : buffers[index];
	who->work_slots[0] = index % 2 == 0 ? 0 : model_pick(random, BH_OBJECT_ENDPOINT);
	who->work_slots[1] = model_pick(random_next(caller), BH_OBJECT_REPLY);
	if (who->work_slots[0] == NOWHERE) {
		who->work_slots[0] = 0;
	}
	(void)invoke(caller, slot, BH_THREAD_CONFIGURE, BH_BOOT_CNODE, BH_BOOT_ADDRESS_SPACE,
		who->buffer != NULL ? buffer_frames[index] : 0,
		random % 2 != 0 ? 0 : model_pick(random_next(caller), BH_OBJECT_ENDPOINT),
		(50 + index) | (uint64_t)MAXIMUM_PRIORITY << 8 | (random >> 8 & 1) << 16, 0);
	write_start(caller, slot, index);
	if (who->work_slots[0] != 0 && random % 3 != 0) {
		(void)invoke(
			caller, slot, BH_THREAD_RECEIVE, who->work_slots[0], who->work_slots[1], 0, 0, 0, 0);
		return;
	}
	(void)invoke(caller, slot, BH_THREAD_RESUME, 0, 0, 0, 0, 0, 0);
}

static void disturb(uint64_t unused)
{
	struct caller *caller = &disturber_caller;
	uint64_t word;

	(void)unused;
	for (;;) {
		uint64_t wait = 2000 + random_below(caller, 400000);

		if (bh_timer_arm(disturber_timer, bh_tsc() + wait) != BH_OK ||
			bh_wait(disturber_notification, &word) != BH_OK) {
			__asm__ volatile("ud2");
		}
		for (uint64_t i = random_below(caller, 4); i > 0 && !model_busy; i--) {
			random_call(caller);
		}
	}
}

bool disturber_start(uint64_t seed)
{
	uint64_t thread = object_new(BH_OBJECT_THREAD, 0), context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	struct bh_thread_registers registers = { .rip = (uint64_t)thread_entry,
		.rsp = (uint64_t)(stacks[ACTORS] + STACK_BYTES),
		.rbx = (uint64_t)disturb };

	disturber_timer = object_new(BH_OBJECT_TIMER, 0);
	disturber_notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	disturber_caller = (struct caller){ .random = seed, .keeps_model = true };
	return bh_timer_bind(disturber_timer, mint_new(disturber_notification, BH_RIGHTS_ALL, 1)) == BH_OK &&
	       bh_thread_configure(thread, SELF, OWN_SPACE, 0, 0, DISTURBER_PRIORITY, MAXIMUM_PRIORITY,
		       BH_THREAD_NO_FPU, 0, 0) == BH_OK &&
	       bh_thread_write_registers(thread, OWN_BUFFER, &registers) == BH_OK &&
	       bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 1000, 1000) == BH_OK &&
	       bh_sched_context_bind(context, thread) == BH_OK && bh_thread_resume(thread) == BH_OK;
}
