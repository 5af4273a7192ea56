/* SPDX-License-Identifier: MIT
 *
 * report_others.c - the sections of a report about the answers of platforms, and about sightings
 * against official figures.
 *
 * Process: straitctl. Pure but for the stream. Invariant: the parts of a whole are shown with the
 * whole, and sources that count differently are never added up.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "period.h"
#include "report.h"
#include "report_html.h"
#include "strait/date.h"
#include "svg.h"

#define MONTHS_MAX     24
#define COMPARED_MAX   60 /* days */
#define TICK_TEXT_MAX  16
#define TICKS_AT_MOST  12
#define MONTH_TEXT_MAX 16

static const struct {
	const char *figure, *word, *class;
} answers[REPORT_OUTCOMES] = {
	{ "referrals.blocked", "closed", "one" },
	{ "referrals.refused", "refused", "two" },
	{ "referrals.pending", "pending", "three" },
};

/* ── platforms ─────────────────────────────────────────────────────────────────────────────── */

static bool has_referrals(const struct report *report)
{
	return report_value(report, "referrals.requested") > 0;
}

static const char *no_referrals(const struct report *report)
{
	return report->as_of_ms != 0 ? "no referral was known then" : "no referrals are known";
}

struct months {
	int year, month; /* the first */
	size_t count;
	double sums[REPORT_OUTCOMES][MONTHS_MAX];
};

static int month_number(int32_t day)
{
	int year, month, day_of_month;

	strait_date(day, &year, &month, &day_of_month);
	return year * 12 + month - 1;
}

/* The newest months in which accounts were referred. */
static void take_months(const struct report *report, struct months *months)
{
	int first = INT32_MAX, last = INT32_MIN;

	*months = (struct months){ 0 };
	for (size_t i = 0; i < REPORT_OUTCOMES; i++) {
		const struct report_series *series = &report->outcomes[i];
		int begin = month_number(series->first);
		int end = month_number(series->first + (int32_t)series->count - 1);

		if (series->count == 0)
			continue;
		first = begin < first ? begin : first;
		last = end > last ? end : last;
	}
	if (first > last)
		return;
	if (last - first >= MONTHS_MAX)
		first = last - MONTHS_MAX + 1;
	months->count = (size_t)(last - first) + 1;
	months->year = first / 12;
	months->month = first % 12 + 1;
	for (size_t i = 0; i < REPORT_OUTCOMES; i++) {
		const struct report_series *series = &report->outcomes[i];

		for (size_t day = 0; day < series->count; day++) {
			int month = month_number(series->first + (int32_t)day) - first;

			if (month >= 0 && month < MONTHS_MAX && !isnan(series->values[day]))
				months->sums[i][month] += series->values[day];
		}
	}
}

static void month_text(const struct months *months, size_t i, char text[MONTH_TEXT_MAX])
{
	int number = months->year * 12 + months->month - 1 + (int)i;

	(void)snprintf(text, MONTH_TEXT_MAX, "%04d-%02d", number / 12 % 10000, number % 12 + 1);
}

static void write_keys(FILE *out)
{
	fputs("<span class=\"keys\">", out);
	for (size_t i = 0; i < REPORT_OUTCOMES; i++)
		fprintf(out, "<span class=\"key\"><i class=\"k %s\"></i>%s</span> ",
			answers[i].class, answers[i].word);
	fputs("</span>", out);
}

