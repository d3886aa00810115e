/* SPDX-License-Identifier: MIT */
/* Reads which function of the host a disk or an uplink is, and what its driver may do. Every fault is reported with its line and its remedy. Memory only. */
#include "config_reader.h"
#include "values.h"

#include <string.h>

/* The number of the kind with that name; FUNCTION_KINDS if there is none. */
static unsigned kind_named(const struct function_class *class, const char *name)
{
	unsigned kind = 0;

	while (kind < FUNCTION_KINDS && strcmp(name, class->kinds[kind].name) != 0) {
		kind++;
	}
	return kind;
}

/* The driver of a function that is named by its kind, or (FUNCTION_KINDS) by its place. */
static unsigned read_driver(
	struct reader *reader, cfg_t *section, const struct function_class *class, unsigned kind)
{
	unsigned line;
	const char *text = option_text(reader, section, "driver", &line);
	unsigned fallback = kind != FUNCTION_KINDS ? kind : 0;
	unsigned driver = text != NULL ? kind_named(class, text) : fallback;

	if (driver == FUNCTION_KINDS) {
		report(&reader->diagnostics, line, "there is no driver \"%s\" of %ss: write %s or %s", text,
			class->device, class->kinds[0].name, class->kinds[1].name);
		return fallback;
	}
	if (kind != FUNCTION_KINDS && driver != kind) {
		report(&reader->diagnostics, line, "the driver of pci = %s is %s, not %s: remove this",
			class->kinds[kind].name, class->kinds[kind].name, text);
		return fallback;
	}
	return driver;
}

void read_function(struct reader *reader, cfg_t *section, const struct function_class *class,
	unsigned section_line, struct host_function *function)
{
	const char *text = option_text(reader, section, "pci", &function->line);
	unsigned kind = text != NULL ? kind_named(class, text) : FUNCTION_KINDS;
	char place[FUNCTION_PLACE_SIZE];

	function->driver = read_driver(reader, section, class, kind);
	if (text == NULL) {
		report(&reader->diagnostics, section_line,
			"%s \"%s\" has no device: write pci = %s or pci = %s, or the place of one, like pci = \"%s\"%s",
			cfg_name(section), cfg_title(section), class->kinds[0].name, class->kinds[1].name,
			class->place, class->instead);
	} else if (kind != FUNCTION_KINDS) {
		function->pci = format_text("%s", class->kinds[kind].pci);
	} else if (parse_function_place(text, place)) {
		function->pci = format_text("%s", place);
	} else {
		report(&reader->diagnostics, function->line,
			"pci = \"%s\" is no %s: write %s, %s, or the place of one, like \"%s\" (bus, device, function)",
			text, class->device, class->kinds[0].name, class->kinds[1].name, class->place);
	}
	function->allow_dma = read_boolean(reader, section, "allow_dma", false);
}
