/* SPDX-License-Identifier: MIT */
/* Ports of a guest that the kernel routes by itself: doorbells, and reads that a passive thread in another address space answers at
 * once. The guest is one page of code that takes the time itself; this thread is its VMM, which only sees it halt. */
#include "paths.h"

#define DOORBELL_PORT 0x60
#define READ_PORT 0x61
#define ROUTES_PORT 0x1000
#define SAMPLES_AT 0x800 /* in the guest's page: 4 bytes each */
#define PAGE_TABLES 3
#define GUESTS_MAX 64
#define TURN_US 10

#define CR0_PAGED 0x80000011
#define CR4_PAE 0x20
#define EFER_LONG_MODE 0x500 /* LME, LMA */

_Static_assert(SAMPLES_AT + SAMPLES * 4 <= 4096, "the samples fit into the guest's page");

GUEST_CODE(doorbell);
GUEST_CODE(port_read);
GUEST_CODE(busy);

/* 64-bit mode on identity pages of 2 MiB; the tables are the three pages behind the guest's own. */
static void guest_long_mode(struct test_guest *guest)
{
	uint64_t frame;

	for (uint64_t level = 0; level < PAGE_TABLES; level++) {
		volatile uint64_t *table = page_new(&frame);
		uint64_t address = (level + 1) * 4096;

		NEED(table != NULL);
		table[0] = level + 1 < PAGE_TABLES ? (address + 4096) | 3 : 0x83;
		NEED(map_with_tables(copy_new(frame, BH_RIGHTS_ALL), guest->space, address, MAP_ALL) ==
			BH_OK);
	}
	guest_protected_mode(guest);
	guest->state->segment[BH_CS].attributes = 0xa9b;
	guest->state->cr3 = 4096;
	guest->state->cr4 = CR4_PAE;
	guest->state->efer = EFER_LONG_MODE;
	guest->state->cr0 = CR0_PAGED;
}

/* The guest halts before each round, so that whoever waits can go back to waiting, and at the end. */
static void guest_measure(struct test_guest *guest)
{
	unsigned int reason = guest_run(guest);

	for (unsigned int i = 0; i < SAMPLES + MARKED_ROUNDS; i++) {
		if (reason != BH_EXIT_HLT) {
			print("exit %u at %x\n", (uint64_t)reason, guest->state->rip);
			bench_failed("the guest halts before each round");
		}
		pause_us(20);
		guest->state->rip = guest->state->rip + 1;
		reason = guest_resume(guest, 0);
	}
	NEED(reason == BH_EXIT_HLT);
	for (unsigned int i = 0; i < SAMPLES; i++) {
		sample[i] = *(volatile uint32_t *)(guest->memory + SAMPLES_AT + 4 * i);
	}
}

static void guest_make(struct test_guest *guest, const uint8_t *code, const uint8_t *end, bool paged)
{
	slots_reset();
	NEED(guest_new(guest, code, end));
	if (paged) {
		guest_long_mode(guest);
	} else {
		guest_protected_mode(guest);
	}
	NEED(guest_write_state(guest));
}

static void wait_for_ever(uint64_t notification)
{
	uint64_t word;

	while (bh_wait(notification, &word) == BH_OK) {}
}

static void route_bind(struct test_guest *guest, uint64_t route, uint64_t port, uint64_t target)
{
	NEED(bh_guest_space_route(guest->space, route, port, 1) == BH_OK);
	NEED(bh_vcpu_bind(guest->vcpu, BH_BIND_ROUTE + route, target, 0) == BH_OK);
}

static void doorbell(bool woken, bool paged)
{
	struct test_guest guest;
	struct test_thread waiter = { 0 };
	uint64_t notification;

	guest_make(&guest, GUEST(doorbell), paged);
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	route_bind(&guest, 0, DOORBELL_PORT, mint_new(notification, BH_RIGHT_WRITE, 1));
	if (woken) {
		NEED(thread_new(&waiter, wait_for_ever, notification, OWN_PRIORITY - 30, true));
		NEED(bh_thread_resume(waiter.thread) == BH_OK);
	}
	guest_measure(&guest);
	path_report(woken ? "doorbell-woken-" : "doorbell-awake-", paged ? "paged" : "unpaged", ID_DOORBELL);
}

static void port_read(bool paged)
{
	struct test_guest guest;
	struct echo echo;

	guest_make(&guest, GUEST(port_read), paged);
	echo_new(&echo);
	route_bind(&guest, 0, READ_PORT, echo.endpoint);
	guest_measure(&guest);
	path_report("port-echo-", paged ? "paged" : "unpaged", ID_PORT_READ);
}

/* The guest uses the last of that many routes. */
static void with_routes(uint64_t count, const char *suffix)
{
	struct test_guest guest;
	struct echo echo;

	guest_make(&guest, GUEST(port_read), true);
	echo_new(&echo);
	for (uint64_t i = 0; i + 1 < count; i++) {
		route_bind(&guest, i, ROUTES_PORT + 16 * i, echo.endpoint);
	}
	route_bind(&guest, count - 1, READ_PORT, echo.endpoint);
	guest_measure(&guest);
	path_report("port-echo-routes-", suffix, ID_PORT_READ);
}

/* Other virtual machines, which run whenever the one that measures halts: more than a CPU has ASIDs, in turns of 10 us. */
static void with_guests(uint64_t count, const char *suffix)
{
	static struct test_guest others[GUESTS_MAX];
	struct test_guest guest;
	struct echo echo;

	guest_make(&guest, GUEST(port_read), true);
	echo_new(&echo);
	route_bind(&guest, 0, READ_PORT, echo.endpoint);
	for (uint64_t i = 0; i + 1 < count; i++) {
		struct test_guest *other = &others[i];

		NEED(guest_new(other, GUEST(busy)));
		NEED(bh_vcpu_configure(other->vcpu, other->space, 0, OWN_PRIORITY - 40, 0) == BH_OK);
		NEED(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, other->context, TURN_US, TURN_US) ==
			BH_OK);
		NEED(bh_vcpu_run(other->vcpu) == BH_OK);
	}
	guest_measure(&guest);
	path_report("port-echo-vms-", suffix, ID_PORT_READ);
	for (uint64_t i = 0; i + 1 < count; i++) { /* each of them had its turns */
		uint64_t consumed;

		NEED(bh_sched_context_consumed(others[i].context, &consumed) == BH_OK);
		NEED(consumed > ticks_of_us(TURN_US));
	}
}

void measure_ports(void)
{
	for (unsigned int paged = 0; paged < 2; paged++) {
		doorbell(false, paged != 0);
		doorbell(true, paged != 0);
		port_read(paged != 0);
	}
	with_routes(1, "1");
	with_routes(BH_ROUTES, "64");
	with_guests(1, "1");
	with_guests(8, "8");
	with_guests(GUESTS_MAX, "64");
}
