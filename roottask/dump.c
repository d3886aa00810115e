/* SPDX-License-Identifier: MIT */
/* Reads a task's CNode slot by slot with CNODE_INSPECT and compares it with the manifest: see dump.h. Changes nothing. */
#include "dump.h"

#include "console.h"
#include "objects.h"
#include "tasks.h"

/* What the kernel says of one slot. False: it is empty. */
static bool inspect(uint32_t cnode, uint32_t slot, struct bh_capability_facts *facts)
{
	return bh_cnode_inspect(cnode, slot, facts) == BH_OK && facts->type != BH_OBJECT_NULL;
}

/* The manifest's object with that identity; MANIFEST_NONE if it is none of them. */
static uint32_t find_object(uint64_t identity, enum bh_object_type type)
{
	for (uint32_t i = 0; i < root.manifest.object_count; i++) {
		struct bh_capability_facts facts;

		if (root.object[i].slot != 0 && inspect(ROOT_CNODE, root.object[i].slot, &facts) &&
			facts.type == type && facts.identity == identity) {
			return i;
		}
	}
	return MANIFEST_NONE;
}

/* The task's capability in the manifest that is to stand in `slot`, if the slot's contents are that. */
static const char *matching_name(
	uint32_t task, uint32_t slot, uint32_t object, const struct bh_capability_facts *facts)
{
	const struct manifest_capability *capability = task_capability(task, slot - 1);

	if (capability == NULL || capability->object != object || capability->rights != facts->rights ||
		(capability->badge != facts->badge &&
			(facts->type == BH_OBJECT_ENDPOINT || facts->type == BH_OBJECT_NOTIFICATION))) {
		return NULL;
	}
	return manifest_string(&root.manifest, capability->name);
}

void dump_capabilities(uint32_t task)
{
	uint32_t slots = UINT32_C(1) << root.manifest.tasks[task].cnode_size_bits;
	uint32_t found = 0;
	uint32_t differences = 0;

	for (uint32_t slot = 0; slot < slots; slot++) {
		struct bh_capability_facts facts;
		uint32_t object;
		const char *name;

		if (!inspect(root.task[task].cnode, slot, &facts)) {
			const struct manifest_capability *missing =
				slot > 0 ? task_capability(task, slot - 1) : NULL;

			if (missing != NULL) {
				console_print("difference: %s in slot %u is missing",
					manifest_string(&root.manifest, missing->name), slot);
				differences++;
			}
			continue;
		}
		found++;
		object = find_object(facts.identity, facts.type);
		name = slot > 0 ? matching_name(task, slot, object, &facts) : NULL;
		console_print("%s %s %s %s rights=%c%c%c badge=0x%lx", task_name(task),
			name != NULL ? name : "?",
			object != MANIFEST_NONE
				? manifest_object_type_name(root.manifest.objects[object].type)
				: "?",
			object != MANIFEST_NONE ? object_name(object) : "?",
			(facts.rights & BH_RIGHT_READ) != 0 ? 'r' : '-',
			(facts.rights & BH_RIGHT_WRITE) != 0 ? 'w' : '-',
			(facts.rights & BH_RIGHT_GRANT) != 0 ? 'g' : '-',
			facts.type == BH_OBJECT_ENDPOINT || facts.type == BH_OBJECT_NOTIFICATION ? facts.badge
												 : 0);
		if (name == NULL) {
			console_print("difference: slot %u is not as the manifest says", slot);
			differences++;
		}
	}
	if (differences == 0) {
		console_print("caps %s: %u capabilities, equal to the manifest", task_name(task), found);
	} else {
		console_print(
			"caps %s: %u capabilities, %u differences", task_name(task), found, differences);
	}
}
