/* SPDX-License-Identifier: MIT
 *
 * bus_manager.c - owns the interface Manager on the root object: its tables and the handlers behind
 * them. Main only. Invariant: one answer is from one commit, because nothing commits while a
 * handler runs. Must never cost more than its limits below allow: everybody else waits meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus_private.h"
#include "cleanup.h"
#include "period.h"

#define CHANGES_MAX	   10000u /* rows of one ChangesSince */
#define REJECTS_MAX	   10000u /* rows of one ListRejects: as many as are kept of a source */
#define REJECTS_DEFAULT	   1000u
#define FIGURES_ASKED_MAX  10000u /* names in one GetFigures … */
#define COMPUTED_ASKED_MAX 64u	  /* … of which so many may be computed for it */
#define IMPORT_NAME_MAX	   255u	  /* NAME_MAX */

/* ── figures ───────────────────────────────────────────────────────────────────────────────── */

/* A figure as the calls give it; points into the ledger or into `computed`. */
struct answer {
	double value;
	const char *unit, *period;
	enum strait_status status;
	int64_t published_at_ms;
	uint64_t sequence;
	struct figure_value computed;
};

static void from_figure(const struct figure *figure, struct answer *ret_answer)
{
	ret_answer->value = figure->value;
	ret_answer->unit = figure->unit;
	ret_answer->period = figure->period;
	ret_answer->status = figure->status;
	ret_answer->published_at_ms = figure->published_at_ms;
	ret_answer->sequence = figure->sequence;
}

static int compute(struct bus *bus, const char *name, int64_t as_of_ms, struct answer *ret_answer,
		   struct fault *fault)
{
	struct figure_value *computed = &ret_answer->computed;

	if (ledger_value(bus->ledger, name, as_of_ms, computed, fault) < 0)
		return -1;
	ret_answer->value = computed->value;
	ret_answer->unit = computed->unit;
	ret_answer->period = computed->period;
	ret_answer->status = computed->status;
	ret_answer->published_at_ms = computed->published_at_ms;
	ret_answer->sequence = ledger_sequence(bus->ledger);
	return 0;
}

/* value, unit, status, period, published_at: the part that all figure calls have in common */
static void put_answer(struct bus_writer *reply, const struct answer *answer)
{
	bus_put_double(reply, answer->value);
	bus_put_text(reply, answer->unit);
	bus_put_word(reply, status_word(answer->status));
	bus_put_word(reply, answer->period);
	bus_put_i64(reply, answer->published_at_ms);
}

static void put_figure(struct bus_writer *reply, const struct answer *answer)
{
	bus_put_struct(reply);
	put_answer(reply, answer);
	bus_put_u64(reply, answer->sequence);
	bus_put_end(reply);
}

void bus_manager_put_figure(struct bus_writer *writer, const struct figure *figure)
{
	struct answer answer;

	from_figure(figure, &answer);
	put_figure(writer, &answer);
}

/* Published figures come here only when their reply cannot be kept (bus_replies.c). */
static int get_figure(struct bus_call *call, struct fault *fault)
{
	const char *name = bus_take_text(&call->arguments);
	const struct figure *figure = ledger_figure(call->bus->ledger, name);
	struct answer answer;

	if (figure)
		from_figure(figure, &answer);
	else if (compute(call->bus, name, /* as_of_ms= */ 0, &answer, fault) < 0)
		return -1;
	put_figure(&call->reply, &answer);
	return 0;
}

static void put_named(struct bus_writer *reply, const char *name, const struct answer *answer)
{
	bus_put_struct(reply);
	bus_put_text(reply, name);
	put_answer(reply, answer);
	bus_put_end(reply);
}

void bus_manager_begin_figures(struct bus_writer *writer, uint64_t sequence)
{
	bus_put_struct(writer);
	bus_put_u64(writer, sequence);
	bus_put_array(writer, "(sdsssx)");
}

void bus_manager_put_named(struct bus_writer *writer, const struct figure *figure)
{
	struct answer answer;

	from_figure(figure, &answer);
	put_named(writer, figure->name, &answer);
}

void bus_manager_end_figures(struct bus_writer *writer)
{
	bus_put_end(writer);
	bus_put_end(writer);
}

