/* SPDX-License-Identifier: MIT */
/* Capabilities in messages: only with grant, only into empty slots that the receiver named, never with more rights. */
#include "harness.h"

static uint64_t endpoint, reply, first, sources[4];
static struct actor senders[32], *sender; /* one for each round: an old one may still have to end */

/* The sender's caps are set, the receiver names four empty slots. */
static bool fresh(enum operation operation, uint64_t rights, unsigned int caps)
{
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	first = slot_run(4);
	sender = sender == NULL || sender == &senders[31] ? &senders[0] : sender + 1;
	*sender = (struct actor){ .operation = operation };
	sender->message.info = BH_MESSAGE_INFO(33, 0, caps);
	sender->capability = copy_new(endpoint, rights);
	for (unsigned int i = 0; i < 4; i++) {
		sources[i] = mint_new(object_new(BH_OBJECT_NOTIFICATION, 0), BH_RIGHT_READ, 10 + i);
	}
	if (!actor_new(sender, operation, sender->capability, OWN_PRIORITY - 1)) {
		return false;
	}
	for (unsigned int i = 0; i < 4; i++) {
		sender->thread.buffer->caps[i] = sources[i];
	}
	OWN_BUFFER->receive_index = first;
	return true;
}

void group_transfer(void)
{
	struct bh_message message = { 0 };

	case_begin("transfer.grant",
		"1 to 4 capabilities arrive as copies derived from the sender's, with its rights and badges");
	for (unsigned int count = 1; count <= 4; count++) {
		REQUIRE(fresh(DO_SEND, BH_RIGHTS_ALL, count));
		REQUIRE_OK(bh_receive(endpoint, reply, &message));
		CHECK_EQUAL(BH_MESSAGE_INFO(33, 0, count), message.info);
		for (unsigned int i = 0; i < 4; i++) {
			struct bh_capability_facts facts = facts_of(first + i);

			CHECK_EQUAL(i < count ? BH_OBJECT_NOTIFICATION : BH_OBJECT_NULL, facts.type);
			if (i < count) {
				CHECK_EQUAL(BH_RIGHT_READ, facts.rights);
				CHECK_EQUAL(10 + i, facts.badge);
				CHECK_EQUAL(BH_OBJECT_NOTIFICATION, facts_of(sources[i]).type);
				REQUIRE_OK(bh_cnode_revoke(SELF, sources[i]));
				CHECK_EQUAL(BH_OBJECT_NULL, facts_of(first + i).type);
			}
		}
	}

	case_begin("transfer.many", "a count above 4 is cut to 4");
	REQUIRE(fresh(DO_SEND, BH_RIGHTS_ALL, 7));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(4, BH_MESSAGE_CAPS(message.info));

	case_begin("transfer.no_grant",
		"through an endpoint capability without grant no capability passes, the words do");
	REQUIRE(fresh(DO_SEND, BH_RIGHT_WRITE | BH_RIGHT_READ, 2));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(BH_MESSAGE_INFO(33, 0, 0), message.info);
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(first).type);

	case_begin("transfer.no_grant.waiting", "and none where the receiver waited first");
	REQUIRE(fresh(DO_CALL, BH_RIGHT_WRITE, 1));
	REQUIRE_OK(
		bh_receive(endpoint, reply, &message)); /* blocks, then the sender of lower priority comes */
	CHECK_EQUAL(0, BH_MESSAGE_CAPS(message.info));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(first).type);

	case_begin("transfer.stops",
		"the transfer ends at the first slot that is occupied, source that is empty, or type that can't be copied");
	REQUIRE(fresh(DO_SEND, BH_RIGHTS_ALL, 3));
	REQUIRE_OK(bh_cnode_copy(SELF, first + 1, 0, endpoint, BH_RIGHTS_ALL));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(1, BH_MESSAGE_CAPS(message.info));
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(first + 1).type);
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(first + 2).type);
	REQUIRE(fresh(DO_SEND, BH_RIGHTS_ALL, 3));
	sender->thread.buffer->caps[1] = NO_SLOT;
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(1, BH_MESSAGE_CAPS(message.info));
	REQUIRE(fresh(DO_SEND, BH_RIGHTS_ALL, 3));
	sender->thread.buffer->caps[0] = pool;
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(0, BH_MESSAGE_CAPS(message.info));
	REQUIRE(fresh(DO_SEND, BH_RIGHTS_ALL, 3));
	sender->thread.buffer->caps[0] = ~UINT64_C(0);
	OWN_BUFFER->receive_index = 0; /* the CNode's header is no slot */
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(0, BH_MESSAGE_CAPS(message.info));
	for (unsigned int i = 0; i < 3; i++) {
		static const uint64_t bad[] = { 0, (1u << BH_BOOT_CNODE_BITS) - 1, ~UINT64_C(0) };

		REQUIRE(fresh(DO_SEND, BH_RIGHTS_ALL, 3));
		OWN_BUFFER->receive_index = bad[i];
		REQUIRE_OK(bh_receive(endpoint, reply, &message));
		CHECK_EQUAL(i == 1 ? 1 : 0, BH_MESSAGE_CAPS(message.info)); /* the last slot takes one */
		(void)!bh_cnode_delete(SELF, NO_SLOT);
	}

	case_begin("transfer.reply",
		"an answer carries capabilities to the caller, into the slots that the caller named");
	REQUIRE(fresh(DO_CALL, BH_RIGHT_WRITE, 0));
	sender->thread.buffer->receive_index = first;
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	OWN_BUFFER->caps[0] = endpoint;
	message.info = BH_MESSAGE_INFO(34, 0, 1);
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK(wait_until(&sender->done, 1));
	CHECK_EQUAL(BH_MESSAGE_INFO(34, 0, 1), sender->message.info);
	CHECK_EQUAL(facts_of(endpoint).identity, facts_of(first).identity);

	case_begin("transfer.frame",
		"a Frame that is mapped arrives as a Frame that is not: the copy has a mapping of its own");
	REQUIRE(fresh(DO_SEND, BH_RIGHTS_ALL, 1));
	sender->thread.buffer->caps[0] = sender->thread.buffer_frame;
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(BH_OBJECT_FRAME, facts_of(first).type);
	REQUIRE_OK(map_with_tables(first, OWN_SPACE, address_new(4096), BH_MAP_READ));
	OWN_BUFFER->receive_index = 0;
	OWN_BUFFER->caps[0] = 0;
}
