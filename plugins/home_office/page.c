/* SPDX-License-Identifier: MIT
 *
 * page.c - reads one web page: the table of the last seven days, or the prose of 2022; and refuses
 * what only looks like them. Worker process only.
 *
 * Owns what was found on the page until it is handed over. Invariant: a page is used whole or not
 * at all, so that one that was edited in haste takes nothing away from the releases before it. Must
 * never count a page as read that has no figure, whatever the server said about it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "strait/date.h"
#include "strait/time.h"

#include "home_office.h"
#include "page.h"

#define NO_METRIC (-1)

/* The Ministry of Defence counted from 14 April 2022 to 31 January 2023. */
#define MOD_FIRST_DAY strait_day(2022, 4, 14)
#define MOD_LAST_DAY  strait_day(2023, 1, 31)

struct page {
	struct reading *reading;
	int64_t public_ms, updated_ms; /* from its meta elements; 0 = it does not say */
	bool whole;
	struct page_table table;
	struct page_prose prose;
};

/* What a page of days is, and where its values go. */
struct page_kind {
	const char *dataset;
	int metrics[PAGE_VALUES_MAX];
	const char *value_names[PAGE_VALUES_MAX];
};

static const struct page_kind kind_table = {
	.dataset = "last-7-days",
	.metrics = { METRIC_PEOPLE, METRIC_BOATS, METRIC_UNCONTROLLED_BOATS },
	.value_names = { "migrants", "boats", "uncontrolled landings" },
};

static const struct page_kind kind_prose = {
	.dataset = "mod-daily",
	.metrics = { METRIC_PEOPLE_MOD, METRIC_BOATS_MOD, NO_METRIC },
	.value_names = { "migrants detected in small boats", "boats detected", NULL },
};

/* ── finding ─────────────────────────────────────────────────────────────────────────────────── */

static void on_meta(void *context, const char *name, const char *content)
{
	struct page *page = context;
	bool public = strcasecmp(name, "govuk:public-updated-at") == 0;

	if (public)
		(void)strait_time_parse(content, strlen(content), &page->public_ms);
	else if (strcasecmp(name, "govuk:updated-at") == 0)
		(void)strait_time_parse(content, strlen(content), &page->updated_ms);
}

static void on_block(void *context, const struct html_block *block)
{
	struct page *page = context;

	page_prose_block(&page->prose, block);
}

static void on_row(void *context, const struct table_row *row)
{
	struct page *page = context;

	page_table_row(&page->table, row);
}

static void on_table_end(void *context, bool closed)
{
	struct page *page = context;

	page_table_end(&page->table, closed);
}

/* Pages of early 2022 have the time in their JSON-LD only: "dateModified": "2022-05-24T08:…" */
static int64_t modified_ms(const char *data, size_t size)
{
	static const char key[] = "\"dateModified\"";
	const char *end = data + size;
	const char *at = memmem(data, size, key, sizeof(key) - 1), *quote;
	int64_t ms = 0;

	if (!at)
		return 0;
	at += sizeof(key) - 1;
	while (at < end && (*at == ' ' || *at == ':'))
		at++;
	if (at == end || *at++ != '"')
		return 0;
	quote = memchr(at, '"', (size_t)(end - at));
	return quote && strait_time_parse(at, (size_t)(quote - at), &ms) ? ms : 0;
}

/* ── refusing ────────────────────────────────────────────────────────────────────────────────── */

static int fail_retired(const struct page *page)
{
	const struct reading *reading = page->reading;

	return strait_fail(
		reading->source, STRAIT_FAULT_RETIRED,
		"'%s' says that it is given up: \"%s\". Point the source at what took its "
		"place, or remove it",
		strait_document_name(reading->document), page->prose.retired);
}

static int fail_torn(const struct page *page)
{
	const struct reading *reading = page->reading;

	return strait_fail(reading->source, STRAIT_FAULT_INPUT,
			   "'%s' ends in the middle: it was not fetched whole; fetch it again",
			   strait_document_name(reading->document));
}

static int fail_without_figures(const struct page *page)
{
	const struct reading *reading = page->reading;
	const char *seen = page->prose.seen, *what = "prose, '";

	if (page->table.any) {
		what = "a table without that header, which begins '";
		seen = page->table.seen;
	} else if (!*seen) {
		what = "not one word";
	}
	return strait_fail(
		reading->source, STRAIT_FAULT_DRIFTED,
		"'%s' is a web page without figures that can be told: expected a table with "
		"the columns '%s', '%s', '%s' and '%s'; saw %s%s%s",
		strait_document_name(reading->document), page_table_header[0], page_table_header[1],
		page_table_header[2], page_table_header[3], what, seen, *seen ? "'" : "");
}

static int fail_drifted(const struct page *page, const struct page_days *days)
{
	const struct reading *reading = page->reading;

	return strait_fail(reading->source, STRAIT_FAULT_DRIFTED,
			   "'%s' is not used, so that no earlier figure is lost: %s",
			   strait_document_name(reading->document), days->problem);
}

/* ── using ───────────────────────────────────────────────────────────────────────────────────── */

static int32_t newest_day(const struct page_days *days)
{
	int32_t newest = 0;

	for (unsigned int i = 0; i < days->count; i++)
		newest = days->days[i].day > newest ? days->days[i].day : newest;
	return newest;
}

/* When these figures were published. The public time stands still when an editor calls a change
   minor; a page that reports a day after it was published then, at the time of that change. */
