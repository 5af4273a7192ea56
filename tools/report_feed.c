/* SPDX-License-Identifier: MIT
 *
 * report_feed.c - the newest changes from the daemon's feed, and the releases behind each figure.
 *
 * Process: straitctl. Invariant: with an as-of time no change of a later commit and no release of a
 * later publication is taken. It must never fail a report because the daemon is of an older kind.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define COMMITS	     24	  /* the newest so many are looked at */
#define CHANGES_MAX  200  /* rows that a report shows */
#define RELEASES_MAX 1000 /* each stretch of a log is one */

struct feed {
	DBusMessageIter rows; /* at the first */
	uint64_t latest;
	bool expired;
};

static enum exit_code ask_feed(struct report *report, struct client *client, uint64_t after,
			       uint32_t max, struct feed *ret_feed)
{
	dbus_uint64_t sequence = after, latest = 0;
	dbus_uint32_t most = max;
	struct feed feed = { 0 };
	DBusMessageIter iterator;
	DBusMessage *reply;
	enum exit_code code =
		report_ask(report, client,
			   client_new_manager_call("ChangesSince", DBUS_TYPE_UINT64, &sequence,
						   DBUS_TYPE_UINT32, &most, DBUS_TYPE_INVALID),
			   "tba(txssdd)", &reply);

	if (code != EXIT_GOOD)
		return code;
	feed.expired = reply == NULL;
	if (reply != NULL) {
		(void)dbus_message_iter_init(reply, &iterator);
		(void)message_read(&iterator, "t-", &latest);
		dbus_message_iter_recurse(&iterator, &feed.rows);
		feed.latest = latest;
	}
	*ret_feed = feed;
	return EXIT_GOOD;
}

static bool next_change(struct feed *feed, struct report_change *ret_change)
{
	struct report_change change = {
		.cause = "", .figure = "", .old_value = NAN, .new_value = NAN
	};
	dbus_uint64_t sequence = 0;
	dbus_int64_t time = 0;
	DBusMessageIter fields;

	if (feed->expired || dbus_message_iter_get_arg_type(&feed->rows) == DBUS_TYPE_INVALID)
		return false;
	dbus_message_iter_recurse(&feed->rows, &fields);
	(void)message_read(&fields, "txssdd", &sequence, &time, &change.cause, &change.figure,
			   &change.old_value, &change.new_value);
	change.sequence = sequence;
	change.time_ms = time;
	(void)dbus_message_iter_next(&feed->rows);
	*ret_change = change;
	return true;
}

/* The last sequence that was committed by as_of_ms. */
static enum exit_code find_end(struct report *report, struct client *client, uint64_t *ret_end)
{
	uint64_t low = 0, high = report->sequence; /* the end is in [low, high] */

	while (report->as_of_ms != 0 && low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct report_change change;
		struct feed feed;
		enum exit_code code = ask_feed(report, client, middle, /* max= */ 1, &feed);

		if (code != EXIT_GOOD)
			return code;
		if (feed.expired ||
		    (next_change(&feed, &change) && change.time_ms <= report->as_of_ms))
			low = middle + 1;
		else
			high = middle;
	}
	*ret_end = high;
	return EXIT_GOOD;
}

static int compare_changes(const void *a, const void *b)
{
	const struct report_change *first = a, *second = b;

	if (first->sequence != second->sequence)
		return first->sequence > second->sequence ? -1 : 1;
	return strcmp(first->figure, second->figure);
}

/* Keeps whole commits; of a single one that is too large its beginning. */
static void cut_at_commit(struct report *report)
{
	size_t count = CHANGES_MAX;

	while (count > 0 &&
	       report->changes[count - 1].sequence == report->changes[CHANGES_MAX].sequence)
		count--;
	report->change_count = count > 0 ? count : CHANGES_MAX;
}

enum exit_code report_read_changes(struct report *report, struct client *client)
{
	uint64_t end = 0, begin;
	struct report_change change;
	struct feed feed = { .expired = true };
	enum exit_code code = find_end(report, client, &end);

	for (begin = end > COMMITS ? end - COMMITS : 0;
	     code == EXIT_GOOD && feed.expired && begin < end; begin += (end - begin + 1) / 2)
		code = ask_feed(report, client, begin, /* max= */ 0, &feed);
	if (code != EXIT_GOOD)
		return code;
	while (next_change(&feed, &change)) {
		if (change.sequence > end ||
		    (report->as_of_ms != 0 && change.time_ms > report->as_of_ms))
			break;
		report->changes = report_grow(report->changes, report->change_count,
					      sizeof(*report->changes));
		report->changes[report->change_count++] = change;
	}
	if (report->change_count > 0)
		qsort(report->changes, report->change_count, sizeof(*report->changes),
		      compare_changes);
	report->more_changes = report->change_count > CHANGES_MAX;
	if (report->more_changes)
		cut_at_commit(report);
	return EXIT_GOOD;
}

