/* SPDX-License-Identifier: MIT */
/* Instructions that C has no words for. One function each, nothing else. */
#pragma once

#include <stdint.h>

/* MSRs and bits: AMD APM vol. 2 appendix A, Intel SDM vol. 4. */
#define MSR_APIC_BASE 0x0000001bu
#define MSR_PAT 0x00000277u
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u
#define MSR_PRED_CMD 0x00000049u
#define MSR_VM_CR 0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u

#define APIC_BASE_ENABLE (1ul << 11)
#define APIC_BASE_X2APIC (1ul << 10)
#define EFER_SCE (1ul << 0)
#define EFER_LME (1ul << 8)
#define EFER_LMA (1ul << 10)
#define EFER_NXE (1ul << 11)
#define EFER_SVME (1ul << 12)
#define VM_CR_SVMDIS (1ul << 4)

#define CR0_PE (1ul << 0)
#define CR0_MP (1ul << 1)
#define CR0_TS (1ul << 3)
#define CR0_ET (1ul << 4)
#define CR0_NE (1ul << 5)
#define CR0_WP (1ul << 16)
#define CR0_AM (1ul << 18)
#define CR0_NW (1ul << 29)
#define CR0_CD (1ul << 30)
#define CR0_PG (1ul << 31)
#define CR4_DE (1ul << 3)
#define CR4_PAE (1ul << 5)
#define CR4_MCE (1ul << 6)
#define CR4_PGE (1ul << 7)
#define CR4_OSFXSR (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP (1ul << 11)
#define CR4_FSGSBASE (1ul << 16)
#define CR4_OSXSAVE (1ul << 18)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)

#define RFLAGS_CF (1ul << 0)
#define RFLAGS_FIXED (1ul << 1)
#define RFLAGS_TF (1ul << 8)
#define RFLAGS_IF (1ul << 9)
#define RFLAGS_DF (1ul << 10)
#define RFLAGS_IOPL (3ul << 12)
#define RFLAGS_NT (1ul << 14)
#define RFLAGS_RF (1ul << 16)
#define RFLAGS_AC (1ul << 18)

#define XCR0_X87 (1ul << 0)
#define XCR0_SSE (1ul << 1)
#define XCR0_AVX (1ul << 2)

struct cpuid_registers {
	uint32_t eax, ebx, ecx, edx;
};

/* The operand of LGDT and LIDT. */
struct descriptor_table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static inline struct cpuid_registers cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_registers result;

	__asm__ volatile("cpuid"
			 : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
			 : "a"(leaf), "c"(subleaf));
	return result;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* Raw TSC; not ordered against the instructions around it. */
static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* inb(port) and outb(port, value), and so on. */
#define PORT_ACCESSORS(suffix, type)                                                  \
	static inline type in##suffix(uint16_t port)                                  \
	{                                                                             \
		type value;                                                           \
                                                                                      \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port));  \
		return value;                                                         \
	}                                                                             \
                                                                                      \
	static inline void out##suffix(uint16_t port, type value)                     \
	{                                                                             \
		__asm__ volatile("out" #suffix " %0, %1" : : "a"(value), "Nd"(port)); \
	}

PORT_ACCESSORS(b, uint8_t)
PORT_ACCESSORS(l, uint32_t)

/* read_cr0() and write_cr0(value), and so on. */
#define REGISTER_ACCESSORS(name)                                                     \
	static inline uint64_t read_##name(void)                                     \
	{                                                                            \
		uint64_t value;                                                      \
                                                                                     \
		__asm__ volatile("movq %%" #name ", %0" : "=r"(value) : : "memory"); \
		return value;                                                        \
	}                                                                            \
                                                                                     \
	static inline void write_##name(uint64_t value)                              \
	{                                                                            \
		__asm__ volatile("movq %0, %%" #name : : "r"(value) : "memory");     \
	}

REGISTER_ACCESSORS(cr0)
REGISTER_ACCESSORS(cr2)
REGISTER_ACCESSORS(cr3) /* the page-table root; a write drops all TLB entries that are not global */
REGISTER_ACCESSORS(cr4)
REGISTER_ACCESSORS(dr0)
REGISTER_ACCESSORS(dr1)
REGISTER_ACCESSORS(dr2)
REGISTER_ACCESSORS(dr3)

static inline uint64_t xgetbv(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

/* Sets XCR0. Only a value whose bits CPUID leaf 0xd offers, with bit 0 set: anything else is #GP. */
static inline void xsetbv(uint64_t value)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* Area: 64-byte aligned, cpu_features.xsave_size bytes. CR0.TS clear. */
static inline void xsave(void *area, uint64_t components)
{
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)components), "d"((uint32_t)(components >> 32))
			 : "memory");
}

/* A malformed header in the area is #GP: only areas that the kernel made or checked. */
static inline void xrstor(const void *area, uint64_t components)
{
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)components), "d"((uint32_t)(components >> 32))
			 : "memory");
}

static inline uint64_t rdfsbase(void)
{
	uint64_t value;

	__asm__ volatile("rdfsbase %0" : "=r"(value));
	return value;
}

/* Bases must be canonical: anything else is #GP. */
static inline void wrfsbase(uint64_t value) { __asm__ volatile("wrfsbase %0" : : "r"(value)); }

static inline void invlpg(uint64_t address) { __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory"); }

static inline void load_gdt(const struct descriptor_table_pointer *pointer)
{
	__asm__ volatile("lgdt (%0)" : : "r"(pointer) : "memory");
}

static inline void load_idt(const struct descriptor_table_pointer *pointer)
{
	__asm__ volatile("lidt (%0)" : : "r"(pointer) : "memory");
}

static inline void load_task_register(uint16_t selector)
{
	__asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

static inline void interrupts_disable(void) { __asm__ volatile("cli" : : : "memory"); }

/* STI's shadow covers the HLT: an interrupt between the two is not lost. Returns with interrupts off. */
static inline void wait_for_interrupt(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }

static inline void halt(void) { __asm__ volatile("hlt" : : : "memory"); }

static inline void cpu_relax(void) { __asm__ volatile("pause" : : : "memory"); }

/* Memory barrier for the compiler only: x86 keeps stores in order. */
static inline void compiler_barrier(void) { __asm__ volatile("" : : : "memory"); }
