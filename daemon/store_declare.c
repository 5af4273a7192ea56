/* SPDX-License-Identifier: MIT
 *
 * store_declare.c - what plugins declared, kept so that figures are served at once after a restart,
 * before (or without) the worker. Main only.
 */
#include "store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void join_labels(const struct metric_declaration *metric, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < STRAIT_LABELS_MAX && metric->labels[i]; i++) {
		int wrote = snprintf(buffer + used, size - used, "%s%s", i ? "," : "",
				     metric->labels[i]);

		if (wrote < 0 || (size_t)wrote >= size - used)
			return; /* cannot be: keys are bounded at load */
		used += (size_t)wrote;
	}
}

static void split_labels(const char *text, struct metric_declaration *metric)
{
	for (size_t i = 0; i < STRAIT_LABELS_MAX && *text; i++) {
		size_t size = strcspn(text, ",");

		metric->labels[i] = strndup(text, size);
		text += size;
		text += *text == ',';
	}
}

static void put_checks(struct store *store, int64_t source, const struct declaration *declaration)
{
	for (size_t i = 0; i < declaration->check_count; i++) {
		const struct check_declaration *check = &declaration->checks[i];

		store_run(
			store,
			"INSERT INTO declared_check (source, position, name, left_side, right_side, every, tolerance,"
			" title) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			"iitttttt", source, (int64_t)i, check->name, check->left, check->right,
			check->every, check->tolerance, check->title);
	}
}

void store_put_declaration(struct store *store, int64_t source,
			   const struct declaration *declaration)
{
	store_step();
	store_run(store,
		  "UPDATE source SET plugin = ?, plugin_version = ?, summary = ? WHERE id = ?",
		  "ttti", declaration->plugin, declaration->version, declaration->summary, source);
	store_run(store, "DELETE FROM declared_metric WHERE source = ?", "i", source);
	store_run(store, "DELETE FROM declared_figure WHERE source = ?", "i", source);
	store_run(store, "DELETE FROM declared_check WHERE source = ?", "i", source);
	for (size_t i = 0; i < declaration->metric_count; i++) {
		const struct metric_declaration *metric = &declaration->metrics[i];
		char labels[STRAIT_LABELS_MAX * (STRAIT_LABEL_MAX_BYTES + 1)];

		join_labels(metric, labels, sizeof(labels));
		store_run(
			store,
			"INSERT INTO declared_metric (source, position, name, unit, title, kind, granularity, flags, labels)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			"iitttiiit", source, (int64_t)i, metric->name, metric->unit, metric->title,
			(int64_t)metric->kind, (int64_t)metric->granularity, (int64_t)metric->flags,
			labels);
	}
	for (size_t i = 0; i < declaration->figure_count; i++) {
		const struct figure_declaration *figure = &declaration->figures[i];

		store_run(
			store,
			"INSERT INTO declared_figure (source, position, name, formula, \"window\", unit, title)"
			" VALUES (?, ?, ?, ?, ?, ?, ?)",
			"iittttt", source, (int64_t)i, figure->name, figure->formula,
			figure->window, figure->unit, figure->title);
	}
	put_checks(store, source, declaration);
}

static void read_metrics(struct store *store, int64_t source, struct declaration *declaration)
{
	int64_t count = store_number(store, "SELECT count(*) FROM declared_metric WHERE source = ?",
				     0, "i", source);
	sqlite3_stmt *row;

	declaration->metrics = calloc((size_t)count + 1, sizeof(*declaration->metrics));
	if (!declaration->metrics)
		return;
	row = store_sql(
		store,
		"SELECT name, unit, title, kind, granularity, flags, labels FROM declared_metric"
		" WHERE source = ? ORDER BY position");
	store_bind(store, row, "i", source);
	while (declaration->metric_count < (size_t)count && store_row(store, row)) {
		struct metric_declaration *metric =
			&declaration->metrics[declaration->metric_count++];

		metric->name = strdup(store_text(row, 0));
		metric->unit = strdup(store_text(row, 1));
		metric->title = strdup(store_text(row, 2));
		metric->kind = (enum strait_kind)sqlite3_column_int(row, 3);
		metric->granularity = (enum strait_granularity)sqlite3_column_int(row, 4);
		metric->flags = (unsigned int)sqlite3_column_int(row, 5);
		split_labels(store_text(row, 6), metric);
	}
	if (row)
		(void)sqlite3_reset(row); /* may have stopped at the count */
}

