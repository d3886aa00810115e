/* SPDX-License-Identifier: MIT */
/* CNodes and derivation: what each invocation does to slots, what it refuses, whose children are whose. */
#include "harness.h"

static void look_up(void)
{
	uint64_t endpoint, frame;
	struct bh_message message = { 0 };

	case_begin("lookup.refused",
		"a capability index outside the CNode, its header slot, or an empty slot names nothing");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	frame = object_new(BH_OBJECT_FRAME, 12);
	REFUSED(BH_ERROR_CAPABILITY, bh_cnode_delete(0, 20));
	REFUSED(BH_ERROR_CAPABILITY, bh_cnode_delete(NO_SLOT, 20));
	REFUSED(BH_ERROR_CAPABILITY, bh_cnode_delete(1u << BH_BOOT_CNODE_BITS, 20));
	REFUSED(BH_ERROR_CAPABILITY, bh_cnode_delete(~UINT64_C(0), 20));
	REFUSED(BH_ERROR_CAPABILITY, bh_send(NO_SLOT, &message));
	REFUSED(BH_ERROR_CAPABILITY, bh_signal(UINT64_C(1) << 63));
	REFUSED(BH_ERROR_TYPE, bh_send(frame, &message));
	REFUSED(BH_ERROR_TYPE, bh_signal(endpoint));
	REFUSED(BH_ERROR_TYPE, bh_reply(endpoint, &message));

	case_begin("syscall.unknown", "a system-call number that is ours but unknown is an error");
	REFUSED(BH_ERROR_SYSCALL, bh_system_call(BH_SYS_COUNT, &message, 0, 0, 0));
	REFUSED(BH_ERROR_SYSCALL, bh_system_call(0x7fffffffffffffff, &message, 0, 0, 0));

	case_begin("invocation.unknown", "every object type refuses a label that it does not have");
	static const uint8_t types[] = { BH_OBJECT_UNTYPED, BH_OBJECT_CNODE, BH_OBJECT_THREAD,
		BH_OBJECT_SCHED_CONTEXT, BH_OBJECT_ENDPOINT, BH_OBJECT_REPLY, BH_OBJECT_NOTIFICATION,
		BH_OBJECT_TIMER, BH_OBJECT_ADDRESS_SPACE, BH_OBJECT_PAGE_TABLE, BH_OBJECT_FRAME,
		BH_OBJECT_GUEST_SPACE, BH_OBJECT_VCPU, BH_OBJECT_IRQ_HANDLER, BH_OBJECT_IO_PORTS };
	for (unsigned int i = 0; i < sizeof(types); i++) {
		uint64_t bits = types[i] == BH_OBJECT_UNTYPED || types[i] == BH_OBJECT_FRAME ? 12
				: types[i] == BH_OBJECT_CNODE                                ? 4
											     : 0;
		uint64_t slot = object_new(types[i], bits);

		CHECK(slot != 0);
		for (uint64_t label = 0; label < 0x100;
			label += 0xf) { /* 0, 0xf, ... no label of any object */
			if (label != 0x69 && label != 0x96 && label != 0xa5) {
				REFUSED(BH_ERROR_INVOCATION, INVOKE(slot, label, 0));
			}
		}
		message.info = UINT64_C(1) << 32 | BH_CNODE_DELETE; /* labels are 64 bits wide */
		REFUSED(BH_ERROR_INVOCATION, bh_system_call(BH_SYS_INVOKE, &message, slot, 0, 0));
	}
	for (uint64_t slot = BH_BOOT_SCHED_CONTROL; slot <= BH_BOOT_IO_SPACE_CONTROL; slot++) {
		REFUSED(BH_ERROR_INVOCATION, INVOKE(slot, BH_CNODE_COPY, 0));
	}
}

