/* SPDX-License-Identifier: MIT */
/* The survey of the machine's functions: see survey.h. Configuration space only. */
#include "survey.h"

#include "config_space.h"

#include <stddef.h>

#define BUSES 256u
#define NO_FUNCTION 0xffffffffu
#define HEADER_TYPE(header) ((header) >> 16 & 0x7f)
#define HEADER_SEVERAL (1u << 23)
#define HEADER_BRIDGE 1u
#define BASE_CLASS_BRIDGE 0x06u
#define CLASS_IOMMU 0x0806u
#define BAR_IO (1u << 0)
#define BAR_TYPE 0x6u /* bits 1 and 2; 64 bits wide: 4 */
#define BAR_TYPE_64 0x4u
#define BAR_FLAGS 0xfu
#define ONES 0xffffffffu
#define CAPABILITIES_MAX 48u
#define FIRST_CAPABILITY 0x40u

uint32_t config_capability(uint32_t requester, uint32_t id)
{
	uint32_t place = 0;

	if ((config_read(requester, CONFIG_COMMAND) & STATUS_CAPABILITIES) != 0) {
		place = config_read(requester, CONFIG_CAPABILITIES) & 0xfc;
	}
	for (uint32_t i = 0; i < CAPABILITIES_MAX && place >= FIRST_CAPABILITY; i++) {
		uint32_t word = config_read(requester, place);

		if ((word & 0xff) == id) {
			return place;
		}
		place = word >> 8 & 0xfc;
	}
	return 0;
}

/* ---- BARs ------------------------------------------------------------------------------------------------------------ */

static uint32_t bar_register(uint32_t bar) { return CONFIG_BAR + 4 * bar; }

/* Sizes memory BAR `bar` of a function that decodes nothing now. Returns how many registers it takes: 1 or 2. */
static uint32_t size_bar(struct survey_function *function, uint32_t bar, const uint32_t *registers)
{
	uint32_t low = registers[bar];
	bool is_wide = (low & BAR_IO) == 0 && (low & BAR_TYPE) == BAR_TYPE_64 && bar + 1 < HOST_PCI_BARS;
	uint64_t address = low & ~BAR_FLAGS;
	uint64_t mask;

	if ((low & BAR_IO) != 0) {
		return 1;
	}
	config_write(function->requester, bar_register(bar), ONES);
	mask = config_read(function->requester, bar_register(bar)) & ~BAR_FLAGS;
	config_write(function->requester, bar_register(bar), low);
	if (is_wide) {
		config_write(function->requester, bar_register(bar + 1), ONES);
		mask |= (uint64_t)config_read(function->requester, bar_register(bar + 1)) << 32;
		config_write(function->requester, bar_register(bar + 1), registers[bar + 1]);
		address |= (uint64_t)registers[bar + 1] << 32;
	}
	if (mask != 0) {
		uint64_t size = mask & -mask; /* the lowest bit that can be set */

		function->is_unassigned |= address == 0;
		function->bar[bar] = (struct host_pci_bar){ address & ~(size - 1), size };
	}
	return is_wide ? 2 : 1;
}

void survey_recover(struct survey_journal *journal)
{
	if (__atomic_load_n(&journal->is_open, __ATOMIC_ACQUIRE) != 1) {
		return;
	}
	for (uint32_t bar = 0; bar < HOST_PCI_BARS; bar++) {
		config_write(journal->requester, bar_register(bar), journal->bar[bar]);
	}
	config_write(journal->requester, CONFIG_COMMAND, journal->command);
	__atomic_store_n(&journal->is_open, 0, __ATOMIC_RELEASE);
}

/* Sizes a function's BARs, and leaves it with its registers where they were, but without DMA and interrupt lines. */
static void size_bars(struct survey_function *function, struct survey_journal *journal)
{
	uint32_t command = config_read(function->requester, CONFIG_COMMAND) & COMMAND_MASK;

	journal->requester = function->requester;
	journal->command = (command & ~COMMAND_BUS_MASTER) | COMMAND_NO_INTX;
	for (uint32_t bar = 0; bar < HOST_PCI_BARS; bar++) {
		journal->bar[bar] = config_read(function->requester, bar_register(bar));
	}
	__atomic_store_n(&journal->is_open, 1, __ATOMIC_RELEASE);
	config_write(function->requester, CONFIG_COMMAND, COMMAND_NO_INTX);
	for (uint32_t bar = 0; bar < HOST_PCI_BARS;) {
		bar += size_bar(function, bar, journal->bar);
	}
	survey_recover(journal);
}