static void read_figures(struct store *store, int64_t source, struct declaration *declaration)
{
	int64_t count = store_number(store, "SELECT count(*) FROM declared_figure WHERE source = ?",
				     0, "i", source);
	sqlite3_stmt *row;

	declaration->figures = calloc((size_t)count + 1, sizeof(*declaration->figures));
	if (!declaration->figures)
		return;
	row = store_sql(store, "SELECT name, formula, \"window\", unit, title FROM declared_figure"
			       " WHERE source = ? ORDER BY position");
	store_bind(store, row, "i", source);
	while (declaration->figure_count < (size_t)count && store_row(store, row)) {
		struct figure_declaration *figure =
			&declaration->figures[declaration->figure_count++];

		figure->name = strdup(store_text(row, 0));
		figure->formula = strdup(store_text(row, 1));
		figure->window = strdup(store_text(row, 2));
		figure->unit = strdup(store_text(row, 3));
		figure->title = strdup(store_text(row, 4));
	}
	if (row)
		(void)sqlite3_reset(row); /* may have stopped at the count */
}

static void read_checks(struct store *store, int64_t source, struct declaration *declaration)
{
	int64_t count = store_number(store, "SELECT count(*) FROM declared_check WHERE source = ?",
				     0, "i", source);
	sqlite3_stmt *row;

	declaration->checks = calloc((size_t)count + 1, sizeof(*declaration->checks));
	if (!declaration->checks)
		return;
	row = store_sql(
		store,
		"SELECT name, left_side, right_side, every, tolerance, title FROM declared_check"
		" WHERE source = ? ORDER BY position");
	store_bind(store, row, "i", source);
	while (declaration->check_count < (size_t)count && store_row(store, row)) {
		struct check_declaration *check = &declaration->checks[declaration->check_count++];

		check->name = strdup(store_text(row, 0));
		check->left = strdup(store_text(row, 1));
		check->right = strdup(store_text(row, 2));
		check->every = strdup(store_text(row, 3));
		check->tolerance = strdup(store_text(row, 4));
		check->title = strdup(store_text(row, 5));
	}
	if (row)
		(void)sqlite3_reset(row); /* may have stopped at the count */
}

void store_each_declaration(struct store *store,
			    void (*each)(void *context, const char *source,
					 struct declaration *declaration),
			    void *context)
{
	int64_t sources = store_number(store, "SELECT max(id) FROM source", 0, "");

	for (int64_t source = 1; source <= sources && !store_failed(store); source++) {
		sqlite3_stmt *row =
			store_sql(store, "SELECT name, plugin, plugin_version, summary FROM source"
					 " WHERE id = ? AND plugin <> ''");
		struct declaration declaration = { 0 };
		char name[SOURCE_NAME_MAX];

		store_bind(store, row, "i", source);
		if (!store_row(store, row))
			continue;
		(void)snprintf(name, sizeof(name), "%s", store_text(row, 0));
		declaration.plugin = strdup(store_text(row, 1));
		declaration.version = strdup(store_text(row, 2));
		declaration.summary = strdup(store_text(row, 3));
		(void)sqlite3_reset(row); /* one row was wanted */
		read_metrics(store, source, &declaration);
		read_figures(store, source, &declaration);
		read_checks(store, source, &declaration);
		each(context, name, &declaration);
		declaration_done(&declaration);
	}
}
