/* SPDX-License-Identifier: MIT */
/* Reads CNodes slot by slot with CNODE_INSPECT and compares them with the manifest: see dump.h. Changes nothing. */
#include "dump.h"

#include "objects.h"
#include "tasks.h"

#include <bulkhead/task.h>

#include <string.h>

#define RIGHTS_TEXT 4u

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

/* The badge where it means something to who receives; 0 elsewhere. */
static uint64_t shown_badge(const struct bh_capability_facts *facts)
{
	return facts->type == BH_OBJECT_ENDPOINT || facts->type == BH_OBJECT_NOTIFICATION ? facts->badge : 0;
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

static const char *rights_text(char text[RIGHTS_TEXT], uint32_t rights)
{
	text[0] = (rights & BH_RIGHT_READ) != 0 ? 'r' : '-';
	text[1] = (rights & BH_RIGHT_WRITE) != 0 ? 'w' : '-';
	text[2] = (rights & BH_RIGHT_GRANT) != 0 ? 'g' : '-';
	text[3] = '\0';
	return text;
}

/* ---- A task's capabilities ------------------------------------------------------------------------------------------- */

static void show_capability(struct answer *answer, uint32_t task, uint32_t slot, const char *name,
	uint32_t object, const struct bh_capability_facts *facts)
{
	const char *type =
		object != MANIFEST_NONE ? manifest_object_type_name(root.manifest.objects[object].type) : "?";
	const char *of = object != MANIFEST_NONE ? object_name(object) : "?";
	const char *shown = name != NULL ? name : "?";
	char rights[RIGHTS_TEXT];

	(void)rights_text(rights, facts->rights);
	answer_row(answer);
	answer_note(answer, "%s ", task_name(task));
	answer_number(answer, "slot", slot, NULL);
	answer_string(answer, "name", shown, "%s", shown);
	answer_string(answer, "type", type, " %s", type);
	answer_string(answer, "object", of, " %s", of);
	answer_string(answer, "rights", rights, " rights=%s", rights);
	answer_number(answer, "badge", shown_badge(facts), " badge=0x%lx", shown_badge(facts));
	answer_boolean(answer, "declared", name != NULL,
		name != NULL ? NULL : " difference: not as the manifest says");
}

void dump_capabilities(struct answer *answer, uint32_t task)
{
	uint32_t slots = UINT32_C(1) << root.manifest.tasks[task].cnode_size_bits;
	uint32_t found = 0;
	uint32_t differences = 0;
	const char *name;

	answer_string(answer, "task", task_name(task), NULL);
	answer_list(answer, "capabilities", "");
	for (uint32_t slot = 0; slot < slots; slot++) {
		struct bh_capability_facts facts;

		if (inspect(root.task[task].cnode, slot, &facts)) {
			uint32_t object = find_object(facts.identity, facts.type);

			name = slot > 0 ? matching_name(task, slot, object, &facts) : NULL;
			show_capability(answer, task, slot, name, object, &facts);
			found++;
			differences += name == NULL;
		}
	}
	answer_list(answer, "missing", "");
	for (uint32_t slot = 1; slot < slots; slot++) {
		const struct manifest_capability *capability = task_capability(task, slot - 1);
		struct bh_capability_facts facts;

		if (capability != NULL && !inspect(root.task[task].cnode, slot, &facts)) {
			name = manifest_string(&root.manifest, capability->name);
			answer_row(answer);
			answer_string(answer, "name", name, "difference: %s", name);
			answer_number(answer, "slot", slot, " in slot %u is missing", slot);
			differences++;
		}
	}
	answer_list_end(answer);
	answer_note(answer, "caps %s: ", task_name(task));
	answer_number(answer, "found", found, "%u capabilities", found);
	if (differences == 0) {
		answer_note(answer, ", equal to the manifest");
	}
	answer_number(answer, "differences", differences, differences != 0 ? ", %u differences" : NULL,
		differences);
}

/* ---- An object's holders --------------------------------------------------------------------------------------------- */

/* What is being looked for, and what was found of it. */
struct search {
	struct answer *answer;
	uint32_t object;
	uint32_t found;
	uint32_t differences;
};

/* One holder: `holder` has it under `name`, NULL where the manifest does not say so. */
static void show_holder(struct search *search, const char *holder, const char *kind, const char *name,
	uint32_t rights, uint64_t badge, uint64_t bytes)
{
	struct answer *answer = search->answer;
	const char *shown = name != NULL ? name : "?";
	char text[RIGHTS_TEXT];

	(void)rights_text(text, rights);
	answer_row(answer);
	answer_string(answer, "holder", holder, "%-20s", holder);
	answer_string(answer, "kind", kind, " %-10s", kind);
	answer_string(answer, "name", shown, " %-18s", shown);
	answer_string(answer, "rights", text, " rights=%s", text);
	answer_number(answer, "badge", badge, badge != 0 ? " badge=0x%lx" : NULL, badge);
	answer_number(answer, "bytes", bytes, bytes != 0 ? " %lu KiB" : NULL, bytes >> 10);
	answer_boolean(
		answer, "declared", name != NULL, name != NULL ? NULL : " difference: not in the manifest");
	search->found++;
	search->differences += name == NULL;
}

static void show_missing(struct search *search, const char *holder, const char *kind, uint32_t name)
{
	const char *text = manifest_string(&root.manifest, name);

	answer_row(search->answer);
	answer_string(search->answer, "holder", holder, "difference: %s has not", holder);
	answer_string(search->answer, "kind", kind, " the %s", kind);
	answer_string(search->answer, "name", text, " %s", text);
	search->differences++;
}

/* The capabilities of running tasks, as they stand in their CNodes, and the root task's own copies. */
static void show_capabilities(struct search *search, const struct bh_capability_facts *wanted)
{
	for (uint32_t task = 0; task < root.manifest.task_count; task++) {
		uint32_t slots = UINT32_C(1) << root.manifest.tasks[task].cnode_size_bits;

		for (uint32_t slot = 0; root.task[task].state == TASK_RUNNING && slot < slots; slot++) {
			struct bh_capability_facts facts;

			if (inspect(root.task[task].cnode, slot, &facts) && facts.type == wanted->type &&
				facts.identity == wanted->identity) {
				show_holder(search, task_name(task), "capability",
					slot > 0 ? matching_name(task, slot, search->object, &facts) : NULL,
					facts.rights, shown_badge(&facts), 0);
			}
		}
	}
	for (uint32_t i = 0; i < root.manifest.capability_count; i++) {
		const struct manifest_capability *capability = &root.manifest.capabilities[i];
		struct bh_capability_facts facts;

		if (capability->task == MANIFEST_ROOT && capability->object == search->object &&
			root.capability[i] != 0 && inspect(ROOT_CNODE, root.capability[i], &facts)) {
			show_holder(search, "roottask", "capability",
				manifest_string(&root.manifest, capability->name), facts.rights,
				shown_badge(&facts), 0);
		}
	}
}

static void show_missing_capabilities(struct search *search)
{
	for (uint32_t task = 0; task < root.manifest.task_count; task++) {
		const struct manifest_capability *capability;

		for (uint32_t n = 0; root.task[task].state == TASK_RUNNING &&
				     (capability = task_capability(task, n)) != NULL;
			n++) {
			struct bh_capability_facts facts;

			if (capability->object == search->object &&
				(!inspect(root.task[task].cnode, n + 1, &facts) ||
					matching_name(task, n + 1, search->object, &facts) == NULL)) {
				show_missing(search, task_name(task), "capability", capability->name);
			}
		}
	}
}

/* ---- Memory: a Frame capability in the root task's CNode is one mapping, in the space of whom the slot was taken for. ---- */

/* The bytes of one owner's mappings of the object, and what rights they have together. */
struct share {
	uint64_t bytes;
	uint32_t rights;
};

static struct share shares[OWNER_COUNT];

/* The physical ranges of the object's memory. */
struct range {
	uint64_t start;
	uint64_t size;
};

static const struct extent *extents_of(uint32_t object, uint32_t *count)
{
	uint32_t module = root.manifest.objects[object].module;

	*count = module != MANIFEST_NONE ? root.module[module].extent_count : 1;
	return module != MANIFEST_NONE ? root.module[module].extent : &root.object[object].memory;
}

static uint32_t ranges_of(uint32_t object, struct range ranges[MODULE_EXTENTS_MAX])
{
	uint32_t count;
	const struct extent *extents = extents_of(object, &count);

	for (uint32_t i = 0; i < count; i++) {
		struct bh_capability_facts facts;

		ranges[i] = (struct range){ 0, 0 };
		if (extents[i].count > 0 && inspect(ROOT_CNODE, extents[i].first, &facts)) {
			ranges[i] = (struct range){ facts.identity,
				(uint64_t)extents[i].count << extents[i].bits };
		}
	}
	return count;
}

/* Are these the frames that the object was made of? Copies of them are mappings. */
static bool is_original(uint32_t object, uint32_t slot)
{
	uint32_t count;
	const struct extent *extents = extents_of(object, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (slot - extents[i].first < extents[i].count) {
			return true;
		}
	}
	return false;
}

/* Fills `shares`. */
static void find_mappings(uint32_t object)
{
	static struct range ranges[MODULE_EXTENTS_MAX];
	uint32_t count = ranges_of(object, ranges);

	memset(shares, 0, sizeof(shares));
	for (uint32_t slot = 1; slot < slots_end(); slot++) {
		uint16_t owner = slots_owner(slot);
		struct bh_capability_facts facts;

		if (owner == OWNER_FREE || owner >= OWNER_COUNT || is_original(object, slot) ||
			!inspect(ROOT_CNODE, slot, &facts) || facts.type != BH_OBJECT_FRAME) {
			continue;
		}
		for (uint32_t i = 0; i < count; i++) {
			if (facts.identity - ranges[i].start < ranges[i].size) {
				shares[owner].bytes += UINT64_C(1) << facts.size_bits;
				shares[owner].rights |= facts.rights;
			}
		}
	}
}

/* What the manifest says of one owner: a task's region, the root task's, or a guest's. */
struct declared {
	const char *holder;
	const char *kind;
	uint32_t name; /* string; MANIFEST_NONE: nothing */
	uint32_t rights;
	uint64_t bytes;
};

static uint64_t whole_frames(uint32_t object, uint64_t length)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	uint64_t frame =
		(record->flags & MANIFEST_OBJECT_LARGE_PAGES) != 0 ? UINT64_C(1) << LARGE_BITS : PAGE_SIZE;

	return (length + frame - 1) & ~(frame - 1);
}

