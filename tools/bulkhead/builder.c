/* SPDX-License-Identifier: MIT */
/* Adds records to a manifest under construction. Memory, and the sizes of module files. */
#include "builder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

uint32_t add_object_with(
	struct builder *builder, struct owner owner, const char *name, struct manifest_object object)
{
	object.name = manifest_writer_string(&builder->writer, "%s/%s", owner.prefix, name);
	if (owner.task != MANIFEST_NONE) {
		object.scope = MANIFEST_SCOPE_TASK;
		object.scope_index = owner.task;
	} else if (owner.vm != MANIFEST_NONE) {
		object.scope = MANIFEST_SCOPE_VM;
		object.scope_index = owner.vm;
	} else {
		object.scope = MANIFEST_SCOPE_SYSTEM;
		object.scope_index = MANIFEST_NONE;
	}
	return manifest_writer_add(&builder->writer, MANIFEST_SECTION_OBJECTS, &object);
}

uint32_t add_object(
	struct builder *builder, struct owner owner, const char *name, enum manifest_object_type type)
{
	return add_object_with(builder, owner, name, empty_object(type));
}

uint32_t add_memory(struct builder *builder, struct owner owner, const char *name, uint64_t size)
{
	uint32_t index = add_object(builder, owner, name, MANIFEST_OBJECT_MEMORY);
	struct manifest_object *object =
		manifest_writer_record(&builder->writer, MANIFEST_SECTION_OBJECTS, index);

	object->size = (size + MANIFEST_PAGE_SIZE - 1) / MANIFEST_PAGE_SIZE * MANIFEST_PAGE_SIZE;
	return index;
}

uint32_t add_dma_memory(struct builder *builder, const char *prefix, const char *name, uint64_t size)
{
	uint32_t index = add_memory(builder, owned_by_system(prefix), name, size);
	struct manifest_object *object =
		manifest_writer_record(&builder->writer, MANIFEST_SECTION_OBJECTS, index);

	object->flags |= MANIFEST_OBJECT_DMA;
	return index;
}

uint32_t add_disk_memory(
	struct builder *builder, unsigned disk, const char *prefix, const char *name, uint64_t size)
{
	return builder->appliance->disks[disk].memory != 0
		       ? add_memory(builder, owned_by_system(prefix), name, size)
		       : add_dma_memory(builder, prefix, name, size);
}

void add_capability(struct builder *builder, uint32_t task, const char *name, uint32_t object,
	uint32_t rights, uint64_t badge)
{
	struct manifest_capability capability = {
		.task = task,
		.name = manifest_writer_string(&builder->writer, "%s", name),
		.object = object,
		.rights = rights,
		.badge = badge,
	};

	(void)manifest_writer_add(&builder->writer, MANIFEST_SECTION_CAPABILITIES, &capability);
}

void add_log_signal(struct builder *builder, uint32_t task)
{
	add_capability(builder, task, "log-signal", builder->root_notification, MANIFEST_RIGHT_WRITE,
		MANIFEST_ROOT_SIGNAL_LOG);
}

void add_mapping(struct builder *builder, uint32_t task, const char *name, uint32_t object, uint32_t rights)
{
	const struct manifest_object *memory =
		manifest_writer_record(&builder->writer, MANIFEST_SECTION_OBJECTS, object);
	struct manifest_mapping mapping = {
		.task = task,
		.name = manifest_writer_string(&builder->writer, "%s", name),
		.object = object,
		.rights = rights,
		.length = memory->type == MANIFEST_OBJECT_VCPU ? MANIFEST_PAGE_SIZE : memory->size,
	};

	(void)manifest_writer_add(&builder->writer, MANIFEST_SECTION_MAPPINGS, &mapping);
}

void add_binding(struct builder *builder, enum manifest_binding_kind kind, uint32_t subject,
	uint32_t notification, uint64_t badge)
{
	struct manifest_binding binding = {
		.kind = kind, .subject = subject, .notification = notification, .badge = badge
	};

	(void)manifest_writer_add(&builder->writer, MANIFEST_SECTION_BINDINGS, &binding);
}

uint32_t next_trust_domain(const struct builder *builder)
{
	return builder->appliance->vm_count + 2 + builder->writer.sections[MANIFEST_SECTION_TASKS].count;
}

uint32_t add_handler(
	struct builder *builder, const char *prefix, uint32_t vm, uint32_t task, const char *suffix)
{
	struct manifest_object thread = {
		.type = MANIFEST_OBJECT_THREAD,
		.module = MANIFEST_NONE,
		.guest_space = MANIFEST_NONE,
		.sched_context = MANIFEST_NONE,
		.priority = PRIORITY_HANDLER,
		.index = 1,
	};
	char name[MANIFEST_NAME_SIZE];

	snprintf(name, sizeof name, "endpoint%s", suffix);
	uint32_t endpoint = add_object(builder, owned_by_vm(prefix, vm), name, MANIFEST_OBJECT_ENDPOINT);

	add_capability(builder, task, name, endpoint, MANIFEST_RIGHT_READ | MANIFEST_RIGHT_WRITE, 0);
	snprintf(name, sizeof name, "reply%s", suffix);
	add_capability(builder, task, name,
		add_object(builder, owned_by_task(prefix, vm, task), name, MANIFEST_OBJECT_REPLY),
		MANIFEST_RIGHT_ALL, 0);
	snprintf(name, sizeof name, "handler%s", suffix);
	add_capability(builder, task, name,
		add_object_with(builder, owned_by_task(prefix, vm, task), name, thread), MANIFEST_RIGHT_ALL,
		0);
	return endpoint;
}