static void write_months_table(FILE *out, const struct months *months)
{
	fputs("<details><summary>The numbers of this chart</summary>\n", out);
	html_table_begin(out, "Accounts by the month in which they were referred",
			 "Month|#Referred|#Closed|#Refused|#Pending|#Closed, share");
	for (size_t i = 0; i < months->count; i++) {
		char text[MONTH_TEXT_MAX], percent[GROUPED_TEXT_MAX];
		double sum = 0;

		month_text(months, i, text);
		for (size_t answer = 0; answer < REPORT_OUTCOMES; answer++)
			sum += months->sums[answer][i];
		fprintf(out, "<tr><th scope=\"row\">%s</th>", text);
		html_number_cell(out, sum);
		for (size_t answer = 0; answer < REPORT_OUTCOMES; answer++)
			html_number_cell(out, months->sums[answer][i]);
		fprintf(out, "<td class=\"n\">%s</td></tr>\n",
			percent_text(sum > 0 ? months->sums[0][i] / sum : NAN, percent));
	}
	html_table_end(out);
	fputs("</details>\n", out);
}

static void write_months(FILE *out, const struct months *months)
{
	char texts[MONTHS_MAX][MONTH_TEXT_MAX], desc[200];
	struct svg_tick ticks[MONTHS_MAX];
	struct svg_columns chart = {
		.words = { "cohorts", "Accounts by the month in which they were referred", desc },
		.count = months->count,
		.layer_count = REPORT_OUTCOMES,
		.ticks = ticks,
	};
	size_t every = months->count > TICKS_AT_MOST / 2 ? 6 : 1;

	for (size_t i = 0; i < REPORT_OUTCOMES; i++) {
		chart.layers[i] = months->sums[i];
		chart.classes[i] = answers[i].class;
	}
	for (size_t i = 0; i < months->count; i++) {
		month_text(months, i, texts[i]);
		if (i % every == 0)
			ticks[chart.tick_count++] = (struct svg_tick){ i, texts[i] };
	}
	(void)snprintf(
		desc, sizeof(desc),
		"Columns by month, from %s to %s, each of closed, refused and pending accounts.",
		texts[0], texts[months->count - 1]);
	fprintf(out, "<figure%s>", months->count <= TICKS_AT_MOST ? " class=\"narrow\"" : "");
	fputs("<figcaption>Accounts by the month in which they were referred. ", out);
	write_keys(out);
	fputs("</figcaption>\n", out);
	svg_columns(out, &chart);
	fputs("</figure>\n", out);
	write_months_table(out, months);
}

static void write_answers(FILE *out, const struct report *report)
{
	double requested = report_value(report, "referrals.requested");
	struct svg_part parts[REPORT_OUTCOMES];
	char desc[320] = "", number[GROUPED_TEXT_MAX], percent[GROUPED_TEXT_MAX];
	size_t used = 0;
	const struct svg_words words = { "answers", "What became of the accounts referred", desc };

	for (size_t i = 0; i < REPORT_OUTCOMES; i++) {
		double value = report_value(report, answers[i].figure);

		parts[i] = (struct svg_part){ value, answers[i].class };
		used += (size_t)snprintf(desc + used, sizeof(desc) - used, "%s%s %s (%s)",
					 i > 0 ? " + " : "", grouped_text(value, number),
					 answers[i].word, percent_text(value / requested, percent));
	}
	fprintf(out, "<p><strong>");
	html_number(out, requested);
	fprintf(out, "</strong> accounts were referred = %s.</p>\n", desc);
	fputs("<figure><figcaption>What became of the accounts referred. ", out);
	write_keys(out);
	fputs("</figcaption>\n", out);
	svg_share(out, &words, parts, REPORT_OUTCOMES);
	fputs("</figure>\n", out);
}

static void write_answers_table(FILE *out, const struct report *report)
{
	double requested = report_value(report, "referrals.requested");

	fputs("<details><summary>The numbers of this chart</summary>\n", out);
	html_table_begin(out, "Accounts by outcome", "Outcome|#Accounts|#Share");
	for (size_t i = 0; i < REPORT_OUTCOMES; i++) {
		double value = report_value(report, answers[i].figure);
		char percent[GROUPED_TEXT_MAX];

		fprintf(out, "<tr><th scope=\"row\">%s</th>", answers[i].word);
		html_number_cell(out, value);
		fprintf(out, "<td class=\"n\">%s</td></tr>\n",
			percent_text(value / requested, percent));
	}
	html_table_end(out);
	fputs("</details>\n", out);
}

