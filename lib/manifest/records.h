/* SPDX-License-Identifier: MIT */
/*
 * Between the files that judge a manifest's records: validate.c walks over them, check_*.c judge those of one subject each, by the values
 * (values.c) and by the rule of authority (authority.c). All is pure: reads the manifest. For this folder's files and for proofs only.
 *
 * Sections come in the order of the header, so that a record refers only to what was judged before; the scopes of all objects are judged
 * before the first object.
 */
#pragma once

#include "validate.h"

#define PORT_COUNT 65536u

/* Who refers to an object: a VM's index or MANIFEST_NONE, a task's index, MANIFEST_ROOT or MANIFEST_NONE. */
struct manifest_subject {
	uint32_t vm;
	uint32_t task;
};

/* True if the two NUL-terminated strings are equal. */
int manifest_same_text(const char *left, const char *right);

/* The text at `offset` in the strings is not empty and has fewer than `limit` bytes before its NUL; else MANIFEST_ERROR_STRING. */
__attribute__((warn_unused_result)) enum manifest_error manifest_check_text(
	const struct manifest *manifest, uint32_t offset, uint32_t limit);

/* The same with the limit of names. */
__attribute__((warn_unused_result)) enum manifest_error manifest_check_name(
	const struct manifest *manifest, uint32_t offset);

/* True if the texts at two offsets are equal. */
int manifest_same_name(const struct manifest *manifest, uint32_t left, uint32_t right);

/* A share of a CPU that the kernel takes. Both zero, a passive task's "no context of its own", is none. */
int manifest_is_share(uint64_t budget_us, uint64_t period_us);

/* A priority that a thread of the manifest may have. */
int manifest_is_priority(uint32_t priority);

/* Whether a size or an address is a multiple of the pages that a memory object is made of. */
int manifest_is_paged(const struct manifest_object *object, uint64_t value);

/* The object of that index, or NULL if there is none, or if it is of another type. */
const struct manifest_object *manifest_object_of_type(
	const struct manifest *manifest, uint32_t index, uint32_t type);

/* The rule of authority: may `subject` refer to `object`? */
int manifest_in_reach(const struct manifest_subject *subject, const struct manifest_object *object);

/* An endpoint that VMs share would let one VM's empty budget stall another: only the system's tasks may hold one. */
int manifest_is_shared_endpoint(const struct manifest_subject *subject, const struct manifest_object *object);

/* For whom an object is there; its scope was judged. */
struct manifest_subject manifest_subject_of_object(
	const struct manifest *manifest, const struct manifest_object *object);

/* Writes `subject`: the task of that index or MANIFEST_ROOT; MANIFEST_ERROR_REFERENCE if it is neither. */
__attribute__((warn_unused_result)) enum manifest_error manifest_subject_of_task(
	const struct manifest *manifest, uint32_t task, struct manifest_subject *subject);

/* Registers, messages and the MSI-X table of a PCI function. */
int manifest_is_part_of_function(const struct manifest_object *object);

/* May a task, or the root task, hold or map this? Parts of a PCI function are its driver's, its MSI-X table is not. */
int manifest_is_its_function(
	const struct manifest *manifest, uint32_t task, const struct manifest_object *object);

/* Each judges the record of that index, which is one of its section's. */
__attribute__((warn_unused_result)) enum manifest_error manifest_check_argument(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_module(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_vm(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_task(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_object(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_capability(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_mapping(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_guest_mapping(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_route(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_exit(
	const struct manifest *manifest, uint32_t index);
__attribute__((warn_unused_result)) enum manifest_error manifest_check_binding(
	const struct manifest *manifest, uint32_t index);

/* An object's scope names a VM or a task that is there, or nothing where it is the system's. */
__attribute__((warn_unused_result)) enum manifest_error manifest_check_scope(
	const struct manifest *manifest, const struct manifest_object *object);

/* Slot 0 stays empty; each listed capability of the task needs a slot of its own. */
int manifest_capabilities_fit(const struct manifest *manifest, uint32_t task);
