/* SPDX-License-Identifier: MIT */
/* The order of boot: console, loader's information, CPU check, final page tables, platform, clocks, kernel_main. */

#include "arch/x86_64/boot.h"

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/boot_information.h"
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/iommu.h"
#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/pic.h"
#include "arch/x86_64/screen.h"
#include "arch/x86_64/tsc.h"
#include "log.h"
#include "panic.h"

struct boot_information boot_information;

static void print_boot_information(const struct boot_information *boot)
{
	uint64_t usable_bytes = 0;

	for (unsigned int i = 0; i < boot->usable_count; i++) {
		usable_bytes += boot->usable[i].end - boot->usable[i].start;
	}
	log_line("boot: %s%s, %u modules, %lu MiB of memory in %u regions, command line: %s", boot->protocol,
		boot->efi ? " on UEFI" : "", boot->module_count, usable_bytes >> 20, boot->usable_count,
		boot->command_line);
	if (boot->regions_dropped != 0 || boot->modules_dropped != 0) {
		log_line("boot: %u memory regions and %u modules (at most %u) did not fit and are missing",
			boot->regions_dropped, boot->modules_dropped, BH_BOOT_MODULES_MAX);
	}
	if (boot->strings_cut) {
		log_line("boot: a module name or the command line was too long and was cut");
	}
}

_Noreturn void arch_boot(uint32_t magic, uint32_t information)
{
	enum boot_result result;

	log_console_take();
	idt_load_boot();
	log_line("Bulkhead");

	result = boot_information_read(&boot_information, magic, information);
	screen_initialise(&boot_information.framebuffer);
	panic_set_reboot(boot_command_line_has(&boot_information, "panic=reboot"));
	if (result != BOOT_OK) {
		log_line("boot: %s", boot_result_text(result));
		panic_stop();
	}
	if (!cpu_check()) {
		panic_stop();
	}
	print_boot_information(&boot_information);

	cpu_control_registers_set();
	kernel_space_create(&boot_information);
	/* A framebuffer above 4 GiB was out of reach of the early tables. */
	screen_initialise(&boot_information.framebuffer);
	kernel_stacks_create(0);

	acpi_read_tables(&platform_information, boot_information.rsdp_physical);
	if (!platform_information.has_no_pic) {
		pic_disable();
	}
	ioapic_initialise(&platform_information);
	lapic_enable();
	clock_calibrate(&platform_information);
	iommu_initialise(&platform_information);
	boot_enter_kernel_main(kernel_stack_top(0));
}
