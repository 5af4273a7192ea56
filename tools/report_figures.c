/* SPDX-License-Identifier: MIT
 *
 * report_figures.c - the sections of a report about the published figures: the few that stand at
 * the top, all of them, and what changed last.
 *
 * Process: straitctl. Pure but for the stream. Invariant: each value stands with its unit, status
 * and period. It must never compute a figure.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "period.h"
#include "report.h"
#include "report_html.h"

/* ── at the top ────────────────────────────────────────────────────────────────────────────── */

static const struct {
	const char *name, *label;
} headline[] = {
	{ "arrivals.people.latest", "Arrived on the latest day" },
	{ "arrivals.people.last_7_days", "Arrived in the last seven days" },
	{ "arrivals.people.year_to_date", "Arrived in the year to date" },
	{ "arrivals.people.record", "Most on one day" },
	{ "referrals.block_rate", "Accounts closed, of those referred" },
	{ "asylum.grant_rate", "Asylum granted, of claims assessed" },
};

static bool has_headline(const struct report *report)
{
	for (size_t i = 0; i < sizeof(headline) / sizeof(headline[0]); i++) {
		if (!isnan(report_value(report, headline[i].name)))
			return true;
	}
	return false;
}

static const char *no_headline(const struct report *report)
{
	return report->as_of_ms != 0 ? "none of these figures was known then"
				     : "none of these figures has a value";
}

static bool is_share(const struct report_figure *figure)
{
	return strcmp(figure->unit, "ratio") == 0 && figure->value >= 0 && figure->value <= 1;
}

static void write_headline(FILE *out, const struct report *report)
{
	fputs("<dl class=\"headline\">\n", out);
	for (size_t i = 0; i < sizeof(headline) / sizeof(headline[0]); i++) {
		const struct report_figure *figure = report_find(report, headline[i].name);
		char text[GROUPED_TEXT_MAX];

		if (figure == NULL || isnan(figure->value))
			continue;
		fprintf(out, "<div><dt>%s</dt><dd><strong>", headline[i].label);
		if (is_share(figure))
			fprintf(out, "<data value=\"%.15g\">%s</data>", figure->value,
				percent_text(figure->value, text));
		else
			html_number(out, figure->value);
		fputs("</strong>", out);
		if (!is_share(figure)) {
			fputs(" ", out);
			html_text(out, figure->unit);
		}
		fputs("</dd><dd class=\"small\">", out);
		html_period_words(out, figure->period);
		fputs(", ", out);
		html_text(out, figure->status);
		if (figure->stale)
			fputs(" <b class=\"warn\">stale</b>", out);
		fputs("</dd></div>\n", out);
	}
	fputs("</dl>\n", out);
}

const struct report_section report_section_headline = {
	"headline", "In short", has_headline, no_headline, write_headline,
};

/* ── all of them ───────────────────────────────────────────────────────────────────────────── */

static bool has_figures(const struct report *report)
{
	return report->figure_count > 0;
}

static const char *no_figures(const struct report *report)
{
	(void)report;
	return "no source is configured that publishes figures";
}

static void write_figure(FILE *out, const struct report_figure *figure, bool with_stale)
{
	char text[GROUPED_TEXT_MAX];

	fputs("<tr><th scope=\"row\" class=\"name\">", out);
	html_text(out, figure->title[0] != '\0' ? figure->title : figure->name);
	fputs("<br/><code>", out);
	html_text(out, figure->name);
	fputs("</code></th>", out);
	html_number_cell(out, figure->value);
	fputs("<td>", out);
	html_text(out, figure->unit);
	if (is_share(figure))
		fprintf(out, " <span class=\"small w\">= %s</span>",
			percent_text(figure->value, text));
	fputs("</td>", out);
	html_text_cell(out, figure->status);
	fputs("<td>", out);
	html_period(out, figure->period);
	fputs("</td><td>", out);
	html_time(out, figure->published_at_ms);
	fputs("</td>", out);
	if (with_stale)
		fputs(figure->stale ? "<td><b class=\"warn\">stale</b></td>" : "<td>no</td>", out);
	fputs("</tr>\n", out);
}

/* Figures whose names begin with the same word: one past the last. */
static size_t group_end(const struct report *report, size_t begin)
{
	const char *name = report->figures[begin].name;
	size_t length = strcspn(name, "."), end = begin;

	while (end < report->figure_count &&
	       strncmp(report->figures[end].name, name, length) == 0 &&
	       strcspn(report->figures[end].name, ".") == length)
		end++;
	return end;
}

static void write_group(FILE *out, const struct report *report, size_t begin, size_t end)
{
	bool with_stale = report->as_of_ms == 0, known = false;
	char word[64];

	for (size_t i = begin; i < end; i++)
		known |= !isnan(report->figures[i].value);
	(void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(report->figures[begin].name, "."),
		       report->figures[begin].name);
	word[0] = (char)toupper((unsigned char)word[0]);
	fprintf(out, "<tr class=\"group\"><th scope=\"colgroup\" colspan=\"%d\"><span>",
		with_stale ? 7 : 6);
	html_text(out, word);
	fputs("</span></th></tr>\n", out);
	for (size_t i = begin; known && i < end; i++)
		write_figure(out, &report->figures[i], with_stale);
	if (known)
		return;
	fprintf(out, "<tr><td colspan=\"%d\" class=\"none\">– no value: ", with_stale ? 7 : 6);
	for (size_t i = begin; i < end; i++) {
		fputs(i > begin ? ", <code>" : "<code>", out);
		html_text(out, report->figures[i].name);
		fputs("</code>", out);
	}
	fputs("</td></tr>\n", out);
}

