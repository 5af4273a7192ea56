/* SPDX-License-Identifier: MIT
 *
 * follow.c - following one log file: watch, read complete lines, move on when the file was rotated.
 *
 * Worker only. Invariant: `mark` is the first byte that was not handed over, of a file that is
 * named there by identity; every byte before it was handed over or told as skipped, once. Must
 * never poll or sleep, and never say "nothing now" while something happened after the file was last
 * looked at: the watch stands before the first read, and whatever the search for a successor takes
 * from the queue of events makes the search begin anew.
 *
 * Which file comes next: writers go on writing into a renamed file until they are told to open a
 * new one. So the old file is left only when a younger one has content, and is read to its end once
 * more after that was seen.
 */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <event2/event.h>

#include "cleanup.h"
#include "follow_file.h"

#define SEARCH_TRIES_MAX                                                                           \
	8 /* a directory that changes during each of so many searches is taken as it is */
#define EVENTS_BYTES	       4096u
#define FIRST_LINE_GUESS_BYTES 4096u

#define DIRECTORY_CHANGES (IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE)
#define DIRECTORY_GONE	  (IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

_Static_assert(EVENTS_BYTES >= sizeof(struct inotify_event) + NAME_MAX + 1, "room for any event");

struct follow {
	const struct follow_events *events;
	void *context;
	char *path;
	const char *base; /* in path */
	int dir_fd;

	int watch_fd;
	int directory_watch, parent_watch;
	int file_watch; /* < 0: the directory's events have to do */
	struct event *watch_event, *kick;
	bool told;    /* ready() was called and follow_read() has not said 0 since */
	bool stirred; /* something happened since the file was last looked at */
	bool directory_changed, directory_gone;

	struct follow_mark mark;
	int fd;			 /* of the marked file; -1 before it is found */
	struct follow_stat stat; /* as last seen */
	bool finishing;		 /* a younger file has content: this one ends where it ends now */

	char *buffer; /* the file's bytes from mark.offset + passed on */
	size_t capacity, limit, held;
	size_t scanned;	 /* of held: known to have no newline */
	size_t handed;	 /* of held: handed over with the last stretch */
	uint64_t passed; /* of a line that is too long: bytes thrown away */

	char *first_line; /* NULL while unknown */
	size_t first_line_size;
};

/* ── being woken ───────────────────────────────────────────────────────────────────────────── */

/* IN_DELETE_SELF does not come while we hold the directory open; its parent tells. */
static bool was_removed(int dir_fd)
{
	struct stat stat;

	return fstat(dir_fd, &stat) == 0 && stat.st_nlink == 0;
}

static void note_event(struct follow *follow, const struct inotify_event *event)
{
	if (event->wd == follow->parent_watch) {
		follow->directory_gone |= was_removed(follow->dir_fd);
		return;
	}
	if (event->wd == follow->directory_watch && event->mask & DIRECTORY_GONE)
		follow->directory_gone = true;
	if (event->wd == follow->directory_watch && event->mask & DIRECTORY_CHANGES)
		follow->directory_changed = true;
	if (event->mask & IN_Q_OVERFLOW)
		follow->directory_changed = true;
	/* other files of the directory may be busy too: they are none of ours, unless the file
	 * itself has no watch */
	if (event->wd == follow->directory_watch && event->len && follow->file_watch >= 0 &&
	    !(event->mask & DIRECTORY_CHANGES) && strcmp(event->name, follow->base) != 0)
		return;
	follow->stirred = true;
}

/* Takes everything from the queue of events and keeps only what it means. */
static void drain(struct follow *follow)
{
	_Alignas(struct inotify_event) char events[EVENTS_BYTES];
	ssize_t got;

	while ((got = read(follow->watch_fd, events, sizeof(events))) > 0) {
		for (char *at = events; at < events + got;) {
			const struct inotify_event *event = (const void *)at;

			note_event(follow, event);
			at += sizeof(*event) + event->len;
		}
	}
}

static void tell_ready(struct follow *follow)
{
	if (follow->told)
		return;
	follow->told = true;
	follow->events->ready(follow->context);
}

static void on_watch(evutil_socket_t fd, short what, void *context)
{
	struct follow *follow = context;

	(void)fd;
	(void)what;
	drain(follow);
	if (follow->stirred || follow->directory_gone)
		tell_ready(follow);
}

static void on_kick(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	tell_ready(context);
}

/* Writes into a file that was renamed or moved to another directory are seen only through a watch
 * on the file itself. */
