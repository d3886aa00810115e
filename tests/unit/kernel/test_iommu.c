/* SPDX-License-Identifier: MIT */
/* The kernel's driver of IOMMUs and its IoSpaces' faults, on a model of an IOMMU: registers in memory, commands carried out when the
 * driver waits, and events that it logs, which QEMU's does not. Publication 48882. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/layout.h"

/* Physical addresses are this program's. */
static void *model_address(uint64_t physical) { return (void *)physical; }
static uint64_t model_physical(const void *pointer) { return (uint64_t)pointer; }
static void model_run(void);
static uint32_t model_config_read(void);
static void model_config_write(uint16_t port, uint32_t value);
#define phys_to_virt(physical) model_address(physical)
#define virt_to_phys(pointer) model_physical(pointer)
#define cpu_relax() model_run()
#define inl(port) model_config_read()
#define outl(port, value) model_config_write(port, value)

#include "arch/x86_64/iommu.c"
#include "object/io_space.c"

static uint8_t registers[IOMMU_REGISTER_BYTES] __attribute__((aligned(4096)));
static uint32_t config[64], config_address;
static uint64_t commands_done[64][2];
static unsigned int command_count, log_lines, signals;
static bool deaf;

struct clock_rates clock_rates = { .tsc_khz = 1000 };

static uint64_t *reg(uint32_t offset) { return (uint64_t *)(void *)(registers + offset); }

/* The status register: the event bits are cleared by writing them, the others follow the control register. What it shows is never what the driver
 * writes to it, so a write is noticed. `setting`: bits that come back when they are cleared, once. */
static uint64_t status_events, status_shown, setting;

static void model_status(void)
{
	uint64_t control = *reg(REGISTER_CONTROL);

	if (*reg(REGISTER_STATUS) != status_shown) {
		uint64_t written = *reg(REGISTER_STATUS);

		status_events = (status_events & ~written) | (setting & written);
		setting &= ~written;
	}
	status_shown = status_events | ((control & CONTROL_EVENTS) != 0 ? STATUS_EVENTS_RUN : 0) |
		       ((control & CONTROL_COMMANDS) != 0 ? STATUS_COMMANDS_RUN : 0);
	*reg(REGISTER_STATUS) = status_shown;
}

static void model_run(void)
{
	uint64_t *buffer = (uint64_t *)(*reg(REGISTER_COMMANDS) & TABLE_ADDRESS);

	model_status();
	while (!deaf && *reg(REGISTER_COMMAND_HEAD) != *reg(REGISTER_COMMAND_TAIL)) {
		uint64_t *entry = buffer + *reg(REGISTER_COMMAND_HEAD) / 8;

		if (entry[0] >> 60 == 1) {
			*(uint64_t *)(entry[0] & UINT64_C(0xffffffffffff8)) = entry[1];
		} else if (command_count < 64) {
			memcpy(commands_done[command_count++], entry, 16);
		}
		*reg(REGISTER_COMMAND_HEAD) = (*reg(REGISTER_COMMAND_HEAD) + 16) % 4096;
	}
}

static uint32_t model_config_read(void) { return config[(config_address & 0xff) / 4]; }

static void model_config_write(uint16_t port, uint32_t value)
{
	if (port == CONFIG_ADDRESS_PORT) {
		config_address = value;
	} else {
		config[(config_address & 0xff) / 4] = value;
	}
}

/* Every piece stands at a multiple of its size; nothing is given back. */
uint64_t boot_memory_take(unsigned int bits)
{
	static uint8_t memory[6u << 20] __attribute__((aligned(2u << 20)));
	static uint64_t used;
	uint64_t size = UINT64_C(1) << bits, start = (used + size - 1) & ~(size - 1);

	assert_true(start + size <= sizeof(memory));
	used = start + size;
	return (uint64_t)memory + start;
}

bool direct_map_covers(uint64_t physical, uint64_t length) { return physical + length > length; }
uint8_t lapic_id(void) { return 3; }
void log_line(const char *format, ...) { log_lines += format != NULL ? 1 : 0; }
void notification_signal(struct notification *notification, uint64_t bits, bool is_patient)
{
	(void)notification;
	assert_false(is_patient);
	signals += (unsigned int)bits;
}
enum bh_error target_bind(const struct invocation *invocation, struct capability *target)
{
	target->type = invocation != NULL ? BH_OBJECT_NOTIFICATION : BH_OBJECT_NULL;
	return BH_OK;
}
enum bh_error control_find(const struct invocation *invocation, enum bh_invocation label,
	enum bh_object_type type, void **object)
{
	*object = (void *)invocation->argument[0];
	return label == BH_IO_SPACE_CONTROL_CONFIGURE && type == BH_OBJECT_IO_SPACE ? BH_OK : BH_ERROR_TYPE;
}
void panic(const char *format, ...)
{
	(void)format;
	fail_msg("%s", "the driver gave up");
	abort();
}

