/* SPDX-License-Identifier: MIT
 *
 * test_csv.c - the CSV scanner: what rows come out, that cutting the input and the classifier make
 * no difference, limits, and the readers of one field.
 */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv_scan.h"
#include "strait/csv.h"

#define TRANSCRIPT_MAX 65536u

/* Everything delivered, as text: "LINE@OFFSET field|field;" with quoted fields as "…", broken rows
 * as "!why". */
struct transcript {
	char text[TRANSCRIPT_MAX];
	size_t size;
	unsigned int rows;
	unsigned int stop_after; /* 0 = never */
};

static void append(struct transcript *transcript, const char *data, size_t size)
{
	ck_assert_uint_lt(transcript->size + size, TRANSCRIPT_MAX);
	if (size)
		memcpy(transcript->text + transcript->size, data, size);
	transcript->size += size;
	transcript->text[transcript->size] = '\0';
}

static void append_text(struct transcript *transcript, const char *text)
{
	append(transcript, text, strlen(text));
}

static int write_down(void *context, const struct strait_csv_row *row)
{
	struct transcript *transcript = context;
	char place[64];

	snprintf(place, sizeof(place), "%u@%llu ", row->line, (unsigned long long)row->offset);
	append_text(transcript, place);
	if (row->error) {
		ck_assert_uint_eq(row->count, 0);
		append_text(transcript, "!");
		append_text(transcript, row->error);
		append_text(transcript, "=");
		append(transcript, row->raw, row->raw_size);
	}
	for (uint32_t i = 0; i < row->count; i++) {
		const struct strait_csv_field *field = &row->fields[i];

		ck_assert(field->data >= row->raw);
		ck_assert(field->data + field->size <= row->raw + row->raw_size);
		append_text(transcript, i ? "|" : "");
		append_text(transcript, field->quoted ? "\"" : "");
		append(transcript, field->data, field->size);
		append_text(transcript, field->quoted ? "\"" : "");
	}
	append_text(transcript, ";");
	return ++transcript->rows == transcript->stop_after ? 42 : 0;
}

/* Feeds a piece from a block of its own, so that a sanitizer sees every byte too far. */
static int feed_copy(struct strait_csv *csv, const char *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	int result;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, size);
	result = strait_csv_feed(csv, copy, size);
	memset(copy, 'X', size); /* nobody may still look at it */
	free(copy);
	return result;
}