static int put_asked(struct bus_call *call, DBusMessageIter *names, struct fault *fault)
{
	unsigned int computed = 0;

	while (dbus_message_iter_get_arg_type(names) == DBUS_TYPE_STRING) {
		const char *name = bus_take_text(names);
		const struct figure *figure = ledger_figure(call->bus->ledger, name);
		struct answer answer;

		if (figure)
			from_figure(figure, &answer);
		else if (computed++ == COMPUTED_ASKED_MAX)
			return fault_set(
				fault, FAULT_TOO_LARGE,
				"more than %u of the names are no published figures and must be "
				"computed; ask for them in several calls, or publish them with "
				"[figure NAME] sections",
				COMPUTED_ASKED_MAX);
		else if (compute(call->bus, name, /* as_of_ms= */ 0, &answer, fault) < 0)
			return -1;
		put_named(&call->reply, name, &answer);
	}
	return 0;
}

static int get_figures(struct bus_call *call, struct fault *fault)
{
	struct bus *bus = call->bus;
	DBusMessageIter names;
	int count = dbus_message_iter_get_element_count(&call->arguments);
	int result = 0;

	if (count > (int)FIGURES_ASKED_MAX)
		return fault_set(fault, FAULT_TOO_LARGE,
				 "%d names; ask for at most %u a call, or for all with "
				 "an empty list",
				 count, FIGURES_ASKED_MAX);
	bus_manager_begin_figures(&call->reply, ledger_sequence(bus->ledger));
	if (count) {
		dbus_message_iter_recurse(&call->arguments, &names);
		result = put_asked(call, &names, fault);
	}
	for (size_t i = 0; !count && i < ledger_figure_count(bus->ledger); i++)
		bus_manager_put_named(&call->reply, ledger_figure_at(bus->ledger, i));
	bus_manager_end_figures(&call->reply);
	return result;
}

static int get_figure_as_of(struct bus_call *call, struct fault *fault)
{
	const char *name = bus_take_text(&call->arguments);
	int64_t as_of_ms = bus_take_i64(&call->arguments);
	struct answer answer;

	if (compute(call->bus, name, as_of_ms, &answer, fault) < 0)
		return -1;
	bus_put_struct(&call->reply);
	put_answer(&call->reply, &answer);
	bus_put_end(&call->reply);
	return 0;
}

/* ── what figures are made of ──────────────────────────────────────────────────────────────── */

static void free_rows(void *rows)
{
	free(*(void **)rows);
}

static int get_versions(struct bus_call *call, struct fault *fault)
{
	CLEANUP(free_rows) struct version_row *rows = NULL;
	const char *metric = bus_take_text(&call->arguments);
	struct label labels[STRAIT_LABELS_MAX];
	size_t label_count, count;
	const char *period;

	if (bus_take_labels(&call->arguments, labels, &label_count, fault) < 0)
		return -1;
	period = bus_take_text(&call->arguments);
	if (ledger_versions(call->bus->ledger, metric, labels, label_count, period, &rows, &count,
			    fault) < 0)
		return -1;
	bus_put_array(&call->reply, "(xdss)");
	for (size_t i = 0; i < count; i++) {
		bus_put_struct(&call->reply);
		bus_put_i64(&call->reply, rows[i].published_at_ms);
		bus_put_double(&call->reply, rows[i].value);
		bus_put_word(&call->reply,
			     rows[i].status ? status_word(rows[i].status) : "withdrawn");
		bus_put_text(&call->reply, rows[i].release);
		bus_put_end(&call->reply);
	}
	bus_put_end(&call->reply);
	return 0;
}

/* What both forms have before their rows. */
static int take_changes(struct bus_call *call, struct change_row **ret_rows, size_t *ret_count,
			struct fault *fault)
{
	uint64_t after = bus_take_u64(&call->arguments), latest;
	uint32_t max = bus_take_u32(&call->arguments);
	bool complete;

	if (max == 0 || max > CHANGES_MAX)
		max = CHANGES_MAX;
	if (ledger_changes_since(call->bus->ledger, after, max, &latest, &complete, ret_rows,
				 ret_count, fault) < 0)
		return -1;
	bus_put_u64(&call->reply, latest);
	bus_put_bool(&call->reply, complete);
	return 0;
}

/* With everything that FiguresChanged tells, so that a client which was away misses nothing at all.
 */
