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
	csv_flatten_fn *flatten;
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
	uint16_t places[WINDOW_BYTES + CSV_FLATTEN_SLACK];
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

/* The hot path, in state UNQUOTED: ends fields, and rows, as long as no quote begins the next
 * field. Sets *at to the first byte that was not dealt with. Returns false when the walk has to
 * stop. */
static inline bool walk_unquoted(struct strait_csv *csv, const char *bytes, size_t *at, size_t stop,
				 uint64_t outside)
{
	uint64_t bits = outside >> *at << *at;
	const char separator = csv->separator;
	const char *field = csv->field;
	uint32_t count = csv->count;

	if (stop < CSV_BLOCK_BYTES)
		bits &= (UINT64_C(1) << stop) - 1;
	for (; bits; bits &= bits - 1) {
		size_t here = (size_t)__builtin_ctzll(bits);
		const char *end = bytes + here;

		*at = here + 1;
		if (count == STRAIT_CSV_COLUMNS_MAX || *end == '\0') {
			csv->count = count;
			break_row(csv, *end ? "too many columns" : "NUL byte");
			return *end != '\n' || end_row(csv, end);
		}
		csv->fields[count++] = (struct strait_csv_field){ .data = field,
								  .size = (uint32_t)(end - field),
								  .quoted = false };
		field = end + 1;
		if (*end != separator) { /* LF */
			csv->fields[count - 1].size =
				(uint32_t)(without_cr(csv->fields[count - 1].data, end) -
					   csv->fields[count - 1].data);
			csv->count = count;
			if (!end_row(csv, end))
				return false;
			count = 0;
		}
		if (*at == stop || *field == '"') { /* the next field is not known to be unquoted */
			csv->count = count;
			csv->state = count ? FIELD_START : ROW_START;
			return true;
		}
	}
	csv->state = UNQUOTED;
	csv->field = field;
	csv->count = count;
	*at = stop;
	return true;
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
			if (!walk_unquoted(csv, bytes, &at, stop, block->outside))
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

/* Walks over one block from `at` on, but never past the row's limit. */
static bool walk_block(struct strait_csv *csv, const char *bytes, size_t at, size_t size,
		       const struct csv_block *block)
{
	size_t limit = csv->row_max + LINE_END_BYTES;

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

/* ── the hot path ──────────────────────────────────────────────────────────────────────────── */

/* Where the walk over a window stands: what a row of good CSV needs, in registers. */
struct walk {
	const char *bytes, *end;      /* the window */
	const uint16_t *place, *last; /* of the bytes that matter */
	const char *field;
	uint32_t count;
	bool quoted;
	bool stopped;
};

static inline void put_field(struct strait_csv *csv, struct walk *walk, const char *end,
			     bool quoted)
{
	csv->fields[walk->count++] = (struct strait_csv_field){
		.data = walk->field, .size = (uint32_t)(end - walk->field), .quoted = quoted
	};
}

static inline void put_row(struct strait_csv *csv, struct walk *walk, const char *lf)
{
	csv->count = walk->count;
	walk->stopped = !end_row(csv, lf);
	walk->count = 0;
	walk->field = lf + 1;
}

/* The next place is outside of quotes. Returns false when it is nothing for here. */
static inline bool step_outside(struct strait_csv *csv, struct walk *walk)
{
	const char *here = walk->bytes + *walk->place;
	char byte = *here;

	if (byte == csv->separator && walk->count < STRAIT_CSV_COLUMNS_MAX) {
		put_field(csv, walk, here, false);
		walk->field = here + 1;
	} else if (byte == '\n' && walk->count < STRAIT_CSV_COLUMNS_MAX) {
		put_field(csv, walk, without_cr(walk->field, here), false);
		put_row(csv, walk, here);
	} else if (byte == '"') {
		if (here == walk->field) { /* else it is text */
			walk->quoted = true;
			walk->field++;
		}
	} else {
		return false;
	}
	walk->place++;
	return true;
}

/* The next place is inside quotes. As above. */
static inline bool step_inside(struct strait_csv *csv, struct walk *walk)
{
	const char *here = walk->bytes + *walk->place;

	if (*here != '"') {
		csv->quoted_lines += *here == '\n';
		walk->place += *here != '\0';
		return *here != '\0';
	}
	if (here + 1 == walk->end || walk->count == STRAIT_CSV_COLUMNS_MAX)
		return false;
	if (here[1] == '"') { /* one of two: text */
		walk->place += 2;
		return true;
	}
	if (here[1] == csv->separator) {
		put_field(csv, walk, here, true);
		walk->field = here + 2;
	} else if (here[1] == '\n' ||
		   (here[1] == '\r' && here + 2 < walk->end && here[2] == '\n')) {
		put_field(csv, walk, here, true);
		put_row(csv, walk, here[1] == '\n' ? here + 1 : here + 2);
	} else {
		return false;
	}
	walk->quoted = false;
	walk->place += 2; /* the quote, and what ended the field */
	return true;
}

/* Walks over a window of good CSV; stops before what is none, or may be none at its end. Returns
 * how many bytes were dealt with; the state is as walk_block() would have left it. */
static size_t walk_window(struct strait_csv *csv, const char *bytes, size_t size, bool *ret_stopped)
{
	struct walk walk = { .bytes = bytes,
			     .end = bytes + size,
			     .place = csv->places,
			     .field = csv->field,
			     .count = csv->count };
	size_t done;

	switch (csv->state) {
	case ROW_START:
	case FIELD_START:
		walk.field = bytes;
		break;
	case UNQUOTED:
		break;
	case QUOTED:
		walk.quoted = true;
		break;
	case QUOTE_SEEN:
	case CR_SEEN:
	case SKIPPING:
	case DISCARDING:
		return 0;
	}
	/* Rows that come near the limit are for walk_block(). */
	if (csv->one_row || (size_t)(walk.end - csv->row) > csv->row_max)
		return 0;
	walk.last = walk.place + csv->flatten(csv->blocks, size, csv->places);
	while (walk.place < walk.last && !walk.stopped &&
	       (walk.quoted ? step_inside(csv, &walk) : step_outside(csv, &walk)))
		;
	*ret_stopped = walk.stopped;
	if (walk.stopped)
		return 0;
	csv->count = walk.count;
	csv->field = walk.field;
	done = walk.place < walk.last ? *walk.place : size;
	if (walk.quoted)
		csv->state = QUOTED;
	else if (walk.field < bytes + done)
		csv->state = UNQUOTED;
	else
		csv->state = walk.count ? FIELD_START : ROW_START;
	return done;
}

/* Scans up to `end`; returns where it stopped: there, or after a row. */
static const char *scan(struct strait_csv *csv, const char *from, const char *end)
{
	while (from < end) {
		size_t size =
			(size_t)(end - from) < WINDOW_BYTES ? (size_t)(end - from) : WINDOW_BYTES;
		bool stopped = false;
		size_t at;

		csv->classify(from, size, csv->separator, csv->blocks);
		at = walk_window(csv, from, size, &stopped);
		if (stopped)
			return csv->next;
		while (at < size) {
			size_t block = at / CSV_BLOCK_BYTES, begin = block * CSV_BLOCK_BYTES;
			size_t part =
				size - begin < CSV_BLOCK_BYTES ? size - begin : CSV_BLOCK_BYTES;

			if (!walk_block(csv, from + begin, at - begin, part, &csv->blocks[block]))
				return csv->next;
			at = begin + part;
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
	csv->flatten = classifier->flatten;
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
