/* SPDX-License-Identifier: MIT */
/* The instructions that touch control registers: LMSW, SMSW, CLTS, MOV CR. APM vol. 2, 3.1.1 (CR0), vol. 3 (LMSW, SMSW, CLTS).
 * `reserved=1`: reserved bits too, which must raise #GP (bare QEMU 7.2 loops on them for ever: it makes a VM exit without a VM). */
#include "guest.h"

const char guest_name[] = "lmsw";

enum { PE = 1, MP = 2, EM = 4, TS = 8, ET = 16 };

static uint32_t cr0(void)
{
	uint32_t value;
	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static void load_status_word(uint16_t word) { __asm__ volatile("lmsw %0" ::"r"(word)); }

int main(void)
{
	uint32_t value;
	uint16_t word, memory_word = 0;

	__asm__ volatile("clts");
	load_status_word(PE);
	check_equal("CR0 to start with", cr0() & (PE | MP | EM | TS | ET), PE | ET);
	load_status_word(PE | MP | TS);
	check_equal("LMSW sets MP and TS", cr0() & (PE | MP | EM | TS), PE | MP | TS);
	load_status_word(0);
	check_equal("LMSW clears MP and TS, and cannot clear PE", cr0() & (PE | MP | EM | TS), PE);
	value = cr0();
	load_status_word(0xfff0 | PE);
	check_equal("LMSW touches only four bits", cr0(), value);

	memory_word = PE | TS;
	__asm__ volatile("lmsw %0" ::"m"(memory_word));
	check_equal("LMSW from memory", cr0() & (PE | TS), PE | TS);
	__asm__ volatile("smsw %0" : "=r"(word));
	check_equal("SMSW to a register", word, cr0() & 0xffff);
	__asm__ volatile("smsw %0" : "=m"(memory_word));
	check_equal("SMSW to memory", memory_word, cr0() & 0xffff);
	__asm__ volatile("clts");
	check_equal("CLTS", cr0() & TS, 0);

	__asm__ volatile("mov %0, %%cr0" ::"r"(cr0() | TS | MP));
	check_equal("MOV to CR0", cr0() & (MP | TS), MP | TS);
	TRY("fninit", ::: "memory");
	check_equal("a floating-point instruction with TS set", trap_vector, VECTOR_NM);
	__asm__ volatile("mov %0, %%cr0" ::"r"(cr0() & ~(uint32_t)(TS | MP)));
	TRY("fninit", ::: "memory");
	check_equal("a floating-point instruction with TS clear", trap_vector, TRAP_NONE);

	__asm__ volatile("mov %0, %%cr3; mov %%cr3, %0" : "=r"(value) : "0"(0x12345000));
	check_equal("MOV to and from CR3", value, 0x12345000);
	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	__asm__ volatile("mov %0, %%cr4" ::"r"(value | 0x10)); /* PSE */
	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	check_equal("MOV to and from CR4", value & 0x10, 0x10);
	if (argument("reserved", 0)) {
		TRY("mov %0, %%cr4", ::"r"(0x80000000u) : "memory");
		check_equal("a reserved bit of CR4", trap_vector, VECTOR_GP);
		TRY("mov %0, %%cr0", ::"r"((cr0() & ~1u) | 0x80000000u) : "memory");
		check_equal("paging without protected mode", trap_vector, VECTOR_GP);
	}
	__asm__ volatile("mov %0, %%cr2; mov %%cr2, %0" : "=r"(value) : "0"(0xcafe0042u));
	check_equal("MOV to and from CR2", value, 0xcafe0042u);
	__asm__ volatile("mov %0, %%dr0; mov %%dr0, %0" : "=r"(value) : "0"(0x00c0ffeeu));
	check_equal("MOV to and from DR0", value, 0x00c0ffeeu);
	return 0;
}
