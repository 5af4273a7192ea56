/* SPDX-License-Identifier: MIT
 *
 * csv_table.h - CSV text → the same rows that a spreadsheet gives. Pure.
 */
#pragma once

#include "table.h"

struct csv_table; /* opaque */

/* Called once a row; `error` is NULL, or why the row is broken (then it has no cells). Returns 0 to
   go on; anything else stops and comes back from feed or end. */
typedef int csv_table_row_fn(void *context, const struct table_row *row, const char *error);

struct csv_table *csv_table_new(csv_table_row_fn *on_row,
				void *context); /* NULL when out of memory */
struct csv_table *csv_table_free(struct csv_table *table);
int csv_table_feed(struct csv_table *table, const char *data, size_t size);
int csv_table_end(struct csv_table *table);