/* Scans data cut at `first`, then into pieces of `step`. */
static void scan_cut(const struct csv_classifier *classifier, const char *data, size_t size,
		     size_t row_max, size_t first, size_t step, struct transcript *ret_transcript)
{
	struct strait_csv *csv = csv_new_on(classifier, ',', row_max, write_down, ret_transcript);
	size_t at = first < size ? first : size;

	ck_assert_ptr_nonnull(csv);
	ret_transcript->size = ret_transcript->rows = 0;
	ret_transcript->text[0] = '\0';
	ck_assert_int_eq(feed_copy(csv, data, at), 0);
	for (; at < size; at += step)
		ck_assert_int_eq(feed_copy(csv, data + at, size - at < step ? size - at : step), 0);
	ck_assert_int_eq(strait_csv_end(csv), 0);
	strait_csv_free(csv);
}

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
	const char *data;
	size_t size;
	size_t row_max;
	const char *want;
} rows[] = {
	{ TEXT(""), 0, "" },
	{ TEXT("\n"), 0, "" },
	{ TEXT("\n\r\n\na\n"), 0, "4@4 a;" },
	{ TEXT("a"), 0, "1@0 a;" },
	{ TEXT("a\n"), 0, "1@0 a;" },
	{ TEXT("a\r\n"), 0, "1@0 a;" },
	{ TEXT("a\r"), 0, "1@0 a;" },
	{ TEXT("\r"), 0, "" },
	{ TEXT("a\rb\n"), 0, "1@0 a\rb;" },
	{ TEXT("a\r\r\n"), 0, "1@0 a\r;" },
	{ TEXT("a,b\nc,d\n"), 0, "1@0 a|b;2@4 c|d;" },
	{ TEXT("a,b\r\nc,d"), 0, "1@0 a|b;2@5 c|d;" },
	{ TEXT(",\n"), 0, "1@0 |;" },
	{ TEXT(","), 0, "1@0 |;" },
	{ TEXT("a,"), 0, "1@0 a|;" },
	{ TEXT("a,\r\n,b\n"), 0, "1@0 a|;2@4 |b;" },
	{ TEXT("\"\"\n"), 0, "1@0 \"\";" },
	{ TEXT("\"a\"\n"), 0, "1@0 \"a\";" },
	{ TEXT("\"a\""), 0, "1@0 \"a\";" },
	{ TEXT("\"a\"\r\n\"b\"\r"), 0, "1@0 \"a\";2@5 \"b\";" },
	{ TEXT("\"a,b\",c\n"), 0, "1@0 \"a,b\"|c;" },
	{ TEXT("\"a\nb\"\nc\n"), 0, "1@0 \"a\nb\";3@6 c;" },
	{ TEXT("x,\"a\r\n\r\nb\",y\nc\n"), 0, "1@0 x|\"a\r\n\r\nb\"|y;4@13 c;" },
	{ TEXT("\"say \"\"no\"\"\",1\n"), 0, "1@0 \"say \"\"no\"\"\"|1;" },
	{ TEXT("\"\"\"\"\n"), 0, "1@0 \"\"\"\";" },
	{ TEXT("a\"b,c\"\"d\n"), 0, "1@0 a\"b|c\"\"d;" },
	{ TEXT(" \"a\",b\n"), 0, "1@0  \"a\"|b;" },
	{ TEXT("\xEF\xBB\xBFid,b\n1,2\n"), 0, "1@3 id|b;2@8 1|2;" },
	{ TEXT("\xEF\xBB\xBF\"id\"\n"), 0, "1@3 \"id\";" },
	{ TEXT("\xEF\xBB"), 0, "1@0 \xEF\xBB;" },
	{ TEXT("\xEF\xBBx,\xEF\xBB\xBF\n"), 0, "1@0 \xEF\xBBx|\xEF\xBB\xBF;" },
	{ TEXT("\xEF\xBB\xBF"), 0, "" },
	{ TEXT("a\n\xEF\xBB\xBF"
	       "b\n"),
	  0,
	  "1@0 a;2@2 \xEF\xBB\xBF"
	  "b;" },
	/* broken rows, and what comes after them */
	{ TEXT("\"a\"b,c\nd\n"), 0, "1@0 !text after a closing quote=\"a\"b,c;2@7 d;" },
	{ TEXT("\"a\" ,c\r\nd\n"), 0, "1@0 !text after a closing quote=\"a\" ,c;2@8 d;" },
	{ TEXT("\"a\"\rb\nd\n"), 0, "1@0 !text after a closing quote=\"a\"\rb;2@6 d;" },
	{ TEXT("x,\"a \\\"b\\\" c\",y\nd\n"), 0,
	  "1@0 !text after a closing quote=x,\"a \\\"b\\\" c\",y;2@16 d;" },
	{ TEXT("\"a\n\"b\nd\n"), 0, "1@0 !text after a closing quote=\"a\n\"b;3@6 d;" },
	{ TEXT("\"a\"b"), 0, "1@0 !text after a closing quote=\"a\"b;" },
	{ TEXT("a\n\"b\nc"), 0, "1@0 a;2@2 !quote not closed=\"b\nc;" },
	{ TEXT("\""), 0, "1@0 !quote not closed=\";" },
	/* limits */
	{ TEXT("1234\n12345\n1\n"), 4, "1@0 1234;2@5 !row too long=1234;3@11 1;" },
	{ TEXT("1234\r\n12345\r\n1\n"), 4, "1@0 1234;2@6 !row too long=1234;3@13 1;" },
	{ TEXT("123456\n1\n"), 4, "1@0 !row too long=1234;2@7 1;" },
	{ TEXT("1,3,5,7,9\n1\n"), 4, "1@0 !row too long=1,3,;2@10 1;" },
	{ TEXT("12345678901234567890\n1\n"), 4, "1@0 !row too long=1234;2@21 1;" },
	{ TEXT("\r\n12345678\n1\n"), 4, "2@2 !row too long=1234;3@11 1;" },
	{ TEXT("12345"), 4, "1@0 !row too long=1234;" },
	{ TEXT("12345\r"), 4, "1@0 !row too long=1234;" },
	{ TEXT("1234\r"), 4, "1@0 1234;" },
	{ TEXT("\"2\n\"\n1\n"), 4, "1@0 \"2\n\";3@5 1;" },
	{ TEXT("\"2\n4567\nabc\"\n1\n"), 4, "1@0 !row too long=\"2\n4;3@8 abc\";4@13 1;" },
	{ TEXT("\"\"x45678\n1\n"), 4, "1@0 !text after a closing quote=\"\"x4;2@9 1;" },
	/* longer than a block and than the first steps of a row that goes on */
	{ TEXT("0123456789012345678901234567890123456789012345678901234567890123,\"0123456789012345678901234567890123456"
	       "78901234567890123456789\n\"\"012345678901234567890123456789012345678901234567890123456789\",x\nlast,row\n"),
	  0,
	  "1@0 0123456789012345678901234567890123456789012345678901234567890123|\"01234567890123456789012345678901234567"
	  "8901234567890123456789\n\"\"012345678901234567890123456789012345678901234567890123456789\"|x;3@193 last|row;" },
};

