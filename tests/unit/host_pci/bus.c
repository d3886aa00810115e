/* SPDX-License-Identifier: MIT */
/* The tests' PCI functions: see bus.h. */
#include "bus.h"

#include <string.h>

struct bus_function bus_functions[BUS_FUNCTIONS];
uint32_t bus_count;
uint32_t bus_writes;
uint32_t bus_writes_allowed;
jmp_buf bus_killed;
bool bus_moved_while_decoding;

static struct bus_function *find(uint32_t requester)
{
	for (uint32_t i = 0; i < bus_count; i++) {
		if (bus_functions[i].requester == requester) {
			return &bus_functions[i];
		}
	}
	return NULL;
}

uint32_t config_read(uint32_t requester, uint32_t offset)
{
	const struct bus_function *function = find(requester);

	assert_true(offset < 256 && offset % 4 == 0);
	return function != NULL ? function->config[offset / 4] : 0xffffffff;
}

void config_write(uint32_t requester, uint32_t offset, uint32_t value)
{
	struct bus_function *function = find(requester);
	uint32_t *word;

	assert_true(offset < 256 && offset % 4 == 0);
	if (bus_writes_allowed-- == 0) {
		longjmp(bus_killed, 1);
	}
	bus_writes++;
	if (function == NULL) {
		return;
	}
	word = &function->config[offset / 4];
	if (offset >= CONFIG_BAR && offset < CONFIG_BAR + 24 && *word != value &&
		(bus_command(function) & COMMAND_MEMORY) != 0) {
		bus_moved_while_decoding = true;
	}
	*word = (*word & ~function->writable[offset / 4]) | (value & function->writable[offset / 4]);
}

void bus_reset(void)
{
	memset(bus_functions, 0, sizeof bus_functions);
	bus_count = 0;
	bus_writes = 0;
	bus_writes_allowed = UINT32_MAX;
	bus_moved_while_decoding = false;
}

struct bus_function *bus_add(uint32_t requester, uint32_t id, uint32_t class_code)
{
	struct bus_function *function = &bus_functions[bus_count++];

	function->requester = requester;
	function->config[CONFIG_ID / 4] = id;
	function->config[CONFIG_CLASS / 4] = class_code << 8;
	function->config[CONFIG_COMMAND / 4] = COMMAND_MEMORY | COMMAND_BUS_MASTER;
	function->writable[CONFIG_COMMAND / 4] = 0x7ff;
	return function;
}

void bus_add_bar(struct bus_function *function, uint32_t bar, uint32_t address, uint32_t bits, bool wide)
{
	uint32_t word = CONFIG_BAR / 4 + bar;

	function->config[word] = address | (wide ? 0xcu : 0);
	function->writable[word] = bits < 32 ? ~((UINT32_C(1) << bits) - 1) : 0;
	if (wide) {
		function->writable[word + 1] = bits <= 32 ? UINT32_MAX : ~((UINT32_C(1) << (bits - 32)) - 1);
	}
}

void bus_add_msix(struct bus_function *function, uint32_t entries, uint32_t table, uint32_t pending)
{
	function->config[CONFIG_COMMAND / 4] |= STATUS_CAPABILITIES;
	function->config[CONFIG_CAPABILITIES / 4] = 0x50;
	function->config[0x50 / 4] = 0x4000 | 0x09;
	function->config[0x40 / 4] = (entries - 1) << 16 | CAPABILITY_MSIX;
	function->writable[0x40 / 4] = MSIX_ENABLE | MSIX_MASK_ALL;
	function->config[0x44 / 4] = table;
	function->config[0x48 / 4] = pending;
}

uint32_t bus_command(const struct bus_function *function)
{
	return function->config[CONFIG_COMMAND / 4] & COMMAND_MASK;
}
