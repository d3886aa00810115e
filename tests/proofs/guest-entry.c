/* SPDX-License-Identifier: MIT */
/* Proof: guest-entry
 * Property: the SVM back end's entry for a page of a guest is of exactly that memory, always a user's page, written only if BH_MAP_WRITE was asked
 *	for, executable only with BH_MAP_EXECUTE, and has no other bit; its entry for a table is of that table.
 * Bound: none: any address that a page can have, any flags.
 * Assumes: the address is that of a page
 * Functions: kernel/virt/svm.c: svm_guest_leaf svm_guest_table
 * Options: --slice-formula
 */
#include "proof.h"

#include "virt/svm.c"

#include "virt/backend.c"

int main(void)
{
	uint64_t physical = any_u64(), flags = any_u64();
	bool large = any_u8() != 0;

	ASSUME((physical & 4095) == 0 && physical >> 52 == 0, "the address is that of a page");

	uint64_t leaf = backend_guest_leaf(physical, flags, large);

	PROVE((leaf & UINT64_C(0x000ffffffffff000)) == physical, "the memory that was named");
	PROVE((leaf & 5) == 5, "present, and a user's");
	PROVE(((leaf & 2) != 0) == ((flags & BH_MAP_WRITE) != 0), "written if that was asked for");
	PROVE(((leaf >> 63) == 0) == ((flags & BH_MAP_EXECUTE) != 0), "executable if that was asked for");
	PROVE(((leaf & 0x80) != 0) == large, "a large page if that was asked for");
	PROVE(((leaf & 0x10) != 0) == ((flags & BH_MAP_UNCACHED) != 0), "uncached if that was asked for");
	PROVE((leaf & ~(UINT64_C(0x800ffffffffff000) | 0x97)) == 0, "no other bit");
	PROVE(backend_guest_table(physical) == (physical | 7), "a table's entry is of that table");
	return 0;
}
