/* SPDX-License-Identifier: MIT
 *
 * scenario.c - the inputs of scenario.h: written once, linked into each run. Test programs only.
 * Invariant: nothing in them depends on chance or time, so every run of as many rows is given the
 * same bytes.
 */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "inputs.h"

#define LOG_SHARE     5	  /* one row of so many is a line of the log */
#define AMENDED_OF    20  /* one row of so many answers an older one */
#define BROKEN_OF     400 /* one row of so many cannot be counted */
#define RELEASES      16  /* of level figures */
#define RELEASE_DAYS  40
#define RELEASE_STEP  4 /* days from the begin of one to the begin of the next */
#define REFUSED_ROWS  30
#define REPEATED_STEP 5
#define SIGHTING_DAYS 300
#define REFERRAL_DAYS 600

/* "2020-01-01" and so many days, months of 28 days: any calendar knows them. */
static const char *day_text(unsigned int year, unsigned long day, char buffer[32])
{
	(void)snprintf(buffer, 32, "%04u-%02lu-%02lu", year + (unsigned int)(day / 336),
		       1 + day / 28 % 12, 1 + day % 28);
	return buffer;
}

/* ── documents ───────────────────────────────────────────────────────────────────────────────── */

static FILE *begin_document(struct scenario *scenario, const char *source, unsigned int step,
			    const char *name)
{
	struct scenario_document *document = &scenario->documents[scenario->document_count++];
	FILE *out;

	ck_assert_uint_le(scenario->document_count, SCENARIO_DOCUMENTS_MAX);
	document->source = source;
	document->step = step;
	(void)snprintf(document->name, sizeof(document->name), "%s", name);
	(void)snprintf(document->path, sizeof(document->path), "%s/%s", scenario->directory, name);
	out = fopen(document->path, "we");
	ck_assert_ptr_nonnull(out);
	return out;
}

/* Of ten referrals five are blocked at once, three refused, two pending. */
static const char *first_answer(unsigned long id)
{
	return id % 10 < 5 ? "blocked" : id % 10 < 8 ? "refused" : "pending";
}

static void put_referral(FILE *out, unsigned long id, const char *status, const char *answered)
{
	static const char *const platforms[] = { "alpha", "beta", "gamma", "delta" };
	char day[32];

	fprintf(out, "k%lu,%s,account,%sT10:00:00Z,%s,%s,\n", id, platforms[id / 10 % 4],
		day_text(2019, id * 7 % REFERRAL_DAYS, day), status, answered);
}

static void make_referrals(struct scenario *scenario, unsigned int step, unsigned long rows)
{
	unsigned long first = scenario->referrals, before = first / (step ? step : 1);
	char name[64];
	FILE *out;

	(void)snprintf(name, sizeof(name), "referrals-2021-%02u-15.csv", step + 1);
	out = begin_document(scenario, "nca", step, name);
	fputs(REFERRALS_HEADER, out);
	for (unsigned long i = 0; i < rows; i++) {
		unsigned long id = scenario->referrals,
			      old = (first - before) / 10 * 10 + 10 * (i / AMENDED_OF) + 8;

		if (i % BROKEN_OF == BROKEN_OF - 1) {
			put_referral(out, id, "lost", "");
		} else if (i % AMENDED_OF == 1 && old < first) {
			/* Pending until now; each is answered once. */
			put_referral(out, old, "blocked", "2021-06-01T10:00:00Z");
			scenario->pending--;
			scenario->blocked++;
		} else {
			const char *answer = first_answer(id);

			put_referral(out, id, answer,
				     answer[0] == 'p' ? "" : "2020-12-01T10:00:00Z");
			scenario->referrals++;
			scenario->blocked += answer[0] == 'b';
			scenario->refused += answer[0] == 'r';
			scenario->pending += answer[0] == 'p';
		}
	}
	ck_assert_int_eq(fclose(out), 0);
}

static bool is_given(unsigned long release, unsigned long day)
{
	return day >= release * RELEASE_STEP && day < release * RELEASE_STEP + RELEASE_DAYS &&
	       (day + release) % 19 != 0; /* some days are withdrawn, and given again */
}

static unsigned long people_of(unsigned long release, unsigned long day)
{
	return 100 + day % 50 + (day % 7 == 0 ? release : 0);
}

static void make_release(struct scenario *scenario, unsigned int step, unsigned long release,
			 const char *name)
{
	FILE *out = begin_document(scenario, "home", step, name);
	char day[32];

	fputs(ARRIVALS_HEADER, out);
	for (unsigned long i = 0; i < RELEASE_STEP * RELEASES + RELEASE_DAYS; i++) {
		if (is_given(release, i))
			fprintf(out, "%s,%lu,%lu,%s,\n", day_text(2022, i, day),
				people_of(release, i), people_of(release, i) / 30 + 1,
				i % 11 == 0 ? "-" : "0");
	}
	ck_assert_int_eq(fclose(out), 0);
}