static void write_rates(FILE *out, const struct report *report)
{
	static const struct {
		const char *figure, *label;
		bool share;
	} rates[] = {
		{ "referrals.block_rate", "Closed, of those referred", true },
		{ "referrals.attrition", "Not closed, of those referred", true },
		{ "referrals.answered_within_24h", "Answered within 24 hours", true },
		{ "referrals.response_hours.median", "Hours to an answer, median", false },
	};

	fputs("<dl class=\"headline\">\n", out);
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const struct report_figure *figure = report_find(report, rates[i].figure);
		char text[GROUPED_TEXT_MAX];

		if (figure == NULL || isnan(figure->value))
			continue;
		fprintf(out, "<div><dt>%s</dt><dd><strong><data value=\"%.15g\">%s</data></strong>",
			rates[i].label, figure->value,
			rates[i].share ? percent_text(figure->value, text)
				       : grouped_text(figure->value, text));
		fputs("</dd><dd class=\"small\">", out);
		html_period_words(out, figure->period);
		fputs(", ", out);
		html_text(out, figure->status);
		fputs("</dd></div>\n", out);
	}
	fputs("</dl>\n", out);
}

static void write_platforms(FILE *out, const struct report *report)
{
	struct months months;

	take_months(report, &months);
	write_answers(out, report);
	write_answers_table(out, report);
	write_rates(out, report);
	if (months.count > 1)
		write_months(out, &months);
}

const struct report_section report_section_platforms = {
	"platforms", "What platforms answered", has_referrals, no_referrals, write_platforms,
};

/* ── sightings against official ────────────────────────────────────────────────────────────── */

struct compared {
	int32_t first;
	size_t count;
	double official[COMPARED_MAX], seen[COMPARED_MAX];
	size_t both;
};

/* The newest days of the sightings. */
static void take_compared(const struct report *report, struct compared *compared)
{
	const struct report_series *seen = &report->sightings;
	size_t count = seen->count < COMPARED_MAX ? seen->count : COMPARED_MAX;

	*compared = (struct compared){
		.first = seen->first + (int32_t)(seen->count - count),
		.count = count,
	};
	for (size_t i = 0; i < count; i++) {
		compared->official[i] = report_on(&report->arrivals, compared->first + (int32_t)i);
		compared->seen[i] = report_on(seen, compared->first + (int32_t)i);
		compared->both += !isnan(compared->official[i]) && !isnan(compared->seen[i]);
	}
}

static bool has_sightings(const struct report *report)
{
	struct compared compared = { 0 };

	if (report->sightings.count > 0)
		take_compared(report, &compared);
	return compared.both > 0 || report->check_count > 0;
}

static const char *no_sightings(const struct report *report)
{
	if (report->sightings.count == 0)
		return report->as_of_ms != 0 ? "no people had been reported as seen by then"
					     : "no people are reported as seen";
	return "no day has both a sighting and an official figure";
}

static void write_compared_table(FILE *out, const struct compared *compared)
{
	fputs("<details><summary>The numbers of this chart</summary>\n", out);
	html_table_begin(out, "People seen at sea and people recorded as arrived",
			 "Day|#Seen|#Official|#Seen less official");
	for (size_t i = compared->count; i > 0; i--) {
		double seen = compared->seen[i - 1], official = compared->official[i - 1];
		char text[PERIOD_TEXT_MAX];

		if (isnan(seen) && isnan(official))
			continue;
		fprintf(out, "<tr><th scope=\"row\">%s</th>",
			granularity_format(STRAIT_DAY, compared->first + (int32_t)i - 1, text));
		html_number_cell(out, seen);
		html_number_cell(out, official);
		html_change_cell(out, seen - official);
		fputs("</tr>\n", out);
	}
	html_table_end(out);
	fputs("</details>\n", out);
}

