/* SPDX-License-Identifier: MIT */
/* Proof: manifest-records
 * Property: judging the manifest's records, of any contents, reads inside their sections only and ends; a text that is accepted starts in the
 *	strings' section, is not empty and ends within its limit; each reference that is accepted names a record that is there, of the type
 *	that it has to have, and that the rule of authority lets it name; every record of every section is judged, objects after all scopes.
 * Bound: sections of two records (three objects, one module and one VM), a string section of four bytes; any contents, any record. The walk
 *	over the records: any number of up to two in each section.
 * Assumes: what the reader and earlier checks have established: strings end with a NUL, scopes name VMs and tasks that are there
 * Assumes: a task's CNode has a size that was checked before the capabilities are counted
 * Models: each section is an object of its own, exactly as long as its records (that it lies in the buffer: see manifest-reader)
 * Models: for the walk over the sections the judging of one record gives any answer
 * Functions: lib/manifest/values.c: manifest_check_text
 * Functions: lib/manifest/authority.c: manifest_object_of_type manifest_subject_of_object manifest_subject_of_task
 *	manifest_in_reach manifest_is_shared_endpoint manifest_is_part_of_function manifest_is_its_function
 * Functions: lib/manifest/check_tasks.c: manifest_check_argument
 * Functions: lib/manifest/check_objects.c: manifest_check_scope
 * Functions: lib/manifest/validate.c: check_all_scopes manifest_validate
 * Functions: lib/manifest/lookup.c: manifest_string manifest_same_text
 * Replaces: check_record proof_check_record
 * Cases: 6
 * Options: --slice-formula --unwind 5 --unwindset manifest_validate.1:13 --unwindset proof_check_record.0:13 --unwindset walk.0:13 --unwindset walk.2:13 --unwindset walk.3:13
 */
#include "proof.h"

#include <bulkhead/manifest.h>

#include "manifest/authority.c"
#include "manifest/check_holdings.c"
#include "manifest/check_objects.c"
#include "manifest/check_routes.c"
#include "manifest/check_tasks.c"
#include "manifest/lookup.c"
#include "manifest/validate.c"
#include "manifest/values.c"

#define STRINGS 4

static struct manifest_header header;
static char strings[STRINGS];
static uint32_t arguments[2];
static struct manifest_module modules[1];
static struct manifest_vm vms[1];
static struct manifest_task tasks[2];
static struct manifest_object objects[3];
static struct manifest_capability capabilities[2];
static struct manifest_mapping mappings[2];
static struct manifest_guest_mapping guest_mappings[2];
static struct manifest_route routes[2];
static struct manifest_exit exits[2];
static struct manifest_binding bindings[2];

static const struct manifest manifest = { &header, strings, arguments, modules, vms, tasks, objects,
	capabilities, mappings, guest_mappings, routes, exits, bindings, STRINGS, 2, 1, 1, 2, 3, 2, 2, 2, 2,
	2, 2 };

/* Judged in this order: the next record is due. */
static uint32_t due_section = MANIFEST_SECTION_ARGUMENTS, due_record;
static enum manifest_error answer;

static bool is_text(uint32_t offset, uint32_t limit)
{
	uint32_t end = offset;

	if (offset >= STRINGS) {
		return false;
	}
	while (end < STRINGS && strings[end] != '\0') {
		end++;
	}
	return end < STRINGS && end != offset && end - offset < limit;
}

static bool scope_is_good(const struct manifest_object *object)
{
	return object->scope == MANIFEST_SCOPE_SYSTEM ? object->scope_index == MANIFEST_NONE
	       : object->scope == MANIFEST_SCOPE_VM   ? object->scope_index < 1
	       : object->scope == MANIFEST_SCOPE_TASK ? object->scope_index < 2
						      : false;
}

static bool is_object(uint32_t index, uint32_t type) { return index < 3 && objects[index].type == type; }

static bool is_holder(uint32_t task) { return task < 2 || task == MANIFEST_ROOT; }

