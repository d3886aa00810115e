/* SPDX-License-Identifier: MIT */
/* What follows from an appliance's file about all of it, and its end. */
#include "appliance.h"

#include <stdlib.h>

bool disk_has_volumes(const struct appliance *appliance, unsigned disk)
{
	for (unsigned i = 0; i < appliance->volume_count; i++) {
		if (appliance->volumes[i].disk == disk) {
			return true;
		}
	}
	return false;
}

unsigned appliance_system_share(const struct appliance *appliance)
{
	unsigned uplinks = appliance->network.uplink_count;
	bool has_functions = uplinks != 0;
	unsigned share = SYSTEM_SHARE_PER_MILLE + uplinks * UPLINK_SHARE_PER_MILLE;

	for (unsigned i = 0; i < appliance->disk_count; i++) {
		share += DISK_SHARE_PER_MILLE;
		share += disk_has_volumes(appliance, i) ? VOLUMES_SHARE_PER_MILLE : 0;
		has_functions |= appliance->disks[i].memory == 0;
	}
	return share + (has_functions ? PCI_SHARE_PER_MILLE : 0) +
	       (appliance->audit_log_line != 0 ? AUDIT_SHARE_PER_MILLE : 0) +
	       (network_port_count(appliance) != 0 ? SWITCH_SHARE_PER_MILLE : 0);
}

void appliance_free(struct appliance *appliance)
{
	for (unsigned i = 0; i < appliance->vm_count; i++) {
		struct vm *vm = &appliance->vms[i];

		for (unsigned j = 0; j < vm->module_count; j++) {
			free(vm->modules[j].path);
			free(vm->modules[j].text);
		}
		for (unsigned j = 0; j < vm->device_count; j++) {
			free(vm->devices[j].console);
		}
		for (unsigned j = 0; j < vm->nic_count; j++) {
			free(vm->nics[j].name);
		}
		for (unsigned j = 0; j < vm->disk_count; j++) {
			free(vm->disks[j].name);
		}
		free(vm->kernel.path);
		free(vm->kernel.text);
		free(vm->initrd.path);
		free(vm->initrd.text);
		free(vm->command_line);
		free(vm->name);
	}
	for (unsigned i = 0; i < appliance->disk_count; i++) {
		free(appliance->disks[i].name);
		free(appliance->disks[i].function.pci);
		free(appliance->disks[i].image.path);
		free(appliance->disks[i].image.text);
	}
	for (unsigned i = 0; i < appliance->volume_count; i++) {
		free(appliance->volumes[i].name);
		free(appliance->volumes[i].label);
	}
	for (unsigned i = 0; i < appliance->network.uplink_count; i++) {
		free(appliance->network.uplinks[i].name);
		free(appliance->network.uplinks[i].function.pci);
	}
	free(appliance->name);
	free(appliance->admin_console);
	*appliance = (struct appliance){ 0 };
}