static bool is_mapping_of(const struct manifest_mapping *mapping, uint32_t object, uint16_t owner)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	uint16_t whose = mapping->task == MANIFEST_ROOT ? scope_owner(record->scope, record->scope_index)
							: OWNER_TASK(mapping->task);

	return mapping->object == object && whose == owner;
}

static struct declared declared_for(uint32_t object, uint16_t owner)
{
	struct declared declared = { "?", "region", MANIFEST_NONE, 0, 0 };

	if (owner >= OWNER_TASK(0) && owner < OWNER_TASK(root.manifest.task_count)) {
		declared.holder = task_name(owner - OWNER_TASK(0));
	} else {
		declared.holder = "roottask";
	}
	for (uint32_t i = 0; i < root.manifest.mapping_count; i++) {
		const struct manifest_mapping *mapping = &root.manifest.mappings[i];

		if (is_mapping_of(mapping, object, owner)) {
			declared.name = mapping->name;
			declared.rights |= mapping->rights;
			declared.bytes += whole_frames(object, mapping->length);
		}
	}
	for (uint32_t i = 0; i < root.manifest.guest_mapping_count; i++) {
		const struct manifest_guest_mapping *mapping = &root.manifest.guest_mappings[i];
		uint32_t vm = root.manifest.objects[mapping->guest_space].scope_index; /* its scope is a VM */

		if (mapping->object == object && OWNER_VM(vm) == owner) {
			declared.holder = vm_name(vm);
			declared.kind = "guest";
			declared.name = root.manifest.objects[object].name;
			declared.rights |= mapping->rights;
			declared.bytes += mapping->length;
		}
	}
	return declared;
}