static int list_changes(struct bus_call *call, struct fault *fault)
{
	CLEANUP(free_rows) struct change_row *rows = NULL;
	size_t count;

	if (take_changes(call, &rows, &count, fault) < 0)
		return -1;
	bus_put_array(&call->reply, "(txsssdds)");
	for (size_t i = 0; i < count; i++) {
		bus_put_struct(&call->reply);
		bus_put_u64(&call->reply, rows[i].sequence);
		bus_put_i64(&call->reply, rows[i].time_ms);
		bus_put_text(&call->reply, rows[i].source);
		bus_put_word(&call->reply, cause_word(rows[i].cause));
		bus_put_text(&call->reply, rows[i].figure);
		bus_put_double(&call->reply, rows[i].old_value);
		bus_put_double(&call->reply, rows[i].new_value);
		bus_put_word(&call->reply, status_word(rows[i].status));
		bus_put_end(&call->reply);
	}
	bus_put_end(&call->reply);
	return 0;
}

static int changes_since(struct bus_call *call, struct fault *fault)
{
	CLEANUP(free_rows) struct change_row *rows = NULL;
	size_t count;

	if (take_changes(call, &rows, &count, fault) < 0)
		return -1;
	bus_put_array(&call->reply, "(txssdd)");
	for (size_t i = 0; i < count; i++) {
		bus_put_struct(&call->reply);
		bus_put_u64(&call->reply, rows[i].sequence);
		bus_put_i64(&call->reply, rows[i].time_ms);
		bus_put_word(&call->reply, cause_word(rows[i].cause));
		bus_put_text(&call->reply, rows[i].figure);
		bus_put_double(&call->reply, rows[i].old_value);
		bus_put_double(&call->reply, rows[i].new_value);
		bus_put_end(&call->reply);
	}
	bus_put_end(&call->reply);
	return 0;
}

static const char *kind_word(enum strait_kind kind)
{
	switch (kind) {
	case STRAIT_LEVEL:
		return "level";
	case STRAIT_EVENT:
		return "event";
	case STRAIT_RECORD:
		return "record";
	}
	return "unknown";
}

static int list_metrics(struct bus_call *call, struct fault *fault)
{
	struct ledger *ledger = call->bus->ledger;

	(void)fault; /* only memory can be short, which the writer tells */
	bus_put_array(&call->reply, "(ssssas)");
	for (size_t i = 0; i < ledger_metric_count(ledger); i++) {
		const struct metric_declaration *metric = ledger_metric_at(ledger, i);

		bus_put_struct(&call->reply);
		bus_put_text(&call->reply, metric->name);
		bus_put_text(&call->reply, metric->unit);
		bus_put_word(&call->reply, kind_word(metric->kind));
		bus_put_text(&call->reply, metric->title);
		bus_put_array(&call->reply, "s");
		for (size_t key = 0; key < STRAIT_LABELS_MAX && metric->labels[key]; key++)
			bus_put_text(&call->reply, metric->labels[key]);
		bus_put_end(&call->reply);
		bus_put_end(&call->reply);
	}
	bus_put_end(&call->reply);
	return 0;
}

static bool has_source(struct bus *bus, const char *name)
{
	struct source_info info;
	bool found = false;

	for (size_t i = 0; !found && i < sources_count(bus->sources); i++)
		found = sources_info_at(bus->sources, i, &info) == 0 && !strcmp(info.name, name);
	return found;
}

static int list_rejects(struct bus_call *call, struct fault *fault)
{
	CLEANUP(free_rows) struct reject_row *rows = NULL;
	const char *source = bus_take_text(&call->arguments);
	uint32_t max = bus_take_u32(&call->arguments);
	size_t count;

	if (max == 0)
		max = REJECTS_DEFAULT;
	if (max > REJECTS_MAX)
		max = REJECTS_MAX;
	if (ledger_rejects(call->bus->ledger, source, max, &rows, &count, fault) < 0)
		return -1;
	/* One that was configured once may still have some. */
	if (*source && !count && !has_source(call->bus, source))
		return fault_set(fault, FAULT_NO_SUCH_SOURCE,
				 "no source '%.64s' is configured; `straitctl sources` shows all",
				 source);
	bus_put_array(&call->reply, "(sssssx)");
	for (size_t i = 0; i < count; i++) {
		bus_put_struct(&call->reply);
		bus_put_text(&call->reply, rows[i].source);
		bus_put_text(&call->reply, rows[i].release);
		bus_put_text(&call->reply, rows[i].place);
		bus_put_text(&call->reply, rows[i].reason);
		bus_put_text(&call->reply, rows[i].extract);
		bus_put_i64(&call->reply, rows[i].time_ms);
		bus_put_end(&call->reply);
	}
	bus_put_end(&call->reply);
	return 0;
}