static struct platform_information platform = { .iommu_count = 1, .io_apic_count = 1 };

static void refuses_what_confines_nothing(void **state)
{
	(void)state;
	platform.iommus[0] = (struct platform_iommu){ (uint64_t)registers, 0x18, 0x2f };
	*reg(REGISTER_FEATURES) = FEATURES_FORGET_ALL;
	iommu_initialise(&platform);
	assert_false(iommu_is_on()); /* nobody knows what the I/O APIC's interrupts come from */
	platform.io_apic_functions[0] = 0xa0;
	*reg(REGISTER_FEATURES) = ~(uint64_t)FEATURES_FORGET_ALL;
	iommu_initialise(&platform);
	assert_false(iommu_is_on()); /* what it knew before cannot be taken from it */
	*reg(REGISTER_FEATURES) = FEATURES_FORGET_ALL;
	platform.iommu_fault = "malformed";
	iommu_initialise(&platform);
	assert_false(iommu_is_on());
	platform.iommu_fault = NULL;
}

static void starts_blocked(void **state)
{
	(void)state;
	config[0x34 / 4] = 0x40;
	config[0x40 / 4] = 0x500f; /* an IOMMU's capability, then MSI with 64-bit addresses */
	config[0x50 / 4] = 0x800005;
	command_count = 0;
	iommu_initialise(&platform);
	assert_true(iommu_is_on());
	assert_int_equal(command_count, 1);
	assert_int_equal(commands_done[0][0], UINT64_C(8) << 60);
	assert_int_equal(config[0x50 / 4], 0x810005);
	assert_int_equal(config[0x54 / 4], 0xfee03000);
	assert_int_equal(config[0x5c / 4], VECTOR_IOMMU);
	assert_int_equal(config[0x04 / 4], 4);
	assert_int_equal(*reg(REGISTER_CONTROL), 0x100d | 2 | 0x300 | 0x800 | 0x400);
	assert_int_equal(*reg(REGISTER_DEVICE_TABLE) & 0xfff, 511);
	for (uint32_t function = 0; function < 65536; function++) {
		const uint64_t *entry =
			(const uint64_t *)(*reg(REGISTER_DEVICE_TABLE) & TABLE_ADDRESS) + function * 4u;

		assert_int_equal(entry[0] & 3, 3);
		assert_int_equal(entry[0] >> 61, 0);
		assert_int_equal(entry[1] | entry[3], 0);
		assert_true(function == 0xa0 || entry[2] == 1);
	}
	const uint32_t *lines = model_address(device_entry(0xa0)[2] & TABLE_ADDRESS);
	for (uint32_t vector = 0; vector < 256; vector++) {
		assert_int_equal(
			lines[vector], vector >= 0x30 && vector < 0x70 ? 1u | 3u << 8 | vector << 16 : 0);
	}
}

static struct {
	struct io_space space;
	uint8_t rest[4096];
} first __attribute__((aligned(8192)));
static struct invocation invocation;
static struct capability slot = { .rights = BH_RIGHTS_ALL };

static enum bh_error configure(uint64_t function)
{
	invocation.slot = &slot;
	invocation.label = BH_IO_SPACE_CONTROL_CONFIGURE;
	invocation.argument[0] = (uint64_t)&first.space.space;
	invocation.argument[1] = function;
	return io_space_control_invoke(&invocation);
}

static void gives_a_function_its_tables(void **state)
{
	(void)state;
	first.space.space.root_physical = (uint64_t)&first;
	command_count = 0;
	assert_int_equal(configure(0x20), BH_OK);
	assert_int_equal(configure(0x20), BH_ERROR_IN_USE);
	assert_int_equal(first.space.domain, 1);
	assert_int_equal(device_entry(0x20)[0], (uint64_t)&first | 3 | 4u << 9 | UINT64_C(3) << 61);
	assert_int_equal(device_entry(0x20)[1], 1);
	assert_int_equal(command_count, 1);
	assert_int_equal(commands_done[0][0], UINT64_C(2) << 60 | 0x20);
	iommu_flush(1, 0x5000, false);
	assert_int_equal(commands_done[1][0], UINT64_C(3) << 60 | UINT64_C(1) << 32);
	assert_int_equal(commands_done[1][1], 0x5000);
	for (unsigned int i = 0; i < 600; i++) {
		iommu_flush(1, 0, true); /* around the buffer, more than once */
	}
}