static void make_releases(struct scenario *scenario)
{
	char name[64], day[32];

	for (unsigned long i = 0; i < RELEASES; i++) {
		(void)snprintf(name, sizeof(name), "small-boats-%s.csv", day_text(2023, i, day));
		make_release(scenario, (unsigned int)(i / 2), i, name);
	}
	/* The bytes of the first one once more. */
	make_release(scenario, REPEATED_STEP, 0, "small-boats-2023-01-01_again.csv");
	/* The newest release that covers a day says what it is. A release covers from its first to
	   its last given day. */
	for (unsigned long i = 0; i < RELEASE_STEP * RELEASES + RELEASE_DAYS; i++) {
		for (unsigned long release = RELEASES; release-- > 0;) {
			unsigned long first = release * RELEASE_STEP,
				      last = first + RELEASE_DAYS - 1;

			while (!is_given(release, first))
				first++;
			while (!is_given(release, last))
				last--;
			if (i < first || i > last)
				continue;
			scenario->arrivals += is_given(release, i) ? people_of(release, i) : 0;
			break;
		}
	}
}

static void make_failing(struct scenario *scenario)
{
	FILE *out = begin_document(scenario, "home", 3, "broken-2023-01-09.csv");

	fputs("Day;Persons\n2022-01-01;1\n", out);
	ck_assert_int_eq(fclose(out), 0);
	scenario->documents[scenario->document_count - 1].fails = true;
	out = begin_document(scenario, "nca", 4, "refused-2021-05-20.csv");
	fputs(REFERRALS_HEADER, out);
	for (unsigned long i = 0; i < REFUSED_ROWS; i++)
		put_referral(out, UINT32_MAX + i, "lost", "");
	ck_assert_int_eq(fclose(out), 0);
	scenario->documents[scenario->document_count - 1].fails = true;
}

/* ── the log ─────────────────────────────────────────────────────────────────────────────────── */

