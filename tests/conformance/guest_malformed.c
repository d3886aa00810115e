/* SPDX-License-Identifier: MIT */
/* Malformed state pages of every kind: each field that WriteState or an answer loads, out of its range by itself. It is clamped as
 * docs/abi.md says, or refused by the CPU (exit ENTRY_FAILED); then the host's own state is what it was, and the same vCPU runs with a
 * good state. Registers are full of wild pointers all along. */
#include "guest.h"

GUEST_CODE(hlt);

#define POISON UINT64_C(0xdead000000000bad) /* not canonical: an address made of it faults */
#define NOT_CANONICAL UINT64_C(0x0000800000000000)
#define ALL (~UINT64_C(0))
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LONG UINT64_C(0xd01) /* SCE, LME, LMA, NXE */
#define PATTERN UINT64_C(0x0000123450000000)

/* Real mode at its first instruction, or 64-bit mode with its tables at 1000h. */
enum mode { REAL, LONG };

/* What becomes of the entry. REFUSES and RUNS (to the HLT): silicon and emulator agree by APM vol. 2 section 15.5.1. ANY: they differ,
 * or the guest goes somewhere. */
enum outcome { REFUSES, RUNS, ANY };

struct malformed {
	const char *field;
	uint16_t offset;
	uint8_t bytes;
	uint8_t mode, outcome;
	uint64_t value;
	uint64_t stored, mask; /* what ReadState says then, in these bits; mask 0: not asked for */
};

#define FIELD(name, mode, outcome, value, ...)                                                          \
	{                                                                                               \
#name, offsetof(struct bh_vcpu_state, name), sizeof(((struct bh_vcpu_state *)0)->name), \
			mode, outcome, value, __VA_ARGS__                                               \
	}
#define KEPT(name, mode, outcome, value) FIELD(name, mode, outcome, value, value, ALL)
#define LOST(name, mode, outcome, value) FIELD(name, mode, outcome, value, 0, 0)

static const struct malformed base_fields[] = {
	KEPT(rip, LONG, ANY, NOT_CANONICAL),
	KEPT(rip, LONG, ANY, UINT64_C(1) << 63),
	KEPT(rip, LONG, ANY, UINT64_C(0xffff800000100000)), /* the kernel's half */
	KEPT(rip, REAL, ANY, ALL),
	KEPT(rip, REAL, ANY, NOT_CANONICAL),
	FIELD(rflags, REAL, ANY, ALL, 0x3f7fd7, ALL),
	FIELD(rflags, LONG, ANY, ALL, 0x3f7fd7, ALL), /* VM and NT in long mode */
	FIELD(rflags, REAL, RUNS, 0, 2, ALL),
	FIELD(rflags, REAL, RUNS, ALL << 22, 2, ALL),
	FIELD(interrupt_shadow, REAL, RUNS, 0xffffffff, 1, 0xffffffff),
	FIELD(interrupt_shadow, LONG, RUNS, 0xfffffffe, 0, 0xffffffff),
	LOST(interrupt_window, REAL, RUNS, 0xffffffff), /* interrupts are off */
	LOST(reserved[0], REAL, RUNS, ALL),
	LOST(reserved[3], LONG, RUNS, ALL),
	LOST(code.cr3, LONG, RUNS, ALL),           /* stored only */
	LOST(abi_version, REAL, RUNS, 0xffffffff), /* written at Retype, not read */
	LOST(size, REAL, RUNS, 0xffffffff),
};

