/* SPDX-License-Identifier: MIT
 *
 * csv.c - the CSV scanner of include/strait/csv.h. Runs in workers; owns one row buffer and one
 * array of slices, made once.
 *
 * Two stages. A classifier (csv_block.c, by processor) turns 64 bytes into two words of bits: what
 * matters outside quotes and what matters inside. The walker here goes from set bit to set bit, so
 * bytes inside a field are never looked at. Whether a quote opens a field is known only to the
 * walker: a lone quote in unquoted text is text, and real dumps have rows with broken quoting, so
 * the parity of quotes alone would misread everything after one.
 *
 * Invariants: the row at hand stands in one piece of memory, in the caller's or in `buffer`; a row
 * moves into the buffer only when its piece ends before it does. What is delivered does not depend
 * on how the input is cut. Time is linear in the input whatever it holds: a broken row is skipped
 * to its next LF, never read again. Must never allocate after csv_new_on().
 *
 * Decided here, where RFC 4180 is silent: a line without a byte gives no row; a CR that is not
 * before LF is text, but one before the end of input is the half of a line end; text before an
 * opening quote makes that quote text.
 */
#include "csv_scan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES                                                                               \
	4096u /* classified at once; the masks of a window stay in the first-level cache */
#define WINDOW_BLOCKS  (WINDOW_BYTES / CSV_BLOCK_BYTES)
#define LINE_END_BYTES 2u
#define FIRST_STEP                                                                                 \
	256u /* bytes that a row from an earlier piece is continued with; then twice as many … */
#define ROW_LIMIT_MAX (UINT32_C(1) << 30)
#define BOM	      "\xEF\xBB\xBF"
#define BOM_BYTES     3u

enum state {
	ROW_START = 1, /* nothing of the row seen */
	FIELD_START,   /* after a separator */
	UNQUOTED,
	QUOTED,
	QUOTE_SEEN, /* a quote inside quotes: the end, or the first of two */
	CR_SEEN,    /* a CR after a closing quote: LF must follow */
	SKIPPING,   /* the row is broken: up to its line end it is only kept for its raw text */
	DISCARDING, /* the row is broken and has been delivered */
};

struct strait_csv {
	csv_classify_fn *classify;
	strait_csv_row_fn *deliver;
	void *context;
	size_t row_max;
	char separator;
	bool one_row; /* stop after a row: the rest of the buffer is also in the caller's piece */
	enum state state;
	int stopped;	       /* what the callback returned */
	unsigned int bom_seen; /* bytes of the mark matched; more than BOM_BYTES = not looking any
				  more */

	const char *row;   /* first byte of the row at hand */
	const char *field; /* first byte of the field at hand, after its quote */
	const char *next;  /* where the walk stopped after a row */
	const char *error;
	uint64_t offset;       /* of `row` in the input */
	uint32_t line;	       /* of `row` */
	uint32_t quoted_lines; /* line ends inside quotes of the row at hand */
	uint32_t count;	       /* of fields */
	size_t buffered; /* bytes of `buffer` that are the row at hand; 0 = it is in the caller's
			    piece */
	char *buffer;	 /* row_max + LINE_END_BYTES; pages that no row needed are never touched */
	struct strait_csv_field fields[STRAIT_CSV_COLUMNS_MAX];
	struct csv_block blocks[WINDOW_BLOCKS];
};

static void begin_row(struct strait_csv *csv, const char *row)
{
	csv->offset += (uint64_t)(row - csv->row);
	csv->row = row;
	csv->count = 0;
	csv->error = NULL;
	csv->state = ROW_START;
}

/* Calls back with the row that ends before `end` (line end excluded). Returns false when the walk
 * has to stop. */
static bool deliver(struct strait_csv *csv, const char *end)
{
	size_t size = (size_t)(end - csv->row);
	bool broken = csv->error != NULL;
	struct strait_csv_row row = {
		.fields = csv->fields,
		.count = broken ? 0 : csv->count,
		.line = csv->line,
		.offset = csv->offset,
		.raw = csv->row,
		.raw_size = size < csv->row_max ? size : csv->row_max,
		.error = csv->error,
	};

	csv->stopped = csv->deliver(csv->context, &row);
	return !csv->stopped && !csv->one_row;
}

static inline void break_row(struct strait_csv *csv, const char *why)
{
	csv->error = why;
	csv->state = SKIPPING;
}

