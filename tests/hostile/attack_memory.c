/* SPDX-License-Identifier: MIT */
/* Memory, instructions and ports of a task that was taken over. Nearly each step is its end; one that is not is told where it must not be possible. */
#include "taken_over.h"

#include <bulkhead/task_page.h>

#include <string.h>

#define PAGE UINT64_C(0x1000)
#define TOP_LEVEL_ENTRIES 256u
#define USER_END UINT64_C(0x800000000000)

extern const char __executable_start[], etext[], _end[]; /* the linker's */
typedef void code_function(void);

static const struct task_info_region *region_at(uint32_t number)
{
	const struct task_info *info = bh_task_info();

	return number < info->region_count
		       ? (const struct task_info_region *)(const void *)((const char *)info +
									 info->region_offset) +
				 number
		       : NULL;
}

/* ---- Memory that it shares ---- */

static void fill(uint64_t address, uint64_t size)
{
	volatile uint64_t *word = (volatile uint64_t *)address;

	for (uint64_t i = 0; i < size / sizeof(*word); i++) {
		word[i] = random_below(4) == 0 ? random_word() : random_value();
	}
}

/* Nonsense in all that it shares with others: lines, rings, its log. Not in its state frame, which only it reads, nor its VM's RAM: a guest that ends would
 * end this task. */
void step_memory(uint64_t step)
{
	const struct task_info_region *region;
	void *page = (void *)TASK_PAGE_ADDRESS;
	uint8_t facts[offsetof(struct task_page, record)];

	for (uint32_t i = 0; (region = region_at(i)) != NULL; i++) {
		if ((region->rights & TASK_INFO_WRITE) != 0 && !task_info_same_name(region->name, "state") &&
			!task_info_same_name(region->name, "ram") &&
			!task_info_same_name(region->name, "ram-high")) {
			fill(region->address, region->size);
		}
	}
	memcpy(facts, page, sizeof(facts));
	fill(TASK_PAGE_ADDRESS, TASK_PAGE_SIZE);
	for (uint32_t slot = 1; slot <= bh_task_info()->capability_count; slot++) {
		progress->succeeded += bh_signal(slot) == BH_OK ? 1 : 0;
	}
	/* The root task has seen it by now. This task still wants to know the time, and to be heard: for that its log has to be full of lines again. */
	memcpy(page, facts, sizeof(facts));
	for (uint32_t i = 0; i < TASK_LOG_RECORDS && step + 1 == MEMORY_STEPS; i++) {
		bh_log("taken over: has written nonsense");
	}
	pause_briefly();
	pause_briefly();
}

/* ---- Addresses ---- */

static bool inside(uint64_t address, uint64_t start, uint64_t size)
{
	return address >= start && address < ((start + size + PAGE - 1) & ~(PAGE - 1));
}

/* Is that memory that the root task gave? */
static bool is_ours(uint64_t address, bool write)
{
	const struct task_info *info = bh_task_info();
	const struct task_info_region *region;
	bool ours = inside(address, TASK_PAGE_ADDRESS, TASK_PAGE_SIZE) ||
		    inside(address, info->heap_address, info->heap_size) ||
		    (!write && inside(address, TASK_INFO_ADDRESS, info->size)) ||
		    (!write && inside(address, (uint64_t)__executable_start,
				       (uint64_t)(_end - __executable_start)));

	for (uint32_t i = 0; (region = region_at(i)) != NULL; i++) {
		ours |= inside(address, region->address, region->size) &&
			(!write || (region->rights & TASK_INFO_WRITE) != 0);
	}
	for (uint32_t i = 0; i < info->thread_count && i < TASK_INFO_MAX_THREADS; i++) {
		ours |= inside(address, info->threads[i].stack_bottom, info->threads[i].stack_size) ||
			inside(address, info->threads[i].ipc_buffer, PAGE) ||
			inside(address, info->threads[i].runtime_block, 2 * PAGE);
	}
	return ours;
}

/* Each 512 GiB of the user half, the edges of what it has, the kernel's half, and anywhere. */
static uint64_t address_of(uint64_t step)
{
	static const uint64_t kernel[] = { USER_END, USER_END - PAGE, UINT64_C(0xffff800000000000),
		UINT64_C(0xffffffff80100000), UINT64_C(0xffffffff80101000), UINT64_C(0xffffffff80140000),
		UINT64_C(0xfffffffffffff000), UINT64_C(0xffff7fffffffffff) };
	const uint32_t kernels = sizeof(kernel) / sizeof(kernel[0]);
	const struct task_info_region *region;
	uint64_t rest;

	if (step < TOP_LEVEL_ENTRIES) {
		return step << 39;
	}
	step -= TOP_LEVEL_ENTRIES;
	if (step < 32) {
		region = region_at((uint32_t)step / 2);
		return region == NULL    ? 0
		       : (step & 1) == 0 ? region->address - 1
					 : (region->address + region->size + PAGE - 1) & ~(PAGE - 1);
	}
	step -= 32;
	if (step < kernels) {
		return kernel[step];
	}
	/* Around its program and its stacks, where the root task works, and anywhere. */
	rest = random_below(3) == 0   ? (uint64_t)__executable_start
	       : random_below(2) == 0 ? bh_task_info()->threads[0].stack_bottom
				      : random_word() % USER_END;
	return rest + (random_below(512) << 12) - (UINT64_C(256) << 12);
}

void step_address(uint64_t step)
{
	bool write = (step & 1) != 0;
	uint64_t address = address_of(step / 2);
	volatile uint64_t *word = (volatile uint64_t *)address;

	/* Where the program's data begin the linker does not say. */
	if (is_ours(address, write) || inside(address, (uint64_t)etext, (uint64_t)(_end - etext))) {
		return;
	}
	if (write) {
		*word = random_word();
	} else {
		(void)*word;
	}
	reached(write ? "write" : "read", address, step);
}

/* ---- Instructions and ports ---- */

/* attack_code.S: 256 times `int n`, and what is the kernel's to do. */
extern const uint8_t code_interrupts[], code_privileged[];

void step_instruction(uint64_t step)
{
	const uint8_t *code = step < CODE_INTERRUPTS
				      ? code_interrupts + step * CODE_INTERRUPT_BYTES
				      : code_privileged + (step - CODE_INTERRUPTS) * CODE_PRIVILEGED_BYTES;

	((code_function *)(uintptr_t)code)();
	reached("instruction", step, 0);
}

/* Every 256th port, every fourth of the first 1024, and some with a meaning; reading and writing in turn. */
void step_port(uint64_t step)
{
	static const uint16_t more[] = { 0x21, 0x61, 0x71, 0x92, 0xb2, 0x3f9, 0x3fd, 0x4d0, 0x604, 0xcf8,
		0xcf9, 0xcfc, 0x501, 0x510, 0x511, 0xffff };
	uint16_t port = (uint16_t)(step < 256   ? step * 256
				   : step < 512 ? (step - 256) * 4
						: more[(step - 512) % (sizeof(more) / sizeof(more[0]))]);
	uint32_t value = 0;

	if (step % 2 == 0) {
		__asm__ volatile("inl %1, %0" : "=a"(value) : "d"(port));
	} else {
		__asm__ volatile("outb %b0, %1" : : "a"(value), "d"(port));
	}
	reached("port", port, step);
}
