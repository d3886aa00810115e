/* SPDX-License-Identifier: MIT */
/*
 * The manifest's reader: what a sound manifest reads as; that every field which can be wrong is refused with the right error at the right
 * record; and that no truncation and no flipped byte takes the reader out of its buffer (which the address sanitizer watches).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#include <stdlib.h>
#include <string.h>

static struct manifest_writer writer;
static uint32_t sample_name;

static int set_up(void **state)
{
	(void)state;
	manifest_writer_init(&writer);
	sample_name = sample_fill(&writer);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	manifest_writer_free(&writer);
	return 0;
}

static void *finish(size_t *size)
{
	return manifest_writer_finish(&writer, sample_name, MANIFEST_PANIC_HALT, size);
}

/* Lays the writer's records out and opens the result. */
static enum manifest_error open_writer(struct manifest_fault *fault)
{
	struct manifest manifest;
	size_t size;
	void *bytes = finish(&size);
	enum manifest_error error = manifest_open(bytes, size, &manifest, fault);

	free(bytes);
	return error;
}

static void expect(enum manifest_error expected, uint32_t section, uint32_t record)
{
	struct manifest_fault fault;
	enum manifest_error error = open_writer(&fault);

	assert_string_equal(manifest_error_text(error), manifest_error_text(expected));
	assert_string_equal(manifest_section_name(fault.section), manifest_section_name(section));
	assert_int_equal(fault.record, record);
}

#define RECORD(section, type, index) ((struct type *)manifest_writer_record(&writer, (section), (index)))
#define TASK(index) RECORD(MANIFEST_SECTION_TASKS, manifest_task, index)
#define VM(index) RECORD(MANIFEST_SECTION_VMS, manifest_vm, index)
#define OBJECT(index) RECORD(MANIFEST_SECTION_OBJECTS, manifest_object, index)
#define CAPABILITY(index) RECORD(MANIFEST_SECTION_CAPABILITIES, manifest_capability, index)
#define MAPPING(index) RECORD(MANIFEST_SECTION_MAPPINGS, manifest_mapping, index)
#define GUEST_MAPPING(index) RECORD(MANIFEST_SECTION_GUEST_MAPPINGS, manifest_guest_mapping, index)
#define ROUTE(index) RECORD(MANIFEST_SECTION_ROUTES, manifest_route, index)
#define EXIT(index) RECORD(MANIFEST_SECTION_EXITS, manifest_exit, index)
#define BINDING(index) RECORD(MANIFEST_SECTION_BINDINGS, manifest_binding, index)

/* Changes a field, expects the refusal, and puts the field back. */
#define REFUSED(record, field, value, error, section, index)        \
	do {                                                        \
		__typeof__((record)->field) kept = (record)->field; \
		(record)->field = (__typeof__(kept))(value);        \
		expect((error), (section), (index));                \
		(record)->field = kept;                             \
	} while (0)

static void a_sound_manifest_reads_as_written(void **state)
{
	(void)state;
	size_t size;
	void *bytes = finish(&size);
	struct manifest manifest;
	struct manifest_fault fault;

	assert_int_equal(manifest_open(bytes, size, &manifest, &fault), MANIFEST_OK);
	assert_string_equal(manifest_string(&manifest, manifest.header->name), "sample");
	assert_int_equal(manifest.vm_count, SAMPLE_VMS);
	assert_int_equal(manifest.task_count, SAMPLE_TASKS);
	assert_int_equal(manifest.object_count, SAMPLE_OBJECTS);
	assert_int_equal(manifest.capability_count, 5);
	assert_int_equal(manifest.mapping_count, 4);
	assert_int_equal(manifest.guest_mapping_count, 2);
	assert_int_equal(manifest.route_count, 2);
	assert_int_equal(manifest.exit_count, 1);
	assert_int_equal(manifest.binding_count, 4);
	assert_int_equal(manifest_find_task(&manifest, "red/vmm"), SAMPLE_TASK_VMM);
	assert_int_equal(manifest_find_task(&manifest, "red/vm"), MANIFEST_NONE);
	assert_int_equal(manifest_find_vm(&manifest, "blue"), SAMPLE_VM_BLUE);
	assert_int_equal(manifest_find_vm(&manifest, ""), MANIFEST_NONE);

	const struct manifest_task *task = &manifest.tasks[SAMPLE_TASK_VMM];

	assert_string_equal(manifest_argument(&manifest, task, 0), "vm=red");
	assert_string_equal(manifest_argument(&manifest, task, 1), "line=uart0,0,gsi,4");
	assert_string_equal(manifest_argument(&manifest, task, 2), "");
	assert_int_equal(task->restart.max, 5);

	const struct manifest_mapping *mapping = manifest_find_mapping(&manifest, SAMPLE_TASK_VMM, "kernel");

	assert_non_null(mapping);
	assert_int_equal(mapping->length, 5000);
	assert_null(manifest_find_mapping(&manifest, SAMPLE_TASK_BLUE, "kernel"));
	assert_string_equal(manifest_string(&manifest, manifest.string_size), "");
	assert_string_equal(manifest_string(&manifest, MANIFEST_NONE), "");
	free(bytes);
}

static void a_manifest_without_any_record_is_sound(void **state)
{
	(void)state;
	manifest_writer_free(&writer);
	manifest_writer_init(&writer);
	sample_name = manifest_writer_string(&writer, "empty");
	expect(MANIFEST_OK, MANIFEST_SECTION_COUNT, 0);
}

