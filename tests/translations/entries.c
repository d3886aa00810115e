/* SPDX-License-Identifier: MIT */
/* QEMU plugin (TCG, interface version 1) for translations.py: at each VMRUN it writes the control block's ASID and TLB_CONTROL and the
 * nested page tables' entries to a file. The machine's memory is a file, too: a plugin can't read registers or memory. Arguments:
 * memory=FILE, current=physical address of the pointer to who runs, control=offset of its control block's address, out=FILE.
 * Debian's QEMU 7.2 comes without the header, so what is used of it is declared here. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translation_callback)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*execution_callback)(unsigned int, void *);
typedef void (*end_callback)(qemu_plugin_id_t, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translation_callback callback);
void qemu_plugin_register_vcpu_insn_exec_cb(
	struct qemu_plugin_insn *instruction, execution_callback callback, int flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, end_callback callback, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **arguments);

extern int qemu_plugin_version;
int qemu_plugin_version = 1;

/* AMD APM vol. 2 table B-1, section 5.3 */
#define CONTROL_ASID 0x58
#define CONTROL_TLB 0x5c
#define CONTROL_NESTED_CR3 0xb0
#define ENTRY_PRESENT 1u
#define ENTRY_LARGE 0x80u
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)
#define DIRECT_MAP UINT64_C(0xffff800000000000)

static const uint8_t *memory;
static uint64_t memory_size, current_at, control_offset;
static FILE *out;

static uint64_t word(uint64_t physical)
{
	uint64_t value = 0;

	if (physical + 8 <= memory_size) {
		memcpy(&value, memory + physical, 8);
	}
	return value;
}

/* The leaves below a table, level by level: "guest-physical=entry". */
static void write_table(uint64_t table, unsigned int level, uint64_t base)
{
	for (uint64_t i = 0; i < 512; i++) {
		uint64_t entry = word(table + i * 8), address = base + (i << (12 + 9 * (level - 1)));

		if ((entry & ENTRY_PRESENT) == 0) {
			continue;
		}
		if (level == 1 || (entry & ENTRY_LARGE) != 0) {
			fprintf(out, " %lx=%lx", address, entry);
		} else {
			write_table(entry & ENTRY_ADDRESS, level - 1, address);
		}
	}
}

static void enter(unsigned int cpu, void *data)
{
	uint64_t control = word(word(current_at) - DIRECT_MAP + control_offset);
	uint64_t asid = word(control + CONTROL_ASID);

	(void)cpu;
	(void)data;
	fprintf(out, "%u %u", (uint32_t)asid, (unsigned int)(asid >> 32 & 0xff));
	write_table(word(control + CONTROL_NESTED_CR3) & ENTRY_ADDRESS, 4, 0);
	fputc('\n', out);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	static const uint8_t vmrun[] = { 0x0f, 0x01, 0xd8 };

	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
		struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);

		if (qemu_plugin_insn_size(instruction) == sizeof(vmrun) &&
			memcmp(qemu_plugin_insn_data(instruction), vmrun, sizeof(vmrun)) == 0) {
			qemu_plugin_register_vcpu_insn_exec_cb(instruction, enter, 0, NULL);
		}
	}
}

static void end(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	fputs("end\n", out);
	fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **arguments)
{
	struct stat status;
	int file = -1;

	(void)info;
	for (int i = 0; i < count; i++) {
		char *value = strchr(arguments[i], '=');

		if (value == NULL) {
			return -1;
		}
		*value++ = '\0';
		if (strcmp(arguments[i], "memory") == 0) {
			file = open(value, O_RDONLY | O_CLOEXEC);
		} else if (strcmp(arguments[i], "out") == 0) {
			out = fopen(value, "w");
		} else if (strcmp(arguments[i], "current") == 0) {
			current_at = strtoul(value, NULL, 0);
		} else if (strcmp(arguments[i], "control") == 0) {
			control_offset = strtoul(value, NULL, 0);
		}
	}
	if (file < 0 || out == NULL || fstat(file, &status) != 0) {
		return -1;
	}
	memory_size = (uint64_t)status.st_size;
	memory = mmap(NULL, memory_size, PROT_READ, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED) {
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, end, NULL);
	return 0;
}
