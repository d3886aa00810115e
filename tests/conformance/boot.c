/* SPDX-License-Identifier: MIT */
/* What the root task finds at its start: boot information, log and trace rings. */
#include "harness.h"

#include <bulkhead/log_ring.h>
#include <bulkhead/trace_ring.h>

static uint8_t *map_ring(uint32_t first, uint32_t pages)
{
	uint64_t address = address_new(1u << 17);

	for (uint32_t i = 0; i < pages; i++) {
		if (map_with_tables(first + i, OWN_SPACE, address + i * 4096u, BH_MAP_READ) != BH_OK) {
			return NULL;
		}
	}
	return (uint8_t *)address;
}

static void unmap_ring(uint32_t first, uint32_t pages)
{
	for (uint32_t i = 0; i < pages; i++) {
		(void)!INVOKE(first + i, BH_FRAME_UNMAP, 0);
	}
}

void group_boot(void)
{
	struct bh_capability_facts facts;

	case_begin("boot.information",
		"boot information says what is there: each Untyped's slot has what it says, no two of them overlap");
	CHECK_EQUAL(BH_ABI_VERSION, boot_info->abi_version);
	CHECK_EQUAL(sizeof(struct bh_boot_info), boot_info->size);
	CHECK(boot_info->tsc_khz > 100000);
	CHECK(boot_info->boot_tsc < rdtsc());
	CHECK_EQUAL(1, boot_info->cpu_count);
	CHECK(boot_info->module_count >= 1);
	for (uint32_t i = 0; i < boot_info->untyped_count; i++) {
		const struct bh_boot_untyped *untyped = &boot_info->untyped[i];

		facts = facts_of(boot_info->untyped_first + i);
		CHECK_EQUAL(BH_OBJECT_UNTYPED, facts.type);
		CHECK_EQUAL(untyped->size_bits, facts.size_bits);
		CHECK_EQUAL(untyped->physical, facts.identity);
		CHECK_EQUAL(0, untyped->physical & ((UINT64_C(1) << untyped->size_bits) - 1));
		for (uint32_t j = 0; j < i; j++) {
			const struct bh_boot_untyped *other = &boot_info->untyped[j];

			CHECK(untyped->physical + (UINT64_C(1) << untyped->size_bits) <= other->physical ||
				other->physical + (UINT64_C(1) << other->size_bits) <= untyped->physical);
		}
	}
	for (uint64_t slot = BH_BOOT_CNODE; slot <= BH_BOOT_IO_SPACE_CONTROL; slot++) {
		if (slot != BH_BOOT_IPC_BUFFER) {
			CHECK(facts_of(slot).type != BH_OBJECT_NULL);
		}
	}

	case_begin("boot.acpi",
		"the firmware's tables can be read where boot information says they are, and not be written");
	bool fadt_seen = false;
	CHECK(boot_info->acpi_table_count >= 3);
	for (uint32_t i = 0; i < boot_info->acpi_table_count; i++) {
		const struct bh_boot_acpi_table *table = &boot_info->acpi_table[i];
		uint64_t inside = table->physical & 4095;
		uint32_t pages = (uint32_t)((inside + table->length + 4095) / 4096);
		uint8_t *bytes = map_ring(table->first, pages), sum = 0;

		REQUIRE(bytes != NULL);
		for (uint32_t j = 0; j < table->length; j++) {
			sum = (uint8_t)(sum + bytes[inside + j]);
		}
		CHECK_EQUAL(0, sum);
		CHECK_EQUAL(table->length, *(const uint32_t *)(bytes + inside + 4));
		for (unsigned int j = 0; j < 4; j++) {
			CHECK_EQUAL(table->signature[j], bytes[inside + j]);
		}
		fadt_seen = fadt_seen || (bytes[inside] == 'F' && bytes[inside + 1] == 'A');
		unmap_ring(table->first, pages);
		CHECK_EQUAL(BH_RIGHT_READ, facts_of(table->first).rights);
		REFUSED(BH_ERROR_RIGHTS,
			INVOKE(table->first, BH_FRAME_MAP, OWN_SPACE, address_new(4096), MAP_RW));
	}
	CHECK(fadt_seen);

	case_begin("boot.log",
		"the log ring can be read: its first line is the kernel's first; it can't be mapped to be written, nor can a copy");
	const struct log_ring *log =
		(const struct log_ring *)map_ring(boot_info->log_first, boot_info->log_pages);
	REQUIRE(log != NULL);
	CHECK_EQUAL(LOG_RING_MAGIC, log->magic);
	CHECK_EQUAL(LOG_RING_VERSION, log->version);
	CHECK_EQUAL(LOG_RING_CAPACITY, log->capacity);
	CHECK(log->head > 8);
	CHECK_EQUAL('B', log->text[0]);
	CHECK_EQUAL('u', log->text[1]);
	unmap_ring(boot_info->log_first, boot_info->log_pages);
	CHECK_EQUAL(BH_RIGHT_READ, facts_of(boot_info->log_first).rights);
	REFUSED(BH_ERROR_RIGHTS,
		INVOKE(boot_info->log_first, BH_FRAME_MAP, OWN_SPACE, address_new(4096), MAP_RW));
	uint64_t copy = copy_new(boot_info->log_first, BH_RIGHTS_ALL);
	REFUSED(BH_ERROR_RIGHTS, INVOKE(copy, BH_FRAME_MAP, OWN_SPACE, address_new(4096), MAP_RW));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(copy, BH_FRAME_MAP, object_new(BH_OBJECT_GUEST_SPACE, 0), 0,
					 MAP_RW)); /* by no guest */

	case_begin("boot.log.grows",
		"what the kernel has to say later is in the ring, too: a thread that faults without a handler");
	log = (const struct log_ring *)map_ring(boot_info->log_first, boot_info->log_pages);
	REQUIRE(log != NULL);
	uint64_t before = *(const volatile uint64_t *)&log->head;
	struct test_thread thread = { 0 };
	REQUIRE(thread_new(&thread, NULL, 0, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(thread.thread)); /* jumps to 0 */
	CHECK(*(const volatile uint64_t *)&log->head > before);
	unmap_ring(boot_info->log_first, boot_info->log_pages);

	case_begin("boot.trace",
		"the trace ring can be read, not written; without `trace` on the command line it stays empty");
	const struct bh_trace_ring *trace =
		(const struct bh_trace_ring *)map_ring(boot_info->trace_first, boot_info->trace_pages);
	REQUIRE(trace != NULL);
	CHECK_EQUAL(BH_TRACE_MAGIC, trace->magic);
	CHECK_EQUAL(BH_ABI_VERSION, trace->abi_version);
	CHECK_EQUAL(BH_TRACE_RECORDS, trace->records);
	if (trace->enabled == 0) {
		CHECK_EQUAL(0, trace->next);
	} else {
		uint64_t last = *(const volatile uint64_t *)&trace->next - 1;

		CHECK(trace->next > 1000);
		CHECK_EQUAL(last + 1, trace->record[last % BH_TRACE_RECORDS].sequence);
		CHECK_EQUAL(BH_TRACE_CAPABILITY, trace->record[last % BH_TRACE_RECORDS].kind);
	}
	unmap_ring(boot_info->trace_first, boot_info->trace_pages);

	case_begin("boot.trace.switch",
		"while the trace ring is on each change of who runs is a record: two threads by turns, none doubled, in order");
	trace = (const struct bh_trace_ring *)map_ring(boot_info->trace_first, boot_info->trace_pages);
	REQUIRE(trace != NULL);
	uint64_t first = *(const volatile uint64_t *)&trace->next, switches = 0, subject = ~UINT64_C(0),
		 kinds = 0;
	for (unsigned int i = 0; i < 3; i++) {
		pause_us(50);
	}
	uint64_t end = *(const volatile uint64_t *)&trace->next;
	CHECK(trace->enabled == 0 ? end == 0 : end > first && end - first < BH_TRACE_RECORDS);
	for (uint64_t i = first; i < end; i++) {
		const struct bh_trace_record *record = &trace->record[i % BH_TRACE_RECORDS];

		CHECK_EQUAL(i + 1, record->sequence);
		kinds |= UINT64_C(1) << record->kind;
		if (record->kind == BH_TRACE_SWITCH) {
			CHECK(record->subject != subject);
			subject = record->subject;
			switches++;
		}
	}
	if (trace->enabled != 0) {
		/* away to nobody, and back, each time; the timer that ended it */
		CHECK(switches >= 6);
		CHECK_EQUAL(1 << BH_TRACE_SWITCH | 1 << BH_TRACE_CAPABILITY | 1 << BH_TRACE_INTERRUPT, kinds);
	}
	unmap_ring(boot_info->trace_first, boot_info->trace_pages);
	REFUSED(BH_ERROR_RIGHTS,
		INVOKE(boot_info->trace_first, BH_FRAME_MAP, OWN_SPACE, address_new(4096), MAP_RW));
}