static inline void add_field(struct strait_csv *csv, const char *end, bool quoted)
{
	if (csv->count == STRAIT_CSV_COLUMNS_MAX) {
		break_row(csv, "too many columns");
		return;
	}
	csv->fields[csv->count++] = (struct strait_csv_field){ .data = csv->field,
							       .size = (uint32_t)(end - csv->field),
							       .quoted = quoted };
}

/* The line end at `lf` ends the row; its last field has been added. Returns false when the walk has
 * to stop. */
static bool end_row(struct strait_csv *csv, const char *lf)
{
	const char *end = lf > csv->row && lf[-1] == '\r' ? lf - 1 : lf;
	bool go_on = !csv->one_row; /* also after a line without a byte */

	if ((size_t)(end - csv->row) > csv->row_max && !csv->error)
		csv->error = "row too long";
	if (csv->state != DISCARDING && end > csv->row)
		go_on = deliver(csv, end);
	csv->line += 1 + csv->quoted_lines;
	csv->quoted_lines = 0;
	csv->next = lf + 1;
	begin_row(csv, lf + 1);
	return go_on;
}

/* The row has reached the limit and its end is not in sight. Returns false when the walk has to
 * stop. */
static bool give_up_row(struct strait_csv *csv, const char *end)
{
	bool go_on;

	if (!csv->error)
		csv->error = "row too long";
	go_on = deliver(csv, end);
	begin_row(csv, end);
	csv->state = DISCARDING;
	csv->next = end;
	return go_on;
}

static inline const char *without_cr(const char *begin, const char *end)
{
	return end > begin && end[-1] == '\r' ? end - 1 : end;
}

/* The byte at `end` matters to unquoted text. */
static inline bool end_unquoted(struct strait_csv *csv, const char *end)
{
	if (*end == csv->separator) {
		csv->state = FIELD_START;
		add_field(csv, end, false);
		return true;
	}
	if (*end == '\n') {
		add_field(csv, without_cr(csv->field, end), false);
		return end_row(csv, end);
	}
	break_row(csv, "NUL byte");
	return true;
}

/* The byte at `here` follows a quote inside quotes. */
static inline bool after_quote(struct strait_csv *csv, const char *here)
{
	if (*here == '"') {
		csv->state = QUOTED;
	} else if (*here == csv->separator) {
		csv->state = FIELD_START;
		add_field(csv, here - 1, true);
	} else if (*here == '\n') {
		add_field(csv, here - 1, true);
		return end_row(csv, here);
	} else if (*here == '\r') {
		csv->state = CR_SEEN;
	} else {
		break_row(csv, *here ? "text after a closing quote" : "NUL byte");
	}
	return true;
}

static inline void in_quotes(struct strait_csv *csv, char byte)
{
	if (byte == '"')
		csv->state = QUOTE_SEEN;
	else if (byte == '\n')
		csv->quoted_lines++;
	else
		break_row(csv, "NUL byte");
}

/* Index of the first set bit at or after `at`, `stop` when there is none before it. */
static inline size_t next_bit(uint64_t bits, size_t at, size_t stop)
{
	bits >>= at;
	at += bits ? (size_t)__builtin_ctzll(bits) : CSV_BLOCK_BYTES;
	return at < stop ? at : stop;
}

/* The hot path: ends unquoted fields as long as a separator ends them and no quote begins the next
   one. Returns the first byte that was not dealt with; it belongs to an unquoted field. */
static inline size_t walk_separators(struct strait_csv *csv, const char *bytes, size_t at,
				     size_t stop, uint64_t outside)
{
	uint64_t bits = outside >> at << at;
	const char *field = csv->field;
	uint32_t count = csv->count;

	for (; bits; bits &= bits - 1) {
		size_t here = (size_t)__builtin_ctzll(bits);

		if (here + 1 >= stop || bytes[here] != csv->separator || bytes[here + 1] == '"' ||
		    count == STRAIT_CSV_COLUMNS_MAX)
			break;
		csv->fields[count++] = (struct strait_csv_field){
			.data = field, .size = (uint32_t)(bytes + here - field), .quoted = false
		};
		at = here + 1;
		field = bytes + at;
	}
	csv->field = field;
	csv->count = count;
	return at;
}

/* Walks over bytes at … stop of a block. Returns false when it has to stop (csv->next says where).
 */