START_TEST(gives_the_rows_of_the_table_however_the_input_is_cut)
{
	static struct transcript transcript;
	size_t size = rows[_i].size;

	for (const struct csv_classifier *one = csv_classifiers(); one->name; one++) {
		for (size_t first = 0; first <= size; first++) {
			scan_cut(one, rows[_i].data, size, rows[_i].row_max, first, size + 1,
				 &transcript);
			ck_assert_msg(strcmp(transcript.text, rows[_i].want) == 0,
				      "%s, cut at %zu: got %s", one->name, first, transcript.text);
		}
		for (size_t step = 1; step <= 7; step++) {
			scan_cut(one, rows[_i].data, size, rows[_i].row_max, 0, step, &transcript);
			ck_assert_msg(strcmp(transcript.text, rows[_i].want) == 0,
				      "%s, pieces of %zu: got %s", one->name, step,
				      transcript.text);
		}
	}
}
END_TEST

START_TEST(breaks_a_row_with_a_nul_byte_and_goes_on)
{
	static struct transcript transcript;
	static const char data[] = "a\0b,c\nd\n\"e\0\n\"f\0\n";

	for (size_t cut = 0; cut < sizeof(data); cut++) {
		scan_cut(csv_classifiers(), data, sizeof(data) - 1, 0, cut, 100, &transcript);
		ck_assert_uint_eq(transcript.rows, 4);
		ck_assert_int_eq(memcmp(transcript.text,
					"1@0 !NUL byte=a\0b,c;2@6 d;3@8 !NUL byte=\"e\0;", 43),
				 0);
	}
}
END_TEST

static uint64_t next_random(uint64_t *state) /* xorshift64 (G. Marsaglia, 2003) */
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Mostly text, with all that matters often enough. */
static void fill_randomly(uint64_t *state, char *data, size_t size)
{
	static const char often[] = "aaaaaaaaaaaabbbb,,,\"\"\n\r";

	for (size_t i = 0; i < size; i++) {
		uint64_t random = next_random(state) >> 20;

		data[i] = random % 211 == 0 ? '\0' : often[random % (sizeof(often) - 1)];
	}
}

START_TEST(gives_equal_rows_for_random_input_whatever_the_cut_and_the_classifier)
{
	static struct transcript whole, other;
	uint64_t state = 0x9E3779B97F4A7C15;
	char data[700];

	for (unsigned int round = 0; round < 1500; round++) {
		size_t size = next_random(&state) % sizeof(data);
		size_t row_max = round % 3 == 0 ? 1 + next_random(&state) % 80 : 0;

		fill_randomly(&state, data, size);
		for (const struct csv_classifier *one = csv_classifiers(); one->name; one++) {
			scan_cut(one, data, size, row_max, 0, size + 1,
				 one == csv_classifiers() ? &whole : &other);
			if (one != csv_classifiers())
				ck_assert_mem_eq(whole.text, other.text, whole.size + 1);
			scan_cut(one, data, size, row_max, next_random(&state) % (size + 1),
				 1 + next_random(&state) % 90, &other);
			ck_assert_mem_eq(whole.text, other.text, whole.size + 1);
		}
	}
}
END_TEST