/* Whom others depend on: what is behind a bridge, and the kernel, to which the IOMMU sends messages. Such a function is left as it is,
 * and given to nobody. */
static bool is_of_the_system(uint32_t class_code, uint32_t type)
{
	return type != 0 || class_code >> 16 == BASE_CLASS_BRIDGE || class_code >> 8 == CLASS_IOMMU;
}

/* Where its registers begin is all that is known of them. */
static void note_bars(struct survey_function *function)
{
	uint32_t bars = function->is_bridge ? 2 : HOST_PCI_BARS;

	for (uint32_t bar = 0; bar < bars; bar++) {
		uint32_t low = config_read(function->requester, bar_register(bar));

		if ((low & BAR_IO) == 0 && (low & ~BAR_FLAGS) != 0) {
			function->bar[bar] =
				(struct host_pci_bar){ low & ~(HOST_PCI_PAGE_SIZE - 1), HOST_PCI_PAGE_SIZE };
		}
	}
}

/* ---- Buses ----------------------------------------------------------------------------------------------------------- */

struct buses {
	bool seen[BUSES];
	uint32_t count;
	uint8_t queue[BUSES];
};

static void add_bus(struct buses *buses, uint32_t bus)
{
	if (!buses->seen[bus]) {
		buses->seen[bus] = true;
		buses->queue[buses->count++] = (uint8_t)bus;
	}
}

static void look_at_function(struct survey *survey, struct survey_journal *journal, struct buses *buses,
	uint32_t requester, uint32_t id)
{
	uint32_t type = HEADER_TYPE(config_read(requester, CONFIG_HEADER));
	struct survey_function *function;

	if (type == HEADER_BRIDGE) {
		add_bus(buses, config_read(requester, CONFIG_BUSES) >> 8 & 0xff);
	}
	if (survey->count == SURVEY_MAX_FUNCTIONS) {
		survey->is_full = true;
		return;
	}
	function = &survey->function[survey->count++];
	function->requester = requester;
	function->id = id;
	function->class_code = config_read(requester, CONFIG_CLASS) >> 8;
	function->is_bridge = type != 0;
	function->is_of_the_system = is_of_the_system(function->class_code, type);
	if (function->is_of_the_system) {
		note_bars(function);
	} else {
		size_bars(function, journal);
	}
}

void survey_make(struct survey *survey, struct survey_journal *journal)
{
	struct buses buses = { 0 };

	add_bus(&buses, 0);
	for (uint32_t i = 0; i < buses.count; i++) {
		for (uint32_t place = 0; place < 256; place++) {
			uint32_t requester = (uint32_t)buses.queue[i] << 8 | place;
			uint32_t id = config_read(requester, CONFIG_ID);

			if (id == NO_FUNCTION) {
				place |= (place & 7) == 0 ? 7 : 0; /* without function 0 there is no other */
				continue;
			}
			look_at_function(survey, journal, &buses, requester, id);
			if ((place & 7) == 0 &&
				(config_read(requester, CONFIG_HEADER) & HEADER_SEVERAL) == 0) {
				place |= 7;
			}
		}
	}
}

/* ---- The choice ------------------------------------------------------------------------------------------------------ */

static uint64_t first_page(const struct host_pci_bar *bar) { return bar->address / HOST_PCI_PAGE_SIZE; }

static uint64_t last_page(const struct host_pci_bar *bar)
{
	return (bar->address + (bar->size - 1)) / HOST_PCI_PAGE_SIZE;
}

static bool share_page(const struct host_pci_bar *left, const struct host_pci_bar *right)
{
	return left->size != 0 && right->size != 0 && left != right && first_page(left) <= last_page(right) &&
	       first_page(right) <= last_page(left);
}

