/* SPDX-License-Identifier: MIT
 *
 * inbox.c - watching incoming/ of a spool and offering its files one by one.
 *
 * Worker only. Invariant: `entries` is sorted by name; every file that was closed or renamed in
 * since it was last offered has an entry with `pending`, or `rescan` is set. Must never poll,
 * follow a link, open what could block, or offer the same bytes twice because the same event was
 * told twice.
 */
#include "inbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <event2/event.h>

#include "cleanup.h"
#include "log.h"

#define INBOX_ENTRIES_MAX                                                                          \
	65536u /* files known at once; the others are seen when these are gone                     \
		*/
#define EVENTS_BYTES 4096u

#define FILE_CAME      (IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB)
#define FILE_MADE      IN_CREATE /* all that is heard of a directory, link or FIFO */
#define FILE_WENT      (IN_DELETE | IN_MOVED_FROM)
#define DIRECTORY_GONE (IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

_Static_assert(EVENTS_BYTES >= sizeof(struct inotify_event) + NAME_MAX + 1, "room for any event");
_Static_assert(sizeof(((struct inbox_file *)0)->name) > NAME_MAX, "room for any name");

/* When all of this is as it was, the file is the one that was offered. */
struct identity {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

struct entry {
	char *name;
	struct identity offered; /* inode 0: never */
	bool pending;		 /* to be looked at */
	bool present;		 /* found by the scan that is going on */
	bool told;		 /* that it is no regular file */
};

struct inbox {
	const struct inbox_events *events;
	void *context;
	char *directory;
	int dir_fd, watch_fd, watch;
	struct event *watch_event, *kick;
	bool told; /* ready() was called and inbox_next() has not said 0 since */
	bool rescan, gone;

