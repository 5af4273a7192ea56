/* SPDX-License-Identifier: MIT
 *
 * place.h - a locator as text: where in a release something stands. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Holds every place, with a sheet's name as long as a builder keeps. */
#define PLACE_TEXT_MAX 160u

/* "byte 512", or the cell as spreadsheets name it, "Data!AB7"; "AB7" when sheet is "". Complete or,
   where the buffer is short, cut at its end; never empty. */
void place_text(uint64_t at, const char *sheet, char *buffer, size_t size);