static void make_log(struct scenario *scenario, unsigned int step, unsigned long lines)
{
	static const enum log_move moves[SCENARIO_STEPS] = { LOG_APPEND, LOG_APPEND,  LOG_RENAME,
							     LOG_APPEND, LOG_COPY,    LOG_RENAME,
							     LOG_RENAME, LOG_TRUNCATE };
	struct scenario_log *log = &scenario->log[step];
	FILE *out = open_memstream(&log->text, &log->size);

	ck_assert_ptr_nonnull(out);
	log->move = moves[step];
	if (step == 0 || log->move != LOG_APPEND)
		fputs(SIGHTINGS_HEADER, out);
	for (unsigned long i = 0; i < lines; i++) {
		unsigned long id = scenario->boats, people = 10 + id % 37;
		char day[32];

		fprintf(out, "b%lu,%sT%02lu:%02lu:00Z,51.02 N 1.50 E,1,%lu,cutter,,\n", id,
			day_text(2024, id * SIGHTING_DAYS / scenario->rows, day), id / 60 % 24,
			id % 60, people);
		if (i % BROKEN_OF == BROKEN_OF / 2)
			fprintf(out, "x%lu,never,51.02 N 1.50 E,1,1,cutter,,\n", id);
		scenario->boats++;
		scenario->people += people;
	}
	ck_assert_int_eq(fclose(out), 0);
	log->boats = scenario->boats;
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

void scenario_make(struct scenario *scenario, unsigned long rows)
{
	unsigned long lines = rows / LOG_SHARE / SCENARIO_STEPS,
		      referrals = rows / SCENARIO_STEPS - lines;

	*scenario = (struct scenario){ .rows = rows };
	(void)snprintf(scenario->directory, sizeof(scenario->directory),
		       "/tmp/straitd-torture-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(scenario->directory));
	for (unsigned int i = 0; i < SCENARIO_STEPS; i++) {
		make_referrals(scenario, i, referrals);
		make_log(scenario, i, lines);
		scenario->given[i] = scenario->referrals + scenario->boats;
	}
	make_releases(scenario);
	make_failing(scenario);
}

const char *scenario_step_needs_read(unsigned int step)
{
	return step == REPEATED_STEP ? "small-boats-2023-01-01.csv" : NULL;
}

static bool empties(enum log_move move)
{
	return move == LOG_COPY || move == LOG_TRUNCATE;
}

bool scenario_step_needs_all(const struct scenario *scenario, unsigned int step)
{
	return step > 0 &&
	       (empties(scenario->log[step].move) || empties(scenario->log[step - 1].move));
}

void scenario_done(struct scenario *scenario)
{
	for (size_t i = 0; i < scenario->document_count; i++)
		(void)unlink(scenario->documents[i].path);
	for (size_t i = 0; i < SCENARIO_STEPS; i++)
		free(scenario->log[i].text);
	(void)rmdir(scenario->directory);
}

/* Of the log; or where its content of before that step goes, by rename or copy. Rotated files are
   named by date; a copy has a name that is no rotated file's, or it would be read as one after the
   next rename. */
static void log_path(const struct harness *harness, unsigned int step, enum log_move move,
		     char path[HARNESS_PATH_MAX])
{
	char suffix[32] = "";

	if (move == LOG_RENAME)
		(void)snprintf(suffix, sizeof(suffix), "-202401%02u", step);
	else if (move == LOG_COPY)
		(void)snprintf(suffix, sizeof(suffix), ".copied");
	ck_assert_int_lt(snprintf(path, HARNESS_PATH_MAX, "%.64s/logs/sightings.csv%s",
				  harness->directory, suffix),
			 HARNESS_PATH_MAX);
}

void scenario_prepare(const struct scenario *scenario, struct harness *harness)
{
	static const char *const sources[] = { "nca", "sea", "home" };
	char path[HARNESS_PATH_MAX];

	(void)scenario;
	harness_plugin(harness, "platform_response");
	harness_plugin(harness, "boat_sightings");
	harness_plugin(harness, "home_office");
	(void)snprintf(path, sizeof(path), "%s/logs", harness->directory);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	log_path(harness, 0, LOG_APPEND, path);
	harness_config(
		harness, "all.conf",
		"[source nca]\nplugin = platform_response\n"
		"[source sea]\nplugin = boat_sightings\nlog = %s\n"
		"[source home]\nplugin = home_office\n"
		"[figure torture.boats]\nsum = sightings.boats\nwindow = total\nunit = boats\n"
		"title = All boats\n"
		"[figure torture.people]\nsum = sightings.people\nwindow = total\n"
		"unit = people\ntitle = All people\n",
		path);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		harness_make_spool(harness, sources[i]);
	harness_append(path, "");
}

static void append(const char *path, const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0 && write(fd, text, size) == (ssize_t)size, "%s: %s", path,
		      strerror(errno));
	(void)close(fd);
}

static void copy_log(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	struct stat status;

	ck_assert_msg(in >= 0 && fstat(in, &status) == 0, "%s: %s", from, strerror(errno));
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	while (status.st_size > 0) {
		ssize_t some = copy_file_range(in, NULL, out, NULL, (size_t)status.st_size, 0);

		ck_assert_msg(some > 0, "%s: %s", to, strerror(errno));
		status.st_size -= some;
	}
	(void)close(in);
	(void)close(out);
}

static void move_log(const struct scenario_log *log, struct harness *harness, unsigned int step)
{
	char path[HARNESS_PATH_MAX], old[HARNESS_PATH_MAX];

	log_path(harness, 0, LOG_APPEND, path);
	log_path(harness, step, log->move, old);
	switch (log->move) {
	case LOG_APPEND:
		break;
	case LOG_RENAME:
		ck_assert_int_eq(rename(path, old), 0);
		break;
	case LOG_COPY:
		copy_log(path, old);
		ck_assert_int_eq(truncate(path, 0), 0);
		break;
	case LOG_TRUNCATE:
		ck_assert_int_eq(truncate(path, 0), 0);
		break;
	}
	/* In three parts, of which two end in the middle of a line. */
	append(path, log->text, log->size / 3);
	append(path, log->text + log->size / 3, log->size / 3);
	append(path, log->text + 2 * (log->size / 3), log->size - 2 * (log->size / 3));
}

void scenario_step(const struct scenario *scenario, struct harness *harness, unsigned int step)
{
	for (size_t i = 0; i < scenario->document_count; i++) {
		const struct scenario_document *document = &scenario->documents[i];
		char temporary[HARNESS_PATH_MAX], path[HARNESS_PATH_MAX];

		if (document->step != step)
			continue;
		ck_assert_int_lt(
			snprintf(temporary, sizeof(temporary), "%.200s/new", harness->directory),
			HARNESS_PATH_MAX);
		ck_assert_int_eq(link(document->path, temporary), 0);
		(void)harness_spool_path(harness, document->source, "incoming", document->name,
					 path);
		ck_assert_int_eq(rename(temporary, path), 0);
	}
	move_log(&scenario->log[step], harness, step);
}