/* Types 1 and 5 to 7 mean nothing; exceptions are vectors 0 to 31 but for 2 (section 15.20). */
#define EVENT(type, vector) (BH_EVENT_VALID | (uint64_t)(type) << 8 | (vector))
#define EVENTS(name)                                                                                         \
	LOST(name, REAL, REFUSES, EVENT(1, 5)), LOST(name, REAL, REFUSES, EVENT(5, 5)),                      \
		LOST(name, REAL, REFUSES, EVENT(6, 0x20)), LOST(name, LONG, REFUSES, EVENT(7, 0x20)),        \
		LOST(name, REAL, REFUSES, EVENT(3, 2)), LOST(name, REAL, REFUSES, EVENT(3, 32)),             \
		LOST(name, LONG, REFUSES, EVENT(3, 255)), LOST(name, REAL, REFUSES, ALL),                    \
		LOST(name, REAL, ANY, EVENT(3, 9)), LOST(name, REAL, ANY, EVENT(3, 15)),                     \
		LOST(name, REAL, ANY, EVENT(3, 3)), LOST(name, REAL, ANY, EVENT(3, 31)),                     \
		LOST(name, REAL, ANY, EVENT(3, 13) | 1u << 11),            /* no error codes in real mode */ \
		LOST(name, LONG, ANY, EVENT(3, 8) | 1u << 11 | ALL << 32), /* and that one is always 0 */    \
		LOST(name, REAL, ANY, EVENT(4, 3)), LOST(name, REAL, ANY, EVENT(4, 255)),                    \
		LOST(name, REAL, RUNS, EVENT(2, 0xff)), /* an NMI has vector 2 whatever stands there */      \
		LOST(name, REAL, RUNS, EVENT(0, 0x21) | 0x7ffff000), /* reserved bits are masked */          \
		LOST(name, REAL, RUNS, ALL & ~BH_EVENT_VALID),                                               \
		LOST(name, LONG, RUNS, ALL & ~BH_EVENT_VALID), LOST(name, LONG, ANY, EVENT(0, 0xff)),        \
		LOST(name, LONG, ANY, EVENT(2, 2))

static const struct malformed event_fields[] = { EVENTS(inject), EVENTS(undelivered) };

static const struct malformed control_fields[] = {
	KEPT(cr0, REAL, REFUSES, UINT64_C(1) << 32 | 0x10),
	KEPT(cr0, REAL, REFUSES, UINT64_C(1) << 63 | 0x10),
	KEPT(cr0, LONG, REFUSES, ALL),
	KEPT(cr0, REAL, REFUSES, 0x20000010),           /* NW without CD */
	KEPT(cr0, LONG, REFUSES, UINT64_C(0x80000010)), /* long mode without protection */
	KEPT(cr0, REAL, ANY, UINT64_C(0x80000010)),     /* paging without protection */
	KEPT(cr0, REAL, ANY, 0),
	KEPT(cr0, REAL, ANY, 0x1ff8ffc0 | 0x10), /* reserved bits of the lower half */
	KEPT(cr2, REAL, RUNS, ALL),
	KEPT(cr2, LONG, RUNS, NOT_CANONICAL),
	KEPT(cr3, LONG, REFUSES, UINT64_C(1) << 63 | 0x1000),
	KEPT(cr3, LONG, REFUSES, UINT64_C(1) << 52 | 0x1000),
	KEPT(cr3, LONG, REFUSES, ALL),
	KEPT(cr3, LONG, RUNS, 0x1fe7),                      /* bits that are ignored */
	KEPT(cr3, LONG, ANY, UINT64_C(0x000000fffffff000)), /* nothing there */
	KEPT(cr3, REAL, ANY, ALL),
	KEPT(cr4, REAL, REFUSES, ALL),
	KEPT(cr4, REAL, REFUSES, UINT64_C(1) << 63),
	KEPT(cr4, REAL, REFUSES, UINT64_C(1) << 32),
	KEPT(cr4, LONG, REFUSES, UINT64_C(1) << 40 | 0x20),
	KEPT(cr4, REAL, REFUSES, 1 << 15),
	KEPT(cr4, REAL, REFUSES, 1 << 19),
	KEPT(cr4, LONG, REFUSES, 0),             /* long mode without PAE */
	KEPT(cr4, REAL, ANY, 1 << 13 | 1 << 14), /* VMXE, SMXE */
	KEPT(cr4, REAL, ANY, 1 << 17 | 1 << 12), /* PCIDE, LA57: outside long mode, or not there */
	/* SVME and what else isn't the guest's is left out; LME alone is told under QEMU with PAE or paging only. */
	FIELD(efer, REAL, RUNS, ALL, 0x4801, ~EFER_LME),
	FIELD(efer, LONG, RUNS, ALL, 0x4d01, ALL),
	FIELD(efer, REAL, RUNS, 1 << 10, 0, ALL), /* LMA without LME */
	FIELD(efer, REAL, RUNS, 1 << 12, 0, ALL),
	FIELD(efer, REAL, RUNS, 0xb2fe, 0, ALL),
	FIELD(efer, REAL, RUNS, UINT64_C(1) << 63 | 1 << 16, 0, ALL),
	FIELD(efer, LONG, ANY, 1 << 10, 0, ALL), /* 64-bit code without long mode */
	FIELD(cpl, REAL, ANY, ALL, 3, ALL),
	FIELD(cpl, LONG, RUNS, 4, 0, ALL),
	FIELD(cpl, LONG, ANY, UINT64_C(0xfffffffffffffffd), 1, ALL),
};

