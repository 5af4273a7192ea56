/* SPDX-License-Identifier: MIT
 *
 * jobs.c - import jobs. Main only.
 *
 * Invariant: a job is open (queued, reading) or finished, and is finished once. One zero timer
 * copies one piece a turn, for the jobs in turn, so that many imports cost the loop no more than
 * one. Must never: read an fd that is no regular file.
 */
#include "jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "cleanup.h"
#include "clock.h"
#include "spool.h"
#include "utf8.h"

struct job {
	struct jobs *jobs;
	uint32_t id;
	enum job_state state;
	char source[SOURCE_NAME_MAX];
	char spool[SPOOL_PATH_MAX];
	char name[SPOOL_NAME_MAX];     /* asked for */
	char incoming[SPOOL_NAME_MAX]; /* where it came to be; "" while it is copied */
	int from, to;		       /* -1 once it is copied */
	struct file_identity was;      /* when it was handed over */
	uint64_t size, copied;
	double progress;
	uint64_t accepted, rejected;
	char error[FAULT_TEXT_MAX];
	const char *note;     /* a literal */
	struct event *expiry; /* runs once it is finished */
};

struct jobs {
	struct event_base *base;
	const struct jobs_events *events;
	void *context;
	struct event *copy;		 /* pending while there is something to copy */
	struct job *jobs[JOBS_KEPT_MAX]; /* by id */
	size_t count;
	size_t turn; /* index of the job that copies next */
	uint32_t last_id;
};

