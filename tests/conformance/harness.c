/* SPDX-License-Identifier: MIT */
/* The conformance root task: start-up, output, slots, threads. */
#include "harness.h"

#include <stdarg.h>

#define COM1 0x3f8
#define DEBUG_EXIT 0xf4
#define POOL_BITS 26
#define PAGES_BASE UINT64_C(0x10000000)
#define STACK_SIZE 16384

void conformance_main(const struct bh_boot_info *info);

const struct bh_boot_info *boot_info;
unsigned int cases_passed, cases_failed;
uint64_t pool;

static bool case_open, case_failed;
static const char *case_name;
static uint64_t next_slot, first_slot;
static uint64_t next_page = PAGES_BASE;
static uint64_t pause_timer, pause_notification;

static void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void put(char c)
{
	while ((inb(COM1 + 5) & 0x20) == 0) {
	}
	outb(COM1, (uint8_t)c);
}

static void put_number(uint64_t value, unsigned int base)
{
	char digits[20];
	unsigned int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (count > 0) {
		put(digits[--count]);
	}
}

void print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		format++;
		if (*format == 's') {
			for (const char *text = va_arg(arguments, const char *); *text != '\0'; text++) {
				put(*text);
			}
		} else {
			put_number(va_arg(arguments, uint64_t), *format == 'x' ? 16 : 10);
		}
	}
	va_end(arguments);
}

static void case_end(void)
{
	if (!case_open) {
		return;
	}
	case_open = false;
	if (case_failed) {
		cases_failed++;
		print("FAIL %s\n", case_name);
	} else {
		cases_passed++;
		print("ok   %s\n", case_name);
	}
	slots_reset();
}

void case_begin(const char *name, const char *proves)
{
	case_end();
	print("case %s: %s\n", name, proves);
	case_name = name;
	case_open = true;
	case_failed = false;
}

void check_failed(const char *file, int line, const char *what, uint64_t expected, uint64_t actual)
{
	case_failed = true;
	print("%s:%u: %s: expected %u, got %u\n", file, (uint64_t)line, what, expected, actual);
}

uint64_t slot_run(unsigned int count)
{
	uint64_t slot = next_slot;

	next_slot += count;
	return slot;
}

uint64_t slot_new(void)
{
	return slot_run(1);
}

void slots_reset(void)
{
	(void)!bh_cnode_revoke(SELF, pool);
	for (uint64_t slot = first_slot; slot < next_slot; slot++) {
		(void)!bh_cnode_delete(SELF, slot);
	}
	next_slot = first_slot;
	next_page = PAGES_BASE;
}

uint64_t object_new(enum bh_object_type type, uint64_t size_bits)
{
	uint64_t slot = slot_new();

	return bh_untyped_retype(pool, type, size_bits, 0, slot, 1) == BH_OK ? slot : 0;
}

static bool map_with_tables(uint64_t frame, uint64_t space, uint64_t address, uint64_t flags)
{
	for (;;) {
		enum bh_error error = bh_invoke(frame, BH_FRAME_MAP, space, address, flags, 0, 0, 0, 0);
		uint64_t table;

		if (error != BH_ERROR_NOT_MAPPED) {
			return error == BH_OK;
		}
		table = object_new(BH_OBJECT_PAGE_TABLE, 0);
		for (uint64_t level = 3; level >= 1; level--) {
			uint64_t mask = (UINT64_C(1) << (12 + 9 * level)) - 1;

			if (bh_invoke(table, BH_PAGE_TABLE_MAP, space, address & ~mask, level, 0, 0, 0, 0) == BH_OK) {
				break;
			}
		}
	}
}

void *page_new(uint64_t *frame)
{
	uint64_t address = next_page;

	next_page += 4096;
	*frame = object_new(BH_OBJECT_FRAME, 12);
	if (*frame == 0 || !map_with_tables(*frame, BH_BOOT_ADDRESS_SPACE, address, BH_MAP_READ | BH_MAP_WRITE)) {
		return NULL;
	}
	return (void *)address;
}

