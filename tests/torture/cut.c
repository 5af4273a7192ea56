/* SPDX-License-Identifier: MIT
 *
 * cut.c - makes the disk of a machine that lost its power, from the files as they are and the
 * journal of what was done to them (tests/hooks/disk.h). Test programs only. Invariant: what was
 * synced is never touched. Must never run while a daemon uses the files.
 *
 * The model, which promises less than any file system in use does:
 * - What was written to a file is safe when that file was synced after it (fsync, fdatasync). Of
 *   what was not, any part may be on the disk, by sectors of 512 bytes, in any order, and the
 *   file's size with it: a write beyond the end of which only a later part survived leaves zeros.
 * - A name that was made, removed or renamed is safe when its directory was synced after it; a
 *   rename from one directory to another when both were. Syncing a file does not keep its name.
 * - A rename happens or does not. Of changes to names that are not synced any may be lost; what was
 *   done later to the same name, or below it, is then lost too.
 *
 * Which of the possible disks it becomes is one of: everything lost that may be; all as it was at
 * an earlier moment, the last write torn; any part of everything; nothing lost.
 */
#include "cut.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "../hooks/disk_journal.h"

#define SECTOR_BYTES 512u

enum fate { LOST, KEPT, TORN };

struct change {
	struct disk_record record;
	const char *payload; /* in the journal's text */
	char *after;	     /* WRITE: what it wrote, read back before it was undone */
	bool synced[2];	     /* RENAME: the one directory, the other one */
	enum fate fate;
};

struct journal {
	char *text;
	size_t size;
	struct change *changes; /* not synced */
	size_t count, all;
};

/* ── reading the journal ─────────────────────────────────────────────────────────────────────── */

static void read_text(const char *path, struct journal *journal)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	size_t got = 0;

	*journal = (struct journal){ 0 };
	if (fd < 0 && errno == ENOENT)
		return;
	ck_assert_msg(fd >= 0 && fstat(fd, &status) == 0, "%s: %s", path, strerror(errno));
	journal->size = (size_t)status.st_size;
	journal->text = malloc(journal->size + 1);
	ck_assert_ptr_nonnull(journal->text);
	while (got < journal->size) {
		ssize_t some = read(fd, journal->text + got, journal->size - got);

		ck_assert_msg(some > 0, "%s: %s", path, strerror(errno));
		got += (size_t)some;
	}
	(void)close(fd);
}

/* True when the sync of that file or directory made the change safe. */
static bool makes_safe(struct change *change, uint64_t inode)
{
	const struct disk_record *record = &change->record;

	switch ((enum disk_kind)record->kind) {
	case DISK_WRITE:
	case DISK_TRUNCATE:
		return record->inode == inode;
	case DISK_MAKE:
	case DISK_UNLINK:
		return record->parent == inode;
	case DISK_RENAME:
		change->synced[0] |= record->parent == inode;
		change->synced[1] |= record->parent2 == inode;
		return change->synced[0] && change->synced[1];
	case DISK_SYNC:
		break;
	}
	return false;
}

static void apply_sync(struct journal *journal, uint64_t inode)
{
	size_t kept = 0;

	for (size_t i = 0; i < journal->count; i++) {
		if (!makes_safe(&journal->changes[i], inode))
			journal->changes[kept++] = journal->changes[i];
	}
	journal->count = kept;
}

static void read_journal(const char *path, struct journal *journal)
{
	size_t at = 0, room = 0;

	read_text(path, journal);
	while (at + sizeof(struct disk_record) <= journal->size) {
		struct change change = { .payload = journal->text + at + sizeof(change.record) };

		memcpy(&change.record, journal->text + at, sizeof(change.record));
		at += sizeof(change.record) + change.record.payload;
		if (at > journal->size) /* the process was killed while it wrote this one */
			break;
		journal->all++;
		if (change.record.kind == DISK_SYNC) {
			apply_sync(journal, change.record.inode);
			continue;
		}
		if (journal->count == room) {
			room = room ? 2 * room : 1024;
			journal->changes =
				realloc(journal->changes, room * sizeof(*journal->changes));
			ck_assert_ptr_nonnull(journal->changes);
		}
		journal->changes[journal->count++] = change;
	}
}

static void journal_done(struct journal *journal)
{
	for (size_t i = 0; i < journal->count; i++)
		free(journal->changes[i].after);
	free(journal->changes);
	free(journal->text);
}

