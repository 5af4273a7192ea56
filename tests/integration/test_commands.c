/* SPDX-License-Identifier: MIT
 *
 * test_commands.c - every command of straitctl as people and scripts use it: what it prints, as
 * text and as JSON, and its exit codes. Test program; the real daemon on a private bus.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <jansson.h>

#include "harness.h"
#include "inputs.h"

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "nca.conf", "[source nca]\nplugin = platform_response\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
	harness_drop(&h, "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	harness_wait_figure(&h, "referrals.requested", 4);
	harness_drop(&h, "nca", REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER);
	harness_wait_figure(&h, "referrals.requested", 5);
}

static void tear_down(void)
{
	harness_stop(&h);
}

/* Line `index` of the output as a JSON object; the test fails when there is none. */
static json_t *json_at(const char *text, int index)
{
	const char *line = text;
	json_error_t error;
	json_t *object;

	for (int i = 0; i < index && line != NULL; i++) {
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	ck_assert_msg(line != NULL && *line != '\0', "there is no line %d in: %s", index, text);
	object = json_loadb(line, strcspn(line, "\n"), JSON_DECODE_ANY, &error);
	ck_assert_msg(json_is_object(object), "line %d is no JSON object: %s", index, line);
	return object;
}

static int line_count(const char *text)
{
	int count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static const char *member_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	ck_assert_msg(text != NULL, "'%s' is no text", key);
	return text;
}

static double member_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_number(value), "'%s' is no number", key);
	return json_number_value(value);
}

static void expect_code(const struct output *output, int code)
{
	if (output->code != code)
		harness_fail(&h, "exit code %d, not %d; it said: %s%s", output->code, code,
			     output->out, output->err);
}

/* ── list and get ────────────────────────────────────────────────────────────────────────────── */

