/* SPDX-License-Identifier: MIT
 *
 * page_prose.c - what a page says in sentences: the daily counts of the Ministry of Defence in 2022
 * ("Number of boats detected: 25"), and that it is given up. Worker process only; pure.
 *
 * Owns nothing but what it fills. Invariant: a number counts only after the exact words that say
 * what it is, and below a sentence that says for which day. Must never search for numbers in free
 * text.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "strait/date.h"

#include "home_office.h"
#include "page.h"

#define NAME_MAX_BYTES 80u
#define DATE_MAX_BYTES 40u

/* The day stands behind its last minute: "00:00 to 23:59 4 September 2022". */
static const char last_minute[] = "23:59";
#define PERIOD_EXAMPLE "00:00 to 23:59 4 September 2022"
/* In the order of the day's values. */
static const char *const names[] = { "Number of migrants detected in small boats",
				     "Number of boats detected" };
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

/* Words by which a block is like figures, for the admin. */
static const char *const telling[] = { "Migrants arrived", "Boats arrived", "migrants detected in",
				       "boats detected" };

static const char *const given_up[] = {
	"no longer be updated",	  "no longer updated",	 "no longer being updated",
	"no longer be published", "no longer published", "legacy page",
	"discontinued",		  "withdrawn on",	 "has been withdrawn",
	"stopped publishing"
};
/* What is given up. The first ones name this very page; the others may be about another, and count
   only on a page without figures. */
static const char *const subjects[] = { "this is a legacy page",
					"this is now a legacy page",
					"this page",
					"this publication",
					"this data set",
					"this statistical data set",
					"these statistics",
					"these figures",
					"these data",
					"this data",
					"this series",
					"this release",
					"the page",
					"we no longer",
					"we will no longer" };
#define SUBJECTS_CERTAIN 6u

static bool has_any(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasestr(text, words[i]))
			return true;
	return false;
}
#define HAS_ANY(text, words) has_any(text, words, sizeof(words) / sizeof((words)[0]))

static void look_for_retirement(struct page_prose *prose, const char *text)
{
	bool certain = has_any(text, subjects, SUBJECTS_CERTAIN);

	if (!HAS_ANY(text, given_up) || !HAS_ANY(text, subjects))
		return;
	if (*prose->retired && (prose->retired_for_certain || !certain))
		return;
	prose->retired_for_certain = certain;
	(void)page_quote(text, prose->retired);
}

/* "3 September 2022." at the start of text; a name of a weekday, "on" or a comma may stand before.
 */
static bool leading_date(const char *text, int32_t *ret_day)
{
	char date[DATE_MAX_BYTES];
	size_t size = 0;

	text += strcspn(text, "0123456789");
	for (int words = 0; words < 3; words++) {
		text += strspn(text, " ");
		while (*text && !strchr(" .,;", *text) && size + 2 < sizeof(date))
			date[size++] = *text++;
		date[size++] = ' ';
		if (size + 2 >= sizeof(date))
			return false;
	}
	date[size - 1] = '\0';
	return table_day_of_text(date, ret_day);
}

/* true when the sentence is about a period: the figures below it are of its day */
static bool read_period(struct page_prose *prose, const struct html_block *block)
{
	struct page_days *days = &prose->days;
	const char *words = strstr(block->text, last_minute);
	char quote[PAGE_SEEN_MAX];
	int32_t day;

	if (!words)
		return false;
	if (!leading_date(words + strlen(last_minute), &day)) {
		page_problem(days, "expected a day as in '" PERIOD_EXAMPLE "'; saw '%s'",
			     page_quote(block->text, quote));
	} else if (days->count == PAGE_DAYS_MAX) {
		page_problem(days, "expected at most %u days; saw more", PAGE_DAYS_MAX);
	} else {
		days->days[days->count++] =
			(struct page_day){ .day = day, .offset = block->offset };
	}
	return true;
}

/* Index of the name before the colon at the end of `size` bytes, or -1. */
static int name_index(const char *text, size_t size)
{
	char name[NAME_MAX_BYTES];

	if (size >= sizeof(name))
		return -1;
	memcpy(name, text, size);
	name[size] = '\0';
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (table_name_equals(name, names[i]))
			return (int)i;
	return -1;
}

static void read_figure(struct page_prose *prose, const struct html_block *block)
{
	struct page_days *days = &prose->days;
	const char *colon = strchr(block->text, ':');
	int index = colon ? name_index(block->text, (size_t)(colon - block->text)) : -1;
	struct page_value value = { .offset = block->offset };
	struct table_cell cell = { .type = TABLE_TEXT };
	char quote[PAGE_SEEN_MAX];
	struct page_value *place;

	if (index < 0)
		return;
	cell.text = colon + 1;
	days->found = true;
	days->torn = days->torn || !block->closed;
	value.says = table_count(&cell, COUNT_LIMIT, &value.count);
	if (value.says != TABLE_COUNT) {
		page_problem(days, "expected a whole number after '%s:'; saw '%s'", names[index],
			     page_quote(block->text, quote));
		return;
	}
	if (!days->count) {
		page_problem(days,
			     "expected the day, as in '" PERIOD_EXAMPLE "', before '%s'; saw none",
			     page_quote(block->text, quote));
		return;
	}
	place = &days->days[days->count - 1].values[index];
	if (place->says && place->count != value.count)
		page_problem(days, "expected one '%s' for a day; saw %lld and %lld", names[index],
			     (long long)place->count, (long long)value.count);
	*place = value;
}

void page_prose_block(struct page_prose *prose, const struct html_block *block)
{
	bool telling_block = HAS_ANY(block->text, telling) && strpbrk(block->text, "0123456789");

	if (!*prose->seen || (telling_block && !prose->seen_figures)) {
		(void)page_quote(block->text, prose->seen);
		prose->seen_figures = telling_block;
	}
	look_for_retirement(prose, block->text);
	if (!block->cut && !read_period(prose, block))
		read_figure(prose, block);
}