static void write_figures(FILE *out, const struct report *report)
{
	size_t stale = 0;

	for (size_t i = 0; i < report->figure_count; i++)
		stale += report->figures[i].stale;
	if (stale > 0)
		fprintf(out,
			"<p class=\"warn\">%zu of %zu figures %s stale: the source has published "
			"nothing in time, or is not being read.</p>\n",
			stale, report->figure_count, stale == 1 ? "is" : "are");
	html_table_begin(out, "All published figures",
			 report->as_of_ms == 0 ? "Figure|#Value|Unit|Status|Period|Published|Stale"
					       : "Figure|#Value|Unit|Status|Period|Published");
	for (size_t begin = 0; begin < report->figure_count;) {
		size_t end = group_end(report, begin);

		write_group(out, report, begin, end);
		begin = end;
	}
	html_table_end(out);
}

const struct report_section report_section_figures = {
	"figures", "Key figures", has_figures, no_figures, write_figures,
};

/* ── what changed ──────────────────────────────────────────────────────────────────────────── */

static bool has_changes(const struct report *report)
{
	return report->change_count > 0;
}

static const char *no_changes(const struct report *report)
{
	return report->as_of_ms != 0 ? "this straitd had recorded no change by then"
				     : "no change is recorded";
}

/* The source of a commit: of the first of its figures that has one. */
static const char *source_of(const struct report *report, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++) {
		const struct report_figure *figure = report_find(report, report->changes[i].figure);

		if (figure != NULL && figure->source[0] != '\0')
			return figure->source;
	}
	return "";
}

static size_t commit_end(const struct report *report, size_t begin)
{
	size_t end = begin;

	while (end < report->change_count &&
	       report->changes[end].sequence == report->changes[begin].sequence)
		end++;
	return end;
}

/* Whether a newer commit changed the figure again. */
static bool is_superseded(const struct report *report, size_t change)
{
	for (size_t newer = 0; newer < change; newer++) {
		if (strcmp(report->changes[newer].figure, report->changes[change].figure) == 0)
			return true;
	}
	return false;
}

static bool same_value(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static void write_change(FILE *out, const struct report_change *change)
{
	fputs("<tr><th scope=\"row\" class=\"name\"><code>", out);
	html_text(out, change->figure);
	fputs("</code></th>", out);
	html_text_cell(out, change->cause);
	html_number_cell(out, change->old_value);
	html_number_cell(out, change->new_value);
	if (same_value(change->old_value, change->new_value))
		fputs("<td class=\"n\"><span class=\"none\">same</span></td>", out);
	else
		html_change_cell(out, change->new_value - change->old_value);
	fputs("</tr>\n", out);
}

static void write_commit_heading(FILE *out, const struct report *report, size_t begin)
{
	const char *source = source_of(report, begin, commit_end(report, begin));

	fprintf(out,
		"<tr class=\"group\"><th scope=\"colgroup\" colspan=\"5\"><span>Commit %llu, "
		"recorded ",
		(unsigned long long)report->changes[begin].sequence);
	html_time(out, report->changes[begin].time_ms);
	fputs(source[0] != '\0' ? ", source " : "", out);
	html_text(out, source);
	fputs("</span></th></tr>\n", out);
}

/* The newest change of each figure, or all the others. */
static void write_commits(FILE *out, const struct report *report, const char *caption, bool newest)
{
	html_table_begin(out, caption, "Figure|Cause|#Before|#After|#Difference");
	for (size_t begin = 0, end; begin < report->change_count; begin = end) {
		bool headed = false;

		end = commit_end(report, begin);
		for (size_t i = begin; i < end; i++) {
			if (is_superseded(report, i) == newest)
				continue;
			if (!headed)
				write_commit_heading(out, report, begin);
			headed = true;
			write_change(out, &report->changes[i]);
		}
	}
	html_table_end(out);
}

static bool any_superseded(const struct report *report)
{
	for (size_t i = 0; i < report->change_count; i++) {
		if (is_superseded(report, i))
			return true;
	}
	return false;
}

static void write_changes(FILE *out, const struct report *report)
{
	fputs("<p>A commit is one release of a source, or one stretch of its log. It is told to "
	      "subscribers once, under its number.</p>\n",
	      out);
	write_commits(out, report, "The latest change of each figure", /* newest= */ true);
	if (any_superseded(report)) {
		fputs("<details><summary>Earlier changes</summary>\n", out);
		write_commits(out, report, "Earlier changes, the newest first",
			      /* newest= */ false);
		if (report->more_changes)
			fputs("<p class=\"small\">Older ones: <code>straitctl watch --since "
			      "0</code></p>\n",
			      out);
		fputs("</details>\n", out);
	}
}

const struct report_section report_section_changes = {
	"changes",     "What changed since the previous release", has_changes, no_changes,
	write_changes,
};
