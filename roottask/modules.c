/* SPDX-License-Identifier: MIT */
/* Boot modules: the files that the loader brought, made into frames of 4 KiB and 2 MiB when they are first used, and mapped into
 * the root task's space where it reads them itself (task images). The kernel hands each over as Untypeds marked with its index. */
#include "objects.h"

#include "report.h"

#include <string.h>

#define RETYPE_MAX 256u

/* The boot Untyped of boot module `boot` that starts at `physical`; untyped_count if there is none. */
static uint32_t find_untyped(uint32_t boot, uint64_t physical)
{
	uint32_t i;

	for (i = 0; i < root.boot->untyped_count; i++) {
		if (root.boot->untyped[i].module == boot + 1 && root.boot->untyped[i].physical == physical) {
			break;
		}
	}
	return i;
}

static enum bh_error make_extent(uint32_t untyped, uint32_t size_bits, struct extent *extent)
{
	extent->bits = size_bits >= LARGE_BITS ? LARGE_BITS : PAGE_BITS;
	extent->count = UINT32_C(1) << (size_bits - extent->bits);
	extent->first = slots_take(OWNER_SYSTEM, extent->count);
	if (extent->first == 0) {
		return BH_ERROR_MEMORY;
	}
	for (uint32_t made = 0; made < extent->count; made += RETYPE_MAX) {
		uint32_t rest = extent->count - made;
		enum bh_error error =
			bh_untyped_retype(root.boot->untyped_first + untyped, BH_OBJECT_FRAME, extent->bits,
				ROOT_CNODE, extent->first + made, rest < RETYPE_MAX ? rest : RETYPE_MAX);

		if (error != BH_OK) {
			return error;
		}
	}
	return BH_OK;
}

/* Makes the frames of boot module `boot`, which exists. */
static enum bh_error make_frames(struct module *module, uint32_t boot)
{
	const struct bh_boot_module *record = &root.boot->module[boot];
	uint64_t physical = record->physical & ~(PAGE_SIZE - 1);

	module->boot = boot;
	while (physical < record->physical + record->length) {
		uint32_t untyped = find_untyped(boot, physical);
		enum bh_error error;

		if (untyped == root.boot->untyped_count || module->extent_count == MODULE_EXTENTS_MAX) {
			return failed(record->name, "its memory is not among the kernel's Untypeds",
				BH_ERROR_MEMORY);
		}
		error = make_extent(untyped, root.boot->untyped[untyped].size_bits,
			&module->extent[module->extent_count]);
		if (error != BH_OK) {
			return failed(record->name, "cannot make frames of it", error);
		}
		physical += UINT64_C(1) << root.boot->untyped[untyped].size_bits;
		module->extent_count++;
	}
	return BH_OK;
}

/* Maps the module's frames in window number `window`, where its large frames keep their place within 2 MiB. */
static enum bh_error map_frames(struct module *module, uint64_t window)
{
	uint64_t start = root.boot->module[module->boot].physical;
	uint64_t base = ROOT_MODULES + (window << 32) +
			(start & ((UINT64_C(1) << LARGE_BITS) - 1) & ~(PAGE_SIZE - 1));
	uint64_t address = base;

	for (uint32_t i = 0; i < module->extent_count; i++) {
		const struct extent *extent = &module->extent[i];
		enum bh_error error = space_map(
			&root_space, extent->first, extent->count, extent->bits, address, BH_MAP_READ);

		if (error != BH_OK) {
			return failed(
				root.boot->module[module->boot].name, "the root task cannot map it", error);
		}
		address += (uint64_t)extent->count << extent->bits;
	}
	module->mapped = (const void *)(uintptr_t)(base + (start & (PAGE_SIZE - 1)));
	return BH_OK;
}

enum bh_error module_frames(uint32_t index)
{
	const struct manifest_module *record = &root.manifest.modules[index];
	const char *name = manifest_string(&root.manifest, record->name);
	uint32_t boot = index + MANIFEST_FIRST_MODULE;

	if (root.module[index].extent_count > 0) {
		return BH_OK;
	}
	if (boot >= root.boot->module_count) {
		return failed(name, "the boot loader did not bring this file", BH_ERROR_ARGUMENT);
	}
	if (root.boot->module[boot].length != record->size) {
		return failed(name, "the boot loader brought a file of another size", BH_ERROR_ARGUMENT);
	}
	return make_frames(&root.module[index], boot);
}

enum bh_error module_map(uint32_t index)
{
	enum bh_error error = module_frames(index);

	return error != BH_OK || root.module[index].mapped != NULL ? error
								   : map_frames(&root.module[index], index);
}

enum bh_error manifest_module_map(const void **bytes, size_t *size)
{
	static struct module module;
	enum bh_error error;

	if (root.boot->module_count < MANIFEST_FIRST_MODULE) {
		return BH_ERROR_ARGUMENT;
	}
	error = make_frames(&module, MANIFEST_FIRST_MODULE - 1);
	if (error == BH_OK) {
		error = map_frames(&module, MANIFEST_MAX_MODULES);
	}
	*bytes = module.mapped;
	*size = root.boot->module[module.boot].length;
	return error;
}