static uint32_t vm_of_task(uint32_t task) { return task < 2 ? tasks[task].vm : MANIFEST_NONE; }

/* Whose an object is. */
static struct manifest_subject owner(uint32_t index)
{
	uint32_t task =
		objects[index].scope == MANIFEST_SCOPE_TASK ? objects[index].scope_index : MANIFEST_NONE;

	return (struct manifest_subject){
		objects[index].scope == MANIFEST_SCOPE_VM ? objects[index].scope_index : vm_of_task(task),
		task
	};
}

/* The rule of authority: the object is shared, or of the same VM, or of the same task. */
static bool may_refer(struct manifest_subject to, uint32_t index)
{
	struct manifest_subject of = owner(index);
	bool is_system = of.vm == MANIFEST_NONE && of.task == MANIFEST_NONE;

	return is_system || to.task == MANIFEST_ROOT ||
	       (of.task != MANIFEST_NONE ? of.task == to.task : of.vm == to.vm);
}

/* And no VM's task sends to an endpoint that VMs share. */
static bool may_send(struct manifest_subject to, uint32_t index)
{
	return may_refer(to, index) &&
	       (objects[index].type != MANIFEST_OBJECT_ENDPOINT || to.vm == MANIFEST_NONE ||
		       objects[index].scope != MANIFEST_SCOPE_SYSTEM);
}

/* Registers and messages of a PCI function are its driver's, an MSI-X table is the system's task's that drives none. */
static bool may_drive(uint32_t task, uint32_t index)
{
	const struct manifest_object *object = &objects[index];
	uint32_t function = task < 2 ? tasks[task].function : 0;

	if (object->type != MANIFEST_OBJECT_DEVICE_MEMORY && (object->flags & MANIFEST_OBJECT_MESSAGE) == 0) {
		return true;
	}
	return (object->flags & MANIFEST_OBJECT_TABLE) != 0
		       ? function == 0 && task < 2 && tasks[task].vm == MANIFEST_NONE
		       : function == object->first + 1;
}

enum manifest_error proof_check_record(const struct manifest *of, uint32_t section, uint32_t record)
{
	while (due_section < MANIFEST_SECTION_COUNT && due_record >= header.sections[due_section].count) {
		due_section++;
		due_record = 0;
	}
	PROVE(of == &manifest && answer == MANIFEST_OK && section == due_section && record == due_record,
		"record after record, until one is refused");
	PROVE(section < MANIFEST_SECTION_OBJECTS ||
			(scope_is_good(&objects[0]) && scope_is_good(&objects[1]) &&
				scope_is_good(&objects[2])),
		"scopes are judged before what follows them");
	due_record++;
	answer = any_bool() ? MANIFEST_OK : MANIFEST_ERROR_VALUE;
	return answer;
}

static void walk(void)
{
	struct manifest_fault fault = { MANIFEST_SECTION_COUNT, 0 };
	uint32_t held = 0;

	for (uint32_t section = 0; section < MANIFEST_SECTION_COUNT; section++) {
		header.sections[section].count = any_u8() & 1;
	}

	enum manifest_error error = manifest_validate(&manifest, &fault);

	for (uint32_t i = 0; i < 2; i++) {
		held += capabilities[i].task == 0;
	}
	COVER_IF(error == MANIFEST_OK, "all is accepted");
	if (error == MANIFEST_OK) {
		while (due_section < MANIFEST_SECTION_COUNT &&
			due_record >= header.sections[due_section].count) {
			due_section++;
			due_record = 0;
		}
		PROVE(answer == MANIFEST_OK && due_section == MANIFEST_SECTION_COUNT, "all were judged");
		PROVE(is_text(header.name, MANIFEST_NAME_SIZE), "the appliance has a name");
		PROVE(scope_is_good(&objects[0]) && scope_is_good(&objects[1]) && scope_is_good(&objects[2]),
			"all scopes are good");
		PROVE(held < 1u << tasks[0].cnode_size_bits, "a task's capabilities fit");
	} else if (answer != MANIFEST_OK) {
		PROVE(error == answer && fault.section == due_section && fault.record == due_record - 1,
			"the record that was refused is told");
	} else if (!is_text(header.name, MANIFEST_NAME_SIZE)) {
		PROVE(error == MANIFEST_ERROR_STRING && fault.section == MANIFEST_SECTION_COUNT,
			"a bad name is the header's");
	} else if (fault.section == MANIFEST_SECTION_OBJECTS) {
		COVER("a bad scope");
		PROVE(fault.record < 3 && !scope_is_good(&objects[fault.record]), "a bad scope is told");
	} else {
		PROVE(error == MANIFEST_ERROR_VALUE && fault.section == MANIFEST_SECTION_TASKS &&
				fault.record < 2,
			"too many capabilities are told");
	}
}