static void watch_file(struct follow *follow)
{
	char link[32];

	if (follow->file_watch >= 0)
		(void)inotify_rm_watch(follow->watch_fd,
				       follow->file_watch); /* may be gone with its file */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", follow->fd); /* fits */
	follow->file_watch = inotify_add_watch(follow->watch_fd, link, IN_MODIFY | IN_ATTRIB);
}

/* ── which file ────────────────────────────────────────────────────────────────────────────── */

static void forget_content(struct follow *follow)
{
	follow->held = follow->scanned = follow->handed = 0;
	follow->limit = FOLLOW_STRETCH_MAX;
	follow->passed = 0;
	free(follow->first_line);
	follow->first_line = NULL;
	follow->first_line_size = 0;
}

static void set_first_line(struct follow *follow, const char *line, size_t size)
{
	char *copy = malloc(size + 1);

	if (!copy)
		return; /* stays unknown; the next stretch tries again */
	memcpy(copy, line, size);
	copy[size] = '\0';
	follow->first_line = copy;
	follow->first_line_size = size;
}

/* Reads the file's first line when reading goes on behind it. One that is too long stays unknown,
   as it did when it was passed over. */
static int load_first_line(struct follow *follow, struct fault *fault)
{
	for (size_t size = FIRST_LINE_GUESS_BYTES; size <= FOLLOW_LINE_MAX; size *= 2) {
		CLEANUP(free_text) char *head = malloc(size);
		const char *end;
		ssize_t got;

		if (!head)
			return fault_set(fault, FAULT_MEMORY,
					 "no memory for the first line of '%s'", follow->path);
		got = pread(follow->fd, head, size, 0);
		if (got < 0)
			return fault_errno(fault, errno, "cannot read '%s'", follow->path);
		end = memchr(head, '\n', (size_t)got);
		if (end) {
			set_first_line(follow, head, (size_t)(end - head));
			return 0;
		}
		if ((size_t)got < size)
			return 0;
	}
	return 0;
}

/* Goes on with this open file at the mark. Takes the fd. */
static int adopt(struct follow *follow, int fd, const struct follow_stat *stat,
		 const struct follow_mark *mark, struct fault *fault)
{
	close_fd(&follow->fd);
	follow->fd = fd;
	follow->stat = *stat;
	follow->mark = *mark;
	follow->finishing = false;
	forget_content(follow);
	watch_file(follow);
	return mark->offset > 0 ? load_first_line(follow, fault) : 0;
}

/* finished: bytes of the file before, whether they were handed over or not. */
static int adopt_from_start(struct follow *follow, int fd, const struct follow_stat *stat,
			    uint64_t finished, struct fault *fault)
{
	struct follow_mark mark;

	if (follow_mark_begin(&mark, fd, stat, follow->mark.base + finished) < 0) {
		int error = errno;

		close_fd(&fd);
		return fault_errno(fault, error, "cannot read '%s'", follow->path);
	}
	return adopt(follow, fd, stat, &mark, fault);
}

static int open_fault(const struct follow *follow, int error, struct fault *fault)
{
	if (error == EINVAL)
		return fault_set(fault, FAULT_CONFIG,
				 "'%s' is no regular file; 'log' must name a file that lines are "
				 "appended to",
				 follow->path);
	fault_errno(fault, error, "cannot open '%s' or the directory it is in", follow->path);
	if (fault)
		fault->kind = FAULT_TRANSIENT; /* permissions are corrected while we wait */
	return -1;
}

/* Runs a search that must not be fooled by a rotation in the middle of it. */
static int search(struct follow *follow, struct follow_mark *mark, bool next,
		  struct follow_stat *ret_stat, bool *ret_rotated)
{
	int fd = -1;

	for (int i = 0; i < SEARCH_TRIES_MAX; i++) {
		int error;

		close_fd(&fd);
		drain(follow);
		follow->directory_changed = false;
		fd = next ? follow_find_next(follow->dir_fd, follow->base, mark, ret_stat,
					     ret_rotated)
			  : follow_find(follow->dir_fd, follow->base, mark, ret_stat);
		error = errno;
		drain(follow);
		errno = error;
		if (!follow->directory_changed)
			break;
	}
	return fd;
}

/* Place of the first byte that was not handed over. */
static uint64_t place(const struct follow *follow)
{
	return follow->mark.base + follow->mark.offset;
}

/* The marked file is nowhere, or is another one now. 1: another one was begun; 0: there is none
 * yet. */