static bool walk(struct strait_csv *csv, const char *bytes, size_t at, size_t stop,
		 const struct csv_block *block)
{
	const char *lf;

	while (at < stop) {
		switch (csv->state) {
		case ROW_START:
		case FIELD_START:
			csv->field = bytes + at;
			csv->state = UNQUOTED;
			if (bytes[at] == '"') {
				csv->state = QUOTED;
				csv->field++;
				at++;
			}
			break;
		case UNQUOTED:
			at = walk_separators(csv, bytes, at, stop, block->outside);
			at = next_bit(block->outside, at, stop);
			if (at < stop && !end_unquoted(csv, bytes + at++))
				return false;
			break;
		case QUOTED:
			at = next_bit(block->inside, at, stop);
			if (at < stop)
				in_quotes(csv, bytes[at++]);
			break;
		case QUOTE_SEEN:
			if (!after_quote(csv, bytes + at++))
				return false;
			break;
		case CR_SEEN:
			if (bytes[at] == '\n') {
				add_field(csv, bytes + at - 2, true);
				if (!end_row(csv, bytes + at))
					return false;
			} else {
				break_row(csv, "text after a closing quote");
			}
			at++;
			break;
		case SKIPPING:
		case DISCARDING:
			lf = memchr(bytes + at, '\n', stop - at);
			if (!lf)
				return true;
			if (!end_row(csv, lf))
				return false;
			at = (size_t)(lf + 1 - bytes);
			break;
		}
	}
	return true;
}

/* Walks over one block, but never past the row's limit. */
static bool walk_block(struct strait_csv *csv, const char *bytes, size_t size,
		       const struct csv_block *block)
{
	size_t limit = csv->row_max + LINE_END_BYTES;
	size_t at = 0;

	while (at < size) {
		size_t room, stop;

		if (csv->state == DISCARDING) { /* nothing of this row is kept */
			csv->offset += (uint64_t)(bytes + at - csv->row);
			csv->row = bytes + at;
		}
		room = limit - (size_t)(bytes + at - csv->row);
		stop = room < size - at ? at + room : size;
		if (!walk(csv, bytes, at, stop, block))
			return false;
		at = stop;
		if ((size_t)(bytes + at - csv->row) == limit && csv->state != DISCARDING &&
		    !give_up_row(csv, bytes + at))
			return false;
	}
	if (csv->state == DISCARDING) {
		csv->offset += (uint64_t)(bytes + size - csv->row);
		csv->row = bytes + size;
	}
	return true;
}

/* Scans up to `end`; returns where it stopped: there, or after a row. */
static const char *scan(struct strait_csv *csv, const char *from, const char *end)
{
	while (from < end) {
		size_t size =
			(size_t)(end - from) < WINDOW_BYTES ? (size_t)(end - from) : WINDOW_BYTES;

		csv->classify(from, size, csv->separator, csv->blocks);
		for (size_t at = 0; at < size; at += CSV_BLOCK_BYTES) {
			size_t part = size - at < CSV_BLOCK_BYTES ? size - at : CSV_BLOCK_BYTES;

			if (!walk_block(csv, from + at, part, &csv->blocks[at / CSV_BLOCK_BYTES]))
				return csv->next;
		}
		from += size;
	}
	return end;
}

/* Goes on with a row that began in an earlier piece. Returns how much of the piece that row took.
 */
static size_t scan_buffered(struct strait_csv *csv, const char *data, size_t size)
{
	size_t capacity = csv->row_max + LINE_END_BYTES, done = 0, step = FIRST_STEP;

	csv->one_row = true;
	while (csv->buffered && done < size && !csv->stopped) {
		size_t take = size - done < step ? size - done : step;
		char *from = csv->buffer + csv->buffered;
		const char *next;

		if (take > capacity - csv->buffered)
			take = capacity - csv->buffered;
		memcpy(from, data + done, take);
		next = scan(csv, from, from + take);
		done += (size_t)(next - from);
		csv->buffered = csv->row == next ? 0 : csv->buffered + take;
		step *= 2;
	}
	csv->one_row = false;
	return done;
}

/* The piece ends before the row at hand does: moves what there is of it into the buffer. */
static void keep_row(struct strait_csv *csv, const char *end)
{
	ptrdiff_t size = end - csv->row;

	if (size == 0)
		return;
	memcpy(csv->buffer, csv->row, (size_t)size);
	for (uint32_t i = 0; i < csv->count; i++)
		csv->fields[i].data = csv->buffer + (csv->fields[i].data - csv->row);
	if (csv->state == UNQUOTED || csv->state == QUOTED || csv->state == QUOTE_SEEN ||
	    csv->state == CR_SEEN)
		csv->field = csv->buffer + (csv->field - csv->row);
	csv->row = csv->buffer;
	csv->buffered = (size_t)size;
}

