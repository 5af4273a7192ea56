/* SPDX-License-Identifier: MIT
 *
 * page_days.c - whether the days of a web page can be believed. Worker process only; pure.
 *
 * Such pages are written by hand, and one was published in which "20 April 2025" stood for 2026,
 * another in which a day was left out and came back the next morning. Invariant: the days of a page
 * that is used are a run without gap that ends shortly before its publication. Must never repair a
 * date: what was meant is a guess.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "home_office.h"
#include "page.h"

void page_problem(struct page_days *days, const char *format, ...)
{
	va_list arguments;

	if (*days->problem)
		return;
	va_start(arguments, format);
	(void)vsnprintf(days->problem, sizeof(days->problem), format, arguments); /* cut is fine */
	va_end(arguments);
}

const char *page_quote(const char *text, char buffer[PAGE_SEEN_MAX])
{
	static const char more[] = "…";
	size_t size = strlen(text);

	if (size < PAGE_SEEN_MAX) {
		memcpy(buffer, text, size + 1);
		return buffer;
	}
	size = PAGE_SEEN_MAX - sizeof(more);
	while (size && ((unsigned char)text[size] & 0xc0) == 0x80)
		size--;
	memcpy(buffer, text, size);
	memcpy(buffer + size, more, sizeof(more));
	return buffer;
}

static int by_day(const void *a, const void *b)
{
	const struct page_day *first = a, *second = b;

	return (first->day > second->day) - (first->day < second->day);
}

void page_check_days(struct page_days *days, int32_t published, int32_t today)
{
	char seen[DAY_TEXT_MAX], before[DAY_TEXT_MAX], after[DAY_TEXT_MAX];
	int32_t newest = published ? published : today;

	for (unsigned int i = 0; i < days->count; i++) {
		int32_t day = days->days[i].day;

		if (day <= newest && (!published || day >= published - PAGE_AGE_DAYS_MAX))
			continue;
		if (published)
			page_problem(
				days, "expected days from %s to %s, when it was published; saw %s",
				reading_day_text(published - PAGE_AGE_DAYS_MAX, before),
				reading_day_text(published, after), reading_day_text(day, seen));
		else
			page_problem(days, "expected no day after today, %s; saw %s",
				     reading_day_text(today, after), reading_day_text(day, seen));
	}
	qsort(days->days, days->count, sizeof(days->days[0]), by_day);
	for (unsigned int i = 1; i < days->count; i++) {
		int32_t day = days->days[i].day, last = days->days[i - 1].day;

		if (day == last)
			page_problem(days, "expected each day once; saw %s twice",
				     reading_day_text(day, seen));
		else if (day != last + 1)
			page_problem(days,
				     "expected every day from %s to %s; saw none between %s and %s",
				     reading_day_text(days->days[0].day, before),
				     reading_day_text(days->days[days->count - 1].day, after),
				     reading_day_text(last, (char[DAY_TEXT_MAX]){ 0 }),
				     reading_day_text(day, seen));
	}
}
