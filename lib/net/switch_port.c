/* SPDX-License-Identifier: MIT */
/* Reads the arguments of the switch: see switch_port.h. Pure. */
#include <bulkhead/switch_port.h>
#include <bulkhead/task.h>

/* Copies what stands before the next comma, or the end, and steps behind it. False if that does not fit, or is empty. */
static bool next_field(const char **text, char field[SWITCH_PORT_NAME_SIZE])
{
	unsigned length = 0;

	while (**text != '\0' && **text != ',') {
		if (length == SWITCH_PORT_NAME_SIZE - 1) {
			return false;
		}
		field[length++] = *(*text)++;
	}
	field[length] = '\0';
	if (**text == ',') {
		(*text)++;
	}
	return length != 0;
}

static bool next_number(const char **text, uint64_t minimum, uint64_t maximum, uint64_t *value)
{
	char field[SWITCH_PORT_NAME_SIZE];

	return next_field(text, field) && bh_parse_number(field, value) && *value >= minimum &&
	       *value <= maximum;
}

static bool same_text(const char *left, const char *right)
{
	while (*left != '\0' && *left == *right) {
		left++;
		right++;
	}
	return *left == *right;
}

bool switch_port_parse(const char *text, struct switch_port_settings *settings)
{
	char address[SWITCH_PORT_NAME_SIZE];
	uint64_t vlan;

	*settings = (struct switch_port_settings){ 0 };
	if (!next_field(&text, settings->name) || !next_field(&text, address)) {
		return false;
	}
	settings->is_uplink = same_text(address, SWITCH_UPLINK);
	if (!settings->is_uplink && (!mac_parse(address, &settings->mac) || settings->mac == 0 ||
					    (settings->mac & MAC_GROUP) != 0)) {
		return false;
	}
	if (!next_number(&text, 0, SWITCH_VLAN_MAX, &vlan) ||
		!next_number(&text, 0, SWITCH_RATE_MAX, &settings->rate) ||
		!next_number(&text, 0, SWITCH_BURST_MAX, &settings->burst) ||
		!next_number(&text, 0, (UINT64_C(1) << SWITCH_PORTS_MAX) - 1, &settings->flows)) {
		return false;
	}
	settings->vlan = (uint16_t)vlan;
	return *text == '\0' && text[-1] != ',' && (settings->rate == 0 || settings->rate >= SWITCH_RATE_MIN);
}
