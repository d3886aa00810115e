/* SPDX-License-Identifier: MIT */
/* Every sequence of capability operations up to a depth, on the kernel's code and on the model, compared after each step. A state that
 * was met before is not gone on from again: what follows was seen. Arguments: depth, and how many capabilities there may be at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"

#define OPERATIONS_MAXIMUM 512
#define PREEMPTIONS 3 /* an interrupt at the first, second and third preemption point */

/* A state is kept as the way there: the operation, and the state before it. */
struct state {
	uint32_t before, level;
	struct operation operation;
};

static struct state *states;
static uint32_t *
	follower; /* of each operation compared, the state it leads to, in the order of the states it starts from */
static uint64_t *first_follower;
static uint64_t state_count, states_room, edge_count, edges_room;
static uint64_t *table; /* hashes of the states, open addressing; 0: free */
static uint32_t *table_state;
static uint64_t table_size;

static uint64_t done[KINDS], refused[KINDS], preempted;

static void *grow(void *memory, uint64_t count, uint64_t size)
{
	void *larger = realloc(memory, (count == 0 ? 1 : count) * size);

	if (larger == NULL) {
		printf("no memory for %lu states\n", (unsigned long)count);
		exit(2);
	}
	return larger;
}

static void table_put(uint64_t hash, uint32_t state)
{
	uint64_t at = hash & (table_size - 1);

	while (table[at] != 0) {
		at = (at + 1) & (table_size - 1);
	}
	table[at] = hash;
	table_state[at] = state;
}

static void table_grow(void)
{
	uint64_t *old = table, old_size = table_size;
	uint32_t *old_state = table_state;

	table_size = old_size == 0 ? 1u << 16 : old_size * 2;
	table = grow(NULL, table_size, sizeof(*table));
	table_state = grow(NULL, table_size, sizeof(*table_state));
	memset(table, 0, table_size * sizeof(*table));
	for (uint64_t i = 0; i < old_size; i++) {
		if (old[i] != 0) {
			table_put(old[i], old_state[i]);
		}
	}
	free(old);
	free(old_state);
}

/* The state of that hash, which may be new. */
static uint32_t state_of(uint64_t hash, uint32_t before, uint32_t level, const struct operation *operation)
{
	hash += hash == 0 ? 1 : 0;
	for (uint64_t at = hash & (table_size - 1); table_size != 0 && table[at] != 0;
		at = (at + 1) & (table_size - 1)) {
		if (table[at] == hash) {
			return table_state[at];
		}
	}
	if (state_count * 2 >= table_size) {
		table_grow();
	}
	if (state_count == states_room) {
		states_room = states_room == 0 ? 1u << 16 : states_room * 2;
		states = grow(states, states_room, sizeof(*states));
	}
	table_put(hash, (uint32_t)state_count);
	states[state_count] = (struct state){ .before = before, .level = level, .operation = *operation };
	return (uint32_t)state_count++;
}

/* --- one step --- */

static void print_operation(const struct operation *operation)
{
	static const char *const names[KINDS] = { "Copy", "Mint", "Move", "Delete", "Revoke", "Rotate",
		"Retype" };

	printf("  %s a=%u b=%u c=%u rights=%u badge=%u type=%u bits=%u count=%u, interrupt at point %u\n",
		names[operation->kind], operation->a, operation->b, operation->c, operation->rights,
		operation->badge, operation->type, operation->bits, operation->count, operation->preempt_at);
}

static void print_way(uint32_t state)
{
	uint32_t way[64], length = 0;

	for (; state != 0 && length < 64; state = states[state].before) {
		way[length++] = state;
	}
	while (length > 0) {
		print_operation(&states[way[--length]].operation);
	}
}

