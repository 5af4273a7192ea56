/* SPDX-License-Identifier: MIT
 *
 * bus_check.c - owns the Manager's answers about checks: ListChecks and GetCheck. Main only. Both
 * compare anew, which costs well under a millisecond a check; as known on a date it costs as much
 * as reading the series of both sides. Must never commit.
 */
#include <stdlib.h>

#include "bus_private.h"
#include "cleanup.h"
#include "period.h"

#define ROWS_MAX 1000u /* periods that differ, of one GetCheck */

static void free_rows(void *rows)
{
	free(*(void **)rows);
}

int bus_check_list(struct bus_call *call, struct fault *fault)
{
	CLEANUP(free_rows) struct check_summary *checks = NULL;
	size_t count;

	if (ledger_checks(call->bus->ledger, &checks, &count, fault) < 0)
		return -1;
	bus_put_array(&call->reply, "(sssuuu)");
	for (size_t i = 0; i < count; i++) {
		bus_put_struct(&call->reply);
		bus_put_text(&call->reply, checks[i].name);
		bus_put_text(&call->reply, checks[i].title);
		bus_put_word(&call->reply, check_state_word(checks[i].result.state));
		bus_put_u32(&call->reply, checks[i].result.compared);
		bus_put_u32(&call->reply, checks[i].result.explained);
		bus_put_u32(&call->reply, checks[i].result.open);
		bus_put_end(&call->reply);
	}
	bus_put_end(&call->reply);
	return 0;
}

static void put_row(struct bus_writer *reply, const struct check_summary *check,
		    const struct check_row *row)
{
	char period[PERIOD_TEXT_MAX];

	bus_put_struct(reply);
	bus_put_word(reply, granularity_format(check->every, row->day, period));
	bus_put_double(reply, row->left);
	bus_put_double(reply, row->right);
	bus_put_word(reply, check_state_word(row->state));
	bus_put_text(reply, row->note);
	bus_put_end(reply);
}

int bus_check_get(struct bus_call *call, struct fault *fault)
{
	CLEANUP(free_rows) struct check_row *rows = NULL;
	const char *name = bus_take_text(&call->arguments);
	int64_t as_of_ms = bus_take_i64(&call->arguments);
	struct bus_writer *reply = &call->reply;
	struct check_summary check;
	size_t count;

	if (ledger_check(call->bus->ledger, name, as_of_ms, ROWS_MAX, &check, &rows, &count,
			 fault) < 0)
		return -1;
	bus_put_struct(reply);
	bus_put_text(reply, check.name);
	bus_put_text(reply, check.title);
	bus_put_word(reply, check_state_word(check.result.state));
	bus_put_text(reply, check.left);
	bus_put_text(reply, check.right);
	bus_put_word(reply, check_every_word(check.every));
	bus_put_u32(reply, check.result.compared);
	bus_put_u32(reply, check.result.explained);
	bus_put_u32(reply, check.result.open);
	bus_put_u32(reply, check.result.missing);
	bus_put_array(reply, "(sddss)");
	for (size_t i = 0; i < count; i++)
		put_row(reply, &check, &rows[i]);
	bus_put_end(reply);
	bus_put_end(reply);
	return 0;
}
