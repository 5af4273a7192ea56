/* SPDX-License-Identifier: MIT
 *
 * strait/plugin.h - the plugin ABI of straitd; the only header a plugin needs.
 *
 * A plugin is one shared object that knows one kind of source. It exports one const table,
 * `strait_plugin`, made with STRAIT_PLUGIN(). straitd loads it only in a worker process, one
 * process for each configured source, and calls it from one thread.
 *
 *   check ─► open ─► start ─► { document | lines | own events }* ─► close
 *
 * The host finds the input, hashes it, follows rotation, keeps the position and carries the result
 * to the daemon, where a batch and its position become true together or not at all. The plugin
 * turns bytes into observations and nothing else. See docs/PLUGINS.md for a walk through.
 *
 * Changes of this header (MAJOR: a built plugin must be rebuilt; MINOR: something was added):
 *   1.0  2026-11-24  first release: options, metrics, figures, checks
 *   1.1  2026-11-24  strait_series(), strait_add(): events in bulk
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRAIT_ABI_MAJOR 1u
#define STRAIT_ABI_MINOR 1u

struct event_base;	/* libevent's; include event2/event.h to use it */
struct strait_source;	/* one configured source in one worker; opaque */
struct strait_document; /* one release being read; opaque */

/* ── What a plugin declares ─────────────────────────────────────────────────────────────────── */

enum strait_option_type {
	STRAIT_OPTION_STRING = 1,
	STRAIT_OPTION_INTEGER,
	STRAIT_OPTION_BOOLEAN,
	STRAIT_OPTION_DURATION, /* "30s", "5m", "7d"; read back in milliseconds */
};

#define STRAIT_OPTION_REQUIRED (1u << 0)
#define STRAIT_OPTION_SECRET   (1u << 1) /* never logged, never on the bus */
#define STRAIT_OPTION_PREFIX                                                                       \
	(1u << 2) /* matches every key "NAME.<anything>"; see strait_option_next */

struct strait_option {
	const char *name;
	enum strait_option_type type;
	unsigned int flags;
	const char *fallback; /* text form; NULL = required or unset */
	int64_t min, max;     /* integers and durations; both 0 = unbounded */
	const char *help;     /* one sentence */
};

/* How the values of one period combine (docs/ARCHITECTURE.md, "Three kinds of metric"). */
enum strait_kind {
	STRAIT_LEVEL = 1, /* published and revised; the newest release wins */
	STRAIT_EVENT,	  /* each observation adds to its period */
	STRAIT_RECORD,	  /* an event with an identity; a later version replaces the earlier one */
};

/* Length of a metric's periods. ISO 8601 durations: P1D P7D P1M P3M P6M P1Y. */
enum strait_granularity {
	STRAIT_DAY = 1,
	STRAIT_WEEK, /* ISO 8601 week, Monday to Sunday */
	STRAIT_MONTH,
	STRAIT_QUARTER,
	STRAIT_HALF_YEAR,
	STRAIT_YEAR,
};

/* Observation status, the words for SDMX CL_OBS_STATUS codes A, P, E, O, Q. */
enum strait_status {
	STRAIT_FINAL = 1,
	STRAIT_PROVISIONAL,
	STRAIT_ESTIMATED,
	STRAIT_MISSING,	   /* the source says that it has no value: not zero */
	STRAIT_SUPPRESSED, /* the source withholds the value */
};

#define STRAIT_LABELS_MAX	   4u  /* label keys of one metric */
#define STRAIT_METRICS_MAX	   64u /* metrics of one plugin */
#define STRAIT_FIGURES_MAX	   256u
#define STRAIT_CHECKS_MAX	   64u
#define STRAIT_LABEL_MAX_BYTES	   64u	     /* longest label value */
#define STRAIT_NAME_MAX_BYTES	   64u	     /* longest metric or figure name */
#define STRAIT_METRIC_DISTRIBUTION (1u << 0) /* values are kept as a distribution: percentiles */

struct strait_metric {
	const char *name;  /* "arrivals.people": [a-z0-9_.]+ */
	const char *unit;  /* "people", "boats", "hours" */
	const char *title; /* one line for people */
	enum strait_kind kind;
	enum strait_granularity granularity;
	unsigned int flags;		       /* STRAIT_METRIC_… */
	const char *labels[STRAIT_LABELS_MAX]; /* keys, unused ones NULL */
};

/*
 * A default figure. The formula language is the one of [figure NAME] sections:
 *   SERIES            sum of a metric over the window: "referrals.accounts{outcome=blocked}"
 *   A + B, A / B      sums and one ratio of sums
 *   max(S) mean(S) count(S) percentile(S, 50) below(S, 24)
 * below() counts the observations of a distribution that are at most the given value.
 * Windows: latest, previous, last_7_days, last_28_days, month_to_date, year_to_date, total, record,
 * or a fixed period ("2020", "2020-Q3", "2020-09-02", "2020-01/2020-05").
 */
