/* SPDX-License-Identifier: MIT */
/* IoSpaces: two devices of QEMU's do DMA, and reach what is mapped for them and nothing else. On a machine with an IOMMU. That one
 * reports nothing that it refused (QEMU 7.2): see tests/unit/kernel/test_iommu.c. */
#include "edu.h"
#include "harness.h"

#define PATTERN UINT64_C(0x0123456789abcdef)
#define SOURCE UINT64_C(0x100000) /* where the page with PATTERN stands in an IoSpace */
#define TARGET UINT64_C(0x101000) /* and the one that a device writes to */
#define SPACES 255                /* that the kernel has domains for */
#define SPACE_FUNCTIONS 8

static struct edu edu, second_edu;
static uint64_t space, notification, word;
static struct bh_io_space_fault fault;

/* A page of this task's, and a capability of it that is mapped there in an IoSpace, or 0. */
struct buffer {
	volatile uint64_t *page;
	uint64_t frame, mapped;
};

static bool map_buffer(struct buffer *buffer, uint64_t io_space, uint64_t address, uint64_t flags)
{
	buffer->page = page_new(&buffer->frame);
	buffer->mapped = copy_new(buffer->frame, BH_RIGHTS_ALL);
	return buffer->page != NULL && buffer->mapped != 0 &&
	       map_with_tables(buffer->mapped, io_space, address, flags) == BH_OK;
}

/* Does what the device writes there arrive in that page? Its own buffer holds PATTERN. */
static bool arrives(const struct edu *device, uint64_t address, volatile uint64_t *page)
{
	uint64_t offset = address % 4096 / 8;

	page[offset] = 0;
	edu_write_memory(device, address, 8);
	if (page[offset] != 0 && page[offset] != PATTERN) {
		print("  found %x\n", page[offset]);
	}
	return page[offset] == PATTERN;
}

/* A device in an IoSpace of its own, with PATTERN in its buffer. */
static bool device_new(struct edu *device, unsigned int number, uint64_t *io_space)
{
	struct buffer source;

	*io_space = object_new(BH_OBJECT_IO_SPACE, 0);
	if (!edu_open(device, number) ||
		bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, *io_space, device->function) !=
			BH_OK ||
		!map_buffer(&source, *io_space, SOURCE, BH_MAP_READ)) {
		return false;
	}
	source.page[0] = PATTERN;
	edu_read_memory(device, SOURCE, 8);
	return true;
}

static bool start(void)
{
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	return device_new(&edu, 0, &space) &&
	       bh_io_space_bind(space, mint_new(notification, BH_RIGHT_WRITE, 0x80)) == BH_OK;
}

