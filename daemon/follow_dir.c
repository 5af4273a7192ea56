/* SPDX-License-Identifier: MIT
 *
 * follow_dir.c - finding files of a rotated log: the one that a position is about, whatever it is
 * called now, and the one that comes after it.
 *
 * Worker only. Invariant: a file is recognised by inode and first bytes, never by its name; names
 * only say which files may be predecessors of the log. Must never open anything that could block
 * (FIFOs), and no link except the configured name.
 *
 * Age is the time of creation: it does not change when somebody writes late into a rotated file, or
 * touches it. The kernel's clock for it ticks every few milliseconds, so that equal ages happen;
 * then the name decides: of numbers the larger is the older (BASE.2 before BASE.1), of dates the
 * smaller.
 */
#include "follow_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cleanup.h"

#define NUMBER_DIGITS_MAX 4u /* longer runs of digits are dates */

int follow_look(int fd, const char *name, bool follow_link, struct follow_stat *ret_stat)
{
	int flags = *name == '\0' ? AT_EMPTY_PATH : follow_link ? 0 : AT_SYMLINK_NOFOLLOW;
	const struct statx_timestamp *born;
	struct statx x;

	if (statx(fd, name, flags, STATX_BASIC_STATS | STATX_BTIME, &x) < 0)
		return -1;
	born = x.stx_mask & STATX_BTIME ? &x.stx_btime : &x.stx_mtime;
	*ret_stat = (struct follow_stat){
		.device = makedev(x.stx_dev_major, x.stx_dev_minor),
		.inode = x.stx_ino,
		.size = x.stx_size,
		.born_ns = born->tv_sec * INT64_C(1000000000) + born->tv_nsec,
		.modified_at_ms =
			x.stx_mtime.tv_sec * INT64_C(1000) + x.stx_mtime.tv_nsec / 1000000,
		.regular = S_ISREG(x.stx_mode),
	};
	return 0;
}

int follow_open(int dir_fd, const char *name, bool follow_link, struct follow_stat *ret_stat)
{
	CLEANUP(close_fd)
	int fd = openat(dir_fd, name,
			O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
				(follow_link ? 0 : O_NOFOLLOW));
	int opened;

	if (fd < 0 || follow_look(fd, "", false, ret_stat) < 0)
		return -1;
	if (!ret_stat->regular) {
		errno = EINVAL;
		return -1;
	}
	opened = fd;
	fd = -1;
	return opened;
}

/* ".1", "-20261124", ".2026-11-24T06": a separator, a digit, then digits and separators up to the
 * end. */
static bool is_turn(const char *text, size_t size)
{
	if (size < 2 || !strchr(".-_", text[0]) || text[1] < '0' || text[1] > '9')
		return false;
	for (size_t i = 2; i < size; i++) {
		if (!strchr("0123456789.-_T:", text[i]))
			return false;
	}
	return true;
}

/* The part of NAME that tells one rotation from another; its size, 0 when the name is of no rotated
 * file of BASE. */
static size_t turn_of(const char *base, const char *name, const char **ret_turn)
{
	size_t base_size = strlen(base), name_size = strlen(name), stem_size, tail_size;
	const char *dot = strrchr(base, '.');

	if (name_size > base_size && memcmp(name, base, base_size) == 0 &&
	    is_turn(name + base_size, name_size - base_size)) {
		*ret_turn = name + base_size;
		return name_size - base_size;
	}
	if (!dot || dot == base || name_size <= base_size)
		return 0;
	stem_size = (size_t)(dot - base);
	tail_size = base_size - stem_size;
	if (memcmp(name, base, stem_size) != 0 || strcmp(name + name_size - tail_size, dot) != 0 ||
	    !is_turn(name + stem_size, name_size - base_size))
		return 0;
	*ret_turn = name + stem_size;
	return name_size - base_size;
}

bool follow_is_rotated(const char *base, const char *name)
{
	const char *unused;

	return turn_of(base, name, &unused) > 0;
}

static bool is_number(const char *turn, size_t size)
{
	return size - 1 <= NUMBER_DIGITS_MAX && strspn(turn + 1, "0123456789") >= size - 1;
}

/* Order of two rotated files by name: negative when a was rotated away before b. */
static int compare_names(const char *base, const char *a, const char *b)
{
	const char *turn_a, *turn_b;
	size_t size_a = turn_of(base, a, &turn_a), size_b = turn_of(base, b, &turn_b);
	size_t shorter = size_a < size_b ? size_a : size_b;
	int order;

	if (!size_a || !size_b)
		return (size_a == 0) - (size_b == 0); /* the configured name is the youngest */
	if (is_number(turn_a, size_a) && is_number(turn_b, size_b)) {
		if (size_a != size_b)
			return size_a > size_b ? -1 : 1;
		return memcmp(turn_b + 1, turn_a + 1, size_a - 1);
	}
	order = memcmp(turn_a + 1, turn_b + 1, shorter - 1);
	return order ? order : (size_a > size_b) - (size_a < size_b);
}

