/* SPDX-License-Identifier: MIT
 *
 * report_versions.c - the section of a report that shows how one day was told again and again.
 *
 * Process: straitctl. Pure but for the stream. Invariant: every version stands in the table, also
 * those that repeat the one before; the chart labels the ones that differ.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "period.h"
#include "report.h"
#include "report_html.h"
#include "strait/date.h"
#include "svg.h"

#define LABEL_TEXT_MAX 32

static bool has_versions(const struct report *report)
{
	return report->version_count > 0;
}

static const char *no_versions(const struct report *report)
{
	if (!report->has_day)
		return report->as_of_ms != 0
			       ? "no day of a record was known then; --day names another day"
			       : "there is no day of a record; --day names another day";
	return report->as_of_ms != 0 ? "no release had said anything about the day by then"
				     : "no release says anything about the day";
}

static bool same_value(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static bool differs(const struct report *report, size_t i)
{
	return i == 0 || !same_value(report->versions[i].value, report->versions[i - 1].value);
}

static size_t count_different(const struct report *report)
{
	size_t count = 0;

	for (size_t i = 0; i < report->version_count; i++)
		count += differs(report, i);
	return count;
}

/* "409 as first published on 2 September 2020; 399 as last published on …" */
static void describe(const struct report *report, char desc[400])
{
	const struct report_version *first = &report->versions[0];
	const struct report_version *last = &report->versions[report->version_count - 1];
	size_t different = count_different(report);
	char first_value[GROUPED_TEXT_MAX], last_value[GROUPED_TEXT_MAX], change[GROUPED_TEXT_MAX];
	char first_day[DATE_WORDS_MAX], last_day[DATE_WORDS_MAX];

	(void)day_words(strait_day_of_ms(first->published_at_ms), first_day);
	(void)day_words(strait_day_of_ms(last->published_at_ms), last_day);
	if (report->version_count == 1)
		(void)snprintf(desc, 400, "%s, as published on %s. No other release %s the day.",
			       grouped_text(first->value, first_value), first_day,
			       report->as_of_ms != 0 ? "had covered" : "covers");
	else if (different == 1)
		(void)snprintf(
			desc, 400,
			"%s, first published on %s and repeated unchanged %zu times, last on "
			"%s.",
			grouped_text(first->value, first_value), first_day,
			report->version_count - 1, last_day);
	else
		(void)snprintf(
			desc, 400,
			"%s as first published on %s; %s as last published on %s, a difference "
			"of %s. %zu releases gave %zu values one after the other.",
			grouped_text(first->value, first_value), first_day,
			grouped_text(last->value, last_value), last_day,
			signed_text(last->value - first->value, change), report->version_count,
			different);
}

static void write_chart(FILE *out, const struct report *report, const char *title, const char *desc)
{
	size_t count = report->version_count;
	struct svg_step *steps = calloc(count, sizeof(*steps));
	char(*labels)[LABEL_TEXT_MAX] = calloc(count, sizeof(*labels));
	int64_t begin = report->versions[0].published_at_ms;
	int64_t span = report->versions[count - 1].published_at_ms - begin;
	char from[DATE_WORDS_MAX], to[DATE_WORDS_MAX];
	const struct svg_steps chart = {
		.words = { "versions", title, desc },
		.steps = steps,
		.count = count,
		.from = day_words(strait_day_of_ms(begin), from),
		.to = day_words(strait_day_of_ms(begin + span), to),
	};

	if (steps == NULL || labels == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	for (size_t i = 0; i < count; i++) {
		const struct report_version *version = &report->versions[i];
		char number[GROUPED_TEXT_MAX];

		(void)snprintf(labels[i], sizeof(labels[i]), "%.31s",
			       grouped_text(version->value, number));
		steps[i] = (struct svg_step){
			.at = span > 0 ? (double)(version->published_at_ms - begin) / (double)span
				       : 0,
			.value = version->value,
			.label = differs(report, i) ? labels[i] : NULL,
		};
	}
	svg_steps(out, &chart);
	free(labels);
	free(steps);
}

static void write_table(FILE *out, const struct report *report)
{
	html_table_begin(out, "Every version, the oldest first",
			 "Published|#People|#Change|Status|Release");
	for (size_t i = 0; i < report->version_count; i++) {
		const struct report_version *version = &report->versions[i];
		double change = i > 0 ? version->value - report->versions[i - 1].value : NAN;

		fprintf(out, "<tr%s><th scope=\"row\">",
			i > 0 && differs(report, i) ? " class=\"changed\"" : "");
		html_time(out, version->published_at_ms);
		fputs("</th>", out);
		html_number_cell(out, version->value);
		html_change_cell(out, change);
		html_text_cell(out, version->status);
		fputs("<td class=\"name\">", out);
		html_text(out, version->release);
		fputs("</td></tr>\n", out);
	}
	html_table_end(out);
}

static void write_versions(FILE *out, const struct report *report)
{
	char day[DATE_WORDS_MAX], title[128], desc[400];

	(void)snprintf(title, sizeof(title), "People who arrived on %s, as published over time",
		       day_words(report->day, day));
	describe(report, desc);
	fprintf(out, "<p>How many people arrived on <strong>%s</strong>? %s</p>\n", day, desc);
	if (count_different(report) > 1) {
		fprintf(out,
			"<figure><figcaption>%s. The scale does not begin at "
			"zero.</figcaption>\n",
			title);
		write_chart(out, report, title, desc);
		fputs("</figure>\n", out);
	}
	write_table(out, report);
}

const struct report_section report_section_versions = {
	"versions", "The revisions of one day", has_versions, no_versions, write_versions,
};