extern const char thread_entry[];

bool thread_new(struct test_thread *thread, void (*function)(uint64_t), uint64_t argument, unsigned int priority, bool active)
{
	struct bh_thread_registers registers = { 0 };
	uint64_t frame;
	uint8_t *stack = NULL;

	for (unsigned int i = 0; i < STACK_SIZE / 4096; i++) {
		stack = page_new(&frame);
	}
	thread->buffer = page_new(&thread->buffer_frame);
	thread->thread = object_new(BH_OBJECT_THREAD, 0);
	thread->context = 0;
	if (stack == NULL || thread->buffer == NULL || thread->thread == 0) {
		return false;
	}
	if (bh_thread_configure(thread->thread, BH_BOOT_CNODE, BH_BOOT_ADDRESS_SPACE, thread->buffer_frame,
				thread->fault_endpoint, priority, priority, BH_THREAD_NO_FPU, 0, 0) != BH_OK) {
		return false;
	}
	registers.rip = (uint64_t)thread_entry;
	registers.rsp = (uint64_t)(stack + 4096);
	registers.rbx = (uint64_t)function;
	registers.rbp = argument;
	if (bh_thread_write_registers(thread->thread, OWN_BUFFER, &registers, 0) != BH_OK) {
		return false;
	}
	if (active) {
		thread->context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
		return bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, thread->context, 10000, 10000) == BH_OK &&
		       bh_sched_context_bind(thread->context, thread->thread) == BH_OK;
	}
	return true;
}

void pause_us(uint64_t microseconds)
{
	uint64_t word;

	(void)!bh_timer_arm(pause_timer, rdtsc() + microseconds * boot_info->tsc_khz / 1000);
	(void)!bh_wait(pause_notification, &word);
}

static bool open_ports(uint64_t first, uint64_t count)
{
	uint64_t ports = slot_new();

	return bh_untyped_retype(pool, BH_OBJECT_IO_PORTS, 0, 0, ports, 1) == BH_OK &&
	       bh_invoke(BH_BOOT_IO_PORT_CONTROL, BH_IO_PORT_CONTROL_CONFIGURE, ports, first, count, 0, 0, 0, 0) == BH_OK &&
	       bh_invoke(ports, BH_IO_PORTS_MAP, BH_BOOT_ADDRESS_SPACE, 0, 0, 0, 0, 0, 0) == BH_OK;
}

static uint64_t find_memory(unsigned int bits)
{
	for (uint32_t i = 0; i < boot_info->untyped_count; i++) {
		if (boot_info->untyped[i].device == 0 && boot_info->untyped[i].size_bits >= bits) {
			return boot_info->untyped_first + i;
		}
	}
	return 0;
}

void conformance_main(const struct bh_boot_info *info)
{
	uint64_t memory;

	boot_info = info;
	next_slot = info->free_first;
	memory = find_memory(POOL_BITS + 1);
	pool = memory; /* the harness's own objects */
	if (memory == 0 || !open_ports(COM1, 8) || !open_ports(DEBUG_EXIT, 4)) {
		__asm__ volatile("ud2");
	}
	pause_timer = object_new(BH_OBJECT_TIMER, 0);
	pause_notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	uint64_t badged = slot_new();
	(void)!bh_cnode_mint(SELF, badged, 0, pause_notification, BH_RIGHTS_ALL, 1);
	(void)!bh_timer_bind(pause_timer, badged);
	pool = slot_new();
	if (bh_untyped_retype(memory, BH_OBJECT_UNTYPED, POOL_BITS, 0, pool, 1) != BH_OK) {
		__asm__ volatile("ud2");
	}
	first_slot = next_slot;
	print("conformance: started\n");
	group_ipc();
	group_guest();
	case_end();
	print("CONFORMANCE %u passed, %u failed\n", (uint64_t)cases_passed, (uint64_t)cases_failed);
	outb(DEBUG_EXIT, cases_failed == 0 ? 0 : 1);
	for (;;) {
	}
}
