/* SPDX-License-Identifier: MIT */
/* Notifications: sticky bits, waiters, and the thread that one is bound to. */
#include "harness.h"

static struct actor actors[3];

static void basics(void)
{
	uint64_t notification, word, one, two;

	case_begin("notification.signal", "signals are ORed until somebody takes the word, whole");
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	one = mint_new(notification, BH_RIGHT_WRITE, 1);
	two = mint_new(notification, BH_RIGHT_WRITE, UINT64_C(1) << 63 | 2);
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);
	REQUIRE_OK(bh_signal(one));
	REQUIRE_OK(bh_signal(two));
	REQUIRE_OK(bh_signal(one));
	REQUIRE_OK(bh_wait(notification, &word));
	CHECK_EQUAL(UINT64_C(1) << 63 | 3, word);
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);

	case_begin("notification.wait",
		"Wait blocks; one signal wakes one waiter, the first; a badge of 0 wakes nobody");
	for (unsigned int i = 0; i < 3; i++) {
		actors[i] = (struct actor){ 0 };
	}
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	one = mint_new(notification, BH_RIGHT_WRITE, 5);
	REQUIRE(actor_new(&actors[0], DO_WAIT, notification, OWN_PRIORITY + 1));
	REQUIRE(actor_new(&actors[1], DO_WAIT, notification, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_signal(notification));
	CHECK_EQUAL(0, actors[0].done);
	REQUIRE_OK(bh_signal(one));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(5, actors[0].message.badge);
	CHECK_EQUAL(0, actors[1].done);
	REQUIRE_OK(bh_poll(notification, &word)); /* taken whole */
	CHECK_EQUAL(0, word);
	REQUIRE_OK(bh_cnode_revoke(SELF, notification));
	REQUIRE_OK(bh_cnode_delete(SELF, notification));
	CHECK_EQUAL(1, actors[1].done);
	CHECK_EQUAL(BH_ERROR_CANCELLED, actors[1].error);

	case_begin("notification.refused", "Signal needs write, Wait and Poll need read");
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	one = copy_new(notification, BH_RIGHT_READ | BH_RIGHT_GRANT);
	two = copy_new(notification, BH_RIGHT_WRITE | BH_RIGHT_GRANT);
	REFUSED(BH_ERROR_RIGHTS, bh_signal(one));
	REFUSED(BH_ERROR_RIGHTS, bh_wait(two, &word));
	REFUSED(BH_ERROR_RIGHTS, bh_poll(two, &word));
	REFUSED(BH_ERROR_TYPE, bh_wait(pool, &word));
	REFUSED(BH_ERROR_TYPE, bh_poll(pool, &word));
	REFUSED(BH_ERROR_CAPABILITY, bh_wait(NO_SLOT, &word));
	REFUSED(BH_ERROR_CAPABILITY, bh_poll(NO_SLOT, &word));
}

static void bound(void)
{
	uint64_t notification, endpoint, reply, one;
	struct bh_message message = { 0 };

	case_begin("notification.bound.before",
		"a signal that came before Recv ends it at once, before any message that waits");
	actors[0] = (struct actor){ 0 };
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	one = mint_new(notification, BH_RIGHT_WRITE, 6);
	REQUIRE_OK(bh_thread_bind_notification(BH_BOOT_THREAD, notification));
	REQUIRE(actor_new(&actors[0], DO_SEND, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_signal(one));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(BH_MESSAGE_SIGNAL, message.info);
	CHECK_EQUAL(6, message.badge);
	REQUIRE_OK(bh_signal(one));
	REQUIRE_OK(bh_receive_if_waiting(endpoint, reply, &message));
	CHECK_EQUAL(6, message.badge);
	CHECK_EQUAL(0, actors[0].done);
	REQUIRE_OK(bh_receive(endpoint, reply, &message)); /* then the message */
	CHECK_EQUAL(1, actors[0].done);
	REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, reply, &message));

	case_begin(
		"notification.bound.after", "a signal ends a Recv that waits, and the Reply is free again");
	for (unsigned int i = 0; i < 3; i++) {
		actors[i] = (struct actor){ 0 };
	}
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	actors[0].reply = object_new(BH_OBJECT_REPLY, 0);
	one = mint_new(notification, BH_RIGHT_WRITE, 7);
	REQUIRE(actor_new(&actors[0], DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_thread_bind_notification(actors[0].thread.thread, notification)); /* while it waits */
	REQUIRE_OK(bh_signal(notification));
	CHECK_EQUAL(0, actors[0].done);
	REQUIRE_OK(bh_signal(one));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_MESSAGE_SIGNAL, actors[0].message.info);
	CHECK_EQUAL(7, actors[0].message.badge);
	REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, actors[0].reply, &message));
	REQUIRE_OK(bh_send_if_waiting(endpoint, &message)); /* it waits no more: dropped */
	REQUIRE_OK(bh_thread_resume(actors[0].thread.thread));
	CHECK_EQUAL(1, actors[0].done); /* the word was taken */

	case_begin("notification.bound.waiter",
		"who waits on the notification itself comes before the thread that it is bound to");
	for (unsigned int i = 0; i < 3; i++) {
		actors[i] = (struct actor){ 0 };
	}
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	one = mint_new(notification, BH_RIGHT_WRITE, 8);
	REQUIRE(actor_new(&actors[0], DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_thread_bind_notification(actors[0].thread.thread, notification));
	REQUIRE(actor_new(&actors[1], DO_WAIT, notification, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_signal(one));
	CHECK_EQUAL(1, actors[1].done);
	CHECK_EQUAL(0, actors[0].done);
	REQUIRE_OK(bh_signal(one));
	CHECK_EQUAL(1, actors[0].done);

	case_begin("notification.bound.suspended",
		"a signal that waits reaches a thread with a context that is put in Recv: it runs");
	actors[0] = (struct actor){ 0 };
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	one = mint_new(notification, BH_RIGHT_WRITE, 9);
	REQUIRE(actor_new(&actors[0], DO_WAIT, object_new(BH_OBJECT_NOTIFICATION, 0), OWN_PRIORITY + 1));
	REQUIRE_OK(bh_thread_bind_notification(actors[0].thread.thread, notification));
	REQUIRE_OK(bh_thread_suspend(actors[0].thread.thread));
	REQUIRE_OK(bh_signal(one));
	REQUIRE_OK(bh_thread_receive(actors[0].thread.thread, endpoint, object_new(BH_OBJECT_REPLY, 0)));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(9, actors[0].message.badge);

	case_begin("notification.bound.passive",
		"a signal does not wake a passive thread: there is no context to handle it on; the word waits");
	actors[0] = (struct actor){ 0 };
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	one = mint_new(notification, BH_RIGHT_WRITE, 10);
	REQUIRE(actor_new(&actors[0], DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_thread_bind_notification(actors[0].thread.thread, notification));
	REQUIRE_OK(bh_sched_context_unbind(actors[0].thread.context));
	REQUIRE_OK(bh_signal(one));
	CHECK_EQUAL(0, actors[0].done);
	uint64_t word;
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(10, word);
}

void group_notification(void)
{
	basics();
	bound();
}
