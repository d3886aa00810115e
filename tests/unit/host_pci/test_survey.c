/* SPDX-License-Identifier: MIT */
/* The survey finds what is there, disturbs nothing for longer than it takes, and believes no function. Host only. */
#include "bus.h"
#include "survey.h"

#include <string.h>

#define DISK_ID 0x10421af4u
#define DISK_CLASS 0x010000u

static struct survey survey;
static struct survey_journal journal;
static struct host_pci_function pages[HOST_PCI_MAX_FUNCTIONS];
static enum host_pci_state states[HOST_PCI_MAX_FUNCTIONS];

static int set_up(void **state)
{
	(void)state;
	bus_reset();
	memset(&survey, 0, sizeof survey);
	memset(&journal, 0, sizeof journal);
	memset(pages, 0, sizeof pages);
	return 0;
}

/* A virtio disk as QEMU makes it: MSI-X alone in BAR 1, the registers in BAR 4. */
static struct bus_function *add_disk(uint32_t requester, uint32_t address)
{
	struct bus_function *disk = bus_add(requester, DISK_ID, DISK_CLASS);

	bus_add_bar(disk, 1, address, 12, false);
	bus_add_bar(disk, 4, address + 0x4000, 14, true);
	bus_add_msix(disk, 2, 0 | 1, 0x800 | 1);
	return disk;
}

static void choose(const char *const *names, uint32_t count)
{
	struct selector selectors[HOST_PCI_MAX_FUNCTIONS];
	struct host_pci_function *places[HOST_PCI_MAX_FUNCTIONS];

	for (uint32_t i = 0; i < count; i++) {
		assert_true(selector_parse(names[i], &selectors[i]));
		places[i] = &pages[i];
	}
	survey_make(&survey, &journal);
	survey_choose(&survey, selectors, count, places, states);
}

static void choose_disk(void)
{
	static const char *const NAMES[] = { "1af4:1042" };

	choose(NAMES, 1);
}

static void test_names_are_read(void **state)
{
	static const char *const BAD[] = { "", "1af4", "1af4:", "1af4:104", "1af4:10422", "1AF4:1042",
		"00:04", "00:20.0", "00:04.8", "00:04.0 ", "class:01080", "class:0108022",
		"class:", "x0:04.0", "virtio-blk" };
	struct selector selector;

	(void)state;
	assert_true(selector_parse("1af4:1042", &selector));
	assert_int_equal(selector.kind, SELECTOR_ID);
	assert_int_equal(selector.value, DISK_ID);
	assert_true(selector_parse("fe:1f.7", &selector));
	assert_int_equal(selector.kind, SELECTOR_PLACE);
	assert_int_equal(selector.value, 0xfeff);
	assert_true(selector_parse("class:010802", &selector));
	assert_int_equal(selector.kind, SELECTOR_CLASS);
	assert_int_equal(selector.value, 0x010802);
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		assert_false(selector_parse(BAD[i], &selector));
	}
}

static void test_a_disk_is_found(void **state)
{
	(void)state;
	bus_add(REQUESTER(0, 0, 0), 0x29c08086, 0x060000);
	struct bus_function *disk = add_disk(REQUESTER(0, 4, 0), 0xfebd0000);
	uint32_t bar = disk->config[CONFIG_BAR / 4 + 4];

	choose_disk();
	assert_int_equal(states[0], HOST_PCI_FOUND);
	assert_int_equal(pages[0].requester, REQUESTER(0, 4, 0));
	assert_int_equal(pages[0].bar[0].size, 0);
	assert_int_equal(pages[0].bar[1].address, 0xfebd0000);
	assert_int_equal(pages[0].bar[1].size, 0x1000);
	assert_int_equal(pages[0].bar[4].address, 0xfebd4000);
	assert_int_equal(pages[0].bar[4].size, 0x4000);
	assert_int_equal(pages[0].bar[5].size, 0);
	assert_int_equal(pages[0].table_bar, 1);
	assert_int_equal(pages[0].table_entries, 2);
	assert_int_equal(pages[0].pending_offset, 0x800);
	assert_int_equal(pages[0].header[0], DISK_ID);
	/* As it was, but without DMA, and nothing was moved while it was listening. */
	assert_int_equal(disk->config[CONFIG_BAR / 4 + 4], bar);
	assert_int_equal(bus_command(disk), COMMAND_MEMORY | COMMAND_NO_INTX);
	assert_false(bus_moved_while_decoding);
	assert_int_equal(journal.is_open, 0);
}

