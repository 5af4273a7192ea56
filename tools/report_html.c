/* SPDX-License-Identifier: MIT
 *
 * report_html.c - the words of a report: escaping, numbers, dates, tables.
 *
 * Process: straitctl. Pure but for the stream. Invariant: no text from the bus reaches the page
 * but through html_text. It must never write a missing value as a number.
 */
#include "report_html.h"

#include <math.h>
#include <string.h>

#include "output.h"
#include "period.h"
#include "strait/date.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes at text that XML forbids or that would reorder the text around them; 0 = none. The text is
   UTF-8: the bus carries nothing else. */
static size_t forbidden(const char *text)
{
	const unsigned char *b = (const unsigned char *)text;

	if ((b[0] < 0x20 && b[0] != '\t' && b[0] != '\n') || b[0] == 0x7f)
		return 1;
	if (b[0] == 0xc2 && b[1] >= 0x80 && b[1] <= 0x9f) /* C1 controls */
		return 2;
	if (b[0] == 0xef && b[1] == 0xbf && b[2] >= 0xbe) /* U+FFFE, U+FFFF */
		return 3;
	if (b[0] == 0xe2 && b[1] == 0x80 && b[2] >= 0xaa && b[2] <= 0xae) /* U+202A to U+202E */
		return 3;
	if (b[0] == 0xe2 && b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9) /* U+2066 to U+2069 */
		return 3;
	return 0;
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_text(FILE *out, const char *text)
{
	while (*text != '\0') {
		size_t bytes = forbidden(text);
		const char *written = bytes > 0 ? REPLACEMENT : entity(*text);

		if (written != NULL)
			fputs(written, out);
		else
			fputc(*text, out);
		text += bytes > 0 ? bytes : 1;
	}
}

const char *grouped_text(double value, char buffer[GROUPED_TEXT_MAX])
{
	char plain[NUMBER_TEXT_MAX];
	const char *digits = plain;
	size_t whole, used = 0;

	if (isnan(value)) {
		(void)snprintf(buffer, GROUPED_TEXT_MAX, "–");
		return buffer;
	}
	(void)number_text(fabs(value), plain);
	if (value < 0)
		used = (size_t)snprintf(buffer, GROUPED_TEXT_MAX, "−");
	whole = strspn(digits, "0123456789");
	for (size_t i = 0; digits[i] != '\0' && used + 2 < GROUPED_TEXT_MAX; i++) {
		if (i > 0 && i < whole && (whole - i) % 3 == 0)
			buffer[used++] = ',';
		buffer[used++] = digits[i];
	}
	buffer[used] = '\0';
	return buffer;
}

const char *signed_text(double value, char buffer[GROUPED_TEXT_MAX])
{
	char size[GROUPED_TEXT_MAX];

	(void)snprintf(buffer, GROUPED_TEXT_MAX, "%s%.60s", value > 0 ? "+" : "",
		       grouped_text(value, size));
	return buffer;
}

const char *percent_text(double share, char buffer[GROUPED_TEXT_MAX])
{
	if (isnan(share))
		(void)snprintf(buffer, GROUPED_TEXT_MAX, "–");
	else
		(void)snprintf(buffer, GROUPED_TEXT_MAX, "%s%.1f %%", share < 0 ? "−" : "",
			       fabs(100 * share));
	return buffer;
}

void html_number(FILE *out, double value)
{
	char text[GROUPED_TEXT_MAX];

	if (isnan(value))
		fputs("<span class=\"none\">– no value</span>", out);
	else
		fprintf(out, "<data value=\"%.15g\">%s</data>", value, grouped_text(value, text));
}

void html_number_cell(FILE *out, double value)
{
	fputs("<td class=\"n\">", out);
	html_number(out, value);
	fputs("</td>", out);
}

void html_change_cell(FILE *out, double change)
{
	char text[GROUPED_TEXT_MAX];

	fprintf(out, "<td class=\"n\">%s</td>",
		isnan(change) ? "<span class=\"none\">–</span>" : signed_text(change, text));
}

void html_text_cell(FILE *out, const char *text)
{
	fputs("<td>", out);
	if (text[0] == '\0')
		fputs("<span class=\"none\">– none</span>", out);
	else
		html_text(out, text);
	fputs("</td>", out);
}

static const char *const months[12] = {
	"January", "February", "March",	    "April",   "May",	   "June",
	"July",	   "August",   "September", "October", "November", "December",
};

const char *day_words(int32_t day, char buffer[DATE_WORDS_MAX])
{
	int year, month, day_of_month;

	strait_date(day, &year, &month, &day_of_month);
	(void)snprintf(buffer, DATE_WORDS_MAX, "%d %s %04d", day_of_month, months[month - 1], year);
	return buffer;
}

const char *month_short(int month)
{
	static const char *const names[12] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
	};

	return names[month - 1];
}

void html_time(FILE *out, int64_t ms)
{
	char text[PERIOD_TEXT_MAX];

	if (ms == 0) {
		fputs("<span class=\"none\">– never</span>", out);
		return;
	}
	(void)time_format(ms, text);
	/* 2020-09-02T21:00:00Z */
	fprintf(out, "<time datetime=\"%s\">%.10s %.5s</time>", text, text, text + 11);
}

void html_period(FILE *out, const char *text)
{
	const char *slash = strchr(text, '/');

	if (text[0] == '\0') {
		fputs("<span class=\"none\">– none</span>", out);
		return;
	}
	fputs("<span class=\"w\">", out);
	if (slash != NULL && slash - text < PERIOD_TEXT_MAX) {
		char first[PERIOD_TEXT_MAX + 1];

		(void)snprintf(first, sizeof(first), "%.*s", (int)(slash - text), text);
		html_text(out, first);
		fputs("/</span><wbr/><span class=\"w\">", out);
		text = slash + 1;
	}
	html_text(out, text);
	fputs("</span>", out);
}

void html_period_words(FILE *out, const char *text)
{
	char first[DATE_WORDS_MAX], last[DATE_WORDS_MAX];
	struct period period;

	if (!period_parse(text, &period)) {
		html_period(out, text);
		return;
	}
	(void)day_words(period.first, first);
	(void)day_words(period.last, last);
	if (period.first == period.last)
		fprintf(out, "<time datetime=\"%.10s\">%s</time>", text, first);
	else
		fprintf(out, "<span class=\"w\">%s</span> to <span class=\"w\">%s</span>", first,
			last);
}

void html_table_begin(FILE *out, const char *caption, const char *columns)
{
	fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", out);
	html_text(out, caption);
	fputs("\"><table><caption>", out);
	html_text(out, caption);
	fputs("</caption><thead><tr>", out);
	while (*columns != '\0') {
		size_t length = strcspn(columns, "|");
		bool right = *columns == '#';

		fprintf(out, "<th scope=\"col\"%s>%.*s</th>", right ? " class=\"n\"" : "",
			(int)(length - right), columns + right);
		columns += length + (columns[length] == '|');
	}
	fputs("</tr></thead><tbody>\n", out);
}

void html_table_end(FILE *out)
{
	fputs("</tbody></table></div>\n", out);
}
