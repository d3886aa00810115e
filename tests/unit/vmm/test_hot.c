/* SPDX-License-Identifier: MIT */
/* The short way of an exit does what the whole way does, or nothing: both are taken from the same state, after random
 * changes to registers, code bytes, page tables, CR3, mode and interrupts, and compared. And by name: what must keep
 * a remembered instruction from being used. */
#include <string.h>

#include "fixture.h"
#include "vcpu/hot.h"
#include "vcpu/inject.h"

#define APIC_PAGE UINT64_C(0xfee00000)
/* 4 KiB tables of the code: PML4[0], PDPT[0], PD[0] of the fixture's tables, this page table for the second MiB. */
#define CODE_TABLE 0x8000u
#define OTHER_CODE 0x140000u /* another page for the same linear address */
#define OTHER_ROOT 0x9000u   /* another CR3: the same tables by another PML4 */

static uint64_t seed;

static uint32_t pick(uint32_t count)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)(((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % count);
}

static uint64_t *table(uint32_t address) { return (uint64_t *)(void *)&ram[address]; }

/* The 2 MiB page of the code becomes 512 small ones. */
static void split_code_page(void)
{
	for (uint32_t i = 0; i < 512; i++) {
		table(CODE_TABLE)[i] = ((uint64_t)i << 12) | 7;
	}
	table(0x3000)[0] = CODE_TABLE | 7;
	memcpy(table(OTHER_ROOT), table(0x1000), 4096);
}

static void map_code(uint32_t physical) { table(CODE_TABLE)[CODE_ADDRESS >> 12] = physical | 7; }

static bool try_hot(
	enum bh_exit_reason reason, uint64_t qualification, uint64_t information, uint64_t *answer)
{
	store_code();
	*answer = hot_often(&vmm, &page, &status, (uint64_t)reason, qualification, information);
	if (*answer == HOT_NOTHING) {
		*answer = hot_seldom(&vmm, (uint64_t)reason, qualification, information);
	}
	return *answer != HOT_NOTHING;
}

static bool is_hot(enum bh_exit_reason reason, uint64_t qualification, uint64_t information)
{
	uint64_t answer;

	return try_hot(reason, qualification, information, &answer);
}

static void stand_at(uint64_t rip)
{
	page.rip = rip;
	page.rflags = 0x202;
}

/* Twice, so that the instruction is remembered and the page's walk too. */
static void learn(enum bh_exit_reason reason, uint64_t qualification, uint64_t information)
{
	for (uint32_t i = 0; i < 3; i++) {
		stand_at(CODE_ADDRESS);
		page.registers[BH_RAX] = 0;
		page.registers[BH_RBX] = APIC_PAGE;
		(void)take_exit(reason, qualification, information, 0);
	}
	stand_at(CODE_ADDRESS);
	page.registers[BH_RAX] = 0;
	page.registers[BH_RBX] = APIC_PAGE;
}

static void cpuid_is_hot_once_it_was_seen(void **state)
{
	uint64_t answer = 77;

	(void)state;
	split_code_page();
	stand_at(CODE_ADDRESS);
	CODE(0x0f, 0xa2);
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	learn(BH_EXIT_CPUID, 0, 0);
	assert_true(try_hot(BH_EXIT_CPUID, 0, 0, &answer));
	assert_int_equal(answer, 0);
	assert_int_equal(page.rip, CODE_ADDRESS + 2);
	assert_int_equal(page.registers[BH_RBX], 0x68747541);
	/* leaf 1 depends on the vCPU */
	learn(BH_EXIT_CPUID, 0, 0);
	page.registers[BH_RAX] = 1;
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	page.registers[BH_RAX] = 0x80000000;
	assert_true(is_hot(BH_EXIT_CPUID, 0, 0));
	stand_at(CODE_ADDRESS);
	page.registers[BH_RAX] = 0x7fffffff;
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
}

static void what_changed_is_looked_at_anew(void **state)
{
	(void)state;
	split_code_page();
	stand_at(CODE_ADDRESS);
	CODE(0x0f, 0xa2);
	memcpy(&ram[OTHER_CODE], (const uint8_t[]){ 0x3e, 0x0f, 0xa2 }, 3);

	learn(BH_EXIT_CPUID, 0, 0); /* bytes changed under it */
	ram[CODE_ADDRESS] = 0x3e;
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	CODE(0x0f, 0xa2);
	assert_true(is_hot(BH_EXIT_CPUID, 0, 0));

	learn(BH_EXIT_CPUID, 0, 0); /* page remapped: there the instruction is longer */
	map_code(OTHER_CODE);
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	(void)take_exit(BH_EXIT_CPUID, 0, 0, 0);
	assert_int_equal(page.rip, CODE_ADDRESS + 3);
	map_code(CODE_ADDRESS);

	for (uint32_t level = 0; level < 4; level++) { /* an entry of each level */
		static const uint32_t places[4] = { 0x1000, 0x2000, 0x3000,
			CODE_TABLE + 8 * (CODE_ADDRESS >> 12) };

		learn(BH_EXIT_CPUID, 0, 0);
		*table(places[level]) ^= 1;
		assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
		*table(places[level]) ^= 1;
		assert_true(is_hot(BH_EXIT_CPUID, 0, 0));
		/* Accessed and dirty bits tell nothing, but are compared: the whole way sees to that. */
		stand_at(CODE_ADDRESS);
		*table(places[level]) ^= 0x60;
		assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
		learn(BH_EXIT_CPUID, 0, 0);
		assert_true(is_hot(BH_EXIT_CPUID, 0, 0));
	}

	learn(BH_EXIT_CPUID, 0, 0);
	page.cr3 = OTHER_ROOT;
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	page.cr3 = 0x1000;
	page.cr0 ^= 1u << 16;
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	page.cr0 ^= 1u << 16;
	page.cr4 ^= 1u << 7;
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	page.cr4 ^= 1u << 7;
	page.efer ^= EFER_NXE;
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	page.efer ^= EFER_NXE;
	page.segment[BH_CS].attributes = 0xc9b; /* compatibility mode */
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	page.segment[BH_CS].attributes = 0xa9b;
	page.rflags |= RFLAGS_TF;
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	page.rflags = 0x202 | RFLAGS_RF;
	assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
	page.rflags = 0x202;
	assert_true(is_hot(BH_EXIT_CPUID, 0, 0));
}

/* The two bytes lie on two pages: such an instruction is never remembered. */
static void across_pages_is_never_hot(void **state)
{
	(void)state;
	split_code_page();
	for (uint32_t i = 0; i < 4; i++) {
		stand_at(CODE_ADDRESS + 0xfff);
		CODE(0x0f, 0xa2);
		page.registers[BH_RAX] = 0;
		assert_false(is_hot(BH_EXIT_CPUID, 0, 0));
		(void)take_exit(BH_EXIT_CPUID, 0, 0, 0);
		assert_int_equal(page.rip, CODE_ADDRESS + 0x1001);
	}
}

static void apic_registers_are_hot(void **state)
{
	uint64_t answer;

	(void)state;
	stand_at(CODE_ADDRESS);
	CODE(0x8b, 0x83, 0x30, 0, 0, 0); /* mov 0x30(%rbx), %eax */
	learn(BH_EXIT_MEMORY, APIC_PAGE + 0x30, 0);
	page.registers[BH_RAX] = UINT64_MAX;
	assert_true(try_hot(BH_EXIT_MEMORY, APIC_PAGE + 0x30, 0, &answer));
	assert_int_equal(answer, 0);
	assert_int_equal(page.registers[BH_RAX], 0x50014);
	assert_int_equal(page.rip, CODE_ADDRESS + 6);

	learn(BH_EXIT_MEMORY, APIC_PAGE + 0x30, 0);
	assert_false(is_hot(BH_EXIT_MEMORY, APIC_PAGE + 0x40, 0)); /* not its address */
	assert_false(is_hot(BH_EXIT_MEMORY, APIC_PAGE + 0x30, BH_MEMORY_WRITE));
	assert_false(is_hot(BH_EXIT_MEMORY, APIC_PAGE + 0x30, BH_MEMORY_FETCH));
	assert_false(is_hot(BH_EXIT_MEMORY, APIC_PAGE + 0x30, BH_MEMORY_PAGING));
	page.undelivered = BH_EVENT_INTERRUPT(0x40);
	assert_false(is_hot(BH_EXIT_MEMORY, APIC_PAGE + 0x30, 0));
	page.undelivered = 0;
	page.registers[BH_RBX] += 8; /* another operand */
	assert_false(is_hot(BH_EXIT_MEMORY, APIC_PAGE + 0x30, 0));
	page.registers[BH_RBX] -= 8;
	/* the APIC's page is mapped from elsewhere now: an entry of its walk differs */
	table(0x6000)[(APIC_PAGE >> 21) & 511] ^= UINT64_C(1) << 21;
	assert_false(is_hot(BH_EXIT_MEMORY, APIC_PAGE + 0x30, 0));
	table(0x6000)[(APIC_PAGE >> 21) & 511] ^= UINT64_C(1) << 21;
	assert_true(is_hot(BH_EXIT_MEMORY, APIC_PAGE + 0x30, 0));
}

static void an_eoi_that_frees_another_interrupt_injects_it(void **state)
{
	uint64_t answer;

	(void)state;
	stand_at(CODE_ADDRESS);
	CODE(0xc7, 0x83, 0xb0, 0, 0, 0, 0, 0, 0, 0); /* movl $0, 0xb0(%rbx): longer than 8 bytes */
	learn(BH_EXIT_MEMORY, APIC_PAGE + LAPIC_EOI, BH_MEMORY_WRITE);
	assert_true(lapic_accept(&vmm.fabric.lapic[0], 0x41, false, 0));
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(0x41));
	assert_true(lapic_accept(&vmm.fabric.lapic[0], 0x42, false, 0)); /* same class: waits */
	assert_int_equal(vmm.vcpu.busy, 0);
	assert_true(try_hot(BH_EXIT_MEMORY, APIC_PAGE + LAPIC_EOI, BH_MEMORY_WRITE, &answer));
	assert_int_equal(answer, 0);
	assert_int_equal(page.inject, BH_EVENT_INTERRUPT(0x42));
	assert_int_equal(page.rip, CODE_ADDRESS + 10);
	page.inject = 0;
	stand_at(CODE_ADDRESS);
	assert_true(try_hot(BH_EXIT_MEMORY, APIC_PAGE + LAPIC_EOI, BH_MEMORY_WRITE, &answer));
	assert_int_equal(page.inject, 0);
	/* the last byte behind the first eight counts */
	ram[CODE_ADDRESS + 9] = 1;
	stand_at(CODE_ADDRESS);
	assert_false(is_hot(BH_EXIT_MEMORY, APIC_PAGE + LAPIC_EOI, BH_MEMORY_WRITE));
}

