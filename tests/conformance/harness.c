/* SPDX-License-Identifier: MIT */
/* What conformance cases stand on: start-up and end, output, slots, threads. Other root tasks that test the kernel link it, too. */
#include "harness.h"

#include <stdarg.h>

#define COM1 0x3f8
#define DEBUG_EXIT 0xf4
#define BOCHS_EXIT 0x8900
#define POOL_BITS 26
#define PAGES_BASE UINT64_C(0x10000000)
#define STACK_SIZE 8192

const struct bh_boot_info *boot_info;
unsigned int cases_begun, cases_passed, cases_failed;
uint64_t pool;

static bool case_open, case_failed;
static const char *case_name;
static uint64_t next_slot, first_slot;
static uint64_t next_page = PAGES_BASE;
static uint64_t pause_timer, pause_notification;

/* The compiler may call these. */
void *memset(void *destination, int value, size_t length);
void *memcpy(void *restrict destination, const void *restrict source, size_t length);

void *memset(void *destination, int value, size_t length)
{
	void *to = destination;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(value) : "memory");
	return destination;
}

void *memcpy(void *restrict destination, const void *restrict source, size_t length)
{
	void *to = destination;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(source), "+c"(length) : : "memory");
	return destination;
}

static void outb(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void put(char c)
{
	while ((inb(COM1 + 5) & 0x20) == 0) {}
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

void case_end(void)
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
	cases_begun++;
	case_failed = false;
}

void seen_elsewhere(const char *where) { print("elsewhere %s\n", where); }

void check_failed(const char *file, int line, const char *what, uint64_t expected, uint64_t actual)
{
	case_failed = true;
	print("%s:%u: %s: expected %u, got %u\n", file, (uint64_t)line, what, expected, actual);
}

uint64_t slot_run(uint64_t count)
{
	uint64_t slot = next_slot;

	next_slot += count;
	return slot;
}

uint64_t slot_new(void) { return slot_run(1); }

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

uint64_t copy_new(uint64_t source, uint64_t rights)
{
	uint64_t slot = slot_new();

	return bh_cnode_copy(SELF, slot, 0, source, rights) == BH_OK ? slot : 0;
}

uint64_t mint_new(uint64_t source, uint64_t rights, uint64_t badge)
{
	uint64_t slot = slot_new();

	return bh_cnode_mint(SELF, slot, 0, source, rights, badge) == BH_OK ? slot : 0;
}

struct bh_capability_facts facts_of(uint64_t slot)
{
	struct bh_capability_facts facts;

	if (bh_cnode_inspect(SELF, slot, &facts) != BH_OK) {
		facts = (struct bh_capability_facts){ .type = BH_OBJECT_NULL };
	}
	return facts;
}

enum bh_error map_with_tables(uint64_t frame, uint64_t space, uint64_t address, uint64_t flags)
{
	for (;;) {
		enum bh_error error = INVOKE(frame, BH_FRAME_MAP, space, address, flags);
		uint64_t table;

		if (error != BH_ERROR_NOT_MAPPED) {
			return error;
		}
		table = object_new(BH_OBJECT_PAGE_TABLE, 0);
		if (table == 0) {
			return BH_ERROR_MEMORY;
		}
		for (uint64_t level = 3; level >= 1; level--) {
			uint64_t mask = (UINT64_C(1) << (12 + 9 * level)) - 1;

			if (INVOKE(table, BH_PAGE_TABLE_MAP, space, address & ~mask, level) == BH_OK) {
				break;
			}
		}
	}
}

uint64_t address_new(uint64_t bytes)
{
	uint64_t address = (next_page + bytes - 1) & ~(bytes - 1);

	next_page = address + bytes;
	return address;
}

void *page_new(uint64_t *frame)
{
	uint64_t address = address_new(4096);

	*frame = object_new(BH_OBJECT_FRAME, 12);
	if (*frame == 0 || map_with_tables(*frame, OWN_SPACE, address, MAP_RW) != BH_OK) {
		return NULL;
	}
	return (void *)address;
}

extern const char thread_entry[], passive_entry[];

static bool thread_make(struct test_thread *thread, uint64_t entry, uint64_t function, uint64_t argument,
	unsigned int priority)
{
	uint64_t frame;
	uint8_t *stack = NULL;

	for (unsigned int i = 0; i < STACK_SIZE / 4096; i++) {
		stack = page_new(&frame);
	}
	if (thread->no_buffer) {
		thread->buffer_frame = 0;
	} else {
		thread->buffer = page_new(&thread->buffer_frame);
	}
	thread->thread = object_new(BH_OBJECT_THREAD, 0);
	thread->context = 0;
	if (stack == NULL || thread->thread == 0 ||
		bh_thread_configure(thread->thread, thread->cnode != 0 ? thread->cnode : SELF,
			thread->space != 0 ? thread->space : OWN_SPACE, thread->buffer_frame,
			thread->fault_endpoint, priority, priority, thread->use_fpu ? 0 : BH_THREAD_NO_FPU, 0,
			0) != BH_OK) {
		return false;
	}
	thread->registers = (struct bh_thread_registers){
		.rip = entry, .rsp = (uint64_t)(stack + 4096), .rbx = function, .rbp = argument
	};
	return bh_thread_write_registers(thread->thread, OWN_BUFFER, &thread->registers) == BH_OK;
}

bool thread_new(struct test_thread *thread, void (*function)(uint64_t), uint64_t argument,
	unsigned int priority, bool active)
{
	if (!thread_make(thread, (uint64_t)thread_entry, (uint64_t)function, argument, priority)) {
		return false;
	}
	if (!active) {
		return true;
	}
	thread->context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	return bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, thread->context,
		       thread->budget != 0 ? thread->budget : 10000,
		       thread->period != 0 ? thread->period : 10000) == BH_OK &&
	       bh_sched_context_bind(thread->context, thread->thread) == BH_OK;
}

