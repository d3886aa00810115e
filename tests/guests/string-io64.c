/* SPDX-License-Identifier: MIT */
/* String I/O in 64-bit mode with paging: buffers across pages that lie apart, pages that are not there, 32-bit addresses. */
#include "string-io-common.h"

const char guest_name[] = "string-io64";

static uint8_t pages[3][4096] __attribute__((aligned(4096)));

/* Two neighbouring virtual pages on physical pages in the other order. */
static void map(unsigned index, const uint8_t *page, unsigned flags)
{
	small_page_table[index] = (uintptr_t)page | flags;
	__asm__ volatile("invlpg (%0)" ::"r"(SMALL_PAGES + index * 4096ul) : "memory");
}

static void across_pages(void)
{
	struct string_registers r;
	uint8_t back[8];
	bool right = true;

	map(0, pages[2], 3);
	map(1, pages[0], 3);
	for (unsigned i = 0; i < 8; i++)
		(SMALL_PAGES + 4092)[i] = (uint8_t)(0x70 + i);
	check("the pages lie apart", pages[2][4095] == 0x73 && pages[0][0] == 0x74);
	loopback(true);
	r = STRING("rep outsb", COM1, 8, SMALL_PAGES + 4092, 0);
	for (unsigned i = 0; i < 8; i++)
		back[i] = inb(COM1 + 5) & 1 ? inb(COM1) : 0;
	loopback(false);
	for (unsigned i = 0; i < 8; i++)
		right = right && back[i] == 0x70 + i;
	check("rep outsb across pages: the bytes in their order", right);
	check_equal("rep outsb across pages: address", r.address, (uintptr_t)SMALL_PAGES + 4100);

	/* One unit half in one page, half in the other. */
	*(volatile uint16_t *)(SMALL_PAGES + 4094) = 0x1000;
	*(volatile uint16_t *)(SMALL_PAGES + 4096) = 0x8001;
	STRING("outsl", PCI_ADDRESS, 1, SMALL_PAGES + 4094, 0);
	check_equal("outsl of a unit across pages", inl(PCI_ADDRESS), 0x80011000u);
	outl(PCI_ADDRESS, 0x80020800u);
	STRING("rep insl", PCI_ADDRESS, 2, SMALL_PAGES + 4090, 0);
	check("rep insl across pages", pages[2][4090] == 0 && pages[2][4093] == 0x80 &&
					       pages[2][4095] == 0x08 && pages[0][0] == 0x02 &&
					       pages[0][1] == 0x80);
	outl(PCI_ADDRESS, 0);
}

/* The second page is absent: four units are done, then #PF with the registers in between (APM vol. 3, "REP": restartable). */
static void page_fault(void)
{
	uintptr_t count = 8, address = (uintptr_t)SMALL_PAGES + 4092, cr2;

	map(1, NULL, 0);
	outb(COM1 + 7, 0x99);
	TRY("rep insb", : "+c"(count), "+D"(address) : "d"(COM1 + 7) : "memory");
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	check_equal("rep insb into an absent page", trap_vector, VECTOR_PF);
	check_equal("rep insb into an absent page: error code", trap_error, 2);
	check_equal("rep insb into an absent page: CR2", cr2, (uintptr_t)SMALL_PAGES + 4096);
	check_equal("rep insb into an absent page: count left", count, 4);
	check_equal("rep insb into an absent page: address", address, (uintptr_t)SMALL_PAGES + 4096);
	check("rep insb into an absent page: what was read before",
		pages[2][4092] == 0x99 && pages[2][4095] == 0x99);

	map(1, pages[1], 1);
	count = 8;
	address = (uintptr_t)SMALL_PAGES + 4092;
	__asm__ volatile(
		"mov %0, %%cr0" ::"r"(0x80010011ul)); /* WP: ring 0 too may not write to read-only pages */
	TRY("rep insb", : "+c"(count), "+D"(address) : "d"(COM1 + 7) : "memory");
	check_equal("rep insb into a read-only page", trap_vector, VECTOR_PF);
	check_equal("rep insb into a read-only page: error code", trap_error, 3);
	check_equal("rep insb into a read-only page: count left", count, 4);
	check_equal("the read-only page is untouched", pages[1][0], 0);

	count = 8;
	address = (uintptr_t)SMALL_PAGES + 4092;
	map(1, NULL, 0);
	TRY("rep outsb", : "+c"(count), "+S"(address) : "d"(COM1 + 7) : "memory");
	check_equal("rep outsb from an absent page", trap_vector, VECTOR_PF);
	check_equal("rep outsb from an absent page: error code", trap_error, 0);
	check_equal("rep outsb from an absent page: count left", count, 4);

	TRY("insb", ::"D"(0x8000000000000000ul), "d"(COM1 + 7) : "memory");
	check_equal("insb at a non-canonical address", trap_vector, VECTOR_GP);
}

static void address_size_32(void)
{
	struct string_registers r;

	outb(COM1 + 7, 0x3c);
	buffer[0] = buffer[1] = buffer[2] = 0;
	r = STRING("addr32 rep insb", COM1 + 7, 0xffffffff00000002ul,
		0xabcdef0000000000ul + (uintptr_t)buffer, 0);
	check("insb with 32-bit addresses: values", buffer[0] == 0x3c && buffer[1] == 0x3c && buffer[2] == 0);
	check_equal("insb with 32-bit addresses: count", r.count, 0);
	check_equal("insb with 32-bit addresses: address", r.address, (uintptr_t)buffer + 2);
}

int main(void)
{
	bytes();
	wide();
	across_pages();
	page_fault();
	address_size_32();
	return 0;
}