static void copy(void)
{
	uint64_t endpoint, read_only, slot, cnode, no_write, no_read, table;
	struct bh_capability_facts first, second;

	case_begin("cnode.copy",
		"a copy names the same object, one level deeper, with no more rights than kept");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	slot = copy_new(endpoint, BH_RIGHT_READ | 0xf8);
	first = facts_of(endpoint);
	second = facts_of(slot);
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, second.type);
	CHECK_EQUAL(BH_RIGHTS_ALL, first.rights);
	CHECK_EQUAL(BH_RIGHT_READ, second.rights);
	CHECK_EQUAL(first.identity, second.identity);
	CHECK_EQUAL(first.depth + 1, second.depth);
	read_only = copy_new(slot, BH_RIGHTS_ALL);
	CHECK_EQUAL(BH_RIGHT_READ, facts_of(read_only).rights); /* rights don't come back */

	case_begin("cnode.copy.refused",
		"Copy refuses wrong slots, occupied and empty ones, missing rights, types with one owner");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	table = object_new(BH_OBJECT_PAGE_TABLE, 0);
	cnode = object_new(BH_OBJECT_CNODE, 2);
	no_write = copy_new(cnode, BH_RIGHT_READ);
	no_read = copy_new(cnode, BH_RIGHT_WRITE);
	slot = slot_new();
	REFUSED(BH_ERROR_SLOT_OCCUPIED, bh_cnode_copy(SELF, endpoint, 0, cnode, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_SLOT_EMPTY, bh_cnode_copy(SELF, slot, 0, NO_SLOT, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_copy(SELF, 0, 0, endpoint, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_copy(SELF, 1u << BH_BOOT_CNODE_BITS, 0, endpoint, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_copy(cnode, 4, 0, endpoint, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_copy(SELF, slot, cnode, 4, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_copy(SELF, slot, cnode, 0, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_CAPABILITY, bh_cnode_copy(SELF, slot, NO_SLOT, endpoint, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_TYPE, bh_cnode_copy(SELF, slot, endpoint, endpoint, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_copy(no_write, 1, 0, endpoint, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_copy(SELF, slot, no_read, 1, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_STATE, bh_cnode_copy(SELF, slot, 0, pool, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_STATE, bh_cnode_copy(SELF, slot, 0, table, BH_RIGHTS_ALL));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(slot).type); /* a refusal leaves nothing behind */
}

static void mint(void)
{
	uint64_t endpoint, minted, frame, slot, cnode, no_write, no_read;

	case_begin("cnode.mint",
		"Mint gives a badge once: a badged capability can be copied, never badged again");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	minted = mint_new(endpoint, BH_RIGHT_WRITE, 0xfeedfacecafebeef);
	CHECK_EQUAL(0xfeedfacecafebeef, facts_of(minted).badge);
	CHECK_EQUAL(BH_RIGHT_WRITE, facts_of(minted).rights);
	slot = copy_new(minted, BH_RIGHTS_ALL);
	CHECK_EQUAL(0xfeedfacecafebeef, facts_of(slot).badge);
	slot = slot_new();
	REFUSED(BH_ERROR_STATE, bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, 1));
	REFUSED(BH_ERROR_STATE, bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, 0));
	minted = mint_new(object_new(BH_OBJECT_NOTIFICATION, 0), BH_RIGHTS_ALL, 2);
	REFUSED(BH_ERROR_STATE, bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, 1));

	case_begin("cnode.mint.refused", "Mint refuses types without badges, and all that Copy refuses");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	frame = object_new(BH_OBJECT_FRAME, 12);
	cnode = object_new(BH_OBJECT_CNODE, 2);
	no_write = copy_new(cnode, BH_RIGHT_READ);
	no_read = copy_new(cnode, BH_RIGHT_WRITE);
	slot = slot_new();
	REFUSED(BH_ERROR_TYPE, bh_cnode_mint(SELF, slot, 0, frame, BH_RIGHTS_ALL, 1));
	REFUSED(BH_ERROR_TYPE, bh_cnode_mint(SELF, slot, 0, BH_BOOT_SCHED_CONTEXT, BH_RIGHTS_ALL, 1));
	REFUSED(BH_ERROR_TYPE, bh_cnode_mint(SELF, slot, 0, pool, BH_RIGHTS_ALL,
				       1)); /* the badge word is its size and use */
	REFUSED(BH_ERROR_SLOT_OCCUPIED, bh_cnode_mint(SELF, frame, 0, endpoint, BH_RIGHTS_ALL, 1));
	REFUSED(BH_ERROR_SLOT_EMPTY, bh_cnode_mint(SELF, slot, 0, NO_SLOT, BH_RIGHTS_ALL, 1));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_cnode_mint(SELF, (1u << BH_BOOT_CNODE_BITS) + 7000, 0, endpoint, BH_RIGHTS_ALL, 1));
	REFUSED(BH_ERROR_CAPABILITY, bh_cnode_mint(SELF, slot, NO_SLOT, endpoint, BH_RIGHTS_ALL, 1));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_mint(no_write, 1, 0, endpoint, BH_RIGHTS_ALL, 1));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_mint(SELF, slot, no_read, 1, BH_RIGHTS_ALL, 1));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(slot).type);

	case_begin("cnode.mint.control",
		"a control capability is narrowed by Mint, and what was narrowed never grows");
	slot = slot_new();
	minted = mint_new(BH_BOOT_IRQ_CONTROL, BH_RIGHTS_ALL, BH_CONTROL_RANGE(4, 4));
	REFUSED(BH_ERROR_RANGE, bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, BH_CONTROL_RANGE(3, 2)));
	REFUSED(BH_ERROR_RANGE, bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, BH_CONTROL_RANGE(4, 5)));
	REFUSED(BH_ERROR_RANGE,
		bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, BH_CONTROL_RANGE(5, 0xffffffff)));
	REFUSED(BH_ERROR_RANGE, bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, 0));
	CHECK(mint_new(minted, BH_RIGHTS_ALL, BH_CONTROL_RANGE(5, 2)) != 0);
	minted = mint_new(BH_BOOT_IO_PORT_CONTROL, BH_RIGHTS_ALL, BH_CONTROL_RANGE(0x3f8, 8));
	REFUSED(BH_ERROR_RANGE,
		bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, BH_CONTROL_RANGE(0x3f7, 2)));
	REFUSED(BH_ERROR_RANGE, bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, 0));
	minted = mint_new(BH_BOOT_SCHED_CONTROL, BH_RIGHTS_ALL, 100);
	REFUSED(BH_ERROR_RANGE, bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, 101));
	REFUSED(BH_ERROR_RANGE, bh_cnode_mint(SELF, slot, 0, minted, BH_RIGHTS_ALL, 0));
	CHECK(mint_new(minted, BH_RIGHTS_ALL, 100) != 0);
}

