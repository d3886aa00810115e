/* SPDX-License-Identifier: MIT */
/* Memory beyond the end of RAM and across it: nothing is there, so reads give all ones and writes are dropped. One access that is
 * half RAM is refused as a whole: #UD, or all ones for the part beyond; its RAM half is never written alone. */
#include "guest.h"

const char guest_name[] = "ram-end";

static uint32_t load(uintptr_t address)
{
	uint32_t value = 0x12345678;

	TRY("movl (%1), %0", : "+r"(value) : "r"(address) : "memory");
	return value;
}

static void store(uintptr_t address, uint32_t value)
{
	TRY("movl %1, (%0)", ::"r"(address), "r"(value) : "memory");
}

int main(void)
{
	uintptr_t end = (uintptr_t)ram_end();
	volatile uint32_t *last = (volatile uint32_t *)(end - 4);
	uint32_t value;

	check("the loader said how much RAM there is", end > 0x100000);
	*last = 0xaabbccdd;
	check_equal("the last bytes of RAM", *last, 0xaabbccdd);

	for (unsigned i = 0; i < 4; i++) {
		static const uintptr_t beyond[] = { 0, 4096, 0x200000, 0x10000000 };
		check_equal("beyond the end: read", load(end + beyond[i]), 0xffffffffu);
		check_equal("beyond the end: read does not fault", trap_vector, TRAP_NONE);
		store(end + beyond[i], 0x11223344);
		check_equal("beyond the end: write does not fault", trap_vector, TRAP_NONE);
		check_equal("beyond the end: write was dropped", load(end + beyond[i]), 0xffffffffu);
	}
	__asm__ volatile("movb (%1), %b0" : "=q"(value) : "r"(end), "0"(0) : "memory");
	check_equal("beyond the end: a byte", value & 0xff, 0xff);
	__asm__ volatile("movw (%1), %w0" : "=r"(value) : "r"(end), "0"(0) : "memory");
	check_equal("beyond the end: a word", value & 0xffff, 0xffff);

	for (unsigned inside = 1; inside < 4; inside++) {
		value = load(end - inside);
		if (trap_vector == VECTOR_UD)
			put("across the end: read refused by #UD\n");
		else
			check_equal("across the end: the part beyond reads all ones",
				value | ((1u << 8 * inside) - 1), 0xffffffffu);
		store(end - inside, 0x55667788);
		if (trap_vector == VECTOR_UD)
			put("across the end: write refused by #UD\n");
		check_equal("across the end: RAM is untouched", *last, 0xaabbccdd);
	}
	return 0;
}