struct strait_figure {
	const char *name; /* "arrivals.people.latest" */
	const char *formula;
	const char *window;
	const char *unit;
	const char *title;
};

/*
 * A default check: two formulas that must say the same in every period of a length (`every`: day,
 * week, month, quarter or year) that both have whole, up to a tolerance: "0", "5", or a share of
 * the greater side, "0.5 %". Published as figure check.NAME: the number of periods that differ and
 * are not explained. A [check NAME] section takes its place.
 */
struct strait_check {
	const char *name;	  /* "weekly_people": [a-z0-9_.]+, at most 58 bytes */
	const char *left, *right; /* formulas, without percentile() and below() */
	const char *every;
	const char *tolerance;
	const char *title;
};

/* ── What a plugin hands over ───────────────────────────────────────────────────────────────── */

struct strait_observation {
	uint32_t struct_size;		       /* sizeof; fields may be added at the end */
	uint32_t metric;		       /* index into the plugin's metrics */
	const char *labels[STRAIT_LABELS_MAX]; /* values in the order of the metric's label keys */
	int32_t day; /* any day of the period, days since 1970-01-01 (strait/date.h); the host
			moves it to the period's first day */
	enum strait_status status; /* 0 = final */
	double value;		   /* ignored when missing or suppressed; else finite */
	uint64_t at; /* where in the release: strait_at_cell() or strait_at_offset() */

	/* Records only. Observations emitted one after the other with equal key, known_at_ms, rank
	   and at are one version of one record (a row that stands twice is two versions). The
	   version with the greatest (known_at_ms, rank) counts, whatever the order of arrival;
	   among equals, the one further on in the source. */
	const char *key;      /* identity; leaves the worker only as a keyed hash */
	const char *replaces; /* key of another record that this one takes the place of, or NULL */
	int64_t known_at_ms; /* UTC; when the source said so; 0 = publication time of the release */
	uint32_t rank;	     /* order among versions known at the same time */
};

/* Places. Sheets, rows and columns count from 0; a cell is printed as "SB_01!B978". */
#define STRAIT_AT_CELL (UINT64_C(1) << 63)

static inline uint64_t strait_at_cell(unsigned int sheet, uint32_t row, unsigned int column)
{
	return STRAIT_AT_CELL | (uint64_t)(sheet & 0x7fu) << 56 |
	       (uint64_t)(column & 0xffffu) << 32 | row;
}

static inline uint64_t strait_at_offset(uint64_t offset)
{
	return offset & ~STRAIT_AT_CELL;
}

/* A stretch of complete lines of a log that is being appended. */
struct strait_stretch {
	uint32_t struct_size;
	const char *data; /* size bytes, ends with a newline */
	size_t size;
	uint64_t offset;	/* of data[0] in the file; places of what was read count on
				   through all files of the log */
	const char *first_line; /* first line of the file without its newline: the header, if it has
				   one */
	size_t first_line_size;
};

/* Kinds of failure; they drive what the supervisor does next. */
enum strait_fault {
	STRAIT_FAULT_TRANSIENT = 1, /* may pass: back off and restart */
	STRAIT_FAULT_CONFIG,	    /* nothing to retry until a reload */
	STRAIT_FAULT_INPUT,   /* this document is broken: it goes to failed/ with the reason */
	STRAIT_FAULT_BUG,     /* an invariant of the plugin's own */
	STRAIT_FAULT_DRIFTED, /* as INPUT, because the shape changed: say what was expected and seen
			       */
	STRAIT_FAULT_RETIRED, /* as INPUT, because it says that it is no longer updated */
};

struct strait_plugin {
	uint32_t abi_major;   /* these three stay first for ever: */
	uint32_t abi_minor;   /* they are read before the rest    */
	uint32_t struct_size; /* is believed                      */

	const char *name; /* equals the file's name without ".so" */
	const char *version;
	const char *summary;
	const struct strait_option *options; /* ends with a NULL name; may be NULL */
	const struct strait_metric *metrics; /* ends with a NULL name */
	const struct strait_figure *figures; /* ends with a NULL name; may be NULL */

	/* All return 0, or the result of strait_fail(). NULL = not needed. */
	int (*check)(struct strait_source *source); /* rules between options; no I/O */
	int (*open)(
		struct strait_source *source); /* files and sockets, before the sandbox closes */
	int (*start)(struct strait_source *source, const void *cursor, size_t cursor_size);
	int (*document)(struct strait_source *source, struct strait_document *document);
	int (*lines)(struct strait_source *source, const struct strait_stretch *stretch);
	void (*committed)(struct strait_source *source, uint64_t batch);
	void (*close)(struct strait_source *source); /* also after a failed open */

	const struct strait_check *checks; /* ends with a NULL name; may be NULL */
};