static void the_checksum_is_crc_32(void **state)
{
	(void)state;
	/* the check value that the catalogue of CRC algorithms gives for "123456789" */
	assert_int_equal(manifest_checksum("123456789", 9), 0xcbf43926);
	assert_int_equal(manifest_checksum("", 0), 0);
}

/* Opens a changed copy; `mend_checksum` makes the change look intended. The copy ends where the allocation ends. */
static enum manifest_error open_changed(
	const uint8_t *bytes, size_t size, size_t offset, uint8_t difference, int mend_checksum)
{
	uint8_t *copy = malloc(size);
	struct manifest manifest;
	struct manifest_fault fault;

	memcpy(copy, bytes, size);
	copy[offset] ^= difference;
	if (mend_checksum) {
		size_t covered_from = offsetof(struct manifest_header, name);
		uint32_t checksum = manifest_checksum(copy + covered_from, size - covered_from);

		memcpy(copy + offsetof(struct manifest_header, checksum), &checksum, sizeof checksum);
	}
	enum manifest_error error = manifest_open(copy, size, &manifest, &fault);

	if (error == MANIFEST_OK) {
		/* everything that was accepted can be walked */
		for (uint32_t i = 0; i < manifest.object_count; i++) {
			assert_true(strlen(manifest_string(&manifest, manifest.objects[i].name)) <
				    MANIFEST_OBJECT_NAME_SIZE);
		}
		for (uint32_t i = 0; i < manifest.task_count; i++) {
			for (uint32_t j = 0; j < manifest.tasks[i].argument_count; j++) {
				assert_true(strlen(manifest_argument(&manifest, &manifest.tasks[i], j)) > 0);
			}
		}
	} else {
		assert_null(manifest.header);
		assert_int_equal(manifest.task_count, 0);
	}
	free(copy);
	return error;
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	size_t size;
	uint8_t *bytes = finish(&size);

	for (size_t length = 0; length < size; length++) {
		uint8_t *copy = malloc(length); /* ends where the truncated manifest ends */
		struct manifest manifest;

		memcpy(copy, bytes, length);
		assert_int_equal(manifest_open(copy, length, &manifest, NULL), MANIFEST_ERROR_TRUNCATED);
		free(copy);
	}
	free(bytes);
}

static void every_flipped_byte_is_noticed_by_the_checksum(void **state)
{
	(void)state;
	size_t size;
	uint8_t *bytes = finish(&size);

	for (size_t offset = offsetof(struct manifest_header, checksum); offset < size; offset++) {
		assert_int_equal(open_changed(bytes, size, offset, 0x41, 0), MANIFEST_ERROR_CHECKSUM);
	}
	free(bytes);
}

static void no_flipped_byte_leads_out_of_the_buffer(void **state)
{
	(void)state;
	static const uint8_t DIFFERENCES[] = { 0x01, 0x02, 0x80, 0xff };
	size_t size;
	uint8_t *bytes = finish(&size);
	unsigned refused = 0;

	for (size_t offset = 0; offset < size; offset++) {
		for (unsigned i = 0; i < sizeof DIFFERENCES; i++) {
			refused += open_changed(bytes, size, offset, DIFFERENCES[i], 1) != MANIFEST_OK;
		}
	}
	/* texts, badges and free parameters may change; records that refer to something may not */
	assert_true(refused > size);
	free(bytes);
}

static void header_faults_are_told_apart(void **state)
{
	(void)state;
	size_t size;
	uint8_t *bytes = finish(&size);
	struct manifest manifest;
	struct manifest_header *header = (struct manifest_header *)bytes;

	assert_int_equal(open_changed(bytes, size, 0, 1, 1), MANIFEST_ERROR_MAGIC);
	assert_int_equal(open_changed(bytes, size, offsetof(struct manifest_header, abi_version), 2, 1),
		MANIFEST_ERROR_VERSION);
	assert_int_equal(open_changed(bytes, size, offsetof(struct manifest_header, header_size), 8, 1),
		MANIFEST_ERROR_VERSION);
	assert_int_equal(open_changed(bytes, size, offsetof(struct manifest_header, total_size) + 3, 0x80, 1),
		MANIFEST_ERROR_SIZE);
	header->total_size = 8;
	assert_int_equal(manifest_open(bytes, size, &manifest, NULL), MANIFEST_ERROR_SIZE);
	free(bytes);

	bytes = finish(&size);
	uint8_t *shifted = malloc(size + 8);

	memcpy(shifted + 4, bytes, size);
	assert_int_equal(manifest_open(shifted + 4, size, &manifest, NULL), MANIFEST_ERROR_MISALIGNED);
	free(shifted);
	free(bytes);
	bytes = manifest_writer_finish(&writer, sample_name, (enum manifest_panic_action)2, &size);
	assert_int_equal(manifest_open(bytes, size, &manifest, NULL), MANIFEST_ERROR_VALUE);
	free(bytes);
	bytes = manifest_writer_finish(&writer, MANIFEST_NONE, MANIFEST_PANIC_HALT, &size);
	assert_int_equal(manifest_open(bytes, size, &manifest, NULL), MANIFEST_ERROR_STRING);
	free(bytes);
}

/* Opens the sample with one section's place changed. */
static enum manifest_error open_with_section(uint32_t index, uint32_t offset, uint32_t count)
{
	size_t size;
	uint8_t *bytes = finish(&size);
	struct manifest_header *header = (struct manifest_header *)bytes;
	struct manifest manifest;
	size_t covered_from = offsetof(struct manifest_header, name);