static int replace_lost(struct follow *follow, struct fault *fault)
{
	struct follow_mark gone = follow->mark;
	struct follow_stat stat;
	bool rotated, emptied;
	int fd = follow_open(follow->dir_fd, follow->base, true, &stat);

	emptied = fd >= 0 && stat.inode == gone.inode && stat.born_ns == gone.born_ns;
	if (!emptied) {
		close_fd(&fd);
		gone.inode = 0; /* the number may be in use again */
		fd = search(follow, &gone, true, &stat, &rotated);
	}
	if (fd < 0)
		return errno == ENOENT ? 0 : open_fault(follow, errno, fault);
	follow->events->skipped(follow->context, place(follow), 0,
				emptied ? "the file was emptied or written anew while nobody read "
					  "it; what stood behind this "
					  "place, if anything, is lost"
					: "the file that was being read is gone (deleted, "
					  "compressed or moved away while nobody "
					  "read it); what stood behind this place, if anything, is "
					  "lost: let the rotation keep files as they "
					  "are for a day (delaycompress)");
	/* Of the stretch that begins at the mark, pieces may have been committed: the new places
	 * are past any of them. */
	return adopt_from_start(follow, fd, &stat, gone.offset + FOLLOW_LINE_MAX, fault) < 0 ? -1
											     : 1;
}

/* 1: a file is open; 0: there is none yet. */
static int find_file(struct follow *follow, struct fault *fault)
{
	struct follow_stat stat;
	int fd;

	if (follow->fd >= 0)
		return 1;
	if (follow->mark.inode) {
		fd = search(follow, &follow->mark, false, &stat, NULL);
		if (fd >= 0)
			return adopt(follow, fd, &stat, &follow->mark, fault) < 0 ? -1 : 1;
		return errno == ENOENT ? replace_lost(follow, fault)
				       : open_fault(follow, errno, fault);
	}
	fd = follow_open(follow->dir_fd, follow->base, true, &stat);
	if (fd < 0)
		return errno == ENOENT ? 0 : open_fault(follow, errno, fault);
	return adopt_from_start(follow, fd, &stat, 0, fault) < 0 ? -1 : 1;
}

/* The open file may have been emptied or written anew under our feet (copytruncate). */
static int check_content(struct follow *follow, struct fault *fault)
{
	uint64_t known = follow->mark.offset + follow->passed + follow->held,
		 seen = follow->stat.size;
	enum follow_match match;
	int fd;

	if (follow_look(follow->fd, "", false, &follow->stat) < 0)
		return fault_errno(fault, errno, "cannot look at '%s'", follow->path);
	follow->mark.born_ns = follow->stat.born_ns;
	match = follow_mark_match(&follow->mark, follow->fd);
	if (match == FOLLOW_MATCH_FAILED)
		return fault_errno(fault, errno, "cannot read '%s'", follow->path);
	if (match == FOLLOW_MATCH_SAME && follow->stat.size >= known)
		return 0;
	if (seen > follow->mark.offset)
		follow->events->skipped(follow->context, place(follow), seen - follow->mark.offset,
					"the file was emptied before this part was read");
	fd = follow->fd;
	follow->fd = -1;
	return adopt_from_start(follow, fd, &follow->stat, seen > known ? seen : known, fault);
}

/* At the end of the open file: 1: reading goes on (in the next file, or once more in this); 0:
 * nothing to do now. */
static int move_on(struct follow *follow, struct fault *fault)
{
	struct follow_stat stat;
	bool rotated = false;
	uint64_t rest;
	int fd;

	if (follow_look(follow->dir_fd, follow->base, true, &stat) == 0 &&
	    stat.inode == follow->mark.inode && stat.device == follow->stat.device)
		return 0;
	fd = search(follow, &follow->mark, true, &stat, &rotated);
	if (fd < 0) {
		follow->finishing = false;
		return errno == ENOENT ? 0 : open_fault(follow, errno, fault);
	}
	if (stat.size == 0 || !follow->finishing) {
		follow->finishing = stat.size > 0;
		close_fd(&fd);
		return follow->finishing;
	}
	rest = follow->passed + follow->held;
	if (rest)
		follow->events->skipped(follow->context, place(follow), rest,
					"the file was rotated away in the middle of this line");
	return adopt_from_start(follow, fd, &stat, follow->mark.offset + rest, fault) < 0 ? -1 : 1;
}

/* ── lines ─────────────────────────────────────────────────────────────────────────────────── */

static void drop_front(struct follow *follow, size_t size)
{
	follow->held -= size;
	memmove(follow->buffer, follow->buffer + size, follow->held);
	follow->scanned = 0;
}