static const struct malformed debug_fields[] = {
	FIELD(dr6, REAL, RUNS, ALL, 0xffffefff, ALL),
	FIELD(dr6, REAL, RUNS, 0, 0xffff0ff0, ALL),
	FIELD(dr6, LONG, RUNS, ALL << 32, 0xffff0ff0, ALL),
	FIELD(dr7, REAL, RUNS, ALL, 0xffff07ff, ALL), /* with all breakpoints on; not GD */
	FIELD(dr7, LONG, RUNS, UINT64_C(0x2000), 0x400, ALL),
	FIELD(dr7, REAL, RUNS, ALL << 32, 0x400, ALL),
	FIELD(dr7, REAL, RUNS, 0, 0x400, ALL),
	KEPT(dr[0], LONG, RUNS, NOT_CANONICAL),
	KEPT(dr[1], LONG, RUNS, POISON),
	KEPT(dr[2], LONG, RUNS, UINT64_C(0xffff800000100000)),
	KEPT(dr[3], LONG, RUNS, ALL),
};

#define BASE(name)                                                                  \
	FIELD(name, REAL, RUNS, NOT_CANONICAL, UINT64_C(0xffff800000000000), ALL),  \
		FIELD(name, LONG, RUNS, POISON, UINT64_C(0x0000000000000bad), ALL), \
		FIELD(name, LONG, RUNS, UINT64_C(0x7fff800000000000), UINT64_C(0xffff800000000000), ALL)

static const struct malformed msr_fields[] = {
	KEPT(star, LONG, RUNS, ALL),
	BASE(lstar),
	BASE(cstar),
	KEPT(sfmask, LONG, RUNS, ALL),
	BASE(kernel_gs_base),
	KEPT(sysenter_cs, LONG, RUNS, ALL),
	BASE(sysenter_esp),
	BASE(sysenter_eip),
	KEPT(pat, REAL, ANY, UINT64_C(0x0007040600070402)), /* type 2 is reserved */
	KEPT(pat, LONG, ANY, UINT64_C(0x0007040600070403)),
	KEPT(pat, LONG, ANY, ALL),
	FIELD(xcr0, REAL, RUNS, 0, 1, ALL),
	FIELD(xcr0, REAL, RUNS, 2, 3, ALL),
	FIELD(xcr0, REAL, RUNS, 4, 1, ALL), /* AVX without SSE */
	FIELD(xcr0, LONG, RUNS, ALL, 7, UINT64_C(7)),
	FIELD(xcr0, LONG, RUNS, ALL << 8, 1, 7),
	FIELD(xcr0, REAL, RUNS, UINT64_C(1) << 63 | 1, 1, ALL),
	KEPT(tsc_offset, REAL, RUNS, ALL),
	KEPT(tsc_offset, LONG, RUNS, UINT64_C(1) << 63),
	FIELD(tsc_aux, LONG, RUNS, ALL, 0xffffffff, ALL),
	FIELD(tsc_aux, REAL, RUNS, POISON, 0xbad, ALL),
};

/* Registers that a HLT does not look at; VMRUN makes bases canonical. */
#define TABLE_REGISTER(name)                                                               \
	KEPT(name.base, LONG, RUNS, NOT_CANONICAL), KEPT(name.base, LONG, RUNS, POISON),   \
		KEPT(name.limit, LONG, RUNS, 0xffffffff), KEPT(name.limit, REAL, RUNS, 0), \
		KEPT(name.selector, REAL, RUNS, 0xffff),                                   \
		FIELD(name.attributes, LONG, RUNS, 0xffff, 0x0fff, 0xffff)
#define SEGMENT(number)                                                                                \
	TABLE_REGISTER(segment[number]), KEPT(segment[number].attributes, REAL, RUNS, 0), /* absent */ \
		KEPT(segment[number].attributes, LONG, RUNS, 0x9f)

