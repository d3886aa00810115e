/* SPDX-License-Identifier: MIT */
/* AMD-Vi: AMD I/O Virtualization Technology (IOMMU) Specification, publication 48882 ("§" below). One device table serves all
 * IOMMUs; a command goes to each, and is waited for. Interrupts off, one CPU: one user at a time. */
#include "arch/x86_64/iommu.h"

#include <bulkhead/invocation.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/vectors.h"
#include "boot/memory.h"
#include "log.h"
#include "object/invocation.h"
#include "panic.h"

/* Registers, §3.4: byte offsets. */
#define REGISTER_DEVICE_TABLE 0x0000
#define REGISTER_COMMANDS 0x0008
#define REGISTER_EVENTS 0x0010
#define REGISTER_CONTROL 0x0018
#define REGISTER_EXCLUSION 0x0020
#define REGISTER_FEATURES 0x0030
#define REGISTER_COMMAND_HEAD 0x2000
#define REGISTER_COMMAND_TAIL 0x2008
#define REGISTER_EVENT_HEAD 0x2010
#define REGISTER_EVENT_TAIL 0x2018
#define REGISTER_STATUS 0x2020
#define CONTROL_ENABLE (1u << 0)
#define CONTROL_EVENTS (1u << 2)
#define CONTROL_EVENT_INTERRUPT (1u << 3)
#define CONTROL_COMMANDS (1u << 12)
#define STATUS_EVENT_OVERFLOW (1u << 0)
#define STATUS_EVENT_INTERRUPT (1u << 1)
#define STATUS_EVENTS_RUN (1u << 3)
#define STATUS_COMMANDS_RUN (1u << 4)
#define FEATURES_FORGET_ALL (1u << 6)  /* IASup */
#define LOG_OF_256 (UINT64_C(8) << 56) /* entries of 16 bytes: a page */

/* Device table entry, §2.2.2.1 table 7: four words. */
#define FUNCTIONS 65536u
#define ENTRY_WORDS 4u
#define DEVICE_TABLE_BITS 21u          /* FUNCTIONS entries */
#define WORD0_VALID (UINT64_C(3) << 0) /* V, TV */
#define WORD0_LEVELS(levels) ((uint64_t)(levels) << 9)
#define WORD0_READ (UINT64_C(1) << 61)
#define WORD0_WRITE (UINT64_C(1) << 62)
#define WORD1_DOMAIN 0xffffu
#define WORD1_SILENT (UINT64_C(1) << 34) /* SA: no page fault is logged */
#define WORD2_VALID (UINT64_C(1) << 0)   /* IV; with IntCtl 0 all interrupts are aborted */
#define WORD2_ENTRIES_1024 (UINT64_C(10) << 1)
#define WORD2_REMAP (UINT64_C(2) << 60)
#define TABLE_ADDRESS UINT64_C(0x000ffffffffff000)

/* Page-table entries, §2.2.3 */
#define PAGE_PRESENT (UINT64_C(1) << 0)
#define PAGE_COHERENT (UINT64_C(1) << 60)

/* Interrupt remapping entry, §2.2.5.2: fixed, physical destination. */
#define REMAP_ENTRY(vector, apic_id) (1u | (uint32_t)(apic_id) << 8 | (uint32_t)(vector) << 16)

/* Commands, §2.4: opcode in the first word's upper bits. */
#define COMMAND_WAIT (UINT64_C(1) << 60 | 1) /* with a store */
#define COMMAND_FORGET_DEVICE (UINT64_C(2) << 60)
#define COMMAND_FORGET_PAGES (UINT64_C(3) << 60)
#define COMMAND_FORGET_INTERRUPTS (UINT64_C(5) << 60)
#define COMMAND_FORGET_ALL (UINT64_C(8) << 60)
#define PAGES_ALL UINT64_C(0x7ffffffffffff003) /* S, PDE and an address that stands for every one */

/* Events, §2.5: type in the first word's upper bits, the function in the lowest. */
#define EVENT_TYPE(word) ((word) >> 60)
#define EVENT_PAGE_FAULT 2
#define EVENT_INTERRUPT (UINT64_C(1) << 51)
#define EVENT_WRITE (UINT64_C(1) << 53)
#define READ_MAXIMUM 8u /* times that a log is read at one interrupt */

