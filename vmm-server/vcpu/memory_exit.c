/* SPDX-License-Identifier: MIT */
/* Memory-mapped registers (memory_exit.h). Touches the fabric and, through mmio/, registers and flags of the
 * guest. */
#include "vcpu/memory_exit.h"

#include "vcpu/functions.h"
#include "vcpu/model.h"

#define PAGE_MASK UINT64_C(0xfff)

/* How often an instruction that does not fit its exit is tried again: another CPU may have changed the code,
 * once. */
#define REFUSALS_MAX 2u

static uint64_t all_ones(uint32_t width)
{
	return width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

/* The 32-bit register page that lies at this address. */
enum register_page { PAGE_NONE, PAGE_LOCAL_APIC, PAGE_IO_APIC };

static enum register_page find_page(const struct vmm *vmm, const struct vcpu *vcpu, uint64_t guest_physical)
{
	uint64_t page = guest_physical & ~PAGE_MASK;

	if (page == fabric_apic_page(&vmm->fabric, vcpu->number)) {
		return PAGE_LOCAL_APIC;
	}
	return page == IOAPIC_DEFAULT_BASE ? PAGE_IO_APIC : PAGE_NONE;
}

static uint32_t read_register(
	struct vmm *vmm, struct vcpu *vcpu, enum register_page page, uint32_t offset, uint64_t now)
{
	return page == PAGE_LOCAL_APIC ? fabric_apic_read(&vmm->fabric, vcpu->number, offset, now)
				       : fabric_ioapic_read(&vmm->fabric, offset);
}

/* Registers are 32 bits wide (Intel SDM vol. 3 section 11.4.1). A narrower read gets its part of one, a wider
 * one zeroes behind it; writes of other widths do nothing. */
static uint64_t read_page(struct vmm *vmm, struct vcpu *vcpu, enum register_page page, uint32_t offset,
	uint32_t width, uint64_t now)
{
	uint32_t shift = 8 * (offset & 3);

	return (uint64_t)read_register(vmm, vcpu, page, offset & ~3u, now) >> shift & all_ones(width);
}

static void write_page(struct vmm *vmm, struct vcpu *vcpu, enum register_page page, uint32_t offset,
	uint32_t width, uint32_t value, uint64_t now)
{
	if (width != 4 || (offset & 3) != 0) {
		return;
	}
	if (page == PAGE_LOCAL_APIC) {
		fabric_apic_write(&vmm->fabric, vcpu->number, offset, value, now);
	} else {
		fabric_ioapic_write(&vmm->fabric, offset, value);
	}
}

/* An access that lies in a model's range; 8 bytes are two accesses, the lower one first. */
static uint64_t access_model(struct vmm *vmm, struct vcpu *vcpu, const struct mmio_access *access)
{
	const struct vmm_memory_range *range = model_memory(vmm, access->guest_physical, access->width);
	uint32_t width = access->width < 4 ? access->width : 4;
	uint64_t value = 0;

	for (uint32_t done = 0; done < access->width; done += width) {
		uint32_t offset = (uint32_t)(access->guest_physical - range->first) + done;

		value |= (uint64_t)model_access(vmm, vcpu, range->endpoint, !access->write, offset, width,
				 (uint32_t)(access->value >> (8 * done)), model_sequence(vcpu))
			 << (8 * done);
	}
	return value;
}

static uint64_t do_access(struct vmm *vmm, struct vcpu *vcpu, const struct mmio_access *access, uint64_t now)
{
	enum register_page page = find_page(vmm, vcpu, access->guest_physical);
	uint32_t offset = (uint32_t)(access->guest_physical & PAGE_MASK);
	uint64_t value = access->value;

	if (page == PAGE_NONE && model_memory(vmm, access->guest_physical, access->width) != NULL) {
		return access_model(vmm, vcpu, access);
	}
	if (page == PAGE_NONE &&
		functions_memory(vmm, access->write, access->guest_physical, access->width, &value)) {
		return access->write ? 0 : value;
	}
	if (page == PAGE_NONE) {
		unowned_note(&vmm->unowned, vmm_status(vmm), UNOWNED_MEMORY, access->guest_physical,
			access->write, vcpu->state->rip);
		return all_ones(access->width);
	}
	if (access->write) {
		write_page(vmm, vcpu, page, offset, access->width, (uint32_t)access->value, now);
		return 0;
	}
	return read_page(vmm, vcpu, page, offset, access->width, now);
}

static void refuse(struct vmm *vmm, struct vcpu *vcpu, bool write)
{
	uint64_t rip = vcpu->state->rip;

	unowned_note(&vmm->unowned, vmm_status(vmm), UNOWNED_INSTRUCTION, rip, write, rip);
	vcpu_raise_invalid_opcode(vcpu);
}

static void emulate(
	struct vmm *vmm, struct vcpu *vcpu, uint64_t guest_physical, uint64_t information, uint64_t now)
{
	bool write = (information & BH_MEMORY_WRITE) != 0;
	uint64_t flags = vcpu->state->rflags;
	struct mmio_access access;
	enum mmio_result result;

	vcpu_need(vcpu, BH_GROUP_CONTROL | BH_GROUP_SEGMENTS);
	result = mmio_start(&vcpu->mmio, &vmm->memory, vcpu->state, guest_physical, write, &access);
	if (result == MMIO_ACCESS) {
		site_note_memory(vmm, vcpu, BH_EXIT_MEMORY, guest_physical, information);
	}
	while (result == MMIO_ACCESS) {
		result = mmio_finish(&access, vcpu->state, do_access(vmm, vcpu, &access, now));
	}
	switch (result) {
	case MMIO_ACCESS:
	case MMIO_DONE:
		vmm_status(vmm)->instructions_emulated++;
		vcpu_trap(vcpu, flags);
		break;
	case MMIO_FAULT:
		vcpu_raise_fault(vcpu, &access.fault);
		break;
	case MMIO_UNSUPPORTED:
		refuse(vmm, vcpu, write);
		break;
	case MMIO_REFUSED:
		vcpu->refusals = vcpu->refused_rip == vcpu->state->rip ? vcpu->refusals + 1 : 1;
		vcpu->refused_rip = vcpu->state->rip;
		if (vcpu->refusals >= REFUSALS_MAX) {
			vcpu->refusals = 0;
			refuse(vmm, vcpu, write);
		}
		break;
	}
}

void memory_exit(
	struct vmm *vmm, struct vcpu *vcpu, uint64_t guest_physical, uint64_t information, uint64_t now)
{
	if ((vcpu->state->undelivered & BH_EVENT_VALID) != 0) {
		/* Not an instruction's access, but one to IDT, GDT, TSS or the stack. All ones there are no
		 * descriptor and no way back: what follows on a machine are #GP, #DF and shutdown. */
		lifecycle_end(&vmm->lifecycle, VM_STATE_CRASHED, VM_CRASH_EVENT,
			"event 0x%lx can't be delivered: 0x%lx is no memory (rip 0x%lx)",
			(unsigned long)vcpu->state->undelivered, (unsigned long)guest_physical,
			(unsigned long)vcpu->state->rip);
		return;
	}
	if ((information & BH_MEMORY_PAGING) != 0) {
		lifecycle_end(&vmm->lifecycle, VM_STATE_CRASHED, VM_CRASH_PAGE_TABLES,
			"a page table of the guest is at 0x%lx, which is no memory (rip 0x%lx)",
			(unsigned long)guest_physical, (unsigned long)vcpu->state->rip);
		return;
	}
	if ((information & BH_MEMORY_FETCH) != 0) {
		/* All ones are no instruction. */
		unowned_note(&vmm->unowned, vmm_status(vmm), UNOWNED_MEMORY, guest_physical, false,
			vcpu->state->rip);
		vcpu_raise_invalid_opcode(vcpu);
		return;
	}
	emulate(vmm, vcpu, guest_physical, information, now);
}