	header->sections[index] = (struct manifest_section){ offset, count };
	header->checksum = manifest_checksum(bytes + covered_from, size - covered_from);
	enum manifest_error error = manifest_open(bytes, size, &manifest, NULL);

	free(bytes);
	return error;
}

static void sections_outside_are_refused(void **state)
{
	(void)state;
	size_t size;
	uint8_t *bytes = finish(&size);
	uint32_t end = (uint32_t)size;

	free(bytes);
	for (uint32_t index = 0; index < MANIFEST_SECTION_COUNT; index++) {
		assert_int_equal(open_with_section(index, 0, 1), MANIFEST_ERROR_SECTION);
		assert_int_equal(open_with_section(index, sizeof(struct manifest_header) + 4, 0),
			MANIFEST_ERROR_SECTION);
		assert_int_equal(open_with_section(index, end, 1), MANIFEST_ERROR_SECTION);
		assert_int_equal(open_with_section(index, end + 8, 0), MANIFEST_ERROR_SECTION);
		assert_int_equal(open_with_section(index, UINT32_MAX & ~7u, 1), MANIFEST_ERROR_SECTION);
		assert_int_equal(open_with_section(index, sizeof(struct manifest_header), UINT32_MAX),
			MANIFEST_ERROR_SECTION);
	}
	assert_int_equal(open_with_section(MANIFEST_SECTION_STRINGS, end, 0), MANIFEST_ERROR_STRING);
	assert_int_equal(open_with_section(MANIFEST_SECTION_STRINGS, sizeof(struct manifest_header), 3),
		MANIFEST_ERROR_STRING);
}

static void bad_strings_are_refused(void **state)
{
	(void)state;
	uint32_t empty = manifest_writer_string(&writer, "%s", "");
	uint32_t longest = manifest_writer_string(&writer, "%s", "1234567890123456789012345678901");
	uint32_t too_long = manifest_writer_string(&writer, "%s", "12345678901234567890123456789012");
	struct manifest_capability *capability = CAPABILITY(1);

	REFUSED(capability, name, empty, MANIFEST_ERROR_STRING, MANIFEST_SECTION_CAPABILITIES, 1);
	REFUSED(capability, name, too_long, MANIFEST_ERROR_STRING, MANIFEST_SECTION_CAPABILITIES, 1);
	REFUSED(capability, name, 1u << 20, MANIFEST_ERROR_STRING, MANIFEST_SECTION_CAPABILITIES, 1);
	REFUSED(TASK(0), name, empty, MANIFEST_ERROR_STRING, MANIFEST_SECTION_TASKS, 0);
	REFUSED(VM(1), name, too_long, MANIFEST_ERROR_STRING, MANIFEST_SECTION_VMS, 1);
	REFUSED(MAPPING(2), name, too_long, MANIFEST_ERROR_STRING, MANIFEST_SECTION_MAPPINGS, 2);
	REFUSED(OBJECT(2), name, MANIFEST_NONE, MANIFEST_ERROR_STRING, MANIFEST_SECTION_OBJECTS, 2);
	capability->name = longest;
	expect(MANIFEST_OK, MANIFEST_SECTION_COUNT, 0);
	*(uint32_t *)manifest_writer_record(&writer, MANIFEST_SECTION_ARGUMENTS, 1) = empty;
	expect(MANIFEST_ERROR_STRING, MANIFEST_SECTION_ARGUMENTS, 1);
}

static void bad_vms_and_tasks_are_refused(void **state)
{
	(void)state;
	const uint32_t vms = MANIFEST_SECTION_VMS;
	const uint32_t tasks = MANIFEST_SECTION_TASKS;

	REFUSED(VM(0), trust_domain, 0, MANIFEST_ERROR_VALUE, vms, 0);
	REFUSED(VM(0), reserved, 1, MANIFEST_ERROR_VALUE, vms, 0);
	REFUSED(VM(0), memory, 0, MANIFEST_ERROR_VALUE, vms, 0);
	REFUSED(VM(0), memory, MANIFEST_PAGE_SIZE, MANIFEST_ERROR_VALUE, vms, 0);
	REFUSED(VM(1), hang_limit_ms, 0, MANIFEST_ERROR_VALUE, vms, 1);
	REFUSED(VM(1), budget_us, 20001, MANIFEST_ERROR_VALUE, vms, 1);
	REFUSED(VM(1), budget_us, 0, MANIFEST_ERROR_VALUE, vms, 1);
	REFUSED(VM(1), period_us, 10000001, MANIFEST_ERROR_VALUE, vms, 1);
	REFUSED(VM(1), on_crash.on_exit, 2, MANIFEST_ERROR_VALUE, vms, 1);
	REFUSED(VM(1), on_crash.max, 1, MANIFEST_ERROR_VALUE, vms, 1);
	REFUSED(VM(1), on_reset.max, 0, MANIFEST_ERROR_VALUE, vms, 1);
	REFUSED(VM(1), on_reset.seconds, 0, MANIFEST_ERROR_VALUE, vms, 1);
	REFUSED(VM(1), name, VM(0)->name, MANIFEST_ERROR_DUPLICATE, vms, 1);
	REFUSED(TASK(1), name, TASK(0)->name, MANIFEST_ERROR_DUPLICATE, tasks, 1);
	REFUSED(TASK(1), module, 1, MANIFEST_ERROR_REFERENCE, tasks, 1);
	REFUSED(TASK(1), vm, SAMPLE_VMS, MANIFEST_ERROR_REFERENCE, tasks, 1);
	REFUSED(TASK(1), trust_domain, 2, MANIFEST_ERROR_SCOPE, tasks, 1);
	REFUSED(TASK(0), trust_domain, 0, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), flags, MANIFEST_TASK_ESSENTIAL, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), flags, 8, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), flags, MANIFEST_TASK_ALLOW_DMA, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), priority, 0, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), priority, 256, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), cnode_size_bits, 0, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), cnode_size_bits, 13, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), handler_count, MANIFEST_MAX_HANDLERS + 1, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), budget_us, 0, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), heap_size, 1, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), stack_size, 0, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), stack_size, 1, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), restart.on_exit, 7, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(0), function, MANIFEST_MAX_FUNCTIONS + 1, MANIFEST_ERROR_VALUE, tasks, 0);
	REFUSED(TASK(1), function, 1, MANIFEST_ERROR_SCOPE, tasks, 1);
	REFUSED(TASK(0), first_argument, 3, MANIFEST_ERROR_REFERENCE, tasks, 0);
	REFUSED(TASK(0), argument_count, 3, MANIFEST_ERROR_REFERENCE, tasks, 0);
	/* slot 0 stays empty, so two slots hold one capability, and the model has two */
	REFUSED(TASK(SAMPLE_TASK_MODEL), cnode_size_bits, 1, MANIFEST_ERROR_VALUE, tasks, SAMPLE_TASK_MODEL);
	TASK(0)->budget_us = 0;
	TASK(0)->period_us = 0;
	expect(MANIFEST_OK, MANIFEST_SECTION_COUNT, 0);
}

static void bad_objects_are_refused(void **state)
{
	(void)state;
	const uint32_t objects = MANIFEST_SECTION_OBJECTS;
	const enum manifest_error value = MANIFEST_ERROR_VALUE;
	const enum manifest_error reference = MANIFEST_ERROR_REFERENCE;

	REFUSED(RECORD(MANIFEST_SECTION_MODULES, manifest_module, 0), size, 0, value,
		MANIFEST_SECTION_MODULES, 0);
	REFUSED(RECORD(MANIFEST_SECTION_MODULES, manifest_module, 0), reserved, 1, value,
		MANIFEST_SECTION_MODULES, 0);
	REFUSED(OBJECT(0), type, 0, value, objects, 0);
	REFUSED(OBJECT(0), type, MANIFEST_OBJECT_TYPE_END, value, objects, 0);
	REFUSED(OBJECT(0), scope, 3, value, objects, 0);
	REFUSED(OBJECT(0), scope_index, 0, value, objects, 0);
	REFUSED(OBJECT(0), reserved, 1, value, objects, 0);
	REFUSED(OBJECT(0), flags, MANIFEST_OBJECT_LARGE_PAGES, value, objects, 0);
	REFUSED(OBJECT(0), module, 0, value, objects, 0);
	REFUSED(OBJECT(0), first, 1, value, objects, 0);
	REFUSED(OBJECT(0), count, 1, value, objects, 0);
	REFUSED(OBJECT(0), guest_space, SAMPLE_GUEST_SPACE, value, objects, 0);
	REFUSED(OBJECT(0), sched_context, SAMPLE_CONTEXT, value, objects, 0);
	REFUSED(OBJECT(0), priority, 1, value, objects, 0);
	REFUSED(OBJECT(0), index, 1, value, objects, 0);
	REFUSED(OBJECT(0), cpu, 1, value, objects, 0);
	REFUSED(OBJECT(0), size, MANIFEST_PAGE_SIZE, value, objects, 0);
	REFUSED(OBJECT(0), budget_us, 10, value, objects, 0);
	REFUSED(OBJECT(0), period_us, 10, value, objects, 0);
	REFUSED(OBJECT(SAMPLE_GUEST_SPACE), scope_index, SAMPLE_VMS, reference, objects, SAMPLE_GUEST_SPACE);
	REFUSED(OBJECT(SAMPLE_MODEL_TIMER), scope_index, SAMPLE_TASKS, reference, objects,
		SAMPLE_MODEL_TIMER);
	REFUSED(OBJECT(SAMPLE_PORTS), first, 65536, value, objects, SAMPLE_PORTS);
	REFUSED(OBJECT(SAMPLE_PORTS), first, 65529, value, objects, SAMPLE_PORTS);
	REFUSED(OBJECT(SAMPLE_PORTS), first, UINT32_MAX, value, objects, SAMPLE_PORTS);
	REFUSED(OBJECT(SAMPLE_PORTS), count, 0, value, objects, SAMPLE_PORTS);
	REFUSED(OBJECT(SAMPLE_PORTS), count, UINT32_MAX, value, objects, SAMPLE_PORTS);
	REFUSED(OBJECT(SAMPLE_INTERRUPT), first, 16, value, objects, SAMPLE_INTERRUPT);
	REFUSED(OBJECT(SAMPLE_INTERRUPT), first, 1024, value, objects, SAMPLE_INTERRUPT);
	REFUSED(OBJECT(SAMPLE_INTERRUPT), flags, MANIFEST_OBJECT_MESSAGE | MANIFEST_OBJECT_ISA, value,
		objects, SAMPLE_INTERRUPT);
	REFUSED(OBJECT(SAMPLE_INTERRUPT), flags, MANIFEST_OBJECT_DMA, value, objects, SAMPLE_INTERRUPT);
	REFUSED(OBJECT(SAMPLE_INTERRUPT), index, 1, value, objects, SAMPLE_INTERRUPT);
	REFUSED(OBJECT(SAMPLE_MODULE_MEMORY), flags, MANIFEST_OBJECT_DMA, value, objects,
		SAMPLE_MODULE_MEMORY);
	REFUSED(OBJECT(SAMPLE_BLUE_PAGE), flags, MANIFEST_OBJECT_DMA, value, objects, SAMPLE_BLUE_PAGE);
	REFUSED(OBJECT(SAMPLE_MODULE_MEMORY), module, 1, reference, objects, SAMPLE_MODULE_MEMORY);
	REFUSED(OBJECT(SAMPLE_MODULE_MEMORY), size, 4999, value, objects, SAMPLE_MODULE_MEMORY);
	REFUSED(OBJECT(SAMPLE_MODULE_MEMORY), flags, MANIFEST_OBJECT_LARGE_PAGES, value, objects,
		SAMPLE_MODULE_MEMORY);
	REFUSED(OBJECT(SAMPLE_RAM), size, 0, value, objects, SAMPLE_RAM);
	REFUSED(OBJECT(SAMPLE_RAM), size, MANIFEST_PAGE_SIZE, value, objects, SAMPLE_RAM);
	REFUSED(OBJECT(SAMPLE_BLUE_PAGE), size, 1, value, objects, SAMPLE_BLUE_PAGE);
	REFUSED(OBJECT(SAMPLE_CONTEXT), budget_us, 9, value, objects, SAMPLE_CONTEXT);
	REFUSED(OBJECT(SAMPLE_CONTEXT), period_us, 7999, value, objects, SAMPLE_CONTEXT);
	REFUSED(OBJECT(SAMPLE_VCPU), guest_space, SAMPLE_CONTEXT, reference, objects, SAMPLE_VCPU);
	REFUSED(OBJECT(SAMPLE_VCPU), guest_space, MANIFEST_NONE, reference, objects, SAMPLE_VCPU);
	REFUSED(OBJECT(SAMPLE_VCPU), sched_context, SAMPLE_RAM, reference, objects, SAMPLE_VCPU);
	REFUSED(OBJECT(SAMPLE_VCPU), priority, 0, value, objects, SAMPLE_VCPU);
	REFUSED(OBJECT(SAMPLE_VCPU), cpu, 1, value, objects, SAMPLE_VCPU);
	REFUSED(OBJECT(SAMPLE_VCPU), scope_index, SAMPLE_VM_BLUE, MANIFEST_ERROR_SCOPE, objects, SAMPLE_VCPU);
	REFUSED(OBJECT(SAMPLE_CONTEXT), scope_index, SAMPLE_VM_BLUE, MANIFEST_ERROR_SCOPE, objects,
		SAMPLE_VCPU);
	REFUSED(OBJECT(SAMPLE_MODEL_THREAD), index, 0, value, objects, SAMPLE_MODEL_THREAD);
	REFUSED(OBJECT(SAMPLE_MODEL_THREAD), index, 2, value, objects, SAMPLE_MODEL_THREAD);
	REFUSED(OBJECT(SAMPLE_MODEL_THREAD), priority, 256, value, objects, SAMPLE_MODEL_THREAD);
	REFUSED(OBJECT(SAMPLE_MODEL_THREAD), scope, MANIFEST_SCOPE_VM, value, objects, SAMPLE_MODEL_THREAD);
	/* two main handlers of one task */
	struct manifest_object *reply = OBJECT(SAMPLE_MODEL_REPLY);

	reply->type = MANIFEST_OBJECT_THREAD;
	reply->priority = 140;
	reply->index = 1;
	expect(MANIFEST_ERROR_DUPLICATE, objects, SAMPLE_MODEL_THREAD);
}

