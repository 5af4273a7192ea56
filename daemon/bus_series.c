/* SPDX-License-Identifier: MIT
 *
 * bus_series.c - owns the answers that carry a whole series: arrays in the reply, or a sealed
 * memfd. Both are kept and given again until a commit may have touched them. Main only.
 *
 * Layout of the memfd, in the byte order of the machine:
 *   bytes 0-7     count, u64
 *   bytes 8-23    granularity, ISO 8601 duration, padded with NUL bytes ("P1D")
 *   then          count period starts, i64, milliseconds since the epoch, UTC
 *   then          count values, IEEE 754 double, NaN = no value
 *   then          count statuses, one SDMX letter each (A P E O Q)
 *
 * Invariant: what is kept was made after the last commit. Must never keep more than BUS_SERIES_KEPT
 * files and arrays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bus_private.h"
#include "cleanup.h"
#include "period.h"
#include "write_all.h"

#define BUS_SERIES_KEPT	  8
#define GRANULARITY_BYTES 16

/* A query as its caller wrote it. Text belongs to the message. */
struct query {
	const char *metric;
	struct label labels[STRAIT_LABELS_MAX];
	size_t label_count;
	const char *first, *last;
	int64_t as_of_ms;
};

struct kept {
	char *key; /* NULL = free */
	int fd;	   /* -1 = not asked for as one */
	bool has_points;
	struct series points; /* of an answer with arrays */
	uint64_t used;	      /* by age */
};

struct bus_series {
	struct kept kept[BUS_SERIES_KEPT];
	uint64_t clock;
};

static int take_query(struct bus_call *call, struct query *ret_query, struct fault *fault)
{
	ret_query->metric = bus_take_text(&call->arguments);
	if (bus_take_labels(&call->arguments, ret_query->labels, &ret_query->label_count, fault) <
	    0)
		return -1;
	ret_query->first = bus_take_text(&call->arguments);
	ret_query->last = bus_take_text(&call->arguments);
	ret_query->as_of_ms = bus_take_i64(&call->arguments);
	return 0;
}

static int ask(struct bus *bus, const struct query *query, size_t max, struct series *ret_series,
	       struct fault *fault)
{
	return ledger_series(bus->ledger, query->metric, query->labels, query->label_count,
			     query->first, query->last, query->as_of_ms, max, ret_series, fault);
}

/* ── by descriptor ─────────────────────────────────────────────────────────────────────────── */

/* Every part with its size before it, so that no two queries have one key. NULL when out of memory.
 */
static char *query_key(const struct query *query)
{
	char *key = NULL;
	size_t size;
	FILE *out = open_memstream(&key, &size);
	bool good;

	if (!out)
		return NULL;
	fprintf(out, "%zu:%s%zu:%s%zu:%s%lld", strlen(query->metric), query->metric,
		strlen(query->first), query->first, strlen(query->last), query->last,
		(long long)query->as_of_ms);
	for (size_t i = 0; i < query->label_count; i++)
		fprintf(out, ";%zu:%s%zu:%s", strlen(query->labels[i].key), query->labels[i].key,
			strlen(query->labels[i].value), query->labels[i].value);
	good = !ferror(out);
	if (fclose(out) == 0 && good)
		return key;
	free(key);
	return NULL;
}

static int write_series(int fd, const struct series *series, struct fault *fault)
{
	const uint64_t count = series->count;
	char granularity[GRANULARITY_BYTES] = { 0 };
	const char *duration = granularity_duration(series->granularity);
	int result;

	memcpy(granularity, duration, strnlen(duration, sizeof(granularity) - 1));
	if ((result = write_all(fd, &count, sizeof(count))) < 0 ||
	    (result = write_all(fd, granularity, sizeof(granularity))) < 0 ||
	    (result = write_all(fd, series->starts, series->count * sizeof(*series->starts))) < 0 ||
	    (result = write_all(fd, series->values, series->count * sizeof(*series->values))) < 0 ||
	    (result = write_all(fd, series->letters, series->count)) < 0)
		return fault_errno(fault, -result, "cannot write the series into a memfd");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return fault_errno(fault, errno, "cannot seal the memfd of the series");
	return 0;
}

