/* SPDX-License-Identifier: MIT */
/*
 * Reads an appliance file with libconfuse into struct appliance. Every option is read as text and judged here, so that each message
 * can say which line is wrong and how to mend it. Reads the file, nothing else.
 */
#include "check.h"
#include "config_reader.h"
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SOURCE_SIZE (1024u * 1024u)

/* libconfuse's callbacks have no argument of ours to find the reader by. Set during cfg_parse_buf() only. */
static struct reader *parsing;

/* Called by libconfuse after each value that it has read, and once more at the end of a list. */
static int note_line(cfg_t *section, cfg_opt_t *option)
{
	unsigned count = cfg_opt_size(option);
	unsigned index = count > 0 ? count - 1 : 0;
	unsigned line = (unsigned)section->line;
	int is_list = (option->flags & CFGF_LIST) != 0;

	if (option_line(parsing, option, index) != 0) {
		if (is_list) {
			return 0;
		}
		report(&parsing->diagnostics, line, "%s is given twice: remove one of the two", option->name);
		return -1;
	}
	if (parsing->line_count == parsing->line_capacity) {
		parsing->line_capacity = 2 * parsing->line_capacity + 64;
		parsing->lines =
			reallocate(parsing->lines, parsing->line_capacity * sizeof parsing->lines[0]);
	}
	parsing->lines[parsing->line_count++] = (struct option_line){ option, index, line };
	return 0;
}

/* All option names of the section in which libconfuse stands, for the message about one that does not exist. */
static void list_options(const cfg_t *section, char *text, size_t size)
{
	text[0] = '\0';
	for (const cfg_opt_t *option = section->opts; option->name != NULL; option++) {
		append_word(text, size, option->name);
	}
}

/* libconfuse's own errors, by their formats (confuse.c of version 3.3), in our words. */
__attribute__((format(printf, 2, 0))) static void explain(
	cfg_t *section, const char *format, va_list arguments)
{
	if (section == NULL) {
		report(&parsing->diagnostics, 1, "the file cannot be parsed: see docs/appliance-file.md");
		return;
	}
	unsigned line = (unsigned)section->line;
	char word[256];
	char options[512];

	if (strcmp(format, "no such option '%s'") == 0) {
		vsnprintf(word, sizeof word, "%s", arguments);
		list_options(section, options, sizeof options);
		report(&parsing->diagnostics, line,
			"there is no key \"%s\" here: remove it, or use one of %s", word, options);
	} else if (strcmp(format, "found duplicate title '%s'") == 0) {
		vsnprintf(word, sizeof word, "%s", arguments);
		report(&parsing->diagnostics, line,
			"there is another section with the name \"%s\": give each its own", word);
	} else if (strcmp(format, "missing title for section '%s'") == 0) {
		vsnprintf(word, sizeof word, "%s", arguments);
		report(&parsing->diagnostics, line, "this section needs a name: write %s NAME {", word);
	} else if (strcmp(format, "missing equal sign after option '%s'") == 0) {
		vsnprintf(word, sizeof word, "%s", arguments);
		report(&parsing->diagnostics, line, "%s has no value: write %s = VALUE", word, word);
	} else if (strcmp(format, "unexpected token '%s'") == 0) {
		vsnprintf(word, sizeof word, "%s", arguments);
		report(&parsing->diagnostics, line,
			"\"%s\" cannot stand here: a value is missing before it, or needs quotes", word);
	} else if (strcmp(format, "premature end of file") == 0) {
		report(&parsing->diagnostics, line, "the file ends in the middle of an option: complete it");
	} else {
		vsnprintf(word, sizeof word, format, arguments);
		report(&parsing->diagnostics, line, "%s: see docs/appliance-file.md for what can stand here",
			word);
	}
}

static void read_control(struct reader *reader, cfg_t *root)
{
	struct appliance *appliance = reader->appliance;
	const char *text = option_text(reader, root, "control", &appliance->control_line);

	if (text == NULL || strcmp(text, "none") == 0) {
		appliance->control = CONTROL_NONE;
	} else if (strcmp(text, "com2") == 0) {
		appliance->control = CONTROL_COM2;
	} else if (strcmp(text, "com3") == 0) {
		appliance->control = CONTROL_COM3;
	} else {
		report(&reader->diagnostics, appliance->control_line,
			"control = \"%s\" is unknown: write none, com2 or com3", text);
	}
}

static void read_appliance(struct reader *reader, cfg_t *root)
{
	struct appliance *appliance = reader->appliance;
	unsigned line;
	const char *text = option_text(reader, root, "name", &line);

	if (text == NULL || !check_plain_name(reader, text, line, "the appliance")) {
		text = "appliance";
	}
	appliance->name = format_text("%s", text);
	(void)option_text(reader, root, "admin_console", &appliance->admin_console_line);
	appliance->admin_console = read_console_name(reader, root, "admin_console", APPLIANCE_ADMIN_CONSOLE);
	appliance->has_iommu = read_boolean(reader, root, "iommu", false);
	appliance->has_transcript = read_boolean(reader, root, "transcript", true);
	read_control(reader, root);
	read_restart(reader, root, "on_crash", SYSTEM_ON_CRASH, &appliance->on_crash);
	text = option_text(reader, root, "panic", &line);
	if (text != NULL && strcmp(text, "reboot") == 0) {
		appliance->reboot_on_panic = true;
	} else if (text != NULL && strcmp(text, "halt") != 0) {
		report(&reader->diagnostics, line, "panic = \"%s\" is unknown: write halt or reboot", text);
	}
	for (unsigned i = 0; has_section(reader, root, "disk", i, APPLIANCE_MAX_DISKS, "disks"); i++) {
		read_disk(reader, cfg_getnsec(root, "disk", i), &appliance->disks[appliance->disk_count++]);
	}
	read_volumes(reader, root);
	read_audit_log(reader, root);
	for (unsigned i = 0; has_section(reader, root, "vm", i, APPLIANCE_MAX_VMS, "VMs"); i++) {
		read_vm(reader, cfg_getnsec(root, "vm", i), &appliance->vms[appliance->vm_count++]);
	}
	read_uplinks(reader, root);
	read_network(reader, root);
}

