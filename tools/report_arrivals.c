/* SPDX-License-Identifier: MIT
 *
 * report_arrivals.c - the sections of a report about arrivals: by day, and year against year.
 *
 * Process: straitctl. Pure but for the stream. Invariant: a mean over days of which one has no
 * value is not drawn, and a sum says over how many days it goes. It must never take a missing day
 * for a day without arrivals.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "period.h"
#include "report.h"
#include "report_html.h"
#include "strait/date.h"
#include "svg.h"

#define DAYS	   90
#define MEAN_DAYS  7
#define TICKS_MAX  16
#define TEXT_MAX   16
#define YEARS_MAX  40
#define YEAR_SLOTS 366

static int32_t last_day(const struct report_series *series)
{
	return series->first + (int32_t)series->count - 1;
}

static bool has_arrivals(const struct report *report)
{
	return report->arrivals.count > 0;
}

static const char *no_arrivals(const struct report *report)
{
	return report->as_of_ms != 0 ? "no arrivals by day were known then"
				     : "no source gives arrivals by day";
}

/* ── by day ────────────────────────────────────────────────────────────────────────────────── */

struct days {
	int32_t first;
	size_t count;
	double values[DAYS], means[DAYS];
	size_t missing;
};

static double mean_to(const struct report_series *series, int32_t day)
{
	double sum = 0;

	for (int32_t back = 0; back < MEAN_DAYS; back++)
		sum += report_on(series, day - back); /* NaN makes it NaN */
	return sum / MEAN_DAYS;
}

static void take_days(const struct report_series *series, struct days *days)
{
	int32_t last = last_day(series);

	days->count = series->count < DAYS ? series->count : DAYS;
	days->first = last - (int32_t)days->count + 1;
	days->missing = 0;
	for (size_t i = 0; i < days->count; i++) {
		days->values[i] = report_on(series, days->first + (int32_t)i);
		days->means[i] = mean_to(series, days->first + (int32_t)i);
		days->missing += isnan(days->values[i]);
	}
}

struct tick_texts {
	struct svg_tick ticks[TICKS_MAX];
	char texts[TICKS_MAX][TEXT_MAX];
	size_t count;
};

/* The first of each month, or every few days when there is none in between. */
static void day_ticks(const struct days *days, struct tick_texts *ret_ticks)
{
	ret_ticks->count = 0;
	for (size_t i = 0; i < days->count && ret_ticks->count < TICKS_MAX; i++) {
		int year, month, day;
		char *text = ret_ticks->texts[ret_ticks->count];
		bool few = days->count < 40;

		strait_date(days->first + (int32_t)i, &year, &month, &day);
		if (few ? i % 7 != 0 : day != 1)
			continue;
		(void)snprintf(text, TEXT_MAX, "%d %s", day, month_short(month));
		ret_ticks->ticks[ret_ticks->count++] = (struct svg_tick){ .at = i, .text = text };
	}
}

static void write_days_table(FILE *out, const struct report *report, const struct days *days)
{
	fputs("<details><summary>The numbers of this chart</summary>\n", out);
	html_table_begin(out, "Arrivals by day", "Day|#People|#Seven-day mean|Status");
	for (size_t i = days->count; i > 0; i--) {
		int32_t day = days->first + (int32_t)i - 1;
		char text[PERIOD_TEXT_MAX];
		char letter = report->arrivals.letters[day - report->arrivals.first];

		fprintf(out, "<tr><th scope=\"row\">%s</th>",
			granularity_format(STRAIT_DAY, day, text));
		html_number_cell(out, days->values[i - 1]);
		html_number_cell(
			out, isnan(days->means[i - 1]) ? NAN : round(days->means[i - 1] * 10) / 10);
		html_text_cell(out, letter == '\0' ? "not in the series"
						   : status_word(status_of_letter(letter)));
		fputs("</tr>\n", out);
	}
	html_table_end(out);
	fputs("</details>\n", out);
}

