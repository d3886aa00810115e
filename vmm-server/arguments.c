/* SPDX-License-Identifier: MIT */
/* Parser of the VMM server's arguments (grammar in arguments.h). Touches nothing but its parameters. */
#include "arguments.h"

#include <string.h>

#include <bulkhead/invocation.h>
#include <bulkhead/virtio_pci.h>

#define PCI_DEVICE_MAX 31u
#define VIRTIO_TYPE_MAX 63u

/* One field: text up to `separator` or the end; *rest moves behind it. False if empty, too long for `field`,
 * or if the separator must be there and is not. */
static bool take_field(const char **rest, char separator, char *field, size_t size)
{
	const char *end = strchr(*rest, separator);
	size_t length = end != NULL ? (size_t)(end - *rest) : strlen(*rest);

	if (length == 0 || length >= size) {
		return false;
	}
	memcpy(field, *rest, length);
	field[length] = '\0';
	*rest += length + (end != NULL ? 1 : 0);
	return true;
}

static bool parse_number(const char *text, uint32_t limit, uint32_t *number)
{
	uint32_t base = 10;
	uint64_t value = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (*text == '\0') {
		return false;
	}
	for (; *text != '\0'; text++) {
		uint32_t digit = base;

		if (*text >= '0' && *text <= '9') {
			digit = (uint32_t)(*text - '0');
		} else if (*text >= 'a' && *text <= 'f') {
			digit = (uint32_t)(*text - 'a') + 10;
		} else if (*text >= 'A' && *text <= 'F') {
			digit = (uint32_t)(*text - 'A') + 10;
		}
		if (digit >= base) {
			return false;
		}
		value = value * base + digit;
		if (value > limit) {
			return false;
		}
	}
	*number = (uint32_t)value;
	return true;
}

static bool take_number(const char **rest, uint32_t limit, uint32_t *number)
{
	char field[16];

	return take_field(rest, ',', field, sizeof(field)) && parse_number(field, limit, number);
}

static bool parse_protocol(const char *value, struct vmm_arguments *result)
{
	if (strcmp(value, "linux") == 0) {
		result->protocol = VMM_PROTOCOL_LINUX;
	} else if (strcmp(value, "multiboot") == 0) {
		result->protocol = VMM_PROTOCOL_MULTIBOOT;
	} else {
		return false;
	}
	return true;
}

static bool parse_command_line(const char *value, struct vmm_arguments *result)
{
	result->command_line = value;
	return strlen(value) < VMM_COMMAND_LINE_MAX;
}

static bool parse_module(const char *value, struct vmm_arguments *result)
{
	struct vmm_argument_module *module = &result->modules[result->module_count];

	if (result->module_count == VMM_MODULES_MAX ||
		!take_field(&value, ',', module->region, sizeof(module->region))) {
		return false;
	}
	module->text = value;
	result->module_count++;
	return true;
}

static bool parse_model(const char *value, struct vmm_arguments *result)
{
	struct vmm_argument_model *model = &result->models[result->model_count];

	if (result->model_count == VMM_MODELS_MAX ||
		!take_field(&value, ',', model->name, sizeof(model->name)) ||
		!take_number(&value, 61, &model->bit)) {
		return false;
	}
	result->model_count++;
	return *value == '\0';
}

static bool parse_port(const char *value, struct vmm_arguments *result)
{
	struct vmm_argument_port *port = &result->ports[result->port_count];

	if (result->port_count == VMM_PORTS_MAX || !take_number(&value, 0xffff, &port->first) ||
		!take_number(&value, 0x10000, &port->count) ||
		!take_field(&value, ',', port->capability, sizeof(port->capability))) {
		return false;
	}
	result->port_count++;
	return *value == '\0' && port->count > 0 && port->first + port->count <= 0x10000;
}

static bool parse_memory(const char *value, struct vmm_arguments *result)
{
	struct vmm_argument_memory *memory = &result->memories[result->memory_count];

	if (result->memory_count == VMM_MEMORIES_MAX || !take_number(&value, UINT32_MAX, &memory->first) ||
		!take_number(&value, 0x10000, &memory->size) ||
		!take_field(&value, ',', memory->capability, sizeof(memory->capability))) {
		return false;
	}
	result->memory_count++;
	return *value == '\0' && memory->size > 0 && memory->first % 4096 == 0 &&
	       memory->size - 1 <= UINT32_MAX - memory->first;
}

static bool parse_line(const char *value, struct vmm_arguments *result)
{
	struct vmm_argument_line *line = &result->lines[result->line_count];
	char name[TASK_INFO_NAME_SIZE];
	char action[16];

	if (result->line_count == VMM_LINES_MAX || !take_field(&value, ',', name, sizeof(name)) ||
		!take_number(&value, 255, &line->number) ||
		!take_field(&value, ',', action, sizeof(action))) {
		return false;
	}
	/* `model=` may stand behind its lines: the name is looked up when all are read. */
	line->gsi = 0;
	if (strcmp(action, "gsi") == 0) {
		line->action = VMM_LINE_GSI;
		if (!take_number(&value, 23, &line->gsi)) {
			return false;
		}
	} else if (strcmp(action, "poweroff") == 0) {
		line->action = VMM_LINE_POWEROFF;
	} else if (strcmp(action, "reset") == 0) {
		line->action = VMM_LINE_RESET;
	} else if (strcmp(action, "exit") == 0) {
		line->action = VMM_LINE_EXIT;
	} else {
		return false;
	}
	result->line_count++;
	return *value == '\0';
}