/* After a preempted call some of what the whole call takes away is gone, and nothing else. */
static bool adopt(struct model *model, const struct model *whole)
{
	struct model before = *model;

	for (unsigned int place = 0; place < PLACES; place++) {
		if (!is_present(&before, place) || machine_is_present(place)) {
			continue;
		}
		if (is_present(whole, place)) {
			return false;
		}
		model_remove(model, place);
	}
	return true;
}

/* Makes the call on both; NULL, or what differs. */
static const char *step(struct model *model, const struct operation *operation)
{
	struct model whole = *model;
	enum bh_error expected, error;

	if (operation->kind == RETYPE && machine_is_settled()) {
		machine_soil(model, operation->a);
	}
	expected = model_apply(&whole, operation);
	error = machine_apply(model, operation);
	if (error == PREEMPTED) {
		preempted++;
		if (operation->preempt_at == 0) {
			return "it says that it was preempted";
		}
		return adopt(model, &whole) ? machine_compare(model)
					    : "a preempted call took away what the whole call keeps";
	}
	if (error != expected) {
		return "another error than the model's";
	}
	*model = whole;
	if (operation->kind == DELETE || operation->kind == REVOKE || operation->kind == RETYPE) {
		if (error != BH_ERROR_SLOT_EMPTY && error != BH_ERROR_SLOT_OCCUPIED &&
			!machine_is_settled()) {
			return "the call has ended, but dead objects are left";
		}
	}
	if (error == BH_OK) {
		done[operation->kind]++;
	} else {
		refused[operation->kind]++;
	}
	return machine_compare(model);
}

/* --- which operations there are --- */

static unsigned int capabilities_maximum = 6;
static struct operation list[OPERATIONS_MAXIMUM];
static unsigned int listed;

static void put(struct operation operation)
{
	if (listed == OPERATIONS_MAXIMUM) {
		printf("OPERATIONS_MAXIMUM is too small\n");
		exit(2);
	}
	list[listed++] = operation;
}

static void put_copies(const struct model *model, unsigned int from, const uint8_t *targets,
	unsigned int target_count, bool room)
{
	for (unsigned int i = 0; i < target_count; i++) {
		uint8_t a = (uint8_t)from, b = targets[i];

		if (room && model->node[a].object != BOOT_ENDPOINT) {
			put((struct operation){ .kind = COPY, .a = a, .b = b, .rights = BH_RIGHTS_ALL });
		}
		if (room && model->node[a].object == BOOT_ENDPOINT) {
			put((struct operation){
				.kind = COPY, .a = a, .b = b, .rights = BH_RIGHT_READ | 0xf8 });
		}
		if (room) {
			put((struct operation){
				.kind = MINT, .a = a, .b = b, .rights = BH_RIGHTS_ALL, .badge = 5 });
		}
		put((struct operation){ .kind = MOVE, .a = a, .b = b });
	}
}

static void put_retypes(uint8_t untyped, uint8_t target, uint8_t pair, unsigned int room)
{
	static const struct {
		uint8_t type, bits;
	} objects[] = { { BH_OBJECT_ENDPOINT, 6 }, { BH_OBJECT_CNODE, 7 }, { BH_OBJECT_UNTYPED, 7 },
		{ BH_OBJECT_UNTYPED, 8 } };

	for (unsigned int i = 0; i < sizeof(objects) / sizeof(objects[0]) && room >= 1; i++) {
		put((struct operation){ .kind = RETYPE,
			.a = untyped,
			.b = target,
			.type = objects[i].type,
			.bits = objects[i].bits,
			.count = 1 });
	}
	if (room >= 2) {
		put((struct operation){ .kind = RETYPE,
			.a = untyped,
			.b = pair,
			.type = BH_OBJECT_CNODE,
			.bits = 7,
			.count = 2 });
	}
}