/* ---- The file as a whole ---- */

/* Keys whose values are read as text, one or a list of them, with their lines noted; sections with a name that stands once. */
#define TEXT(key)                                                     \
	{                                                             \
		.name = (key), .type = CFGT_STR, .validcb = note_line \
	}
#define TEXTS(key)                                                                                         \
	{                                                                                                  \
		.name = (key), .type = CFGT_STR, .flags = CFGF_LIST | CFGF_NODEFAULT, .validcb = note_line \
	}
#define SECTION(key, options) CFG_SEC(key, options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES)

static cfg_t *parse(struct reader *reader)
{
	cfg_opt_t device_options[] = { TEXT("on_crash"), TEXT("port"), TEXT("irq"), CFG_END() };
	cfg_opt_t nic_options[] = { TEXT("mac"), TEXT("vlan"), TEXT("rate"), TEXT("burst"), TEXT("on_crash"),
		CFG_END() };
	cfg_opt_t vm_disk_options[] = { TEXT("volume"), TEXT("read_only"), TEXT("on_crash"), CFG_END() };
	cfg_opt_t vm_options[] = { TEXT("memory"), TEXT("kernel"), TEXT("protocol"), TEXT("initrd"),
		TEXTS("modules"), TEXT("command_line"), TEXTS("devices"), SECTION("device", device_options),
		SECTION("nic", nic_options), SECTION("disk", vm_disk_options), TEXT("console"),
		TEXT("console2"), TEXT("virtio_console"), TEXT("debug_exit"), TEXT("budget"), TEXT("period"),
		TEXT("share"), TEXT("on_crash"), TEXT("on_reset"), TEXT("hang_limit"), TEXTS("paravirtual"),
		TEXT("after_pause"), CFG_END() };
	cfg_opt_t disk_options[] = { TEXT("pci"), TEXT("driver"), TEXT("allow_dma"), TEXT("exercise"),
		TEXT("memory"), TEXT("image"), TEXT("on_crash"), CFG_END() };
	cfg_opt_t volume_options[] = { TEXT("disk"), TEXT("partition"), TEXT("label"), TEXT("size"),
		TEXT("snapshot_of"), CFG_END() };
	cfg_opt_t uplink_options[] = { TEXT("pci"), TEXT("driver"), TEXT("allow_dma"), TEXT("vlan"),
		TEXT("rate"), TEXT("burst"), TEXT("on_crash"), CFG_END() };
	cfg_opt_t options[] = { TEXT("name"), TEXT("admin_console"), TEXT("transcript"), TEXT("iommu"),
		TEXT("control"), TEXT("panic"), TEXT("audit_log"), TEXT("on_crash"), TEXTS("flows"),
		TEXTS("deny"), SECTION("disk", disk_options), SECTION("volume", volume_options),
		SECTION("uplink", uplink_options), SECTION("vm", vm_options), CFG_END() };
	cfg_t *root = cfg_init(options, CFGF_NONE);

	if (root == NULL) {
		complain("out of memory");
		return NULL;
	}
	cfg_set_error_function(root, explain);
	parsing = reader;
	if (cfg_parse_buf(root, reader->text) != CFG_SUCCESS && reader->diagnostics.errors == 0) {
		report(&reader->diagnostics, 1, "the file cannot be parsed: see docs/appliance-file.md");
	}
	parsing = NULL;
	return root;
}

static char *read_source(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t size = 0;

	if (file == NULL) {
		complain("cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	text = allocate(MAX_SOURCE_SIZE + 1);
	size = fread(text, 1, MAX_SOURCE_SIZE + 1, file);
	if (ferror(file)) {
		complain("cannot read %s: %s", path, strerror(errno));
	} else if (size > MAX_SOURCE_SIZE || memchr(text, '\0', size) != NULL) {
		complain("%s is no appliance file: it is longer than 1 MiB, or not text", path);
	} else {
		fclose(file);
		text[size] = '\0';
		return text;
	}
	fclose(file);
	free(text);
	return NULL;
}

bool appliance_load(const char *path, struct appliance *appliance)
{
	const char *slash = strrchr(path, '/');
	char *text = read_source(path);

	*appliance = (struct appliance){ 0 };
	if (text == NULL) {
		return false;
	}
	char *folder = format_text("%.*s", slash != NULL ? (int)(slash - path) + 1 : 0, path);
	struct reader reader = {
		.diagnostics = { .file = path }, .folder = folder, .text = text, .appliance = appliance
	};

	prepare_source(text, &reader.diagnostics);
	if (reader.diagnostics.errors == 0) {
		cfg_t *root = parse(&reader);

		if (root != NULL && reader.diagnostics.errors == 0) {
			read_appliance(&reader, root);
			appliance_check(appliance, &reader.diagnostics);
		}
		cfg_free(root);
	}
	free(reader.lines);
	free(folder);
	free(text);
	return reader.diagnostics.errors == 0 && appliance->name != NULL;
}
