/* SPDX-License-Identifier: MIT */
/* Silences the 8259s (Intel 8259A data sheet: ICW1 to ICW4, OCW1). */

#include "arch/x86_64/pic.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/vectors.h"

#define MASTER_COMMAND 0x20
#define MASTER_DATA 0x21
#define SLAVE_COMMAND 0xa0
#define SLAVE_DATA 0xa1
#define ICW1_START_WITH_ICW4 0x11
#define ICW4_8086_MODE 0x01

void pic_disable(void)
{
	outb(MASTER_COMMAND, ICW1_START_WITH_ICW4);
	outb(SLAVE_COMMAND, ICW1_START_WITH_ICW4);
	outb(MASTER_DATA, VECTOR_PIC);
	outb(SLAVE_DATA, VECTOR_PIC + 8);
	outb(MASTER_DATA, 1 << 2); /* the slave is on input 2 */
	outb(SLAVE_DATA, 2);
	outb(MASTER_DATA, ICW4_8086_MODE);
	outb(SLAVE_DATA, ICW4_8086_MODE);
	outb(MASTER_DATA, 0xff);
	outb(SLAVE_DATA, 0xff);
}