static void a_model_in_memory(void **state)
{
	uint64_t answer = 77;

	(void)state;
	vmm.memories[0] = (struct vmm_memory_range){ 0xfed10000, 4096, 55 };
	vmm.memory_count = 1;
	fake.call_answer = 0x87654321;
	stand_at(CODE_ADDRESS);
	CODE(0x8b, 0x8b, 0, 0, 0x0b, 0); /* mov 0xb0000(%rbx), %ecx */
	for (uint32_t i = 0; i < 5; i++) {
		stand_at(CODE_ADDRESS);
		page.registers[BH_RBX] = 0xfec60004;
		page.registers[BH_RCX] = UINT64_MAX;
		if (i < 3) {
			answer = take_exit(BH_EXIT_MEMORY, 0xfed10004, 0, 0);
		} else {
			assert_true(try_hot(BH_EXIT_MEMORY, 0xfed10004, 0, &answer));
		}
		assert_int_equal(answer, 0);
		assert_int_equal(page.registers[BH_RCX], 0x87654321);
		assert_int_equal(page.rip, CODE_ADDRESS + 6);
		assert_int_equal(fake.call[i].endpoint, 55);
		assert_int_equal(fake.call[i].word, BH_PORT_WORD(1, 4, 4, 0));
		assert_true(i == 0 || fake.call[i].sequence != fake.call[i - 1].sequence);
		assert_int_equal(status.awaits, 0);
	}
	/* a model that dies is asked again with the same number; one that is given up reads as all ones */
	stand_at(CODE_ADDRESS);
	fake.cancelled = 1;
	assert_true(try_hot(BH_EXIT_MEMORY, 0xfed10004, 0, &answer));
	assert_int_equal(fake.calls, 7);
	assert_int_equal(fake.call[5].sequence, fake.call[6].sequence);
	stand_at(CODE_ADDRESS);
	fake.call_error = BH_ERROR_CAPABILITY;
	assert_true(try_hot(BH_EXIT_MEMORY, 0xfed10004, 0, &answer));
	assert_int_equal(page.registers[BH_RCX], UINT32_MAX);
	fake.call_error = BH_OK;

	/* 8 bytes are two accesses, across the end nobody's */
	stand_at(CODE_ADDRESS);
	CODE(0x48, 0x89, 0x0b); /* mov %rcx, (%rbx) */
	page.registers[BH_RBX] = 0xfed10008;
	page.registers[BH_RCX] = 0x1111222233334444;
	fake.calls = 0;
	(void)take_exit(BH_EXIT_MEMORY, 0xfed10008, BH_MEMORY_WRITE, 0);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(fake.call[0].word, BH_PORT_WORD(0, 4, 8, 0));
	assert_int_equal(fake.call[0].value, 0x33334444);
	assert_int_equal(fake.call[1].word, BH_PORT_WORD(0, 4, 12, 0));
	assert_int_equal(fake.call[1].value, 0x11112222);
	vmm.memories[0].size = 12;
	stand_at(CODE_ADDRESS);
	fake.calls = 0;
	(void)take_exit(BH_EXIT_MEMORY, 0xfed10008, BH_MEMORY_WRITE, 0);
	assert_int_equal(fake.calls, 0);
	assert_int_equal(status.unowned_writes, 1);
}