static void authority_outside_its_scope_is_refused(void **state)
{
	(void)state;
	const enum manifest_error scope = MANIFEST_ERROR_SCOPE;
	const uint32_t capabilities = MANIFEST_SECTION_CAPABILITIES;

	/* a VM's object in another VM's hands, in the system's, and another task's */
	REFUSED(CAPABILITY(1), task, SAMPLE_TASK_BLUE, scope, capabilities, 1);
	REFUSED(CAPABILITY(1), task, SAMPLE_TASK_CONSOLE, scope, capabilities, 1);
	REFUSED(CAPABILITY(2), task, SAMPLE_TASK_VMM, scope, capabilities, 2);
	REFUSED(MAPPING(0), task, SAMPLE_TASK_BLUE, scope, MANIFEST_SECTION_MAPPINGS, 0);
	REFUSED(MAPPING(1), task, SAMPLE_TASK_CONSOLE, scope, MANIFEST_SECTION_MAPPINGS, 1);
	REFUSED(MAPPING(3), task, SAMPLE_TASK_CONSOLE, scope, MANIFEST_SECTION_MAPPINGS, 3);
	/* an endpoint that VMs share, by capability, by route and by exit */
	REFUSED(CAPABILITY(3), object, SAMPLE_SYSTEM_ENDPOINT, scope, capabilities, 3);
	REFUSED(ROUTE(0), target, SAMPLE_SYSTEM_ENDPOINT, scope, MANIFEST_SECTION_ROUTES, 0);
	REFUSED(EXIT(0), endpoint, SAMPLE_SYSTEM_ENDPOINT, scope, MANIFEST_SECTION_EXITS, 0);
	/* another VM's memory in a guest; another VM's endpoint behind a route and an exit */
	REFUSED(OBJECT(SAMPLE_RAM), scope_index, SAMPLE_VM_BLUE, scope, MANIFEST_SECTION_MAPPINGS, 0);
	OBJECT(SAMPLE_BLUE_PAGE)->size = MANIFEST_LARGE_PAGE_SIZE;
	GUEST_MAPPING(0)->length = MANIFEST_LARGE_PAGE_SIZE;
	REFUSED(GUEST_MAPPING(0), object, SAMPLE_BLUE_PAGE, scope, MANIFEST_SECTION_GUEST_MAPPINGS, 0);
	REFUSED(OBJECT(SAMPLE_VMM_ENDPOINT), scope_index, SAMPLE_VM_BLUE, scope, MANIFEST_SECTION_EXITS, 0);
	/* a system's interrupt that signals into a VM would die with it */
	REFUSED(BINDING(3), notification, SAMPLE_VCPU_NOTIFICATION, scope, MANIFEST_SECTION_BINDINGS, 3);
	/* the root task may hold anything, the system's tasks the system's endpoints */
	CAPABILITY(1)->task = MANIFEST_ROOT;
	CAPABILITY(0)->object = SAMPLE_SYSTEM_ENDPOINT;
	expect(MANIFEST_OK, MANIFEST_SECTION_COUNT, 0);
}