/* ── what changes something ────────────────────────────────────────────────────────────────── */

/* The name becomes a file of the spool directory. */
static int check_import_name(const char *name, struct fault *fault)
{
	if (!*name || strlen(name) > IMPORT_NAME_MAX)
		return fault_set(fault, FAULT_BAD_ARGUMENT,
				 "a file name has 1 to %u bytes; give the file's own name",
				 IMPORT_NAME_MAX);
	if (name[0] == '.' || strchr(name, '/'))
		return fault_set(
			fault, FAULT_BAD_ARGUMENT,
			"the file name '%.128s' starts with a dot or has a slash; give the name "
			"without "
			"its directory",
			name);
	for (const char *at = name; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return fault_set(fault, FAULT_BAD_ARGUMENT,
					 "the file name has a control character; rename the file");
	}
	return 0;
}

static int import(struct bus_call *call, struct fault *fault)
{
	const char *source = bus_take_text(&call->arguments);
	const char *name = bus_take_text(&call->arguments);
	char path[BUS_PATH_MAX];
	uint32_t id;
	int fd;

	if (check_import_name(name, fault) < 0)
		return -1;
	fd = bus_take_fd(&call->arguments);
	if (fd < 0)
		return fault_set(
			fault, FAULT_BUSY,
			"straitd has no file descriptor left for this file; try again later");
	/* which takes the descriptor in every case */
	if (sources_import(call->bus->sources, source, name, fd, &id, fault) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), BUS_ROOT "/%s/%u", bus_kinds[BUS_KIND_JOB].folder,
		       (unsigned int)id);
	bus_put_path(&call->reply, path);
	return 0;
}

static int reload(struct bus_call *call, struct fault *fault)
{
	return call->bus->requests->reload(call->bus->context, fault);
}

static int retry(struct bus_call *call, struct fault *fault)
{
	return sources_retry(call->bus->sources, bus_take_text(&call->arguments), fault);
}

static int refresh(struct bus_call *call, struct fault *fault)
{
	return sources_refresh(call->bus->sources, bus_take_text(&call->arguments), fault);
}

/* ── properties ────────────────────────────────────────────────────────────────────────────── */

static void get_version(const struct bus_subject *subject, struct bus_value *value)
{
	(void)subject; /* the same for all */
	value->as.text = STRAITD_VERSION;
}

static void get_private_address(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = bus_peers_address(subject->bus->peers);
}

static void get_sequence(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.u64 = ledger_sequence(subject->bus->ledger);
}

static void get_store(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = ledger_state(subject->bus->ledger);
}

static void get_ready(const struct bus_subject *subject, struct bus_value *value)
{
	struct bus *bus = subject->bus;
	struct source_info info;
	bool starting = false;

	for (size_t i = 0; !bus->ready && !starting && i < sources_count(bus->sources); i++)
		starting = sources_info_at(bus->sources, i, &info) == 0 &&
			   info.state == SOURCE_STARTING;
	bus->ready = bus->ready || !starting;
	value->as.boolean = bus->ready;
}

/* ── tables ────────────────────────────────────────────────────────────────────────────────── */