/* With what the kernel must refuse, a few of each kind. */
static void put_refused(uint8_t occupied, uint8_t other, uint8_t free_place)
{
	put((struct operation){ .kind = COPY, .a = other, .b = occupied, .rights = BH_RIGHTS_ALL });
	put((struct operation){
		.kind = COPY, .a = free_place, .b = (uint8_t)(free_place + 1), .rights = BH_RIGHTS_ALL });
	put((struct operation){ .kind = MOVE, .a = other, .b = occupied });
	put((struct operation){ .kind = MOVE, .a = free_place, .b = (uint8_t)(free_place + 1) });
	put((struct operation){ .kind = REVOKE, .a = free_place });
	put((struct operation){ .kind = ROTATE, .a = occupied, .b = free_place, .c = occupied });
	put((struct operation){ .kind = ROTATE, .a = free_place, .b = free_place, .c = occupied });
	if (other != occupied) {
		put((struct operation){ .kind = ROTATE, .a = occupied, .b = other, .c = occupied });
	}
}

/* All operations worth trying in this state. Which of the caller's empty slots is the target makes no difference: the first. */
static void enumerate(const struct model *model)
{
	unsigned int present = 0, reached = 0, target_count = 0;
	uint8_t targets[PLACES] = { 0 }, occupied[PLACES] = { 0 }, free_place = NO_PLACE, pair = NO_PLACE;

	listed = 0;
	for (unsigned int place = 0; place < PLACES; place++) {
		bool is_root = place < ROOT_PLACES, is_reached = machine_reaches(model, place);

		if (is_present(model, place)) {
			present++;
			if (is_reached) {
				occupied[reached++] = (uint8_t)place;
			}
			continue;
		}
		if (is_root ? free_place == NO_PLACE : is_reached) {
			targets[target_count++] = (uint8_t)place;
		}
		if (is_root && free_place == NO_PLACE) {
			free_place = (uint8_t)place;
		}
		if (pair == NO_PLACE && place + 1 < ROOT_PLACES && !is_present(model, place + 1u)) {
			pair = (uint8_t)place;
		}
	}

	unsigned int room = present < capabilities_maximum ? capabilities_maximum - present : 0;

	for (unsigned int i = 0; i < reached; i++) {
		uint8_t place = occupied[i];

		put_copies(model, place, targets, target_count, room > 0);
		for (uint8_t point = 0; point <= PREEMPTIONS; point++) {
			put((struct operation){ .kind = DELETE, .a = place, .preempt_at = point });
			put((struct operation){ .kind = REVOKE, .a = place, .preempt_at = point });
		}
		for (unsigned int j = 0; j < i && place < ROOT_PLACES; j++) {
			put((struct operation){
				.kind = ROTATE, .a = place, .b = occupied[j], .c = occupied[j] });
			put((struct operation){
				.kind = ROTATE, .a = place, .b = free_place, .c = occupied[j] });
		}
		if (place < ROOT_PLACES && model->node[place].type == BH_OBJECT_UNTYPED) {
			put_retypes(place, free_place, pair, room);
		}
	}
	if (!machine_is_settled()) {
		put((struct operation){ .kind = DELETE, .a = free_place });
	}
	if (reached > 0 && occupied[0] < ROOT_PLACES) {
		put_refused(
			occupied[0], occupied[reached > 1 && occupied[1] < ROOT_PLACES ? 1 : 0], free_place);
	}
}

/* --- the search --- */

