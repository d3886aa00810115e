/* SPDX-License-Identifier: MIT */
/* The tables: see acpi.h. Layouts are ACPI 6.0 section 5.2, written byte by byte at the offsets that the
 * specification names. */
#include "acpi/acpi.h"

#include "acpi/dsdt.h"
#include "memory/guest_layout.h"

enum {
	HEADER_SIZE = 36,
	RSDP_SIZE = 36,
	XSDT_SIZE = HEADER_SIZE + 2 * 8,
	RSDT_SIZE = HEADER_SIZE + 2 * 4,
	FADT_SIZE = 268, /* revision 5, up to and with SLEEP_STATUS_REG */
	FACS_SIZE = 64,
	FACS_ALIGNMENT = 64,
	TABLE_ALIGNMENT = 16,
};

/* What is written, with the place that the guest sees it at. */
struct builder {
	uint8_t *bytes;
	size_t size, used;
	uint64_t guest_physical;
	bool overflow;
};

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void put_text(uint8_t *at, const char *text, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = *text ? (uint8_t)*text++ : ' ';
}

static uint8_t checksum(const uint8_t *bytes, size_t count)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

/* A zeroed piece of `size` bytes, or null. */
static uint8_t *reserve(struct builder *builder, size_t size, size_t alignment, uint64_t *guest_physical)
{
	size_t start = (builder->used + alignment - 1) & ~(alignment - 1);
	if (builder->overflow || start > builder->size || builder->size - start < size) {
		builder->overflow = true;
		return NULL;
	}
	for (size_t i = builder->used; i < start + size; i++)
		builder->bytes[i] = 0;
	builder->used = start + size;
	*guest_physical = builder->guest_physical + start;
	return builder->bytes + start;
}

/* Section 5.2.6. The checksum is set when the table is complete. */
static void put_header(uint8_t *table, const char *signature, size_t length, uint8_t revision)
{
	put_text(table, signature, 4);
	put(table + 4, length, 4);
	table[8] = revision;
	put_text(table + 10, "BULKHD", 6);
	put_text(table + 16, "BULKHEAD", 8);
	put(table + 24, 1, 4);
	put_text(table + 28, "BLKH", 4);
	put(table + 32, 1, 4);
}

static void finish(uint8_t *table, size_t length)
{
	table[9] = 0;
	table[9] = checksum(table, length);
}

/* Generic address structure (section 5.2.3.2) of a port block. */
static void put_port(uint8_t *at, uint16_t port, uint8_t bytes, uint8_t access_size)
{
	at[0] = 1; /* system I/O */
	at[1] = (uint8_t)(8 * bytes);
	at[2] = 0;
	at[3] = access_size;
	put(at + 4, port, 8);
}