START_TEST(classifies_alike_on_every_processor_path)
{
	const struct csv_classifier *fastest = csv_classifiers();
	uint64_t state = 88172645463325252;
	char data[4 * CSV_BLOCK_BYTES];
	struct csv_block expected[4], got[4];

	for (unsigned int round = 0; round < 3000; round++) {
		size_t size = next_random(&state) % (sizeof(data) + 1);
		char *copy = malloc(size ? size : 1);

		ck_assert_ptr_nonnull(copy);
		for (size_t i = 0; i < size; i++)
			copy[i] = round % 2 ? (char)(next_random(&state) >> 30)
					    : ",;\"\n\r\0a\x7f\x80\xff"[next_random(&state) % 10];
		memset(expected, 0, sizeof(expected));
		for (size_t i = 0; i < size; i++) {
			uint64_t bit = UINT64_C(1) << i % 64;

			expected[i / 64].outside |=
				copy[i] == ';' || copy[i] == '\n' || !copy[i] ? bit : 0;
			expected[i / 64].inside |=
				copy[i] == '"' || copy[i] == '\n' || !copy[i] ? bit : 0;
		}
		for (const struct csv_classifier *one = fastest; one->name; one++) {
			memset(got, 0, sizeof(got));
			one->classify(copy, size, ';', got);
			ck_assert_msg(memcmp(got, expected, sizeof(got)) == 0,
				      "%s differs for %zu bytes", one->name, size);
		}
		free(copy);
	}
}
END_TEST

struct sizes {
	unsigned int rows, broken;
	size_t longest;
};

static int count_sizes(void *context, const struct strait_csv_row *row)
{
	struct sizes *sizes = context;

	sizes->rows++;
	sizes->broken += row->error != NULL;
	if (!row->error && row->raw_size > sizes->longest)
		sizes->longest = row->raw_size;
	return 0;
}

START_TEST(takes_a_row_of_one_mebibyte_and_refuses_one_byte_more)
{
	size_t size = STRAIT_CSV_ROW_MAX;
	char *data = malloc(2 * size + 8);

	ck_assert_ptr_nonnull(data);
	memset(data, 'x', 2 * size + 8);
	data[size] = '\n';
	data[2 * size + 2] = '\n'; /* the second row is one byte longer */
	for (size_t step = 977; step < 4 * size; step *= 40) {
		struct sizes sizes = { 0 };
		struct strait_csv *csv = strait_csv_new(',', 0, count_sizes, &sizes);

		for (size_t at = 0; at < 2 * size + 8; at += step)
			ck_assert_int_eq(strait_csv_feed(csv, data + at,
							 2 * size + 8 - at < step
								 ? 2 * size + 8 - at
								 : step),
					 0);
		ck_assert_int_eq(strait_csv_end(csv), 0);
		strait_csv_free(csv);
		ck_assert_uint_eq(sizes.rows, 3);
		ck_assert_uint_eq(sizes.broken, 1);
		ck_assert_uint_eq(sizes.longest, size);
	}
	free(data);
}
END_TEST

START_TEST(refuses_more_columns_than_the_limit)
{
	static struct transcript transcript;
	char data[STRAIT_CSV_COLUMNS_MAX + 3];

	memset(data, ',', sizeof(data));
	data[STRAIT_CSV_COLUMNS_MAX - 1] = '\n'; /* 1024 empty fields, then two more commas */
	scan_cut(csv_classifiers(), data, STRAIT_CSV_COLUMNS_MAX, 0, 10, 9999, &transcript);
	ck_assert_uint_eq(transcript.rows, 1);
	ck_assert_ptr_null(strchr(transcript.text, '!'));
	data[STRAIT_CSV_COLUMNS_MAX - 1] = ',';
	data[STRAIT_CSV_COLUMNS_MAX] = '\n';
	data[STRAIT_CSV_COLUMNS_MAX + 1] = 'x';
	scan_cut(csv_classifiers(), data, STRAIT_CSV_COLUMNS_MAX + 2, 0, 0, 9999, &transcript);
	ck_assert_uint_eq(transcript.rows, 2);
	ck_assert_ptr_nonnull(strstr(transcript.text, "1@0 !too many columns=,,"));
	ck_assert_ptr_nonnull(strstr(transcript.text, ";2@1025 x;"));
}
END_TEST

