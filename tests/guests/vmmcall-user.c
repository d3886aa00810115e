/* SPDX-License-Identifier: MIT */
/* Calls to a hypervisor from ring 3, and virtualization instructions: no guest program may reach the VMM by them. All raise #UD. */
#include "guest.h"

const char guest_name[] = "vmmcall-user";

static volatile uint32_t code_segment;
static volatile uint32_t user_vmmcall, user_vmcall, user_vmrun, user_hlt;

static void user(void)
{
	uint32_t cs;

	__asm__ volatile("movl %%cs, %0" : "=r"(cs));
	code_segment = cs;
	TRY(".byte 0x0f, 0x01, 0xd9", ::"a"(0xdeadbeefu) : "memory");
	user_vmmcall = trap_vector;
	TRY(".byte 0x0f, 0x01, 0xc1", ::"a"(0xdeadbeefu) : "memory");
	user_vmcall = trap_vector;
	TRY(".byte 0x0f, 0x01, 0xd8", ::"a"(0) : "memory");
	user_vmrun = trap_vector;
	TRY("hlt", ::: "memory");
	user_hlt = trap_vector;
	__asm__ volatile("int $0x80");
}

int main(void)
{
	run_in_user_mode(user);
	check_equal("the code ran in ring 3", code_segment & 3, 3);
	check_equal("VMMCALL in ring 3", user_vmmcall, VECTOR_UD);
	check_equal("VMCALL in ring 3", user_vmcall, VECTOR_UD);
	check("VMRUN in ring 3", user_vmrun == VECTOR_UD || user_vmrun == VECTOR_GP);
	check_equal("HLT in ring 3", user_hlt, VECTOR_GP);
	TRY(".byte 0x0f, 0x01, 0xd8", ::"a"(0) : "memory");
	check_equal("VMRUN in ring 0, without EFER.SVME", trap_vector, VECTOR_UD);
	TRY(".byte 0x0f, 0x01, 0xda", ::"a"(0) : "memory");
	check_equal("VMLOAD in ring 0, without EFER.SVME", trap_vector, VECTOR_UD);
	TRY(".byte 0x0f, 0x01, 0xdd", ::: "memory");
	check_equal("CLGI in ring 0, without EFER.SVME", trap_vector, VECTOR_UD);
	return 0;
}