static void move_and_rotate(void)
{
	uint64_t endpoint, child, slot, other, cnode, read_only, write_only;

	case_begin(
		"cnode.move", "a moved capability keeps badge, rights and children; its old slot is empty");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	slot = mint_new(endpoint, BH_RIGHT_READ, 5);
	child = copy_new(slot, BH_RIGHTS_ALL);
	other = slot_new();
	REQUIRE_OK(bh_cnode_move(SELF, other, 0, slot));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(slot).type);
	CHECK_EQUAL(5, facts_of(other).badge);
	CHECK_EQUAL(BH_RIGHT_READ, facts_of(other).rights);
	REQUIRE_OK(bh_cnode_revoke(SELF, other));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(child).type);
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(other).type);
	REQUIRE_OK(bh_cnode_revoke(SELF, endpoint));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(other).type);

	case_begin("cnode.move.untyped",
		"an Untyped that moves keeps what it handed out: nothing is handed out twice");
	slot = object_new(BH_OBJECT_UNTYPED, 13);
	child = slot_new();
	REQUIRE_OK(bh_untyped_retype(slot, BH_OBJECT_FRAME, 12, 0, child, 1));
	cnode = object_new(BH_OBJECT_CNODE, 2);
	REQUIRE_OK(bh_cnode_move(cnode, 1, 0, slot));
	REQUIRE_OK(bh_cnode_move(SELF, slot, cnode, 1));
	other = slot_new();
	REQUIRE_OK(bh_untyped_retype(slot, BH_OBJECT_FRAME, 12, 0, other, 1));
	CHECK(facts_of(child).identity != facts_of(other).identity);
	REFUSED(BH_ERROR_MEMORY, bh_untyped_retype(slot, BH_OBJECT_FRAME, 12, 0, slot_new(), 1));

	case_begin("cnode.move.refused",
		"Move refuses wrong slots, and needs write on the CNode that it takes from");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	cnode = object_new(BH_OBJECT_CNODE, 3);
	read_only = copy_new(cnode, BH_RIGHT_READ);
	write_only = copy_new(cnode, BH_RIGHT_WRITE);
	slot = slot_new();
	REQUIRE_OK(bh_cnode_copy(cnode, 2, 0, endpoint, BH_RIGHTS_ALL));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_move(SELF, slot, read_only, 2));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_move(SELF, slot, write_only, 2));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_move(read_only, 3, 0, endpoint));
	REFUSED(BH_ERROR_SLOT_OCCUPIED, bh_cnode_move(SELF, endpoint, cnode, 2));
	REFUSED(BH_ERROR_SLOT_OCCUPIED, bh_cnode_move(SELF, endpoint, 0, endpoint));
	REFUSED(BH_ERROR_SLOT_EMPTY, bh_cnode_move(SELF, slot, cnode, 3));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_move(SELF, 0, cnode, 2));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_move(SELF, slot, cnode, 8));
	REFUSED(BH_ERROR_CAPABILITY, bh_cnode_move(SELF, slot, NO_SLOT, 2));
	REFUSED(BH_ERROR_TYPE, bh_cnode_move(SELF, slot, endpoint, 2));
	REQUIRE_OK(bh_cnode_move(SELF, slot, cnode, 2));

	case_begin("cnode.rotate",
		"Rotate moves pivot to destination and source to pivot, or exchanges two slots, children included");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	child = copy_new(endpoint, BH_RIGHTS_ALL);
	other = object_new(BH_OBJECT_NOTIFICATION, 0);
	slot = slot_new();
	REQUIRE_OK(bh_cnode_rotate(SELF, slot, endpoint, other));
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(slot).type);
	CHECK_EQUAL(BH_OBJECT_NOTIFICATION, facts_of(endpoint).type);
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(other).type);
	/* parent and child, neighbours in the list, change places */
	REQUIRE_OK(bh_cnode_rotate(SELF, child, slot, child));
	CHECK(facts_of(slot).depth == facts_of(child).depth + 1);
	REQUIRE_OK(bh_cnode_revoke(SELF, child));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(slot).type);
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(child).type);

	case_begin("cnode.rotate.refused",
		"Rotate refuses empty sources, an occupied destination, pivots that are also an end");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	other = object_new(BH_OBJECT_NOTIFICATION, 0);
	child = copy_new(endpoint, BH_RIGHTS_ALL);
	cnode = object_new(BH_OBJECT_CNODE, 2);
	slot = slot_new();
	REFUSED(BH_ERROR_SLOT_OCCUPIED, bh_cnode_rotate(SELF, child, endpoint, other));
	REFUSED(BH_ERROR_SLOT_EMPTY, bh_cnode_rotate(SELF, slot, NO_SLOT, other));
	REFUSED(BH_ERROR_SLOT_EMPTY, bh_cnode_rotate(SELF, slot, endpoint, NO_SLOT));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_rotate(SELF, slot, endpoint, endpoint));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_rotate(SELF, endpoint, endpoint, other));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_rotate(SELF, 0, endpoint, other));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_rotate(SELF, slot, 1u << BH_BOOT_CNODE_BITS, other));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_rotate(SELF, slot, endpoint, 0));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_rotate(copy_new(cnode, BH_RIGHT_READ), 1, 2, 3));
}