#define STRAIT_PLUGIN_SYMBOL "strait_plugin"
#ifdef __cplusplus
#define STRAIT_EXTERN extern "C"
#else
#define STRAIT_EXTERN extern
#endif
#define STRAIT_PLUGIN(...)                                                                         \
	STRAIT_EXTERN __attribute__((visibility("default")))                                       \
	const struct strait_plugin strait_plugin;                                                  \
	const struct strait_plugin strait_plugin = { .abi_major = STRAIT_ABI_MAJOR,                \
						     .abi_minor = STRAIT_ABI_MINOR,                \
						     .struct_size = sizeof(struct strait_plugin),  \
						     __VA_ARGS__ }

/* ── What the host offers ───────────────────────────────────────────────────────────────────── */

void *strait_state(const struct strait_source *source);
void strait_set_state(struct strait_source *source, void *state);

/* Option values after defaults; NULL or 0 when unset. Strings live as long as the source. */
const char *strait_option_string(const struct strait_source *source, const char *name);
int64_t strait_option_integer(const struct strait_source *source, const char *name);
/* Walks the keys of a STRAIT_OPTION_PREFIX option: *iterator starts at 0; returns the part after
   "NAME." and sets *ret_value, or returns NULL at the end. */
const char *strait_option_next(const struct strait_source *source, const char *name,
			       size_t *iterator, const char **ret_value);

struct event_base *strait_event_base(struct strait_source *source);
int64_t strait_now_ms(const struct strait_source *source); /* UTC */
/* Extends the heartbeat deadline once, for a call that must block. */
void strait_expect_block(struct strait_source *source, unsigned int seconds);

/* The document being read. */
const char *strait_document_name(const struct strait_document *document);
uint64_t strait_document_size(const struct strait_document *document);
int strait_document_fd(
	const struct strait_document *document); /* read only, at offset 0; stays the host's */
/* Reads up to size bytes; returns the number, 0 at the end, -errno on failure. */
long strait_document_read(struct strait_document *document, void *buffer, size_t size);
/* Publication time if the document says it; call before the first emit of a record or event. Else
   the host takes a date from the name, then the file's modification time. */
void strait_document_published(struct strait_document *document, int64_t published_at_ms);
/* What one publication is about; a newer release of the same dataset supersedes its events.
 * Default: "". */
void strait_document_dataset(struct strait_document *document, const char *dataset);
/* Names a sheet for strait_at_cell(); returns its index. */
unsigned int strait_document_sheet(struct strait_document *document, const char *name);
/* States that the document is complete for a level metric from one day to another, inclusive: a
   period in between that it does not have is withdrawn. Ranges of one metric widen each other. */
void strait_document_covers(struct strait_document *document, uint32_t metric, int32_t first_day,
			    int32_t last_day);

/* Copies the observation into the current batch. 0, or -EINVAL with the observation counted as a
   reject (unknown metric, bad label, value not finite, no key for a record), or -errno. */
int strait_emit(struct strait_source *source, const struct strait_observation *observation);
/* Events in bulk (since 1.1): what strait_emit() does for one row, without its costs. A series is
 * named once; then values are added to its days, many in one call. */
struct strait_addend {
	uint32_t series; /* from strait_series() */
	int32_t day;	 /* as in struct strait_observation */
	double value;	 /* finite, final; the value of one observation */
	uint32_t count;	 /* so many observations had it; not 0 */
	uint32_t rows;	 /* rows of the input that this addend speaks for; a row that gives several
			    addends is counted in one of them */
	uint64_t at;	 /* of one of them, for the reject when the addend is refused */
	int64_t known_at_ms; /* of the newest of them; 0 = publication time of the release */
};

/* A number for a metric with these labels, at least 0, valid until `close`; the same labels may get
   another one. For events, and for records: those are then observations without an identity, which
   are never replaced. -EINVAL: no such metric, a level, or a bad label (nothing is counted);
   -ENOSPC: the source has STRAIT_SERIES_MAX of them, use strait_emit(); -ENOTSUP outside of
   `document` and `lines`. */
#define STRAIT_SERIES_MAX 16384u
long strait_series(struct strait_source *source, uint32_t metric,
		   const char *const labels[STRAIT_LABELS_MAX]);
/* 0, or -EINVAL when some were refused and counted as rejects, or -errno. */
int strait_add(struct strait_source *source, const struct strait_addend *addends, size_t count);
/* Counts a row that gives no observation. The reason is kept with the place and an extract in which
   letters and digits are masked. */
void strait_reject(struct strait_source *source, uint64_t at, const void *raw, size_t raw_size,
		   const char *why, ...) __attribute__((format(printf, 5, 6)));
/* Live plugins: closes the batch with a cursor that only the plugin understands. 0 when it was
   sent; -EAGAIN while the previous one is not yet committed (try again after `committed`). */
int strait_commit(struct strait_source *source, const void *cursor, size_t cursor_size);
/* priority as in syslog(3): LOG_ERR … LOG_DEBUG */
void strait_log(const struct strait_source *source, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Says why a callback fails; returns a negative number for the callback to return. */
int strait_fail(struct strait_source *source, enum strait_fault fault, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif
