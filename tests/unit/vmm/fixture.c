/* SPDX-License-Identifier: MIT */
/* The fixture of the VMM server's unit tests (fixture.h). */
#include "fixture.h"

#include <bulkhead/invocation.h>

#include <stdio.h>
#include <string.h>

#include "clock/time.h"
#include "system.h"
#include "vcpu/hot.h"
#include "vcpu/lines.h"

struct fake_system fake;
struct vmm vmm;
struct bh_vcpu_state page;
struct vm_status status;
struct lines_page lines_page;
uint8_t ram[RAM_SIZE] __attribute__((aligned(4096)));
uint64_t injected;

uint64_t system_tsc(void) { return fake.tsc; }

enum bh_error system_read_state(uint64_t vcpu, uint32_t groups)
{
	(void)vcpu;
	fake.reads++;
	fake.groups_read |= groups;
	return BH_OK;
}

enum bh_error system_timer_arm(uint64_t timer, uint64_t deadline)
{
	(void)timer;
	fake.arms++;
	fake.armed = deadline;
	return BH_OK;
}

enum bh_error system_timer_cancel(uint64_t timer)
{
	(void)timer;
	return BH_OK;
}

int64_t system_port_call(uint64_t endpoint, uint64_t word, uint32_t value, uint64_t sequence)
{
	uint32_t index = fake.calls++ % 64;

	fake.call[index].endpoint = endpoint;
	fake.call[index].word = word;
	fake.call[index].value = value;
	fake.call[index].sequence = sequence;
	if (fake.cancelled > 0) {
		fake.cancelled--;
		return -(int64_t)BH_ERROR_CANCELLED;
	}
	return fake.call_error == BH_OK ? fake.call_answer : -(int64_t)fake.call_error;
}

void system_signal(uint64_t notification)
{
	fake.signalled = notification;
	fake.signals++;
}

void system_route(uint64_t guest_space, uint32_t number, uint32_t first, uint32_t count)
{
	(void)guest_space;
	if (number < BH_ROUTES) {
		fake.route[number] = count != 0 ? first : 0;
	}
	fake.routings++;
}

void system_log(const char *format, ...)
{
	va_list arguments;

	fake.log_lines++;
	va_start(arguments, format);
	(void)vsnprintf(fake.last_line, sizeof(fake.last_line), format, arguments);
	va_end(arguments);
}

void system_format_list(char *buffer, size_t size, const char *format, va_list arguments)
{
	(void)vsnprintf(buffer, size, format, arguments);
}

/* PML4 at 0x1000, PDPT at 0x2000, four page directories from 0x3000 on: 4 GiB in pages of 2 MiB. */
static void build_page_tables(void)
{
	uint64_t *table = (uint64_t *)(void *)ram;

	table[0x1000 / 8] = 0x2000 | 7;
	for (uint32_t i = 0; i < 4; i++) {
		table[0x2000 / 8 + i] = (0x3000 + 0x1000 * (uint64_t)i) | 7;
		for (uint32_t j = 0; j < 512; j++) {
			table[(0x3000 + 0x1000 * i) / 8 + j] =
				((uint64_t)i << 30) | ((uint64_t)j << 21) | 0xe7;
		}
	}
}

static void build_cpu(void)
{
	static struct cpuid_host host;
	static const struct cpuid_config config = {
		.vcpu_count = 1,
		.xcr0_mask = 7,
		.physical_bits = 40,
		.rdtscp = true,
		.tsc_deadline = true,
	};

	/* A fixed CPU, so that the tests mean the same on every machine: AVX, XSAVE, NX. */
	host.count = 0;
	host.entry[host.count++] = (struct cpuid_entry){ 0, 0, { 0xd, 0x68747541, 0x444d4163, 0x69746e65 } };
	host.entry[host.count++] = (struct cpuid_entry){ 1, 0, { 0x800f12, 0, 0x1c000001, 0x078bfbff } };
	host.entry[host.count++] = (struct cpuid_entry){ 0xd, 0, { 7, 832, 832, 0 } };
	host.entry[host.count++] = (struct cpuid_entry){ 0xd, 2, { 256, 576, 0, 0 } };
	host.entry[host.count++] = (struct cpuid_entry){ 0x80000000, 0, { 0x80000008, 0, 0, 0 } };
	host.entry[host.count++] = (struct cpuid_entry){ 0x80000001, 0, { 0, 0, 0, 0x2c100800 } };
	host.entry[host.count++] = (struct cpuid_entry){ 0x80000008, 0, { 0x3028, 0, 0, 0 } };
	assert_int_equal(cpuid_build(&vmm.cpuid, &host, &config), CPUID_OK);
	vmm.msr = (struct msr_policy){ .physical_bits = vmm.cpuid.physical_bits, .nx = true };
	msr_init(&vmm.msr_cpu);
}