static void reach(void)
{
	struct buffer target, other;

	case_begin("io_space.dma", "DMA reaches a mapped Frame, to read and to write, at any offset");
	REQUIRE(start());
	REQUIRE(map_buffer(&target, space, TARGET, MAP_RW));
	CHECK(arrives(&edu, TARGET, target.page));
	CHECK(arrives(&edu, TARGET + 4088, target.page));
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);
	REQUIRE_OK(bh_io_space_fault(space, &fault));
	CHECK_EQUAL(BH_IO_FAULT_NONE, fault.kind);
	CHECK_EQUAL(0, fault.count);

	case_begin("io_space.unmapped",
		"DMA to what is not mapped does not arrive, whichever table is missing on the way");
	REQUIRE(start());
	REQUIRE(map_buffer(&target, space, TARGET, MAP_RW));
	uint64_t physical = facts_of(target.frame).identity;
	REQUIRE(physical > 0x200000 && physical < UINT64_C(1) << 32);
	CHECK(!arrives(&edu, physical, target.page)); /* the memory's own address */
	static const uint64_t missing[] = { TARGET + 0x1000, 0x200000, 0x80000000 };
	for (unsigned int i = 0; i < 3; i++) {
		CHECK(!arrives(&edu, missing[i], target.page));
		edu_read_memory(&edu, missing[i] + 64, 8);
		edu_read_memory(&edu, SOURCE, 8);
	}
	CHECK(arrives(&edu, TARGET, target.page));
	uint64_t fresh;
	REQUIRE(device_new(&second_edu, 1, &fresh));
	CHECK(!arrives(&second_edu, TARGET, target.page)); /* nobody is told: the case ends */

	case_begin("io_space.read_only", "a Frame that is mapped for reading is not written");
	REQUIRE(start());
	REQUIRE(map_buffer(&target, space, TARGET, BH_MAP_READ));
	CHECK(!arrives(&edu, TARGET, target.page));
	target.page[0] = PATTERN + 1;
	edu_read_memory(&edu, TARGET, 8);
	REQUIRE(map_buffer(&other, space, TARGET + 0x1000, MAP_RW));
	edu_write_memory(&edu, TARGET + 0x1000, 8);
	CHECK_EQUAL(PATTERN + 1, other.page[0]);

	case_begin("io_space.large", "a 2 MiB Frame is one mapping of 2 MiB, until it is unmapped");
	REQUIRE(start());
	uint64_t large = object_new(BH_OBJECT_FRAME, 21), copy = copy_new(large, BH_RIGHTS_ALL);
	uint64_t address = address_new(0x200000);
	REQUIRE_OK(map_with_tables(large, OWN_SPACE, address, MAP_RW));
	REQUIRE_OK(map_with_tables(copy, space, 0x400000, MAP_RW));
	CHECK(arrives(&edu, 0x400000, (volatile uint64_t *)address));
	CHECK(arrives(&edu, 0x5ff000, (volatile uint64_t *)(address + 0x1ff000)));
	REFUSED(BH_ERROR_MAPPED, INVOKE(target.mapped = object_new(BH_OBJECT_FRAME, 12), BH_FRAME_MAP, space,
					 0x401000, MAP_RW));
	REQUIRE_OK(INVOKE(copy, BH_FRAME_UNMAP, 0));
	CHECK(!arrives(&edu, 0x5ff000, (volatile uint64_t *)(address + 0x1ff000)));

	case_begin("io_space.apart",
		"two functions in two spaces: each address is its own; two in one space have the same");
	REQUIRE(start());
	uint64_t second_space;
	REQUIRE(device_new(&second_edu, 1, &second_space));
	REQUIRE(map_buffer(&target, space, TARGET, MAP_RW));
	CHECK(!arrives(&second_edu, TARGET, target.page));
	REQUIRE(map_buffer(&other, second_space, TARGET, MAP_RW));
	target.page[0] = 5;
	CHECK(arrives(&second_edu, TARGET, other.page));
	CHECK_EQUAL(5, target.page[0]);
	REQUIRE_OK(bh_cnode_delete(SELF, second_space));
	REQUIRE_OK(bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, space, second_edu.function));
	CHECK(arrives(&second_edu, TARGET, target.page));
	CHECK(arrives(&edu, TARGET, target.page));
}

/* After each of these ways to end a mapping that a device has just used, it does not reach the memory any more. */
static void ends(void)
{
	struct buffer target;
	uint64_t table;

	case_begin("io_space.unmap",
		"what was unmapped is not reached any more, though the device has just used it");
	REQUIRE(start());
	REQUIRE(map_buffer(&target, space, TARGET, MAP_RW));
	CHECK(arrives(&edu, TARGET, target.page));
	REQUIRE_OK(INVOKE(target.mapped, BH_FRAME_UNMAP, 0));
	CHECK(!arrives(&edu, TARGET, target.page));
	REQUIRE_OK(INVOKE(target.mapped, BH_FRAME_MAP, space, TARGET, MAP_RW));
	CHECK(arrives(&edu, TARGET, target.page));

	case_begin(
		"io_space.frame.deleted", "a Frame capability's end is its mapping's: deleted, and revoked");
	REQUIRE(start());
	REQUIRE(map_buffer(&target, space, TARGET, MAP_RW));
	CHECK(arrives(&edu, TARGET, target.page));
	REQUIRE_OK(bh_cnode_delete(SELF, target.mapped));
	CHECK(!arrives(&edu, TARGET, target.page));
	target.mapped = copy_new(target.frame, BH_RIGHTS_ALL);
	REQUIRE_OK(INVOKE(target.mapped, BH_FRAME_MAP, space, TARGET, MAP_RW));
	CHECK(arrives(&edu, TARGET, target.page));
	REQUIRE_OK(bh_cnode_revoke(SELF, target.frame));
	CHECK(!arrives(&edu, TARGET, target.page));

	case_begin("io_space.table",
		"a table that goes takes with it what is below; unmapped, deleted, and made again");
	REQUIRE(start());
	table = object_new(BH_OBJECT_PAGE_TABLE, 0);
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_MAP, space, 0x400000, 1));
	REQUIRE(map_buffer(&target, space, 0x400000, MAP_RW));
	CHECK(arrives(&edu, 0x400000, target.page));
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_UNMAP, 0));
	CHECK(!arrives(&edu, 0x400000, target.page));
	REFUSED(BH_ERROR_STATE, INVOKE(target.mapped, BH_FRAME_MAP, space, 0x400000, MAP_RW));
	REQUIRE_OK(INVOKE(target.mapped, BH_FRAME_UNMAP, 0));
	REFUSED(BH_ERROR_NOT_MAPPED, INVOKE(target.mapped, BH_FRAME_MAP, space, 0x400000, MAP_RW));
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_MAP, space, 0x400000, 1));
	CHECK(!arrives(&edu, 0x400000, target.page)); /* it was emptied */
	REQUIRE_OK(INVOKE(target.mapped, BH_FRAME_MAP, space, 0x400000, MAP_RW));
	CHECK(arrives(&edu, 0x400000, target.page));
	REQUIRE_OK(bh_cnode_delete(SELF, table));
	CHECK(!arrives(&edu, 0x400000, target.page));

	case_begin("io_space.deleted",
		"the end of an IoSpace blocks its functions at once; its Frames, tables and functions are free for the next");
	REQUIRE(start());
	table = object_new(BH_OBJECT_PAGE_TABLE, 0);
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_MAP, space, 0x400000, 1));
	REQUIRE(map_buffer(&target, space, 0x400000, MAP_RW));
	CHECK(arrives(&edu, 0x400000, target.page));
	REQUIRE_OK(bh_cnode_delete(SELF, space));
	CHECK(!arrives(&edu, 0x400000, target.page));
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);
	REQUIRE(start());
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_MAP, space, 0x400000, 1));
	CHECK(!arrives(&edu, 0x400000, target.page));
	REQUIRE_OK(INVOKE(target.mapped, BH_FRAME_MAP, space, 0x400000, MAP_RW));
	CHECK(arrives(&edu, 0x400000, target.page));

	case_begin("io_space.reuse",
		"memory that a device could write holds what its next owner writes: an IoSpace with all that was made for it, revoked");
	REQUIRE(start());
	uint64_t untyped = object_new(BH_OBJECT_UNTYPED, 12), frame = slot_new(), mapped,
		 address = address_new(4096);
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_FRAME, 12, 0, frame, 1));
	mapped = copy_new(frame, BH_RIGHTS_ALL);
	REQUIRE_OK(map_with_tables(mapped, space, TARGET, MAP_RW));
	REQUIRE_OK(map_with_tables(frame, OWN_SPACE, address, MAP_RW));
	CHECK(arrives(&edu, TARGET, (volatile uint64_t *)address));
	REQUIRE_OK(bh_cnode_revoke(SELF, untyped));
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_FRAME, 12, 0, frame, 1));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, address, MAP_RW));
	CHECK(!arrives(&edu, TARGET, (volatile uint64_t *)address));
}

static void told(void)
{
	case_begin("io_space.notification",
		"a notification for faults is bound once, and again when it was revoked; nothing was refused, so nothing is told");
	REQUIRE(start());
	REFUSED(BH_ERROR_STATE, bh_io_space_bind(space, notification));
	REQUIRE_OK(bh_cnode_revoke(SELF, notification));
	edu_read_memory(&edu, SOURCE, 8);
	REQUIRE_OK(bh_io_space_bind(space, mint_new(notification, BH_RIGHT_WRITE, 0x80)));
	REFUSED(BH_ERROR_STATE, bh_io_space_bind(space, notification));
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);
	REQUIRE_OK(bh_io_space_fault(space, &fault));
	CHECK_EQUAL(BH_IO_FAULT_NONE, fault.kind);
	CHECK_EQUAL(0, fault.function | fault.address | fault.count);
}

