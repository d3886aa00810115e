/* SPDX-License-Identifier: MIT */
/* Text on VGA text memory or a linear framebuffer, in one fixed font. Writes to screen memory only, never reads it. */

#include "arch/x86_64/screen.h"

#include "arch/x86_64/font.h"
#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/layout.h"

#define CELL_WIDTH 8
#define CELL_HEIGHT 16
#define TEXT_ATTRIBUTE 0x0700 /* light grey on black */

static struct boot_framebuffer screen; /* kind NONE: dark */
static uint32_t columns, rows;
static uint32_t cursor_column, cursor_row;

static void put_pixel(uint32_t x, uint32_t y, bool lit)
{
	uint32_t bytes = screen.bits_per_pixel / 8u;
	volatile uint8_t *pixel =
		phys_to_virt(screen.physical + (uint64_t)y * screen.pitch + (uint64_t)x * bytes);

	/* All ones is white and all zeroes black in every RGB layout. */
	for (uint32_t i = 0; i < bytes; i++) {
		pixel[i] = lit ? 0xff : 0;
	}
}

static void put_cell(uint32_t column, uint32_t row, char character)
{
	if (character < ' ' || character > '~') {
		character = '?';
	}
	if (screen.kind == FRAMEBUFFER_TEXT) {
		volatile uint16_t *cell =
			phys_to_virt(screen.physical + (uint64_t)row * screen.pitch + column * 2ul);

		*cell = (uint16_t)(TEXT_ATTRIBUTE | character);
		return;
	}
	for (uint32_t y = 0; y < CELL_HEIGHT; y++) {
		uint8_t bits = y < FONT_HEIGHT * 2 ? font[character - ' '][y / 2] : 0;

		for (uint32_t x = 0; x < CELL_WIDTH; x++) {
			bool lit = x < FONT_WIDTH && (bits >> (FONT_WIDTH - 1 - x) & 1) != 0;

			put_pixel(column * CELL_WIDTH + x, row * CELL_HEIGHT + y, lit);
		}
	}
}

static void clear_row(uint32_t row)
{
	for (uint32_t column = 0; column < columns; column++) {
		put_cell(column, row, ' ');
	}
}

void screen_initialise(const struct boot_framebuffer *framebuffer)
{
	if (screen.kind != FRAMEBUFFER_NONE || framebuffer->kind == FRAMEBUFFER_NONE ||
		!direct_map_covers(
			framebuffer->physical, (uint64_t)framebuffer->pitch * framebuffer->height)) {
		return;
	}
	screen = *framebuffer;
	columns = screen.kind == FRAMEBUFFER_TEXT ? screen.width : screen.width / CELL_WIDTH;
	rows = screen.kind == FRAMEBUFFER_TEXT ? screen.height : screen.height / CELL_HEIGHT;
	if (columns == 0 || rows == 0) {
		screen.kind = FRAMEBUFFER_NONE;
		return;
	}
	for (uint32_t row = 0; row < rows; row++) {
		clear_row(row);
	}
}

void screen_write(char character)
{
	if (screen.kind == FRAMEBUFFER_NONE) {
		return;
	}
	if (character != '\n') {
		put_cell(cursor_column, cursor_row, character);
		cursor_column++;
	}
	if (character == '\n' || cursor_column == columns) {
		cursor_column = 0;
		cursor_row = cursor_row + 1 == rows ? 0 : cursor_row + 1;
		clear_row(cursor_row);
	}
}