#define MSI_ADDRESS UINT64_C(0xfee00000) /* APM vol. 2 §16.11: fixed, edge, physical destination */
#define MSI_TABLES (INTERRUPTS - INTERRUPT_LINES)
#define MSI_TABLE_BITS (PAGE_SHIFT + 6) /* of all of them */
_Static_assert(MSI_TABLES << PAGE_SHIFT == 1u << MSI_TABLE_BITS, "64 pages");

struct iommu {
	volatile uint8_t *registers;
	volatile uint64_t *commands, *events; /* a page each */
	uint32_t command_tail, event_head;    /* bytes */
	uint64_t control;
	volatile uint64_t completed;
};

static struct iommu iommus[PLATFORM_IOMMUS];
static unsigned int iommu_count; /* 0: off */
static bool is_deaf;             /* events do not interrupt */
static volatile uint64_t *device_table;
/* Word 0 of an entry whose function reaches nothing: a table without entries, and no right. */
static uint64_t blocked;
/* Physical: MSI_TABLES pages, each a function's remapping table while it has messages. */
static uint64_t message_tables;
static uint32_t message_counts[MSI_TABLES];

bool iommu_is_on(void) { return iommu_count != 0; }

static volatile uint64_t *device_entry(uint32_t function) { return &device_table[function * ENTRY_WORDS]; }

static volatile uint64_t *register_of(const struct iommu *iommu, uint32_t offset)
{
	return (volatile uint64_t *)(iommu->registers + offset);
}

/* Waits for the bits of the status register to be clear, or for a word to be set. */
static void wait_for(const volatile uint64_t *word, uint64_t bits, bool set)
{
	uint64_t deadline = rdtsc() + clock_rates.tsc_khz * 1000;

	while (((*word & bits) != 0) != set) {
		/* What it still uses must not be used for anything else: there is no going on. */
		if (rdtsc() > deadline) {
			panic("the IOMMU does not answer");
		}
		cpu_relax();
	}
}

static void submit(struct iommu *iommu, uint64_t first, uint64_t second)
{
	iommu->commands[iommu->command_tail / 8] = first;
	iommu->commands[iommu->command_tail / 8 + 1] = second;
	iommu->command_tail = (iommu->command_tail + 16) % PAGE_SIZE;
	*register_of(iommu, REGISTER_COMMAND_TAIL) = iommu->command_tail;
}

/* Lets every IOMMU do it, and waits until it is done. */
static void command(uint64_t first, uint64_t second)
{
	for (unsigned int i = 0; i < iommu_count; i++) {
		submit(&iommus[i], first, second);
		iommus[i].completed = 0;
		submit(&iommus[i], COMMAND_WAIT | virt_to_phys((const void *)&iommus[i].completed), 1);
	}
	for (unsigned int i = 0; i < iommu_count; i++) {
		wait_for(&iommus[i].completed, 1, true);
	}
}

uint32_t iommu_domain(uint64_t function) { return device_entry((uint32_t)function)[1] & WORD1_DOMAIN; }

void iommu_attach(uint32_t function, uint32_t domain, uint64_t root_physical)
{
	volatile uint64_t *entry = device_entry(function);

	iommu_interrupt(); /* what the log holds of it was not this space's */
	/* Word 0 last: until then the function is blocked. */
	entry[1] = domain;
	entry[0] = root_physical | WORD0_VALID | WORD0_LEVELS(4) | WORD0_READ | WORD0_WRITE;
	command(COMMAND_FORGET_DEVICE | function, 0);
}

void iommu_detach(uint32_t function)
{
	volatile uint64_t *entry = device_entry(function);
	uint32_t domain = iommu_domain(function);

	entry[0] = blocked;
	entry[1] = 0;
	command(COMMAND_FORGET_DEVICE | function, 0);
	iommu_flush(domain, 0, true);
}

void iommu_flush(uint32_t domain, uint64_t address, bool whole)
{
	command(COMMAND_FORGET_PAGES | (uint64_t)domain << 32, whole ? PAGES_ALL : address);
}

uint64_t iommu_leaf(uint64_t physical, bool writable)
{
	return physical | PAGE_PRESENT | PAGE_COHERENT | WORD0_READ | (writable ? WORD0_WRITE : 0);
}