/* clang-format off */
static const struct bus_method methods[] = {
	{ .name = "GetFigure", .in = "s", .in_names = "name", .out = "(dsssxt)",
	  .out_names = "figure",
	  .call = get_figure,
	  .doc = "value, unit, status, period, published_at, sequence. Also "
		 "METRIC[{KEY=VALUE}].WINDOW, computed on the spot: arrivals.people.2020-09-02" },
	{ .name = "GetFigures", .in = "as", .in_names = "names", .out = "(ta(sdsssx))",
	  .out_names = "figures",
	  .call = get_figures,
	  .doc = "sequence; then name, value, unit, status, period, published_at of each. Empty "
		 "list = all published figures." },
	{ .name = "GetFigureAsOf", .in = "sx", .in_names = "name as_of", .out = "(dsssx)",
	  .out_names = "figure",
	  .call = get_figure_as_of,
	  .doc = "As known at that instant (milliseconds since the epoch, UTC; 0 = now): value, "
		 "unit, status, period, published_at." },
	{ .name = "GetSeries", .in = "sa{ss}ssx", .in_names = "metric labels first last as_of",
	  .out = "(saxaday)", .out_names = "series", .call = bus_series_get,
	  .doc = "granularity (ISO 8601 duration), then arrays of equal length: period starts, "
		 "values, statuses (SDMX letters). first and last are periods, empty = open; a "
		 "label left out is summed over." },
	{ .name = "GetSeriesFd", .in = "sa{ss}ssx", .in_names = "metric labels first last as_of",
	  .out = "h",
	  .out_names = "series", .call = bus_series_get_fd,
	  .doc = "The same as a sealed memfd in the machine's byte order: count u64; granularity, "
		 "16 bytes padded with NUL; count starts i64; count values double; count status "
		 "letters, one byte each." },
	{ .name = "GetVersions", .in = "sa{ss}s", .in_names = "metric labels period",
	  .out = "a(xdss)",
	  .out_names = "versions", .call = get_versions,
	  .doc = "Every version of one period, oldest publication first: published_at, value, "
		 "status (also withdrawn), release." },
	{ .name = "Explain", .in = "s", .in_names = "name", .out = "a(sssssx)", .out_names = "inputs",
	  .call = bus_explain,
	  .doc = "Each input of the figure, item by item of its formula: period, release, url, sha256, locator "
		 "(cell, byte, or bytes and how many records or events), published_at." },
	{ .name = "ExplainItems", .in = "sx", .in_names = "name as_of", .out = "(sssa(ssa(sssssx)))",
	  .out_names = "explanation", .call = bus_explain_items,
	  .doc = "formula, window, period; then of each item: its text, its side (above or below the stroke of a "
		 "ratio, left or right of a check, else empty), and its inputs as Explain has them. As known at "
		 "that instant; 0 = now." },
	{ .name = "GetRelease", .in = "s", .in_names = "sha256", .out = "(ssssttxxsb)", .out_names = "release",
	  .call = bus_get_release,
	  .doc = "source, name, dataset, url, size, offset (of a log stretch in the whole log), published_at, "
		 "imported_at, plugin and its version, whether the original is kept." },
	{ .name = "OpenOriginal", .in = "s", .in_names = "sha256", .out = "h", .out_names = "original",
	  .privileged = true, .call = bus_open_original,
	  .doc = "The document of that hash as it was taken in, compressed by zstd. It may name people, hence "
		 "privileged." },
	{ .name = "ChangesSince", .in = "tu", .in_names = "sequence max", .out = "tba(txssdd)",
	  .out_names = "latest complete changes", .call = changes_since,
	  .doc = "Changes after that sequence, whole commits, at most so many rows (0 = 10000, "
		 "which is also the most): sequence, time, cause, figure, old, new. Not complete: "
		 "ask again after the last row's." },
	{ .name = "ListChanges", .in = "tu", .in_names = "sequence max", .out = "tba(txsssdds)",
	  .out_names = "latest complete changes", .call = list_changes,
	  .doc = "As ChangesSince, with all that FiguresChanged tells: sequence, time, source, "
		 "cause, figure, old, new, status. Within a commit sorted by figure." },
	{ .name = "ListMetrics", .in = "", .out = "a(ssssas)", .out_names = "metrics",
	  .call = list_metrics,
	  .doc = "name, unit, kind (level, event, record), title, label keys." },
	{ .name = "ListChecks", .in = "", .out = "a(sssuuu)", .out_names = "checks",
	  .call = bus_check_list,
	  .doc = "name, title, state (agrees, explained, open; missing when there is nothing to "
		 "compare), and how many periods were compared, are explained, are open. Each is "
		 "the figure check.NAME, too." },
	{ .name = "GetCheck", .in = "sx", .in_names = "name as_of",
	  .out = "(ssssssuuuua(sddss))", .out_names = "check", .call = bus_check_get,
	  .doc = "As known at that instant (0 = now): name, title, state, left and right formula, "
		 "length of the periods, how many were compared, explained, open, and not compared "
		 "because a side is missing; then the newest 1000 periods that differ, newest "
		 "first: period, left, right, state, note." },
	{ .name = "ListRejects", .in = "su", .in_names = "source max", .out = "a(sssssx)",
	  .out_names = "rejects", .call = list_rejects,
	  .doc = "Rows that were not counted, newest first (source empty = all; max 0 = 1000, "
		 "at most 10000): source, release, place, reason, masked extract, time. Where a batch "
		 "had more than 256, the last of them says how many others there were and up to where." },
	{ .name = "Import", .in = "ssh", .in_names = "source name file", .out = "o",
	  .out_names = "job",
	  .privileged = true, .call = import,
	  .doc = "Copies the open file into the spool of a source and reads it. Follow the job "
		 "object." },
	{ .name = "Reload", .in = "", .out = "", .privileged = true, .call = reload,
	  .doc = "Reads the configuration again. On an error nothing changes and the reply says "
		 "why." },
	{ .name = "Retry", .in = "s", .in_names = "source", .out = "", .privileged = true,
	  .call = retry,
	  .doc = "Gives a quarantined, waiting or misconfigured source another chance now." },
	{ .name = "Refresh", .in = "s", .in_names = "source", .out = "", .privileged = true,
	  .call = refresh,
	  .doc = "Fetches the url of a source now instead of when it is due; returns at once. What "
		 "comes of it: the source's LastFetch and FetchFault." },
	{ .name = NULL },
};

