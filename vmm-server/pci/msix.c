/* SPDX-License-Identifier: MIT */
/* MSI-X: see msix.h. */
#include "pci/msix.h"

#include "pci/pci.h"

enum {
	ENTRY_SIZE = 16,
	ENTRY_MASKED = 1,
	FIELD_ADDRESS = 0,
	FIELD_ADDRESS_HIGH = 4,
	FIELD_DATA = 8,
	FIELD_CONTROL = 12
};

static void put32(uint8_t *bytes, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

void msix_initialize(struct msix *msix, uint32_t vectors, unsigned bar,
	uint8_t capability[MSIX_CAPABILITY_SIZE], uint8_t writable[MSIX_CAPABILITY_SIZE])
{
	*msix = (struct msix){ .vectors = vectors <= MSIX_VECTORS ? vectors : MSIX_VECTORS };
	for (uint32_t i = 0; i < MSIX_VECTORS; i++)
		msix->entry[i].control = ENTRY_MASKED;
	/* Message control: the table's size less one, function mask, enable; then table and pending bits, each BAR and offset. */
	put32(capability, PCI_CAPABILITY_MSIX | (msix->vectors - 1) << 16);
	put32(capability + 4, MSIX_TABLE | bar);
	put32(capability + 8, MSIX_PENDING | bar);
	for (unsigned i = 0; i < MSIX_CAPABILITY_SIZE; i++)
		writable[i] = 0;
	writable[MSIX_CONTROL + 1] = (MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK) >> 8;
}

void msix_control(struct msix *msix, uint32_t control)
{
	msix->enabled = (control & MSIX_CONTROL_ENABLE) != 0;
	msix->masked = (control & MSIX_CONTROL_MASK) != 0;
}

static uint32_t read_field(const struct msix_entry *entry, uint32_t field)
{
	switch (field) {
	case FIELD_ADDRESS:
		return (uint32_t)entry->address;
	case FIELD_ADDRESS_HIGH:
		return (uint32_t)(entry->address >> 32);
	case FIELD_DATA:
		return entry->data;
	default:
		return entry->control;
	}
}

static void write_field(struct msix_entry *entry, uint32_t field, uint32_t value)
{
	switch (field) {
	case FIELD_ADDRESS:
		/* A message is 32 bits wide, so its address is a multiple of 4 (section 6.8.2.7). */
		entry->address = (entry->address & ~UINT64_C(0xffffffff)) | (value & ~3u);
		break;
	case FIELD_ADDRESS_HIGH:
		entry->address = (entry->address & UINT64_C(0xffffffff)) | (uint64_t)value << 32;
		break;
	case FIELD_DATA:
		entry->data = value;
		break;
	default:
		entry->control = value & ENTRY_MASKED;
		break;
	}
}

/* The 32 bits at `offset`, a multiple of 4. */
static uint32_t read_word(const struct msix *msix, uint32_t offset)
{
	if (offset < MSIX_TABLE + ENTRY_SIZE * msix->vectors)
		return read_field(&msix->entry[offset / ENTRY_SIZE], offset % ENTRY_SIZE);
	return offset == MSIX_PENDING ? msix->pending : 0;
}

uint64_t msix_read(const struct msix *msix, uint32_t offset, uint32_t width)
{
	uint64_t value = read_word(msix, offset & ~3u);
	uint32_t shift = 8 * (offset & 3);

	if (width == 8)
		return value | (uint64_t)read_word(msix, (offset & ~3u) + 4) << 32;
	return value >> shift & ((UINT64_C(1) << 8 * width) - 1);
}

void msix_write(struct msix *msix, uint32_t offset, uint32_t width, uint64_t value)
{
	if (offset % width != 0 || (width != 4 && width != 8))
		return;
	for (uint32_t done = 0; done < width; done += 4, offset += 4) {
		if (offset < MSIX_TABLE + ENTRY_SIZE * msix->vectors)
			write_field(&msix->entry[offset / ENTRY_SIZE], offset % ENTRY_SIZE,
				(uint32_t)(value >> 8 * done));
	}
}

static bool open(const struct msix *msix, uint32_t vector)
{
	return msix->enabled && !msix->masked && (msix->entry[vector].control & ENTRY_MASKED) == 0;
}

bool msix_raise(struct msix *msix, uint32_t vector, uint64_t *address, uint32_t *data)
{
	if (vector >= msix->vectors || !msix->enabled)
		return false;
	if (!open(msix, vector)) {
		msix->pending |= 1u << vector;
		return false;
	}
	*address = msix->entry[vector].address;
	*data = msix->entry[vector].data;
	return true;
}

bool msix_take_pending(struct msix *msix, uint64_t *address, uint32_t *data)
{
	for (uint32_t vector = 0; vector < msix->vectors; vector++) {
		if ((msix->pending >> vector & 1) != 0 && open(msix, vector)) {
			msix->pending &= ~(1u << vector);
			return msix_raise(msix, vector, address, data);
		}
	}
	return false;
}