static void messages(void)
{
	uint64_t handler, second_handler, address, second_address;
	uint32_t data, second_data;

	case_begin("io_space.messages",
		"interrupts are confined, too: a message of another function's, or one without a handler, or the bare vector, signals nobody");
	REQUIRE(edu_open(&edu, 0));
	REQUIRE(edu_open(&second_edu, 1));
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	second_handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	REQUIRE_OK(
		bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, handler, edu.function, 2, &address, &data));
	REQUIRE_OK(bh_irq_control_configure_msi(
		BH_BOOT_IRQ_CONTROL, second_handler, second_edu.function, 3, &second_address, &second_data));
	REQUIRE_OK(bh_irq_bind(handler, mint_new(notification, BH_RIGHT_WRITE, 1)));
	REQUIRE_OK(bh_irq_bind(second_handler, mint_new(notification, BH_RIGHT_WRITE, 2)));
	edu_set_message(&edu, second_address, second_data);
	edu_interrupt(&edu);
	for (uint32_t vector = 0x30; vector < 0x100; vector++) {
		edu_set_message(&edu, address, vector);
		edu_interrupt(&edu);
	}
	pause_us(100);
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);
	edu_set_message(&edu, address, data);
	edu_interrupt(&edu);
	REQUIRE_OK(bh_wait(notification, &word));
	CHECK_EQUAL(1, word);
	edu_set_message(&second_edu, second_address, second_data);
	edu_interrupt(&second_edu);
	REQUIRE_OK(bh_wait(notification, &word));
	CHECK_EQUAL(2, word);
	/* one of two messages of a function ends, the other one stays */
	uint64_t third = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	REQUIRE_OK(
		bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, third, edu.function, 255, &address, &data));
	REQUIRE_OK(bh_cnode_delete(SELF, handler));
	REQUIRE_OK(bh_irq_bind(third, mint_new(notification, BH_RIGHT_WRITE, 4)));
	edu_set_message(&edu, address, data);
	edu_interrupt(&edu);
	REQUIRE_OK(bh_wait(notification, &word));
	CHECK_EQUAL(4, word);
}

