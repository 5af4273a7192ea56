/* SPDX-License-Identifier: MIT
 *
 * answers.c - see answers.h. Test programs only. Invariant: nothing that may differ between two
 * good runs is in the text: times and numbers of commits, row numbers of the store, the pieces in
 * which a log was read. Must never write to the store.
 */
#include "answers.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <sqlite3.h>

#include "feed_client.h"

#define DIFFERENCES_SHOWN 20

/* Of levels: there may be too many records for theirs. Every one of the store is compared below. */
static const char *const versions[] = { "arrivals.people 2022-01-08", "arrivals.people 2022-02-08",
					NULL };

static const char *const dates[] = { "2021-02-20", "2021-05-01", "2023-01-07", "2024-03-01" };

static const char *const level_figures[] = { "arrivals.people.latest", "arrivals.people.record" };

static const char *const record_figures[] = { "referrals.requested", "referrals.blocked",
					      "referrals.block_rate", "torture.boats",
					      "torture.people" };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *const series[] = { "arrivals.people", "referrals.accounts", "sightings.people" };

/* What the store has, without what two good runs need not share. */
static const struct query {
	const char *name, *sql;
} queries[] = {
	{ "version",
	  "SELECT m.name, s.labels, v.day, v.published_at, v.value, v.status, v.at, r.name,"
	  " hex(r.sha256) FROM version v JOIN series s ON s.id = v.series"
	  " JOIN metric m ON m.id = s.metric JOIN release r ON r.id = v.release" },
	{ "current",
	  "SELECT m.name, s.labels, p.day, p.value, p.status, p.micro, p.count, p.missing,"
	  " p.provisional, p.estimated FROM point p JOIN series s ON s.id = p.series"
	  " JOIN metric m ON m.id = s.metric" },
	{ "bucket", "SELECT m.name, s.labels, b.day, b.bucket, b.count FROM bucket b"
		    " JOIN series s ON s.id = b.series JOIN metric m ON m.id = s.metric" },
	/* A failed document has the time of its arrival. */
	{ "release", "SELECT o.name, r.name, r.dataset, hex(r.sha256), r.size,"
		     " CASE WHEN r.complete THEN r.published_at END,"
		     " r.observations, r.accepted, r.rejected, r.complete, r.failed FROM release r"
		     " JOIN source o ON o.id = r.source WHERE o.name <> 'sea'" },
	{ "log", "SELECT sum(r.accepted), min(r.complete) FROM release r"
		 " JOIN source o ON o.id = r.source WHERE o.name = 'sea'" },
	{ "source",
	  "SELECT name, accepted, rejected - (SELECT count(*) FROM reject r WHERE r.source ="
	  " source.id AND r.reason LIKE 'the file was emptied%'), content_end, trouble,"
	  " plugin_version FROM source" },
	{ "reject", "SELECT o.name, e.name, r.at, r.reason, r.extract FROM reject r"
		    " JOIN source o ON o.id = r.source LEFT JOIN release e ON e.id = r.release"
		    " WHERE o.name <> 'sea'" },
	/* Whoever was dead while the log was emptied cannot know that nothing was lost, says so,
	   and counts its places on from behind any that may have been given (replace_lost() in
	   daemon/follow.c). So each place is compared by its distance from the one before, but for
	   the first ones of the two of eight steps in which the log is emptied (LOG_COPY,
	   LOG_TRUNCATE); every step has as many. */
	{ "rejected line",
	  "SELECT name, n, CASE WHEN n * 8 % c <> 0 OR n * 8 / c NOT IN (4, 7) THEN at - before END,"
	  " reason, extract FROM (SELECT e.name, r.at, r.reason, r.extract, count(*) OVER () AS c,"
	  " row_number() OVER place - 1 AS n, lag(r.at, 1, 0) OVER place AS before FROM reject r"
	  " JOIN source o ON o.id = r.source LEFT JOIN release e ON e.id = r.release"
	  " WHERE o.name = 'sea' AND r.reason NOT LIKE 'the file was emptied%'"
	  " WINDOW place AS (ORDER BY r.at))" },
	{ "unsettled", "SELECT count(*) FROM unsettled" },
};

/* ── the store ───────────────────────────────────────────────────────────────────────────────── */

static sqlite3 *open_store(struct harness *harness)
{
	char path[HARNESS_PATH_MAX + 16];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof(path), "%s/straitd.db", harness->state);
	harness_assert(harness, sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK,
		       "%s: %s", path, sqlite3_errmsg(db));
	(void)sqlite3_busy_timeout(db, 5000);
	return db;
}