static void write_days(FILE *out, const struct report *report)
{
	struct days days;
	struct tick_texts ticks;
	char first[DATE_WORDS_MAX], last[DATE_WORDS_MAX], title[160], desc[320],
		number[GROUPED_TEXT_MAX], mean[GROUPED_TEXT_MAX];
	size_t highest = 0;
	struct svg_columns chart = {
		.words = { "days", title, desc },
		.layers = { days.values },
		.classes = { "bar" },
		.layer_count = 1,
		.line = days.means,
	};

	take_days(&report->arrivals, &days);
	day_ticks(&days, &ticks);
	for (size_t i = 0; i < days.count; i++) {
		if (!(days.values[i] <= days.values[highest]) && !isnan(days.values[i]))
			highest = i;
	}
	(void)day_words(days.first, first);
	(void)day_words(last_day(&report->arrivals), last);
	(void)snprintf(title, sizeof(title), "People who arrived each day, %s to %s", first, last);
	(void)snprintf(
		desc, sizeof(desc),
		"Columns by day with the mean of seven days as a line. Most: %s on %s. Mean of "
		"the last seven days: %s.",
		grouped_text(days.values[highest], number),
		day_words(days.first + (int32_t)highest, first),
		grouped_text(round(days.means[days.count - 1] * 10) / 10, mean));
	chart.count = days.count;
	chart.ticks = ticks.ticks;
	chart.tick_count = ticks.count;
	fputs("<figure><figcaption>", out);
	html_text(out, title);
	fputs(". <span class=\"keys\"><span class=\"key\"><i class=\"k bar\"></i>people on the day"
	      "</span> <span class=\"key\"><i class=\"k line\"></i>mean of that day and the six "
	      "before</span>",
	      out);
	if (days.missing > 0)
		fputs(" <span class=\"key\"><i class=\"k gap\"></i>no value, which is not "
		      "zero</span>",
		      out);
	fputs("</span></figcaption>\n", out);
	svg_columns(out, &chart);
	fprintf(out, "<p class=\"small\">%s", desc);
	if (days.missing > 0)
		fprintf(out, " %zu of these %zu days have no value.", days.missing, days.count);
	fputs("</p></figure>\n", out);
	write_days_table(out, report, &days);
}

const struct report_section report_section_days = {
	"days", "Arrivals by day", has_arrivals, no_arrivals, write_days,
};

/* ── year against year ─────────────────────────────────────────────────────────────────────── */

struct year {
	int number;
	double sums[YEAR_SLOTS]; /* from 1 January on; to the last day there is */
	size_t slots;
	char label[8];
	double to_date;		   /* to the same day as the newest year's last */
	size_t days, days_to_date; /* with a value */
	size_t calendar_days_to_date;
};

static void take_year(const struct report_series *series, int number, int month, int day,
		      struct year *year)
{
	int32_t begin = strait_day(number, 1, 1), last = strait_day(number, 12, 31);
	int32_t same =
		strait_day(number, month, strait_is_date(number, month, day) ? day : day - 1);
	double sum = 0;

	*year = (struct year){ .number = number };
	(void)snprintf(year->label, sizeof(year->label), "%04d", number);
	if (last > last_day(series))
		last = last_day(series);
	for (int32_t on = begin; on <= last; on++) {
		double value = report_on(series, on);

		if (!isnan(value)) {
			sum += value;
			year->days++;
			year->days_to_date += on <= same;
		}
		year->sums[year->slots++] = sum;
		if (on <= same)
			year->to_date = sum;
	}
	year->calendar_days_to_date = (size_t)(same - begin) + 1;
}

static double whole(const struct year *year)
{
	return year->slots > 0 ? year->sums[year->slots - 1] : NAN;
}

/* "of 190 days", or how many of them have a value. */
static void write_days_cell(FILE *out, size_t days, size_t of)
{
	fprintf(out, "<td class=\"n%s\">%zu of %zu</td>", days < of ? " warn" : "", days, of);
}

