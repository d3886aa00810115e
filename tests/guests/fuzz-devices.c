/* SPDX-License-Identifier: MIT */
/* Hostile accesses at random, each a real VM exit: ports of every width and form, PCI configuration, memory outside of RAM, local APIC and I/O
 * APIC, MSRs, CPUID, privileged instructions; rings of virtio devices (fuzz-virtio.h). `count=` accesses (100,000) from `seed=` (1): the same seed, the same accesses. Nothing that
 * it does may do more than raise an exception in it, or reach its RAM. */
#include "fuzz-virtio.h"
#include "guest.h"
#include "power_ports.h"

const char guest_name[] = "fuzz-devices";

enum { KEPT_WORDS = 65536, STRING_BYTES = 64 };

static uint64_t kept[KEPT_WORDS]; /* RAM that no device has any business with */
static uint8_t string[STRING_BYTES + 8] __attribute__((aligned(8)));
static uint64_t state, digest;
static uint64_t port_accesses, string_accesses, configurations, memory_accesses, msr_accesses, cpuids,
	instructions, exceptions;

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" (2016). */
static uint64_t any(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 2685821657736338717ull;
}

static uint32_t below(uint32_t limit) { return (uint32_t)((any() >> 32) * limit >> 32); }

static bool chance(uint32_t percent) { return below(100) < percent; }

/* A value with something to it: few bits, all bits, small numbers, any. */
static uint64_t any_value(void)
{
	switch (below(6)) {
	case 0:
		return 1ull << below(64);
	case 1:
		return ~(1ull << below(64));
	case 2:
		return below(32);
	case 3:
		return 0 - (uint64_t)below(32);
	case 4:
		return chance(50) ? 0 : ~0ull;
	default:
		return any();
	}
}

static void saw(uint64_t value)
{
	digest = (digest ^ value) * 0x100000001b3ull;
	if (trap_vector != TRAP_NONE)
		exceptions++;
}

/* --- ports --- */

static const struct {
	uint16_t first, count;
} device_ports[] = {
	{ 0x20, 2 },
	{ 0xa0, 2 },
	{ 0x4d0, 2 }, /* interrupt controllers */
	{ 0x40, 4 },
	{ 0x61, 1 }, /* PIT */
	{ 0x60, 5 }, /* i8042 */
	{ 0x70, 2 }, /* RTC */
	{ 0x3f8, 8 },
	{ 0x2f8, 8 },
	{ 0x3e8, 8 }, /* UARTs, present or not */
	{ 0x600, 16 },
	{ 0xb000, 64 },
	{ 0xb2, 2 },  /* power management */
	{ 0xcf8, 8 }, /* PCI */
	{ 0x500, 32 },
	{ 0x80, 16 },
	{ 0xf0, 16 }, /* what test devices and firmware use */
	{ 0x1f0, 8 },
	{ 0x3c0, 32 },
	{ 0x510, 12 },
};

static uint16_t any_port(void)
{
	if (chance(80)) {
		unsigned which = below(sizeof(device_ports) / sizeof(device_ports[0]));

		return (uint16_t)(device_ports[which].first + below(device_ports[which].count));
	}
	return (uint16_t)any();
}

/* Ports of power take what does not end this VM: a keyboard controller's bytes but those that pulse or set its output port, port 92h
 * without the reset bit. */
static bool ends_us(uint16_t port, unsigned width, uint32_t value)
{
	if (!of_power(port, width))
		return false;
	if (width != 1)
		return true;
	value &= 0xff;
	switch (port) {
	case 0x60:
		return false;
	case 0x64:
		return value >= 0xf0 || value == 0xd1;
	case 0x92:
		return (value & 1) != 0;
	default:
		return true;
	}
}

static void port(void)
{
	uint16_t at = any_port();
	uint32_t value = (uint32_t)any_value();
	unsigned width = 1u << below(3);

	port_accesses++;
	trap_vector = TRAP_NONE;
	if (chance(50)) {
		saw(width == 1 ? inb(at) : width == 2 ? inw(at) : inl(at));
	} else if (!ends_us(at, width, value)) {
		if (width == 1)
			outb(at, (uint8_t)value);
		else if (width == 2)
			outw(at, (uint16_t)value);
		else
			outl(at, value);
	}
}

