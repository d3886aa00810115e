/* SPDX-License-Identifier: MIT */
/* What VM exits cost, as the guest sees it: built as exits-unpaged (32-bit protected mode without paging) and exits-paged (64-bit
 * mode, identity pages of 2 MiB). For each operation one line on COM1, in TSC ticks (under QEMU's instruction counter: executed
 * instructions), from the RDTSC before to the RDTSC after, the loop not subtracted:
 *   EXIT <name> id <n> min <n> median <n> max <n>
 * A few rounds more are enclosed in the markers id and id + 1 that insnmark.c reports. `mmio=ADDRESS` is a register of a device that
 * is served by a process of its own, `only=NAME` measures one operation. */
#include "guest.h"

const char guest_name[] = "exits";

enum {
	SAMPLES = 500,
	MARKED_ROUNDS = 5,
	FIRST_ID = 16,
	TIMER_COUNT = 20000, /* the timer's rounds, in its own ticks */
	CALIBRATION_COUNT =
		10 * 1000000 /* so much longer that an error of a hundred instructions does not show */
};

/* The marker of insnmark.c, with a number that the compiler knows. */
#define MARK(n) __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0; .word %c0, 0x4d4b" ::"i"(n) : "memory")

static uint32_t sample[SAMPLES];

static void report(const char *name, unsigned int id)
{
	for (unsigned int i = 1; i < SAMPLES; i++) {
		for (unsigned int j = i; j > 0 && sample[j] < sample[j - 1]; j--) {
			uint32_t other = sample[j];
			sample[j] = sample[j - 1];
			sample[j - 1] = other;
		}
	}
	put("EXIT ");
	put(name);
	put(" id ");
	put_number(id);
	put(" min ");
	put_number(sample[0]);
	put(" median ");
	put_number(sample[SAMPLES / 2]);
	put(" max ");
	put_number(sample[SAMPLES - 1]);
	put("\n");
}

/* `subtract` is what of a round is no cost: the interval that was asked for. */
#define MEASURE(name, subtract, code)                                       \
	do {                                                                \
		enum { id = FIRST_ID + 2 * __COUNTER__ };                   \
		for (unsigned int i = 0; i < SAMPLES; i++) {                \
			uint64_t start = tsc();                             \
			code;                                               \
			sample[i] = (uint32_t)(tsc() - start - (subtract)); \
		}                                                           \
		for (unsigned int i = 0; i < MARKED_ROUNDS; i++) {          \
			MARK(id);                                           \
			code;                                               \
			MARK(id + 1);                                       \
		}                                                           \
		report(name, id);                                           \
	} while (0)

static inline void cpuid0(void)
{
	uint32_t a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
}

static inline void rdmsr_apic_base(void)
{
	uint32_t a, d;

	__asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(0x1b));
}

/* The timer's handler is as short as can be: EOI, and a word that says it came. */
#if __SIZEOF_POINTER__ == 8
__asm__(".text; timer_entry: push %rax; mov $0xfee000b0, %eax; movl $0, (%rax); movl $1, timer_came; pop %rax; iretq");
#define GATE_WORDS 2
#else
__asm__(".text; timer_entry: push %eax; mov $0xfee000b0, %eax; movl $0, (%eax); movl $1, timer_came; pop %eax; iret");
#define GATE_WORDS 1
#endif
extern const char timer_entry[];
volatile uint32_t timer_came;

static void timer_gate(void)
{
	struct {
		uint16_t limit;
		uint64_t *base;
	} __attribute__((packed)) idt;
	uint64_t *gate, address = (uintptr_t)timer_entry;

	__asm__ volatile("sidt %0" : "=m"(idt));
	gate = idt.base + APIC_TIMER_VECTOR * GATE_WORDS;
	*gate = (*gate & 0x0000ffffffff0000u) | (address & 0xffff) | (address >> 16 & 0xffff) << 48;
}

/* TSC ticks of TIMER_COUNT ticks of the APIC's timer. */
static uint32_t timer_interval(void)
{
	uint64_t start, ticks;
	uint32_t first, low, high, quotient, rest;

	APIC_BASE[0x3e0 / 4] = 0xb; /* divide by 1 */
	APIC_BASE[0x320 / 4] = 0x10000 | APIC_TIMER_VECTOR;
	APIC_BASE[0x380 / 4] = 0xffffffff;
	start = tsc();
	first = APIC_BASE[0x390 / 4];
	while (tsc() - start < CALIBRATION_COUNT) {}
	ticks = tsc() - start;
	first -= APIC_BASE[0x390 / 4];
	ticks = ticks * TIMER_COUNT;
	low = (uint32_t)ticks;
	high = (uint32_t)(ticks >> 32);
	__asm__("divl %4" : "=a"(quotient), "=d"(rest) : "a"(low), "d"(high), "r"(first));
	return quotient + (rest > first / 2);
}

static inline void timer_round(bool halts)
{
	timer_came = 0;
	APIC_BASE[0x380 / 4] = TIMER_COUNT;
	if (halts) {
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	} else {
		__asm__ volatile("sti" ::: "memory");
		while (!timer_came) {}
		__asm__ volatile("cli" ::: "memory");
	}
}

int main(void)
{
	volatile uint32_t *mmio = (volatile uint32_t *)(uintptr_t)argument("mmio", 0);
	uint32_t interval;

	pic_init(); /* a firmware may have left the PIT running */
	apic_enable();
	MEASURE("empty", 0, );
	MEASURE("cpuid", 0, cpuid0());
	MEASURE("rdmsr", 0, rdmsr_apic_base());
	MEASURE("port-none", 0, (void)inb(0x1234));
	MEASURE("port-device", 0, (void)inb(COM1 + 5));
	MEASURE("apic-read", 0, (void)APIC_BASE[0x20 / 4]);
	MEASURE("apic-eoi", 0, APIC_BASE[0xb0 / 4] = 0);
	if (mmio) {
		MEASURE("mmio-device", 0, (void)*mmio);
	}
	timer_gate();
	interval = timer_interval();
	put("TIMER interval ");
	put_number(interval);
	put("\n");
	APIC_BASE[0x320 / 4] = APIC_TIMER_VECTOR; /* one-shot */
	MEASURE("timer-busy", interval, timer_round(false));
	MEASURE("timer-halted", interval, timer_round(true));
	put("EXIT-DONE\n");
	guest_exit(0);
}
