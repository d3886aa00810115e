/* SPDX-License-Identifier: MIT */
/* The smallest guest: says hello with what the loader gave it, and ends with code 0 (or `code=`). `hang=1`: halts instead, for ever. */
#include "guest.h"

const char guest_name[] = "hello";

int main(void)
{
	put("hello from a bare guest, RAM ends at ");
	put_hex(ram_end());
	if (multiboot_info->flags & 4) {
		put(", command line: ");
		put((const char *)(uintptr_t)multiboot_info->command_line);
	}
	put("\n");
	check_equal("multiboot magic", multiboot_magic, 0x2badb002);
	while (argument("hang", 0))
		__asm__ volatile("cli; hlt");
	if (argument("code", 0))
		guest_exit((uint8_t)argument("code", 0));
	return 0;
}