/* Section 5.2.9; numbers are the offsets of table 5-34. */
static void build_fadt(
	struct builder *builder, const struct acpi_configuration *configuration, struct acpi_tables *tables)
{
	enum {
		WBINVD = 1u << 0,
		PROC_C1 = 1u << 2,
		SLP_BUTTON = 1u << 5, /* there is none in the fixed registers */
		FIX_RTC = 1u << 6,    /* RTC wake status is not in the fixed registers */
		RESET_REG_SUP = 1u << 10,
		BOOT_LEGACY_DEVICES = 1u << 0,
		BOOT_8042 = 1u << 1,
		BOOT_VGA_NOT_PRESENT = 1u << 2,
		ACCESS_BYTE = 1,
		ACCESS_WORD = 2,
		ACCESS_DWORD = 3,
		NO_C2 = 0x65, /* latencies above 100 and 1000 microseconds mean: not supported */
		NO_C3 = 0x3e9,
		CENTURY = 0x32, /* CMOS index of the century */
	};
	uint8_t *fadt = reserve(builder, FADT_SIZE, TABLE_ALIGNMENT, &tables->fadt);
	if (fadt == NULL)
		return;
	put_header(fadt, "FACP", FADT_SIZE, 5);
	put(fadt + 36, tables->facs, 4);
	put(fadt + 40, tables->dsdt, 4);
	fadt[45] = 1; /* preferred power-management profile: desktop */
	put(fadt + 46, ACPI_SCI_INTERRUPT, 2);
	/* 48: SMI_CMD 0, so ACPI_ENABLE and its kin are 0 as well: the system is in ACPI mode for good. */
	put(fadt + 56, ACPI_PM1A_EVENT_PORT, 4);
	put(fadt + 64, ACPI_PM1A_CONTROL_PORT, 4);
	put(fadt + 76, ACPI_PM_TIMER_PORT, 4);
	fadt[88] = 4;
	fadt[89] = 2;
	fadt[91] = 4;
	put(fadt + 96, NO_C2, 2);
	put(fadt + 98, NO_C3, 2);
	fadt[108] = CENTURY;
	put(fadt + 109,
		BOOT_LEGACY_DEVICES | BOOT_VGA_NOT_PRESENT |
			(configuration->keyboard_controller ? BOOT_8042 : 0),
		2);
	/* The PM timer is declared as 24 bits, which a 32-bit counter satisfies too. */
	put(fadt + 112, WBINVD | PROC_C1 | SLP_BUTTON | FIX_RTC | RESET_REG_SUP, 4);
	put_port(fadt + 116, ACPI_RESET_PORT, 1, ACCESS_BYTE);
	fadt[128] = ACPI_RESET_VALUE;
	put(fadt + 132, tables->facs, 8);
	put(fadt + 140, tables->dsdt, 8);
	put_port(fadt + 148, ACPI_PM1A_EVENT_PORT, 4, ACCESS_WORD);
	put_port(fadt + 172, ACPI_PM1A_CONTROL_PORT, 2, ACCESS_WORD);
	put_port(fadt + 208, ACPI_PM_TIMER_PORT, 4, ACCESS_DWORD);
	finish(fadt, FADT_SIZE);
}

/* Section 5.2.12. */
static void build_madt(
	struct builder *builder, const struct acpi_configuration *configuration, struct acpi_tables *tables)
{
	enum {
		LOCAL_APIC_SIZE = 8,
		IO_APIC_SIZE = 12,
		OVERRIDE_SIZE = 10,
		NMI_SIZE = 6,
		PCAT_COMPAT = 1,
		LEVEL_HIGH = 0x0d
	};
	size_t size = HEADER_SIZE + 8 + LOCAL_APIC_SIZE * configuration->cpus + IO_APIC_SIZE +
		      2 * OVERRIDE_SIZE + NMI_SIZE;
	uint8_t *madt = reserve(builder, size, TABLE_ALIGNMENT, &tables->madt);
	if (madt == NULL)
		return;
	put_header(madt, "APIC", size, 3);
	put(madt + 36, GUEST_LOCAL_APIC_BASE, 4);
	put(madt + 40, PCAT_COMPAT, 4); /* two 8259s are there as well */

	uint8_t *entry = madt + HEADER_SIZE + 8;
	for (uint32_t cpu = 0; cpu < configuration->cpus; cpu++) {
		const uint8_t local_apic[] = { 0, LOCAL_APIC_SIZE, (uint8_t)cpu, (uint8_t)cpu, 1, 0, 0, 0 };
		__builtin_memcpy(entry, local_apic, sizeof local_apic);
		entry += LOCAL_APIC_SIZE;
	}
	entry[0] = 1;
	entry[1] = IO_APIC_SIZE;
	entry[2] = configuration->io_apic_id;
	put(entry + 4, GUEST_IO_APIC_BASE, 4);
	entry += IO_APIC_SIZE;

	/* Interrupt source overrides: ISA 0 (PIT) arrives at input 2; the SCI is level-triggered, active
	 * high. */
	const uint8_t pit[] = { 2, OVERRIDE_SIZE, 0, 0, 2, 0, 0, 0, 0, 0 };
	const uint8_t sci[] = { 2, OVERRIDE_SIZE, 0, ACPI_SCI_INTERRUPT, ACPI_SCI_INTERRUPT, 0, 0, 0,
		LEVEL_HIGH, 0 };
	const uint8_t nmi[] = { 4, NMI_SIZE, 0xff, 0, 0, 1 }; /* all CPUs: LINT1 */
	__builtin_memcpy(entry, pit, sizeof pit);
	__builtin_memcpy(entry + OVERRIDE_SIZE, sci, sizeof sci);
	__builtin_memcpy(entry + 2 * OVERRIDE_SIZE, nmi, sizeof nmi);
	finish(madt, size);
}