/* Adds an object of the system; returns its index. */
static uint32_t add_system_object(struct manifest_object object)
{
	object.name = manifest_writer_string(&writer, "%s", "host/part");
	object.scope = MANIFEST_SCOPE_SYSTEM;
	object.scope_index = MANIFEST_NONE;
	object.module = MANIFEST_NONE;
	object.guest_space = MANIFEST_NONE;
	object.sched_context = MANIFEST_NONE;
	return manifest_writer_add(&writer, MANIFEST_SECTION_OBJECTS, &object);
}

static void add_console_mapping(uint32_t object, uint64_t length)
{
	struct manifest_mapping mapping = {
		.task = SAMPLE_TASK_CONSOLE,
		.name = manifest_writer_string(&writer, "%s", "part"),
		.object = object,
		.rights = MANIFEST_RIGHT_READ | MANIFEST_RIGHT_WRITE,
		.length = length,
	};

	(void)manifest_writer_add(&writer, MANIFEST_SECTION_MAPPINGS, &mapping);
}

static void registers_of_a_function_belong_to_its_driver(void **state)
{
	(void)state;
	const uint32_t objects = MANIFEST_SECTION_OBJECTS;
	const uint32_t mappings = MANIFEST_SECTION_MAPPINGS;
	const enum manifest_error value = MANIFEST_ERROR_VALUE;
	struct manifest_object part = {
		.type = MANIFEST_OBJECT_DEVICE_MEMORY, .first = 3, .index = 4, .size = 4 * MANIFEST_PAGE_SIZE
	};
	uint32_t registers = add_system_object(part);

	add_console_mapping(registers, 4 * MANIFEST_PAGE_SIZE);
	/* Of nobody's driver, and of another function's. */
	expect(MANIFEST_ERROR_SCOPE, mappings, 4);
	REFUSED(TASK(SAMPLE_TASK_CONSOLE), function, 3, MANIFEST_ERROR_SCOPE, mappings, 4);
	TASK(SAMPLE_TASK_CONSOLE)->function = 4;
	expect(MANIFEST_OK, MANIFEST_SECTION_COUNT, 0);
	REFUSED(MAPPING(4), task, MANIFEST_ROOT, MANIFEST_ERROR_SCOPE, mappings, 4);
	REFUSED(MAPPING(4), length, MANIFEST_PAGE_SIZE, value, mappings, 4);
	REFUSED(OBJECT(registers), first, MANIFEST_MAX_FUNCTIONS, value, objects, registers);
	REFUSED(OBJECT(registers), index, MANIFEST_MAX_BARS, value, objects, registers);
	REFUSED(OBJECT(registers), size, 0, value, objects, registers);
	REFUSED(OBJECT(registers), size, 100, value, objects, registers);
	OBJECT(registers)->scope_index = 0;
	REFUSED(OBJECT(registers), scope, MANIFEST_SCOPE_VM, value, objects, registers);
	OBJECT(registers)->scope_index = MANIFEST_NONE;
	/* The MSI-X table is not its driver's, but another's of the system, who drives nothing. */
	OBJECT(registers)->index = 0;
	REFUSED(OBJECT(registers), flags, MANIFEST_OBJECT_TABLE, MANIFEST_ERROR_SCOPE, mappings, 4);
	OBJECT(registers)->flags = MANIFEST_OBJECT_TABLE;
	REFUSED(OBJECT(registers), index, 1, value, objects, registers);
	TASK(SAMPLE_TASK_CONSOLE)->function = 0;
	expect(MANIFEST_OK, MANIFEST_SECTION_COUNT, 0);
	REFUSED(MAPPING(4), task, SAMPLE_TASK_MODEL, MANIFEST_ERROR_SCOPE, mappings, 4);
	/* One owner: not the same registers twice. */
	part.flags = MANIFEST_OBJECT_TABLE;
	part.index = 0;
	expect(MANIFEST_ERROR_DUPLICATE, objects, add_system_object(part));
}