static void delete_and_revoke(void)
{
	static struct actor actor;
	uint64_t endpoint, child, cnode, slot;

	case_begin("cnode.delete",
		"Delete of an empty slot is no error; the last capability destroys the object");
	actor = (struct actor){ 0 };
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	child = copy_new(endpoint, BH_RIGHTS_ALL);
	REQUIRE(actor_new(&actor, DO_SEND, endpoint, OWN_PRIORITY + 5));
	REQUIRE_OK(bh_cnode_delete(SELF, NO_SLOT));
	REQUIRE_OK(bh_cnode_delete(SELF, endpoint));
	CHECK_EQUAL(0, actor.done); /* the copy keeps it */
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(child).type);
	REQUIRE_OK(bh_cnode_delete(SELF, child));
	CHECK(wait_until(&actor.done, 1));
	CHECK_EQUAL(BH_ERROR_CANCELLED, actor.error);

	case_begin("cnode.delete.refused",
		"Delete refuses a slot outside the CNode, and a CNode capability without write");
	cnode = object_new(BH_OBJECT_CNODE, 2);
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_delete(SELF, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_delete(SELF, 1u << BH_BOOT_CNODE_BITS));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_delete(cnode, 4));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_delete(copy_new(cnode, BH_RIGHT_READ | BH_RIGHT_GRANT), 1));

	case_begin("cnode.delete.content", "the end of a CNode deletes what it holds, CNodes in CNodes too");
	actor = (struct actor){ 0 };
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	cnode = object_new(BH_OBJECT_CNODE, 3);
	slot = object_new(BH_OBJECT_CNODE, 3);
	REQUIRE(actor_new(&actor, DO_SEND, endpoint, OWN_PRIORITY + 5));
	REQUIRE_OK(bh_cnode_move(slot, 7, 0, endpoint));
	REQUIRE_OK(bh_cnode_move(cnode, 7, 0, slot));
	CHECK_EQUAL(0, actor.done);
	REQUIRE_OK(bh_cnode_delete(SELF, cnode));
	CHECK(wait_until(&actor.done, 1));
	CHECK_EQUAL(BH_ERROR_CANCELLED, actor.error);

	case_begin("cnode.delete.cycle",
		"a CNode that holds the only capability to itself is swept by its Untyped's Revoke");
	slot = object_new(BH_OBJECT_UNTYPED, 16);
	cnode = slot_new();
	REQUIRE_OK(bh_untyped_retype(slot, BH_OBJECT_CNODE, 3, 0, cnode, 1));
	REQUIRE_OK(bh_cnode_move(cnode, 1, 0, cnode));
	REFUSED(BH_ERROR_CAPABILITY, bh_cnode_delete(cnode, 1));
	REFUSED(BH_ERROR_MEMORY, bh_untyped_retype(slot, BH_OBJECT_UNTYPED, 16, 0, slot_new(), 1));
	REQUIRE_OK(bh_cnode_revoke(SELF, slot));
	REQUIRE_OK(bh_untyped_retype(slot, BH_OBJECT_UNTYPED, 16, 0, slot_new(), 1));

	case_begin("cnode.revoke",
		"Revoke deletes all descendants, wherever they are, and leaves the capability itself and its siblings");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	cnode = object_new(BH_OBJECT_CNODE, 2);
	child = mint_new(endpoint, BH_RIGHTS_ALL, 1);
	slot = mint_new(endpoint, BH_RIGHTS_ALL, 2);
	REQUIRE_OK(bh_cnode_copy(cnode, 3, 0, child, BH_RIGHTS_ALL));
	REQUIRE_OK(bh_cnode_revoke(SELF, child));
	REFUSED(BH_ERROR_SLOT_EMPTY, bh_cnode_copy(SELF, slot_new(), cnode, 3, BH_RIGHTS_ALL));
	CHECK_EQUAL(1, facts_of(child).badge);
	CHECK_EQUAL(2, facts_of(slot).badge);
	REQUIRE_OK(bh_cnode_revoke(SELF, endpoint));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(child).type);
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(slot).type);
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(endpoint).type);

	case_begin("cnode.revoke.refused",
		"Revoke refuses an empty slot, one outside, and a CNode capability without write");
	cnode = object_new(BH_OBJECT_CNODE, 2);
	REFUSED(BH_ERROR_SLOT_EMPTY, bh_cnode_revoke(SELF, NO_SLOT));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_revoke(SELF, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_revoke(cnode, 4));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_revoke(copy_new(cnode, BH_RIGHT_READ), 1));

	case_begin("cnode.inspect", "Inspect tells type, rights, size and depth, and needs read");
	cnode = object_new(BH_OBJECT_CNODE, 5);
	slot = object_new(BH_OBJECT_UNTYPED, 14);
	CHECK_EQUAL(BH_OBJECT_CNODE, facts_of(cnode).type);
	CHECK_EQUAL(5, facts_of(cnode).size_bits);
	CHECK_EQUAL(14, facts_of(slot).size_bits);
	CHECK_EQUAL(facts_of(pool).depth + 1, facts_of(slot).depth);
	struct bh_capability_facts facts;
	REFUSED(BH_ERROR_SLOT_EMPTY, bh_cnode_inspect(SELF, NO_SLOT, &facts));
	REFUSED(BH_ERROR_ARGUMENT, bh_cnode_inspect(cnode, 32, &facts));
	REFUSED(BH_ERROR_RIGHTS, bh_cnode_inspect(copy_new(cnode, BH_RIGHT_WRITE), 1, &facts));
}