static const struct malformed segment_fields[] = {
	SEGMENT(BH_ES),
	SEGMENT(BH_DS),
	SEGMENT(BH_FS),
	SEGMENT(BH_GS),
	SEGMENT(BH_LDTR),
	SEGMENT(BH_TR),
	TABLE_REGISTER(gdtr),
	TABLE_REGISTER(idtr),
	KEPT(segment[BH_CS].attributes, LONG, REFUSES, 0xe9b), /* 64-bit code with D */
	FIELD(segment[BH_CS].attributes, LONG, REFUSES, 0xffff, 0x0fff, 0xffff),
	FIELD(segment[BH_CS].attributes, REAL, ANY, 0xffff, 0x0fff, 0xffff),
	KEPT(segment[BH_CS].attributes, LONG, ANY, 0),
	KEPT(segment[BH_CS].attributes, REAL, ANY, 0),
	KEPT(segment[BH_CS].attributes, REAL, ANY, 0x93), /* data */
	KEPT(segment[BH_CS].base, REAL, ANY, NOT_CANONICAL),
	KEPT(segment[BH_CS].base, LONG, ANY, POISON),
	KEPT(segment[BH_CS].limit, REAL, ANY, 0),
	KEPT(segment[BH_CS].selector, LONG, RUNS, 0xffff),
	FIELD(segment[BH_SS].attributes, REAL, ANY, 0xffff, 0x0fff, 0xffff),
	FIELD(segment[BH_SS].attributes, LONG, ANY, 0xffff, 0x0fff, 0xffff),
	KEPT(segment[BH_SS].attributes, LONG, ANY, 0), /* another DPL than CPL decides in the end */
	KEPT(segment[BH_SS].base, LONG, RUNS, NOT_CANONICAL),
	KEPT(segment[BH_SS].base, LONG, RUNS, POISON),
	KEPT(segment[BH_SS].limit, REAL, RUNS, 0),
	KEPT(segment[BH_SS].selector, LONG, ANY, 0xffff),
};

/* --- what of the host a thread can see --- */

static volatile uint64_t watched; /* the guest's breakpoints stand on it */

struct host {
	uint64_t fs_base, gs_base, vector[2], flags;
	uint32_t xcr0, mxcsr, auxiliary, selectors;
	uint16_t x87_control;
};

static void host_prepare(void)
{
	static const uint64_t vector[2] = { PATTERN + 1, PATTERN + 2 };
	uint16_t control = 0x27f; /* not as after a reset */
	uint32_t mxcsr = 0x3f80;

	__asm__ volatile("wrfsbase %0" : : "r"(PATTERN + 3));
	__asm__ volatile("wrgsbase %0" : : "r"(PATTERN + 4));
	__asm__ volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(control), "m"(mxcsr));
	__asm__ volatile("movdqu %0, %%xmm3; movdqu %0, %%xmm15" : : "m"(vector));
}

static void host_look(struct host *host)
{
	uint64_t high[2];
	uint32_t low, top;
	uint16_t data, extra, fs, gs;

	__asm__ volatile("rdfsbase %0" : "=r"(host->fs_base));
	__asm__ volatile("rdgsbase %0" : "=r"(host->gs_base));
	__asm__ volatile("movdqu %%xmm3, %0; movdqu %%xmm15, %1" : "=m"(host->vector), "=m"(high));
	host->vector[0] |= high[0]; /* both are the same */
	host->vector[1] |= high[1];
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(host->mxcsr), "=m"(host->x87_control));
	__asm__ volatile("xgetbv" : "=a"(host->xcr0), "=d"(top) : "c"(0));
	__asm__ volatile("rdtscp" : "=a"(low), "=d"(top), "=c"(host->auxiliary));
	__asm__ volatile("pushfq; popq %0" : "=r"(host->flags));
	host->flags &=
		0x3f7700; /* TF, IF, DF, IOPL, NT, VM, AC and the like: not the results of arithmetic */
	__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
			 : "=r"(data), "=r"(extra), "=r"(fs), "=r"(gs));
	host->selectors = (uint32_t)(data | extra | fs | gs);
	watched = watched + 1; /* a guest's breakpoint that is left in the CPU ends the root task here */
}

static struct host host_before;

static void host_is_unharmed(void)
{
	struct host now;

	host_look(&now);
	CHECK_EQUAL(PATTERN + 3, now.fs_base);
	CHECK_EQUAL(PATTERN + 4, now.gs_base);
	CHECK_EQUAL(PATTERN + 1, now.vector[0]);
	CHECK_EQUAL(PATTERN + 2, now.vector[1]);
	CHECK_EQUAL(0x3f80, now.mxcsr);
	CHECK_EQUAL(0x27f, now.x87_control);
	CHECK_EQUAL(host_before.xcr0, now.xcr0);
	CHECK_EQUAL(0, now.auxiliary);
	CHECK_EQUAL(host_before.flags, now.flags);
	CHECK_EQUAL(host_before.selectors, now.selectors);
}

