/* SPDX-License-Identifier: MIT
 *
 * rebuild.c - see rebuild.h. Main only.
 *
 * Invariant: it only moves documents between done/ and incoming/ and adds copies; reading one twice
 * changes nothing, because its hash is found. Every document keeps its modification time, which
 * dates it where it does not date itself. Must never: remove or change a document, or block the
 * loop for longer than a piece takes.
 */
#include "rebuild.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "period.h"
#include "spool.h"

#define STORE_NAME "straitd.db"
#define ORDER	   STORE_NAME ".rebuild" /* of store_damage.c */
#define ACCOUNT	   STORE_NAME ".rebuilt"
#define JOB_ID	   0u /* import jobs begin with 1 */
#define TEXT_MAX   1024

struct rebuild {
	char order[SPOOL_PATH_MAX], account[SPOOL_PATH_MAX];
	const struct originals *originals;
	struct event *next; /* zero timer: the next piece */
	rebuild_unpacked_fn *unpacked;
	void *context;
	uint8_t (*hashes)[SHA256_BYTES]; /* of the originals, as they were when it began */
	size_t count, done;
	char **spools;
	size_t spool_count;
	struct unpacking *piece; /* NULL = none is under way */
	int out;		 /* -1 = none */
	const char *spool;	 /* where it goes */
	struct original_name name;
	size_t again, restored, nameless, failed;
	int64_t since_ms;
};

/* ── documents of done/ ────────────────────────────────────────────────────────────────────── */

static void move_back(struct rebuild *rebuild, const char *spool)
{
	struct fault fault;
	size_t count = 0;

	if (spool_create(spool, &fault) < 0 || spool_again(spool, &count, &fault) < 0)
		log_main(LOG_ERR,
			 "rebuilding: %s; move the documents of %s/done/ to incoming/ by hand",
			 fault.text, spool);
	rebuild->again += count;
}

/* ── originals ─────────────────────────────────────────────────────────────────────────────── */

/* The spool that it was in; NULL when it is of none that is configured, or lies there still. */
static const char *spool_of(const struct rebuild *rebuild, const struct original_name *name)
{
	char path[SPOOL_PATH_MAX];

	for (size_t i = 0; i < rebuild->spool_count; i++) {
		const char *spool = rebuild->spools[i];

		if (strcmp(name->spool, spool) != 0)
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/incoming/%s", spool, name->file) >=
		    sizeof(path))
			return NULL;
		return access(path, F_OK) == 0 ? NULL : spool;
	}
	return NULL;
}

static void end_piece(struct rebuild *rebuild)
{
	rebuild->piece = unpacking_free(rebuild->piece);
	close_fd(&rebuild->out);
	rebuild->out = -1;
}

static void give_up(struct rebuild *rebuild, const char *why)
{
	log_main(LOG_WARNING, "rebuilding: the kept original of '%s' cannot be read again: %s",
		 rebuild->name.file, why);
	rebuild->failed++;
	spool_temp_remove(rebuild->spool, JOB_ID);
	end_piece(rebuild);
}

/* Opens the next original that is wanted; false when there is none left. */
static bool begin_piece(struct rebuild *rebuild)
{
	struct fault fault;

	while (rebuild->done < rebuild->count) {
		const uint8_t *sha256 = rebuild->hashes[rebuild->done++];

		rebuild->piece = unpacking_new(rebuild->originals, sha256, &rebuild->name, &fault);
		if (!rebuild->piece) {
			rebuild->nameless++;
			continue;
		}
		rebuild->spool = spool_of(rebuild, &rebuild->name);
		if (rebuild->spool &&
		    spool_temp_open(rebuild->spool, JOB_ID, &rebuild->out, &fault) == 0)
			return true;
		if (rebuild->spool)
			give_up(rebuild, fault.text);
		else
			end_piece(rebuild);
	}
	return false;
}

static void publish(struct rebuild *rebuild)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
				     { .tv_sec = (time_t)(rebuild->name.modified_ms / 1000),
				       .tv_nsec = rebuild->name.modified_ms % 1000 * 1000000 } };
	char published[SPOOL_NAME_MAX];
	struct fault fault;

	if (futimens(rebuild->out, times) < 0 || fsync(rebuild->out) < 0) {
		give_up(rebuild, strerror(errno));
		return;
	}
	if (spool_temp_publish(rebuild->spool, JOB_ID, rebuild->name.file, published, &fault) < 0) {
		give_up(rebuild, fault.text);
		return;
	}
	rebuild->restored++;
	end_piece(rebuild);
}

static void tell_unpacked(struct rebuild *rebuild)
{
	log_main(
		LOG_NOTICE,
		"rebuilding: %zu documents of done/ and %zu kept originals are read again%s; changes before this, counters and rejects of failed documents are not brought back",
		rebuild->again, rebuild->restored,
		rebuild->nameless + rebuild->failed ? ", and some originals cannot be" : "");
	if (rebuild->nameless)
		log_main(LOG_WARNING,
			 "rebuilding: %zu kept originals do not tell what they were called",
			 rebuild->nameless);
	rebuild->unpacked(rebuild->context);
}