/* ── origins ───────────────────────────────────────────────────────────────────────────────── */

static bool is_release(const struct report_release *a, const struct report_release *b)
{
	return a->published_at_ms == b->published_at_ms && strcmp(a->sha256, b->sha256) == 0 &&
	       strcmp(a->name, b->name) == 0;
}

/* SIZE_MAX = there are too many. hint: where the one before was */
static size_t place_of_release(struct report *report, const struct report_release *release,
			       size_t hint)
{
	if (hint < report->release_count && is_release(&report->releases[hint], release))
		return hint;
	for (size_t i = report->release_count; i > 0; i--) {
		if (is_release(&report->releases[i - 1], release))
			return i - 1;
	}
	if (report->release_count == RELEASES_MAX) {
		report->more_releases = true;
		return SIZE_MAX;
	}
	report->releases =
		report_grow(report->releases, report->release_count, sizeof(*report->releases));
	report->releases[report->release_count] = *release;
	return report->release_count++;
}

static void add_input(struct report *report, struct report_origin *origin, DBusMessageIter *row)
{
	struct report_release release = { .name = "", .url = "", .sha256 = "" };
	dbus_int64_t published = 0;
	size_t place;

	(void)message_read(row, "-sss-x", &release.name, &release.url, &release.sha256, &published);
	release.published_at_ms = published;
	origin->input_count++;
	place = place_of_release(
		report, &release,
		origin->release_count > 0 ? origin->releases[origin->release_count - 1] : 0);
	if (place == SIZE_MAX)
		return;
	for (size_t i = origin->release_count; i > 0; i--) {
		if (origin->releases[i - 1] == place)
			return;
	}
	origin->releases =
		report_grow(origin->releases, origin->release_count, sizeof(*origin->releases));
	origin->releases[origin->release_count++] = place;
	report->releases[place].figure_count++;
}

static void read_origin(struct report *report, struct report_origin *origin, DBusMessage *reply)
{
	DBusMessageIter iterator, fields, items, item, rows, row;

	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	(void)message_read(&fields, "sss", &origin->formula, &origin->window, &origin->period);
	dbus_message_iter_recurse(&fields, &items);
	for (; dbus_message_iter_get_arg_type(&items) != DBUS_TYPE_INVALID;
	     (void)dbus_message_iter_next(&items)) {
		dbus_message_iter_recurse(&items, &item);
		(void)message_read(&item, "--");
		dbus_message_iter_recurse(&item, &rows);
		for (; dbus_message_iter_get_arg_type(&rows) != DBUS_TYPE_INVALID;
		     (void)dbus_message_iter_next(&rows)) {
			dbus_message_iter_recurse(&rows, &row);
			add_input(report, origin, &row);
		}
	}
}

/* Older daemons have no ExplainItems, or another one. */
static enum exit_code ask_whether_it_explains(struct report *report, struct client *client)
{
	DBusMessageIter iterator;
	const char *xml = "";
	DBusMessage *reply;
	enum exit_code code = report_ask(
		report, client,
		client_new_call(DAEMON_ROOT, DBUS_INTERFACE_INTROSPECTABLE, "Introspect"), "s",
		&reply);

	if (code != EXIT_GOOD || reply == NULL)
		return code;
	(void)dbus_message_iter_init(reply, &iterator);
	(void)message_read(&iterator, "s", &xml);
	report->explains = strstr(xml, "\"ExplainItems\"") != NULL;
	return EXIT_GOOD;
}

enum exit_code report_read_origins(struct report *report, struct client *client)
{
	dbus_int64_t as_of = report->as_of_ms;
	enum exit_code code = ask_whether_it_explains(report, client);

	for (size_t i = 0; report->explains && i < report->figure_count && code == EXIT_GOOD; i++) {
		struct report_origin origin = {
			.name = report->figures[i].name, .formula = "", .window = "", .period = ""
		};
		DBusMessage *reply;

		if (isnan(report->figures[i].value))
			continue;
		code = report_ask(report, client,
				  client_new_manager_call("ExplainItems", DBUS_TYPE_STRING,
							  &origin.name, DBUS_TYPE_INT64, &as_of,
							  DBUS_TYPE_INVALID),
				  "(sssa(ssa(sssssx)))", &reply);
		if (code != EXIT_GOOD)
			break;
		origin.too_large = reply == NULL;
		if (reply != NULL)
			read_origin(report, &origin, reply);
		report->origins = report_grow(report->origins, report->origin_count,
					      sizeof(*report->origins));
		report->origins[report->origin_count++] = origin;
	}
	return code;
}