/* --- one field --- */

#define STATE_WORDS (sizeof(struct bh_vcpu_state) / 8)
static struct test_guest guest;
static uint64_t good[STATE_WORDS]; /* the whole page, in real mode */

static bool guest_prepare(void)
{
	static const uint64_t entries[3] = { 0x2000 | 3, 0x3000 | 3, 0x83 }; /* the last: 2 MiB at 0 */

	if (!guest_new(&guest, GUEST(hlt))) {
		return false;
	}
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t frame;
		uint64_t *table = page_new(&frame);

		if (table == NULL || map_with_tables(copy_new(frame, BH_RIGHTS_ALL), guest.space,
					     (i + 1) * 4096, MAP_RW) != BH_OK) {
			return false;
		}
		table[0] = entries[i];
	}
	for (unsigned int i = 0; i < STATE_WORDS; i++) {
		good[i] = ((volatile uint64_t *)guest.state)[i];
	}
	host_prepare();
	host_look(&host_before);
	return true;
}

/* A state that runs into its HLT, with wild pointers in all registers, breakpoints on the host's memory, and 7 in XCR0. */
static void write_good(enum mode mode)
{
	volatile struct bh_vcpu_state *state = guest.state;

	for (unsigned int i = 0; i < STATE_WORDS; i++) {
		((volatile uint64_t *)state)[i] = good[i];
	}
	for (unsigned int i = 0; i < 16; i++) {
		state->registers[i] = POISON + i;
	}
	for (unsigned int i = 0; i < 4; i++) {
		state->dr[i] = (uint64_t)&watched;
	}
	state->dr7 = UINT64_C(0xdddd04ff); /* writes of 4 bytes */
	state->xcr0 = 7;
	state->tsc_aux = 0x7777;
	if (mode == LONG) {
		state->cr0 = UINT64_C(0x80000011);
		state->cr3 = 0x1000;
		state->cr4 = 0x20;
		state->efer = EFER_LONG;
		state->segment[BH_CS].attributes = 0xa9b;
	}
	guest.memory[0] = guest.memory[1] = 0xf4; /* who knows what it ran */
}

static void write_field(const struct malformed *field)
{
	volatile uint8_t *page = (volatile uint8_t *)guest.state;

	for (unsigned int i = 0; i < field->bytes; i++) {
		page[field->offset + i] = (uint8_t)(field->value >> 8 * i);
	}
}

static uint64_t read_field(const struct malformed *field)
{
	const volatile uint8_t *page = (const volatile uint8_t *)guest.state;
	uint64_t value = 0;

	for (unsigned int i = 0; i < field->bytes; i++) {
		value |= (uint64_t)page[field->offset + i] << 8 * i;
	}
	return value;
}

/* All that WriteState loads, and what the CPU holds then. */
static bool is_stored(const struct malformed *field)
{
	if (field->mask == 0) {
		return true;
	}
	if (bh_vcpu_read_state(guest.vcpu, BH_GROUPS_ALL) != BH_OK) {
		return false;
	}
	return ((read_field(field) ^ field->stored) & field->mask) == 0;
}

static bool is_as_expected(const struct malformed *field, unsigned int reason)
{
	switch ((enum outcome)field->outcome) {
	case REFUSES:
		return reason == BH_EXIT_ENTRY_FAILED && guest.message.word[1] == 0xffffffff;
	case RUNS:
		return reason == BH_EXIT_HLT && guest.state->rip == 0;
	case ANY:
		break;
	}
	/* Silence (BH_EXIT_REASONS): it runs somewhere. */
	return reason != BH_EXIT_REASONS || guest_status(&guest) == BH_VCPU_READY;
}

/* The exit's page has the guest's own: what was asked for, or was clamped; of the host, whose state QEMU saves over the guest's when it
 * refuses an entry, nothing. */
static bool is_guests(enum mode mode, const struct malformed *field)
{
	const volatile struct bh_vcpu_state *state = guest.state;
	bool own = true;

	for (unsigned int i = 0; i < 16; i++) {
		own &= state->registers[i] == POISON + i;
	}
	own &= state->segment[BH_TR].base >> 48 != 0xffff && state->gdtr.base >> 48 != 0xffff &&
	       state->idtr.base >> 48 != 0xffff;
	if (field->offset != offsetof(struct bh_vcpu_state, cr3)) {
		own &= state->cr3 == (mode == LONG ? 0x1000 : 0);
	}
	if (field->offset != offsetof(struct bh_vcpu_state, rip)) {
		own &= state->rip == 0;
	}
	return own;
}