static void messages_of_a_function_belong_to_its_driver(void **state)
{
	(void)state;
	struct manifest_object part = {
		.type = MANIFEST_OBJECT_IRQ_HANDLER, .flags = MANIFEST_OBJECT_MESSAGE, .first = 3, .index = 1
	};
	uint32_t message = add_system_object(part);
	struct manifest_capability capability = {
		SAMPLE_TASK_CONSOLE,
		manifest_writer_string(&writer, "%s", "message"),
		message,
		MANIFEST_RIGHT_ALL,
		0,
	};

	(void)manifest_writer_add(&writer, MANIFEST_SECTION_CAPABILITIES, &capability);
	expect(MANIFEST_ERROR_SCOPE, MANIFEST_SECTION_CAPABILITIES, 5);
	TASK(SAMPLE_TASK_CONSOLE)->function = 4;
	expect(MANIFEST_OK, MANIFEST_SECTION_COUNT, 0);
	REFUSED(OBJECT(message), first, MANIFEST_MAX_FUNCTIONS, MANIFEST_ERROR_VALUE,
		MANIFEST_SECTION_OBJECTS, message);
	REFUSED(OBJECT(message), index, MANIFEST_MAX_MESSAGES, MANIFEST_ERROR_VALUE, MANIFEST_SECTION_OBJECTS,
		message);
	expect(MANIFEST_OK, MANIFEST_SECTION_COUNT, 0);
	expect(MANIFEST_ERROR_DUPLICATE, MANIFEST_SECTION_OBJECTS, add_system_object(part));
}

static void a_function_has_one_driver(void **state)
{
	(void)state;
	TASK(SAMPLE_TASK_CONSOLE)->function = 1;
	TASK(SAMPLE_TASK_BLUE)->flags = 0;
	TASK(SAMPLE_TASK_BLUE)->function = 1;
	TASK(SAMPLE_TASK_BLUE)->vm = MANIFEST_NONE;
	expect(MANIFEST_ERROR_DUPLICATE, MANIFEST_SECTION_TASKS, SAMPLE_TASK_BLUE);
}