/* INS and OUTS, single and repeated, forwards and backwards. */
static void string_port(void)
{
	uint16_t at = any_port();
	unsigned width = 1u << below(3);
	uint64_t count = below(STRING_BYTES / 4 + 1);
	bool backwards = chance(20), in = chance(50);
	void *where = backwards ? string + STRING_BYTES - 4 : string;

	string_accesses++;
	if (!in && of_power(at, width))
		return;
	for (unsigned i = 0; i < STRING_BYTES / 8; i++)
		*(uint64_t *)(void *)(string + 8 * i) = any_value();
	if (backwards)
		__asm__ volatile("std");
#define STRING(form) TRY("rep " form, : "+c"(count), "+D"(where) : "d"(at) : "memory")
#define STRING_OUT(form) TRY("rep " form, : "+c"(count), "+S"(where) : "d"(at) : "memory")
	if (in && width == 1)
		STRING("insb");
	else if (in && width == 2)
		STRING("insw");
	else if (in)
		STRING("insl");
	else if (width == 1)
		STRING_OUT("outsb");
	else if (width == 2)
		STRING_OUT("outsw");
	else
		STRING_OUT("outsl");
	__asm__ volatile("cld");
	saw(*(uint64_t *)(void *)string);
}

static void configuration(void)
{
	uint32_t address = (uint32_t)any() & 0x7ffffffc;
	uint16_t data = (uint16_t)(0xcfc + below(4));
	unsigned width = 1u << below(3);

	configurations++;
	trap_vector = TRAP_NONE;
	if (chance(80))
		address &= 0xf8fc; /* bus 0, function 0 */
	outl(0xcf8, address | 0x80000000u);
	if (chance(50)) {
		saw(width == 1 ? inb(data) : width == 2 ? inw(data) : inl(data));
	} else {
		uint32_t value = (uint32_t)any_value();

		if (width == 1)
			outb(data, (uint8_t)value);
		else if (width == 2)
			outw(data, (uint16_t)value);
		else
			outl(data, value);
	}
}

/* --- memory --- */

static uint64_t ram, physical_end;

/* Registers of the local APIC that would send this VM an INIT, or itself an NMI without end, stay out. */
static uint64_t any_place(void)
{
	switch (below(4)) {
	case 0: {
		uint64_t offset = below(0x1000);

		if (offset >= 0x2f0 && offset < 0x380)
			offset = 0x80;
		return 0xfee00000ull + offset;
	}
	case 1:
		return 0xfec00000ull + (chance(80) ? below(0x20) : below(0x1000));
	case 2:
		return 0xf0000000ull + (any() & 0x0fbfffff); /* what firmware, PCI and HPET use */
	default:
		return ram + any() % (physical_end - ram - 16);
	}
}

static void memory(void)
{
	uint64_t place = any_place(), value = any_value(), got = 0;
	volatile uint8_t *at = map_window(place & ~0x1fffffull) + (place & 0x1fffff);

	memory_accesses++;
	switch (below(12)) {
	case 0:
		TRY("movb (%1), %b0", : "+r"(got) : "r"(at) : "memory");
		break;
	case 1:
		TRY("movw (%1), %w0", : "+r"(got) : "r"(at) : "memory");
		break;
	case 2:
		TRY("movl (%1), %k0", : "+r"(got) : "r"(at) : "memory");
		break;
	case 3:
		TRY("movq (%1), %0", : "+r"(got) : "r"(at) : "memory");
		break;
	case 4:
		TRY("movb %b0, (%1)", ::"r"(value), "r"(at) : "memory");
		break;
	case 5:
		TRY("movw %w0, (%1)", ::"r"(value), "r"(at) : "memory");
		break;
	case 6:
		TRY("movl %k0, (%1)", ::"r"(value), "r"(at) : "memory");
		break;
	case 7:
		TRY("movq %0, (%1)", ::"r"(value), "r"(at) : "memory");
		break;
	case 8:
		TRY("orl %k0, (%1)", ::"r"(value), "r"(at) : "memory", "cc");
		break;
	case 9:
		TRY("xchgl %k0, (%1)", : "+r"(value) : "r"(at) : "memory");
		got = value;
		break;
	case 10:
		TRY("lock addl %k0, (%1)", ::"r"(value), "r"(at) : "memory", "cc");
		break;
	default:
		TRY("movzwl (%1), %k0", : "+r"(got) : "r"(at) : "memory");
		break;
	}
	saw(got);
}

/* --- the processor --- */

static uint32_t any_msr(void)
{
	static const uint32_t first[] = { 0, 0x10, 0x170, 0x1b0, 0x200, 0x250, 0x277, 0x800, 0xc0000080,
		0xc0000100, 0xc0010000, 0xc0010010, 0xc0010110, 0x40000000, 0x4b564d00 };

	return chance(80) ? first[below(sizeof(first) / sizeof(first[0]))] + below(32) : (uint32_t)any();
}