uint64_t iommu_table(uint64_t physical, unsigned int level)
{
	return physical | PAGE_PRESENT | WORD0_LEVELS(level) | WORD0_READ | WORD0_WRITE;
}

/* The number of the function's table of messages, or of one that is free. */
static unsigned int message_table(uint32_t function)
{
	uint64_t word = device_entry(function)[2];
	unsigned int number = 0;

	if ((word & WORD2_REMAP) != 0) {
		return (unsigned int)(((word & TABLE_ADDRESS) - message_tables) / PAGE_SIZE);
	}
	while (message_counts[number] != 0) {
		number++;
	}
	return number;
}

static void message_change(uint32_t function, uint32_t index, uint32_t value, unsigned int number)
{
	uint64_t table = message_tables + number * UINT64_C(4096);

	((volatile uint32_t *)phys_to_virt(table))[index] = value;
	device_entry(function)[2] =
		WORD2_VALID | (message_counts[number] != 0 ? WORD2_REMAP | WORD2_ENTRIES_1024 | table : 0);
	command(COMMAND_FORGET_DEVICE | function, 0);
	command(COMMAND_FORGET_INTERRUPTS | function, 0);
}

void iommu_message_set(uint32_t function, uint32_t index, uint32_t vector, uint64_t *address, uint64_t *data)
{
	*address = MSI_ADDRESS | (iommu_count != 0 ? 0 : (uint64_t)lapic_id() << 12);
	*data = iommu_count != 0 ? index : vector;
	if (iommu_count != 0) {
		unsigned int number = message_table(function);

		message_counts[number]++;
		message_change(function, index, REMAP_ENTRY(vector, lapic_id()), number);
	}
}

void iommu_message_clear(uint32_t function, uint32_t index)
{
	if (iommu_count != 0) {
		unsigned int number = message_table(function);

		message_counts[number]--;
		message_change(function, index, 0, number);
	}
}

static void report(uint64_t first, uint64_t address)
{
	uint32_t function = first & 0xffff;
	volatile uint64_t *entry = device_entry(function);
	enum bh_io_fault kind = (first & EVENT_WRITE) != 0 ? BH_IO_FAULT_WRITE : BH_IO_FAULT_READ;

	if (EVENT_TYPE(first) != EVENT_PAGE_FAULT) {
		kind = BH_IO_FAULT_OTHER;
	} else if ((first & EVENT_INTERRUPT) != 0) {
		kind = BH_IO_FAULT_INTERRUPT;
	}
	io_space_fault(iommu_domain(function), function, address, kind);
	/* SA holds back page faults of DMA only. What comes all the same waits in the log until somebody listens: else a device could
	 * have the CPU do nothing but read its events. */
	is_deaf = is_deaf || (entry[1] & WORD1_SILENT) != 0;
	if (!is_deaf) {
		entry[1] |= WORD1_SILENT;
		command(COMMAND_FORGET_DEVICE | function, 0);
	}
}

static void write_control(const struct iommu *iommu, uint64_t without)
{
	*register_of(iommu, REGISTER_CONTROL) =
		iommu->control & ~(without | (is_deaf ? CONTROL_EVENT_INTERRUPT : 0));
}

/* The log takes no more events until it is started anew (§2.5.2). */
static void restart_log(struct iommu *iommu)
{
	write_control(iommu, CONTROL_EVENTS);
	wait_for(register_of(iommu, REGISTER_STATUS), STATUS_EVENTS_RUN, false);
	*register_of(iommu, REGISTER_EVENT_HEAD) = 0;
	*register_of(iommu, REGISTER_EVENT_TAIL) = 0;
	iommu->event_head = 0;
	*register_of(iommu, REGISTER_STATUS) = STATUS_EVENT_OVERFLOW;
}