static void refused(void)
{
	case_begin("io_space.refused",
		"memory is not authority: a fresh IoSpace is of no use; a function has one space; rights, types and ranges are looked at");
	uint64_t fresh = object_new(BH_OBJECT_IO_SPACE, 0), frame = object_new(BH_OBJECT_FRAME, 12);
	uint64_t table = object_new(BH_OBJECT_PAGE_TABLE, 0);

	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	REFUSED(BH_ERROR_EMPTY_OBJECT, INVOKE(frame, BH_FRAME_MAP, fresh, 0, MAP_RW));
	REFUSED(BH_ERROR_EMPTY_OBJECT, INVOKE(table, BH_PAGE_TABLE_MAP, fresh, 0, 3));
	REFUSED(BH_ERROR_EMPTY_OBJECT, bh_io_space_bind(fresh, notification));
	REFUSED(BH_ERROR_EMPTY_OBJECT, bh_io_space_fault(fresh, &fault));
	REFUSED(BH_ERROR_INVOCATION, INVOKE(fresh, BH_IO_PORTS_UNMAP, 0));
	REFUSED(BH_ERROR_INVOCATION, INVOKE(BH_BOOT_IO_SPACE_CONTROL, BH_IO_SPACE_BIND, 0));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, fresh, BH_PCI_FUNCTIONS));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, fresh, UINT64_C(1) << 32));
	REFUSED(BH_ERROR_TYPE, bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, OWN_SPACE, 0x100));
	REFUSED(BH_ERROR_CAPABILITY, bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, NO_SLOT, 0x100));
	REFUSED(BH_ERROR_RIGHTS, bh_io_space_control_configure(
					 BH_BOOT_IO_SPACE_CONTROL, copy_new(fresh, BH_RIGHT_READ), 0x100));
	REFUSED(BH_ERROR_RIGHTS, bh_io_space_control_configure(
					 copy_new(BH_BOOT_IO_SPACE_CONTROL, BH_RIGHT_READ), fresh, 0x100));
	REQUIRE_OK(bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, fresh, 0x100));
	REFUSED(BH_ERROR_IN_USE, bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, fresh, 0x100));
	REFUSED(BH_ERROR_IN_USE, bh_io_space_control_configure(
					 BH_BOOT_IO_SPACE_CONTROL, object_new(BH_OBJECT_IO_SPACE, 0), 0x100));
	REFUSED(BH_ERROR_TYPE, bh_io_space_bind(fresh, frame));
	REFUSED(BH_ERROR_CAPABILITY, bh_io_space_bind(fresh, NO_SLOT));
	REFUSED(BH_ERROR_RIGHTS, bh_io_space_bind(fresh, copy_new(notification, BH_RIGHT_READ)));
	REFUSED(BH_ERROR_RIGHTS, bh_io_space_bind(copy_new(fresh, BH_RIGHT_READ), notification));
	REFUSED(BH_ERROR_RIGHTS, bh_io_space_fault(copy_new(fresh, BH_RIGHT_WRITE), &fault));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(frame, BH_FRAME_MAP, copy_new(fresh, BH_RIGHT_READ), 0, MAP_RW));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, fresh, 0, MAP_ALL));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, fresh, 0, MAP_RW | BH_MAP_UNCACHED));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, fresh, UINT64_C(1) << 47, MAP_RW));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, fresh, 0x800, MAP_RW));
	REFUSED(BH_ERROR_NOT_MAPPED, INVOKE(frame, BH_FRAME_MAP, fresh, 0, MAP_RW));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(copy_new(frame, BH_RIGHT_READ), BH_FRAME_MAP, fresh, 0, MAP_RW));
	REQUIRE_OK(map_with_tables(frame, fresh, (UINT64_C(1) << 47) - 4096, MAP_RW)); /* the last page */
	REFUSED(BH_ERROR_STATE, INVOKE(frame, BH_FRAME_MAP, fresh, 0, MAP_RW));
	REFUSED(BH_ERROR_MAPPED, INVOKE(object_new(BH_OBJECT_FRAME, 12), BH_FRAME_MAP, fresh,
					 (UINT64_C(1) << 47) - 4096, MAP_RW));

	case_begin("io_space.many",
		"a space has room for eight functions, and there are 255 spaces with functions at a time");
	space = object_new(BH_OBJECT_IO_SPACE, 0);
	for (uint64_t i = 0; i < SPACE_FUNCTIONS; i++) {
		REQUIRE_OK(bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, space, 0x200 + i));
	}
	REFUSED(BH_ERROR_MEMORY, bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, space, 0x300));
	for (uint64_t i = 1; i < SPACES; i++) {
		REQUIRE_OK(bh_io_space_control_configure(
			BH_BOOT_IO_SPACE_CONTROL, object_new(BH_OBJECT_IO_SPACE, 0), 0x400 + i));
	}
	uint64_t last = object_new(BH_OBJECT_IO_SPACE, 0);
	REFUSED(BH_ERROR_MEMORY, bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, last, 0x300));
	REQUIRE_OK(bh_cnode_delete(SELF, space));
	REQUIRE_OK(bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, last, 0x207)); /* free again */

	case_begin("io_space.narrowed", "an IoSpaceControl that was narrowed gives its functions only");
	space = object_new(BH_OBJECT_IO_SPACE, 0);
	uint64_t narrowed = mint_new(BH_BOOT_IO_SPACE_CONTROL, BH_RIGHTS_ALL, BH_CONTROL_RANGE(0x20, 2));

	REFUSED(BH_ERROR_RANGE, bh_io_space_control_configure(narrowed, space, 0x1f));
	REFUSED(BH_ERROR_RANGE, bh_io_space_control_configure(narrowed, space, 0x22));
	REFUSED(BH_ERROR_RANGE,
		bh_cnode_mint(SELF, slot_new(), 0, narrowed, BH_RIGHTS_ALL, BH_CONTROL_RANGE(0x21, 2)));
	REFUSED(BH_ERROR_RANGE, bh_cnode_mint(SELF, slot_new(), 0, narrowed, BH_RIGHTS_ALL, 0));
	REQUIRE_OK(bh_io_space_control_configure(
		mint_new(narrowed, BH_RIGHTS_ALL, BH_CONTROL_RANGE(0x21, 1)), space, 0x21));
}

void group_io_space(void)
{
	reach();
	ends();
	told();
	messages();
	refused();
}