static void write_years_table(FILE *out, const struct year *years, size_t count, const char *same)
{
	char columns[160];

	(void)snprintf(columns, sizeof(columns),
		       "Year|#To %s|#Days with a value|#Whole year|#Days with a value", same);
	html_table_begin(out, "Arrivals by year", columns);
	for (size_t i = count; i > 0; i--) {
		const struct year *year = &years[i - 1];
		size_t calendar = strait_is_leap(year->number) ? 366 : 365;

		fprintf(out, "<tr><th scope=\"row\">%s</th>", year->label);
		html_number_cell(out, year->days_to_date > 0 ? year->to_date : NAN);
		write_days_cell(out, year->days_to_date, year->calendar_days_to_date);
		if (i == count && year->slots < calendar) {
			fputs("<td class=\"n\"><span class=\"none\">– not over</span></td>"
			      "<td class=\"n\"><span class=\"none\">–</span></td>",
			      out);
		} else {
			html_number_cell(out, whole(year));
			write_days_cell(out, year->days, calendar);
		}
		fputs("</tr>\n", out);
	}
	html_table_end(out);
}

static void write_years_chart(FILE *out, const struct year *years, size_t count, const char *title,
			      const char *desc)
{
	static const struct svg_tick ticks[] = {
		{ 0, "1 Jan" },
		{ 91, "1 Apr" },
		{ 182, "1 Jul" },
		{ 274, "1 Oct" },
	};
	struct svg_line lines[YEARS_MAX];
	const struct svg_lines chart = {
		.words = { "years", title, desc },
		.count = YEAR_SLOTS,
		.lines = lines,
		.line_count = count,
		.ticks = ticks,
		.tick_count = sizeof(ticks) / sizeof(ticks[0]),
	};

	for (size_t i = 0; i < count; i++)
		lines[i] = (struct svg_line){ .values = years[i].sums,
					      .count = years[i].slots,
					      .label = years[i].label,
					      .strong = i + 1 == count };
	svg_lines(out, &chart);
}

static void describe_years(const struct year *years, size_t count, const char *same, char desc[320])
{
	const struct year *now = &years[count - 1];
	char this_year[GROUPED_TEXT_MAX], before[GROUPED_TEXT_MAX], change[GROUPED_TEXT_MAX];

	if (count > 1 && years[count - 2].days_to_date == years[count - 2].calendar_days_to_date &&
	    now->days_to_date == now->calendar_days_to_date && years[count - 2].to_date > 0)
		(void)snprintf(
			desc, 320,
			"By %s %d: %s people; by the same day of %d: %s, so a change of %s%s.",
			same, now->number, grouped_text(now->to_date, this_year),
			years[count - 2].number, grouped_text(years[count - 2].to_date, before),
			now->to_date > years[count - 2].to_date ? "+" : "",
			percent_text(now->to_date / years[count - 2].to_date - 1, change));
	else
		(void)snprintf(desc, 320, "By %s %d: %s people on %zu of %zu days.", same,
			       now->number, grouped_text(now->to_date, this_year),
			       now->days_to_date, now->calendar_days_to_date);
}

static void write_years(FILE *out, const struct report *report)
{
	const struct report_series *series = &report->arrivals;
	struct year *years;
	int first, last, month, day;
	size_t count;
	char same[32], desc[320];
	static const char title[] =
		"People who arrived, added up from 1 January, this year and earlier years";

	strait_date(series->first, &first, &month, &day);
	strait_date(last_day(series), &last, &month, &day);
	if (last - first >= YEARS_MAX)
		first = last - YEARS_MAX + 1;
	count = (size_t)(last - first) + 1;
	years = calloc(count, sizeof(*years));
	if (years == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	for (size_t i = 0; i < count; i++)
		take_year(series, first + (int)i, month, day, &years[i]);
	(void)snprintf(same, sizeof(same), "%d %s", day, month_short(month));
	describe_years(years, count, same, desc);
	fprintf(out,
		"<figure><figcaption>%s. <span class=\"keys\"><span class=\"key\"><i class=\"k "
		"line\"></i>%s</span>%s</span></figcaption>\n",
		title, years[count - 1].label,
		count > 1 ? " <span class=\"key\"><i class=\"k thin\"></i>earlier years</span>"
			  : "");
	write_years_chart(out, years, count, title, desc);
	fprintf(out, "<p class=\"small\">%s</p></figure>\n", desc);
	write_years_table(out, years, count, same);
	free(years);
}

const struct report_section report_section_years = {
	"years", "This year against earlier years", has_arrivals, no_arrivals, write_years,
};
