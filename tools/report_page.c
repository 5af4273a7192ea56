/* SPDX-License-Identifier: MIT
 *
 * report_page.c - the page of a report: its head, the order of its sections, its foot.
 *
 * Process: straitctl. Pure but for the stream. Invariant: the page is one file, well-formed XML,
 * without scripts, and loads nothing; its own policy says so to the browser as well. A section
 * without data is one line that says why.
 */
#include "period.h"
#include "report.h"
#include "report_html.h"

static const struct report_section *const sections[] = {
	&report_section_headline,  &report_section_figures,   &report_section_changes,
	&report_section_days,	   &report_section_years,     &report_section_versions,
	&report_section_platforms, &report_section_sightings, &report_section_sources,
	&report_section_origins,
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static const char name[] = "Small boats in the Dover Strait";

static void write_head(FILE *out, const struct report *report)
{
	char text[PERIOD_TEXT_MAX];

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"referrer\" content=\"no-referrer\"/>\n"
	      "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>",
	      out);
	fputs(name, out);
	if (report->as_of_ms != 0)
		fprintf(out, ", as known on %.10s", time_format(report->as_of_ms, text));
	fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", report_style);
}

static void write_header(FILE *out, const struct report *report)
{
	char text[PERIOD_TEXT_MAX];

	fprintf(out, "<header>\n<h1>%s</h1>\n", name);
	if (report->as_of_ms != 0) {
		(void)time_format(report->as_of_ms, text);
		fprintf(out,
			"<p class=\"as-of\"><strong>As known on <time "
			"datetime=\"%s\">%.10s</time>, %.8s UTC.</strong> Every number is computed "
			"from what had been published by then; nothing that was published or revised "
			"later is in it.</p>\n",
			text, text, text + 11);
	}
	fputs("<p class=\"small\">Figures as straitd keeps them from sources that disagree, come "
	      "late and get revised. Made ",
	      out);
	html_time(out, report->made_at_ms);
	fprintf(out,
		" UTC at commit %llu. All times are UTC. “–” means that there is no value, "
		"which is not zero.</p>\n",
		(unsigned long long)report->sequence);
	if (report->moved)
		fputs("<p class=\"warn\">Commits came in while this was being made, so its parts may "
		      "be of different ages by some seconds.</p>\n",
		      out);
	fputs("</header>\n", out);
}

static void write_contents(FILE *out, const struct report *report)
{
	fputs("<nav aria-label=\"Contents\"><ul>\n", out);
	for (size_t i = 0; i < SECTIONS; i++) {
		if (sections[i]->has(report))
			fprintf(out, "<li><a href=\"#%s\">%s</a></li>\n", sections[i]->id,
				sections[i]->heading);
	}
	fputs("</ul></nav>\n", out);
}

static void write_section(FILE *out, const struct report *report,
			  const struct report_section *section)
{
	if (!section->has(report)) {
		fprintf(out, "<p class=\"absent\" id=\"%s\"><b>%s</b>: left out, because %s.</p>\n",
			section->id, section->heading, section->absence(report));
		return;
	}
	fprintf(out, "<section id=\"%s\" aria-labelledby=\"%s-h\">\n<h2 id=\"%s-h\">%s</h2>\n",
		section->id, section->id, section->id, section->heading);
	section->write(out, report);
	fputs("</section>\n", out);
}

void report_write(FILE *out, const struct report *report)
{
	write_head(out, report);
	write_header(out, report);
	write_contents(out, report);
	fputs("<main>\n", out);
	for (size_t i = 0; i < SECTIONS; i++)
		write_section(out, report, sections[i]);
	fputs("</main>\n<footer>\n<p>", out);
	fputs("Made by straitctl report, from straitd ", out);
	html_text(out, report->version);
	fputs(". This page is whole: it loads nothing and runs nothing.</p>\n</footer>\n"
	      "</body>\n</html>\n",
	      out);
}