START_TEST(stops_when_the_callback_says_so_and_returns_its_answer)
{
	static struct transcript transcript;
	struct strait_csv *csv;

	transcript.size = transcript.rows = 0;
	transcript.stop_after = 2;
	csv = strait_csv_new(',', 0, write_down, &transcript);
	ck_assert_int_eq(strait_csv_feed(csv, "a\nb", 3), 0);
	ck_assert_int_eq(strait_csv_feed(csv, "b\nc\nd\n", 6), 42);
	ck_assert_int_eq(strait_csv_feed(csv, "e\n", 2), 42);
	ck_assert_int_eq(strait_csv_end(csv), 42);
	ck_assert_str_eq(transcript.text, "1@0 a;2@2 bb;");
	strait_csv_free(csv);
	ck_assert_ptr_null(strait_csv_free(NULL));
}
END_TEST

START_TEST(counts_from_a_given_place_and_starts_anew_after_the_end)
{
	static struct transcript transcript;
	struct strait_csv *csv;

	transcript.size = transcript.rows = transcript.stop_after = 0;
	csv = strait_csv_new(';', 0, write_down, &transcript);
	strait_csv_set_offset(csv, 1000, 51);
	ck_assert_int_eq(strait_csv_feed(csv,
					 "\xEF\xBB\xBF"
					 "a;b\nc",
					 8),
			 0);
	ck_assert_int_eq(strait_csv_end(csv), 0);
	ck_assert_int_eq(strait_csv_feed(csv,
					 "\xEF\xBB\xBF"
					 "d\n",
					 5),
			 0);
	ck_assert_int_eq(strait_csv_end(csv), 0);
	ck_assert_str_eq(transcript.text, "51@1000 \xEF\xBB\xBF"
					  "a|b;52@1007 c;1@3 d;");
	strait_csv_free(csv);
}
END_TEST

static struct strait_csv_field field_of(const char *text, bool quoted)
{
	return (struct strait_csv_field){ .data = text,
					  .size = (uint32_t)strlen(text),
					  .quoted = quoted };
}

START_TEST(undoes_doubled_quotes_in_quoted_fields_only)
{
	struct strait_csv_field quoted = field_of("say \"\"no\"\"", true),
				plain = field_of("6\"\" pipe", false);
	char buffer[9];

	ck_assert(strait_csv_text(&quoted, buffer, sizeof(buffer)));
	ck_assert_str_eq(buffer, "say \"no\"");
	ck_assert(!strait_csv_text(&quoted, buffer, 8));
	ck_assert_str_eq(buffer, "say \"no");
	ck_assert(strait_csv_text(&plain, buffer, sizeof(buffer)));
	ck_assert_str_eq(buffer, "6\"\" pipe");
	ck_assert(strait_csv_equals(&quoted, "say \"no\""));
	ck_assert(!strait_csv_equals(&quoted, "say \"no\" "));
	ck_assert(!strait_csv_equals(&quoted, "say"));
	ck_assert(strait_csv_equals(&plain, "6\"\" pipe"));
}
END_TEST

static const struct {
	const char *text;
	bool good;
	int64_t want;
} integers[] = {
	{ "0", true, 0 },
	{ "1160", true, 1160 },
	{ "1,160", true, 1160 },
	{ " 1,234,567\t", true, 1234567 },
	{ "+5", true, 5 },
	{ "-1,000", true, -1000 },
	{ "\xC2\xA0"
	  "7\xC2\xA0",
	  true, 7 },
	{ "9223372036854775807", true, INT64_MAX },
	{ "-9223372036854775808", true, INT64_MIN },
	{ "9223372036854775808", false, 0 },
	{ "99999999999999999999999", false, 0 },
	{ "", false, 0 },
	{ " ", false, 0 },
	{ "-", false, 0 },
	{ "1,16", false, 0 },
	{ "1,16,000", false, 0 },
	{ "1160,000", false, 0 },
	{ ",160", false, 0 },
	{ "1,,160", false, 0 },
	{ "1.0", false, 0 },
	{ "1 160", false, 0 },
	{ "12x", false, 0 },
};

START_TEST(reads_whole_numbers)
{
	struct strait_csv_field field = field_of(integers[_i].text, false);
	int64_t got = 4711;

	ck_assert_int_eq(strait_csv_integer(&field, &got), integers[_i].good);
	ck_assert_int_eq(got, integers[_i].good ? integers[_i].want : 4711);
}
END_TEST