/* The last stretch was used up: its bytes make room. */
static void drop_handed(struct follow *follow)
{
	if (!follow->handed)
		return;
	drop_front(follow, follow->handed);
	follow->scanned = follow->held; /* the stretch ended with the last newline */
	follow->handed = 0;
	follow->limit = FOLLOW_STRETCH_MAX;
}

/* Looks for the end of a line that is too long. */
static void pass_long_line(struct follow *follow)
{
	const char *end = memchr(follow->buffer, '\n', follow->held);
	uint64_t at = place(follow), size;

	if (!end) {
		follow->passed += follow->held;
		follow->held = follow->scanned = 0;
		return;
	}
	size = follow->passed + (uint64_t)(end + 1 - follow->buffer);
	follow->passed = 0;
	follow->mark.offset += size;
	drop_front(follow, (size_t)(end + 1 - follow->buffer));
	follow->events->skipped(follow->context, at, size, "the line is longer than 1 MiB");
}

/* Hands over the complete lines that are held; false when there is none. */
static bool cut_stretch(struct follow *follow, struct follow_stretch *ret_stretch)
{
	const char *end =
		memrchr(follow->buffer + follow->scanned, '\n', follow->held - follow->scanned);
	size_t size;

	follow->scanned = follow->held;
	if (!end)
		return false;
	size = (size_t)(end + 1 - follow->buffer);
	if (!follow->first_line && follow->mark.offset == 0) {
		const char *line_end = memchr(follow->buffer, '\n', size);

		set_first_line(follow, follow->buffer, (size_t)(line_end - follow->buffer));
	}
	*ret_stretch = (struct follow_stretch){
		.data = follow->buffer,
		.size = size,
		.base = follow->mark.base,
		.offset = follow->mark.offset,
		.first_line = follow->first_line ? follow->first_line : "",
		.first_line_size = follow->first_line_size,
		.name = follow->base,
		.modified_at_ms = follow->stat.modified_at_ms,
	};
	follow->mark.offset += size;
	follow->handed = size;
	return true;
}

/* Makes room behind what is held, or gives the line up as too long. */
static int make_room(struct follow *follow, struct fault *fault)
{
	char *grown;

	if (follow->held < follow->limit)
		return 0;
	if (follow->limit >= FOLLOW_LINE_MAX) {
		follow->passed = follow->held;
		follow->held = follow->scanned = 0;
		return 0;
	}
	follow->limit *= 2;
	if (follow->limit <= follow->capacity)
		return 0;
	grown = realloc(follow->buffer, follow->limit);
	if (!grown)
		return fault_set(fault, FAULT_MEMORY, "no memory for a long line of '%s'",
				 follow->path);
	follow->buffer = grown;
	follow->capacity = follow->limit;
	return 0;
}