/* ---- Both ways, compared ---- */

struct both {
	struct vmm vmm;
	struct bh_vcpu_state page;
	struct vm_status status;
	struct fake_system fake;
};

static struct both before, short_way, whole_way;

static void save(struct both *to)
{
	to->vmm = vmm;
	to->page = page;
	to->status = status;
	to->fake = fake;
}

static void restore(const struct both *from)
{
	vmm = from->vmm;
	page = from->page;
	status = from->status;
	fake = from->fake;
}

/* Private notes, which differ by nature; the whole way may have to ask for state that the short way does without. */
static void forget(struct both *both)
{
	memset(&both->vmm.vcpu.instructions, 0, sizeof(both->vmm.vcpu.instructions));
	memset(&both->vmm.vcpu.mmio, 0, sizeof(both->vmm.vcpu.mmio));
	memset(&both->vmm.vcpu.sites, 0, sizeof(both->vmm.vcpu.sites));
	both->status.instructions_emulated = 0;
	both->vmm.vcpu.fresh = 0;
	both->vmm.vcpu.changed = 0;
	both->vmm.vcpu.busy = 0;
	both->fake.reads = 0;
	both->fake.groups_read = 0;
}

static const struct {
	uint8_t bytes[12];
	uint8_t length;
	enum bh_exit_reason reason;
	uint64_t information;
} forms[] = {
	{ { 0x0f, 0xa2 }, 2, BH_EXIT_CPUID, 0 },
	{ { 0x2e, 0x0f, 0xa2 }, 3, BH_EXIT_CPUID, 0 },
	{ { 0x8b, 0x03 }, 2, BH_EXIT_MEMORY, 0 },                              /* mov (%rbx), %eax */
	{ { 0x8b, 0x44, 0x8b, 0x10 }, 4, BH_EXIT_MEMORY, 0 },                  /* mov 16(%rbx,%rcx,4), %eax */
	{ { 0x44, 0x8b, 0x23 }, 3, BH_EXIT_MEMORY, 0 },                        /* mov (%rbx), %r12d */
	{ { 0x0f, 0xb6, 0x03 }, 3, BH_EXIT_MEMORY, 0 },                        /* movzbl */
	{ { 0x48, 0x63, 0x03 }, 3, BH_EXIT_MEMORY, 0 },                        /* movslq */
	{ { 0x89, 0x03 }, 2, BH_EXIT_MEMORY, BH_MEMORY_WRITE },                /* mov %eax, (%rbx) */
	{ { 0x88, 0x23 }, 2, BH_EXIT_MEMORY, BH_MEMORY_WRITE },                /* mov %ah, (%rbx) */
	{ { 0xc7, 0x03, 0x20, 0, 0, 0 }, 6, BH_EXIT_MEMORY, BH_MEMORY_WRITE }, /* movl $0x20, (%rbx) */
	{ { 0xc7, 0x83, 0, 0, 0, 0, 0, 0, 2, 0 }, 10, BH_EXIT_MEMORY, BH_MEMORY_WRITE },
	{ { 0x64, 0x8b, 0x03 }, 3, BH_EXIT_MEMORY, 0 }, /* mov %fs:(%rbx), %eax */
	{ { 0x0f, 0x30 }, 2, BH_EXIT_MSR_WRITE, 0 },
	{ { 0x0f, 0x30 }, 2, BH_EXIT_MSR_WRITE, 0 },
	{ { 0xf4 }, 1, BH_EXIT_HLT, 0 },
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]), PLACES = 6, REGISTERS = 12 };

