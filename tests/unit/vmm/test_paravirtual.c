/* SPDX-License-Identifier: MIT */
/* KVM's clock and EOI as a guest uses them: the registers, the places in memory, agreement with the VM's clock, and an
 * interrupt's end by the bit, by the register, and with others that come in between. */
#include <string.h>

#include "clock/time.h"
#include "fixture.h"
#include "vcpu/paravirtual.h"

#define CLOCK_PLACE 0x200000u
#define WALL_PLACE 0x200100u
#define EOI_PLACE 0x200200u

static int setup(void **state)
{
	int result = fixture_setup(state);

	vmm.msr.kvm_clock = true;
	vmm.msr.pv_eoi = true;
	return result;
}

static bool wrmsr(uint32_t msr, uint64_t value)
{
	page.rip = CODE_ADDRESS;
	CODE(0x0f, 0x30);
	page.registers[BH_RCX] = msr;
	page.registers[BH_RAX] = (uint32_t)value;
	page.registers[BH_RDX] = value >> 32;
	(void)take_exit(BH_EXIT_MSR_WRITE, 0, 0, 0);
	return injected == 0;
}

static uint64_t rdmsr(uint32_t msr)
{
	page.rip = CODE_ADDRESS;
	CODE(0x0f, 0x32);
	page.registers[BH_RCX] = msr;
	(void)take_exit(BH_EXIT_MSR_READ, 0, 0, 0);
	assert_int_equal(injected, 0);
	return page.registers[BH_RDX] << 32 | page.registers[BH_RAX];
}

static uint32_t word32(uint32_t address)
{
	uint32_t word;

	memcpy(&word, &ram[address], sizeof(word));
	return word;
}

static uint64_t word64(uint32_t address) { return word32(address) | (uint64_t)word32(address + 4) << 32; }

/* What Linux computes (arch/x86/include/asm/pvclock.h). */
static uint64_t guest_ns(uint64_t guest_tsc)
{
	uint64_t delta = guest_tsc - word64(CLOCK_PLACE + 8);
	int8_t shift = (int8_t)ram[CLOCK_PLACE + 28];

	delta = shift >= 0 ? delta << shift : delta >> -shift;
	return word64(CLOCK_PLACE + 16) +
	       (uint64_t)(((unsigned __int128)delta * word32(CLOCK_PLACE + 24)) >> 32);
}

static void the_clock_agrees(void **state)
{
	static const uint64_t rates[] = { 1, 999, 1000, 999999, 1000000, 1000001, 2400000, 3799123, 9000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t version;

		time_start(&vmm, rates[i], UINT64_C(1767225600123456789));
		fake.tsc += 777777;
		assert_true(wrmsr(MSR_KVM_SYSTEM_TIME, CLOCK_PLACE | 1));
		assert_int_equal(rdmsr(MSR_KVM_SYSTEM_TIME), CLOCK_PLACE | 1);
		assert_int_equal(ram[CLOCK_PLACE + 29], 1);
		version = word32(CLOCK_PLACE);
		assert_true(version != 0 && version % 2 == 0);
		for (uint32_t step = 0; step < 20; step++) {
			uint64_t exact, got;

			fake.tsc += rates[i] * 50 + step;
			exact = clock_scale_apply(clock_scale_make(1000000, rates[i]), time_now(&vmm));
			got = guest_ns(time_read_tsc(&vmm.vcpu));
			/* 32 bits of rate, and 1 tick lost where ticks are shifted right */
			assert_true(got <= exact + 1);
			assert_true(exact - got <= 2 + 1000000 / rates[i] + exact / UINT32_MAX);
		}
		/* the guest moves its TSC: time does not move */
		version = word32(CLOCK_PLACE);
		assert_true(wrmsr(MSR_TSC, 5));
		assert_int_equal(word32(CLOCK_PLACE), version + 2);
		assert_int_equal(word64(CLOCK_PLACE + 8), 5);
		assert_true(wrmsr(MSR_KVM_SYSTEM_TIME, CLOCK_PLACE)); /* off */
		version = word32(CLOCK_PLACE);
		assert_true(wrmsr(MSR_TSC, 9));
		assert_int_equal(word32(CLOCK_PLACE), version);
	}
	assert_true(wrmsr(MSR_KVM_WALL_CLOCK, WALL_PLACE));
	assert_int_equal(word32(WALL_PLACE) % 2, 0);
	assert_int_equal(word32(WALL_PLACE + 4), 1767225600);
	assert_int_equal(word32(WALL_PLACE + 8), 123456789);
	assert_int_equal(rdmsr(MSR_KVM_WALL_CLOCK_OLD), WALL_PLACE);
}