/* Does a page of the function's registers hold registers of another function, or of another BAR of its own? */
static bool shares_pages(const struct survey *survey, const struct survey_function *function)
{
	for (uint32_t i = 0; i < survey->count * HOST_PCI_BARS; i++) {
		const struct host_pci_bar *other =
			&survey->function[i / HOST_PCI_BARS].bar[i % HOST_PCI_BARS];

		for (uint32_t bar = 0; bar < HOST_PCI_BARS; bar++) {
			if (share_page(&function->bar[bar], other)) {
				return true;
			}
		}
	}
	return false;
}

static bool fits(const struct survey_function *function, uint32_t bar, uint64_t offset, uint64_t size)
{
	return bar < HOST_PCI_BARS && offset <= function->bar[bar].size &&
	       size <= function->bar[bar].size - offset;
}

/* Reads the MSI-X capability (PCI 3.0 section 6.8.2). False if there is none that makes sense. */
static bool read_msix(const struct survey_function *function, struct host_pci_function *page)
{
	uint32_t place = config_capability(function->requester, CAPABILITY_MSIX);
	uint32_t table;
	uint32_t pending;

	if (place == 0 || place + 8 > 0xfc) {
		return false;
	}
	table = config_read(function->requester, place + 4);
	pending = config_read(function->requester, place + 8);
	page->table_entries = (config_read(function->requester, place) >> 16 & 0x7ff) + 1;
	page->table_bar = table & 7;
	page->table_offset = table & ~7u;
	page->pending_bar = pending & 7;
	page->pending_offset = pending & ~7u;
	return fits(function, page->table_bar, page->table_offset,
		       (uint64_t)page->table_entries * HOST_PCI_TABLE_ENTRY_SIZE) &&
	       fits(function, page->pending_bar, page->pending_offset, (page->table_entries + 63) / 64 * 8);
}

static enum host_pci_reason judge(
	const struct survey *survey, const struct survey_function *function, struct host_pci_function *page)
{
	if (function->is_of_the_system) {
		return HOST_PCI_IS_BRIDGE;
	}
	if (function->is_unassigned) {
		return HOST_PCI_BAR_UNASSIGNED;
	}
	if (survey->is_full || shares_pages(survey, function)) {
		return HOST_PCI_BAR_SHARES_PAGE;
	}
	return read_msix(function, page) ? HOST_PCI_NO_REASON : HOST_PCI_NO_MSIX;
}

static bool matches(const struct survey_function *function, const struct selector *selector)
{
	switch (selector->kind) {
	case SELECTOR_PLACE:
		return function->requester == selector->value;
	case SELECTOR_ID:
		return function->id == selector->value;
	default:
		return function->class_code == selector->value;
	}
}

static void fill(const struct survey *survey, struct survey_function *function,
	struct host_pci_function *page, enum host_pci_state *state)
{
	function->is_taken = true;
	page->requester = function->requester;
	for (uint32_t bar = 0; bar < HOST_PCI_BARS; bar++) {
		page->bar[bar] = function->bar[bar];
	}
	for (uint32_t word = 0; word < HOST_PCI_HEADER_WORDS; word++) {
		page->header[word] = config_read(function->requester, 4 * word);
	}
	page->reason = judge(survey, function, page);
	*state = page->reason == HOST_PCI_NO_REASON ? HOST_PCI_FOUND : HOST_PCI_REFUSED;
}

void survey_choose(struct survey *survey, const struct selector *selectors, uint32_t count,
	struct host_pci_function *const *pages, enum host_pci_state *states)
{
	for (uint32_t i = 0; i < count; i++) {
		states[i] = HOST_PCI_MISSING;
	}
	for (uint32_t turn = 0; turn < 2 * count; turn++) {
		uint32_t i = turn % count;

		/* First those that name a place, then the others. */
		for (uint32_t j = 0; j < survey->count && states[i] == HOST_PCI_MISSING &&
				     (selectors[i].kind == SELECTOR_PLACE) == (turn < count);
			j++) {
			if (!survey->function[j].is_taken && matches(&survey->function[j], &selectors[i])) {
				fill(survey, &survey->function[j], pages[i], &states[i]);
			}
		}
	}
}