/* ── names ───────────────────────────────────────────────────────────────────────────────────── */

static bool is_name_change(const struct change *change)
{
	return change->record.kind == DISK_MAKE || change->record.kind == DISK_RENAME ||
	       change->record.kind == DISK_UNLINK;
}

static const char *second(const char *texts)
{
	return texts + strlen(texts) + 1;
}

/* The one, or something below it. */
static bool is_at_or_below(const char *path, const char *other)
{
	size_t size = strlen(other);

	return strncmp(path, other, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

static bool touches(const struct change *change, const char *path)
{
	return is_at_or_below(change->payload, path) ||
	       (change->record.kind == DISK_RENAME &&
		is_at_or_below(second(change->payload), path));
}

static bool depends_on(const struct change *change, const struct change *earlier)
{
	return touches(change, earlier->payload) ||
	       (earlier->record.kind == DISK_RENAME && touches(change, second(earlier->payload)));
}

/* What follows from a lost change is lost. */
static void lose_dependent(struct journal *journal)
{
	for (size_t i = 0; i < journal->count; i++) {
		struct change *change = &journal->changes[i];

		for (size_t j = 0; j < i && is_name_change(change) && change->fate != LOST; j++) {
			if (is_name_change(&journal->changes[j]) &&
			    journal->changes[j].fate == LOST &&
			    depends_on(change, &journal->changes[j]))
				change->fate = LOST;
		}
	}
}

/* What fails was told, and not done any more. */
static void undo_name(const struct change *change)
{
	const char *path = change->payload, *grave;

	if (change->record.kind == DISK_MAKE) {
		(void)remove(path);
		return;
	}
	grave = second(path);
	if (change->record.kind == DISK_RENAME) {
		const char *new_path = grave;

		grave = second(new_path);
		if (access(path, F_OK) == 0)
			return; /* told, and not done any more */
		(void)rename(new_path, path);
		path = new_path;
	}
	if (grave[0] != '\0' && link(grave, path) < 0)
		return; /* it is still there */
}

/* ── contents ────────────────────────────────────────────────────────────────────────────────── */

/* An open file below the directory by its inode, or -1. */
static int open_inode(const char *directory, uint64_t inode)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;
	int fd = -1;

	while (entries && fd < 0 && (entry = readdir(entries))) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			fd = open_inode(path, inode);
		else if (entry->d_type == DT_REG && entry->d_ino == inode)
			fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (entries)
		(void)closedir(entries);
	return fd;
}

static void put_bytes(int fd, const char *data, size_t size, uint64_t offset)
{
	ck_assert_int_eq(pwrite(fd, data, size, (off_t)offset), (ssize_t)size);
}

static void undo_write(struct change *change, int fd)
{
	const struct disk_record *record = &change->record;

	if (record->kind == DISK_WRITE) {
		change->after = calloc(1, record->size + 1);
		ck_assert_ptr_nonnull(change->after);
		ck_assert_int_ge(pread(fd, change->after, record->size, (off_t)record->offset), 0);
	}
	put_bytes(fd, change->payload, record->payload, record->offset);
	ck_assert_int_eq(ftruncate(fd, (off_t)record->old_size), 0);
}

static void redo_write(const struct change *change, int fd, struct chance *chance)
{
	const struct disk_record *record = &change->record;

	if (record->kind == DISK_TRUNCATE) {
		ck_assert_int_eq(ftruncate(fd, (off_t)record->offset), 0);
		return;
	}
	for (uint64_t at = 0, size; at < record->size; at += size) {
		/* Up to the next boundary of a sector of the file. */
		size = SECTOR_BYTES - (record->offset + at) % SECTOR_BYTES;
		if (size > record->size - at)
			size = record->size - at;
		if (change->fate == KEPT || chance_one_in(chance, 2))
			put_bytes(fd, change->after + at, size, record->offset + at);
	}
}

static bool is_of(const struct change *change, uint64_t inode)
{
	return !is_name_change(change) && change->record.inode == inode;
}

/* All of a file's writes are undone, the last one first, and those that survived made again. */
static void write_anew(struct journal *journal, size_t first, const char *root,
		       struct chance *chance)
{
	uint64_t inode = journal->changes[first].record.inode;
	int fd = open_inode(root, inode);

	if (fd < 0)
		return; /* the file is gone, or was lost with its name */
	for (size_t i = journal->count; i-- > first;) {
		if (is_of(&journal->changes[i], inode))
			undo_write(&journal->changes[i], fd);
	}
	for (size_t i = first; i < journal->count; i++) {
		if (is_of(&journal->changes[i], inode) && journal->changes[i].fate != LOST)
			redo_write(&journal->changes[i], fd, chance);
	}
	(void)close(fd);
}

static void write_all_anew(struct journal *journal, const char *root, struct chance *chance)
{
	for (size_t i = 0; i < journal->count; i++) {
		bool first = !is_name_change(&journal->changes[i]);

		for (size_t j = 0; j < i && first; j++)
			first = !is_of(&journal->changes[j], journal->changes[i].record.inode);
		if (first)
			write_anew(journal, i, root, chance);
	}
}

/* ── what survives ───────────────────────────────────────────────────────────────────────────── */

static const char *decide(struct journal *journal, struct chance *chance)
{
	static const char *const names[] = { "all lost", "an earlier moment", "an earlier moment",
					     "any part", "any part",	      "nothing lost" };
	size_t kind = chance_of(chance, sizeof(names) / sizeof(names[0]));
	size_t moment = chance_of(chance, journal->count + 1);
	uint64_t lost_of_four = 1 + chance_of(chance, 3);

	for (size_t i = 0; i < journal->count; i++) {
		struct change *change = &journal->changes[i];

		change->fate = KEPT;
		if (kind == 0)
			change->fate = LOST;
		else if (kind <= 2 && i >= moment)
			change->fate = i == moment && !is_name_change(change) ? TORN : LOST;
		else if (kind >= 3 && kind <= 4 && chance_of(chance, 4) < lost_of_four)
			change->fate =
				!is_name_change(change) && chance_one_in(chance, 2) ? TORN : LOST;
	}
	lose_dependent(journal);
	return names[kind];
}

/* Files of a directory whose names end so; "" = all. */
static void remove_files(const char *directory, const char *suffix)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		size_t size = strlen(entry->d_name), end = strlen(suffix);

		if (entry->d_type != DT_DIR && size >= end &&
		    strcmp(entry->d_name + size - end, suffix) == 0)
			(void)unlinkat(dirfd(entries), entry->d_name, 0);
	}
	if (entries)
		(void)closedir(entries);
}

