/* SPDX-License-Identifier: MIT */
/* Reads what keys of several sections have for values, and where they stand. Every fault is reported with its line and its remedy. Memory only. */
#include "config_reader.h"
#include "source.h"
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned option_line(const struct reader *reader, const cfg_opt_t *option, unsigned index)
{
	for (size_t i = 0; i < reader->line_count; i++) {
		if (reader->lines[i].option == option && reader->lines[i].index == index) {
			return reader->lines[i].line;
		}
	}
	return 0;
}

void append_word(char *text, size_t size, const char *word)
{
	size_t length = strlen(text);

	snprintf(text + length, size - length, "%s%s", length != 0 ? ", " : "", word);
}

const char *option_text(const struct reader *reader, cfg_t *section, const char *name, unsigned *line)
{
	cfg_opt_t *option = cfg_getopt(section, name);

	*line = option_line(reader, option, 0);
	return *line != 0 ? cfg_opt_getstr(option) : NULL;
}

static char *resolve(const struct reader *reader, const char *path)
{
	return format_text("%s%s", path[0] == '/' ? "" : reader->folder, path);
}

struct guest_file read_file_name(
	const struct reader *reader, const char *text, unsigned line, bool has_string)
{
	size_t length = has_string ? strcspn(text, " ") : strlen(text);
	char *name = format_text("%.*s", (int)length, text);
	struct guest_file file = {
		.path = resolve(reader, name),
		.text = format_text("%s", text[length] == ' ' ? text + length + 1 : ""),
		.line = line,
	};

	free(name);
	return file;
}

void read_restart(struct reader *reader, cfg_t *section, const char *name, const char *fallback,
	struct manifest_restart *restart)
{
	unsigned line;
	const char *text = option_text(reader, section, name, &line);

	if (text != NULL && !parse_restart(text, restart)) {
		report(&reader->diagnostics, line,
			"%s = \"%s\" is no restart policy: write stop, or \"restart 3 per 60s\" (1 to %u times, whole seconds up to a day)",
			name, text, MANIFEST_MAX_RESTARTS);
		text = NULL;
	}
	if (text == NULL && !parse_restart(fallback, restart)) {
		abort(); /* the fallbacks are our own */
	}
}

unsigned read_duration(
	struct reader *reader, cfg_t *section, const char *name, uint64_t fallback, uint64_t *microseconds)
{
	unsigned line;
	const char *text = option_text(reader, section, name, &line);

	*microseconds = fallback;
	if (text != NULL && !parse_duration(text, microseconds)) {
		report(&reader->diagnostics, line,
			"%s = \"%s\" is no duration: write a number above 0 with us, ms or s, like 10ms",
			name, text);
		*microseconds = fallback;
	}
	return line;
}

bool read_boolean(struct reader *reader, cfg_t *section, const char *name, bool fallback)
{
	unsigned line;
	const char *text = option_text(reader, section, name, &line);
	bool value = fallback;

	if (text != NULL && !parse_boolean(text, &value)) {
		report(&reader->diagnostics, line,
			"%s = \"%s\" is neither true nor false: write one of the two", name, text);
		value = fallback;
	}
	return value;
}

bool check_plain_name(struct reader *reader, const char *name, unsigned line, const char *what)
{
	if (is_plain_name(name, APPLIANCE_NAME_LENGTH)) {
		return true;
	}
	report(&reader->diagnostics, line,
		"\"%s\" is no name for %s: use at most %u lower-case letters, digits and '-', a letter first",
		name, what, APPLIANCE_NAME_LENGTH);
	return false;
}

bool check_device_name(
	struct reader *reader, const struct vm *vm, const char *name, unsigned line, const char *example)
{
	bool is_taken = device_find(name) != NULL || strcmp(name, "vmm") == 0;

	for (unsigned i = 0; i < vm->device_count; i++) {
		is_taken |= strcmp(vm->devices[i].name, name) == 0;
	}
	if (is_taken) {
		report(&reader->diagnostics, line,
			"\"%s\" is the name of another task of the VM: choose another, like %s", name,
			example);
	}
	return !is_taken;
}

char *read_console_name(struct reader *reader, cfg_t *section, const char *name, const char *fallback)
{
	unsigned line;
	const char *text = option_text(reader, section, name, &line);

	if (text == NULL || !check_plain_name(reader, text, line, "a console")) {
		text = fallback;
	}
	return format_text("%s", text);
}

bool has_section(struct reader *reader, cfg_t *root, const char *kind, unsigned index, unsigned most,
	const char *plural)
{
	unsigned count = cfg_size(root, kind);

	if (index < count && index == most) {
		cfg_t *section = cfg_getnsec(root, kind, index);

		report(&reader->diagnostics,
			find_section_line(reader->text, kind, cfg_title(section), (unsigned)section->line),
			"there are %u %s: at most %u are possible", count, plural, most);
	}
	return index < count && index < most;
}