/* What all of them are judged by. */
static void judge_rules(void)
{
	uint32_t third = any_bool() ? 2 : any_bool() ? 1 : 0;
	uint32_t offset = any_u32(), limit = any_u32();
	struct manifest_subject subject = { 7, 7 };
	uint32_t task = any_u32();

	PROVE((manifest_check_text(&manifest, offset, limit) == MANIFEST_OK) == is_text(offset, limit),
		"a text is what starts in the section, is not empty and ends within its limit");
	PROVE(manifest_same_name(&manifest, 0, 0), "a text is itself");
	PROVE(manifest_string(&manifest, offset) == (offset < STRINGS ? strings + offset : "") ||
			offset >= STRINGS,
		"the text at that offset");
	PROVE(*manifest_string(&manifest, offset) == (offset < STRINGS ? strings[offset] : '\0'),
		"nothing for what is outside");
	PROVE((manifest_same_text(strings, strings + 2) != 0) ==
			(strings[0] == strings[2] && (strings[0] == '\0' || strings[1] == strings[3])),
		"texts are the same if all their bytes are");
	PROVE((manifest_subject_of_task(&manifest, task, &subject) == MANIFEST_OK) == is_holder(task),
		"a task that is there, or the root task");
	PROVE(!is_holder(task) ||
			(subject.task == task && subject.vm == (task < 2 ? tasks[task].vm : MANIFEST_NONE)),
		"who it is");
	subject = manifest_subject_of_object(&manifest, &objects[third]);
	PROVE(subject.task == owner(third).task && subject.vm == owner(third).vm, "whose an object is");
	subject = (struct manifest_subject){ any_u32(), any_u32() };
	PROVE((manifest_in_reach(&subject, &objects[third]) != 0) == may_refer(subject, third),
		"in reach is what the rule of authority says");
	PROVE((manifest_in_reach(&subject, &objects[third]) &&
		      !manifest_is_shared_endpoint(&subject, &objects[third])) == may_send(subject, third),
		"and no endpoint that VMs share");
	PROVE((manifest_is_its_function(&manifest, task, &objects[third]) != 0) == may_drive(task, third),
		"a function is its driver's");
	PROVE((manifest_object_of_type(&manifest, task, offset) != NULL) == is_object(task, offset),
		"an object of that type, if it is there");
}

/* What runs. */
static void judge_tasks(void)
{
	uint32_t i = any_bool() ? 1 : 0;

	switch (any_u8()) {
	case 0:
		if (manifest_check_argument(&manifest, i) == MANIFEST_OK) {
			COVER("argument");
			PROVE(is_text(arguments[i], MANIFEST_ARGUMENT_SIZE), "an argument is a text");
		}
		break;
	case 1:
		if (manifest_check_module(&manifest, 0) == MANIFEST_OK) {
			COVER("module");
			PROVE(is_text(modules[0].name, MANIFEST_NAME_SIZE), "a module has a name");
		}
		break;
	case 2:
		if (manifest_check_vm(&manifest, 0) == MANIFEST_OK) {
			COVER("VM");
			PROVE(is_text(vms[0].name, MANIFEST_NAME_SIZE), "a VM has a name");
		}
		break;
	default:
		if (manifest_check_task(&manifest, i) == MANIFEST_OK) {
			const struct manifest_task *task = &tasks[i];

			COVER("task");
			PROVE(is_text(task->name, MANIFEST_NAME_SIZE), "a task has a name");
			PROVE(task->module < 1 && (task->vm == MANIFEST_NONE || task->vm < 1),
				"its module and VM are there");
			PROVE((uint64_t)task->first_argument + task->argument_count <= 2,
				"its arguments are there");
		}
		break;
	}
}

