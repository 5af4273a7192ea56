/* SPDX-License-Identifier: MIT
 *
 * spreadsheet.h - OpenDocument spreadsheets for tests, written as XML by macros so that any quirk
 * can be said. Needs libzip at the link. Running out of memory aborts.
 */
#pragma once

#include <stddef.h>

#define TYPED(type, value, shown)                                                                  \
	"<table:table-cell office:value-type=\"" type "\" " value "><text:p>" shown                \
	"</text:p></table:table-cell>"
#define DATE(iso)    TYPED("date", "office:date-value=\"" iso "T00:00:00\"", iso)
#define NUMBER(text) TYPED("float", "office:value=\"" text "\"", text)
#define TEXT(text)   TYPED("string", "", text)
#define NONE	     "<table:table-cell/>"
#define DASH	     TEXT("-")
/* Rows and sheets end in padding, as those of office programs do. */
#define PAD	   "<table:table-cell table:number-columns-repeated=\"16380\"/>"
#define ROW(cells) "<table:table-row>" cells PAD "</table:table-row>"
#define REST                                                                                       \
	"<table:table-row table:number-rows-repeated=\"1045463\">"                                 \
	"<table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>"
#define SHEET(name, rows) "<table:table table:name=\"" name "\">" rows REST "</table:table>"

struct spreadsheet {
	void *data; /* the caller's to free */
	size_t size;
};

/* A zip file with up to two entries; a NULL name = absent. */
struct spreadsheet spreadsheet_package(const char *name, const char *text, size_t size,
				       const char *name2, const char *text2);
/* A whole document: sheets as XML, and the time of saving in meta.xml (NULL = no meta.xml). */
struct spreadsheet spreadsheet_make(const char *sheets, const char *saved);