static bool explore(unsigned int depth)
{
	struct model start, model, after;
	struct image start_image, image;
	uint64_t before;
	static struct operation operations[OPERATIONS_MAXIMUM];

	machine_start(&start);
	machine_save(&start_image);
	(void)state_of(machine_hash(&start), 0, 0, &(struct operation){ 0 });
	for (uint32_t at = 0; at < state_count; at++) {
		uint32_t way[64], length = 0;
		unsigned int count;

		first_follower = at % 65536 == 0 ? grow(first_follower, at + 65537u, sizeof(*first_follower))
						 : first_follower;
		first_follower[at] = edge_count;
		first_follower[at + 1] = edge_count;
		if (states[at].level >= depth) {
			continue;
		}
		for (uint32_t back = at; back != 0; back = states[back].before) {
			way[length++] = back;
		}
		model = start;
		machine_restore(&start_image);
		while (length > 0) {
			if (step(&model, &states[way[--length]].operation) != NULL) {
				printf("a way that was gone before fails now\n");
				return false;
			}
		}
		machine_save(&image);
		enumerate(&model);
		count = listed;
		memcpy(operations, list, sizeof(list[0]) * count);
		for (unsigned int i = 0; i < count; i++) {
			const char *difference;

			after = model;
			machine_restore(&image);
			before = preempted;
			difference = step(&after, &operations[i]);
			if (difference == NULL && operations[i].preempt_at != 0 && preempted == before) {
				continue; /* it had ended before that point: the same as without an interrupt */
			}
			if (difference != NULL) {
				printf("%s, after\n", difference);
				print_way(at);
				print_operation(&operations[i]);
				return false;
			}
			if (edge_count == edges_room) {
				edges_room = edges_room == 0 ? 1u << 20 : edges_room * 2;
				follower = grow(follower, edges_room, sizeof(*follower));
			}
			follower[edge_count++] =
				state_of(machine_hash(&after), at, states[at].level + 1, &operations[i]);
		}
		first_follower[at + 1] = edge_count;
	}
	return true;
}

/* Ways of that many steps from the start: each is a sequence of which every step was compared. */
static double sequences(unsigned int depth)
{
	double *ways = grow(NULL, state_count, sizeof(*ways)), *next = grow(NULL, state_count, sizeof(*next)),
	       sum = 0;

	memset(ways, 0, state_count * sizeof(*ways));
	ways[0] = 1;
	for (unsigned int length = 0; length < depth; length++) {
		memset(next, 0, state_count * sizeof(*next));
		for (uint64_t at = 0; at < state_count; at++) {
			for (uint64_t edge = first_follower[at];
				ways[at] != 0 && edge < first_follower[at + 1]; edge++) {
				next[follower[edge]] += ways[at];
			}
		}
		memcpy(ways, next, state_count * sizeof(*ways));
	}
	for (uint64_t at = 0; at < state_count; at++) {
		sum += ways[at];
	}
	free(ways);
	free(next);
	return sum;
}

int main(int count, char **arguments)
{
	unsigned int depth = count > 1 ? (unsigned int)strtoul(arguments[1], NULL, 10) : 6;
	clock_t started = clock();
	bool good;

	capabilities_maximum = count > 2 ? (unsigned int)strtoul(arguments[2], NULL, 10) : 6;
	if (depth == 0 || depth > 60 || capabilities_maximum < 2 ||
		capabilities_maximum > ROOT_PLACES / 2 - 1) {
		printf("usage: %s [DEPTH [CAPABILITIES]]: depth 1 to 60, 2 to %u capabilities\n",
			arguments[0], ROOT_PLACES / 2u - 1);
		return 2;
	}
	good = explore(depth);
	printf("%s: depth %u, at most %u capabilities: %lu states, %lu operations compared, %.3g sequences of %u, %.1f s\n",
		good ? "passed" : "FAILED", depth, capabilities_maximum, (unsigned long)state_count,
		(unsigned long)edge_count, good ? sequences(depth) : 0.0, depth,
		(double)(clock() - started) / CLOCKS_PER_SEC);
	printf("done: Copy %lu, Mint %lu, Move %lu, Delete %lu, Revoke %lu, Rotate %lu, Retype %lu; refused: %lu; preempted: %lu\n",
		done[COPY], done[MINT], done[MOVE], done[DELETE], done[REVOKE], done[ROTATE], done[RETYPE],
		refused[COPY] + refused[MINT] + refused[MOVE] + refused[DELETE] + refused[REVOKE] +
			refused[ROTATE] + refused[RETYPE],
		preempted);
	return good ? 0 : 1;
}