	struct entry *entries;
	size_t count, capacity;
	size_t first_pending; /* no entry before this one is pending */
};

/* ── the entries ───────────────────────────────────────────────────────────────────────────── */

/* Index of the first entry whose name is not less. */
static size_t lower_bound(const struct inbox *inbox, const char *name)
{
	size_t low = 0, high = inbox->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(inbox->entries[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *find_entry(const struct inbox *inbox, const char *name)
{
	size_t at = lower_bound(inbox, name);

	return at < inbox->count && strcmp(inbox->entries[at].name, name) == 0 ? &inbox->entries[at]
									       : NULL;
}

static void mark_pending(struct inbox *inbox, struct entry *entry)
{
	size_t at = (size_t)(entry - inbox->entries);

	entry->pending = true;
	if (at < inbox->first_pending)
		inbox->first_pending = at;
}

/* Puts a new pending entry at that place. False when there is no room: the file stays for a later
 * scan. */
static bool insert_entry(struct inbox *inbox, size_t at, const char *name)
{
	char *copy;

	if (inbox->count == INBOX_ENTRIES_MAX)
		return false;
	if (inbox->count == inbox->capacity) {
		size_t capacity = inbox->capacity ? inbox->capacity * 2 : 16;
		struct entry *grown = reallocarray(inbox->entries, capacity, sizeof(*grown));

		if (!grown)
			return false;
		inbox->entries = grown;
		inbox->capacity = capacity;
	}
	copy = strdup(name);
	if (!copy)
		return false;
	memmove(&inbox->entries[at + 1], &inbox->entries[at],
		(inbox->count - at) * sizeof(*inbox->entries));
	inbox->entries[at] = (struct entry){ .name = copy, .pending = true, .present = true };
	inbox->count++;
	if (at < inbox->first_pending)
		inbox->first_pending = at;
	return true;
}

static void remove_entry(struct inbox *inbox, struct entry *entry)
{
	size_t at = (size_t)(entry - inbox->entries);

	free(entry->name);
	inbox->count--;
	memmove(entry, entry + 1, (inbox->count - at) * sizeof(*entry));
	if (at < inbox->first_pending)
		inbox->first_pending--;
}

/* ── being woken ───────────────────────────────────────────────────────────────────────────── */

/* IN_DELETE_SELF does not come while we hold the directory open; its parent tells. */
static bool was_removed(int dir_fd)
{
	struct stat stat;

	return fstat(dir_fd, &stat) == 0 && stat.st_nlink == 0;
}

/* What could block, or end a writer's waiting, must not be opened to find out. */
static bool is_irregular(const struct inbox *inbox, const char *name)
{
	struct stat stat;

	return fstatat(inbox->dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       !S_ISREG(stat.st_mode);
}

static void note_event(struct inbox *inbox, const struct inotify_event *event)
{
	struct entry *entry;

	if (event->mask & DIRECTORY_GONE ||
	    (event->wd != inbox->watch && was_removed(inbox->dir_fd)))
		inbox->gone = true;
	if (event->mask & IN_Q_OVERFLOW)
		inbox->rescan = true;
	if (event->wd != inbox->watch || event->len == 0 || event->name[0] == '.')
		return;
	entry = find_entry(inbox, event->name);
	if (event->mask & FILE_WENT && entry)
		remove_entry(inbox, entry);
	if (!(event->mask & FILE_CAME) &&
	    !(event->mask & FILE_MADE && is_irregular(inbox, event->name)))
		return;
	if (entry)
		mark_pending(inbox, entry);
	else if (!insert_entry(inbox, lower_bound(inbox, event->name), event->name))
		inbox->rescan = true;
}

static void drain(struct inbox *inbox)
{
	_Alignas(struct inotify_event) char events[EVENTS_BYTES];
	ssize_t got;

	while ((got = read(inbox->watch_fd, events, sizeof(events))) > 0) {
		for (char *at = events; at < events + got;) {
			const struct inotify_event *event = (const void *)at;

			note_event(inbox, event);
			at += sizeof(*event) + event->len;
		}
	}
}

static bool has_work(const struct inbox *inbox)
{
	return inbox->rescan || inbox->gone || inbox->first_pending < inbox->count;
}

static void tell_ready(struct inbox *inbox)
{
	if (inbox->told)
		return;
	inbox->told = true;
	inbox->events->ready(inbox->context);
}

static void on_watch(evutil_socket_t fd, short what, void *context)
{
	struct inbox *inbox = context;

	(void)fd;
	(void)what;
	drain(inbox);
	if (has_work(inbox))
		tell_ready(inbox);
}

static void on_kick(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	tell_ready(context);
}

/* ── looking into the directory ────────────────────────────────────────────────────────────── */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory); /* was only read */
}

/* Marks what is there as pending; forgets what is not. New names are put behind the sorted ones and
 * sorted in at the end. */
static int scan(struct inbox *inbox, struct fault *fault)
{
	int fd = fcntl(inbox->dir_fd, F_DUPFD_CLOEXEC,
		       3); /* a sandboxed worker could not open it anew */
	CLEANUP(close_directory) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	size_t known, kept = 0, all;
	const struct dirent *entry;

	if (!directory) {
		int error = errno;

		close_fd(&fd);
		return fault_errno(fault, error, "cannot list '%s'", inbox->directory);
	}
	drain(inbox);
	known = inbox->count;
	inbox->rescan = false;
	for (size_t i = 0; i < known; i++)
		inbox->entries[i].present = false;
	rewinddir(directory);
	while ((entry = readdir(directory))) {
		struct entry *old;

		if (entry->d_name[0] == '.')
			continue;
		all = inbox->count;
		inbox->count = known;
		old = find_entry(inbox, entry->d_name);
		inbox->count = all;
		if (old)
			old->present = old->pending = true;
		else if (!insert_entry(inbox, inbox->count, entry->d_name))
			inbox->rescan = true; /* when there is room again */
	}
	for (size_t i = 0; i < inbox->count; i++) {
		if (inbox->entries[i].present)
			inbox->entries[kept++] = inbox->entries[i];
		else
			free(inbox->entries[i].name);
	}
	inbox->count = kept;
	if (kept)
		qsort(inbox->entries, kept, sizeof(*inbox->entries), by_name);
	inbox->first_pending = 0;
	return 0;
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

/* Said once, until the name is gone or is a file. */
static int leave_irregular(const struct inbox *inbox, struct entry *entry)
{
	char quoted[4 * NAME_MAX + 3];

	if (entry->told)
		return 0;
	entry->told = true;
	log_write(LOG_WARNING, LOG_TOKEN_WORKER, NULL,
		  "%s in '%s' is no regular file, leaving it there; copy the file itself here",
		  log_quote(quoted, sizeof(quoted), entry->name, strlen(entry->name)),
		  inbox->directory);
	return 0;
}

/* An entry whose file cannot be opened: gone, a link or device, or not ours to read. -1 when it is
 * not the file's fault. */
static int cannot_open(struct inbox *inbox, struct entry *entry, int error, struct fault *fault)
{
	char name[128];

	log_quote(name, sizeof(name), entry->name, strlen(entry->name));
	switch (error) {
	case ENOENT:
		remove_entry(inbox, entry);
		return 0;
	case ELOOP: /* a symbolic link */
	case ENXIO: /* a socket or a device */
	case ENODEV:
		return leave_irregular(inbox, entry);
	case EACCES:
	case EPERM:
		log_write(
			LOG_WARNING, LOG_TOKEN_WORKER, NULL,
			"cannot open %s in '%s': %s; it is left there until its permissions change",
			name, inbox->directory, strerror(error));
		return 0;
	default:
		entry->pending = true;
		return fault_errno(fault, error, "cannot open %s in '%s'", name, inbox->directory);
	}
}

/* Opens a pending entry's file: 1 and the file, 0 when it is not to be offered, -1. The entry may
   be gone afterwards. */
static int offer(struct inbox *inbox, struct entry *entry, struct inbox_file *ret_file,
		 struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	struct identity identity;
	struct stat stat;

	entry->pending = false;
	if (is_irregular(inbox, entry->name))
		return leave_irregular(inbox, entry);
	fd = openat(inbox->dir_fd, entry->name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return cannot_open(inbox, entry, errno, fault);
	if (fstat(fd, &stat) < 0)
		return cannot_open(inbox, entry, errno, fault);
	if (!S_ISREG(stat.st_mode))
		return leave_irregular(inbox, entry);
	entry->told = false;
	identity = (struct identity){ stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtim };
	if (same_identity(&identity, &entry->offered))
		return 0;
	entry->offered = identity;
	memcpy(ret_file->name, entry->name, strlen(entry->name) + 1);
	ret_file->fd = fd;
	ret_file->size = (uint64_t)stat.st_size;
	ret_file->modified_at_ms =
		stat.st_mtim.tv_sec * INT64_C(1000) + stat.st_mtim.tv_nsec / 1000000;
	fd = -1; /* the caller's */
	return 1;
}

/* ── public ────────────────────────────────────────────────────────────────────────────────── */

int inbox_next(struct inbox *inbox, struct inbox_file *ret_file, struct fault *fault)
{
	bool scanned = false;

	for (;;) {
		if (inbox->gone)
			return fault_set(fault, FAULT_TRANSIENT,
					 "the directory '%s' was removed, renamed or unmounted; "
					 "waiting for it to be there again",
					 inbox->directory);
		while (inbox->first_pending < inbox->count) {
			struct entry *entry = &inbox->entries[inbox->first_pending];
			int offered;

			if (!entry->pending) {
				inbox->first_pending++;
				continue;
			}
			offered = offer(inbox, entry, ret_file, fault);
			if (offered)
				return offered;
		}
		if (!inbox->rescan || scanned)
			break;
		if (scan(inbox, fault) < 0)
			return -1;
		scanned = true;
	}
	if (inbox->rescan && inbox->count == INBOX_ENTRIES_MAX)
		return fault_set(fault, FAULT_TRANSIENT,
				 "%u files were read and still lie in '%s', and there are more; "
				 "move them away",
				 INBOX_ENTRIES_MAX, inbox->directory);
	inbox->told = false;
	return 0;
}

struct inbox *inbox_free(struct inbox *inbox)
{
	if (!inbox)
		return NULL;
	if (inbox->watch_event)
		event_free(inbox->watch_event);
	if (inbox->kick)
		event_free(inbox->kick);
	close_fd(&inbox->watch_fd);
	close_fd(&inbox->dir_fd);
	for (size_t i = 0; i < inbox->count; i++)
		free(inbox->entries[i].name);
	free(inbox->entries);
	free(inbox->directory);
	free(inbox);
	return NULL;
}

static void free_inbox(struct inbox **inbox)
{
	inbox_free(*inbox);
}

/* The watch stands before the first scan, so that nothing falls between. */
static int watch_directory(struct inbox *inbox, struct fault *fault)
{
	CLEANUP(free_text) char *parent = NULL;

	/* Not through a link, as in spool.c: what lies elsewhere is not ours to read. */
	inbox->dir_fd = open(inbox->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (inbox->dir_fd < 0)
		return fault_errno(fault, errno, "cannot open the directory '%s'",
				   inbox->directory);
	inbox->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (inbox->watch_fd < 0)
		return fault_errno(
			fault, errno,
			"cannot watch '%s' (is fs.inotify.max_user_instances too small?)",
			inbox->directory);
	inbox->watch = inotify_add_watch(inbox->watch_fd, inbox->directory,
					 FILE_CAME | FILE_MADE | FILE_WENT | IN_MOVE_SELF |
						 IN_ONLYDIR | IN_DONT_FOLLOW);
	if (inbox->watch < 0)
		return fault_errno(fault, errno,
				   "cannot watch '%s' (is fs.inotify.max_user_watches too small?)",
				   inbox->directory);
	if (asprintf(&parent, "%s/..", inbox->directory) < 0) {
		parent = NULL;
		return fault_set(fault, FAULT_MEMORY, "no memory to watch '%s'", inbox->directory);
	}
	/* without it, only the removal of the directory goes unseen */
	(void)inotify_add_watch(inbox->watch_fd, parent, IN_DELETE | IN_ONLYDIR);
	return 0;
}

int inbox_new(struct event_base *base, const char *directory, const struct inbox_events *events,
	      void *context, struct inbox **ret_inbox, struct fault *fault)
{
	static const struct timeval at_once = { 0, 0 };
	CLEANUP(free_inbox) struct inbox *inbox = calloc(1, sizeof(*inbox));

	if (!inbox)
		return fault_set(fault, FAULT_MEMORY, "no memory to watch '%s'", directory);
	inbox->events = events;
	inbox->context = context;
	inbox->dir_fd = inbox->watch_fd = -1;
	inbox->rescan = true;
	inbox->directory = strdup(directory);
	if (!inbox->directory)
		return fault_set(fault, FAULT_MEMORY, "no memory to watch '%s'", directory);
	if (watch_directory(inbox, fault) < 0) {
		if (fault)
			fault->kind = FAULT_TRANSIENT; /* permissions and limits are corrected while
							  we wait */
		return -1;
	}
	inbox->watch_event =
		event_new(base, inbox->watch_fd, EV_READ | EV_PERSIST, on_watch, inbox);
	inbox->kick = evtimer_new(base, on_kick, inbox);
	if (!inbox->watch_event || !inbox->kick || event_add(inbox->watch_event, NULL) < 0 ||
	    event_add(inbox->kick, &at_once) < 0)
		return fault_set(fault, FAULT_MEMORY, "no memory to watch '%s'", directory);
	*ret_inbox = TAKE(inbox);
	return 0;
}