static const struct bus_signal signals[] = {
	{ .name = "FiguresChanged", .signature = "tssa(sdds)",
	  .names = "sequence source cause changes",
	  .doc = "One commit: cause is new, revised, withdrawn, status or stale; rows are figure, "
		 "old value, new value, status. A gap in the sequence: call ChangesSince." },
	{ .name = "SourceChanged", .signature = "sss", .names = "source state reason",
	  .doc = "A source went into another state; the words are those of its property State." },
	{ .name = NULL },
};

static const struct bus_property properties[] = {
	{ .name = "Version", .type = 's', .constant = true, .get = get_version,
	  .doc = "Of straitd." },
	{ .name = "Sequence", .type = 't', .get = get_sequence, .doc = "Number of the newest "
								       "commit; 0 = none yet." },
	{ .name = "Ready", .type = 'b', .get = get_ready,
	  .doc = "Every configured source has been started once. Figures of earlier runs are there "
		 "before that." },
	{ .name = "PrivateAddress", .type = 's', .constant = true, .get = get_private_address,
	  .doc = "The same interfaces without a message bus between, for readers at a high rate; empty = none." },
	{ .name = "Store", .type = 's', .get = get_store,
	  .doc = "good, or a sentence: why nothing can be stored at the moment; that the store is "
		 "being rebuilt; that it was, and when." },
	{ .name = NULL },
};
/* clang-format on */

const struct bus_interface bus_manager_interface = {
	.name = BUS_IFACE_MANAGER,
	.doc = "Figures about small-boat crossings of the Dover Strait. Times are milliseconds "
	       "since the epoch, "
	       "UTC; 0 = none. Periods are ISO 8601. Errors are " BUS_ERROR_PREFIX
	       "NAME; see docs/DBUS.md.",
	.methods = methods,
	.signals = signals,
	.properties = properties,
};

/* ── all objects ───────────────────────────────────────────────────────────────────────────── */

static size_t root_count(const struct bus *bus)
{
	(void)bus; /* always one */
	return 1;
}

static bool root_find(struct bus *bus, const char *name, struct bus_subject *ret_subject)
{
	ret_subject->bus = bus;
	ret_subject->place = BUS_PLACE_OBJECT;
	ret_subject->kind = &bus_kinds[BUS_KIND_ROOT];
	ret_subject->name = "";
	return !*name;
}

static bool root_at(struct bus *bus, size_t index, struct bus_subject *ret_subject)
{
	return index == 0 && root_find(bus, "", ret_subject);
}

const struct bus_kind bus_kinds[BUS_KINDS] = {
	[BUS_KIND_ROOT] = { .interface = &bus_manager_interface,
			    .managed = true,
			    .count = root_count,
			    .at = root_at,
			    .find = root_find },
	[BUS_KIND_FIGURE] = { .folder = "figure",
			      .interface = &bus_figure_interface,
			      .count = bus_figure_count,
			      .at = bus_figure_at,
			      .find = bus_figure_find },
	[BUS_KIND_SOURCE] = { .folder = "source",
			      .interface = &bus_source_interface,
			      .count = bus_source_count,
			      .at = bus_source_at,
			      .find = bus_source_find },
	[BUS_KIND_JOB] = { .folder = "job",
			   .interface = &bus_job_interface,
			   .numbered = true,
			   .count = bus_job_count,
			   .at = bus_job_at,
			   .find = bus_job_find },
};
