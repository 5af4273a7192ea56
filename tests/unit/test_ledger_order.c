/* SPDX-License-Identifier: MIT
 *
 * test_ledger_order.c - promise 2 as a property: random releases and records, imported in random
 * orders, twice, and asked as known at random instants, against a model that does it the slow and
 * obvious way.
 */
#include "ledger_case.h"

enum {
	RELEASES = 14,
	DAYS = 6,
	RECORDS = 40,
	KEYS = 9,
	ROUNDS = 25,
	INSTANTS = 12,
	FIRST_DAY = 18000
};

struct model_release {
	char name[16];
	int64_t published;
	int first, last;     /* coverage, as day numbers from FIRST_DAY; first > last: none */
	double values[DAYS]; /* NaN = says nothing */
	bool missing[DAYS];
};

struct model_record {
	uint64_t key, replaces;
	int64_t known_at;
	uint32_t rank;
	uint64_t at;
	int day;
	double value;
	bool is_lost;
};

static struct model_release releases[RELEASES];
static struct model_record records[RECORDS];
static unsigned int seed;

static int pick(int below)
{
	return (int)(rand_r(&seed) % (unsigned int)below);
}

static void make_model(void)
{
	for (int i = 0; i < RELEASES; i++) {
		struct model_release *r = &releases[i];

		(void)snprintf(r->name, sizeof(r->name), "%c%d", 'a' + pick(26), i);
		r->published = 1000 + pick(10) * 100; /* ties happen */
		r->first = pick(DAYS);
		r->last = r->first + pick(DAYS) - 1;
		if (r->last >= DAYS)
			r->last = DAYS - 1;
		for (int day = 0; day < DAYS; day++) {
			bool covered = day >= r->first && day <= r->last;

			r->missing[day] = pick(8) == 0;
			r->values[day] =
				covered ? (pick(5) ? pick(100) : NAN) : (pick(6) ? NAN : pick(100));
		}
	}
	for (int i = 0; i < RECORDS; i++)
		records[i] = (struct model_record){ .key = (uint64_t)pick(KEYS) + 1,
						    /* towards smaller keys only: no circles */
						    .known_at = 1000 + pick(10) * 100,
						    .rank = (uint32_t)pick(3),
						    .at = (uint64_t)i,
						    .day = pick(DAYS),
						    .value = pick(50),
						    .is_lost = pick(2) };
	for (int i = 0; i < RECORDS; i++)
		if (records[i].key > 1 && pick(4) == 0)
			records[i].replaces = (uint64_t)pick((int)records[i].key - 1) + 1;
}

/* ── the model's answers ───────────────────────────────────────────────────────────────────── */

static bool is_newer(const struct model_release *a, const struct model_release *b)
{
	/* the order that the store promises: by time, then by content (here: by name, which is the
	 * hash) */
	return a->published != b->published ? a->published > b->published
					    : strcmp(a->name, b->name) > 0;
}

static double model_level(int day, int64_t as_of)
{
	const struct model_release *newest = NULL;

	for (int i = 0; i < RELEASES; i++) {
		const struct model_release *r = &releases[i];
		bool speaks = !isnan(r->values[day]) || (day >= r->first && day <= r->last);

		if (r->published <= as_of && speaks && (!newest || is_newer(r, newest)))
			newest = r;
	}
	return !newest || newest->missing[day] ? NAN : newest->values[day];
}

static const struct model_record *model_best(uint64_t key, int64_t as_of)
{
	const struct model_record *best = NULL;

	for (int i = 0; i < RECORDS; i++) {
		const struct model_record *r = &records[i];

		if (r->key != key || r->known_at > as_of)
			continue;
		if (!best || r->known_at > best->known_at ||
		    (r->known_at == best->known_at &&
		     (r->rank > best->rank || (r->rank == best->rank && r->at > best->at))))
			best = r;
	}
	return best;
}

static double model_records(int day, int64_t as_of, bool only_lost)
{
	double sum = 0;

	for (uint64_t key = 1; key <= KEYS; key++) {
		const struct model_record *best = model_best(key, as_of);
		bool replaced = false;

		for (uint64_t other = 1; other <= KEYS; other++) {
			const struct model_record *by = model_best(other, as_of);

			replaced |= by && by->replaces == key && other != key;
		}
		if (best && !replaced && best->day == day && (!only_lost || best->is_lost))
			sum += best->value;
	}
	return sum;
}

/* ── the ledger's ──────────────────────────────────────────────────────────────────────────── */

static void day_text(int day, char text[PERIOD_TEXT_MAX])
{
	(void)granularity_format(STRAIT_DAY, FIRST_DAY + day, text);
}

