/* SPDX-License-Identifier: MIT */
/* Proof: page-walk
 * Property: the way to an address goes through tables of the space only, and ends at that address's own entry in the table of the level that was
 *	asked for: never beside a table, in the kernel's half only for an address there; where a table is missing, or a large page in the
 *	way, it ends with the right error.
 * Bound: six addresses, with the first, the last and other indices at each level, and the first of the kernel's half; levels 1 to 4; any entries.
 * Assumes: an entry on the way is none, a table's of this space, or a large page's
 * Functions: kernel/object/space.c: walk shift_of space_has_table
 * Replaces: phys_to_virt proof_phys_to_virt
 * Options: --slice-formula --unwind 5
 */
#include "proof.h"

#include "object/invocation.h"

#include "object/space.c"

#define TABLE(level) (UINT64_C(0x10000) + (level)*0x1000) /* physical address of the table of that level */

uint64_t kernel_pml4[512];
static uint64_t table_1[512], table_2[512], table_3[512], table_4[512];

void *proof_phys_to_virt(uint64_t physical)
{
	switch (physical) {
	case TABLE(1):
		return table_1;
	case TABLE(2):
		return table_2;
	case TABLE(3):
		return table_3;
	default:
		PROVE(physical == TABLE(4), "only tables of the space are looked at");
		return table_4;
	}
}

/* What may stand in the table of that level: nothing, a table of the level below, or from level 3 down a large page. */
static bool is_entry(uint64_t entry, unsigned int level)
{
	return entry == 0 || (entry & UINT64_C(0x000ffffffffff080)) == TABLE(level - 1) ||
	       (level < 4 && (entry & 0x80) != 0);
}

static void go(uint64_t address, unsigned int level)
{
	struct space space = { .root_physical = TABLE(4) };
	uint64_t *const at[4] = { &table_4[address / (UINT64_C(1) << 39) % 512],
		&table_3[address / (UINT64_C(1) << 30) % 512], &table_2[address / (UINT64_C(1) << 21) % 512],
		&table_1[address / 4096 % 512] };
	unsigned int steps = 0; /* that lead to a table */
	uint64_t end = 0;
	enum bh_error error;
	const uint64_t *entry;

	for (unsigned int i = 0; i < 4; i++) {
		*at[i] = any_u64();
	}
	ASSUME(is_entry(*at[0], 4) && is_entry(*at[1], 3) && is_entry(*at[2], 2),
		"an entry on the way is none, a table's of this space, or a large page's");
	for (unsigned int i = 0; i < 4 - level; i++) {
		if (steps == i) {
			end = *at[i];
			steps += end != 0 && (end & 0x80) == 0 ? 1 : 0;
		}
	}
	entry = walk(&space, address, level, &error);
	COVER_IF(error == BH_ERROR_MAPPED, "a large page is in the way");
	COVER_IF(level == 1 && entry != NULL, "a page's entry is found");
	PROVE(entry == NULL || entry == at[4 - level], "the address's own entry");
	PROVE((entry != NULL) == (steps == 4 - level), "found where all tables are there, and only then");
	PROVE(error == (entry != NULL     ? BH_OK
			       : end == 0 ? BH_ERROR_NOT_MAPPED
					  : BH_ERROR_MAPPED),
		"or it is told what is there instead");
	PROVE(level == 1 || space_has_table(&space, address, level - 1) == (entry != NULL && *entry != 0),
		"and whether there is a table");
}

static void go_at(uint64_t address)
{
	switch (any_u8() & 3) {
	case 0:
		go(address, 1);
		break;
	case 1:
		go(address, 2);
		break;
	case 2:
		go(address, 3);
		break;
	default:
		go(address, 4);
		break;
	}
}

/* Addresses and levels are constants on paths of their own: that makes the proof many times as fast. */
int main(void)
{
	switch (any_u8() & 7) {
	case 0:
		go_at(0);
		break;
	case 1:
		go_at(UINT64_C(0x00007fffffffefff));
		break;
	case 2:
		go_at(UINT64_C(0x0000123456789abc));
		break;
	case 3:
		go_at(UINT64_C(0x0000400080401000));
		break;
	case 4:
		go_at(UINT64_C(0xffff800000000000));
		break;
	default:
		go_at(UINT64_MAX);
		break;
	}
	return 0;
}