uint32_t add_task(struct builder *builder, const char *name, const char *image, struct manifest_task task,
	const uint32_t *arguments, uint32_t argument_count)
{
	char *path = format_text("%s/tasks/%s", builder->folder, image);

	task.name = manifest_writer_string(&builder->writer, "%s", name);
	task.module = add_module(builder, image, path);
	task.stack_size = task.stack_size != 0 ? task.stack_size : TASK_STACK_SIZE;
	task.cnode_size_bits = 1; /* until size_cnodes() */
	task.first_argument = builder->writer.sections[MANIFEST_SECTION_ARGUMENTS].count;
	task.argument_count = argument_count;
	for (uint32_t i = 0; i < argument_count; i++) {
		(void)manifest_writer_add(&builder->writer, MANIFEST_SECTION_ARGUMENTS, &arguments[i]);
	}
	free(path);
	return manifest_writer_add(&builder->writer, MANIFEST_SECTION_TASKS, &task);
}

void size_cnodes(struct builder *builder)
{
	const struct manifest_buffer *capabilities = &builder->writer.sections[MANIFEST_SECTION_CAPABILITIES];

	for (uint32_t index = 0; index < builder->writer.sections[MANIFEST_SECTION_TASKS].count; index++) {
		struct manifest_task *task =
			manifest_writer_record(&builder->writer, MANIFEST_SECTION_TASKS, index);
		uint32_t count = 1; /* slot 0 stays empty */

		for (uint32_t i = 0; i < capabilities->count; i++) {
			const struct manifest_capability *capability =
				manifest_writer_record(&builder->writer, MANIFEST_SECTION_CAPABILITIES, i);

			count += capability->task == index;
		}
		while ((UINT32_C(1) << task->cnode_size_bits) < count) {
			task->cnode_size_bits++;
		}
	}
}

/* Names that no boot loader and no QEMU option takes for something else. */
static void plain_module_name(const char *name, char plain[MANIFEST_NAME_SIZE])
{
	size_t length = 0;

	for (; length < MANIFEST_NAME_SIZE - 4 && name[length] != '\0'; length++) {
		plain[length] =
			strchr(" ,;\"'$\\", name[length]) == NULL && name[length] > ' ' && name[length] < 0x7f
				? name[length]
				: '_';
	}
	plain[length] = '\0';
}

static bool name_is_taken(const struct system_image *image, const char *name)
{
	for (unsigned i = 0; i < image->module_count; i++) {
		if (strcmp(image->modules[i].name, name) == 0) {
			return true;
		}
	}
	return strcmp(name, "roottask") == 0 || strcmp(name, "manifest") == 0;
}

uint32_t add_module(struct builder *builder, const char *name, const char *path)
{
	struct system_image *image = builder->image;
	char plain[MANIFEST_NAME_SIZE];
	struct stat status;

	for (unsigned i = 0; i < image->module_count; i++) {
		if (strcmp(image->modules[i].path, path) == 0) {
			return i;
		}
	}
	if (image->module_count == MANIFEST_MAX_MODULES) {
		complain("the appliance has more than %u files: share kernels and initrds between VMs",
			MANIFEST_MAX_MODULES);
		builder->failed = true;
		return 0;
	}
	if (stat(path, &status) != 0 || status.st_size == 0) {
		complain("%s is missing (%s): build Bulkhead first, or say with --system where it was built",
			path, strerror(errno));
		builder->failed = true;
	}
	struct system_module *module = &image->modules[image->module_count];

	plain_module_name(name, plain);
	memcpy(module->name, plain, sizeof plain);
	for (unsigned number = 2; name_is_taken(image, module->name); number++) {
		snprintf(module->name, sizeof module->name, "%.27s.%u", plain, number);
	}
	module->path = format_text("%s", path);
	image->module_count++;

	struct manifest_module record = {
		.name = manifest_writer_string(&builder->writer, "%s", module->name),
		.size = builder->failed ? 1 : (uint64_t)status.st_size,
	};

	return manifest_writer_add(&builder->writer, MANIFEST_SECTION_MODULES, &record);
}

uint32_t add_module_memory(struct builder *builder, const char *path)
{
	const char *slash = strrchr(path, '/');
	uint32_t module = add_module(builder, slash != NULL ? slash + 1 : path, path);
	const struct manifest_module *record =
		manifest_writer_record(&builder->writer, MANIFEST_SECTION_MODULES, module);
	char *name = format_text("module/%u", module);
	uint32_t memory = find_object(builder, name);
	struct manifest_object object = empty_object(MANIFEST_OBJECT_MEMORY);

	if (memory == MANIFEST_NONE) {
		object.module = module;
		object.size = record->size;
		memory =
			add_object_with(builder, owned_by_system("module"), name + strlen("module/"), object);
	}
	free(name);
	return memory;
}

uint32_t find_object(const struct builder *builder, const char *name)
{
	const struct manifest_writer *writer = &builder->writer;
	const char *strings = (const char *)writer->sections[MANIFEST_SECTION_STRINGS].bytes;

	for (uint32_t i = 0; i < writer->sections[MANIFEST_SECTION_OBJECTS].count; i++) {
		const struct manifest_object *object =
			manifest_writer_record(writer, MANIFEST_SECTION_OBJECTS, i);

		if (strcmp(strings + object->name, name) == 0) {
			return i;
		}
	}
	return MANIFEST_NONE;
}