static bool parse_virtio(const char *value, struct vmm_arguments *result)
{
	struct vmm_argument_virtio *virtio = &result->virtio[result->virtio_count];
	char name[TASK_INFO_NAME_SIZE];

	if (result->virtio_count == VMM_VIRTIO_MAX || !take_field(&value, ',', name, sizeof(name)) ||
		!take_number(&value, PCI_DEVICE_MAX, &virtio->device) ||
		!take_number(&value, VIRTIO_TYPE_MAX, &virtio->type) ||
		!take_number(&value, 0xffffff, &virtio->class_code) ||
		!take_number(&value, VIRTIO_PCI_QUEUES, &virtio->queues) ||
		!take_number(&value, BH_ROUTES - 1, &virtio->route)) {
		return false;
	}
	/* `model=` may stand behind it, as for lines. */
	result->virtio_count++;
	return *value == '\0' && virtio->queues > 0 && virtio->type > 0 &&
	       virtio->route + virtio->queues <= BH_ROUTES;
}

static bool parse_serial(const char *value, struct vmm_arguments *result)
{
	struct vmm_argument_serial *serial = &result->serials[result->serial_count];

	if (result->serial_count == VMM_SERIALS_MAX || !take_number(&value, 0xfff8, &serial->port) ||
		!take_number(&value, 23, &serial->gsi)) {
		return false;
	}
	result->serial_count++;
	return *value == '\0';
}

static bool parse_paravirtual(const char *value, struct vmm_arguments *result)
{
	bool clock = strcmp(value, "kvm-clock") == 0;
	bool eoi = strcmp(value, "pv-eoi") == 0;

	result->paravirtual_clock |= clock;
	result->paravirtual_eoi |= eoi;
	return clock || eoi;
}

static bool parse_after_pause(const char *value, struct vmm_arguments *result)
{
	result->catches_up = strcmp(value, "catch-up") == 0;
	return result->catches_up || strcmp(value, "stand") == 0;
}

static bool parse_name(const char *value, struct vmm_arguments *result)
{
	(void)result;
	return *value != '\0';
}

static bool parse_one(const char *text, struct vmm_arguments *result)
{
	static const struct {
		const char *key;
		bool (*parse)(const char *value, struct vmm_arguments *result);
	} keys[] = {
		{ "protocol", parse_protocol },
		{ "cmdline", parse_command_line },
		{ "module", parse_module },
		{ "model", parse_model },
		{ "port", parse_port },
		{ "memory", parse_memory },
		{ "line", parse_line },
		{ "virtio", parse_virtio },
		{ "serial", parse_serial },
		{ "paravirtual", parse_paravirtual },
		{ "after_pause", parse_after_pause },
		{ "vm", parse_name },
	};
	const char *equals = strchr(text, '=');

	if (equals == NULL) {
		return false;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].key) == (size_t)(equals - text) &&
			memcmp(keys[i].key, text, (size_t)(equals - text)) == 0) {
			return keys[i].parse(equals + 1, result);
		}
	}
	return false;
}

/* The model that the argument `text` ("line=MODEL,…", "virtio=MODEL,…") names. */
static bool find_model(const struct vmm_arguments *result, const char *text, uint32_t *model)
{
	char name[TASK_INFO_NAME_SIZE];
	const char *value = strchr(text, '=') + 1;

	if (!take_field(&value, ',', name, sizeof(name))) {
		return false;
	}
	for (uint32_t i = 0; i < result->model_count; i++) {
		if (strcmp(result->models[i].name, name) == 0) {
			*model = i;
			return true;
		}
	}
	return false;
}

bool vmm_arguments_parse(
	const char *const *strings, uint32_t count, struct vmm_arguments *result, uint32_t *wrong)
{
	uint32_t line = 0;
	uint32_t virtio = 0;

	memset(result, 0, sizeof(*result));
	result->command_line = "";
	for (uint32_t i = 0; i < count; i++) {
		*wrong = i;
		if (!parse_one(strings[i], result)) {
			return false;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		*wrong = i;
		if (strncmp(strings[i], "line=", 5) == 0 &&
			!find_model(result, strings[i], &result->lines[line++].model)) {
			return false;
		}
		if (strncmp(strings[i], "virtio=", 7) == 0 &&
			!find_model(result, strings[i], &result->virtio[virtio++].model)) {
			return false;
		}
	}
	*wrong = count;
	return result->protocol != VMM_PROTOCOL_NONE;
}