/* Objects. */
static void judge_objects(void)
{
	uint32_t third = any_bool() ? 2 : any_bool() ? 1 : 0;

	if (manifest_check_object(&manifest, third) == MANIFEST_OK) {
		const struct manifest_object *object = &objects[third];

		COVER("object");
		PROVE(is_text(object->name, MANIFEST_OBJECT_NAME_SIZE), "an object has a name");
		PROVE(object->type != MANIFEST_OBJECT_VCPU ||
				(is_object(object->guest_space, MANIFEST_OBJECT_GUEST_SPACE) &&
					is_object(object->sched_context, MANIFEST_OBJECT_SCHED_CONTEXT)),
			"a VCPU's space and context are there");
		PROVE(object->type != MANIFEST_OBJECT_VCPU ||
				(object->scope == MANIFEST_SCOPE_VM &&
					object->scope_index == owner(object->guest_space).vm &&
					object->scope_index == owner(object->sched_context).vm),
			"a VCPU's space and context are its VM's");
		PROVE(object->module == MANIFEST_NONE || object->module < 1, "its module is there");
	}
}

/* What tasks hold, and what they and guests see. */
static void judge_holdings(void)
{
	uint32_t i = any_bool() ? 1 : 0;
	struct manifest_subject holder;

	switch (any_u8()) {
	case 0:
		if (manifest_check_capability(&manifest, i) == MANIFEST_OK) {
			COVER("capability");
			PROVE(is_text(capabilities[i].name, MANIFEST_NAME_SIZE), "a capability has a name");
			PROVE(is_holder(capabilities[i].task) && capabilities[i].object < 3,
				"its task and object are there");
			holder = (struct manifest_subject){ vm_of_task(capabilities[i].task),
				capabilities[i].task };
			PROVE(may_send(holder, capabilities[i].object),
				"a capability is within the rule of authority");
			PROVE(may_drive(capabilities[i].task, capabilities[i].object), "and its driver's");
		}
		break;
	case 1:
		if (manifest_check_mapping(&manifest, i) == MANIFEST_OK) {
			COVER("mapping");
			PROVE(is_text(mappings[i].name, MANIFEST_NAME_SIZE), "a mapping has a name");
			PROVE(is_holder(mappings[i].task) &&
					(is_object(mappings[i].object, MANIFEST_OBJECT_MEMORY) ||
						is_object(mappings[i].object, MANIFEST_OBJECT_VCPU) ||
						is_object(mappings[i].object, MANIFEST_OBJECT_DEVICE_MEMORY)),
				"its task and memory are there");
			holder = (struct manifest_subject){ vm_of_task(mappings[i].task), mappings[i].task };
			PROVE(may_refer(holder, mappings[i].object),
				"a mapping is within the rule of authority");
			PROVE(may_drive(mappings[i].task, mappings[i].object), "and its driver's");
		}
		break;
	default:
		if (manifest_check_guest_mapping(&manifest, i) == MANIFEST_OK) {
			COVER("guest mapping");
			PROVE(is_object(guest_mappings[i].guest_space, MANIFEST_OBJECT_GUEST_SPACE) &&
					is_object(guest_mappings[i].object, MANIFEST_OBJECT_MEMORY),
				"a guest mapping's space and memory are there");
			PROVE(may_refer(owner(guest_mappings[i].guest_space), guest_mappings[i].object),
				"a guest mapping is within the rule of authority");
		}
		break;
	}
}

