/* SPDX-License-Identifier: MIT */
/* IoSpaces: what memory PCI functions reach by DMA. IoSpaceControl gives a function to one space; Frames are mapped into that as into
 * any space (space.c). What the IOMMU refused is told to the space's owner. */
#include "object/invocation.h"

#include "arch/x86_64/iommu.h"
#include "ipc/ipc.h"
#include "log.h"

static struct io_space *domains[IOMMU_DOMAINS]; /* 0 stays nobody's */
static uint64_t nobodys_faults;

void io_space_end(struct io_space *space)
{
	while (space->function_count != 0) {
		iommu_detach(space->functions[--space->function_count]);
	}
	domains[space->domain] = NULL;
}

static bool is_power_of_two(uint64_t value) { return (value & (value - 1)) == 0; }

void io_space_fault(uint32_t domain, uint32_t function, uint64_t address, enum bh_io_fault kind)
{
	static const char *const kinds[] = { "none", "read", "write", "interrupt", "other" };
	struct io_space *space = domains[domain];
	uint64_t count = space != NULL ? ++space->fault_count : ++nobodys_faults;

	/* However many there are, the log's lines are few. */
	if (is_power_of_two(count)) {
		log_line("IOMMU: function %02x:%02x.%u refused at 0x%lx: %s; number %lu of %s", function >> 8,
			function >> 3 & 31, function & 7, address, kinds[kind], count,
			space != NULL ? "its IoSpace" : "those in none");
	}
	if (space == NULL) {
		return;
	}
	space->fault_function = function;
	space->fault_address = address;
	space->fault_kind = kind;
	if (space->target.type == BH_OBJECT_NOTIFICATION) {
		notification_signal((struct notification *)space->target.object, space->target.badge, false);
	}
}

static enum bh_error last_fault(struct invocation *invocation, const struct io_space *space)
{
	for (unsigned int i = 0; i < space->function_count; i++) {
		iommu_listen(space->functions[i]);
	}
	invocation->result[0] = space->fault_function;
	invocation->result[1] = space->fault_address;
	invocation->result[2] = space->fault_kind;
	invocation->result[3] = space->fault_count;
	return BH_OK;
}

enum bh_error io_space_invoke(struct invocation *invocation)
{
	struct io_space *space = io_space_of((struct space *)invocation->slot->object);
	bool is_bind = invocation->label == BH_IO_SPACE_BIND;

	if (!is_bind && invocation->label != BH_IO_SPACE_FAULT) {
		return BH_ERROR_INVOCATION;
	}
	if ((invocation->slot->rights & (is_bind ? BH_RIGHT_WRITE : BH_RIGHT_READ)) == 0) {
		return BH_ERROR_RIGHTS;
	}
	if (space->domain == 0) {
		return BH_ERROR_EMPTY_OBJECT;
	}
	return is_bind ? target_bind(invocation, &space->target) : last_fault(invocation, space);
}

/* Gives a space that has none a domain of its own. false: there are no more. */
static bool take_domain(struct io_space *space)
{
	for (uint32_t domain = 1; domain < IOMMU_DOMAINS && space->domain == 0; domain++) {
		if (domains[domain] == NULL) {
			domains[domain] = space;
			space->domain = domain;
		}
	}
	return space->domain != 0;
}

enum bh_error io_space_control_invoke(struct invocation *invocation)
{
	uint64_t function = invocation->argument[1];
	uint64_t first = invocation->slot->badge & 0xffffffff, count = invocation->slot->badge >> 32;
	struct io_space *space;
	void *object;
	enum bh_error error =
		control_find(invocation, BH_IO_SPACE_CONTROL_CONFIGURE, BH_OBJECT_IO_SPACE, &object);

	if (error != BH_OK) {
		return error;
	}
	if (!iommu_is_on()) {
		return BH_ERROR_STATE;
	}
	if (function >= BH_PCI_FUNCTIONS) {
		return BH_ERROR_ARGUMENT;
	}
	if (invocation->slot->badge != 0 && (function < first || function >= first + count)) {
		return BH_ERROR_RANGE;
	}
	if (iommu_domain(function) != 0) {
		return BH_ERROR_IN_USE;
	}
	space = io_space_of(object);
	if (space->function_count == IO_SPACE_FUNCTIONS || !take_domain(space)) {
		return BH_ERROR_MEMORY;
	}
	space->functions[space->function_count++] = (uint32_t)function;
	iommu_attach((uint32_t)function, space->domain, space->space.root_physical);
	return BH_OK;
}