static sqlite3_stmt *prepare(struct harness *harness, sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	harness_assert(harness, sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK,
		       "%s: %s", sql, sqlite3_errmsg(db));
	return statement;
}

bool answers_store_is_sound(struct harness *harness)
{
	sqlite3 *db = open_store(harness);
	sqlite3_stmt *statement = prepare(harness, db, "PRAGMA integrity_check");
	bool sound = sqlite3_step(statement) == SQLITE_ROW &&
		     strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;

	if (!sound)
		fprintf(stderr, "torture: the store is damaged: %s\n", sqlite3_errmsg(db));
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	return sound;
}

static void put_rows(FILE *out, struct harness *harness, sqlite3 *db, const struct query *query)
{
	sqlite3_stmt *statement = prepare(harness, db, query->sql);
	int result;

	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		fprintf(out, "%s", query->name);
		for (int i = 0; i < sqlite3_column_count(statement); i++) {
			const unsigned char *text = sqlite3_column_text(statement, i);

			fprintf(out, " %s", text ? (const char *)text : "-");
		}
		fputc('\n', out);
	}
	harness_assert(harness, result == SQLITE_DONE, "%s: %s", query->sql, sqlite3_errmsg(db));
	(void)sqlite3_finalize(statement);
}

/* ── directories ─────────────────────────────────────────────────────────────────────────────── */

static void put_names(FILE *out, const char *root, const char *below)
{
	char path[2 * HARNESS_PATH_MAX];
	DIR *entries;
	struct dirent *entry;

	(void)snprintf(path, sizeof(path), "%s/%s", root, below);
	entries = opendir(path);
	while (entries && (entry = readdir(entries))) {
		char name[2 * HARNESS_PATH_MAX];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%.200s/%s", below, entry->d_name);
		if (entry->d_type == DT_DIR)
			put_names(out, root, name);
		else
			fprintf(out, "file %s\n", name);
	}
	if (entries)
		(void)closedir(entries);
}

/* ── the public interface ────────────────────────────────────────────────────────────────────── */

static void put_ctl(FILE *out, struct harness *harness, const char *what, const char *const words[])
{
	struct output output;
	char *rest, *line;

	harness_run_ctl(harness, &output, words);
	harness_assert(harness, output.code == 0, "%s: %s", what, output.err);
	for (line = strtok_r(output.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *sequence = strstr(line, "\"sequence\":");

		if (sequence) /* the number of a commit */
			memset(sequence, '#', strcspn(sequence, ",}"));
		fprintf(out, "%s %s\n", what, line);
	}
	output_done(&output);
}

static void put_as_of(FILE *out, struct harness *harness, const char *date)
{
	char what[128], option[64];
	const char *words[16] = { "--json", "get", option };
	size_t used = 3;

	(void)snprintf(option, sizeof(option), "--as-of=%s", date);
	for (size_t i = 0; i < COUNT(level_figures); i++)
		words[used++] = level_figures[i];
	for (size_t i = 0; i < COUNT(record_figures); i++)
		words[used++] = record_figures[i];
	(void)snprintf(what, sizeof(what), "as known on %s", date);
	put_ctl(out, harness, what, words);
	for (size_t i = 0; i < COUNT(series); i++) {
		(void)snprintf(what, sizeof(what), "%s as known on %s", series[i], date);
		put_ctl(out, harness, what,
			(const char *const[]){ "series", series[i], "--csv", option, NULL });
	}
}

static void replay_feed(struct harness *harness)
{
	struct feed_figures from_changes = { 0 }, now;

	feed_snapshot(harness, &now);
	feed_advance(harness, &from_changes, now.sequence, 1000);
	for (size_t i = 0; i < now.count; i++)
		harness_assert(harness,
			       feed_same(*feed_value(&from_changes, now.items[i].name),
					 now.items[i].value),
			       "the feed does not lead to %s", now.items[i].name);
}

static void put_snapshot(FILE *out, struct harness *harness)
{
	char *text = harness_snapshot(harness, versions), *rest, *line;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		fprintf(out, "figure or version %s\n", line);
	free(text);
}

static FILE *begin(struct answers *answers)
{
	FILE *out = open_memstream(&answers->text, &answers->size);

	ck_assert_ptr_nonnull(out);
	return out;
}

void answers_ask(struct answers *answers, struct harness *harness)
{
	FILE *out = begin(answers);

	put_snapshot(out, harness);
	for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++)
		put_ctl(out, harness, series[i],
			(const char *const[]){ "series", series[i], "--csv", NULL });
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
		put_as_of(out, harness, dates[i]);
	replay_feed(harness);
	ck_assert_int_eq(fclose(out), 0);
}