/* false: something is wrong with that one. The spoiled state comes by WriteState, or by the answer to an exit. */
static bool try_field(const struct malformed *field, bool by_answer)
{
	unsigned int reason;

	write_good(field->mode);
	if (by_answer) {
		if (!guest_write_state(&guest) || guest_run(&guest) != BH_EXIT_HLT) {
			return false;
		}
		write_good(field->mode);
	}
	write_field(field);
	if (by_answer ? !guest_answer(&guest, BH_GROUPS_ALL)
		      : !guest_write_state(&guest) || !is_stored(field) || bh_vcpu_run(guest.vcpu) != BH_OK) {
		return false;
	}
	reason = guest_exit_soon(&guest);
	host_is_unharmed();
	if (!is_as_expected(field, reason) ||
		(field->outcome == REFUSES && !is_guests((enum mode)field->mode, field))) {
		print("  exit %u, rip %x\n", (uint64_t)reason, guest.state->rip);
		return false;
	}
	/* Refused once, it is refused again: nothing was half loaded. */
	if (field->outcome == REFUSES && guest_resume(&guest, 0) != BH_EXIT_ENTRY_FAILED) {
		return false;
	}
	if (bh_vcpu_stop(guest.vcpu) != BH_OK) {
		return false;
	}
	write_good((enum mode)field->mode);
	return guest_write_state(&guest) && bh_vcpu_run(guest.vcpu) == BH_OK &&
	       guest_exit_soon(&guest) == BH_EXIT_HLT && guest.state->rip == 0 &&
	       guest.state->registers[BH_RBP] == POISON + BH_RBP && bh_vcpu_stop(guest.vcpu) == BH_OK;
}

static void try_all(const struct malformed *fields, size_t count)
{
	REQUIRE(guest_prepare());
	for (size_t i = 0; i < count; i++) {
		for (unsigned int by_answer = 0; by_answer < 2; by_answer++) {
			if (!try_field(&fields[i], by_answer == 1)) {
				print("  %s = %x, by %s\n", fields[i].field, fields[i].value,
					by_answer == 1 ? "the answer" : "WriteState");
				CHECK(false);
				(void)!bh_vcpu_stop(guest.vcpu);
			}
		}
	}
}

/* The guest's own doing: CR4 is not intercepted (docs/decisions/022-lme-under-qemu.md). */
static void drops_pae(void)
{
	/* mov eax, cr4; and al, ~20h; mov cr4, eax; hlt */
	static const uint8_t code[] = { 0x0f, 0x20, 0xe0, 0x24, 0xdf, 0x0f, 0x22, 0xe0, 0xf4, 0xf4 };

	case_begin("malformed.pae",
		"a guest that has LME with paging off clears PAE by itself: its next exit comes, and the host goes on with paging");
	REQUIRE(guest_new(&guest, code, code + sizeof(code)));
	guest.state->cr4 = 0x20;
	guest.state->efer = EFER_LME;
	REQUIRE(guest_write_state(&guest));
	CHECK_EQUAL(BH_OK, bh_vcpu_run(guest.vcpu));
	CHECK(guest_exit_soon(&guest) != BH_EXIT_REASONS);
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define CASE(table) try_all(table, COUNT(table))

void group_guest_malformed(void)
{
	case_begin("malformed.base",
		"rip, rflags, interrupt shadow and window, reserved words out of range: clamped or the guest's own trouble; the host is "
		"unharmed, and the vCPU runs again with a good state");
	CASE(base_fields);

	case_begin("malformed.events",
		"`inject` and `undelivered` of every type and kind of vector: those that mean nothing are refused by the CPU; the rest "
		"as above");
	CASE(event_fields);

	case_begin("malformed.control",
		"control registers, EFER and CPL: what no CPU takes is refused, what isn't the guest's is left out");
	CASE(control_fields);

	case_begin("malformed.debug",
		"debug registers: the upper half and GD are left out; breakpoints on addresses of the host or of nobody do not show there");
	CASE(debug_fields);

	case_begin("malformed.msrs",
		"MSRs: addresses are made canonical, XCR0 is a set that the host has, no reserved PAT type harms");
	CASE(msr_fields);

	case_begin("malformed.segments",
		"every segment and table register with bases that aren't canonical, wild limits, selectors and attributes");
	CASE(segment_fields);

	drops_pae();
}