/* What the log holds, at most all of it. Returns true if there may be more to read. */
static bool read_log(struct iommu *iommu)
{
	bool full = (*register_of(iommu, REGISTER_STATUS) & STATUS_EVENT_OVERFLOW) != 0;

	*register_of(iommu, REGISTER_STATUS) = STATUS_EVENT_INTERRUPT;
	/* An entry is taken by its type, and zeroed: the tail register may come before what it announces. */
	for (unsigned int i = 0; i < PAGE_SIZE / 16 && EVENT_TYPE(iommu->events[iommu->event_head / 8]) != 0;
		i++) {
		volatile uint64_t *event = &iommu->events[iommu->event_head / 8];

		report(event[0], event[1]);
		event[0] = 0;
		iommu->event_head = (iommu->event_head + 16) % PAGE_SIZE;
		*register_of(iommu, REGISTER_EVENT_HEAD) = iommu->event_head;
	}
	if (full) {
		restart_log(iommu);
	}
	write_control(iommu, 0);
	cpu_relax();
	/* A bit that is set just while it is being cleared stays set, and interrupts no more (known erratum): look again. */
	return !is_deaf &&
	       (*register_of(iommu, REGISTER_STATUS) & (STATUS_EVENT_OVERFLOW | STATUS_EVENT_INTERRUPT)) != 0;
}

void iommu_interrupt(void)
{
	for (unsigned int i = 0; i < iommu_count; i++) {
		for (unsigned int again = 0; again < READ_MAXIMUM && read_log(&iommus[i]); again++) {}
	}
}

void iommu_listen(uint32_t function)
{
	volatile uint64_t *entry = device_entry(function);

	is_deaf = false;
	iommu_interrupt();
	if ((entry[1] & WORD1_SILENT) != 0) {
		entry[1] &= ~WORD1_SILENT;
		command(COMMAND_FORGET_DEVICE | function, 0);
	}
}

/* ---- Start ---- */

/* PCI configuration space (PCI 3.0 §3.2.2.3.2), of the IOMMUs' own functions alone, and before any task uses the ports. */
#define CONFIG_ADDRESS_PORT 0xcf8
#define CONFIG_DATA_PORT 0xcfc
#define CONFIG_COMMAND 0x04
#define CONFIG_COMMAND_MASTER (1u << 2)
#define CONFIG_CAPABILITIES 0x34
#define CAPABILITIES_MAXIMUM 48u
#define CAPABILITY_MSI 5u
#define MSI_ENABLE (1u << 16)
#define MSI_MESSAGES (7u << 20)
#define MSI_64_BIT (1u << 23)

static uint32_t config_read(uint32_t function, uint32_t offset)
{
	outl(CONFIG_ADDRESS_PORT, 1u << 31 | function << 8 | offset);
	return inl(CONFIG_DATA_PORT);
}

static void config_write(uint32_t function, uint32_t offset, uint32_t value)
{
	outl(CONFIG_ADDRESS_PORT, 1u << 31 | function << 8 | offset);
	outl(CONFIG_DATA_PORT, value);
}

/* Its own interrupt isn't remapped. */
static void enable_interrupt(uint32_t function)
{
	uint32_t at = config_read(function, CONFIG_CAPABILITIES) & 0xfc, capability = 0;

	for (unsigned int i = 0; i < CAPABILITIES_MAXIMUM && at != 0; i++) {
		capability = config_read(function, at);
		if ((capability & 0xff) == CAPABILITY_MSI) {
			break;
		}
		at = capability >> 8 & 0xfc;
	}
	if ((capability & 0xff) != CAPABILITY_MSI) {
		log_line("IOMMU: function %x has no MSI: faults of devices are not told", function);
		return;
	}
	config_write(function, at + 4, (uint32_t)(MSI_ADDRESS | (uint64_t)lapic_id() << 12));
	if ((capability & MSI_64_BIT) != 0) {
		config_write(function, at + 8, 0);
	}
	config_write(function, at + ((capability & MSI_64_BIT) != 0 ? 12 : 8), VECTOR_IOMMU);
	config_write(function, CONFIG_COMMAND, config_read(function, CONFIG_COMMAND) | CONFIG_COMMAND_MASTER);
	config_write(function, at, (capability & ~MSI_MESSAGES) | MSI_ENABLE);
}

/* Why these IOMMUs can't be used, or NULL. */
static const char *what_is_missing(const struct platform_information *platform)
{
	if (platform->iommu_fault != NULL) {
		return platform->iommu_fault;
	}
	for (unsigned int i = 0; i < platform->iommu_count; i++) {
		uint64_t physical = platform->iommus[i].physical;

		if (physical % PAGE_SIZE != 0 || !direct_map_covers(physical, IOMMU_REGISTER_BYTES) ||
			(*(volatile uint64_t *)phys_to_virt(physical + REGISTER_FEATURES) &
				FEATURES_FORGET_ALL) == 0) {
			return "its registers are out of reach, or it lacks INVALIDATE_IOMMU_ALL";
		}
	}
	for (unsigned int i = 0; i < platform->io_apic_count; i++) {
		if (platform->io_apic_functions[platform->io_apics[i].id & 0xff] == 0) {
			return "it does not remap the I/O APIC's interrupts (QEMU: intremap=on)";
		}
	}
	return NULL;
}