void answers_read(struct answers *answers, struct harness *harness)
{
	char *asked = answers->text;
	sqlite3 *db;
	FILE *out = begin(answers);

	if (asked)
		fputs(asked, out);
	free(asked);
	db = open_store(harness);
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		put_rows(out, harness, db, &queries[i]);
	(void)sqlite3_close(db);
	put_names(out, harness->spool, ".");
	put_names(out, harness->state, "originals");
	fprintf(out, "store %s\n", answers_store_is_sound(harness) ? "sound" : "damaged");
	ck_assert_int_eq(fclose(out), 0);
}

void answers_done(struct answers *answers)
{
	free(answers->text);
	*answers = (struct answers){ 0 };
}

/* ── comparing ───────────────────────────────────────────────────────────────────────────────── */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted lines; the text is cut into them. */
static char **sorted_lines(char *text, size_t *ret_count)
{
	size_t count = 0, room = 1024;
	char **lines = malloc(room * sizeof(*lines)), *rest, *line;

	ck_assert_ptr_nonnull(lines);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (count == room) {
			room *= 2;
			lines = realloc(lines, room * sizeof(*lines));
			ck_assert_ptr_nonnull(lines);
		}
		lines[count++] = line;
	}
	qsort(lines, count, sizeof(*lines), by_text);
	*ret_count = count;
	return lines;
}

static void show(unsigned long *count, const char *which, const char *line)
{
	if ((*count)++ < DIFFERENCES_SHOWN)
		fprintf(stderr, "torture: difference: %s: %.300s\n", which, line);
}

unsigned long answers_compare(const struct answers *expected, const struct answers *got)
{
	char *texts[2] = { strdup(expected->text), strdup(got->text) };
	unsigned long differences = 0;
	size_t counts[2], i = 0, j = 0;
	char **lines[2];

	ck_assert(texts[0] && texts[1]);
	for (int side = 0; side < 2; side++)
		lines[side] = sorted_lines(texts[side], &counts[side]);
	while (i < counts[0] || j < counts[1]) {
		int order = i == counts[0]   ? 1
			    : j == counts[1] ? -1
					     : strcmp(lines[0][i], lines[1][j]);

		if (order < 0)
			show(&differences, "undisturbed only", lines[0][i]);
		else if (order > 0)
			show(&differences, "disturbed only", lines[1][j]);
		i += order <= 0;
		j += order >= 0;
	}
	for (int side = 0; side < 2; side++) {
		free(lines[side]);
		free(texts[side]);
	}
	return differences;
}

/* The feed in the form of the witness's lines, sorted. */
static char *read_feed(struct harness *harness)
{
	sqlite3 *db = open_store(harness);
	sqlite3_stmt *statement =
		prepare(harness, db,
			"SELECT c.sequence, l.time, c.figure, c.old, c.new FROM change c"
			" JOIN commit_log l ON l.sequence = c.sequence");
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		fprintf(out, "%lld %lld %s", (long long)sqlite3_column_int64(statement, 0),
			(long long)sqlite3_column_int64(statement, 1),
			(const char *)sqlite3_column_text(statement, 2));
		for (int i = 3; i < 5; i++) {
			if (sqlite3_column_type(statement, i) == SQLITE_NULL)
				fputs(" nan", out);
			else
				fprintf(out, " %a", sqlite3_column_double(statement, i));
		}
		fputc('\n', out);
	}
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

unsigned long answers_unkept(struct harness *harness, const char *witness, unsigned long *ret_lines)
{
	char *feed = read_feed(harness), *seen = harness_read(harness, witness);
	unsigned long unkept = 0;
	size_t feed_count, seen_count;
	char **feed_lines = sorted_lines(feed, &feed_count),
	     **seen_lines = sorted_lines(seen, &seen_count);

	for (size_t i = 0; i < seen_count; i++) {
		if (!bsearch(&seen_lines[i], feed_lines, feed_count, sizeof(*feed_lines), by_text))
			show(&unkept, "a watcher saw what is not in the feed", seen_lines[i]);
	}
	*ret_lines = seen_count;
	free(feed_lines);
	free(seen_lines);
	free(feed);
	free(seen);
	return unkept;
}