static const char *const state_words[] = {
	[JOB_QUEUED] = "queued", [JOB_READING] = "reading",	[JOB_DONE] = "done",
	[JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled",
};

const char *job_state_word(enum job_state state)
{
	return state_words[state];
}

static bool is_open(const struct job *job)
{
	return job->state == JOB_QUEUED || job->state == JOB_READING;
}

static bool is_copying(const struct job *job)
{
	return job->from >= 0;
}

static void stop_copying(struct job *job)
{
	close_fd(&job->from);
	close_fd(&job->to);
	job->from = -1;
	job->to = -1;
}

static void destroy(struct job *job)
{
	if (is_copying(job))
		spool_temp_remove(job->spool, job->id);
	stop_copying(job);
	if (job->expiry)
		event_free(job->expiry);
	free(job);
}

static void remove_at(struct jobs *jobs, size_t index)
{
	struct job *job = jobs->jobs[index];
	uint32_t id = job->id;

	jobs->count--;
	(void)memmove(&jobs->jobs[index], &jobs->jobs[index + 1],
		      (jobs->count - index) * sizeof(jobs->jobs[0]));
	destroy(job);
	jobs->events->removed(jobs->context, id);
}

static void remove_job(struct job *job)
{
	struct jobs *jobs = job->jobs;
	size_t i;

	for (i = 0; i < jobs->count; i++) {
		if (jobs->jobs[i] == job) {
			remove_at(jobs, i);
			return;
		}
	}
}

static void on_expiry(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	remove_job(context);
}

static void finish(struct job *job, enum job_state state, const char *error)
{
	struct timeval wait = { .tv_sec = JOB_KEEP_MS / 1000 };

	if (!is_open(job))
		return;
	if (is_copying(job))
		spool_temp_remove(job->spool, job->id);
	stop_copying(job);
	job->state = state;
	if (state == JOB_DONE)
		job->progress = 1;
	(void)snprintf(job->error, sizeof(job->error), "%s", error);
	(void)evtimer_add(job->expiry,
			  &wait); /* no memory: it goes when JOBS_KEPT_MAX is reached */
	job->jobs->events->changed(job->jobs->context, job->id, true);
}

/* ── copying ──────────────────────────────────────────────────────────────────────────────── */

/* Some file systems know no copy_file_range between each other. */
static ssize_t copy_by_hand(struct job *job, size_t size)
{
	static const size_t piece = 64 * 1024;
	CLEANUP(free_text) char *buffer = malloc(piece);
	ssize_t got;

	if (!buffer) {
		errno = ENOMEM;
		return -1;
	}
	got = pread(job->from, buffer, size < piece ? size : piece, (off_t)job->copied);
	if (got <= 0)
		return got;
	return pwrite(job->to, buffer, (size_t)got, (off_t)job->copied);
}

static ssize_t copy_some(struct job *job, size_t size)
{
	off_t from = (off_t)job->copied;
	off_t to = (off_t)job->copied;
	ssize_t got = copy_file_range(job->from, &from, job->to, &to, size, 0);

	/* 0 also from file systems that only pretend (procfs, some FUSE): read() knows. */
	if (got > 0)
		return got;
	if (got < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
	    errno != EOPNOTSUPP && errno != EPERM && errno != ETXTBSY)
		return got;
	return copy_by_hand(job, size);
}

static int copy_piece(struct job *job, struct fault *fault)
{
	uint64_t end = job->copied + JOB_PIECE_BYTES < job->size ? job->copied + JOB_PIECE_BYTES
								 : job->size;
	uint64_t start = job->copied;

	while (job->copied < end) {
		ssize_t got = copy_some(job, (size_t)(end - job->copied));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(fault, errno, "cannot copy '%.128s' into the spool",
					   job->name);
		if (got == 0)
			return fault_set(
				fault, FAULT_BAD_ARGUMENT,
				"'%.128s' got shorter while it was copied; import it again when it is complete",
				job->name);
		job->copied += (uint64_t)got;
	}
	/* The disk begins now, so that the fsync at the end finds little left to wait for. */
	(void)sync_file_range(job->to, (off_t)start, (off_t)(end - start), SYNC_FILE_RANGE_WRITE);
	return 0;
}

/* A file that is still written to would be half a file, or half of each of two. */
static int check_unchanged(const struct job *job, struct fault *fault)
{
	struct file_identity now;
	struct stat status;

	if (fstat(job->from, &status) < 0)
		return fault_errno(fault, errno, "cannot look at '%.128s'", job->name);
	now = file_identity_of(&status);
	if (!file_identity_same(&now, &job->was))
		return fault_set(
			fault, FAULT_BAD_ARGUMENT,
			"'%.128s' changed while it was copied; import it again when it is complete",
			job->name);
	return 0;
}

static int publish(struct job *job, struct fault *fault)
{
	if (check_unchanged(job, fault) < 0)
		return -1;
	if (fsync(job->to) < 0)
		return fault_errno(fault, errno, "cannot sync '%.128s' in the spool", job->name);
	/* The worker may see it at once. */
	if (spool_temp_publish(job->spool, job->id, job->name, job->incoming, fault) < 0)
		return -1;
	stop_copying(job);
	return 0;
}

static void copy_on(struct job *job)
{
	struct fault fault = { 0 };
	int result = copy_piece(job, &fault);

	if (result == 0 && job->copied == job->size)
		result = publish(job, &fault);
	if (result < 0) {
		finish(job, JOB_FAILED, fault.text);
		return;
	}
	job->progress = job->size ? JOB_COPY_SHARE * (double)job->copied / (double)job->size
				  : JOB_COPY_SHARE;
	job->jobs->events->changed(job->jobs->context, job->id, false);
}

static struct job *next_copying(struct jobs *jobs)
{
	size_t i;

	for (i = 0; i < jobs->count; i++) {
		struct job *job = jobs->jobs[(jobs->turn + i) % jobs->count];

		if (is_copying(job)) {
			jobs->turn = (jobs->turn + i + 1) % jobs->count;
			return job;
		}
	}
	return NULL;
}

/* A zero timer, not event_active(): other events get their turn in between (style rule 37). */
static void arm_copy(struct jobs *jobs)
{
	static const struct timeval now = { 0 };

	(void)evtimer_add(jobs->copy, &now); /* allocated: fails only on a broken base */
}

static void copy_turn(struct jobs *jobs)
{
	struct job *job = next_copying(jobs);

	if (!job)
		return;
	copy_on(job);
	arm_copy(jobs);
}

static void on_copy(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	copy_turn(context);
}

/* ── following ────────────────────────────────────────────────────────────────────────────── */

static struct job *find(const struct jobs *jobs, uint32_t id)
{
	size_t i;

	for (i = 0; i < jobs->count; i++)
		if (jobs->jobs[i]->id == id)
			return jobs->jobs[i];
	return NULL;
}

static void set_progress(struct job *job, double reading)
{
	double progress = JOB_COPY_SHARE + (1 - JOB_COPY_SHARE) * reading;

	if (progress > job->progress)
		job->progress = progress; /* a worker that starts anew begins at 0 again */
	job->jobs->events->changed(job->jobs->context, job->id, false);
}

static void follow(struct job *job, const struct document_news *news)
{
	switch (news->step) {
	case DOCUMENT_READING:
		job->state = JOB_READING;
		set_progress(job, 0);
		break;
	case DOCUMENT_PROGRESS:
		set_progress(job, news->progress);
		break;
	case DOCUMENT_BATCH:
		job->accepted += news->accepted;
		job->rejected += news->rejected;
		set_progress(job, news->progress);
		break;
	case DOCUMENT_DONE:
		if (news->repeated)
			job->note = "already imported";
		finish(job, JOB_DONE, "");
		break;
	case DOCUMENT_FAILED:
		/* Of the whole document, batches of which may have been told of before; none
		 * counts. */
		if (job->rejected < news->rejected)
			job->rejected = news->rejected;
		job->accepted = 0;
		finish(job, JOB_FAILED, news->reason);
		break;
	}
}

static void fill_info(const struct job *job, struct job_info *ret_info)
{
	*ret_info = (struct job_info){
		.id = job->id,
		.source = job->source,
		.name = job->name,
		.state = job->state,
		.progress = job->progress,
		.accepted = job->accepted,
		.rejected = job->rejected,
		.error = job->error,
		.note = job->note,
	};
}

/* ── beginning ────────────────────────────────────────────────────────────────────────────── */

static int check_fd(int fd, struct file_identity *ret_file, struct fault *fault)
{
	struct stat status;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &status) < 0)
		return fault_errno(fault, errno, "cannot look at the file that was handed over");
	if (!S_ISREG(status.st_mode))
		return fault_set(
			fault, FAULT_BAD_ARGUMENT,
			"only a regular file can be imported, not a pipe, directory or device");
	if ((flags & O_ACCMODE) == O_WRONLY || flags & O_PATH)
		return fault_set(fault, FAULT_BAD_ARGUMENT,
				 "the file was not opened for reading; open it so");
	*ret_file = file_identity_of(&status);
	return 0;
}

