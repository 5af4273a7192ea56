/* SPDX-License-Identifier: MIT
 *
 * page.h - what is found on one web page: days with their values, from a table or from prose, and
 * sentences about the page itself. Pure but for page_read.
 */
#pragma once

#include "html.h"

struct reading;

#define PAGE_DAYS_MAX	 64u  /* of one page; real ones have 7 or 8, and 1 in prose */
#define PAGE_VALUES_MAX	 3u   /* of one day */
#define PAGE_EXTRACT_MAX 32u  /* bytes of a cell that cannot be read, with the NUL */
#define PAGE_SEEN_MAX	 160u /* bytes quoted of a page, with the NUL */
#define PAGE_PROBLEM_MAX 384u

struct page_value {
	enum table_value says; /* 0 = nothing yet */
	int64_t count;
	uint64_t offset;
	char extract[PAGE_EXTRACT_MAX];
};

struct page_day {
	int32_t day;
	uint64_t offset;
	struct page_value values[PAGE_VALUES_MAX];
};

struct page_days {
	bool found; /* this is what the page has its figures in */
	bool torn;  /* the page ends in the middle of it */
	unsigned int count;
	struct page_day days[PAGE_DAYS_MAX];
	char problem[PAGE_PROBLEM_MAX]; /* "expected …; saw …": why nothing of it is used; "" */
};

/* The table of the last seven days. */
struct page_table {
	struct page_days days;
	unsigned int table; /* the table with the header */
	int columns[1 + PAGE_VALUES_MAX];
	bool any;		  /* the page has tables */
	char seen[PAGE_SEEN_MAX]; /* first row of the first table */
};

/* The sentences of 2022, and what else the page says. */
struct page_prose {
	struct page_days days;
	char seen[PAGE_SEEN_MAX]; /* the block most like figures; else the first */
	bool seen_figures;
	char retired[PAGE_SEEN_MAX]; /* the block that says that the page is given up; "" = none */
	bool retired_for_certain;    /* it says so of this very page */
};

extern const char *const page_table_header[1 + PAGE_VALUES_MAX]; /* the names expected */

void page_table_row(struct page_table *table, const struct table_row *row);
void page_table_end(struct page_table *table, bool closed);
void page_prose_block(struct page_prose *prose, const struct html_block *block);

/* Sets the problem, if there is none yet. */
void page_problem(struct page_days *days, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The beginning of text, cut between characters with "…". Returns buffer. */
const char *page_quote(const char *text, char buffer[PAGE_SEEN_MAX]);
/* Sets a problem unless the days follow each other and are within PAGE_AGE_DAYS_MAX days before
   `published` (any day of the page if that is 0: then only none after `today`). */
#define PAGE_AGE_DAYS_MAX 28
void page_check_days(struct page_days *days, int32_t published, int32_t today);

/* Reads one web page: hands over its figures or fails with what was expected and what was seen. */
int page_read(struct reading *reading, const char *data, size_t size);