static void keeps_messages_apart(void **state)
{
	uint64_t address, data, table;

	(void)state;
	iommu_message_set(0x20, 7, 0x70, &address, &data);
	assert_int_equal(address, 0xfee00000);
	assert_int_equal(data, 7);
	table = device_entry(0x20)[2] & TABLE_ADDRESS;
	iommu_message_set(0x28, 7, 0x71, &address, &data);
	assert_int_not_equal(device_entry(0x28)[2] & TABLE_ADDRESS, table);
	iommu_message_set(0x20, 255, 0x72, &address, &data);
	assert_int_equal(device_entry(0x20)[2] & TABLE_ADDRESS, table);
	assert_int_equal(((uint32_t *)table)[7], 1u | 3u << 8 | 0x70u << 16);
	assert_int_equal(((uint32_t *)table)[255], 1u | 3u << 8 | 0x72u << 16);
	iommu_message_clear(0x20, 7);
	assert_int_equal(((uint32_t *)table)[7], 0);
	assert_true((device_entry(0x20)[2] & WORD2_REMAP) != 0);
	iommu_message_clear(0x20, 255);
	assert_int_equal(device_entry(0x20)[2], 1); /* none: blocked */
	iommu_message_clear(0x28, 7);
}

/* An event, and its interrupt if those are on. */
static void log_event(uint64_t word, uint64_t address)
{
	volatile uint64_t *event = &iommus[0].events[*reg(REGISTER_EVENT_TAIL) / 8];
	uint64_t next = (*reg(REGISTER_EVENT_TAIL) + 16) % 4096;

	model_status();
	if (next == *reg(REGISTER_EVENT_HEAD)) {
		status_events |= STATUS_EVENT_OVERFLOW;
	} else if ((status_events & STATUS_EVENT_OVERFLOW) == 0) {
		event[0] = word;
		event[1] = address;
		*reg(REGISTER_EVENT_TAIL) = next;
		status_events |= STATUS_EVENT_INTERRUPT;
	}
	model_status();
}

static bool interrupts(void) { return (*reg(REGISTER_CONTROL) & CONTROL_EVENT_INTERRUPT) != 0; }

static enum bh_error read_fault(void)
{
	slot.object = (uint64_t)&first.space.space;
	invocation.slot = &slot;
	invocation.label = BH_IO_SPACE_FAULT;
	return io_space_invoke(&invocation);
}

static void tells_of_faults(void **state)
{
	static const struct {
		uint64_t event, kind;
	} kinds[] = { { UINT64_C(2) << 60, BH_IO_FAULT_READ },
		{ UINT64_C(2) << 60 | UINT64_C(1) << 53, BH_IO_FAULT_WRITE },
		{ UINT64_C(2) << 60 | UINT64_C(1) << 51, BH_IO_FAULT_INTERRUPT },
		{ UINT64_C(1) << 60, BH_IO_FAULT_OTHER } };

	(void)state;
	slot.object = (uint64_t)&first.space.space;
	invocation.label = BH_IO_SPACE_BIND;
	assert_int_equal(io_space_invoke(&invocation), BH_OK);
	first.space.target.badge = 1;
	for (unsigned int i = 0; i < 4; i++) {
		log_event(kinds[i].event | 0x20, 0x1000u * i);
		iommu_interrupt();
		assert_int_equal(signals, i + 1);
		assert_true((device_entry(0x20)[1] & WORD1_SILENT) != 0);
		assert_int_equal(read_fault(), BH_OK);
		assert_int_equal(invocation.result[0], 0x20);
		assert_int_equal(invocation.result[1], 0x1000u * i);
		assert_int_equal(invocation.result[2], kinds[i].kind);
		assert_int_equal(invocation.result[3], i + 1);
		assert_int_equal(device_entry(0x20)[1], 1); /* it is listened to again */
		assert_int_equal(*reg(REGISTER_EVENT_HEAD), 16 * (i + 1));
	}
	iommu_interrupt(); /* nothing there */
	assert_int_equal(signals, 4);
}

static void few_lines_for_many_faults(void **state)
{
	(void)state;
	log_lines = 0;
	for (unsigned int i = 0; i < 1000; i++) {
		log_event(UINT64_C(2) << 60 | 0x4321, i); /* in no space */
		iommu_interrupt();
	}
	assert_int_equal(log_lines, 10); /* 1, 2, 4 ... 512 */
	assert_int_equal(signals, 4);
	assert_true((device_entry(0x4321)[1] & WORD1_SILENT) != 0);
	assert_int_equal(iommu_domain(0x4321), 0);
	assert_false(interrupts()); /* for that function goes on though it is silent */
	assert_int_equal(read_fault(), BH_OK);
	assert_true(interrupts());
}

