/* SPDX-License-Identifier: MIT */
/* The conformance root task: runs the groups, or those that the kernel's command line names. */
#include "harness.h"

#define GROUP_ENTRY(name, about) { #name, group_##name },
static const struct {
	const char *name;
	void (*run)(void);
} groups[] = { GROUPS(GROUP_ENTRY) };

/* Is the name one of a comma-separated list? */
static bool is_listed(const char *list, const char *name)
{
	for (const char *at = list;; at++) {
		size_t i = 0;

		while (name[i] != '\0' && at[i] == name[i]) {
			i++;
		}
		if (name[i] == '\0' && (at[i] == ',' || at[i] == ' ' || at[i] == '\0')) {
			return true;
		}
		while (*at != ',') {
			if (*at == ' ' || *at == '\0') {
				return false;
			}
			at++;
		}
	}
}

/* The word groups=NAME,NAME... on the kernel's command line picks some; without it all run. */
static bool is_wanted(const char *name)
{
	static const char word[] = "groups=";

	for (const char *at = boot_info->command_line; *at != '\0'; at++) {
		size_t i = 0;

		while (word[i] != '\0' && at[i] == word[i]) {
			i++;
		}
		if (word[i] == '\0') {
			return is_listed(at + i, name);
		}
	}
	return true;
}

void root_task_main(const struct bh_boot_info *info)
{
	harness_start(info);
	print("conformance: started\n");
	for (unsigned int i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (is_wanted(groups[i].name)) {
			groups[i].run();
			case_end();
		}
	}
	print("CONFORMANCE %u passed, %u failed\n", (uint64_t)cases_passed, (uint64_t)cases_failed);
	harness_end(cases_failed == 0 ? 0 : 1);
}
