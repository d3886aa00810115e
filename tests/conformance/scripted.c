/* SPDX-License-Identifier: MIT */
/* Threads that follow a list of steps. */
#include "scripted.h"

/* rbx: the step. */
extern const uint8_t script_start[], script_received[], script_end[];
__asm__(".text\n"
	"script_start:\n"
	"	movq (%rbx), %rax\n"
	"	cmpq $1, %rax\n"
	"	jb 1f\n"
	"	je 2f\n"
	"	movq 8(%rbx), %rdi\n"
	"	movq 16(%rbx), %rsi\n"
	"	movq 24(%rbx), %rdx\n"
	"	movq 32(%rbx), %r12\n"
	"	syscall\n"
	"script_received:\n"
	"	movq %rax, 40(%rbx)\n"
	"	movq %rdi, 48(%rbx)\n"
	"	movq %rsi, 56(%rbx)\n"
	"	movq %rdx, 64(%rbx)\n"
	"	incq 72(%rbx)\n"
	"	addq $80, %rbx\n"
	"	jmp script_start\n"
	"1:	incq 72(%rbx)\n"
	"	jmp script_start\n"
	"2:	incq 72(%rbx)\n"
	"	movq 8(%rbx), %rbx\n"
	"	jmp script_start\n"
	"script_end:\n");
_Static_assert(sizeof(struct step) == 80 && offsetof(struct step, result) == 40, "script_start");
_Static_assert(STEPS * sizeof(struct step) <= 4096, "a page");

bool scripted_map(struct scripted *scripted)
{
	return map_with_tables(copy_new(scripted->code_frame, BH_RIGHTS_ALL), scripted->space, scripted->code,
		       BH_MAP_READ | BH_MAP_EXECUTE) == BH_OK &&
	       map_with_tables(copy_new(scripted->steps_frame, BH_RIGHTS_ALL), scripted->space,
		       (uint64_t)scripted->steps, MAP_RW) == BH_OK;
}

static bool begin(struct scripted *scripted, const uint8_t *where, unsigned int step)
{
	struct bh_thread_registers registers = { .rip = scripted->code + (uint64_t)(where - script_start),
		.rbx = (uint64_t)&scripted->steps[step] };

	return bh_thread_configure(scripted->thread, scripted->cnode, scripted->space, scripted->buffer_frame,
		       scripted->fault_endpoint, scripted->priority, scripted->priority, BH_THREAD_NO_FPU, 0,
		       0) == BH_OK &&
	       bh_thread_write_registers(scripted->thread, OWN_BUFFER, &registers) == BH_OK;
}

bool scripted_restart(struct scripted *scripted, unsigned int step)
{
	return begin(scripted, script_start, step);
}

bool scripted_bind(struct scripted *scripted)
{
	scripted->context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	return bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, scripted->context,
		       scripted->budget != 0 ? scripted->budget : 10000,
		       scripted->period != 0 ? scripted->period : 10000) == BH_OK &&
	       bh_sched_context_bind(scripted->context, scripted->thread) == BH_OK;
}

static bool make(struct scripted *scripted, unsigned int priority, const uint8_t *where)
{
	uint8_t *code = page_new(&scripted->code_frame);

	scripted->priority = priority;
	scripted->steps = page_new(&scripted->steps_frame);
	scripted->thread = object_new(BH_OBJECT_THREAD, 0);
	scripted->buffer_frame = object_new(BH_OBJECT_FRAME, 12);
	scripted->cnode = SELF;
	scripted->space = OWN_SPACE;
	scripted->code = (uint64_t)script_start;
	if (code == NULL || scripted->steps == NULL) {
		return false;
	}
	if (scripted->apart) {
		for (size_t i = 0; i < (size_t)(script_end - script_start); i++) {
			code[i] = script_start[i];
		}
		scripted->code = (uint64_t)code;
		scripted->cnode = object_new(BH_OBJECT_CNODE, 4);
		scripted->space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
		if (!scripted_map(scripted)) {
			return false;
		}
	}
	return begin(scripted, where, 0);
}

bool scripted_new(struct scripted *scripted, unsigned int priority, bool active)
{
	return make(scripted, priority, script_start) && (!active || scripted_bind(scripted));
}

bool scripted_passive(struct scripted *scripted, unsigned int priority, uint64_t endpoint, uint64_t reply)
{
	return make(scripted, priority, script_received) &&
	       bh_thread_receive(scripted->thread, endpoint, reply) == BH_OK;
}

void scripted_received(const struct scripted *scripted, const uint8_t *code, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		((volatile uint8_t *)scripted->code)[(size_t)(script_received - script_start) + i] = code[i];
	}
}

void scripted_step(const struct scripted *scripted, unsigned int step, uint64_t system_call,
	uint64_t capability, uint64_t info, uint64_t word, uint64_t reply)
{
	volatile struct step *to = &scripted->steps[step];

	to->capability = capability;
	to->info = info;
	to->word = word;
	to->reply = reply;
	to->number = BH_SYSCALL | system_call;
}

void scripted_special(const struct scripted *scripted, unsigned int step, uint64_t what)
{
	scripted->steps[step].number = what;
}

void scripted_loop(const struct scripted *scripted, unsigned int step, unsigned int to)
{
	scripted->steps[step].capability = (uint64_t)&scripted->steps[to];
	scripted->steps[step].number = STEP_JUMP;
}
