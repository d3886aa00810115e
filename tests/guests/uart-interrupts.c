/* SPDX-License-Identifier: MIT */
/* Bytes through the UART by interrupts alone. Default: sends `bytes=` (100,000) bytes, the lower-case alphabet over and over, a line end
 * after each 63; with `fifo=1` 16 at an interrupt. `mode=echo`: sends back what comes in, `bytes=` of it, with IRQ 4 by level. Counts what must not be: spurious interrupts
 * (nothing pending in IIR), lost ones (see on_tick), overruns. */
#include "guest.h"

const char guest_name[] = "uart-interrupts";

enum {
	LINE = 63,
	IIR_NONE = 1,
	IIR_TRANSMIT = 2,
	IIR_RECEIVE = 4,
	IIR_TIMEOUT = 12,
	LSR_OVERRUN = 2,
	LSR_EMPTY = 0x20
};

static volatile uint32_t bytes_left, interrupts, spurious, spurious_pic, lost, overruns, ticks_without;
static uint32_t position, fifo_size = 1;
static bool echo;
static volatile bool done;
static uint8_t queue[4096];
static volatile uint32_t queue_in, queue_out;

static void send_some(void)
{
	if (!bytes_left || (echo && queue_in == queue_out)) {
		done = !bytes_left;
		outb(COM1 + 1, done ? 0 : 1);
		return;
	}
	for (uint32_t i = 0; i < fifo_size && bytes_left; i++) {
		if (echo) {
			if (queue_in == queue_out)
				break;
			outb(COM1, queue[queue_out++ % sizeof(queue)]);
		} else {
			outb(COM1, position % (LINE + 1) == LINE
					   ? '\n'
					   : (uint8_t)('a' + position % (LINE + 1) % 26));
			position++;
		}
		bytes_left--;
	}
}

static void receive_one(void)
{
	if (inb(COM1 + 5) & LSR_OVERRUN)
		overruns++;
	if (queue_in - queue_out < sizeof(queue))
		queue[queue_in++ % sizeof(queue)] = inb(COM1);
	else
		overruns++;
	outb(COM1 + 1, 3);
}

static void on_uart(struct interrupt_frame *frame)
{
	uint8_t identification;

	(void)frame;
	interrupts++;
	ticks_without = 0;
	/* One cause for each interrupt: after an edge, the line may not fall before it was served. */
	identification = inb(COM1 + 2) & 0xf;
	if (identification & IIR_NONE)
		spurious++;
	else if (identification == IIR_TRANSMIT)
		send_some();
	else if (identification == IIR_RECEIVE || identification == IIR_TIMEOUT)
		receive_one();
	pic_end(4);
}

/* Lost is an interrupt that the UART would have to give, and the PIC does not know of: at three ticks in a row. While the PIC requests
 * it, it may wait for this handler; but not for a hundred ticks. The PIC is asked first: reading LSR may itself raise the line. */
static void on_tick(struct interrupt_frame *frame)
{
	bool requested;

	(void)frame;
	pic_end(0);
	outb(0x20, 0x0a);
	requested = inb(0x20) & 0x10;
	if (echo || !bytes_left || !(inb(COM1 + 5) & LSR_EMPTY))
		return;
	ticks_without += requested ? 1 : 34;
	if (ticks_without > 100) {
		lost++;
		ticks_without = 0;
		send_some();
	}
}

static void on_spurious(struct interrupt_frame *frame)
{
	/* 8259A: when the line has fallen before the acknowledge, level 7 is delivered, without an in-service bit. */
	if (pic_in_service(frame->vector == IRQ_BASE + 7 ? 7 : 15)) {
		pic_end(frame->vector - IRQ_BASE);
		return;
	}
	spurious_pic++;
	if (frame->vector != IRQ_BASE + 7)
		outb(0x20, 0x20);
}

int main(void)
{
	uint32_t total = (uint32_t)argument("bytes", 100000);

	echo = argument_is("mode", "echo");
	bytes_left = total;
	if (argument("fifo", 0)) {
		outb(COM1 + 2, 0x07);
		fifo_size = 16;
	} else {
		outb(COM1 + 2, 0);
	}
	put("uart-interrupts: running\n");
	pic_init();
	if (echo)
		outb(0x4d0, 0x10); /* two causes: IRQ 4 by level */
	interrupt_handle(IRQ_BASE, on_tick);
	interrupt_handle(IRQ_BASE + 4, on_uart);
	interrupt_handle(IRQ_BASE + 7, on_spurious);
	interrupt_handle(IRQ_BASE + 15, on_spurious);
	outb(0x43, 0x34);
	outb(0x40, 11932 & 0xff);
	outb(0x40, 11932 >> 8);
	outb(COM1 + 4, 0x0b); /* OUT2 lets the interrupt through */
	pic_unmask(0);
	pic_unmask(4);
	pic_unmask(7);
	outb(COM1 + 1, echo ? 1 : 2);
	while (!done)
		sleep_until_interrupt();
	interrupts_off();
	outb(COM1 + 1, 0);
	put("\nuart-interrupts: ");
	put_number(total);
	put(" bytes, ");
	put_number(interrupts);
	put(" interrupts, ");
	put_number(spurious);
	put(" spurious, ");
	put_number(spurious_pic);
	put(" spurious at the PIC, ");
	put_number(lost);
	put(" lost, ");
	put_number(overruns);
	put(" overruns\n");
	check_equal("spurious interrupts", spurious + spurious_pic, 0);
	check_equal("lost interrupts", lost, 0);
	check_equal("overruns", overruns, 0);
	check("no more interrupts than bytes", interrupts <= (echo ? 3 * total : total) + 1);
	return 0;
}