/* Lets an I/O APIC's entries have the vectors that they ask for: its vector is the index (§2.2.5.1). */
static void pass_lines(uint32_t function, uint64_t table)
{
	for (uint32_t vector = VECTOR_INTERRUPT_FIRST; vector < VECTOR_INTERRUPT_FIRST + INTERRUPT_LINES;
		vector++) {
		((uint32_t *)phys_to_virt(table))[vector] = REMAP_ENTRY(vector, lapic_id());
	}
	device_entry(function)[2] = WORD2_VALID | WORD2_REMAP | WORD2_ENTRIES_1024 | table;
}

static void start(struct iommu *iommu, const struct platform_iommu *found)
{
	uint64_t commands = boot_memory_take(PAGE_SHIFT), events = boot_memory_take(PAGE_SHIFT);

	iommu->registers = phys_to_virt(found->physical);
	iommu->commands = phys_to_virt(commands);
	iommu->events = phys_to_virt(events);
	/* Firmware may have switched it on. */
	*register_of(iommu, REGISTER_CONTROL) = 0;
	wait_for(register_of(iommu, REGISTER_STATUS), STATUS_EVENTS_RUN | STATUS_COMMANDS_RUN, false);
	*register_of(iommu, REGISTER_DEVICE_TABLE) =
		virt_to_phys((const void *)device_table) | ((1u << DEVICE_TABLE_BITS) / PAGE_SIZE - 1);
	*register_of(iommu, REGISTER_COMMANDS) = commands | LOG_OF_256;
	*register_of(iommu, REGISTER_EVENTS) = events | LOG_OF_256;
	*register_of(iommu, REGISTER_COMMAND_HEAD) = 0;
	*register_of(iommu, REGISTER_COMMAND_TAIL) = 0;
	*register_of(iommu, REGISTER_EVENT_HEAD) = 0;
	*register_of(iommu, REGISTER_EVENT_TAIL) = 0;
	*register_of(iommu, REGISTER_EXCLUSION) = 0;
	enable_interrupt(found->function);
	/* IVHD flags, §5.2.2.1: HtTunEn, PassPW, ResPassPW, Isoc, Coherent, each at its place in the control register. */
	iommu->control = CONTROL_ENABLE | CONTROL_EVENTS | CONTROL_EVENT_INTERRUPT | CONTROL_COMMANDS |
			 (found->flags & 1u) << 1 | (found->flags & 6u) << 7 | (found->flags & 8u) << 8 |
			 (found->flags & 0x20u) << 5;
	*register_of(iommu, REGISTER_CONTROL) = iommu->control;
}

void iommu_initialise(const struct platform_information *platform)
{
	const char *missing = what_is_missing(platform);
	uint64_t lines;

	if (platform->iommu_count == 0) {
		log_line("IOMMU: none");
		return;
	}
	if (missing != NULL) {
		log_line("IOMMU: not used: %s", missing);
		return;
	}
	device_table = phys_to_virt(boot_memory_take(DEVICE_TABLE_BITS));
	message_tables = boot_memory_take(MSI_TABLE_BITS);
	lines = boot_memory_take(PAGE_SHIFT);
	blocked = boot_memory_take(PAGE_SHIFT) | WORD0_VALID | WORD0_LEVELS(1);
	for (uint32_t function = 0; function < FUNCTIONS; function++) {
		device_entry(function)[0] = blocked;
		device_entry(function)[2] = WORD2_VALID;
	}
	for (unsigned int i = 0; i < platform->io_apic_count; i++) {
		pass_lines(platform->io_apic_functions[platform->io_apics[i].id & 0xff], lines);
	}
	for (unsigned int i = 0; i < platform->iommu_count; i++) {
		start(&iommus[i], &platform->iommus[i]);
	}
	iommu_count = platform->iommu_count;
	command(COMMAND_FORGET_ALL, 0);
	log_line("IOMMU: %u, every function blocked until it belongs to an IoSpace", iommu_count);
}
