/* SPDX-License-Identifier: MIT */
/* The bare guests' descriptor tables, exceptions and interrupt controllers, see guest.h. */
#include "guest.h"

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uintptr_t base;
};

extern const char interrupt_stubs[], trap_stack_end[];
void gdt_init(void);
void guest_start(void);
void interrupt_entry(struct interrupt_frame *frame);

uintptr_t trap_resume;
uint32_t trap_vector;
uint64_t trap_error;
uintptr_t trap_ip;
uint8_t segment_window[65536];

static uint64_t gdt[10];
static uint32_t tss[26];
static interrupt_handler handlers[256];

enum { IDT_ENTRY_WORDS = __SIZEOF_POINTER__ / 4 };
static uint64_t idt[256 * IDT_ENTRY_WORDS];

/* A descriptor of AMD APM vol. 2, 4.7 (legacy segment descriptors). */
static uint64_t descriptor(uint64_t base, uint64_t limit, uint64_t flags)
{
	return (limit & 0xffff) | (base & 0xffffff) << 16 | (flags & 0xff) << 40 | (limit >> 16 & 0xf) << 48 |
	       (flags >> 8 & 0xf) << 52 | (base >> 24 & 0xff) << 56;
}

void gdt_init(void)
{
	struct table_pointer pointer = { sizeof(gdt) - 1, (uintptr_t)gdt };

	gdt[SELECTOR_CODE32 / 8] = descriptor(0, 0xfffff, 0xc9a);
	gdt[SELECTOR_DATA / 8] = descriptor(0, 0xfffff, 0xc92);
	gdt[SELECTOR_USER_CODE / 8] = descriptor(0, 0xfffff, 0xcfa);
	gdt[SELECTOR_USER_DATA / 8] = descriptor(0, 0xfffff, 0xcf2);
	gdt[SELECTOR_TSS / 8] = descriptor((uintptr_t)tss, sizeof(tss) - 1, 0x089);
	gdt[SELECTOR_CODE64 / 8] = descriptor(0, 0xfffff, 0xa9a);
	gdt[SELECTOR_WINDOW / 8] = descriptor((uintptr_t)segment_window, 0xffff, 0x492);
	tss[1] = (uint32_t)(uintptr_t)trap_stack_end;
	tss[2] = SELECTOR_DATA;
	tss[25] = sizeof(tss) << 16; /* no I/O bitmap */
	__asm__ volatile("lgdt %0" ::"m"(pointer));
}

static void idt_init(void)
{
	struct table_pointer pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	for (unsigned vector = 0; vector < 256; vector++) {
		uint64_t address = (uintptr_t)interrupt_stubs + vector * 16;
		uint64_t selector = IDT_ENTRY_WORDS == 2 ? SELECTOR_CODE64 : SELECTOR_CODE32;
		uint64_t flags = vector == 0x80 ? 0xee00 : 0x8e00;
		idt[vector * IDT_ENTRY_WORDS] =
			(address & 0xffff) | selector << 16 | flags << 32 | (address >> 16 & 0xffff) << 48;
	}
	__asm__ volatile("lidt %0" ::"m"(pointer));
}

void guest_start(void)
{
	if (IDT_ENTRY_WORDS == 1)
		__asm__ volatile("ltr %w0" ::"r"(SELECTOR_TSS));
	idt_init();
	uart_init();
	main();
	finish();
}

static void panic(const struct interrupt_frame *frame)
{
	uintptr_t cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	put("PANIC ");
	put(guest_name);
	put(": vector ");
	put_number(frame->vector);
	put(" error ");
	put_hex(frame->error);
	put(" ip ");
	put_hex(frame->ip);
	put(" cr2 ");
	put_hex(cr2);
	put("\n");
	guest_exit(100);
}

#if __SIZEOF_POINTER__ == 4
extern const char user_mode_return[];

static void leave_user_mode(struct interrupt_frame *frame)
{
	/* Back to ring 0: IRET to the same ring takes no stack from the frame, user_mode_return loads its own. */
	frame->ip = (uint32_t)(uintptr_t)user_mode_return;
	frame->cs = SELECTOR_CODE32;
	frame->ds = SELECTOR_DATA;
	frame->es = SELECTOR_DATA;
	frame->flags = 2;
}
#else
static void leave_user_mode(struct interrupt_frame *frame) { panic(frame); }
#endif

void interrupt_entry(struct interrupt_frame *frame)
{
	if (handlers[frame->vector]) {
		handlers[frame->vector](frame);
	} else if (frame->vector == 0x80) {
		leave_user_mode(frame);
	} else if (frame->vector < 32 && trap_resume) {
		trap_vector = (uint32_t)frame->vector;
		trap_error = frame->error;
		trap_ip = frame->ip;
		frame->ip = trap_resume;
		trap_resume = 0;
	} else {
		panic(frame);
	}
}

void interrupt_handle(unsigned vector, interrupt_handler handler) { handlers[vector] = handler; }

/* 8259A data sheet: ICW1 to ICW4. */
void pic_init(void)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, IRQ_BASE);
	outb(0xa1, IRQ_BASE + 8);
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	outb(0x21, 0xfb);
	outb(0xa1, 0xff);
}

void pic_unmask(unsigned irq)
{
	uint16_t port = irq < 8 ? 0x21 : 0xa1;

	outb(port, (uint8_t)(inb(port) & ~(1u << (irq & 7))));
}

void pic_end(unsigned irq)
{
	if (irq >= 8)
		outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

bool pic_in_service(unsigned irq)
{
	uint16_t port = irq < 8 ? 0x20 : 0xa0;

	outb(port, 0x0b);
	return inb(port) >> (irq & 7) & 1;
}

/* Software enable with spurious vector 0xff; LINT0 as ExtINT, so that the PIC's interrupts come too. */
void apic_enable(void)
{
	APIC_BASE[0xf0 / 4] = 0x1ff;
	APIC_BASE[0x350 / 4] = 0x700;
	APIC_BASE[0x80 / 4] = 0;
}