static void derivation(void)
{
	uint64_t a, b, c, d;

	case_begin("derivation.middle",
		"after a middle capability was deleted a newcomer doesn't adopt its children (settled; the flaw of lists "
		"with implicit depth)");
	a = object_new(BH_OBJECT_ENDPOINT, 0);
	b = copy_new(a, BH_RIGHTS_ALL);
	c = copy_new(b, BH_RIGHTS_ALL);
	REQUIRE_OK(bh_cnode_delete(SELF, b));
	d = copy_new(a, BH_RIGHTS_ALL);
	REQUIRE_OK(bh_cnode_revoke(SELF, d));
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(c).type);
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(d).type);
	/* children of the newcomer are its own all the same */
	b = copy_new(d, BH_RIGHTS_ALL);
	REQUIRE_OK(bh_cnode_revoke(SELF, d));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(b).type);
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(c).type);
	REQUIRE_OK(bh_cnode_revoke(SELF, a));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(c).type);
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(d).type);

	case_begin("derivation.sibling",
		"children of a deleted capability belong to its parent, not to the sibling that stands before them in the "
		"list");
	a = object_new(BH_OBJECT_ENDPOINT, 0);
	b = copy_new(a, BH_RIGHTS_ALL);
	c = copy_new(copy_new(b, BH_RIGHTS_ALL), BH_RIGHTS_ALL);
	d = copy_new(a, BH_RIGHTS_ALL);
	REQUIRE_OK(bh_cnode_delete(SELF, b));
	REQUIRE_OK(bh_cnode_revoke(SELF, d));
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(c).type);
	REQUIRE_OK(bh_cnode_revoke(SELF, a));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(c).type);
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(d).type);

	case_begin("derivation.deep", "a chain of 1000 copies of copies is revoked whole from its first");
	a = object_new(BH_OBJECT_ENDPOINT, 0);
	b = a;
	for (unsigned int i = 0; i < 1000 && b != 0; i++) {
		b = copy_new(b, BH_RIGHTS_ALL);
	}
	CHECK_EQUAL(facts_of(a).depth + 1000, facts_of(b).depth);
	c = copy_new(a, BH_RIGHTS_ALL);
	REQUIRE_OK(bh_cnode_revoke(SELF, a));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(b).type);
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(c).type);
}

