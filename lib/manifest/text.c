/* SPDX-License-Identifier: MIT */
/* English words for the manifest's values, for messages and dumps. Constant tables, no state. */
#include <bulkhead/manifest.h>

const char *manifest_error_text(enum manifest_error error)
{
	static const char *const TEXTS[MANIFEST_ERROR_COUNT] = {
		[MANIFEST_OK] = "no error",
		[MANIFEST_ERROR_MISALIGNED] = "not aligned to 8 bytes in memory",
		[MANIFEST_ERROR_TRUNCATED] = "truncated",
		[MANIFEST_ERROR_MAGIC] = "not a manifest",
		[MANIFEST_ERROR_VERSION] = "made for another version of Bulkhead",
		[MANIFEST_ERROR_SIZE] = "total size out of range",
		[MANIFEST_ERROR_CHECKSUM] = "checksum is wrong",
		[MANIFEST_ERROR_SECTION] = "section out of bounds",
		[MANIFEST_ERROR_STRING] = "bad string",
		[MANIFEST_ERROR_REFERENCE] = "reference to nothing, or to something of the wrong type",
		[MANIFEST_ERROR_VALUE] = "value out of range",
		[MANIFEST_ERROR_SCOPE] = "authority outside its scope",
		[MANIFEST_ERROR_DUPLICATE] = "declared twice",
	};
	/* A caller may have computed the value; compare as unsigned, whatever type the compiler chose for the enum. */
	return (unsigned)error < MANIFEST_ERROR_COUNT ? TEXTS[error] : "?";
}

const char *manifest_section_name(uint32_t section)
{
	static const char *const NAMES[MANIFEST_SECTION_COUNT + 1] = {
		[MANIFEST_SECTION_STRINGS] = "strings",
		[MANIFEST_SECTION_ARGUMENTS] = "arguments",
		[MANIFEST_SECTION_MODULES] = "modules",
		[MANIFEST_SECTION_VMS] = "vms",
		[MANIFEST_SECTION_TASKS] = "tasks",
		[MANIFEST_SECTION_OBJECTS] = "objects",
		[MANIFEST_SECTION_CAPABILITIES] = "capabilities",
		[MANIFEST_SECTION_MAPPINGS] = "mappings",
		[MANIFEST_SECTION_GUEST_MAPPINGS] = "guest mappings",
		[MANIFEST_SECTION_ROUTES] = "routes",
		[MANIFEST_SECTION_EXITS] = "exits",
		[MANIFEST_SECTION_BINDINGS] = "bindings",
		[MANIFEST_SECTION_COUNT] = "header",
	};
	return section <= MANIFEST_SECTION_COUNT ? NAMES[section] : "?";
}

const char *manifest_object_type_name(uint32_t type)
{
	static const char *const NAMES[MANIFEST_OBJECT_TYPE_END] = {
		[0] = "?",
		[MANIFEST_OBJECT_ENDPOINT] = "endpoint",
		[MANIFEST_OBJECT_REPLY] = "reply",
		[MANIFEST_OBJECT_NOTIFICATION] = "notification",
		[MANIFEST_OBJECT_TIMER] = "timer",
		[MANIFEST_OBJECT_THREAD] = "thread",
		[MANIFEST_OBJECT_SCHED_CONTEXT] = "sched-context",
		[MANIFEST_OBJECT_MEMORY] = "memory",
		[MANIFEST_OBJECT_GUEST_SPACE] = "guest-space",
		[MANIFEST_OBJECT_VCPU] = "vcpu",
		[MANIFEST_OBJECT_IRQ_HANDLER] = "irq-handler",
		[MANIFEST_OBJECT_IO_PORTS] = "io-ports",
		[MANIFEST_OBJECT_DEVICE_MEMORY] = "device-memory",
	};
	return type < MANIFEST_OBJECT_TYPE_END ? NAMES[type] : "?";
}