bool passive_new(struct test_thread *thread, void (*function)(struct bh_message *, uint64_t),
	uint64_t argument, unsigned int priority, uint64_t endpoint, uint64_t reply)
{
	return thread_make(thread, (uint64_t)passive_entry, (uint64_t)function, argument, priority) &&
	       bh_thread_receive(thread->thread, endpoint, reply) == BH_OK;
}

static void act(uint64_t argument)
{
	struct actor *actor = (struct actor *)argument;

	for (;;) {
		uint64_t word = 0;
		enum bh_error error = BH_OK;

		switch (actor->operation) {
		case DO_CALL:
			error = bh_call(actor->capability, &actor->message);
			break;
		case DO_SEND:
			error = bh_send(actor->capability, &actor->message);
			break;
		case DO_RECEIVE:
			error = bh_receive(actor->capability, actor->reply, &actor->message);
			break;
		case DO_REPLY_RECEIVE:
			error = bh_reply_receive(actor->capability, actor->reply, &actor->message);
			break;
		case DO_WAIT:
			error = bh_wait(actor->capability, &word);
			actor->message.badge = word;
			break;
		}
		actor->error = error;
		actor->done = actor->done + 1;
		(void)!bh_thread_suspend(actor->thread.thread);
	}
}

bool actor_new(struct actor *actor, enum operation operation, uint64_t capability, unsigned int priority)
{
	actor->operation = operation;
	actor->capability = capability;
	actor->done = 0;
	actor->error = BH_ERROR_COUNT;
	return thread_new(&actor->thread, act, (uint64_t)actor, priority, true) &&
	       bh_thread_resume(actor->thread.thread) == BH_OK;
}

volatile uint64_t ticks;

struct ticker {
	struct test_thread thread;
	uint64_t timer, notification, interval;
};

static void tick(uint64_t argument)
{
	const struct ticker *ticker = (const struct ticker *)argument;
	uint64_t word;

	for (;;) {
		if (bh_timer_arm(ticker->timer, rdtsc() + ticker->interval) != BH_OK ||
			bh_wait(ticker->notification, &word) != BH_OK) {
			__asm__ volatile("ud2");
		}
		ticks = ticks + 1;
	}
}

bool ticker_start(uint64_t microseconds)
{
	static struct ticker ticker;

	ticker = (struct ticker){ .interval = ticks_of_us(microseconds) };
	ticker.timer = object_new(BH_OBJECT_TIMER, 0);
	ticker.notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	ticks = 0;
	return bh_timer_bind(ticker.timer, mint_new(ticker.notification, BH_RIGHTS_ALL, 1)) == BH_OK &&
	       thread_new(&ticker.thread, tick, (uint64_t)&ticker, OWN_PRIORITY + 20, true) &&
	       bh_thread_resume(ticker.thread.thread) == BH_OK;
}

void pause_us(uint64_t microseconds)
{
	uint64_t word;

	(void)!bh_timer_arm(pause_timer, rdtsc() + ticks_of_us(microseconds));
	(void)!bh_wait(pause_notification, &word);
}

bool wait_until(const volatile uint64_t *word, uint64_t value)
{
	for (unsigned int i = 0; i < 10000; i++) {
		if (*word >= value) {
			return true;
		}
		pause_us(1000);
	}
	return false;
}

static bool open_ports(uint64_t first, uint64_t count)
{
	uint64_t ports = slot_new();

	return bh_untyped_retype(pool, BH_OBJECT_IO_PORTS, 0, 0, ports, 1) == BH_OK &&
	       bh_invoke(BH_BOOT_IO_PORT_CONTROL, BH_IO_PORT_CONTROL_CONFIGURE, ports, first, count, 0, 0, 0,
		       0) == BH_OK &&
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

void harness_start(const struct bh_boot_info *info)
{
	uint64_t memory;

	boot_info = info;
	next_slot = info->free_first;
	memory = find_memory(POOL_BITS + 1);
	pool = memory; /* the harness's own objects */
	if (memory == 0 || !open_ports(COM1, 8) || !open_ports(DEBUG_EXIT, 4) || !open_ports(BOCHS_EXIT, 1)) {
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
}

void harness_end(unsigned int code)
{
	outb(DEBUG_EXIT, (uint8_t)code); /* ends QEMU */
	while ((inb(COM1 + 5) & 0x40) == 0) {}
	for (const char *text = "Shutdown"; *text != '\0'; text++) {
		outb(BOCHS_EXIT, (uint8_t)*text); /* ends Bochs */
	}
	for (;;) {}
}