static void on_next(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval now = { 0 };
	struct rebuild *rebuild = context;
	struct fault fault;
	int more;

	(void)fd, (void)what;
	if (!rebuild->piece && !begin_piece(rebuild)) {
		tell_unpacked(rebuild);
		return;
	}
	more = unpacking_piece(rebuild->piece, rebuild->out, &fault);
	if (more < 0)
		give_up(rebuild, fault.text);
	else if (more == 0)
		publish(rebuild);
	(void)evtimer_add(rebuild->next, &now); /* allocated: fails only on a broken base */
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

static bool copy_lists(struct rebuild *rebuild, const struct config *config)
{
	rebuild->count = originals_count(rebuild->originals);
	rebuild->hashes = calloc(rebuild->count + 1, sizeof(*rebuild->hashes));
	rebuild->spools = calloc(config->source_count + 1, sizeof(*rebuild->spools));
	if (!rebuild->hashes || !rebuild->spools)
		return false;
	for (size_t i = 0; i < rebuild->count; i++)
		memcpy(rebuild->hashes[i], originals_hash(rebuild->originals, i), SHA256_BYTES);
	for (size_t i = 0; i < config->source_count; i++) {
		rebuild->spools[i] = strdup(config->sources[i].input);
		if (!rebuild->spools[i])
			return false;
		rebuild->spool_count++;
	}
	return true;
}

struct rebuild *rebuild_new(struct event_base *base, const char *state_dir,
			    const struct config *config, const struct originals *originals,
			    rebuild_unpacked_fn *unpacked, void *context)
{
	static const struct timeval now = { 0 };
	struct rebuild *rebuild;
	char order[SPOOL_PATH_MAX];

	(void)snprintf(order, sizeof(order), "%s/" ORDER, state_dir); /* too long: there is none */
	if (access(order, F_OK) < 0)
		return NULL;
	rebuild = calloc(1, sizeof(*rebuild));
	if (rebuild) {
		rebuild->out = -1;
		memcpy(rebuild->order, order, sizeof(order));
		(void)snprintf(rebuild->account, sizeof(rebuild->account), "%s/" ACCOUNT,
			       state_dir);
		rebuild->originals = originals;
		rebuild->unpacked = unpacked;
		rebuild->context = context;
		rebuild->since_ms = clock_monotonic_ms();
		rebuild->next = evtimer_new(base, on_next, rebuild);
	}
	if (!rebuild || !rebuild->next || !copy_lists(rebuild, config) ||
	    evtimer_add(rebuild->next, &now) < 0) {
		log_main(LOG_ERR, "the store is not rebuilt: out of memory; start straitd again");
		return rebuild_free(rebuild);
	}
	for (size_t i = 0; i < rebuild->spool_count; i++)
		move_back(rebuild, rebuild->spools[i]);
	return rebuild;
}

struct rebuild *rebuild_free(struct rebuild *rebuild)
{
	if (!rebuild)
		return NULL;
	if (rebuild->piece)
		end_piece(rebuild);
	if (rebuild->next)
		event_free(rebuild->next);
	for (size_t i = 0; i < rebuild->spool_count; i++)
		free(rebuild->spools[i]);
	free(rebuild->spools);
	free(rebuild->hashes);
	free(rebuild);
	return NULL;
}

void rebuild_finish(struct rebuild *rebuild)
{
	if (rename(rebuild->order, rebuild->account) < 0) {
		log_main(LOG_WARNING, "cannot rename '%s': %s; the next start reads all again",
			 rebuild->order, strerror(errno));
		return;
	}
	log_main(LOG_NOTICE, "the store is rebuilt, in %.1f s",
		 (double)(clock_monotonic_ms() - rebuild->since_ms) / 1000);
}

/* The second line of an order: why. */
static bool read_why(const char *path, char *why, size_t size, int64_t *ret_time_ms)
{
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[TEXT_MAX], *line;
	struct stat status;
	ssize_t got;

	if (fd < 0 || fstat(fd, &status) < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	text[got < 0 ? 0 : got] = '\0';
	*ret_time_ms = (int64_t)status.st_mtim.tv_sec * 1000;
	line = strchr(text, '\n');
	line = line ? line + 1 : text;
	(void)snprintf(why, size, "%.*s", (int)strcspn(line, "\n"), line);
	return true;
}

void rebuild_text(const char *state_dir, char *buffer, size_t size)
{
	char path[SPOOL_PATH_MAX], why[TEXT_MAX], when[PERIOD_TEXT_MAX];
	int64_t time_ms;

	buffer[0] = '\0';
	(void)snprintf(path, sizeof(path), "%s/" ORDER, state_dir); /* too long: there is none */
	if (read_why(path, why, sizeof(why), &time_ms)) {
		(void)snprintf(buffer, size, "rebuilding since %s: %s", time_format(time_ms, when),
			       why);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/" ACCOUNT, state_dir);
	if (read_why(path, why, sizeof(why), &time_ms))
		(void)snprintf(buffer, size, "rebuilt on %s: %s", time_format(time_ms, when), why);
}