static int make_fd(struct bus *bus, const struct query *query, int *ret_fd, struct fault *fault)
{
	CLEANUP(series_done) struct series series = { 0 };
	CLEANUP(close_fd) int fd = -1;

	if (ask(bus, query, BUS_SERIES_FD_POINTS_MAX, &series, fault) < 0)
		return -1;
	fd = memfd_create("straitd-series", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return fault_errno(fault, errno, "cannot create a memfd for the series");
	if (write_series(fd, &series, fault) < 0)
		return -1;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static void forget(struct kept *kept)
{
	if (!kept->key)
		return;
	free(kept->key);
	kept->key = NULL;
	if (kept->fd >= 0)
		(void)close(kept->fd); /* receivers have their own */
	if (kept->has_points)
		series_done(&kept->points);
	kept->has_points = false;
}

static struct kept *find_kept(struct bus_series *series, const char *key)
{
	for (size_t i = 0; i < BUS_SERIES_KEPT; i++) {
		if (series->kept[i].key && !strcmp(series->kept[i].key, key))
			return &series->kept[i];
	}
	return NULL;
}

/* A free place, or that of the one not asked for the longest. */
static struct kept *make_room(struct bus_series *series)
{
	struct kept *oldest = &series->kept[0];

	for (size_t i = 0; i < BUS_SERIES_KEPT; i++) {
		if (!series->kept[i].key)
			return &series->kept[i];
		if (series->kept[i].used < oldest->used)
			oldest = &series->kept[i];
	}
	forget(oldest);
	return oldest;
}

/* A fresh description of the memfd: seals keep the contents, but the read position would be shared.
 */
static int put_reopened(struct bus_call *call, int kept_fd, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", kept_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fault_errno(fault, errno,
				   "cannot open the memfd of the series through /proc");
	bus_put_fd(&call->reply, fd);
	return 0;
}

/* The place of that key, found or made empty; takes the key. */
static struct kept *place_of(struct bus_series *series, char *key)
{
	struct kept *kept = find_kept(series, key);

	if (kept) {
		free(key);
	} else {
		kept = make_room(series);
		kept->key = key;
		kept->fd = -1;
	}
	kept->used = ++series->clock;
	return kept;
}

int bus_series_get_fd(struct bus_call *call, struct fault *fault)
{
	CLEANUP(free_text) char *key = NULL;
	struct query query;
	struct kept *kept;
	int fd = -1;

	if (take_query(call, &query, fault) < 0)
		return -1;
	key = query_key(&query);
	if (!key)
		return fault_set(fault, FAULT_MEMORY, "straitd is out of memory; try again later");
	kept = find_kept(call->bus->series, key);
	if ((!kept || kept->fd < 0) && make_fd(call->bus, &query, &fd, fault) < 0)
		return -1;
	kept = place_of(call->bus->series, TAKE(key));
	if (fd >= 0)
		kept->fd = fd;
	return put_reopened(call, kept->fd, fault);
}

/* ── as arrays ─────────────────────────────────────────────────────────────────────────────── */

static void put_series(struct bus_writer *reply, const struct series *series)
{
	bus_put_struct(reply);
	bus_put_word(reply, granularity_duration(series->granularity));
	bus_put_i64_array(reply, series->starts, series->count);
	bus_put_double_array(reply, series->values, series->count);
	bus_put_byte_array(reply, series->letters, series->count);
	bus_put_end(reply);
}

int bus_series_get(struct bus_call *call, struct fault *fault)
{
	CLEANUP(free_text) char *key = NULL;
	struct series series = { 0 };
	struct query query;
	struct kept *kept;

	if (take_query(call, &query, fault) < 0)
		return -1;
	key = query_key(&query);
	if (!key)
		return fault_set(fault, FAULT_MEMORY, "straitd is out of memory; try again later");
	kept = find_kept(call->bus->series, key);
	if (kept && kept->has_points) {
		kept->used = ++call->bus->series->clock;
		put_series(&call->reply, &kept->points);
		return 0;
	}
	if (ask(call->bus, &query, BUS_SERIES_POINTS_MAX, &series, fault) < 0) {
		if (fault->kind == FAULT_TOO_LARGE)
			(void)fault_set(fault, FAULT_TOO_LARGE,
					"the series has more than %u points; ask for less, or use "
					"GetSeriesFd",
					BUS_SERIES_POINTS_MAX);
		return -1;
	}
	kept = place_of(call->bus->series, TAKE(key));
	kept->points = series;
	kept->has_points = true;
	put_series(&call->reply, &kept->points);
	return 0;
}

void bus_series_forget(struct bus_series *series)
{
	for (size_t i = 0; i < BUS_SERIES_KEPT; i++)
		forget(&series->kept[i]);
}

struct bus_series *bus_series_free(struct bus_series *series)
{
	if (series)
		bus_series_forget(series);
	free(series);
	return NULL;
}

struct bus_series *bus_series_new(void)
{
	return calloc(1, sizeof(struct bus_series));
}