static size_t open_count(const struct jobs *jobs)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < jobs->count; i++)
		count += is_open(jobs->jobs[i]);
	return count;
}

/* A place for one more: open ones are never thrown out, and JOBS_MAX < JOBS_KEPT_MAX. */
static int make_room(struct jobs *jobs, struct fault *fault)
{
	size_t i;

	if (open_count(jobs) >= JOBS_MAX)
		return fault_set(fault, FAULT_BUSY,
				 "%u imports are open already; wait until one is finished",
				 JOBS_MAX);
	for (i = 0; jobs->count == JOBS_KEPT_MAX && i < jobs->count; i++)
		if (!is_open(jobs->jobs[i]))
			remove_at(jobs, i);
	return 0;
}

static struct job *make_job(struct jobs *jobs, const char *source, const char *spool,
			    const char *name)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->jobs = jobs;
	job->state = JOB_QUEUED;
	job->note = "";
	job->from = -1;
	job->to = -1;
	(void)snprintf(job->source, sizeof(job->source), "%s", source);
	(void)snprintf(job->spool, sizeof(job->spool), "%s", spool);
	(void)snprintf(job->name, sizeof(job->name), "%s", name);
	job->expiry = evtimer_new(jobs->base, on_expiry, job);
	if (!job->expiry) {
		destroy(job);
		return NULL;
	}
	return job;
}