static volatile uint64_t results[8];

/* Invokes by index and by 0, once it is let go. */
static void try_all(uint64_t go)
{
	struct bh_message message = { 0 };
	uint64_t word;

	results[0] = bh_wait(go, &word);
	results[1] = bh_signal(go);
	results[2] = bh_cnode_delete(0, 1);
	results[3] = bh_cnode_copy(2, 3, 0, 1, BH_RIGHTS_ALL); /* 0 names the own CNode */
	results[4] = bh_send(1, &message);
	results[5] = 1;
	(void)!bh_wait(go, &word);
	__asm__ volatile("ud2"); /* nobody handles it: it stops */
}

static void own_cnode(void)
{
	static struct test_thread thread;
	uint64_t cnode, go, space;

	case_begin("lookup.no_cnode",
		"a thread whose CNode was deleted while it waited runs on: each index, and 0, names nothing");
	cnode = object_new(BH_OBJECT_CNODE, 3);
	go = object_new(BH_OBJECT_NOTIFICATION, 0);
	space = mint_new(go, BH_RIGHTS_ALL, 1);
	thread = (struct test_thread){ .cnode = cnode };
	results[5] = 0;
	REQUIRE_OK(bh_cnode_copy(cnode, 1, 0, space, BH_RIGHTS_ALL));
	REQUIRE(thread_new(&thread, try_all, 1, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	REQUIRE_OK(bh_cnode_revoke(SELF, cnode));
	REQUIRE_OK(bh_cnode_delete(SELF, cnode));
	REQUIRE_OK(bh_signal(space));
	CHECK_EQUAL(1, results[5]);
	CHECK_EQUAL(BH_OK, results[0]);
	for (unsigned int i = 1; i < 5; i++) {
		CHECK_EQUAL(BH_ERROR_CAPABILITY, results[i]);
	}

	case_begin("lookup.weak_cnode",
		"a thread whose capability to its own CNode is read-only does not change it by the index 0 either");
	cnode = object_new(BH_OBJECT_CNODE, 3);
	go = object_new(BH_OBJECT_NOTIFICATION, 0);
	space = mint_new(go, BH_RIGHTS_ALL, 1);
	thread = (struct test_thread){ .cnode = copy_new(cnode, BH_RIGHT_READ) };
	results[5] = 0;
	REQUIRE_OK(bh_cnode_copy(cnode, 1, 0, space, BH_RIGHTS_ALL));
	REQUIRE_OK(bh_cnode_copy(cnode, 2, 0, thread.cnode, BH_RIGHTS_ALL));
	REQUIRE(thread_new(&thread, try_all, 1, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	REQUIRE_OK(bh_signal(space));
	CHECK_EQUAL(1, results[5]);
	CHECK_EQUAL(BH_OK, results[1]);
	CHECK_EQUAL(BH_ERROR_CAPABILITY,
		results[2]); /* bh_cnode_delete(0, ...): index 0 as the invoked capability is none */
	CHECK_EQUAL(BH_ERROR_RIGHTS, results[3]);
	CHECK_EQUAL(BH_ERROR_TYPE, results[4]);
}

void group_cnode(void)
{
	own_cnode();
	look_up();
	copy();
	mint();
	move_and_rotate();
	delete_and_revoke();
	derivation();
}