static int feed(struct strait_csv *csv, const char *data, size_t size)
{
	if (csv->buffered) {
		size_t done = scan_buffered(csv, data, size);

		data += done;
		size -= done;
	}
	if (size == 0 || csv->stopped)
		return csv->stopped;
	csv->row = data;
	(void)scan(csv, data, data + size); /* ends at the end, or stopped */
	if (!csv->stopped)
		keep_row(csv, data + size);
	return csv->stopped;
}

/* Passes over a byte order mark, which may come in pieces. Returns how many bytes of this piece
 * belong to it. */
static size_t skip_bom(struct strait_csv *csv, const char *data, size_t size)
{
	size_t done = 0;
	unsigned int seen = csv->bom_seen;

	while (done < size && seen < BOM_BYTES && data[done] == BOM[seen]) {
		seen++;
		done++;
	}
	csv->bom_seen = seen;
	if (seen == BOM_BYTES) {
		csv->offset += BOM_BYTES;
		csv->bom_seen = BOM_BYTES + 1;
	} else if (done < size) { /* it was something else: what came in earlier pieces is text */
		csv->bom_seen = BOM_BYTES + 1;
		(void)feed(csv, BOM, seen - done);
		return 0;
	}
	return done;
}

int strait_csv_feed(struct strait_csv *csv, const char *data, size_t size)
{
	size_t done = 0;

	if (csv->stopped)
		return csv->stopped;
	if (csv->bom_seen <= BOM_BYTES)
		done = skip_bom(csv, data, size);
	return feed(csv, data + done, size - done);
}

/* The last row has no line end; it stands in the buffer. */
static void end_input(struct strait_csv *csv)
{
	const char *end = csv->buffer + csv->buffered;
	const char *text_end;

	if (!csv->buffered)
		return; /* `row` still points into a piece that is gone */
	text_end = without_cr(csv->row, end);
	switch (csv->state) {
	case ROW_START:
	case DISCARDING:
		return;
	case FIELD_START:
		csv->field = end;
		add_field(csv, end, false);
		break;
	case UNQUOTED:
		add_field(csv, text_end, false);
		break;
	case QUOTED:
		csv->error = "quote not closed";
		break;
	case QUOTE_SEEN:
		add_field(csv, end - 1, true);
		break;
	case CR_SEEN:
		add_field(csv, end - 2, true);
		break;
	case SKIPPING:
		break;
	}
	if ((size_t)(text_end - csv->row) > csv->row_max && !csv->error)
		csv->error = "row too long";
	if (text_end > csv->row)
		(void)deliver(csv, text_end);
}

static void reset(struct strait_csv *csv)
{
	csv->state = ROW_START;
	csv->row = csv->field = csv->buffer;
	csv->error = NULL;
	csv->count = csv->quoted_lines = 0;
	csv->buffered = 0;
	csv->bom_seen = 0;
	csv->offset = 0;
	csv->line = 1;
}

int strait_csv_end(struct strait_csv *csv)
{
	if (csv->stopped)
		return csv->stopped;
	if (csv->bom_seen < BOM_BYTES)
		(void)feed(csv, BOM, csv->bom_seen); /* too short for a mark: text */
	if (!csv->stopped)
		end_input(csv);
	reset(csv);
	return csv->stopped;
}

struct strait_csv *csv_new_on(const struct csv_classifier *classifier, char separator,
			      size_t row_max, strait_csv_row_fn *row, void *context)
{
	struct strait_csv *csv = calloc(1, sizeof(*csv));

	assert(separator && !strchr("\"\r\n", separator));
	if (!csv)
		return NULL;
	csv->row_max = row_max == 0		 ? STRAIT_CSV_ROW_MAX
		       : row_max < ROW_LIMIT_MAX ? row_max
						 : ROW_LIMIT_MAX;
	csv->classify = classifier->classify;
	csv->separator = separator;
	csv->deliver = row;
	csv->context = context;
	csv->buffer = malloc(csv->row_max + LINE_END_BYTES);
	if (!csv->buffer)
		return strait_csv_free(csv);
	reset(csv);
	return csv;
}

struct strait_csv *strait_csv_new(char separator, size_t row_max, strait_csv_row_fn *row,
				  void *context)
{
	return csv_new_on(csv_classifiers(), separator, row_max, row, context);
}

struct strait_csv *strait_csv_free(struct strait_csv *csv)
{
	if (!csv)
		return NULL;
	free(csv->buffer);
	free(csv);
	return NULL;
}

void strait_csv_set_offset(struct strait_csv *csv, uint64_t offset, uint32_t line)
{
	csv->offset = offset;
	csv->line = line;
	csv->bom_seen = offset == 0 ? 0 : BOM_BYTES + 1;
}