struct jobs *jobs_new(struct event_base *base, const struct jobs_events *events, void *context)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));

	if (!jobs)
		return NULL;
	*jobs = (struct jobs){ .base = base, .events = events, .context = context };
	jobs->copy = evtimer_new(base, on_copy, jobs);
	return jobs->copy ? jobs : jobs_free(jobs);
}

struct jobs *jobs_free(struct jobs *jobs)
{
	if (!jobs)
		return NULL;
	while (jobs->count)
		destroy(jobs->jobs[--jobs->count]);
	if (jobs->copy)
		event_free(jobs->copy);
	free(jobs);
	return NULL;
}

int jobs_add(struct jobs *jobs, const char *source, const char *spool, const char *name, int fd,
	     uint32_t *ret_id, struct fault *fault)
{
	CLEANUP(close_fd) int from = fd;
	struct job *job;
	struct file_identity file = { 0 };

	if (!spool_name_ok(name))
		return fault_set(fault, FAULT_BAD_ARGUMENT,
				 "a file name is needed, without '/' and not starting with '.'");
	if (!utf8_printable(name, strlen(name))) /* as worker_read_inbox() sees it */
		return fault_set(
			fault, FAULT_BAD_ARGUMENT,
			"the file's name has characters that cannot be shown; import it under another one");
	if (check_fd(from, &file, fault) < 0 || make_room(jobs, fault) < 0)
		return -1;
	job = make_job(jobs, source, spool, name);
	if (!job)
		return fault_set(fault, FAULT_MEMORY, "out of memory for an import");
	job->id = ++jobs->last_id;
	job->was = file;
	job->size = file.size;
	if (spool_temp_open(spool, job->id, &job->to, fault) < 0) {
		destroy(job);
		return -1;
	}
	job->from = from;
	from = -1;
	jobs->jobs[jobs->count++] = job;
	arm_copy(jobs);
	*ret_id = job->id;
	jobs->events->added(jobs->context, job->id);
	return 0;
}

int jobs_cancel(struct jobs *jobs, uint32_t id, struct fault *fault)
{
	struct job *job = find(jobs, id);

	if (!job)
		return fault_set(fault, FAULT_BAD_ARGUMENT, "there is no import %u", id);
	if (!is_open(job))
		return fault_set(fault, FAULT_BAD_ARGUMENT, "import %u is finished already", id);
	if (!is_copying(job))
		return fault_set(
			fault, FAULT_BUSY,
			"import %u is with the worker already; it will be complete in a moment",
			id);
	finish(job, JOB_CANCELLED, "");
	return 0;
}

size_t jobs_count(const struct jobs *jobs)
{
	return jobs->count;
}

int jobs_at(const struct jobs *jobs, size_t index, struct job_info *ret_info)
{
	if (index >= jobs->count)
		return -1;
	fill_info(jobs->jobs[index], ret_info);
	return 0;
}

int jobs_find(const struct jobs *jobs, uint32_t id, struct job_info *ret_info)
{
	const struct job *job = find(jobs, id);

	if (!job)
		return -1;
	fill_info(job, ret_info);
	return 0;
}

void jobs_follow(struct jobs *jobs, const char *source, const struct document_news *news)
{
	size_t i;

	for (i = 0; i < jobs->count; i++) {
		struct job *job = jobs->jobs[i];

		/* Names in incoming/ are unique, but a finished job's may have been used again. */
		if (is_open(job) && strcmp(job->source, source) == 0 &&
		    strcmp(job->incoming, news->name) == 0) {
			follow(job, news);
			return;
		}
	}
}

void jobs_give_up(struct jobs *jobs, const char *source, const char *reason)
{
	char error[FAULT_TEXT_MAX];
	size_t i;

	for (i = 0; i < jobs->count; i++) {
		struct job *job = jobs->jobs[i];

		if (!is_open(job) || strcmp(job->source, source) != 0)
			continue;
		if (is_copying(job))
			(void)snprintf(error, sizeof(error), "%.400s", reason);
		else
			(void)snprintf(
				error, sizeof(error),
				"the file is kept in incoming/ and read once the source works: %.400s",
				reason);
		finish(job, JOB_FAILED, error);
	}
}