static const uint16_t offsets[REGISTERS] = { LAPIC_ID, LAPIC_VERSION, LAPIC_TPR, LAPIC_EOI, LAPIC_EOI,
	LAPIC_SVR, LAPIC_ISR, LAPIC_IRR + 0x20, LAPIC_LVT_TIMER, LAPIC_INITIAL_COUNT, LAPIC_CURRENT_COUNT,
	0x24 };

static uint32_t site_form[PLACES];
static uint32_t site_page[PLACES];

static uint64_t site_rip(uint32_t site) { return CODE_ADDRESS + site * 0x1000 + 0x48 * site; }

static void put_form(uint32_t site, uint32_t form)
{
	site_form[site] = form;
	memcpy(&ram[site_page[site] + (site_rip(site) & 0xfff)], forms[form].bytes,
		sizeof(forms[form].bytes));
}

static void lapic_write_timer_mode(bool deadline)
{
	fabric_apic_write(&vmm.fabric, 0, LAPIC_LVT_TIMER, 0x60 | (deadline ? 0x40000 : 0), time_now(&vmm));
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
}

static void disturb(void)
{
	uint32_t site = pick(PLACES);

	switch (pick(24)) {
	case 0: /* self-modifying code */
	case 1:
		put_form(site, pick(FORMS));
		break;
	case 2: /* the page is another one now, with other code */
		site_page[site] ^= 0x20000;
		table(CODE_TABLE)[site_rip(site) >> 12] = site_page[site] | 7;
		put_form(site, pick(FORMS));
		break;
	case 3:
		page.cr3 ^= 0x1000 ^ OTHER_ROOT;
		break;
	case 4:
		page.efer ^= EFER_NXE;
		break;
	case 5:
		page.cr4 ^= 1u << 7;
		break;
	case 6:
		page.cr0 ^= 1u << 16;
		break;
	case 7:
		(void)lapic_accept(&vmm.fabric.lapic[0], (uint8_t)(0x20 + pick(0x60)), pick(2) != 0, 0);
		(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0); /* the fabric changes in exits only */
		break;
	case 8:
		if (pick(2) == 0) {
			lines_pulse(&lines_page, 0);
		} else {
			lines_lower(&lines_page, 0);
		}
		(void)take_exit(BH_EXIT_NOTIFY, 1u << 5, 0, 0);
		fabric_eoi(&vmm.fabric, 0);
		(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
		break;
	case 11: /* TSC-deadline mode, and back */
		lapic_write_timer_mode(pick(2) != 0);
		break;
	case 12:
		if (pick(20) == 0) {
			/* x2APIC mode; the way back is by "disabled" only, as a VM starts anew here */
			vmm.fabric.lapic[0].mode ^= LAPIC_MODE_XAPIC ^ LAPIC_MODE_X2APIC;
			site_forget_all(&vmm.vcpu);
		}
		break;
	case 9:
		page.segment[BH_FS].base ^= 0x10;
		break;
	case 10:
		/* The kernel's timer tells of a deadline: the whole way would notice one a little sooner. */
		fake.tsc += pick(100000);
		(void)take_exit(BH_EXIT_NOTIFY, UINT64_C(1) << 63, 0, 0);
		break;
	default:
		break;
	}
}

/* Where the instruction's operand really is; the tables map 4 GiB to itself. */
static uint64_t operand(uint32_t form)
{
	uint64_t address = page.registers[BH_RBX];

	if (form == 3) {
		address += 16 + page.registers[BH_RCX] * 4;
	}
	return form == 11 ? address + page.segment[BH_FS].base : address;
}

/* One-shot or periodic, mostly with nothing in service. */
static void start_timer(void)
{
	uint64_t now = time_now(&vmm);

	if (vmm.fabric.lapic[0].mode != LAPIC_MODE_XAPIC) {
		return;
	}
	fabric_apic_write(&vmm.fabric, 0, LAPIC_SVR, 0x1ff, now);
	fabric_apic_write(&vmm.fabric, 0, LAPIC_TPR, 0, now);
	fabric_apic_write(&vmm.fabric, 0, LAPIC_LVT_TIMER, 0x60 | (pick(2) != 0 ? 0x20000 : 0), now);
	fabric_apic_write(&vmm.fabric, 0, LAPIC_INITIAL_COUNT, pick(3000), now);
	for (uint32_t i = 0; i < 3; i++) {
		page.rflags = 0x202;
		page.interrupt_shadow = 0;
		page.undelivered = 0;
		(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
		fabric_apic_write(&vmm.fabric, 0, LAPIC_EOI, 0, now);
	}
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
}

/* Takes the exit both ways, if it can go the short one, and else the whole. True if it could. */
static bool both_ways(enum bh_exit_reason reason, uint64_t qualification, uint64_t information)
{
	struct exit_message message = { (uint64_t)reason, qualification, information, 0 };
	uint64_t answer, other;

	store_code();
	save(&before);
	assert_int_equal(fabric_events(&vmm.fabric, 0), fabric_pending(&vmm.fabric, 0).events);
	if (!try_hot(reason, qualification, information, &answer)) {
		save(&short_way);
		assert_memory_equal(&short_way, &before, sizeof(before));
		(void)take_exit(reason, qualification, information, 0);
		return false;
	}
	save(&short_way);
	restore(&before);
	other = exit_handle(&vmm, &vmm.vcpu, &message);
	save(&whole_way);
	assert_int_equal(answer, other);
	forget(&short_way);
	forget(&whole_way);
	assert_memory_equal(&short_way.page, &whole_way.page, sizeof(page));
	assert_memory_equal(&short_way.vmm, &whole_way.vmm, sizeof(vmm));
	assert_memory_equal(&short_way.status, &whole_way.status, sizeof(status));
	assert_memory_equal(&short_way.fake, &whole_way.fake, sizeof(fake));
	page.inject = 0;
	return true;
}

/* Lines 0 and 4 are wired to pins 4 and 9: an edge and a level. */
static void open_pins(void)
{
	fabric_ioapic_write(&vmm.fabric, 0x00, 0x10 + 2 * 4);
	fabric_ioapic_write(&vmm.fabric, 0x10, 0x71);
	fabric_ioapic_write(&vmm.fabric, 0x00, 0x10 + 2 * 9);
	fabric_ioapic_write(&vmm.fabric, 0x10, 0x8082);
}

/* Where the plain injection does something, the whole choice does the same, and leaves nothing. True if it did. */
static bool plain_injection_agrees(void)
{
	uint64_t now = time_now(&vmm);
	bool is_plain;

	page.inject = 0;
	page.interrupt_window = 0;
	save(&before);
	is_plain = inject_plain(&vmm, &vmm.vcpu, now);
	save(&short_way);
	restore(&before);
	if (!is_plain) {
		assert_memory_equal(&short_way, &before, sizeof(before));
		return false;
	}
	assert_true(inject_waits(&vmm, &vmm.vcpu));
	assert_int_equal(inject_choose(&vmm, &vmm.vcpu, now), INJECT_ALL);
	assert_false(inject_waits(&vmm, &vmm.vcpu));
	save(&whole_way);
	assert_memory_equal(&short_way, &whole_way, sizeof(short_way));
	restore(&before);
	return true;
}

/* An interrupt or none, of any kind, stands in the local APIC, with all that can keep it from going in. */
static bool try_injection(void)
{
	struct lapic *lapic = &vmm.fabric.lapic[0];
	bool was_plain;
	struct both state;

	save(&state);
	vmm.vcpu.nmi = pick(10) == 0;
	vmm.vcpu.held = pick(10) == 0 ? BH_EVENT_INTERRUPT(0x44) : 0;
	vmm.vcpu.exception = pick(10) == 0 ? BH_EVENT_EXCEPTION(VECTOR_UD) : 0;
	vmm.vcpu.halted = pick(2) != 0;
	page.undelivered = pick(10) == 0 ? BH_EVENT_INTERRUPT(0x33) : 0;
	page.rflags = 0x2 | (pick(10) != 0 ? RFLAGS_IF : 0);
	page.interrupt_shadow = pick(10) == 0;
	vmm.fabric.pic_output = pick(10) == 0;
	vmm.fabric.asserted = 0;
	lapic->software_enabled = true;
	lapic->events = pick(10) == 0 ? LAPIC_EVENT_NMI : 0;
	lapic->lvt[LVT_TIMER] = 0x60 | (pick(4) == 0 ? (uint32_t)DELIVERY_NMI << 8 : 0) |
				(pick(2) != 0 ? 0x20000 : 0) | (pick(2) != 0 ? LAPIC_LVT_MASKED : 0);
	lapic->initial_count = pick(3000);
	lapic->deadline = pick(2) != 0 ? time_now(&vmm) - pick(5000) : LAPIC_NEVER;
	lapic->tpr = pick(4) == 0 ? pick(0x100) : 0;
	lapic_set_cr8(lapic, (uint8_t)(lapic->tpr >> 4));
	for (uint32_t i = pick(4); i > 0; i--) {
		uint8_t vector = pick(3) == 0 ? 0x60 : (uint8_t)(0x20 + pick(0xe0));

		(void)lapic_accept(lapic, vector, pick(4) == 0, 0);
	}
	was_plain = plain_injection_agrees();
	restore(&state);
	return was_plain;
}

static void a_plain_injection_is_the_whole_choice(void **state)
{
	uint32_t plain = 0;

	(void)state;
	seed = 0x1271;
	for (uint32_t round = 0; round < 20000; round++) {
		plain += try_injection();
	}
	assert_in_range(plain, 2000, 19000);
}

static void both_ways_agree(void **state)
{
	uint32_t hot[BH_EXIT_REASONS] = { 0 };
	uint32_t models = 0;

	(void)state;
	seed = 0x5eed;
	split_code_page();
	for (uint32_t site = 0; site < PLACES; site++) {
		site_page[site] = (uint32_t)site_rip(site) & ~0xfffu;
		put_form(site, pick(FORMS));
	}
	vmm.fabric.lapic[0].software_enabled = true;
	open_pins();
	for (uint32_t round = 0; round < 60000; round++) {
		uint32_t site = pick(PLACES);
		uint32_t form;
		uint64_t address;

		if (vmm.lifecycle.over) {
			assert_int_equal(fixture_setup(NULL), 0);
			split_code_page();
			page.cr3 = 0x1000;
			for (uint32_t i = 0; i < PLACES; i++) {
				table(CODE_TABLE)[site_rip(i) >> 12] = site_page[i] | 7;
				put_form(i, site_form[i]);
			}
			open_pins();
		}
		disturb();
		if (pick(8) == 0) { /* the timer tells, or tells of something that is over */
			if (pick(2) == 0) {
				start_timer();
			}
			fake.tsc += pick(6000);
			vmm.vcpu.halted = pick(2) != 0;
			page.rflags = 0x2 | (pick(4) != 0 ? RFLAGS_IF : 0);
			page.interrupt_shadow = pick(10) == 0;
			hot[BH_EXIT_NOTIFY] +=
				both_ways(BH_EXIT_NOTIFY, SIGNAL_TIMER | (pick(20) == 0 ? 1u << 5 : 0), 0);
		}
		if (pick(16) == 0) { /* a model does */
			if (pick(3) != 0) {
				lines_pulse(&lines_page, pick(2) != 0 ? 0 : 4);
			} else {
				lines_lower(&lines_page, pick(2) != 0 ? 0 : 4);
			}
			vmm.vcpu.halted = pick(2) != 0;
			page.rflags = 0x2 | (pick(4) != 0 ? RFLAGS_IF : 0);
			models += both_ways(BH_EXIT_NOTIFY, 1u << 5, 0);
			if (pick(2) == 0) { /* it is over, and both of them are dealt with */
				lines_lower(&lines_page, 0);
				lines_lower(&lines_page, 4);
				for (uint32_t i = 0; i < 3; i++) {
					fabric_eoi(&vmm.fabric, 0);
					models += both_ways(BH_EXIT_NOTIFY, 1u << 5, 0);
				}
			}
		}
		vmm.vcpu.halted = false;
		form = site_form[site];
		page.rip = site_rip(site);
		page.rflags = 0x2 | (pick(3) != 0 ? RFLAGS_IF : 0) | (pick(40) == 0 ? RFLAGS_TF : 0) |
			      (pick(40) == 0 ? RFLAGS_RF : 0);
		page.interrupt_shadow = pick(10) == 0;
		page.undelivered = 0;
		page.registers[BH_RAX] = pick(4) == 0 ? UINT64_C(0x123456789) : pick(4) == 0 ? pick(16) : 0;
		page.registers[BH_RCX] = pick(3);
		page.registers[BH_RDX] = pick(8) == 0 ? 1 : 0;
		if (forms[form].reason == BH_EXIT_MSR_WRITE) {
			static const uint32_t registers[4] = { MSR_TSC_DEADLINE, MSR_TSC_DEADLINE,
				MSR_X2APIC_EOI, MSR_TSC_AUX };

			page.registers[BH_RCX] = registers[pick(4)];
			page.registers[BH_RAX] =
				pick(3) == 0 ? 0 : fake.tsc + vmm.vcpu.tsc_offset + pick(5000);
		}
		page.registers[BH_RBX] = APIC_PAGE + offsets[pick(REGISTERS)];
		address = pick(30) == 0 ? APIC_PAGE + 0x10 * pick(64) : operand(form);
		hot[forms[form].reason] += both_ways(forms[form].reason, address, forms[form].information);
	}
	print_message("short way: CPUID %u, APIC %u, MSR %u, HLT %u, timer %u, models %u\n",
		hot[BH_EXIT_CPUID], hot[BH_EXIT_MEMORY], hot[BH_EXIT_MSR_WRITE], hot[BH_EXIT_HLT],
		hot[BH_EXIT_NOTIFY], models);
	assert_true(models > 500);
	assert_true(hot[BH_EXIT_CPUID] > 1000);
	assert_true(hot[BH_EXIT_MEMORY] > 1000);
	assert_true(hot[BH_EXIT_MSR_WRITE] > 1000);
	assert_true(hot[BH_EXIT_HLT] > 500);
	assert_true(hot[BH_EXIT_NOTIFY] > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cpuid_is_hot_once_it_was_seen, fixture_setup),
		cmocka_unit_test_setup(what_changed_is_looked_at_anew, fixture_setup),
		cmocka_unit_test_setup(across_pages_is_never_hot, fixture_setup),
		cmocka_unit_test_setup(apic_registers_are_hot, fixture_setup),
		cmocka_unit_test_setup(an_eoi_that_frees_another_interrupt_injects_it, fixture_setup),
		cmocka_unit_test_setup(a_model_in_memory, fixture_setup),
		cmocka_unit_test_setup(a_plain_injection_is_the_whole_choice, fixture_setup),
		cmocka_unit_test_setup(both_ways_agree, fixture_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
