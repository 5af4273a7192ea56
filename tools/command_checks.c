/* SPDX-License-Identifier: MIT
 *
 * command_checks.c - straitctl checks: do the sources agree with each other, and where do they not.
 *
 * Process: straitctl. Invariant: the exit code is EXIT_FAILED exactly when a check that was shown
 * is open, so that a script needs no more than that.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "output.h"

#define CHECK_SIGNATURE "(ssssssuuuua(sddss))"

/* One check; strings point into its reply. */
struct shown_check {
	const char *name, *title, *state;
	const char *left, *right, *every;
	dbus_uint32_t compared, explained, open, missing;
	DBusMessageIter rows;
};

static enum tint tint_of(const char *state)
{
	if (strcmp(state, "agrees") == 0)
		return TINT_GOOD;
	if (strcmp(state, "open") == 0)
		return TINT_BAD;
	return strcmp(state, "explained") == 0 ? TINT_WARN : TINT_DIM;
}

static struct table *new_table(void)
{
	static const struct table_column columns[] = {
		{ "CHECK", false },    { "STATE", false }, { "COMPARED", true },
		{ "EXPLAINED", true }, { "OPEN", true },   { "TITLE", false },
	};

	return table_new(columns, sizeof(columns) / sizeof(columns[0]));
}

/* A line of the list: what ListChecks gives. */
static void print_summary(const struct arguments *arguments, struct table *table,
			  const struct shown_check *check)
{
	char number[NUMBER_TEXT_MAX];

	if (arguments->json) {
		json_line(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "name", check->name, "title",
				    check->title, "state", check->state, "compared",
				    (json_int_t)check->compared, "explained",
				    (json_int_t)check->explained, "open", (json_int_t)check->open));
		return;
	}
	table_row(table);
	table_cell(table, check->name, TINT_NONE);
	table_cell(table, check->state, tint_of(check->state));
	table_cell(table, number_text(check->compared, number), TINT_NONE);
	table_cell(table, number_text(check->explained, number), TINT_NONE);
	table_cell(table, number_text(check->open, number), TINT_NONE);
	table_cell(table, check->title, TINT_NONE);
}

/* The reply holds the strings; to be unreferenced when the code is EXIT_GOOD. */
static enum exit_code get_check(struct arguments *arguments, const char *name,
				struct shown_check *ret_check, DBusMessage **ret_reply)
{
	dbus_int64_t as_of = arguments->as_of_ms;
	struct shown_check check = { .state = "" };
	DBusMessageIter iterator, fields;
	enum exit_code code =
		client_call(&arguments->client,
			    client_new_manager_call("GetCheck", DBUS_TYPE_STRING, &name,
						    DBUS_TYPE_INT64, &as_of, DBUS_TYPE_INVALID),
			    CHECK_SIGNATURE, ret_reply);

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_iter_init(*ret_reply, &iterator); /* the signature was checked */
	dbus_message_iter_recurse(&iterator, &fields);
	(void)message_read(&fields, "ssssssuuuu", &check.name, &check.title, &check.state,
			   &check.left, &check.right, &check.every, &check.compared,
			   &check.explained, &check.open, &check.missing);
	dbus_message_iter_recurse(&fields, &check.rows);
	*ret_check = check;
	return EXIT_GOOD;
}

/* ── all ───────────────────────────────────────────────────────────────────────────────────── */

/* With --as-of each check is asked for; ListChecks only knows now. */
static enum exit_code summary_as_of(struct arguments *arguments, struct shown_check *check,
				    DBusMessage **ret_reply)
{
	*ret_reply = NULL;
	if (!arguments->as_of_ms)
		return EXIT_GOOD;
	return get_check(arguments, check->name, check, ret_reply);
}