/* Where things go. */
static void judge_routes(void)
{
	uint32_t i = any_bool() ? 1 : 0;
	struct manifest_subject holder;

	switch (any_u8()) {
	case 0:
		if (manifest_check_route(&manifest, i) == MANIFEST_OK) {
			COVER("route");
			PROVE(is_object(routes[i].guest_space, MANIFEST_OBJECT_GUEST_SPACE) &&
					is_object(routes[i].vcpu, MANIFEST_OBJECT_VCPU) &&
					(is_object(routes[i].target, MANIFEST_OBJECT_ENDPOINT) ||
						is_object(routes[i].target, MANIFEST_OBJECT_NOTIFICATION)),
				"a route's space, VCPU and target are there");
			PROVE(objects[routes[i].vcpu].guest_space == routes[i].guest_space,
				"the VCPU is in that space");
			PROVE(may_send(owner(routes[i].guest_space), routes[i].target),
				"a route is within the rule of authority");
		}
		break;
	case 1:
		if (manifest_check_exit(&manifest, i) == MANIFEST_OK) {
			COVER("exit");
			PROVE(is_object(exits[i].vcpu, MANIFEST_OBJECT_VCPU) &&
					is_object(exits[i].endpoint, MANIFEST_OBJECT_ENDPOINT),
				"an exit's VCPU and endpoint are there");
			PROVE(may_send(owner(exits[i].vcpu), exits[i].endpoint),
				"an exit is within the rule of authority");
		}
		break;
	default:
		if (manifest_check_binding(&manifest, i) == MANIFEST_OK) {
			COVER("binding");
			PROVE(is_object(bindings[i].notification, MANIFEST_OBJECT_NOTIFICATION),
				"a binding's notification is there");
			PROVE(bindings[i].kind == MANIFEST_BINDING_THREAD ? is_holder(bindings[i].subject)
									  : bindings[i].subject < 3,
				"its subject is there");
			holder = bindings[i].kind == MANIFEST_BINDING_THREAD
					 ? (struct manifest_subject){ vm_of_task(bindings[i].subject),
						   bindings[i].subject }
					 : owner(bindings[i].subject);
			PROVE(may_refer(holder, bindings[i].notification),
				"a binding is within the rule of authority");
		}
		break;
	}
}

#if CASE == 1
static void prove(void) { walk(); }
#else
static void prove(void)
{
	ASSUME(scope_is_good(&objects[0]) && scope_is_good(&objects[1]) && scope_is_good(&objects[2]),
		"what the reader and earlier checks have established: strings end with a NUL, scopes name VMs and tasks that are there");
	switch (CASE) {
	case 0:
		judge_rules();
		break;
	case 2:
		judge_tasks();
		break;
	case 3:
		judge_objects();
		break;
	case 4:
		judge_holdings();
		break;
	default:
		judge_routes();
		break;
	}
}
#endif

int main(void)
{
	__CPROVER_havoc_object(strings);
	__CPROVER_havoc_object(arguments);
	__CPROVER_havoc_object(modules);
	__CPROVER_havoc_object(vms);
	__CPROVER_havoc_object(tasks);
	__CPROVER_havoc_object(objects);
	__CPROVER_havoc_object(capabilities);
	__CPROVER_havoc_object(mappings);
	__CPROVER_havoc_object(guest_mappings);
	__CPROVER_havoc_object(routes);
	__CPROVER_havoc_object(exits);
	__CPROVER_havoc_object(bindings);
	header.name = any_u32();
	strings[STRINGS - 1] = '\0';
	ASSUME(tasks[0].cnode_size_bits <= MAX_CNODE_SIZE_BITS &&
			tasks[1].cnode_size_bits <= MAX_CNODE_SIZE_BITS,
		"a task's CNode has a size that was checked before the capabilities are counted");
	prove();
	return 0;
}
