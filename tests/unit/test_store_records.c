/* SPDX-License-Identifier: MIT
 *
 * test_store_records.c - records in runs: batches of many sizes, runs merged by stretches, closed
 * and opened again, batches that fail; against a model that keeps every version in a list. And a
 * store of version 3 (tests/data/store-v3.db, written by straitd as it was then, from history()
 * below). Test program.
 */
#include "ledger_case.h"
#include "spread.h"

enum {
	KEYS = 400,
	VERSIONS_MAX = 20000,
	DAYS = 9,
	FIRST_DAY = 18000,
	BATCHES = 160,
	OBSERVATIONS = 700,
	INSTANTS = 6,
	HISTORY_BATCHES = 40
};

struct model_version {
	uint64_t key, replaces, at;
	int64_t known_at;
	uint32_t rank;
	int day;
	double value, hours; /* hours < 0: none */
	bool is_lost;
};

static struct model_version versions[VERSIONS_MAX];
static size_t version_count;
static unsigned int seed;

static int pick(int below)
{
	return (int)(rand_r(&seed) % (unsigned int)below);
}

/* Keys of both signs, far apart, as hashes are. */
static uint64_t key_of(int number)
{
	uint64_t key = (uint64_t)(number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return key ^ key >> 31;
}

/* No two differ only in what orders equal versions. */
static struct model_version *new_version(int keys)
{
	struct model_version *version = &versions[version_count++];
	int number = pick(keys);

	ck_assert_uint_lt(version_count, VERSIONS_MAX);
	*version = (struct model_version){ .key = key_of(number),
					   .at = version_count,
					   .known_at = 1000 + pick(40) * 100,
					   .rank = (uint32_t)pick(3),
					   .day = pick(DAYS),
					   .value = pick(50),
					   .hours = pick(3) ? pick(4000) / 8.0 : -1,
					   .is_lost = pick(2) };
	if (number && pick(10) == 0) /* towards smaller ones only: no circles */
		version->replaces = key_of(pick(number));
	return version;
}

/* ── the model ─────────────────────────────────────────────────────────────────────────────── */

static const struct model_version *best_of(int number, int64_t as_of)
{
	const struct model_version *best = NULL;
	uint64_t key = key_of(number);

	for (size_t i = 0; i < version_count; i++) {
		const struct model_version *v = &versions[i];

		if (v->key != key || v->known_at > as_of)
			continue;
		if (!best || v->known_at > best->known_at ||
		    (v->known_at == best->known_at &&
		     (v->rank > best->rank || (v->rank == best->rank && v->at > best->at))))
			best = v;
	}
	return best;
}

struct sums {
	double boats[DAYS], lost[DAYS], hours[DAYS];
	double answered[KEYS]; /* hours of those that count, in no order */
	int answered_count;
};

static void model_sums(int64_t as_of, struct sums *ret_sums)
{
	const struct model_version *best[KEYS];

	memset(ret_sums, 0, sizeof(*ret_sums));
	for (int k = 0; k < KEYS; k++)
		best[k] = best_of(k, as_of);
	for (int k = 0; k < KEYS; k++) {
		const struct model_version *v = best[k];
		bool replaced = false;

		for (int other = 0; v && other < KEYS; other++)
			replaced |= best[other] && other != k && best[other]->replaces == v->key;
		if (!v || replaced)
			continue;
		ret_sums->boats[v->day] += v->value;
		ret_sums->lost[v->day] += v->is_lost ? v->value : 0;
		if (v->hours < 0)
			continue;
		ret_sums->hours[v->day] += v->hours;
		ret_sums->answered[ret_sums->answered_count++] = v->hours;
	}
}

/* ── the ledger ────────────────────────────────────────────────────────────────────────────── */

static struct ledger_case c;
static const struct batch_series all_series[] = {
	{ .metric = CASE_BOATS, .labels = { "east", "open" } },
	{ .metric = CASE_BOATS, .labels = { "east", "lost" } },
	{ .metric = CASE_HOURS, .labels = { "east" } },
};

struct builder {
	struct batch_observation items[OBSERVATIONS];
	size_t count;
};

static void add(struct builder *builder, const struct model_version *from)
{
	struct batch_observation observation = { .series = from->is_lost,
						 .day = FIRST_DAY + from->day,
						 .status = STRAIT_FINAL,
						 .value = from->value,
						 .at = strait_at_offset(from->at),
						 .key = from->key,
						 .replaces = from->replaces,
						 .known_at_ms = from->known_at,
						 .rank = from->rank,
						 .count = 1 };

	ck_assert_uint_lt(builder->count + 1, OBSERVATIONS);
	if (builder->count && builder->items[builder->count - 1].at == observation.at)
		return; /* the same once more at once would be one version with twice the parts */
	builder->items[builder->count++] = observation;
	if (from->hours < 0)
		return;
	observation.series = 2;
	observation.value = from->hours;
	builder->items[builder->count++] = observation;
}

static int send(const struct builder *builder, int number, uint64_t batch_number)
{
	struct batch batch = { .number = batch_number,
			       .final = true,
			       .accepted = builder->count,
			       .series = all_series,
			       .series_count = 3,
			       .observations = builder->items,
			       .observation_count = builder->count,
			       .cursor = "cursor",
			       .cursor_size = 6,
			       .release = { .dataset = "", .url = "", .published_at_ms = 9000 } };
	char name[32];

	(void)snprintf(name, sizeof(name), "%06d.csv", number);
	batch.release.name = name;
	memcpy(batch.release.sha256, name, 10);
	return ledger_commit(c.ledger, "src", &batch, &c.report, &c.fault);
}

static void must_send(const struct builder *builder, int number)
{
	ck_assert_msg(send(builder, number, c.batch + 1) == 0, "%s", c.fault.text);
	c.batch++;
}

/* ── comparing ─────────────────────────────────────────────────────────────────────────────── */

static void expect(const char *name, int64_t as_of, double wanted)
{
	double value = case_value(&c, name, as_of);

	/* the ledger calls a sum over nothing missing where the model says zero */
	if (isnan(value) && wanted == 0)
		return;
	ck_assert_msg(fabs(value - wanted) < 1e-6,
		      "seed %u: %s as of %lld is %g, the model says %g", seed, name,
		      (long long)as_of, value, wanted);
}

static int compare_doubles(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* The kept value, and what is computed anew as known at the end of time. */
static void expect_median(struct sums *sums)
{
	double kept = case_figure(&c, "hours.median");
	double known = case_value(&c, "hours.median", INT64_MAX);

	if (!sums->answered_count) {
		ck_assert(isnan(kept));
		return;
	}
	qsort(sums->answered, (size_t)sums->answered_count, sizeof(double), compare_doubles);
	ck_assert_msg(kept == known, "the median is %g kept and %g computed", kept, known);
	ck_assert_double_ge(kept, sums->answered[0]);
	ck_assert_double_le(kept, sums->answered[sums->answered_count - 1]);
}

static void compare_at(int64_t as_of)
{
	struct sums sums;

	model_sums(as_of ? as_of : INT64_MAX, &sums);
	for (int day = 0; day < DAYS; day++) {
		char text[PERIOD_TEXT_MAX], name[FIGURE_NAME_MAX];

		(void)granularity_format(STRAIT_DAY, FIRST_DAY + day, text);
		(void)snprintf(name, sizeof(name), "boats.%s", text);
		expect(name, as_of, sums.boats[day]);
		(void)snprintf(name, sizeof(name), "boats{outcome=lost}.%s", text);
		expect(name, as_of, sums.lost[day]);
		(void)snprintf(name, sizeof(name), "hours.%s", text);
		expect(name, as_of, sums.hours[day]);
	}
	if (!as_of)
		expect_median(&sums);
}

static void compare(void)
{
	compare_at(0);
	for (int i = 0; i < INSTANTS; i++)
		compare_at(950 + pick(4200));
}

/* ── tests ─────────────────────────────────────────────────────────────────────────────────── */

static int size_of_batch(void)
{
	return pick(4) == 0 ? 1 + pick(200) : 1 + pick(4);
}

START_TEST(batches_of_any_size_give_what_the_model_says)
{
	static struct builder builder;

	seed = (unsigned int)_i + 1;
	version_count = 0;
	case_open(&c);
	for (int i = 0; i < BATCHES; i++) {
		builder.count = 0;
		for (int n = size_of_batch(); n > 0; n--) {
			bool again = version_count > 0 && pick(8) == 0;

			add(&builder,
			    again ? &versions[pick((int)version_count)] : new_version(KEYS));
		}
		if (pick(6) ==
		    0) /* not the next number: nothing of it may stay, on disk or in memory */
			ck_assert_int_lt(send(&builder, i, c.batch + 2), 0);
		must_send(&builder, i);
		if (pick(12) == 0) {
			case_reopen(&c);
			case_declare(&c);
		}
		if (i % 40 == 39)
			compare();
	}
	case_close(&c);
}
END_TEST

START_TEST(the_same_versions_again_write_no_run)
{
	static struct builder builder;
	char path[128];
	struct stat before, after;

	seed = 7;
	version_count = 0;
	case_open(&c);
	for (int i = 0; i < 60; i++) {
		builder.count = 0;
		for (int n = 0; n < 200; n++)
			add(&builder, i ? &versions[n] : new_version(KEYS));
		must_send(&builder, i);
		if (i == 1) {
			case_reopen(&c); /* so that the log is in the file */
			case_declare(&c);
			(void)snprintf(path, sizeof(path), "%s/straitd.db", c.dir);
			ck_assert_int_eq(stat(path, &before), 0);
		}
	}
	compare();
	case_reopen(&c);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_int_lt(after.st_size - before.st_size, 16384); /* releases, nothing else */
	case_close(&c);
}
END_TEST

/* ── beside lines without identity ─────────────────────────────────────────────────────────── */

/* What lines that are no records' versions add up to, by day. */
struct plain {
	double boats[DAYS], lost[DAYS], hours[DAYS];
	uint64_t lines[DAYS]; /* of boats */
	uint8_t spreads[OBSERVATIONS][16];
	size_t spread_count;
};

static void add_plain(struct builder *builder, struct plain *plain)
{
	int day = pick(DAYS), value = 1 + pick(9);
	struct batch_observation *line = &builder->items[builder->count];
	bool is_lost = pick(2);

	ck_assert_uint_lt(builder->count + 1, OBSERVATIONS);
	*line = (struct batch_observation){ .series = is_lost ? 1 : 0,
					    .day = FIRST_DAY + day,
					    .status = STRAIT_FINAL,
					    .value = value,
					    .at = strait_at_offset(builder->count),
					    .count = 1 };
	if (pick(2)) { /* hours instead, with its distribution */
		uint8_t *bytes = plain->spreads[plain->spread_count++];
		struct spread_writer writer = spread_writer(bytes, sizeof(plain->spreads[0]));

		spread_put(&writer, spread_bucket(value), 1);
		line->series = 2;
		line->spread = bytes;
		line->spread_size = (size_t)(writer.at - bytes);
		plain->hours[day] += value;
	} else {
		plain->boats[day] += value;
		plain->lost[day] += is_lost ? value : 0;
		plain->lines[day]++;
	}
	builder->count++;
}

/* "bytes 0-4567, 80 events"; a place alone is one. */
static uint64_t count_in(const char *locator)
{
	const char *comma = strchr(locator, ',');

	return comma ? strtoull(comma + 1, NULL, 10) : 1;
}

static uint64_t explained(const char *name)
{
	struct explanation explanation;
	uint64_t count = 0;

	ck_assert_msg(ledger_explain(c.ledger, name, 0, &explanation, &c.fault) == 0, "%s",
		      c.fault.text);
	for (size_t i = 0; i < explanation.item_count; i++)
		for (size_t k = 0; k < explanation.items[i].inputs.row_count; k++)
			count += count_in(explanation.items[i].inputs.rows[k].locator);
	explanation_done(&explanation);
	return count;
}

static void expect_last_version(const char *day, double wanted)
{
	struct version_row *rows;
	size_t count;

	ck_assert_msg(ledger_versions(c.ledger, "boats", NULL, 0, day, &rows, &count, &c.fault) ==
			      0,
		      "%s", c.fault.text);
	if (count)
		ck_assert_double_eq_tol(rows[count - 1].value, wanted, 1e-6);
	else
		ck_assert_double_eq(wanted, 0);
	free(rows);
}

/* The kept value, and what all that is known says. */
static void expect_known(const char *name)
{
	double kept = case_figure(&c, name), known = case_value(&c, name, INT64_MAX);

	ck_assert_msg(kept == known || (isnan(kept) && isnan(known)),
		      "%s is %g kept and %g computed", name, kept, known);
}

static void compare_mixed(const struct plain *plain)
{
	static const char *const figures[] = { "boats.total", "boats.lost", "hours.median" };
	struct sums sums;
	int counting[DAYS] = { 0 };

	for (int k = 0; k < KEYS; k++) {
		const struct model_version *best = best_of(k, INT64_MAX);
		bool replaced = false;

		for (int other = 0; best && other < KEYS; other++) {
			const struct model_version *by = best_of(other, INT64_MAX);

			replaced |= by && other != k && by->replaces == best->key;
		}
		if (best && !replaced)
			counting[best->day]++;
	}
	/* by then the records were known, and no document of lines was out */
	compare_at(8999);
	model_sums(INT64_MAX, &sums);
	for (int day = 0; day < DAYS; day++) {
		char text[PERIOD_TEXT_MAX], name[FIGURE_NAME_MAX];

		(void)granularity_format(STRAIT_DAY, FIRST_DAY + day, text);
		for (int64_t as_of = 0; as_of <= 9000; as_of += 9000) {
			(void)snprintf(name, sizeof(name), "boats{outcome=lost}.%s", text);
			expect(name, as_of, sums.lost[day] + plain->lost[day]);
			(void)snprintf(name, sizeof(name), "hours.%s", text);
			expect(name, as_of, sums.hours[day] + plain->hours[day]);
			(void)snprintf(name, sizeof(name), "boats.%s", text);
			expect(name, as_of, sums.boats[day] + plain->boats[day]);
		}
		ck_assert_uint_eq(explained(name), (uint64_t)counting[day] + plain->lines[day]);
		expect_last_version(text, sums.boats[day] + plain->boats[day]);
	}
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		expect_known(figures[i]);
}

START_TEST(lines_without_identity_count_beside_records)
{
	static struct builder builder;
	static struct plain plain;

	seed = (unsigned int)_i + 101;
	version_count = 0;
	plain = (struct plain){ .spread_count = 0 };
	case_open(&c);
	for (int i = 0; i < 24; i++) {
		builder.count = 0;
		plain.spread_count = 0; /* those of earlier batches are stored */
		for (int n = 1 + pick(60); n > 0; n--) {
			/* batches of one kind, of the other, and of both */
			if (i % 3 == 0 || (i % 3 == 2 && pick(2)))
				add_plain(&builder, &plain);
			else
				add(&builder, new_version(60));
		}
		must_send(&builder, i);
		expect_known("boats.total"); /* the same instant as after the batch before */
		if (i % 4 != 3)
			continue;
		compare_mixed(&plain);
		case_reopen(&c); /* nothing kept: computed anew */
		case_declare(&c);
		compare_mixed(&plain);
	}
	case_close(&c);
}
END_TEST

/* What tests/data/store-v3.db was made from. Never change it: the file would not fit any more. */
static void history(void)
{
	static struct builder builder;

	seed = 20261124;
	version_count = 0;
	for (int i = 0; i < HISTORY_BATCHES; i++) {
		builder.count = 0;
		for (int n = 1 + i % 7 * 4; n > 0; n--)
			add(&builder, new_version(KEYS));
		if (c.ledger)
			must_send(&builder, i);
	}
}

static void copy_file(const char *from, const char *to)
{
	char buffer[4096];
	size_t size;
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");

	ck_assert_msg(in != NULL && out != NULL, "no %s, or no %s", from, to);
	while ((size = fread(buffer, 1, sizeof(buffer), in)) > 0)
		ck_assert_uint_eq(fwrite(buffer, 1, size, out), size);
	(void)fclose(in);
	ck_assert_int_eq(fclose(out), 0);
}

START_TEST(a_store_of_version_3_says_the_same_and_goes_on)
{
	const char *source = getenv("STRAIT_SOURCE");
	static struct builder builder;
	char from[512], to[128];

	ck_assert_msg(source != NULL, "STRAIT_SOURCE is not set; use tests/run");
	case_open(&c);
	ledger_free(c.ledger);
	c.ledger = NULL;
	history(); /* of the model alone */
	(void)snprintf(from, sizeof(from), "%s/tests/data/store-v3.db", source);
	(void)snprintf(to, sizeof(to), "%s/straitd.db", c.dir);
	copy_file(from, to);
	case_reopen(&c);
	case_declare(&c);
	c.batch = HISTORY_BATCHES;
	compare();
	for (int i = 0; i < 30; i++) {
		builder.count = 0;
		for (int n = 0; n < 20; n++)
			add(&builder,
			    pick(4) ? new_version(KEYS) : &versions[pick((int)version_count)]);
		must_send(&builder, 1000 + i);
	}
	compare();
	case_reopen(&c);
	compare();
	case_close(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_records");
	TCase *tests = tcase_create("store_records");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, batches_of_any_size_give_what_the_model_says, 0, 4);
	tcase_add_loop_test(tests, lines_without_identity_count_beside_records, 0, 3);
	tcase_add_test(tests, the_same_versions_again_write_no_run);
	tcase_add_test(tests, a_store_of_version_3_says_the_same_and_goes_on);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