/* Section 5.2.10. */
static void build_facs(struct builder *builder, struct acpi_tables *tables)
{
	uint8_t *facs = reserve(builder, FACS_SIZE, FACS_ALIGNMENT, &tables->facs);
	if (facs == NULL)
		return;
	put_text(facs, "FACS", 4);
	put(facs + 4, FACS_SIZE, 4);
	facs[32] = 2;
}

static void build_dsdt(
	struct builder *builder, const struct acpi_configuration *configuration, struct acpi_tables *tables)
{
	uint8_t *dsdt = reserve(builder, HEADER_SIZE, TABLE_ALIGNMENT, &tables->dsdt);
	if (dsdt == NULL)
		return;
	struct aml aml = {
		.bytes = dsdt, .size = builder->size - (size_t)(dsdt - builder->bytes), .used = HEADER_SIZE
	};
	dsdt_emit(&aml, configuration);
	if (aml.overflow) {
		builder->overflow = true;
		return;
	}
	builder->used = (size_t)(dsdt - builder->bytes) + aml.used;
	tables->dsdt_size = (uint32_t)aml.used;
	put_header(dsdt, "DSDT", aml.used, 2);
	finish(dsdt, aml.used);
}

/* RSDT and XSDT (sections 5.2.7, 5.2.8): FADT first, then MADT. */
static void fill_roots(uint8_t *rsdt, uint8_t *xsdt, const struct acpi_tables *tables)
{
	put_header(rsdt, "RSDT", RSDT_SIZE, 1);
	put(rsdt + HEADER_SIZE, tables->fadt, 4);
	put(rsdt + HEADER_SIZE + 4, tables->madt, 4);
	finish(rsdt, RSDT_SIZE);
	put_header(xsdt, "XSDT", XSDT_SIZE, 1);
	put(xsdt + HEADER_SIZE, tables->fadt, 8);
	put(xsdt + HEADER_SIZE + 8, tables->madt, 8);
	finish(xsdt, XSDT_SIZE);
}

/* Section 5.2.5.3. */
static void fill_rsdp(uint8_t *rsdp, const struct acpi_tables *tables)
{
	put_text(rsdp, "RSD PTR ", 8);
	put_text(rsdp + 9, "BULKHD", 6);
	rsdp[15] = 2;
	put(rsdp + 16, tables->rsdt, 4);
	put(rsdp + 20, RSDP_SIZE, 4);
	put(rsdp + 24, tables->xsdt, 8);
	rsdp[8] = checksum(rsdp, 20);
	rsdp[32] = checksum(rsdp, RSDP_SIZE);
}

enum acpi_result acpi_build(const struct acpi_configuration *configuration, uint8_t *buffer, size_t size,
	uint64_t guest_physical, struct acpi_tables *tables)
{
	if (configuration->cpus == 0 || configuration->cpus > ACPI_CPUS_MAX)
		return ACPI_BAD_CPU_COUNT;
	struct builder builder = { .bytes = buffer, .size = size, .guest_physical = guest_physical };
	struct acpi_tables built = { 0 };
	uint8_t *rsdp = reserve(&builder, RSDP_SIZE, TABLE_ALIGNMENT, &built.rsdp);
	uint8_t *rsdt = reserve(&builder, RSDT_SIZE, TABLE_ALIGNMENT, &built.rsdt);
	uint8_t *xsdt = reserve(&builder, XSDT_SIZE, TABLE_ALIGNMENT, &built.xsdt);
	build_facs(&builder, &built);
	build_dsdt(&builder, configuration, &built);
	build_fadt(&builder, configuration, &built);
	build_madt(&builder, configuration, &built);
	if (builder.overflow)
		return ACPI_NO_ROOM;
	fill_roots(rsdt, xsdt, &built);
	fill_rsdp(rsdp, &built);
	built.end = guest_physical + builder.used;
	*tables = built;
	return ACPI_OK;
}

const char *acpi_result_text(enum acpi_result result)
{
	switch (result) {
	case ACPI_OK:
		return "ACPI tables built";
	case ACPI_BAD_CPU_COUNT:
		return "the number of virtual CPUs must be 1 to 64";
	case ACPI_NO_ROOM:
		return "the ACPI tables do not fit into their place below 1 MiB";
	}
	return "unknown ACPI result";
}