static int64_t published_ms(const struct page *page, const struct page_days *days)
{
	int64_t ms = page->public_ms ? page->public_ms : page->updated_ms;
	int32_t newest = newest_day(days);

	if (page->updated_ms > ms && newest >= strait_day_of_ms(ms) &&
	    newest <= strait_day_of_ms(page->updated_ms))
		return page->updated_ms;
	return ms;
}

/* Each day has the values that it must have, and at least one of them is a count. */
static void check_values(struct page_days *days, const struct page_kind *kind)
{
	bool any = false;
	char text[DAY_TEXT_MAX];

	for (unsigned int i = 0; i < days->count; i++) {
		const struct page_day *day = &days->days[i];

		for (unsigned int v = 0; v < PAGE_VALUES_MAX && kind->metrics[v] != NO_METRIC;
		     v++) {
			any = any || day->values[v].says == TABLE_COUNT;
			if (!day->values[v].says)
				page_problem(days, "expected the number of %s on %s; saw none",
					     kind->value_names[v],
					     reading_day_text(day->day, text));
		}
	}
	if (!any)
		page_problem(days, "expected days with counts below the header; saw %s",
			     days->count ? "not one count" : "no day");
}

static void check_mod_days(struct page_days *days)
{
	char text[DAY_TEXT_MAX];

	for (unsigned int i = 0; i < days->count; i++)
		if (days->days[i].day < MOD_FIRST_DAY || days->days[i].day > MOD_LAST_DAY)
			page_problem(days,
				     "expected a day from 2022-04-14 to 2023-01-31, when the "
				     "Ministry of Defence counted; saw %s",
				     reading_day_text(days->days[i].day, text));
}

static int hand_over_value(struct reading *reading, int metric, const struct page_day *day,
			   const struct page_value *value)
{
	struct strait_observation observation = {
		.struct_size = sizeof(observation),
		.metric = (uint32_t)metric,
		.day = day->day,
		.status = value->says == TABLE_MISSING ? STRAIT_MISSING : STRAIT_PROVISIONAL,
		.value = (double)value->count,
		.at = strait_at_offset(value->offset),
	};

	return reading_emit(reading, &observation);
}

static int hand_over(struct reading *reading, const struct page_days *days,
		     const struct page_kind *kind)
{
	int32_t first = days->days[0].day, last = days->days[days->count - 1].day;
	bool doubtful[PAGE_VALUES_MAX] = { false };
	int result = 0;

	strait_document_dataset(reading->document, kind->dataset);
	for (unsigned int i = 0; i < days->count * PAGE_VALUES_MAX && !result; i++) {
		unsigned int v = i % PAGE_VALUES_MAX;
		const struct page_day *day = &days->days[i / PAGE_VALUES_MAX];
		const struct page_value *value = &day->values[v];

		if (kind->metrics[v] == NO_METRIC)
			continue;
		if (value->says != TABLE_UNREADABLE) {
			result = hand_over_value(reading, kind->metrics[v], day, value);
			continue;
		}
		doubtful[v] = true;
		strait_reject(reading->source, strait_at_offset(value->offset), value->extract,
			      strlen(value->extract), "not a whole number from 0 to %lld",
			      (long long)COUNT_LIMIT - 1);
	}
	for (unsigned int v = 0; v < PAGE_VALUES_MAX && !result; v++)
		if (kind->metrics[v] != NO_METRIC && !doubtful[v])
			strait_document_covers(reading->document, (uint32_t)kind->metrics[v], first,
					       last);
	return result;
}

static int use(struct page *page, struct page_days *days, const struct page_kind *kind)
{
	struct reading *reading = page->reading;
	int64_t ms = published_ms(page, days);
	int32_t today = strait_day_of_ms(strait_now_ms(reading->source));

	if (days->torn)
		return fail_torn(page);
	if (ms && !reading_published(reading, ms))
		ms = 0;
	page_check_days(days, ms ? strait_day_of_ms(ms) : 0, today);
	if (kind == &kind_prose)
		check_mod_days(days);
	check_values(days, kind);
	if (*days->problem)
		return page->whole ? fail_drifted(page, days) : fail_torn(page);
	if (!ms)
		strait_log(reading->source, LOG_WARNING,
			   "'%s' does not say when it was published; using its name or file time",
			   strait_document_name(reading->document));
	return hand_over(reading, days, kind);
}

static int conclude(struct page *page)
{
	bool figures = page->table.days.found || page->prose.days.found;

	if (*page->prose.retired && (!figures || page->prose.retired_for_certain))
		return fail_retired(page);
	if (page->table.days.found)
		return use(page, &page->table.days, &kind_table);
	if (page->prose.days.found)
		return use(page, &page->prose.days, &kind_prose);
	return page->whole ? fail_without_figures(page) : fail_torn(page);
}

int page_read(struct reading *reading, const char *data, size_t size)
{
	struct page *page = calloc(1, sizeof(*page));
	const struct html_handler handler = { .meta = on_meta,
					      .block = on_block,
					      .row = on_row,
					      .table_end = on_table_end,
					      .context = page };
	char error[HTML_ERROR_MAX] = "out of memory";
	int result = -ENOMEM;

	if (page) {
		*error = '\0';
		page->reading = reading;
		page->whole = html_is_whole(data, size);
		result = html_read(data, size, &handler, error);
		if (!page->public_ms)
			page->public_ms = modified_ms(data, size);
	}
	if (result)
		result =
			strait_fail(reading->source,
				    result == -ENOMEM ? STRAIT_FAULT_TRANSIENT : STRAIT_FAULT_INPUT,
				    "'%s' cannot be read as a web page: %s",
				    strait_document_name(reading->document), error);
	else
		result = conclude(page);
	free(page);
	return result;
}