/* True if the owner is up, so that what the manifest gives it is to be there. */
static bool is_up(uint16_t owner)
{
	if (owner < OWNER_VM(0)) {
		return true;
	}
	return owner < OWNER_TASK(0) ? root.vm[owner - OWNER_VM(0)].running
				     : root.task[owner - OWNER_TASK(0)].state == TASK_RUNNING;
}

static void show_mappings(struct search *search)
{
	for (uint32_t owner = OWNER_SYSTEM; owner < OWNER_COUNT; owner++) {
		struct declared declared = declared_for(search->object, (uint16_t)owner);
		bool is_so = shares[owner].bytes == declared.bytes && shares[owner].rights == declared.rights;

		if (shares[owner].bytes > 0) {
			show_holder(search, declared.holder, declared.kind,
				is_so ? manifest_string(&root.manifest, declared.name) : NULL,
				shares[owner].rights, 0, shares[owner].bytes);
		}
	}
}

static void show_missing_mappings(struct search *search)
{
	for (uint32_t owner = OWNER_SYSTEM; owner < OWNER_COUNT; owner++) {
		struct declared declared = declared_for(search->object, (uint16_t)owner);
		bool is_so = shares[owner].bytes == declared.bytes && shares[owner].rights == declared.rights;

		if (declared.bytes > 0 && !is_so && is_up((uint16_t)owner)) {
			show_missing(search, declared.holder, declared.kind, declared.name);
		}
	}
}

void dump_holders(struct answer *answer, uint32_t object)
{
	struct search search = { .answer = answer, .object = object };
	uint32_t type = root.manifest.objects[object].type;
	bool is_memory = type == MANIFEST_OBJECT_MEMORY;
	struct bh_capability_facts wanted;

	if (root.object[object].slot == 0 || !inspect(ROOT_CNODE, root.object[object].slot, &wanted)) {
		answer_error(answer, "%s does not exist now: what it belongs to is off; \"list\" shows it",
			object_name(object));
		return;
	}
	answer_string(answer, "object", object_name(object), NULL);
	answer_string(answer, "type", manifest_object_type_name(type), NULL);
	answer_list(answer, "holders", "");
	if (is_memory) {
		find_mappings(object);
		show_mappings(&search);
	} else {
		show_capabilities(&search, &wanted);
	}
	answer_list(answer, "missing", "");
	if (is_memory) {
		show_missing_mappings(&search);
	} else {
		show_missing_capabilities(&search);
	}
	answer_list_end(answer);
	answer_note(answer, "holders %s (%s): ", object_name(object), manifest_object_type_name(type));
	answer_number(answer, "found", search.found, "%u holders", search.found);
	if (search.differences == 0) {
		answer_note(answer, ", equal to the manifest");
	}
	answer_number(answer, "differences", search.differences,
		search.differences != 0 ? ", %u differences" : NULL, search.differences);
}
