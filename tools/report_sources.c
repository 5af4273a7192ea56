/* SPDX-License-Identifier: MIT
 *
 * report_sources.c - the sections of a report about the sources' health, and about where each
 * figure comes from.
 *
 * Process: straitctl. Pure but for the stream. Invariant: only web addresses become links, and
 * nothing is loaded from them.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_html.h"

/* ── health ────────────────────────────────────────────────────────────────────────────────── */

static bool has_sources(const struct report *report)
{
	return report->source_count > 0;
}

static const char *no_sources(const struct report *report)
{
	return report->as_of_ms != 0
		       ? "how the sources are is known for now only, and this report is about then"
		       : "no source is configured";
}

static bool is_well(const struct report_source *source)
{
	return strcmp(source->state, "idle") == 0 || strcmp(source->state, "reading") == 0 ||
	       strcmp(source->state, "starting") == 0;
}

static void write_source(FILE *out, const struct report_source *source)
{
	fputs("<tr><th scope=\"row\">", out);
	html_text(out, source->name);
	fputs("<br/><span class=\"small\">", out);
	html_text(out, source->plugin);
	fputs(" ", out);
	html_text(out, source->plugin_version);
	fprintf(out, "</span></th><td%s>", is_well(source) ? "" : " class=\"warn\"");
	html_text(out, source->state);
	if (source->reason[0] != '\0') {
		fputs("<br/><span class=\"small\">", out);
		html_text(out, source->reason);
		fputs("</span>", out);
	}
	fprintf(out, "</td><td%s>",
		strcmp(source->freshness, "fresh") == 0 ? "" : " class=\"warn\"");
	html_text(out, source->freshness);
	fputs("</td><td class=\"name\">", out);
	if (source->last_release[0] == '\0')
		fputs("<span class=\"none\">– none yet</span>", out);
	else
		html_text(out, source->last_release);
	fputs("</td><td>", out);
	html_time(out, source->last_read_ms);
	fputs("</td>", out);
	html_number_cell(out, (double)source->accepted);
	html_number_cell(out, (double)source->rejected);
	html_number_cell(out, source->restarts);
	fputs("</tr>\n", out);
}

static void write_sources(FILE *out, const struct report *report)
{
	html_table_begin(out, "How the sources are",
			 "Source|State|Freshness|Last release|Last read|#Rows counted|#Rows "
			 "rejected|#Restarts");
	for (size_t i = 0; i < report->source_count; i++)
		write_source(out, &report->sources[i]);
	html_table_end(out);
	fputs("<p class=\"small\">Why rows were rejected: <code>straitctl rejects</code></p>\n",
	      out);
}

const struct report_section report_section_sources = {
	"sources", "How the sources are", has_sources, no_sources, write_sources,
};

/* ── where the figures come from ───────────────────────────────────────────────────────────── */

static bool has_origins(const struct report *report)
{
	return report->release_count > 0;
}

static const char *no_origins(const struct report *report)
{
	if (!report->explains)
		return "this straitd cannot say where its figures come from; a newer one can";
	return report->as_of_ms != 0 ? "no figure had a value then" : "no figure has a value";
}

static int compare_releases(const void *a, const void *b)
{
	const struct report_release *first = *(const struct report_release *const *)a;
	const struct report_release *second = *(const struct report_release *const *)b;

	if (first->published_at_ms != second->published_at_ms)
		return first->published_at_ms > second->published_at_ms ? -1 : 1;
	return strcmp(first->name, second->name);
}

static bool is_web_address(const char *url)
{
	return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
}

/* What was known at as_of_ms may stand in a log that came in later. */
static void write_release(FILE *out, const struct report_release *release, int64_t as_of_ms)
{
	fputs("<tr><th scope=\"row\" class=\"name\">", out);
	html_text(out, release->name);
	if (is_web_address(release->url)) {
		fputs("<br/><a rel=\"noreferrer\" href=\"", out);
		html_text(out, release->url);
		fputs("\">", out);
		html_text(out, release->url);
		fputs("</a>", out);
	}
	fputs("</th><td>", out);
	if (as_of_ms != 0 && release->published_at_ms > as_of_ms)
		fputs("<span class=\"none\">– read later, with the times of its records</span>",
		      out);
	else
		html_time(out, release->published_at_ms);
	fputs("</td>", out);
	html_number_cell(out, (double)release->figure_count);
	fputs("<td><code class=\"hash\">", out);
	html_text(out, release->sha256);
	fputs("</code></td></tr>\n", out);
}

static void write_releases(FILE *out, const struct report *report)
{
	const struct report_release **sorted = calloc(report->release_count + 1, sizeof(*sorted));

	if (sorted == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	for (size_t i = 0; i < report->release_count; i++)
		sorted[i] = &report->releases[i];
	qsort(sorted, report->release_count, sizeof(*sorted), compare_releases);
	html_table_begin(out, "Releases behind the figures of this report, the newest first",
			 "Release|Published|#Figures|SHA-256 of the original");
	for (size_t i = 0; i < report->release_count; i++)
		write_release(out, sorted[i], report->as_of_ms);
	html_table_end(out);
	free(sorted);
	if (report->more_releases)
		fputs("<p class=\"small\">And more, too many for one page: <code>straitctl explain "
		      "FIGURE</code></p>\n",
		      out);
}

static void write_origin(FILE *out, const struct report *report, const struct report_origin *origin)
{
	fputs("<tr><th scope=\"row\" class=\"name\"><code>", out);
	html_text(out, origin->name);
	fputs("</code></th>", out);
	if (origin->too_large) {
		fputs("<td colspan=\"4\" class=\"none\">– too many inputs to be listed</td></tr>\n",
		      out);
		return;
	}
	fputs("<td><code>", out);
	html_text(out, origin->formula);
	fputs("</code></td><td>", out);
	html_text(out, origin->window);
	fputs("</td>", out);
	html_number_cell(out, (double)origin->input_count);
	fputs("<td>", out);
	for (size_t i = 0; i < origin->release_count && i < 3; i++) {
		fputs(i > 0 ? ", " : "", out);
		html_text(out, report->releases[origin->releases[i]].name);
	}
	if (origin->release_count > 3)
		fprintf(out, " and %zu more", origin->release_count - 3);
	fputs("</td></tr>\n", out);
}

static void write_origins(FILE *out, const struct report *report)
{
	fputs("<p>Each figure is computed from the values that these releases gave. "
	      "<code>straitctl explain FIGURE</code> goes down to the cell or the byte.</p>\n",
	      out);
	write_releases(out, report);
	fputs("<details><summary>Figure by figure</summary>\n", out);
	html_table_begin(out, "What each figure is computed from",
			 "Figure|Formula|Window|#Inputs|Releases");
	for (size_t i = 0; i < report->origin_count; i++)
		write_origin(out, report, &report->origins[i]);
	html_table_end(out);
	fputs("</details>\n", out);
}

const struct report_section report_section_origins = {
	"origins", "Where the figures come from", has_origins, no_origins, write_origins,
};