void cut_power(const char *root, const char *journal_path, struct chance *chance,
	       struct cut *ret_cut)
{
	struct journal journal;
	char path[PATH_MAX];

	read_journal(journal_path, &journal);
	*ret_cut = (struct cut){ .how = decide(&journal, chance), .pending = journal.count };
	for (size_t i = journal.count; i-- > 0;) {
		ret_cut->undone += journal.changes[i].fate != KEPT;
		if (is_name_change(&journal.changes[i]) && journal.changes[i].fate == LOST)
			undo_name(&journal.changes[i]);
	}
	if (ret_cut->undone > 0)
		write_all_anew(&journal, root, chance);
	journal_done(&journal);
	(void)snprintf(path, sizeof(path), "%s/state", root);
	remove_files(path, "-shm"); /* not of the disk: SQLite makes it anew */
	(void)unlink(journal_path);
	(void)snprintf(path, sizeof(path), "%s.grave", journal_path);
	remove_files(path, "");
}

size_t cut_shorten(const char *journal_path)
{
	struct journal journal;
	size_t all;
	FILE *out;

	read_journal(journal_path, &journal);
	all = journal.all;
	out = fopen(journal_path, "we");
	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < journal.count; i++) {
		const struct change *change = &journal.changes[i];

		ck_assert_uint_eq(fwrite(&change->record, sizeof(change->record), 1, out), 1);
		ck_assert_uint_eq(fwrite(change->payload, 1, change->record.payload, out),
				  change->record.payload);
		/* The syncs that a rename has seen already. */
		for (int side = 0; side < 2; side++) {
			struct disk_record sync = { .kind = DISK_SYNC,
						    .inode = side ? change->record.parent2
								  : change->record.parent };

			if (change->record.kind == DISK_RENAME && change->synced[side])
				ck_assert_uint_eq(fwrite(&sync, sizeof(sync), 1, out), 1);
		}
	}
	ck_assert_int_eq(fclose(out), 0);
	journal_done(&journal);
	return all;
}
