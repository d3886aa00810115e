/* SPDX-License-Identifier: MIT */
/* Messages to device models (model.h). While one is waited for, the status page says whose answer it is: the root
 * task's supervisor looks there when the virtual CPU waits too long. */
#include "vcpu/model.h"

#include "system.h"

uint32_t model_access_again(
	struct vmm *vmm, uint64_t endpoint, uint64_t word, uint32_t value, uint64_t sequence, int64_t answer)
{
	uint32_t width = BH_PORT_WIDTH(word);

	while (answer == -(int64_t)BH_ERROR_CANCELLED) {
		answer = system_port_call(endpoint, word, value, sequence);
	}
	if (answer < 0) {
		vmm_status(vmm)->routes_given_up++;
		return width == 4 ? UINT32_MAX : (1u << (8 * width)) - 1;
	}
	return (uint32_t)answer;
}

uint32_t model_access(struct vmm *vmm, const struct vcpu *vcpu, uint64_t endpoint, bool in, uint32_t offset,
	uint32_t width, uint32_t value, uint64_t sequence)
{
	uint64_t word = BH_PORT_WORD(in, width, offset, vcpu->number);
	struct vm_status *status = vmm_status(vmm);
	int64_t answer;

	vm_status_await(status, endpoint);
	answer = system_port_call(endpoint, word, value, sequence);
	if (answer < 0) {
		answer = model_access_again(vmm, endpoint, word, value, sequence, answer);
	}
	vm_status_await(status, 0);
	return (uint32_t)answer;
}