static int compare_ages(const char *base, int64_t born_a, const char *a, int64_t born_b,
			const char *b)
{
	if (born_a != born_b)
		return born_a < born_b ? -1 : 1;
	return compare_names(base, a, b);
}

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory); /* was only read */
}

/* The directory again, from its start, on a descriptor of its own: a sandboxed worker could not
 * open it anew. */
static DIR *list(int dir_fd)
{
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory && fd >= 0)
		(void)close(fd); /* nothing was done with it */
	if (directory)
		rewinddir(directory);
	return directory;
}

/* The open file is the marked one. The device number may differ after a reboot; then the hash must
 * speak for it. */
static bool is_marked(int fd, const struct follow_stat *stat, struct follow_mark *mark)
{
	if (stat->inode != mark->inode || stat->size < mark->offset)
		return false;
	if (stat->device != mark->device && mark->covered == 0)
		return false;
	if (follow_mark_match(mark, fd) != FOLLOW_MATCH_SAME)
		return false;
	mark->device = stat->device;
	return true;
}

int follow_find(int dir_fd, const char *base, struct follow_mark *mark,
		struct follow_stat *ret_stat)
{
	CLEANUP(close_directory) DIR *directory = NULL;
	const struct dirent *entry;
	int fd = follow_open(dir_fd, base, true, ret_stat);

	if (fd >= 0 && is_marked(fd, ret_stat, mark))
		return fd;
	close_fd(&fd);
	directory = list(dir_fd);
	if (!directory)
		return -1;
	while ((entry = readdir(directory))) {
		if (follow_look(dir_fd, entry->d_name, false, ret_stat) < 0 || !ret_stat->regular ||
		    ret_stat->inode != mark->inode)
			continue;
		fd = follow_open(dir_fd, entry->d_name, false, ret_stat);
		if (fd >= 0 && is_marked(fd, ret_stat, mark))
			return fd;
		close_fd(&fd);
	}
	errno = ENOENT;
	return -1;
}

/* Copies the name that the marked file has now; false when it has none here. */
static bool name_of_marked(int dir_fd, DIR *directory, const struct follow_mark *mark,
			   char *ret_name, size_t size)
{
	const struct dirent *entry;
	struct follow_stat stat;

	rewinddir(directory);
	while ((entry = readdir(directory))) {
		if (follow_look(dir_fd, entry->d_name, false, &stat) < 0 ||
		    stat.inode != mark->inode || stat.device != mark->device ||
		    strlen(entry->d_name) >= size)
			continue;
		memcpy(ret_name, entry->d_name, strlen(entry->d_name) + 1);
		return true;
	}
	return false;
}

/* The oldest of the rotated files with content that are younger than the marked one; false when
 * there is none. */
static bool oldest_younger(int dir_fd, DIR *directory, const char *base,
			   const struct follow_mark *mark, char ret_name[NAME_MAX + 1])
{
	char marked[NAME_MAX + 1] = "";
	const struct dirent *entry;
	struct follow_stat stat;
	int64_t born_ns = 0;
	bool named = name_of_marked(dir_fd, directory, mark, marked, sizeof(marked));

	ret_name[0] = '\0';
	rewinddir(directory);
	while ((entry = readdir(directory))) {
		if (!follow_is_rotated(base, entry->d_name) ||
		    follow_look(dir_fd, entry->d_name, false, &stat) < 0 || !stat.regular ||
		    stat.size == 0 || stat.inode == mark->inode)
			continue;
		if (named ? compare_ages(base, mark->born_ns, marked, stat.born_ns,
					 entry->d_name) >= 0
			  : stat.born_ns <= mark->born_ns)
			continue;
		if (ret_name[0] &&
		    compare_ages(base, born_ns, ret_name, stat.born_ns, entry->d_name) <= 0)
			continue;
		born_ns = stat.born_ns;
		memcpy(ret_name, entry->d_name, strlen(entry->d_name) + 1);
	}
	return ret_name[0] != '\0';
}

int follow_find_next(int dir_fd, const char *base, const struct follow_mark *mark,
		     struct follow_stat *ret_stat, bool *ret_rotated)
{
	CLEANUP(close_directory) DIR *directory = list(dir_fd);
	char name[NAME_MAX + 1];
	int fd;

	if (!directory)
		return -1;
	*ret_rotated = oldest_younger(dir_fd, directory, base, mark, name);
	fd = *ret_rotated ? follow_open(dir_fd, name, false, ret_stat)
			  : follow_open(dir_fd, base, true, ret_stat);
	if (fd >= 0 && ret_stat->inode == mark->inode && ret_stat->device == mark->device) {
		close_fd(&fd);
		errno = ENOENT; /* still the same */
		return -1;
	}
	return fd;
}
