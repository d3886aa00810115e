/* SPDX-License-Identifier: MIT */
/* The heap region of a task: see heap.h. A bitmap with one bit a page, searched from the top; touches the region and nothing else. */
#include "heap.h"

#include <string.h>

static bool page_is_used(const struct heap *heap, uint64_t page)
{
	return (heap->used[page / 64] >> (page % 64) & 1) != 0;
}

static void mark(struct heap *heap, uint64_t first, uint64_t count, bool used)
{
	for (uint64_t page = first; page < first + count; page++) {
		uint64_t bit = UINT64_C(1) << (page % 64);

		heap->used[page / 64] = used ? heap->used[page / 64] | bit : heap->used[page / 64] & ~bit;
	}
}

static bool all_used(const struct heap *heap, uint64_t first, uint64_t count, bool used)
{
	for (uint64_t page = first; page < first + count; page++) {
		if (page_is_used(heap, page) != used) {
			return false;
		}
	}
	return true;
}

static void *page_address(const struct heap *heap, uint64_t page)
{
	return (void *)(uintptr_t)(heap->address + page * HEAP_PAGE);
}

/* Pages that `length` bytes need; more than any heap has if it overflows. */
static uint64_t pages_of(uint64_t length)
{
	return length > UINT64_MAX - HEAP_PAGE ? UINT64_MAX / HEAP_PAGE
					       : (length + HEAP_PAGE - 1) / HEAP_PAGE;
}

/* True if the range starts on a page and lies in the region; its first page and number of pages are then set. */
static bool range_pages(
	const struct heap *heap, uint64_t address, uint64_t length, uint64_t *first, uint64_t *count)
{
	if (address < heap->address || address % HEAP_PAGE != 0 || length == 0) {
		return false;
	}
	*first = (address - heap->address) / HEAP_PAGE;
	*count = pages_of(length);
	return *first < heap->pages && *count <= heap->pages - *first;
}

void heap_init(struct heap *heap, uint64_t address, uint64_t size)
{
	uint64_t skipped = (HEAP_PAGE - address % HEAP_PAGE) % HEAP_PAGE;

	memset(heap, 0, sizeof(*heap));
	heap->address = address + skipped;
	heap->pages = size > skipped ? (size - skipped) / HEAP_PAGE : 0;
	if (heap->pages > HEAP_MAX_PAGES) {
		heap->pages = HEAP_MAX_PAGES;
	}
	heap->brk = heap->address;
}

uint64_t heap_break(struct heap *heap, uint64_t wanted)
{
	uint64_t old_pages = pages_of(heap->brk - heap->address);
	uint64_t new_pages;

	if (wanted < heap->address || wanted - heap->address > heap->pages * HEAP_PAGE) {
		return heap->brk;
	}
	new_pages = pages_of(wanted - heap->address);
	if (new_pages > old_pages) {
		if (!all_used(heap, old_pages, new_pages - old_pages, false)) {
			return heap->brk;
		}
		mark(heap, old_pages, new_pages - old_pages, true);
	} else if (new_pages < old_pages) {
		memset(page_address(heap, new_pages), 0, (old_pages - new_pages) * HEAP_PAGE);
		mark(heap, new_pages, old_pages - new_pages, false);
	}
	heap->brk = wanted;
	return heap->brk;
}

uint64_t heap_map(struct heap *heap, uint64_t length)
{
	uint64_t wanted = pages_of(length);
	uint64_t run = 0;

	if (wanted == 0 || wanted > heap->pages) {
		return 0;
	}
	for (uint64_t page = heap->pages; page-- > 0;) {
		run = page_is_used(heap, page) ? 0 : run + 1;
		if (run == wanted) {
			mark(heap, page, wanted, true);
			return heap->address + page * HEAP_PAGE;
		}
	}
	return 0;
}

bool heap_map_fixed(struct heap *heap, uint64_t address, uint64_t length)
{
	uint64_t first;
	uint64_t count;

	if (!range_pages(heap, address, length, &first, &count)) {
		return false;
	}
	memset(page_address(heap, first), 0, count * HEAP_PAGE);
	mark(heap, first, count, true);
	return true;
}

bool heap_unmap(struct heap *heap, uint64_t address, uint64_t length)
{
	uint64_t break_pages = pages_of(heap->brk - heap->address);
	uint64_t first;
	uint64_t count;

	if (!range_pages(heap, address, length, &first, &count)) {
		return false;
	}
	for (uint64_t page = first; page < first + count; page++) {
		if (page >= break_pages && page_is_used(heap, page)) {
			memset(page_address(heap, page), 0, HEAP_PAGE);
			mark(heap, page, 1, false);
		}
	}
	return true;
}

uint64_t heap_remap(
	struct heap *heap, uint64_t address, uint64_t old_length, uint64_t new_length, bool may_move)
{
	uint64_t wanted = pages_of(new_length);
	uint64_t first;
	uint64_t count;
	uint64_t moved;

	if (wanted == 0 || !range_pages(heap, address, old_length, &first, &count) ||
		!all_used(heap, first, count, true)) {
		return 0;
	}
	if (wanted <= count) {
		return wanted == count || heap_unmap(heap, address + wanted * HEAP_PAGE,
						  (count - wanted) * HEAP_PAGE)
			       ? address
			       : 0;
	}
	if (wanted <= heap->pages - first && all_used(heap, first + count, wanted - count, false)) {
		mark(heap, first + count, wanted - count, true);
		return address;
	}
	moved = may_move ? heap_map(heap, new_length) : 0;
	if (moved != 0) {
		memcpy((void *)(uintptr_t)moved, page_address(heap, first), count * HEAP_PAGE);
		(void)heap_unmap(heap, address, count * HEAP_PAGE);
	}
	return moved;
}