static void test_what_nobody_names_does_no_dma_either(void **state)
{
	(void)state;
	struct bus_function *network = bus_add(REQUESTER(0, 3, 0), 0x100e8086, 0x020000);
	struct bus_function *bridge = bus_add(REQUESTER(0, 5, 0), 0x12345678, 0x060100);
	struct bus_function *iommu = bus_add(REQUESTER(0, 2, 0), 0x14511022, 0x080600);

	add_disk(REQUESTER(0, 4, 0), 0xfebd0000);
	bus_add_bar(network, 0, 0xfeb00000, 17, false);
	choose_disk();
	assert_int_equal(bus_command(network) & COMMAND_BUS_MASTER, 0);
	assert_int_equal(bus_command(bridge), COMMAND_MEMORY | COMMAND_BUS_MASTER);
	/* It has messages of its own for the kernel. */
	assert_int_equal(bus_command(iommu), COMMAND_MEMORY | COMMAND_BUS_MASTER);
}

static void test_functions_behind_bridges_are_found(void **state)
{
	(void)state;
	struct bus_function *bridge = bus_add(REQUESTER(0, 2, 0), 0x000c1b36, 0x060400);

	bridge->config[CONFIG_HEADER / 4] = 1u << 16;
	bridge->config[CONFIG_BUSES / 4] = 0x030300;
	add_disk(REQUESTER(3, 0, 0), 0xfe800000);
	/* A bridge that leads back, and to itself: each bus once. */
	struct bus_function *back = bus_add(REQUESTER(3, 1, 0), 0x000c1b36, 0x060400);

	back->config[CONFIG_HEADER / 4] = 1u << 16;
	back->config[CONFIG_BUSES / 4] = 0x000300;
	choose_disk();
	assert_int_equal(survey.count, 3);
	assert_int_equal(states[0], HOST_PCI_FOUND);
	assert_int_equal(pages[0].requester, REQUESTER(3, 0, 0));
}

static void test_higher_functions_need_the_bit_of_the_first(void **state)
{
	(void)state;
	struct bus_function *first = bus_add(REQUESTER(0, 6, 0), 0x11112222, 0xff0000);

	add_disk(REQUESTER(0, 6, 3), 0xfe800000);
	choose_disk();
	assert_int_equal(states[0], HOST_PCI_MISSING);
	first->config[CONFIG_HEADER / 4] = 1u << 23;
	memset(&survey, 0, sizeof survey);
	choose_disk();
	assert_int_equal(states[0], HOST_PCI_FOUND);
}

static void test_each_function_goes_to_one(void **state)
{
	static const char *const NAMES[] = { "1af4:1042", "class:010000", "00:04.0", "1af4:1042" };

	(void)state;
	add_disk(REQUESTER(0, 4, 0), 0xfe800000);
	add_disk(REQUESTER(0, 5, 0), 0xfe810000);
	add_disk(REQUESTER(0, 6, 0), 0xfe820000);
	choose(NAMES, 4);
	assert_int_equal(pages[2].requester, REQUESTER(0, 4, 0));
	assert_int_equal(pages[0].requester, REQUESTER(0, 5, 0));
	assert_int_equal(pages[1].requester, REQUESTER(0, 6, 0));
	assert_int_equal(states[3], HOST_PCI_MISSING);
}

static void refused(enum host_pci_reason reason)
{
	memset(&survey, 0, sizeof survey);
	choose_disk();
	assert_int_equal(states[0], HOST_PCI_REFUSED);
	assert_int_equal(pages[0].reason, reason);
}

static void test_shared_pages_are_refused(void **state)
{
	(void)state;
	struct bus_function *disk = add_disk(REQUESTER(0, 4, 0), 0xfebd0000);
	struct bus_function *other = bus_add(REQUESTER(0, 7, 0), 0x11112222, 0xff0000);

	/* Inside a page of the disk's, around all of them, and the upper half of a wide one beside them. */
	bus_add_bar(other, 0, 0xfebd7f00, 8, false);
	refused(HOST_PCI_BAR_SHARES_PAGE);
	bus_add_bar(other, 0, 0xfe000000, 24, false);
	refused(HOST_PCI_BAR_SHARES_PAGE);
	bus_add_bar(other, 0, 0xfebd8000, 8, false);
	memset(&survey, 0, sizeof survey);
	choose_disk();
	assert_int_equal(states[0], HOST_PCI_FOUND);
	/* A bridge's own registers count, too. */
	other->config[CONFIG_CLASS / 4] = 0x068000u << 8;
	bus_add_bar(other, 0, 0xfebd4010, 4, false);
	refused(HOST_PCI_BAR_SHARES_PAGE);
	bus_add_bar(other, 0, 0, 8, false);
	/* Two small BARs of one function: the MSI-X table would come along with the other. */
	bus_add_bar(disk, 1, 0xfebd0000, 11, false);
	bus_add_bar(disk, 0, 0xfebd0800, 11, false);
	refused(HOST_PCI_BAR_SHARES_PAGE);
}

