/* SPDX-License-Identifier: MIT
 *
 * csv_scan.h - strait_csv_new() with a chosen classifier, for tests and measurements. Private to
 * csv*.c and their tests.
 */
#pragma once

#include "csv_block.h"
#include "strait/csv.h"

/* As strait_csv_new(), on a classifier of csv_classifiers(). */
struct strait_csv *csv_new_on(const struct csv_classifier *classifier, char separator,
			      size_t row_max, strait_csv_row_fn *row, void *context);