static void msr(void)
{
	uint32_t index = any_msr(), low = 0, high = 0;
	uint64_t value = any_value();

	msr_accesses++;
	TRY("rdmsr", : "+a"(low), "+d"(high) : "c"(index) : "memory");
	saw((uint64_t)high << 32 | low);
	/* Half the time what stood there, with a bit changed: that is refused less often. */
	if (chance(50))
		value = ((uint64_t)high << 32 | low) ^ 1ull << below(64);
	/* The APIC's base stays, and its command register unwritten: an INIT ends this VM. */
	if (index == 0x1b || (index >= 0x82f && index <= 0x838) || index == 0xc0000080)
		return;
	TRY("wrmsr", ::"a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(index) : "memory");
	saw(0);
}

static void cpuid(void)
{
	static const uint32_t first[] = { 0, 0x40000000, 0x40000100, 0x80000000, 0xc0000000 };
	uint32_t leaf = chance(80) ? first[below(5)] + below(40) : (uint32_t)any(), b, c = below(8), d;

	cpuids++;
	trap_vector = TRAP_NONE;
	__asm__ volatile("cpuid" : "+a"(leaf), "=b"(b), "+c"(c), "=d"(d));
	saw(leaf ^ b ^ c ^ d);
}

static void instruction(void)
{
	uint32_t low = (uint32_t)any_value(), high = 0, index = below(4);
	uint64_t value = any_value();

	instructions++;
	switch (below(12)) {
	case 0:
		TRY("vmmcall", : "+a"(low)::"memory");
		break;
	case 1:
		TRY("vmrun", ::"a"(value) : "memory");
		break;
	case 2:
		TRY("xsetbv", ::"a"(low), "d"(high), "c"(index) : "memory");
		break;
	case 3:
		TRY("wbinvd", ::: "memory");
		break;
	case 4:
		TRY("rdpmc", : "=a"(low), "=d"(high) : "c"(index));
		break;
	case 5:
		TRY("monitor", ::"a"(string), "c"(index), "d"(0));
		break;
	case 6:
		TRY("movq %0, %%dr6", ::"r"(value));
		break;
	case 7:
		TRY("movq %%dr7, %0", : "=r"(value));
		break;
	case 8:
		TRY("movq %0, %%cr8", ::"r"(value));
		break;
	case 9:
		TRY("movq %%cr8, %0", : "=r"(value));
		break;
	case 10:
		TRY("stgi", ::: "memory");
		break;
	default:
		TRY("rdtscp", : "=a"(low), "=d"(high), "=c"(index));
		break;
	}
	saw(0);
}

static uint64_t accesses(void)
{
	return port_accesses + string_accesses + configurations + memory_accesses + msr_accesses + cpuids +
	       instructions + virtio_accesses;
}

static void access(void)
{
	uint32_t which = below(100);

	if (which < 42)
		port();
	else if (which < 50)
		virtio();
	else if (which < 55)
		string_port();
	else if (which < 65)
		configuration();
	else if (which < 80)
		memory();
	else if (which < 90)
		msr();
	else if (which < 95)
		cpuid();
	else
		instruction();
}

/* An NMI may come, from what was written to the controllers. It says nothing. */
static void ignore(struct interrupt_frame *frame) { (void)frame; }

static void told(const char *what, uint64_t count)
{
	put_number(count);
	put(what);
}

int main(void)
{
	uint64_t seed = argument("seed", 1), count = argument("count", 100000);
	uint32_t a = 0x80000008, b, c = 0, d, wrong = 0;

	put("fuzz-devices: running\n");
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	physical_end = 1ull << (a & 0xff);
	ram = (ram_end() + 0xfff) & ~0xfffull;
	state = (seed << 1 | 1) * 0x9e3779b97f4a7c15ull;
	interrupt_handle(2, ignore);
	for (unsigned i = 0; i < KEPT_WORDS; i++)
		kept[i] = i * 0x9e3779b97f4a7c15ull;
	fuzz_end = ram_end();
	fuzz_find(fuzz_end);
	while (accesses() < count && virtio_stuck == 0)
		access();
	fuzz_after();
	uart_init();
	for (unsigned i = 0; i < KEPT_WORDS; i++)
		wrong += kept[i] != i * 0x9e3779b97f4a7c15ull;
	put("\nfuzz-devices: seed ");
	put_number(seed);
	put(": ");
	told(" ports, ", port_accesses);
	told(" strings, ", string_accesses);
	told(" configurations, ", configurations);
	told(" places, ", memory_accesses);
	told(" MSRs, ", msr_accesses);
	told(" CPUID, ", cpuids);
	told(" instructions, ", instructions);
	told(" of virtio, ", virtio_accesses);
	told(" exceptions, digest ", exceptions);
	put_hex(digest);
	put("\nfuzz-devices: virtio: ");
	told(" functions, ", fuzz_functions);
	told(" resets, ", virtio_resets);
	told(" times broken, ", virtio_broken);
	told(" chains came back\n", virtio_used);
	check_equal("virtio resets that did not end", virtio_stuck, 0);
	check_equal("virtio devices that did not come back", virtio_wrong, 0);
	check_equal("words of RAM that changed", wrong, 0);
	check("some of it was refused", exceptions > count / 100 && exceptions < count / 2);
	return 0;
}
