/* SPDX-License-Identifier: MIT */
/* Looks at every function of the machine once: who they are, where their registers stand. Quiets them all: from then on only what an order says
 * does DMA. Configuration space only. */
#pragma once

#include "selector.h"

#include <bulkhead/host_pci.h>

#include <stdbool.h>
#include <stdint.h>

#define SURVEY_MAX_FUNCTIONS 256u

/* What outlives the task. A function while its BARs are being sized: who comes after a task that was killed meanwhile puts them back. And what came
 * out of the survey, from when on drivers may be at work, and none is made again. */
struct survey_journal {
	uint32_t is_complete; /* 1: `states` are valid, and all of the functions' pages but their state */
	uint32_t states[HOST_PCI_MAX_FUNCTIONS]; /* enum host_pci_state */
	uint32_t is_open; /* 1: the rest is valid, and the function may not be as it was */
	uint32_t requester;
	uint32_t command;
	uint32_t bar[HOST_PCI_BARS];
};

struct survey_function {
	uint32_t requester;
	uint32_t id;           /* device << 16 | vendor */
	uint32_t class_code;   /* 24 bits */
	bool is_taken;         /* by a selector */
	bool is_bridge;        /* header of another type than 0 */
	bool is_of_the_system; /* a bridge, or an IOMMU */
	bool is_unassigned;    /* a memory BAR has no address */
	struct host_pci_bar bar[HOST_PCI_BARS];
};

struct survey {
	uint32_t count;
	bool is_full; /* there are more functions than fit: nobody can say what shares pages with what */
	struct survey_function function[SURVEY_MAX_FUNCTIONS];
};

/* Undoes what a predecessor had begun. */
void survey_recover(struct survey_journal *journal);

/* Looks at all functions on all buses that bridges lead to from bus 0. `survey` is zero. */
void survey_make(struct survey *survey, struct survey_journal *journal);

/* Fills `pages`, `count` of them (at most HOST_PCI_MAX_FUNCTIONS), with what each selector's function is: all but `state`, which goes to
 * `states`, for the caller to publish last. Each function goes to one selector at most, those that name a place choosing first. */
void survey_choose(struct survey *survey, const struct selector *selectors, uint32_t count,
	struct host_pci_function *const *pages, enum host_pci_state *states);
