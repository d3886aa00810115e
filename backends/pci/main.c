/* SPDX-License-Identifier: MIT */
/*
 * The PCI server: the one task with configuration space and MSI-X tables. Finds the functions that its arguments name, tells the root task where they
 * are, and carries out its orders (bulkhead/host_pci.h). It sees no other register of a function, and no memory of any driver.
 *
 * Given by the manifest: an argument function=NAME for each function, in the order of their numbers; capabilities notification, signal:root,
 * port:pci; regions pci-function:N and pci-table:N for each function, pci-orders, pci-journal. pci-table:N is there from the function's first
 * order on.
 */
#include "orders.h"
#include "survey.h"

#include <bulkhead/manifest.h>
#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#include <string.h>

#define ARGUMENT "function="

static struct survey survey;
static struct selector selectors[HOST_PCI_MAX_FUNCTIONS];
static struct host_pci_function *pages[HOST_PCI_MAX_FUNCTIONS];
static volatile uint32_t *tables[HOST_PCI_MAX_FUNCTIONS];
static uint32_t count;

/* These can fail only if the manifest gave the wrong object: then nothing works. */
static void demand(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		bh_log("%s: %s", what, bh_error_text(error));
		bh_exit(BH_EXIT_ABORT);
	}
}

static void read_arguments(void)
{
	const struct task_info *info = bh_task_info();
	const char *argument;

	for (uint32_t i = 0; (argument = task_info_argument(info, i)) != NULL; i++) {
		if (strncmp(argument, ARGUMENT, sizeof ARGUMENT - 1) != 0) {
			continue;
		}
		if (count == HOST_PCI_MAX_FUNCTIONS ||
			!selector_parse(argument + sizeof ARGUMENT - 1, &selectors[count])) {
			bh_log("argument \"%s\" names no function, or one too many", argument);
			bh_exit(BH_EXIT_MISSING);
		}
		count++;
	}
}

/* The region PREFIX and then the function's number. */
static void *numbered_region(const char *prefix, uint32_t number, size_t minimum)
{
	char name[TASK_INFO_NAME_SIZE];

	(void)bh_format(name, sizeof name, "%s%u", prefix, number);
	return bh_region_required(name, minimum, NULL);
}

static void open_functions(void)
{
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *table = numbered_region(MANIFEST_PCI_TABLE, i, HOST_PCI_PAGE_SIZE);

		pages[i] = numbered_region(MANIFEST_PCI_FUNCTION, i, sizeof(struct host_pci_function));
		tables[i] = (volatile uint32_t *)(void *)table;
	}
}

/* Finds the functions, if no former task has: the survey moves registers for a moment, and drivers may be at work. */
static void find_functions(struct survey_journal *journal)
{
	enum host_pci_state states[HOST_PCI_MAX_FUNCTIONS] = { 0 };

	survey_recover(journal);
	if (__atomic_load_n(&journal->is_complete, __ATOMIC_ACQUIRE) != 1) {
		survey_make(&survey, journal);
		survey_choose(&survey, selectors, count, pages, states);
		for (uint32_t i = 0; i < count; i++) {
			journal->states[i] = (uint32_t)states[i];
		}
		__atomic_store_n(&journal->is_complete, 1, __ATOMIC_RELEASE);
		bh_log("%u PCI functions on this machine", survey.count);
	}
	for (uint32_t i = 0; i < count; i++) {
		__atomic_store_n(&pages[i]->state, journal->states[i], __ATOMIC_RELEASE);
	}
}

/* Where the table begins in what is mapped of it. */
static volatile uint32_t *table_of(uint32_t function)
{
	return tables[function] + pages[function]->table_offset % HOST_PCI_PAGE_SIZE / sizeof(uint32_t);
}

int main(void)
{
	uint64_t notification = bh_capability_required("notification");
	uint64_t root = bh_capability_required("signal:root");
	const struct host_pci_orders *orders =
		bh_region_required(MANIFEST_PCI_ORDERS, sizeof(struct host_pci_orders), NULL);

	read_arguments();
	open_functions();
	find_functions(bh_region_required("pci-journal", sizeof(struct survey_journal), NULL));
	demand(bh_signal(root), "signalling the root task");
	bh_ready();
	for (;;) {
		bool is_done = false;
		uint64_t word;

		for (uint32_t i = 0; i < count; i++) {
			if (pages[i]->state == HOST_PCI_FOUND) {
				is_done |= order_carry_out(pages[i], &orders->order[i], table_of(i));
			}
		}
		if (is_done) {
			demand(bh_signal(root), "signalling the root task");
		}
		demand(bh_wait(notification, &word), "waiting");
	}
}