static enum exit_code show_all(struct arguments *arguments)
{
	DBusMessage *reply, *one;
	DBusMessageIter iterator, rows, fields;
	struct table *table;
	bool open = false;
	enum exit_code code = client_call(&arguments->client,
					  client_new_manager_call("ListChecks", DBUS_TYPE_INVALID),
					  "a(sssuuu)", &reply);

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_iter_init(reply, &iterator); /* the signature was checked */
	dbus_message_iter_recurse(&iterator, &rows);
	table = new_table();
	for (; code == EXIT_GOOD && dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(&rows)) {
		struct shown_check check = { .state = "" };

		dbus_message_iter_recurse(&rows, &fields);
		(void)message_read(&fields, "sssuuu", &check.name, &check.title, &check.state,
				   &check.compared, &check.explained, &check.open);
		code = summary_as_of(arguments, &check, &one);
		if (code != EXIT_GOOD)
			break;
		print_summary(arguments, table, &check);
		open = open || check.open;
		if (one)
			dbus_message_unref(one);
	}
	table_print(table);
	dbus_message_unref(reply);
	return code == EXIT_GOOD && open ? EXIT_FAILED : code;
}

/* ── one ───────────────────────────────────────────────────────────────────────────────────── */

struct shown_row {
	const char *period, *state, *note;
	double left, right;
};

static bool next_row(DBusMessageIter *rows, struct shown_row *ret_row)
{
	DBusMessageIter fields;

	if (dbus_message_iter_get_arg_type(rows) != DBUS_TYPE_STRUCT)
		return false;
	dbus_message_iter_recurse(rows, &fields);
	(void)message_read(&fields, "sddss", &ret_row->period, &ret_row->left, &ret_row->right,
			   &ret_row->state, &ret_row->note);
	(void)dbus_message_iter_next(rows);
	return true;
}

static void print_json(struct shown_check *check)
{
	json_t *periods = json_array();
	struct shown_row row;

	while (next_row(&check->rows, &row))
		(void)json_array_append_new(
			periods, /* a failure gives NULL below, which ends the process */
			json_pack("{s:s, s:o, s:o, s:o, s:s, s:s}", "period", row.period, "left",
				  number_json(row.left), "right", number_json(row.right),
				  "difference", number_json(row.left - row.right), "state",
				  row.state, "note", row.note));
	json_line(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "name",
			    check->name, "title", check->title, "state", check->state, "left",
			    check->left, "right", check->right, "every", check->every, "compared",
			    (json_int_t)check->compared, "explained", (json_int_t)check->explained,
			    "open", (json_int_t)check->open, "missing", (json_int_t)check->missing,
			    "periods", periods));
}

static void print_text(struct shown_check *check)
{
	static const struct table_column columns[] = {
		{ "PERIOD", false },	{ "LEFT", true },   { "RIGHT", true },
		{ "DIFFERENCE", true }, { "STATE", false }, { "NOTE", false },
	};
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	struct shown_row row;

	printf("%s: %s%s%s\n", check->name, tint_begin(tint_of(check->state)), check->state,
	       tint_end());
	printf("%s\n", check->title);
	printf("left       %s\nright      %s\n", check->left, check->right);
	printf("compared   every %s: %u, of which %u explained and %u open", check->every,
	       check->compared, check->explained, check->open);
	if (check->missing)
		printf("; %u more have no value on one side", check->missing);
	putchar('\n');
	while (next_row(&check->rows, &row)) {
		char number[NUMBER_TEXT_MAX];

		table_row(table);
		table_cell(table, row.period, TINT_NONE);
		table_cell(table, number_text(row.left, number), TINT_NONE);
		table_cell(table, number_text(row.right, number), TINT_NONE);
		table_cell(table, number_text(row.left - row.right, number), TINT_NONE);
		table_cell(table, row.state, tint_of(row.state));
		table_cell(table, row.note, TINT_NONE);
	}
	table_print(table);
}

static enum exit_code show_one(struct arguments *arguments, const char *name)
{
	struct shown_check check;
	DBusMessage *reply;
	enum exit_code code = get_check(arguments, name, &check, &reply);

	if (code != EXIT_GOOD)
		return code;
	if (arguments->json)
		print_json(&check);
	else
		print_text(&check);
	code = check.open ? EXIT_FAILED : EXIT_GOOD;
	dbus_message_unref(reply);
	return code;
}

enum exit_code command_checks(struct arguments *arguments)
{
	return arguments->word_count ? show_one(arguments, arguments->words[0])
				     : show_all(arguments);
}