static void test_impossible_functions_are_refused(void **state)
{
	(void)state;
	struct bus_function *disk = add_disk(REQUESTER(0, 4, 0), 0xfebd0000);

	/* The table's BAR number, its place, its length, the pending bits' place. */
	bus_add_msix(disk, 2, 0 | 6, 0x800 | 1);
	refused(HOST_PCI_NO_MSIX);
	bus_add_msix(disk, 2, 0 | 0, 0x800 | 1);
	refused(HOST_PCI_NO_MSIX);
	bus_add_msix(disk, 2, 0xff0 | 1, 0x800 | 1);
	refused(HOST_PCI_NO_MSIX);
	bus_add_msix(disk, 2048, 0 | 1, 0x800 | 1);
	refused(HOST_PCI_NO_MSIX);
	bus_add_msix(disk, 2, 0 | 1, 0x1000 | 1);
	refused(HOST_PCI_NO_MSIX);
	/* A list of capabilities that goes round, and one that leads into the header. */
	bus_add_msix(disk, 2, 0 | 1, 0x800 | 1);
	disk->config[0x50 / 4] = 0x5000 | 0x09;
	refused(HOST_PCI_NO_MSIX);
	disk->config[0x50 / 4] = 0x1000 | 0x09;
	refused(HOST_PCI_NO_MSIX);
	bus_add_msix(disk, 2, 0 | 1, 0x800 | 1);
	disk->config[CONFIG_COMMAND / 4] &= COMMAND_MASK;
	refused(HOST_PCI_NO_MSIX);
	disk->config[CONFIG_COMMAND / 4] |= STATUS_CAPABILITIES;
	/* At the very end of the 256 bytes there is no room for it. */
	disk->config[0x50 / 4] = 0xfc00 | 0x09;
	disk->config[0xfc / 4] = CAPABILITY_MSIX;
	refused(HOST_PCI_NO_MSIX);
	disk->config[0x50 / 4] = 0x4000 | 0x09;
	/* Without an address. */
	bus_add_bar(disk, 4, 0, 14, true);
	refused(HOST_PCI_BAR_UNASSIGNED);
	disk->config[CONFIG_HEADER / 4] = 1u << 16;
	refused(HOST_PCI_IS_BRIDGE);
	disk->config[CONFIG_HEADER / 4] = 0;
	disk->config[CONFIG_CLASS / 4] = 0x080600u << 8;
	refused(HOST_PCI_IS_BRIDGE);
}

static void test_a_bar_above_4_gib_is_seen_whole(void **state)
{
	(void)state;
	struct bus_function *disk = add_disk(REQUESTER(0, 4, 0), 0xfebd0000);

	disk->config[CONFIG_BAR / 4 + 5] = 0x38;
	choose_disk();
	assert_int_equal(states[0], HOST_PCI_FOUND);
	assert_int_equal(pages[0].bar[4].address, UINT64_C(0x38febd4000));
	assert_int_equal(pages[0].bar[5].size, 0);
	assert_int_equal(disk->config[CONFIG_BAR / 4 + 5], 0x38);
}

/* Killed after every single write: the next one puts the function back, and finds the same. */
static void test_a_killed_survey_is_made_good(void **state)
{
	(void)state;
	static uint32_t allowed; /* outlives longjmp() */

	for (allowed = 0;; allowed++) {
		bus_reset();
		memset(&journal, 0, sizeof journal);
		memset(&survey, 0, sizeof survey);
		struct bus_function *disk = add_disk(REQUESTER(0, 4, 0), 0xfebd0000);

		bus_writes_allowed = allowed;
		if (setjmp(bus_killed) == 0) {
			survey_make(&survey, &journal);
			assert_true(allowed > 10);
			return;
		}
		bus_writes_allowed = UINT32_MAX;
		memset(&survey, 0, sizeof survey);
		survey_recover(&journal);
		choose_disk();
		assert_int_equal(states[0], HOST_PCI_FOUND);
		assert_int_equal(pages[0].bar[4].address, 0xfebd4000);
		assert_int_equal(pages[0].bar[4].size, 0x4000);
		assert_int_equal(disk->config[CONFIG_BAR / 4 + 1], 0xfebd0000);
		assert_int_equal(bus_command(disk) & (COMMAND_MEMORY | COMMAND_BUS_MASTER), COMMAND_MEMORY);
		assert_false(bus_moved_while_decoding);
	}
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names_are_read),
		TEST(test_a_disk_is_found),
		TEST(test_what_nobody_names_does_no_dma_either),
		TEST(test_functions_behind_bridges_are_found),
		TEST(test_higher_functions_need_the_bit_of_the_first),
		TEST(test_each_function_goes_to_one),
		TEST(test_shared_pages_are_refused),
		TEST(test_impossible_functions_are_refused),
		TEST(test_a_bar_above_4_gib_is_seen_whole),
		TEST(test_a_killed_survey_is_made_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