/* What silence does not hold back interrupts once more, and then not until somebody listens; the others' events wait with it. */
static void who_is_not_silenced_waits(void **state)
{
	static struct io_space *space = &first.space;

	(void)state;
	assert_int_equal(read_fault(), BH_OK);
	assert_true(interrupts());
	assert_int_equal(signals, 4);
	log_event(UINT64_C(8) << 60 | 0x20, 0x100);
	iommu_interrupt();
	assert_true(interrupts());
	log_event(UINT64_C(8) << 60 | 0x20, 0x200);
	iommu_interrupt();
	assert_false(interrupts());
	assert_int_equal(signals, 6);
	assert_int_equal(space->fault_count, 6);
	log_event(UINT64_C(8) << 60 | 0x20, 0x300);
	command_count = 0;
	assert_int_equal(read_fault(), BH_OK);
	assert_int_equal(invocation.result[1], 0x300);
	assert_int_equal(invocation.result[3], 7);
	assert_false(interrupts()); /* it had gone on */
	assert_int_equal(command_count, 1);
	assert_int_equal(read_fault(), BH_OK);
	assert_int_equal(invocation.result[3], 7);
	assert_true(interrupts());
	assert_int_equal(signals, 7);
}

/* More events than the log has room for, again and again: each time at most a log is read. */
static void a_full_log_is_started_anew(void **state)
{
	static struct io_space *space = &first.space;
	uint64_t before = space->fault_count;

	(void)state;
	for (unsigned int round = 1; round <= 3; round++) {
		for (unsigned int i = 0; i < 1000; i++) {
			log_event(UINT64_C(2) << 60 | 0x20, 0x7000 + i);
		}
		assert_true((*reg(REGISTER_STATUS) & STATUS_EVENT_OVERFLOW) != 0);
		iommu_interrupt();
		assert_true(space->fault_count <= before + 255u * round);
		assert_false(interrupts());
		assert_int_equal(read_fault(), BH_OK);
		model_status();
		assert_int_equal(*reg(REGISTER_STATUS), STATUS_EVENTS_RUN | STATUS_COMMANDS_RUN);
		assert_int_equal(*reg(REGISTER_CONTROL), iommus[0].control);
		assert_int_equal(*reg(REGISTER_EVENT_HEAD), *reg(REGISTER_EVENT_TAIL));
		assert_int_equal(*reg(REGISTER_EVENT_HEAD), iommus[0].event_head);
	}
	assert_int_equal(space->fault_count, before + 3 * 255u);
	signals = 0;
	log_event(UINT64_C(2) << 60 | 0x20, 0x8000);
	iommu_interrupt();
	assert_int_equal(signals, 1);
	assert_int_equal(read_fault(), BH_OK);
	assert_int_equal(invocation.result[1], 0x8000);
}

/* An event that comes just while its bit is being cleared: the bit stays, and no interrupt will say so. */
static void a_bit_that_stays_is_seen(void **state)
{
	(void)state;
	signals = 0;
	log_event(UINT64_C(2) << 60 | 0x20, 0x9000);
	setting = STATUS_EVENT_INTERRUPT;
	iommu_interrupt();
	assert_int_equal(signals, 1);
	assert_int_equal(setting, 0);
	assert_int_equal(*reg(REGISTER_STATUS) & STATUS_EVENT_INTERRUPT, 0);
	assert_int_equal(read_fault(), BH_OK);
}

static void the_end_blocks(void **state)
{
	(void)state;
	assert_int_equal(configure(0x21), BH_OK);
	command_count = 0;
	io_space_end(&first.space);
	for (uint32_t function = 0x20; function < 0x22; function++) {
		assert_int_equal(device_entry(function)[0], blocked);
		assert_int_equal(device_entry(function)[1], 0);
	}
	assert_int_equal(command_count, 4);
	assert_int_equal(
		commands_done[3][0], UINT64_C(3) << 60 | UINT64_C(1) << 32); /* the domain's pages, last */
	assert_int_equal(commands_done[3][1], PAGES_ALL);
	signals = 0;
	log_event(UINT64_C(2) << 60 | 0x20, 0x9000);
	iommu_interrupt();
	assert_int_equal(signals, 0);
	/* What was not read yet when the function is given to somebody else was nobody's. */
	log_event(UINT64_C(2) << 60 | 0x20, 0xa000);
	first.space.fault_count = first.space.domain = 0;
	assert_int_equal(configure(0x20), BH_OK);
	assert_int_equal(signals, 0);
	assert_int_equal(read_fault(), BH_OK);
	assert_int_equal(invocation.result[3], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(refuses_what_confines_nothing),
		cmocka_unit_test(starts_blocked), cmocka_unit_test(gives_a_function_its_tables),
		cmocka_unit_test(keeps_messages_apart), cmocka_unit_test(tells_of_faults),
		cmocka_unit_test(few_lines_for_many_faults), cmocka_unit_test(who_is_not_silenced_waits),
		cmocka_unit_test(a_full_log_is_started_anew), cmocka_unit_test(a_bit_that_stays_is_seen),
		cmocka_unit_test(the_end_blocks) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