static void places_are_checked(void **state)
{
	static const uint32_t registers[] = { MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK_OLD,
		MSR_KVM_SYSTEM_TIME_OLD, MSR_KVM_PV_EOI };

	(void)state;
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		uint64_t enable =
			registers[i] == MSR_KVM_WALL_CLOCK || registers[i] == MSR_KVM_WALL_CLOCK_OLD ? 0 : 1;

		assert_false(wrmsr(registers[i], RAM_SIZE | enable));
		assert_false(wrmsr(registers[i], (RAM_SIZE - 2) | enable));
		assert_false(wrmsr(registers[i], 0xfee00000 | enable));
		assert_false(wrmsr(registers[i], UINT64_C(0xfffffffffffffffc) | enable));
		assert_false(wrmsr(registers[i], (CLOCK_PLACE + 2) | enable));
		assert_int_equal(rdmsr(registers[i]), 0);
	}
	assert_false(wrmsr(MSR_KVM_SYSTEM_TIME, (RAM_SIZE - 28) | 1));
	assert_true(wrmsr(MSR_KVM_SYSTEM_TIME, (RAM_SIZE - 32) | 1));
	vmm.msr.kvm_clock = false;
	vmm.msr.pv_eoi = false;
	assert_false(wrmsr(MSR_KVM_SYSTEM_TIME, CLOCK_PLACE | 1));
	assert_false(wrmsr(MSR_KVM_PV_EOI, EOI_PLACE | 1));
}

static void interrupt(uint8_t vector, bool level)
{
	assert_true(lapic_accept(&vmm.fabric.lapic[0], vector, level, 0));
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
}

static void an_end_by_the_bit(void **state)
{
	struct lapic *lapic = &vmm.fabric.lapic[0];

	(void)state;
	memset(&ram[EOI_PLACE], 0x80, 4);
	assert_true(wrmsr(MSR_KVM_PV_EOI, EOI_PLACE | 1));
	interrupt(0x41, false);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(0x41));
	assert_int_equal(word32(EOI_PLACE), 0x80808081);
	assert_true(vmm.vcpu.busy != 0);
	memset(&ram[EOI_PLACE], 0x80, 4); /* the guest ends it */
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(lapic->isr_highest, 0);
	assert_int_equal(word32(EOI_PLACE), 0x80808080);
	assert_int_equal(vmm.vcpu.busy, 0);

	/* not ended yet at the next exit: taken back, offered again before the entry */
	interrupt(0x41, false);
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(lapic->isr_highest, 0x41);
	assert_int_equal(word32(EOI_PLACE) & 1, 1);
	/* another one waits behind it: the end must be told */
	interrupt(0x42, false);
	assert_int_equal(injected, 0);
	assert_int_equal(word32(EOI_PLACE) & 1, 0);
	fabric_eoi(&vmm.fabric, 0);
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(0x42));
	assert_int_equal(word32(EOI_PLACE) & 1, 1);
	/* one of a higher class interrupts it: now the bit speaks of that one */
	interrupt(0x51, false);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(0x51));
	assert_int_equal(word32(EOI_PLACE) & 1, 1);
	ram[EOI_PLACE] &= 0xfe;
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(lapic->isr_highest, 0x42);
	assert_int_equal(word32(EOI_PLACE) & 1, 1);
	ram[EOI_PLACE] &= 0xfe;
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(lapic->isr_highest, 0);

	/* a level-triggered one ends by the register */
	interrupt(0x61, true);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(0x61));
	assert_int_equal(word32(EOI_PLACE) & 1, 0);
	fabric_eoi(&vmm.fabric, 0);
	/* switched off */
	assert_true(wrmsr(MSR_KVM_PV_EOI, 0));
	interrupt(0x41, false);
	assert_int_equal(word32(EOI_PLACE) & 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_clock_agrees, setup),
		cmocka_unit_test_setup(places_are_checked, setup),
		cmocka_unit_test_setup(an_end_by_the_bit, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