/* 1 and a stretch; 0 at the end of the file. */
static int read_lines(struct follow *follow, struct follow_stretch *ret_stretch,
		      struct fault *fault)
{
	for (;;) {
		uint64_t at;
		ssize_t got;

		if (follow->passed)
			pass_long_line(follow);
		if (!follow->passed && cut_stretch(follow, ret_stretch))
			return 1;
		if (make_room(follow, fault) < 0)
			return -1;
		at = follow->mark.offset + follow->passed + follow->held;
		got = pread(follow->fd, follow->buffer + follow->held, follow->limit - follow->held,
			    (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(fault, errno, "cannot read '%s' at byte %llu",
					   follow->path, (unsigned long long)at);
		if (got == 0)
			return 0;
		follow->held += (size_t)got;
		if (follow->stat.size < at + (uint64_t)got)
			follow->stat.size = at + (uint64_t)got;
	}
}

/* ── public ────────────────────────────────────────────────────────────────────────────────── */

int follow_read(struct follow *follow, struct follow_stretch *ret_stretch, struct fault *fault)
{
	drop_handed(follow);
	for (;;) {
		int result;

		follow->stirred = false;
		if (follow->directory_gone)
			return fault_set(fault, FAULT_TRANSIENT,
					 "the directory of '%s' was removed, renamed or unmounted; "
					 "waiting for it to be there again",
					 follow->path);
		result = find_file(follow, fault);
		if (result > 0)
			result = check_content(follow, fault) < 0 ? -1 : 1;
		if (result > 0) {
			result = read_lines(follow, ret_stretch, fault);
			if (result)
				return result;
			result = move_on(follow, fault);
		}
		if (result < 0)
			return -1;
		if (result == 0 && !follow->stirred)
			break;
	}
	follow->told = false;
	return 0;
}

void follow_position(const struct follow *follow, unsigned char ret_position[FOLLOW_POSITION_BYTES])
{
	follow_mark_encode(&follow->mark, ret_position);
}

uint64_t follow_lag_bytes(const struct follow *follow)
{
	if (follow->fd < 0 || follow->stat.size <= follow->mark.offset)
		return 0;
	return follow->stat.size - follow->mark.offset;
}

struct follow *follow_free(struct follow *follow)
{
	if (!follow)
		return NULL;
	if (follow->watch_event)
		event_free(follow->watch_event);
	if (follow->kick)
		event_free(follow->kick);
	close_fd(&follow->watch_fd);
	close_fd(&follow->dir_fd);
	close_fd(&follow->fd);
	free(follow->buffer);
	free(follow->first_line);
	free(follow->path);
	free(follow);
	return NULL;
}

static void free_follow(struct follow **follow)
{
	follow_free(*follow);
}

/* Splits the path, opens the directory and sets the watch on it, before anything is read. */
static int open_directory(struct follow *follow, const char *path, struct fault *fault)
{
	CLEANUP(free_text) char *directory = strdup(path);
	CLEANUP(free_text) char *parent = NULL;
	char *slash = directory ? strrchr(directory, '/') : NULL;

	follow->path = strdup(path);
	if (!directory || !follow->path)
		return fault_set(fault, FAULT_MEMORY, "no memory to follow '%s'", path);
	if (!slash || slash[1] == '\0' || strlen(slash + 1) > NAME_MAX)
		return fault_set(fault, FAULT_CONFIG, "'%s' is no absolute path of a file", path);
	follow->base = follow->path + (slash + 1 - directory);
	slash[slash == directory] = '\0'; /* "/x" is in "/" */
	follow->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (follow->dir_fd < 0)
		goto failed;
	follow->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (follow->watch_fd < 0)
		return fault_errno(
			fault, errno,
			"cannot watch '%s' (is fs.inotify.max_user_instances too small?)", path);
	follow->directory_watch = inotify_add_watch(follow->watch_fd, directory,
						    DIRECTORY_CHANGES | IN_MODIFY | IN_ATTRIB |
							    IN_MOVE_SELF | IN_ONLYDIR);
	if (follow->directory_watch < 0)
		goto failed;
	if (asprintf(&parent, "%s/..", directory) < 0) {
		parent = NULL;
		return fault_set(fault, FAULT_MEMORY, "no memory to follow '%s'", path);
	}
	/* without it, only the removal of the directory goes unseen */
	follow->parent_watch = inotify_add_watch(follow->watch_fd, parent, IN_DELETE | IN_ONLYDIR);
	return 0;
failed:
	fault_errno(fault, errno, "cannot watch directory '%s' of the log", directory);
	if (fault)
		fault->kind = FAULT_TRANSIENT;
	return -1;
}

int follow_new(struct event_base *base, const char *path, const unsigned char *position,
	       const struct follow_events *events, void *context, struct follow **ret_follow,
	       struct fault *fault)
{
	static const struct timeval at_once = { 0, 0 };
	CLEANUP(free_follow) struct follow *follow = calloc(1, sizeof(*follow));

	if (!follow)
		return fault_set(fault, FAULT_MEMORY, "no memory to follow '%s'", path);
	follow->events = events;
	follow->context = context;
	follow->fd = follow->dir_fd = follow->watch_fd = -1;
	follow->directory_watch = follow->parent_watch = follow->file_watch = -1;
	follow->capacity = follow->limit = FOLLOW_STRETCH_MAX;
	if (position && follow_mark_decode(position, &follow->mark, fault) < 0)
		return -1;
	if (open_directory(follow, path, fault) < 0)
		return -1;
	follow->buffer = malloc(follow->capacity);
	follow->watch_event =
		event_new(base, follow->watch_fd, EV_READ | EV_PERSIST, on_watch, follow);
	follow->kick = evtimer_new(base, on_kick, follow);
	if (!follow->buffer || !follow->watch_event || !follow->kick ||
	    event_add(follow->watch_event, NULL) < 0 || event_add(follow->kick, &at_once) < 0)
		return fault_set(fault, FAULT_MEMORY, "no memory to follow '%s'", path);
	/* Held from now on: a rotation before the first read must not hide what is in it. A failure
	 * is told by that read. */
	(void)find_file(follow, NULL);
	*ret_follow = TAKE(follow);
	return 0;
}
