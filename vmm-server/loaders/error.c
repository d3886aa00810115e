/* SPDX-License-Identifier: MIT */
/* The loaders' errors in words. */
#include "loaders/loader.h"

/* `numbers`: found and limit say more; the text says in parentheses what they are. */
static const struct {
	bool numbers;
	const char *text;
} messages[LOADER_ERRORS] = {
	[LOADER_OK] = { false, "loaded" },
	[LOADER_NO_LOW_RAM] = { false,
		"guest RAM must start at address 0 and have at least 2 MiB there, at most 3 GiB" },
	[LOADER_FILE_TRUNCATED] = { true,
		"the kernel file ends before its header says (bytes in the file, bytes needed): is it "
		"complete?" },
	[LOADER_COMMAND_LINE_TOO_LONG] = { true,
		"the command line is too long (bytes, most that the kernel takes)" },
	[LOADER_INITRD_TOO_LARGE] = { true,
		"the initrd does not fit into RAM between the kernel's end and the highest address that "
		"the kernel allows (bytes, bytes free): give the VM more memory" },
	[LOADER_KERNEL_TOO_LARGE] = { true,
		"the kernel does not fit into guest RAM (end address it needs, end of RAM): give the VM "
		"more memory" },
	[LOADER_LINUX_NO_MAGIC] = { false,
		"the kernel is no bzImage: no 'HdrS' at offset 0x202. For other kernels choose the "
		"multiboot protocol" },
	[LOADER_LINUX_TOO_OLD] = { true,
		"the kernel's boot protocol is too old (version found, version needed as major * 256 + "
		"minor): Linux 3.8 or later is needed" },
	[LOADER_LINUX_NOT_64_BIT] = { false,
		"the kernel has no 64-bit entry point (xloadflags bit 0 is clear): a 64-bit kernel is "
		"needed" },
	[LOADER_LINUX_NOT_LOADED_HIGH] = { false,
		"the kernel is a zImage (LOADED_HIGH is clear): a bzImage is needed" },
	[LOADER_LINUX_BAD_HEADER_SIZE] = { true,
		"the length of the kernel's setup header makes no sense (its end, limit)" },
	[LOADER_LINUX_BAD_ALIGNMENT] = { true,
		"the kernel's preferred address does not fit its alignment (address, alignment)" },
	[LOADER_LINUX_BAD_ADDRESS] = { true,
		"the kernel's preferred address is below 1 MiB or above 4 GiB (address, lowest)" },
	[LOADER_LINUX_BAD_INIT_SIZE] = { true,
		"the memory that the kernel claims (init_size) is less than its own file needs (claimed, "
		"needed)" },
	[LOADER_LINUX_MODULES_GIVEN] = { false, "the Linux protocol has no modules: use an initrd" },
	[LOADER_MULTIBOOT_NO_HEADER] = { false,
		"the kernel has no Multiboot 1 header in its first 8192 bytes (magic 0x1BADB002 with a "
		"right checksum)" },
	[LOADER_MULTIBOOT_UNKNOWN_FLAGS] = { true,
		"the kernel's Multiboot header asks for features that are not known (its flags, flags "
		"known)" },
	[LOADER_MULTIBOOT_WANTS_GRAPHICS] = { false,
		"the kernel's Multiboot header asks for a graphics mode: this machine has no display" },
	[LOADER_MULTIBOOT_BAD_ADDRESSES] = { true,
		"the address fields of the kernel's Multiboot header contradict each other or the file "
		"(address, limit)" },
	[LOADER_MULTIBOOT_BAD_ENTRY] = { true,
		"the kernel's entry point lies in none of its segments (entry point, 0)" },
	[LOADER_MULTIBOOT_TOO_MANY_MODULES] = { true, "there are too many modules (given, most)" },
	[LOADER_MULTIBOOT_STRINGS_TOO_LONG] = { true,
		"the command line and the modules' strings are too long together (bytes, most)" },
	[LOADER_MULTIBOOT_INITRD_GIVEN] = { false,
		"the Multiboot protocol has no initrd: give it as a module" },
	[LOADER_ELF_NOT_ELF] = { false,
		"the kernel has a Multiboot header without addresses, so it must be an ELF file, but is "
		"none" },
	[LOADER_ELF_IS_64_BIT] = { false,
		"the kernel is a 64-bit ELF file, and Multiboot 1 starts 32-bit code: make it 32-bit by "
		"objcopy -O elf32-i386" },
	[LOADER_ELF_NOT_X86] = { true,
		"the kernel's ELF file is not for 32-bit x86 (machine found, machine needed)" },
	[LOADER_ELF_NOT_EXECUTABLE] = { true,
		"the kernel's ELF file is not an executable (type found, type needed): is it linked?" },
	[LOADER_ELF_BAD_PROGRAM_HEADERS] = { true,
		"the kernel's ELF program headers lie outside of the file or have a wrong size (their end"
		" or size, limit)" },
	[LOADER_ELF_BAD_SEGMENT] = { true,
		"a segment of the kernel's ELF file lies outside of the file, or is larger in the file "
		"than in memory (its end or size, limit)" },
	[LOADER_ELF_SEGMENT_OUTSIDE] = { true,
		"a segment of the kernel lies outside of the RAM that it may use: 64 KiB to 639 KiB, and "
		"from 1 MiB (its address, end of RAM)" },
	[LOADER_ELF_SEGMENTS_OVERLAP] = { true,
		"two segments of the kernel's ELF file overlap in memory (addresses of both)" },
	[LOADER_ELF_NO_SEGMENT] = { false, "the kernel's ELF file has no segment to load" },
	[LOADER_MODULES_TOO_LARGE] = { true,
		"the modules do not fit into RAM behind the kernel (end address they need, end of RAM): "
		"give the VM more memory" },
};

const char *loader_error_text(enum loader_error error, bool *numbers)
{
	if ((unsigned)error >= LOADER_ERRORS) {
		*numbers = false;
		return "unknown loader error";
	}
	*numbers = messages[error].numbers;
	return messages[error].text;
}