static const struct {
	const char *text;
	bool good;
} numbers[] = {
	{ "0", true },
	{ "51.33105", true },
	{ "2.0909850000000003", true },
	{ "51.04638166666667", true },
	{ "-1.5e3", true },
	{ " .5 ", true },
	{ "5.", true },
	{ "1e22", true },
	{ "1e23", true },
	{ "9007199254740993", true },
	{ "123456789012345678901234567890", true },
	{ "0.000000000000000000000000000000012345678901234567890123", true },
	{ "1.7976931348623157e308", true },
	{ "4.9e-324", true },
	{ "1e309", false },
	{ "1e99999999999", false },
	{ "nan", false },
	{ "inf", false },
	{ "0x10", false },
	{ "", false },
	{ ".", false },
	{ "1e", false },
	{ "1,5", false },
	{ "1.2.3", false },
	{ "--1", false },
};

START_TEST(reads_decimal_numbers_as_exactly_as_the_c_library)
{
	struct strait_csv_field field = field_of(numbers[_i].text, false);
	double got = 0;

	ck_assert_int_eq(strait_csv_number(&field, &got), numbers[_i].good);
	if (numbers[_i].good)
		ck_assert_double_eq(got, strtod(numbers[_i].text, NULL));
}
END_TEST

START_TEST(knows_the_words_for_no_value)
{
	static const char *const missing[] = { "",    " ",   "-",  "..",  ":",	      "[z]",
					       "[x]", "[c]", "NA", "n/a", "\xC2\xA0", " - " };
	static const char *const present[] = { "0", "--", "...", "z", "none", "-1" };

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		struct strait_csv_field field = field_of(missing[i], i % 2 == 0);

		ck_assert_msg(strait_csv_missing(&field), "'%s'", missing[i]);
	}
	for (size_t i = 0; i < sizeof(present) / sizeof(present[0]); i++) {
		struct strait_csv_field field = field_of(present[i], false);

		ck_assert_msg(!strait_csv_missing(&field), "'%s'", present[i]);
	}
}
END_TEST

START_TEST(finds_columns_ignoring_case_and_blanks)
{
	struct strait_csv_field fields[] = {
		field_of("Date", false), field_of("  Boats   arrived ", true),
		field_of("Boats arrived - involved\nin \"\"landings\"\"", true),
		field_of("Migrants\xC2\xA0"
			 "arrived",
			 false)
	};
	struct strait_csv_row header = { .fields = fields, .count = 4 };

	ck_assert_int_eq(strait_csv_column(&header, "date"), 0);
	ck_assert_int_eq(strait_csv_column(&header, "boats arrived"), 1);
	ck_assert_int_eq(strait_csv_column(&header, " BOATS Arrived - involved in \"landings\""),
			 2);
	ck_assert_int_eq(strait_csv_column(&header, "Migrants arrived"), 3);
	ck_assert_int_eq(strait_csv_column(&header, "Boats"), -1);
	ck_assert_int_eq(strait_csv_column(&header, ""), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("csv");
	TCase *scanning = tcase_create("scanning"), *reading = tcase_create("reading a field");
	SRunner *runner;
	int failed;

	tcase_set_timeout(scanning, 60);
	tcase_add_loop_test(scanning, gives_the_rows_of_the_table_however_the_input_is_cut, 0,
			    sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(scanning, breaks_a_row_with_a_nul_byte_and_goes_on);
	tcase_add_test(scanning,
		       gives_equal_rows_for_random_input_whatever_the_cut_and_the_classifier);
	tcase_add_test(scanning, classifies_alike_on_every_processor_path);
	tcase_add_test(scanning, takes_a_row_of_one_mebibyte_and_refuses_one_byte_more);
	tcase_add_test(scanning, refuses_more_columns_than_the_limit);
	tcase_add_test(scanning, stops_when_the_callback_says_so_and_returns_its_answer);
	tcase_add_test(scanning, counts_from_a_given_place_and_starts_anew_after_the_end);
	tcase_add_test(reading, undoes_doubled_quotes_in_quoted_fields_only);
	tcase_add_loop_test(reading, reads_whole_numbers, 0,
			    sizeof(integers) / sizeof(integers[0]));
	tcase_add_loop_test(reading, reads_decimal_numbers_as_exactly_as_the_c_library, 0,
			    sizeof(numbers) / sizeof(numbers[0]));
	tcase_add_test(reading, knows_the_words_for_no_value);
	tcase_add_test(reading, finds_columns_ignoring_case_and_blanks);
	suite_add_tcase(suite, scanning);
	suite_add_tcase(suite, reading);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