static void bad_capabilities_are_refused(void **state)
{
	(void)state;
	const uint32_t section = MANIFEST_SECTION_CAPABILITIES;

	REFUSED(CAPABILITY(0), task, SAMPLE_TASKS, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(CAPABILITY(0), task, MANIFEST_NONE, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(CAPABILITY(0), object, SAMPLE_OBJECTS, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(CAPABILITY(0), rights, 0, MANIFEST_ERROR_VALUE, section, 0);
	REFUSED(CAPABILITY(0), rights, 8, MANIFEST_ERROR_VALUE, section, 0);
	REFUSED(CAPABILITY(0), badge, 1, MANIFEST_ERROR_VALUE, section, 0);
	REFUSED(CAPABILITY(0), object, SAMPLE_MODULE_MEMORY, MANIFEST_ERROR_VALUE, section, 0);
	REFUSED(CAPABILITY(2), name, CAPABILITY(1)->name, MANIFEST_ERROR_DUPLICATE, section, 2);
}

static void bad_mappings_are_refused(void **state)
{
	(void)state;
	const uint32_t section = MANIFEST_SECTION_MAPPINGS;
	const enum manifest_error value = MANIFEST_ERROR_VALUE;

	REFUSED(MAPPING(0), task, SAMPLE_TASKS, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(MAPPING(0), object, SAMPLE_OBJECTS, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(MAPPING(0), object, SAMPLE_VMM_ENDPOINT, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(MAPPING(0), length, 0, value, section, 0);
	REFUSED(MAPPING(0), length, MANIFEST_LARGE_PAGE_SIZE + MANIFEST_PAGE_SIZE, value, section, 0);
	REFUSED(MAPPING(0), length, 5 * MANIFEST_LARGE_PAGE_SIZE, value, section, 0);
	REFUSED(MAPPING(0), offset, MANIFEST_LARGE_PAGE_SIZE, value, section, 0);
	REFUSED(MAPPING(0), offset, UINT64_MAX & ~(MANIFEST_LARGE_PAGE_SIZE - 1), value, section, 0);
	REFUSED(MAPPING(0), rights, MANIFEST_RIGHT_WRITE, value, section, 0);
	REFUSED(MAPPING(0), rights, MANIFEST_RIGHT_ALL, value, section, 0);
	REFUSED(MAPPING(1), length, 2 * MANIFEST_PAGE_SIZE, value, section, 1);
	REFUSED(MAPPING(2), rights, MANIFEST_RIGHT_READ | MANIFEST_RIGHT_WRITE, value, section, 2);
	REFUSED(MAPPING(2), length, 4999, value, section, 2);
	REFUSED(MAPPING(2), name, MAPPING(1)->name, MANIFEST_ERROR_DUPLICATE, section, 2);
	/* the last page of a module alone */
	MAPPING(2)->offset = MANIFEST_PAGE_SIZE;
	MAPPING(2)->length = 5000 - MANIFEST_PAGE_SIZE;
	expect(MANIFEST_OK, MANIFEST_SECTION_COUNT, 0);
}

static void bad_guest_mappings_are_refused(void **state)
{
	(void)state;
	const uint32_t section = MANIFEST_SECTION_GUEST_MAPPINGS;
	const enum manifest_error value = MANIFEST_ERROR_VALUE;

	REFUSED(GUEST_MAPPING(0), guest_space, SAMPLE_VCPU, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(GUEST_MAPPING(0), object, SAMPLE_VCPU, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(GUEST_MAPPING(0), object, SAMPLE_MODULE_MEMORY, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(GUEST_MAPPING(0), reserved, 1, value, section, 0);
	REFUSED(GUEST_MAPPING(0), rights, 0, value, section, 0);
	REFUSED(GUEST_MAPPING(0), offset, MANIFEST_PAGE_SIZE, value, section, 0);
	REFUSED(GUEST_MAPPING(0), guest_physical, MANIFEST_PAGE_SIZE, value, section, 0);
	REFUSED(GUEST_MAPPING(0), guest_physical, UINT64_MAX & ~(MANIFEST_LARGE_PAGE_SIZE - 1), value,
		section, 0);
	REFUSED(GUEST_MAPPING(0), length, 5 * MANIFEST_LARGE_PAGE_SIZE, value, section, 0);
	REFUSED(GUEST_MAPPING(1), guest_physical, 2 * MANIFEST_LARGE_PAGE_SIZE, MANIFEST_ERROR_DUPLICATE,
		section, 1);
}

static void bad_routes_and_exits_are_refused(void **state)
{
	(void)state;
	const uint32_t section = MANIFEST_SECTION_ROUTES;
	const enum manifest_error value = MANIFEST_ERROR_VALUE;
	const enum manifest_error duplicate = MANIFEST_ERROR_DUPLICATE;

	REFUSED(ROUTE(0), guest_space, SAMPLE_RAM, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(ROUTE(0), vcpu, SAMPLE_RAM, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(ROUTE(0), target, SAMPLE_RAM, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(ROUTE(0), target, SAMPLE_OBJECTS, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(ROUTE(0), number, MANIFEST_MAX_ROUTE_NUMBER + 1, value, section, 0);
	REFUSED(ROUTE(0), port_count, 0, value, section, 0);
	REFUSED(ROUTE(0), first_port, 65536, value, section, 0);
	REFUSED(ROUTE(0), first_port, 65529, value, section, 0);
	REFUSED(ROUTE(0), port_count, UINT32_MAX, value, section, 0);
	REFUSED(ROUTE(1), number, 0, duplicate, section, 1);
	REFUSED(ROUTE(1), first_port, 0x3ff, duplicate, section, 1);
	REFUSED(EXIT(0), vcpu, SAMPLE_RAM, MANIFEST_ERROR_REFERENCE, MANIFEST_SECTION_EXITS, 0);
	REFUSED(EXIT(0), endpoint, SAMPLE_VCPU, MANIFEST_ERROR_REFERENCE, MANIFEST_SECTION_EXITS, 0);

	struct manifest_exit twice = *EXIT(0);

	(void)manifest_writer_add(&writer, MANIFEST_SECTION_EXITS, &twice);
	expect(duplicate, MANIFEST_SECTION_EXITS, 1);
}

static void bad_bindings_are_refused(void **state)
{
	(void)state;
	const uint32_t section = MANIFEST_SECTION_BINDINGS;

	REFUSED(BINDING(0), kind, 0, MANIFEST_ERROR_VALUE, section, 0);
	REFUSED(BINDING(0), kind, 5, MANIFEST_ERROR_VALUE, section, 0);
	REFUSED(BINDING(0), subject, SAMPLE_TASKS, MANIFEST_ERROR_REFERENCE, section, 0);
	REFUSED(BINDING(0), badge, 1, MANIFEST_ERROR_VALUE, section, 0);
	REFUSED(BINDING(0), reserved, 1, MANIFEST_ERROR_VALUE, section, 0);
	REFUSED(BINDING(1), subject, SAMPLE_RAM, MANIFEST_ERROR_REFERENCE, section, 1);
	REFUSED(BINDING(1), notification, SAMPLE_RAM, MANIFEST_ERROR_REFERENCE, section, 1);
	REFUSED(BINDING(2), badge, 0, MANIFEST_ERROR_VALUE, section, 2);

	struct manifest_binding twice = *BINDING(2);

	(void)manifest_writer_add(&writer, MANIFEST_SECTION_BINDINGS, &twice);
	expect(MANIFEST_ERROR_DUPLICATE, section, 4);
}

static void every_value_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANIFEST_ERROR_COUNT; i++) {
		assert_non_null(manifest_error_text((enum manifest_error)i));
	}
	assert_string_equal(manifest_error_text(MANIFEST_ERROR_COUNT), "?");
	for (uint32_t i = 0; i <= MANIFEST_SECTION_COUNT; i++) {
		assert_non_null(manifest_section_name(i));
	}
	assert_string_equal(manifest_section_name(MANIFEST_SECTION_COUNT + 1), "?");
	for (uint32_t i = 0; i < MANIFEST_OBJECT_TYPE_END; i++) {
		assert_non_null(manifest_object_type_name(i));
	}
	assert_string_equal(manifest_object_type_name(UINT32_MAX), "?");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sound_manifest_reads_as_written),
		TEST(a_manifest_without_any_record_is_sound),
		TEST(the_checksum_is_crc_32),
		TEST(every_truncation_is_refused),
		TEST(every_flipped_byte_is_noticed_by_the_checksum),
		TEST(no_flipped_byte_leads_out_of_the_buffer),
		TEST(header_faults_are_told_apart),
		TEST(sections_outside_are_refused),
		TEST(bad_strings_are_refused),
		TEST(bad_vms_and_tasks_are_refused),
		TEST(bad_objects_are_refused),
		TEST(authority_outside_its_scope_is_refused),
		TEST(registers_of_a_function_belong_to_its_driver),
		TEST(messages_of_a_function_belong_to_its_driver),
		TEST(a_function_has_one_driver),
		TEST(bad_capabilities_are_refused),
		TEST(bad_mappings_are_refused),
		TEST(bad_guest_mappings_are_refused),
		TEST(bad_routes_and_exits_are_refused),
		TEST(bad_bindings_are_refused),
		TEST(every_value_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