static void build_vcpu(void)
{
	page = (struct bh_vcpu_state){ .abi_version = BH_ABI_VERSION, .size = sizeof(page) };
	page.rip = CODE_ADDRESS;
	page.rflags = 0x202;
	page.cr0 = 0x80000011;
	page.cr3 = 0x1000;
	page.cr4 = 0x20;
	page.efer = EFER_LME | EFER_LMA;
	page.xcr0 = 1;
	page.dr6 = 0xffff0ff0;
	page.dr7 = 0x400;
	for (uint32_t i = BH_ES; i <= BH_GS; i++) {
		page.segment[i] = (struct bh_segment_register){ 0x10, 0xc93, UINT32_MAX, 0 };
	}
	page.segment[BH_CS] = (struct bh_segment_register){ 0x08, 0xa9b, UINT32_MAX, 0 };
	vmm.vcpu.state = &page;
	vmm.vcpu.lapic = &vmm.fabric.lapic[0];
	for (uint32_t i = 0; i < BH_EXIT_REASONS; i++) {
		vmm.vcpu.delivered[i] = exit_groups[i];
	}
}

int fixture_setup(void **state)
{
	static struct clock_page clock;
	static const enum vmm_line_action actions[] = { VMM_LINE_GSI, VMM_LINE_POWEROFF, VMM_LINE_RESET,
		VMM_LINE_EXIT, VMM_LINE_GSI };

	(void)state;
	memset(&fake, 0, sizeof(fake));
	memset(&vmm, 0, sizeof(vmm));
	memset(ram, 0, sizeof(ram));
	memset(&lines_page, 0, sizeof(lines_page));
	fake.tsc = 1000000;
	injected = 0;
	(void)lines_attach(&lines_page);
	lifecycle_start(&vmm.lifecycle, &status, 9, 0);
	lifecycle_running(&vmm.lifecycle);
	build_cpu();
	guest_memory_initialize(&vmm.memory, vmm.cpuid.physical_bits);
	assert_true(guest_memory_add(&vmm.memory, 0, RAM_SIZE, ram));
	build_page_tables();
	assert_int_equal(fabric_init(&vmm.fabric, 1, true), FABRIC_OK);
	fabric_firmware_state(&vmm.fabric);
	pci_initialize(&vmm.pci);
	vmm.ports[0] = (struct vmm_port_range){ 0x3f8, 8, 40 };
	vmm.ports[1] = (struct vmm_port_range){ 0x600, 6, 41 };
	vmm.port_count = 2;
	for (uint32_t i = 0; i < 5; i++) {
		vmm.lines[i] = (struct vmm_line){
			.page = &lines_page, .signal = 1u << 5, .number = i, .action = actions[i]
		};
	}
	vmm.lines[0].gsi = 4;
	vmm.lines[4].gsi = 9;
	vmm.line_count = 5;
	assert_true(lines_attach_all(&vmm));
	build_vcpu();
	vmm.clock = &clock;
	time_start(&vmm, 1000000, 0);
	fake.signals = 0;
	fake.log_lines = 0;
	return 0;
}

void put_code(const void *bytes, size_t count) { memcpy(&ram[page.rip], bytes, count); }

void store_code(void)
{
	page.code = (struct bh_code_state){
		.cr0 = (uint32_t)page.cr0,
		.cr4 = (uint32_t)page.cr4,
		.efer = (uint32_t)page.efer,
		.cs_attributes = page.segment[BH_CS].attributes,
		.cpl = (uint16_t)page.cpl,
		.cr3 = page.cr3,
		.cs_base = page.segment[BH_CS].base,
		.ds_base = page.segment[BH_DS].base,
	};
}

uint64_t take_exit(
	enum bh_exit_reason reason, uint64_t qualification, uint64_t information, uint64_t sequence)
{
	struct exit_message message = { (uint64_t)reason, qualification, information, sequence };
	uint64_t answer;

	store_code();
	/* As the handler's loop does. */
	answer = hot_often(&vmm, &page, &status, message.reason, qualification, information);
	if (answer == HOT_NOTHING) {
		answer = hot_seldom(&vmm, message.reason, qualification, information);
	}
	if (answer == HOT_NOTHING) {
		answer = exit_handle(&vmm, &vmm.vcpu, &message);
	}

	injected = page.inject;
	/* The kernel refuses both at once. */
	assert_true(
		injected == 0 || (page.undelivered & BH_EVENT_VALID) == 0 || (answer & BH_RESUME_STOP) != 0);
	page.inject = 0;
	return answer;
}
