/* SPDX-License-Identifier: MIT */
/* Reads and writes all it can: memory of every kind, all ports but the listed ones of power, all MSRs. Looks for an 8-byte secret that another VM
 * holds: `hidden=` is its value with every bit inverted, so that the command line does not hold it. Ends with code 0 if it was nowhere. */
#include "guest.h"
#include "power_ports.h"

const char guest_name[] = "scan-all";

static uint64_t secret;
static uint32_t found, pages, device_pages, ports_with_device, msrs;

static void look(uint64_t value, const char *where, uint64_t address)
{
	if (value != secret)
		return;
	if (found++ < 8) {
		uart_init();
		put("FOUND the secret in ");
		put(where);
		put(" at ");
		put_hex(address);
		put("\n");
	}
}

static bool ours(uintptr_t page)
{
	return page + 4096 > (uintptr_t)image_start && page < (uintptr_t)image_end;
}

static void read_memory(uintptr_t from, uintptr_t to)
{
	for (uintptr_t page = from; page < to; page += 4096) {
		if (ours(page))
			continue;
		for (uintptr_t at = page; at < page + 4096; at += 8)
			if (*(const volatile uint64_t *)at == secret)
				look(secret, "RAM", at);
		pages++;
	}
}

static void write_memory(uintptr_t from, uintptr_t to)
{
	for (uintptr_t page = from; page < to; page += 4096) {
		if (ours(page))
			continue;
		for (uintptr_t at = page; at < page + 4096; at += 8)
			*(volatile uint64_t *)at = at * 0x9e3779b97f4a7c15ull;
	}
}

static uint32_t wrong_memory(uintptr_t from, uintptr_t to)
{
	uint32_t wrong = 0;

	for (uintptr_t page = from; page < to; page += 4096) {
		if (ours(page))
			continue;
		for (uintptr_t at = page; at < page + 4096; at += 8)
			wrong += *(volatile uint64_t *)at != at * 0x9e3779b97f4a7c15ull;
	}
	return wrong;
}

/* One place outside of RAM. Nothing (all ones) is the usual answer. */
static void touch(volatile uint8_t *at, uint64_t physical)
{
	uint32_t low = 0, high = 0;

	TRY("movl (%2), %0\n movl 4(%2), %1", : "+&r"(low), "+&r"(high) : "r"(at) : "memory");
	look((uint64_t)high << 32 | low, "memory outside of RAM", physical);
	if (low != 0xffffffffu)
		device_pages++;
	TRY("movl %1, (%0)", ::"r"(at), "r"(0x5eadbeefu) : "memory");
}

static void holes(uint64_t end)
{
	uint32_t limit[4];
	uint64_t last;

	__asm__ volatile("cpuid"
			 : "=a"(limit[0]), "=b"(limit[1]), "=c"(limit[2]), "=d"(limit[3])
			 : "0"(0x80000008), "2"(0));
	last = 1ull << (limit[0] & 0xff);
	for (uint64_t physical = (end + 0x1fffff) & ~0x1fffffull; physical < 0x100000000ull;
		physical += 0x200000)
		if (physical < 0xfec00000ull || physical > 0xfeffffffull)
			touch((volatile uint8_t *)(uintptr_t)physical, physical);
	for (uint64_t physical = 0xfec01000ull; physical < 0xff000000ull; physical += 0x1000)
		if (physical != 0xfee00000ull)
			touch((volatile uint8_t *)(uintptr_t)physical, physical);
	for (uint64_t physical = 0x100000000ull; physical < last && physical < 0x1000000000ull;
		physical += 0x40000000)
		touch(map_window(physical), physical);
	for (uint64_t physical = 0x100000000ull; physical < last; physical <<= 1)
		touch(map_window(physical), physical);
	touch(map_window(last - 0x200000), last - 0x200000);
	/* The local APIC but for its command register (which could restart this processor), then the I/O APIC. */
	for (unsigned offset = 0; offset < 0x1000; offset += 16) {
		look(APIC_BASE[offset / 4], "the local APIC", offset);
		if (offset != 0x300 && offset != 0x310)
			APIC_BASE[offset / 4] = 0x000100ffu;
	}
	for (unsigned i = 0; i < 256; i++) {
		IOAPIC_BASE[0] = i;
		look(IOAPIC_BASE[4], "the I/O APIC", i);
		IOAPIC_BASE[4] = 0x000100ffu;
	}
}

static void ports(void)
{
	for (uint32_t port = 0; port < 0x10000; port++)
		ports_with_device += inb((uint16_t)port) != 0xff;
	for (uint32_t port = 0; port < 0x10000; port += 4) {
		(void)inw((uint16_t)port);
		look(inl((uint16_t)port), "ports", port);
	}
	for (uint32_t port = 0; port < 0x10000; port++) {
		/* The UART's data port is left to the words below: its bytes would fill the console. */
		if (!of_power(port, 1) && port != COM1) {
			outb((uint16_t)port, 0xff);
			outb((uint16_t)port, 0);
		}
	}
	for (uint32_t port = 0; port < 0x10000; port += 4) {
		if (!of_power(port, 2))
			outw((uint16_t)port, 0xa55a);
		if (!of_power(port, 4))
			outl((uint16_t)port, 0x5aa55aa5);
	}
}

static void all_msrs(uint32_t from, uint32_t to)
{
	for (uint32_t index = from; index < to; index++) {
		uint32_t low = 0, high = 0;
		TRY("rdmsr", : "+a"(low), "+d"(high) : "c"(index) : "memory");
		if (trap_vector != TRAP_NONE)
			continue;
		msrs++;
		look((uint64_t)high << 32 | low, "MSRs", index);
		TRY("wrmsr", ::"a"(low), "d"(high), "c"(index) : "memory");
	}
}

int main(void)
{
	uint64_t end = ram_end(), again = argument("again", 1);
	uint32_t wrong;

	secret = ~argument("hidden", 0);
	put("scan-all: running\n");
	pic_init();
	for (uint64_t i = 0; i < again; i++) {
		read_memory(0, 0xa0000);
		read_memory(0x100000, (uintptr_t)end);
	}
	write_memory(0, 0xa0000);
	write_memory(0x100000, (uintptr_t)end);
	wrong = wrong_memory(0, 0xa0000) + wrong_memory(0x100000, (uintptr_t)end);
	holes(end);
	all_msrs(0, 0x2000);
	all_msrs(0x40000000, 0x40000200);
	all_msrs(0x4b564d00, 0x4b564d10);
	all_msrs(0xc0000000, 0xc0002000);
	all_msrs(0xc0010000, 0xc0012000);
	ports();
	uart_init();
	put("\nscan-all: ");
	put_number(pages);
	put(" pages of RAM, ");
	put_number(device_pages);
	put(" places with devices, ");
	put_number(ports_with_device);
	put(" ports with devices, ");
	put_number(msrs);
	put(" MSRs; the secret was found ");
	put_number(found);
	put(" times\n");
	check_equal("the secret", found, 0);
	check_equal("RAM that did not keep what was written", wrong, 0);
	return 0;
}