START_TEST(list_shows_every_default_figure)
{
	static const char *const names[] = {
		"referrals.requested", "referrals.blocked",    "referrals.refused",
		"referrals.pending",   "referrals.block_rate", "referrals.attrition",
	};
	struct output output;

	CTL(&h, &output, "list");
	expect_code(&output, 0);
	ck_assert_int_eq(strncmp(output.out, "FIGURE", 6), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(strstr(output.out, names[i]) != NULL, "%s is not in: %s", names[i],
			      output.out);
	ck_assert_ptr_null(strchr(output.out, '\033')); /* no colours in a pipe */
	output_done(&output);
}
END_TEST

START_TEST(list_as_json_is_one_object_a_line_sorted_by_name)
{
	struct output output;
	char last[128] = "";
	int count;

	CTL(&h, &output, "--json", "list");
	expect_code(&output, 0);
	count = line_count(output.out);
	ck_assert_int_ge(count, 8);
	for (int i = 0; i < count; i++) {
		json_t *figure = json_at(output.out, i);
		const char *name = member_text(figure, "name");

		ck_assert_str_lt(last, name);
		ck_assert_str_eq(member_text(figure, "source"), "nca");
		ck_assert(json_is_boolean(json_object_get(figure, "stale")));
		(void)snprintf(last, sizeof(last), "%s", name);
		json_decref(figure);
	}
	output_done(&output);
}
END_TEST

START_TEST(get_as_json_has_the_agreed_members_and_no_others)
{
	static const char *const keys[] = { "name",	    "value",	"unit",	 "status", "period",
					    "published_at", "sequence", "stale", "source" };
	struct output output;
	json_t *figure;

	CTL(&h, &output, "--json", "get", "referrals.blocked");
	expect_code(&output, 0);
	ck_assert_int_eq(line_count(output.out), 1);
	figure = json_at(output.out, 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ck_assert_msg(json_object_get(figure, keys[i]) != NULL, "%s is missing", keys[i]);
	ck_assert_uint_eq(json_object_size(figure), sizeof(keys) / sizeof(keys[0]));
	ck_assert_str_eq(member_text(figure, "name"), "referrals.blocked");
	ck_assert(json_is_integer(json_object_get(figure, "value")));
	ck_assert_double_eq(member_number(figure, "value"), 3);
	ck_assert_str_eq(member_text(figure, "unit"), "accounts");
	ck_assert_str_eq(member_text(figure, "source"), "nca");
	ck_assert_int_eq(strncmp(member_text(figure, "published_at"), "2020-0", 6), 0);
	ck_assert(json_is_false(json_object_get(figure, "stale")));
	ck_assert_double_ge(member_number(figure, "sequence"), 1);
	json_decref(figure);
	output_done(&output);
}
END_TEST

START_TEST(get_takes_several_figures_and_options_on_either_side_of_the_command)
{
	struct output output;
	json_t *first, *second;

	CTL(&h, &output, "get", "referrals.block_rate", "--json", "referrals.requested");
	expect_code(&output, 0);
	ck_assert_int_eq(line_count(output.out), 2);
	first = json_at(output.out, 0);
	second = json_at(output.out, 1);
	ck_assert_double_eq_tol(member_number(first, "value"), 0.6, 1e-12);
	ck_assert_double_eq(member_number(second, "value"), 5);
	json_decref(first);
	json_decref(second);
	output_done(&output);
}
END_TEST

START_TEST(get_answers_as_known_on_a_date)
{
	static const struct {
		const char *as_of;
		double blocked, pending;
	} rows[] = {
		{ "2020-06-30", 2, 1 },
		{ "2020-06-30T12:00:00Z", 2, 1 },
		{ "2020-12-31", 3, 1 },
		{ "@1593518400", 2, 1 }, /* 2020-06-30T12:00:00Z */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output output;
		json_t *blocked, *pending;

		CTL(&h, &output, "--json", "get", "--as-of", rows[i].as_of, "referrals.blocked",
		    "referrals.pending");
		expect_code(&output, 0);
		blocked = json_at(output.out, 0);
		pending = json_at(output.out, 1);
		ck_assert_msg(member_number(blocked, "value") == rows[i].blocked, "as of %s: %s",
			      rows[i].as_of, output.out);
		ck_assert_double_eq(member_number(pending, "value"), rows[i].pending);
		json_decref(blocked);
		json_decref(pending);
		output_done(&output);
	}
}
END_TEST

START_TEST(get_before_anything_was_known_is_null_not_zero)
{
	struct output output;
	json_t *figure;

	CTL(&h, &output, "--json", "get", "referrals.requested", "--as-of", "2019-12-31");
	expect_code(&output, 0);
	figure = json_at(output.out, 0);
	ck_assert(json_is_null(json_object_get(figure, "value")));
	ck_assert_str_eq(member_text(figure, "status"), "missing");
	json_decref(figure);
	output_done(&output);
	CTL(&h, &output, "get", "referrals.requested", "--as-of", "2019-12-31");
	expect_code(&output, 0);
	ck_assert_ptr_nonnull(strstr(output.out, " - "));
	output_done(&output);
}
END_TEST

START_TEST(get_computes_what_is_not_published)
{
	struct output output;
	json_t *figure;

	CTL(&h, &output, "--json", "get", "referrals.accounts{outcome=blocked}.2020-01");
	expect_code(&output, 0);
	figure = json_at(output.out, 0);
	ck_assert_double_eq(member_number(figure, "value"), 1);
	json_decref(figure);
	output_done(&output);
}
END_TEST

START_TEST(get_of_an_unknown_figure_names_the_nearest_and_exits_4)
{
	struct output output;

	CTL(&h, &output, "get", "referrals.blokced");
	expect_code(&output, 4);
	ck_assert_str_eq(output.out == NULL ? "" : output.out, "");
	ck_assert_msg(strstr(output.err, "referrals.blocked") != NULL, "no hint in: %s",
		      output.err);
	output_done(&output);
}
END_TEST

START_TEST(get_prints_what_exists_and_still_exits_4)
{
	struct output output;
	json_t *figure;

	CTL(&h, &output, "--json", "get", "no.such.figure", "referrals.refused");
	expect_code(&output, 4);
	figure = json_at(output.out, 0);
	ck_assert_double_eq(member_number(figure, "value"), 1);
	json_decref(figure);
	output_done(&output);
}
END_TEST

START_TEST(numbers_for_people_are_whole_or_have_four_digits)
{
	struct output output;

	CTL(&h, &output, "get", "referrals.block_rate", "referrals.requested");
	expect_code(&output, 0);
	ck_assert_ptr_nonnull(strstr(output.out, " 0.6 "));
	ck_assert_ptr_nonnull(strstr(output.out, " 5 "));
	ck_assert_ptr_null(strstr(output.out, "5.0"));
	output_done(&output);
}
END_TEST

/* ── series and versions ─────────────────────────────────────────────────────────────────────── */

START_TEST(series_shows_periods_and_takes_labels_and_bounds)
{
	static const struct {
		const char *words[10];
		const char *text;
	} rows[] = {
		{ { "series", "referrals.accounts", "--csv", "--to", "2020-01" },
		  "period,value,status\n2020-01-10,1,final\n2020-01-11,1,final\n" },
		{ { "series", "referrals.accounts", "outcome=refused", "--csv", "--to", "2020-01" },
		  "period,value,status\n2020-01-11,1,final\n" },
		{ { "series", "referrals.accounts", "platform=beta", "--csv", "--from",
		    "2020-02-02", "--to", "2020-02-02" },
		  "period,value,status\n2020-02-02,1,final\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output output;

		harness_run_ctl(&h, &output, rows[i].words);
		expect_code(&output, 0);
		ck_assert_str_eq(output.out, rows[i].text);
		output_done(&output);
	}
}
END_TEST

START_TEST(series_as_json_is_one_point_a_line)
{
	struct output output;
	json_t *point;

	CTL(&h, &output, "series", "referrals.accounts", "--json", "--from", "2020-02-02", "--to",
	    "2020-02-02");
	expect_code(&output, 0);
	ck_assert_int_eq(line_count(output.out), 1);
	point = json_at(output.out, 0);
	ck_assert_str_eq(member_text(point, "period"), "2020-02-02");
	ck_assert_double_eq(member_number(point, "value"), 1);
	ck_assert_str_eq(member_text(point, "status"), "final");
	json_decref(point);
	output_done(&output);
}
END_TEST

START_TEST(series_as_of_shows_what_was_known)
{
	struct output output;

	CTL(&h, &output, "series", "referrals.accounts", "outcome=pending", "--csv", "--as-of",
	    "2020-06-30");
	expect_code(&output, 0);
	ck_assert_str_eq(output.out, "period,value,status\n2020-02-01,1,final\n");
	output_done(&output);
}
END_TEST

START_TEST(versions_tell_each_answer_in_order)
{
	struct output output;
	json_t *last;

	CTL(&h, &output, "--json", "versions", "referrals.accounts", "2020-02-01",
	    "outcome=blocked");
	expect_code(&output, 0);
	ck_assert_int_ge(line_count(output.out), 1);
	last = json_at(output.out, line_count(output.out) - 1);
	ck_assert_double_eq(member_number(last, "value"), 1);
	ck_assert_str_eq(member_text(last, "release"), REFERRALS_SEPTEMBER_NAME);
	json_decref(last);
	output_done(&output);
	CTL(&h, &output, "versions", "referrals.accounts", "2020-02-01", "outcome=pending");
	expect_code(&output, 0);
	ck_assert_int_eq(strncmp(output.out, "PUBLISHED", 9), 0);
	ck_assert_ptr_nonnull(strstr(output.out, REFERRALS_MARCH_NAME));
	output_done(&output);
}
END_TEST

START_TEST(series_and_versions_of_an_unknown_metric_exit_4)
{
	struct output output;

	CTL(&h, &output, "series", "referals.accounts");
	expect_code(&output, 4);
	ck_assert_msg(strstr(output.err, "referrals.accounts") != NULL, "no hint in: %s",
		      output.err);
	output_done(&output);
	CTL(&h, &output, "versions", "referals.accounts", "2020");
	expect_code(&output, 4);
	output_done(&output);
}
END_TEST

/* ── sources, status, rejects ────────────────────────────────────────────────────────────────── */

START_TEST(sources_shows_state_counts_and_last_release)
{
	struct output output;
	json_t *source;

	CTL(&h, &output, "sources");
	expect_code(&output, 0);
	ck_assert_ptr_nonnull(strstr(output.out, "nca"));
	ck_assert_ptr_nonnull(strstr(output.out, "platform_response"));
	output_done(&output);
	CTL(&h, &output, "--json", "sources");
	expect_code(&output, 0);
	source = json_at(output.out, 0);
	ck_assert_str_eq(member_text(source, "name"), "nca");
	ck_assert_str_eq(member_text(source, "plugin"), "platform_response");
	ck_assert_str_eq(member_text(source, "last_release"), REFERRALS_SEPTEMBER_NAME);
	ck_assert_double_eq(member_number(source, "accepted"), 6);
	ck_assert_double_eq(member_number(source, "rejected"), 0);
	json_decref(source);
	output_done(&output);
}
END_TEST

START_TEST(status_begins_with_one_line_that_says_it_all)
{
	struct output output;
	json_t *status;

	CTL(&h, &output, "status");
	expect_code(&output, 0);
	ck_assert_msg(strstr(output.out, " figures, 1 source, 0 stale\n") != NULL, "%s",
		      output.out);
	ck_assert_ptr_nonnull(strstr(output.out, "ready"));
	output_done(&output);
	CTL(&h, &output, "--json", "status");
	expect_code(&output, 0);
	status = json_at(output.out, 0);
	ck_assert(json_is_true(json_object_get(status, "ready")));
	ck_assert_double_ge(member_number(status, "figures"), 8);
	ck_assert_double_eq(member_number(status, "sequence"), (double)harness_sequence(&h));
	ck_assert_uint_eq(json_array_size(json_object_get(status, "sources")), 1);
	json_decref(status);
	output_done(&output);
}
END_TEST

START_TEST(rejects_show_place_and_reason_and_no_letter_of_the_row)
{
	static const char broken[] = REFERRALS_HEADER
		"x1,alpha,account,2020-13-45,blocked,2020-01-10T20:00:00Z,smuggling\n"
		"x2,alpha,account,2020-01-10T10:00:00Z,vanished,,\n"
		"x3,alpha,account,2020-01-12T10:00:00Z,blocked,2020-01-12T20:00:00Z,smuggling\n";
	struct output output;
	json_t *reject;

	harness_drop(&h, "nca", "referrals-2020-09-03.csv", broken);
	harness_wait_figure(&h, "referrals.requested", 6);
	CTL(&h, &output, "--json", "rejects");
	expect_code(&output, 0);
	ck_assert_int_eq(line_count(output.out), 2);
	reject = json_at(output.out, 0);
	ck_assert_str_eq(member_text(reject, "source"), "nca");
	ck_assert_str_eq(member_text(reject, "release"), "referrals-2020-09-03.csv");
	ck_assert_str_ne(member_text(reject, "reason"), "");
	ck_assert_str_ne(member_text(reject, "place"), "");
	ck_assert_ptr_null(strstr(member_text(reject, "extract"), "alpha"));
	json_decref(reject);
	output_done(&output);
	CTL(&h, &output, "rejects", "nca", "--max", "1");
	expect_code(&output, 0);
	ck_assert_int_eq(line_count(output.out), 2); /* heading and one */
	output_done(&output);
	CTL(&h, &output, "rejects", "nac");
	expect_code(&output, 4);
	output_done(&output);
}
END_TEST

/* ── reload and retry ────────────────────────────────────────────────────────────────────────── */

START_TEST(reload_takes_a_new_figure)
{
	struct output output;

	harness_config(&h, "rate.conf",
		       "[figure referrals.refusal_rate]\n"
		       "ratio = referrals.accounts{outcome=refused} / referrals.accounts\n"
		       "window = total\nunit = ratio\ntitle = Share refused\n");
	CTL(&h, &output, "reload");
	expect_code(&output, 0);
	output_done(&output);
	harness_wait_figure(&h, "referrals.refusal_rate", 0.2);
}
END_TEST

START_TEST(reload_of_a_broken_configuration_fails_with_the_place_and_changes_nothing)
{
	struct output output;

	harness_config(&h, "broken.conf", "[source other]\nplugn = platform_response\n");
	CTL(&h, &output, "reload");
	expect_code(&output, 1);
	ck_assert_msg(strstr(output.err, "broken.conf") != NULL, "no place in: %s", output.err);
	output_done(&output);
	ck_assert_double_eq(harness_figure(&h, "referrals.requested"), 5);
	harness_config_remove(&h, "broken.conf");
	CTL(&h, &output, "--json", "reload");
	expect_code(&output, 0);
	ck_assert_int_eq(line_count(output.out), 1);
	output_done(&output);
}
END_TEST

START_TEST(retry_works_and_an_unknown_source_exits_4)
{
	struct output output;

	CTL(&h, &output, "retry", "nca");
	expect_code(&output, 0);
	output_done(&output);
	CTL(&h, &output, "retry", "ncaa");
	expect_code(&output, 4);
	output_done(&output);
}
END_TEST

/* ── import ──────────────────────────────────────────────────────────────────────────────────── */

START_TEST(import_waits_for_the_figures)
{
	struct output output;
	char path[HARNESS_PATH_MAX];
	json_t *result;

	harness_file(&h, REFERRALS_NOVEMBER_NAME, REFERRALS_NOVEMBER, path);
	CTL(&h, &output, "--json", "import", "nca", path);
	expect_code(&output, 0);
	result = json_at(output.out, 0);
	ck_assert_str_eq(member_text(result, "file"), path);
	ck_assert_str_eq(member_text(result, "state"), "done");
	ck_assert_double_eq(member_number(result, "accepted"), 2);
	json_decref(result);
	output_done(&output);
	ck_assert_double_eq(harness_figure(&h, "referrals.refused"), 2); /* at once: no wait */
}
END_TEST

START_TEST(import_tells_what_was_imported_before)
{
	struct output output;
	char path[HARNESS_PATH_MAX];
	uint64_t before = harness_sequence(&h);

	harness_file(&h, "again.csv", REFERRALS_MARCH, path);
	CTL(&h, &output, "import", "nca", path);
	expect_code(&output, 0);
	ck_assert_msg(strstr(output.out, "already imported") != NULL, "%s", output.out);
	ck_assert_uint_eq(harness_sequence(&h), before);
	output_done(&output);
}
END_TEST

START_TEST(import_goes_on_after_a_broken_file_and_exits_1)
{
	struct output output;
	char broken[HARNESS_PATH_MAX], good[HARNESS_PATH_MAX];

	harness_file(&h, "broken.csv", "this,is,no,referral\n1,2,3,4\n", broken);
	harness_file(&h, REFERRALS_NOVEMBER_NAME, REFERRALS_NOVEMBER, good);
	CTL(&h, &output, "import", "nca", broken, good);
	expect_code(&output, 1);
	ck_assert_msg(strstr(output.err, "broken.csv") != NULL, "%s", output.err);
	output_done(&output);
	ck_assert_double_eq(harness_figure(&h, "referrals.refused"), 2);
}
END_TEST

START_TEST(import_refuses_what_it_cannot_open)
{
	struct output output;

	CTL(&h, &output, "import", "nca", "/nonexistent/file.csv");
	expect_code(&output, 1);
	ck_assert_ptr_nonnull(strstr(output.err, "No such file"));
	output_done(&output);
	CTL(&h, &output, "import", "nca", h.directory);
	expect_code(&output, 1);
	output_done(&output);
}
END_TEST

START_TEST(import_into_an_unknown_source_exits_4)
{
	struct output output;
	char path[HARNESS_PATH_MAX];

	harness_file(&h, "some.csv", REFERRALS_MARCH, path);
	CTL(&h, &output, "import", "nowhere", path);
	expect_code(&output, 4);
	output_done(&output);
}
END_TEST

/* ── without a daemon, and usage ─────────────────────────────────────────────────────────────── */

static void set_up_bus(void)
{
	harness_start(&h);
}

START_TEST(every_command_exits_3_without_a_daemon_and_says_how_to_start_it)
{
	char path[HARNESS_PATH_MAX];
	const char *const rows[][5] = {
		{ "list" },
		{ "get", "a" },
		{ "get", "a", "--as-of", "2020-01-01" },
		{ "watch" },
		{ "watch", "--since", "1" },
		{ "series", "m" },
		{ "versions", "m", "2020" },
		{ "sources" },
		{ "import", "s", path },
		{ "rejects" },
		{ "status" },
		{ "reload" },
		{ "retry", "s" },
	};

	harness_file(&h, "some.csv", "x\n", path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output output;

		harness_run_ctl(&h, &output, rows[i]);
		ck_assert_msg(output.code == 3, "%s: %d %s", rows[i][0], output.code, output.err);
		ck_assert_msg(strstr(output.err, "start it with") != NULL, "%s", output.err);
		output_done(&output);
	}
}
END_TEST

START_TEST(no_bus_is_no_daemon)
{
	struct output output;

	CTL(&h, &output, "--bus", "unix:path=/nonexistent/socket", "list");
	ck_assert_int_eq(output.code, 3);
	ck_assert_ptr_nonnull(strstr(output.err, "/nonexistent/socket"));
	output_done(&output);
}
END_TEST

START_TEST(wrong_use_exits_2)
{
	static const char *const rows[][6] = {
		{ NULL },
		{ "lsit" },
		{ "--nonsense" },
		{ "list", "word" },
		{ "get" },
		{ "get", "a", "--as-of", "yesterday" },
		{ "get", "a", "--as-of", "2020-02-30" },
		{ "get", "a", "--csv" },
		{ "watch", "--since", "-1" },
		{ "watch", "--since", "12x" },
		{ "series" },
		{ "series", "m", "--from", "2020-13" },
		{ "series", "m", "outcome" },
		{ "versions", "m" },
		{ "versions", "m", "2020-99" },
		{ "import", "source" },
		{ "rejects", "a", "b" },
		{ "rejects", "--max", "many" },
		{ "retry" },
		{ "--bus", "", "list" },
		{ "get", "\xff\xfe" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output output;

		harness_run_ctl(&h, &output, rows[i]);
		ck_assert_msg(output.code == 2, "row %zu: %d %s", i, output.code, output.err);
		ck_assert_ptr_nonnull(output.err);
		output_done(&output);
	}
}
END_TEST

START_TEST(help_and_version_exit_0)
{
	static const char *const commands[] = { "list",	    "get",     "watch",	 "series",
						"versions", "sources", "import", "rejects",
						"status",   "reload",  "retry" };
	struct output output;

	CTL(&h, &output, "--help");
	ck_assert_int_eq(output.code, 0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct output own;

		ck_assert_ptr_nonnull(strstr(output.out, commands[i]));
		CTL(&h, &own, commands[i], "--help");
		ck_assert_int_eq(own.code, 0);
		ck_assert_ptr_nonnull(strstr(own.out, "Usage: straitctl "));
		output_done(&own);
	}
	output_done(&output);
	CTL(&h, &output, "--version");
	ck_assert_int_eq(output.code, 0);
	ck_assert_int_eq(strncmp(output.out, "straitctl ", 10), 0);
	output_done(&output);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("commands");
	TCase *with_daemon = tcase_create("with a daemon"), *without = tcase_create("without");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(with_daemon, set_up, tear_down);
	tcase_set_timeout(with_daemon, 60);
	tcase_add_test(with_daemon, list_shows_every_default_figure);
	tcase_add_test(with_daemon, list_as_json_is_one_object_a_line_sorted_by_name);
	tcase_add_test(with_daemon, get_as_json_has_the_agreed_members_and_no_others);
	tcase_add_test(with_daemon,
		       get_takes_several_figures_and_options_on_either_side_of_the_command);
	tcase_add_test(with_daemon, get_answers_as_known_on_a_date);
	tcase_add_test(with_daemon, get_before_anything_was_known_is_null_not_zero);
	tcase_add_test(with_daemon, get_computes_what_is_not_published);
	tcase_add_test(with_daemon, get_of_an_unknown_figure_names_the_nearest_and_exits_4);
	tcase_add_test(with_daemon, get_prints_what_exists_and_still_exits_4);
	tcase_add_test(with_daemon, numbers_for_people_are_whole_or_have_four_digits);
	tcase_add_test(with_daemon, series_shows_periods_and_takes_labels_and_bounds);
	tcase_add_test(with_daemon, series_as_json_is_one_point_a_line);
	tcase_add_test(with_daemon, series_as_of_shows_what_was_known);
	tcase_add_test(with_daemon, versions_tell_each_answer_in_order);
	tcase_add_test(with_daemon, series_and_versions_of_an_unknown_metric_exit_4);
	tcase_add_test(with_daemon, sources_shows_state_counts_and_last_release);
	tcase_add_test(with_daemon, status_begins_with_one_line_that_says_it_all);
	tcase_add_test(with_daemon, rejects_show_place_and_reason_and_no_letter_of_the_row);
	tcase_add_test(with_daemon, reload_takes_a_new_figure);
	tcase_add_test(with_daemon,
		       reload_of_a_broken_configuration_fails_with_the_place_and_changes_nothing);
	tcase_add_test(with_daemon, retry_works_and_an_unknown_source_exits_4);
	tcase_add_test(with_daemon, import_waits_for_the_figures);
	tcase_add_test(with_daemon, import_tells_what_was_imported_before);
	tcase_add_test(with_daemon, import_goes_on_after_a_broken_file_and_exits_1);
	tcase_add_test(with_daemon, import_refuses_what_it_cannot_open);
	tcase_add_test(with_daemon, import_into_an_unknown_source_exits_4);
	suite_add_tcase(suite, with_daemon);
	tcase_add_checked_fixture(without, set_up_bus, tear_down);
	tcase_set_timeout(without, 60);
	tcase_add_test(without, every_command_exits_3_without_a_daemon_and_says_how_to_start_it);
	tcase_add_test(without, no_bus_is_no_daemon);
	tcase_add_test(without, wrong_use_exits_2);
	tcase_add_test(without, help_and_version_exit_0);
	suite_add_tcase(suite, without);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