static void send_release(struct ledger_case *c, const struct model_release *from)
{
	static struct case_release r;
	char text[PERIOD_TEXT_MAX], last[PERIOD_TEXT_MAX];

	release_init(&r, from->name, from->published);
	for (int day = 0; day < DAYS; day++) {
		day_text(day, text);
		if (!isnan(from->values[day]))
			release_add(&r, CASE_PEOPLE, text,
				    from->missing[day] ? NAN : from->values[day], NULL, NULL);
	}
	if (from->first <= from->last) {
		day_text(from->first, text);
		day_text(from->last, last);
		release_cover(&r, CASE_PEOPLE, text, last);
	}
	release_send(c, &r);
}

static void send_record(struct ledger_case *c, int index)
{
	static struct case_release r;
	const struct model_record *from = &records[index];
	struct batch_observation *observation;
	char text[PERIOD_TEXT_MAX], name[16];

	(void)snprintf(name, sizeof(name), "r%d", index);
	release_init(&r, name, 5000);
	day_text(from->day, text);
	observation = release_add(&r, CASE_BOATS, text, from->value, "east",
				  from->is_lost ? "lost" : "open");
	observation->key = from->key;
	observation->known_at_ms = from->known_at;
	observation->rank = from->rank;
	observation->replaces = from->replaces;
	observation->at = strait_at_offset(from->at);
	release_send(c, &r);
}

static void import(struct ledger_case *c)
{
	int order[RELEASES + RECORDS];

	for (int i = 0; i < RELEASES + RECORDS; i++)
		order[i] = i;
	for (int i = RELEASES + RECORDS - 1; i > 0; i--) {
		int k = pick(i + 1), kept = order[i];

		order[i] = order[k];
		order[k] = kept;
	}
	for (int i = 0; i < RELEASES + RECORDS; i++) {
		if (order[i] < RELEASES)
			send_release(c, &releases[order[i]]);
		else
			send_record(c, order[i] - RELEASES);
		if (pick(10) == 0 && order[i] >= RELEASES)
			send_record(c, order[i] - RELEASES); /* twice */
	}
}

static void expect(struct ledger_case *c, const char *name, int64_t as_of, double wanted, int round)
{
	double value = case_value(c, name, as_of);

	/* the ledger calls a sum over nothing missing where the model says zero */
	if (isnan(value) && !isnan(wanted) && wanted == 0)
		return;
	ck_assert_msg(value == wanted || (isnan(value) && isnan(wanted)),
		      "round %d: %s as of %lld is %g, the model says %g", round, name,
		      (long long)as_of, value, wanted);
}

/* The kept values of now and the computed ones as known at the end of time are the same, dates and
 * all. */
static void expect_now_as_known_now(struct ledger_case *c, const char *name, int round)
{
	struct figure_value now, known;

	ck_assert_int_eq(ledger_value(c->ledger, name, 0, &now, &c->fault), 0);
	ck_assert_int_eq(ledger_value(c->ledger, name, INT64_MAX, &known, &c->fault), 0);
	ck_assert_msg((now.value == known.value || (isnan(now.value) && isnan(known.value))) &&
			      now.status == known.status &&
			      now.published_at_ms == known.published_at_ms &&
			      strcmp(now.period, known.period) == 0,
		      "round %d: %s is %g of %lld over %s now, %g of %lld over %s as known now",
		      round, name, now.value, (long long)now.published_at_ms, now.period,
		      known.value, (long long)known.published_at_ms, known.period);
}

static void compare(struct ledger_case *c, int round)
{
	static const char *const totals[] = { "people.total", "people.record",
					      "boats.total",  "boats.record",
					      "boats.lost",   "boats{outcome=lost}.last_7_days" };

	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
		expect_now_as_known_now(c, totals[i], round);
	for (int day = 0; day < DAYS; day++) {
		char text[PERIOD_TEXT_MAX], name[FIGURE_NAME_MAX];

		day_text(day, text);
		for (int i = 0; i <= INSTANTS; i++) {
			int64_t as_of = i < INSTANTS ? 950 + pick(1100) : 0;
			int64_t instant = as_of ? as_of : INT64_MAX;

			(void)snprintf(name, sizeof(name), "people.%s", text);
			expect(c, name, as_of, model_level(day, instant), round);
			(void)snprintf(name, sizeof(name), "boats.%s", text);
			expect(c, name, as_of, model_records(day, instant, false), round);
			(void)snprintf(name, sizeof(name), "boats{outcome=lost}.%s", text);
			expect(c, name, as_of, model_records(day, instant, true), round);
		}
	}
}

START_TEST(any_order_and_twice_gives_what_the_model_says)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct ledger_case c;
		int start = _i * 1000 + round;

		seed = (unsigned int)start;
		make_model();
		case_open(&c);
		import(&c);
		compare(&c, start);
		case_close(&c);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger_order");
	TCase *tests = tcase_create("ledger_order");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, any_order_and_twice_gives_what_the_model_says, 0, 4);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