static void write_compared(FILE *out, const struct compared *compared)
{
	char texts[TICKS_AT_MOST][TICK_TEXT_MAX], title[160], desc[160], first[DATE_WORDS_MAX],
		last[DATE_WORDS_MAX];
	struct svg_tick ticks[TICKS_AT_MOST];
	struct svg_columns chart = {
		.words = { "sightings-chart", title, desc },
		.count = compared->count,
		.layers = { compared->official },
		.classes = { "bar" },
		.layer_count = 1,
		.marks = compared->seen,
		.ticks = ticks,
	};
	bool gaps = false;
	size_t every = compared->count > 4 ? compared->count / 4 : 1;

	for (size_t i = 0; i < compared->count; i++)
		gaps |= isnan(compared->official[i]);
	for (size_t i = 0; i < compared->count && chart.tick_count < TICKS_AT_MOST; i += every) {
		char *text = texts[chart.tick_count];
		int year, month, day;

		strait_date(compared->first + (int32_t)i, &year, &month, &day);
		(void)snprintf(text, TICK_TEXT_MAX, "%d %s", day, month_short(month));
		ticks[chart.tick_count++] = (struct svg_tick){ i, text };
	}
	(void)snprintf(title, sizeof(title), "People seen and people recorded as arrived, %s to %s",
		       day_words(compared->first, first),
		       day_words(compared->first + (int32_t)compared->count - 1, last));
	(void)snprintf(
		desc, sizeof(desc),
		"Columns by day of the official figures, with a stroke at what was seen. %zu "
		"days have both.",
		compared->both);
	fprintf(out,
		"<figure><figcaption>%s. <span class=\"keys\"><span class=\"key\"><i class=\"k "
		"bar\"></i>official</span> <span class=\"key\"><i class=\"k "
		"mark\"></i>seen</span>%s</span></figcaption>\n",
		title,
		gaps ? " <span class=\"key\"><i class=\"k gap\"></i>no official value, which is "
		       "not zero</span>"
		     : "");
	svg_columns(out, &chart);
	fputs("<p class=\"small\">People at sea are counted from afar, more than once or not at "
	      "all; some turn back. The two are not expected to be equal, and are not added "
	      "up.</p></figure>\n",
	      out);
	write_compared_table(out, compared);
}

static void write_checks(FILE *out, const struct report *report)
{
	html_table_begin(out, "Do the sources agree with each other?",
			 "Check|State|#Periods compared|#Explained|#Open|#Not comparable");
	for (size_t i = 0; i < report->check_count; i++) {
		const struct report_check *check = &report->checks[i];

		fputs("<tr><th scope=\"row\" class=\"name\">", out);
		html_text(out, check->title[0] != '\0' ? check->title : check->name);
		fputs("<br/><code>", out);
		html_text(out, check->left);
		fputs("</code> against <code>", out);
		html_text(out, check->right);
		fputs("</code></th><td>", out);
		fprintf(out, "<span%s>",
			strcmp(check->state, "open") == 0 ? " class=\"warn\"" : "");
		html_text(out, strcmp(check->state, "missing") == 0 ? "– nothing to compare"
								    : check->state);
		fputs("</span></td>", out);
		html_number_cell(out, check->compared);
		html_number_cell(out, check->explained);
		html_number_cell(out, check->open);
		html_number_cell(out, check->unknown);
		fputs("</tr>\n", out);
	}
	html_table_end(out);
}

static void write_sightings(FILE *out, const struct report *report)
{
	struct compared compared = { 0 };

	if (report->sightings.count > 0)
		take_compared(report, &compared);
	if (compared.both > 0)
		write_compared(out, &compared);
	else
		fprintf(out, "<p class=\"small\">No chart: %s.</p>\n", no_sightings(report));
	if (report->check_count > 0)
		write_checks(out, report);
}

const struct report_section report_section_sightings = {
	"sightings",	 "Sightings against official figures", has_sightings, no_sightings,
	write_sightings,
};
