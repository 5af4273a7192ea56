/* SPDX-License-Identifier: MIT
 *
 * spool.c - moving documents between incoming/, done/ and failed/ of a source. Main only.
 *
 * Invariant: a document is at any moment in exactly one of the three folders, under a name that
 * nothing else had. Must never: overwrite or delete a document; follow a name that a worker sent
 * out of the folder.
 */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "test_point.h"
#include "write_all.h"

#define SPOOL_MODE   0750
#define REASON_MODE  0640
#define REASON_NAME  ".reason" /* suffix */
#define REASON_TEMP  ".reason-being-written"
#define SUFFIX_BYTES 16 /* room for ".9999" and ".reason" behind a name, with the NUL */

static const char *const folders[] = { "incoming", "done", "failed" };

static void free_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

/* mkdir -p; path is changed and changed back. */
static int make_directories(char *path, struct fault *fault)
{
	char *slash = path;
	struct stat status;

	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST && stat(path, &status) < 0)
			return fault_errno(fault, errno, "cannot make the directory %s", path);
		*slash = '/';
	}
	if (mkdir(path, SPOOL_MODE) < 0 && errno != EEXIST)
		return fault_errno(fault, errno, "cannot make the directory %s", path);
	return 0;
}

/* Not through a link: the spool may be one, its folders may not, or whoever may write into the
 * spool could have us move, make and remove files anywhere. */
static int open_folder(const char *spool, const char *folder, int *ret_fd, struct fault *fault)
{
	char path[SPOOL_PATH_MAX];
	struct stat status;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", spool, folder) >= sizeof(path))
		return fault_set(fault, FAULT_BAD_ARGUMENT, "the spool path %.64s… is too long",
				 spool);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		int error = errno;

		if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
			return fault_set(fault, FAULT_SYSTEM,
					 "the spool folder %s is a symbolic link, which is not "
					 "followed; put a directory there",
					 path);
		return fault_errno(fault, error, "cannot open the spool folder %s", path);
	}
	*ret_fd = fd;
	return 0;
}

/* Renames unless the new name is taken (EEXIST). */
static int rename_new(int from, const char *old_name, int to, const char *new_name)
{
	if (renameat2(from, old_name, to, new_name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* This file system knows no RENAME_NOREPLACE. */
	if (linkat(from, old_name, to, new_name, 0) < 0)
		return -errno;
	return unlinkat(from, old_name, 0) < 0 ? -errno : 0;
}

/* The name with ".COUNT" behind it, cut so that ".reason" fits behind that. */
static void number_name(const char *name, unsigned int count, char ret_name[SPOOL_NAME_MAX])
{
	int room = SPOOL_NAME_MAX - SUFFIX_BYTES;

	if (count)
		(void)snprintf(ret_name, SPOOL_NAME_MAX, "%.*s.%u", room, name, count);
	else
		(void)snprintf(ret_name, SPOOL_NAME_MAX, "%.*s", room, name);
}

static bool ends_in_reason(const char *name)
{
	size_t size = strlen(name);
	size_t suffix = strlen(REASON_NAME);

	return size >= suffix && strcmp(name + size - suffix, REASON_NAME) == 0;
}

/* Returns 0 and the name it got, or SPOOL_GONE. `first` is the first number
 * tried. */
static int move_under_free_name(int from, const char *old_name, int to, const char *name,
				unsigned int first, char ret_name[SPOOL_NAME_MAX],
				struct fault *fault)
{
	char candidate[SPOOL_NAME_MAX];
	unsigned int count;
	int result;

	for (count = first; count <= SPOOL_SUFFIX_MAX; count++) {
		number_name(name, count, candidate);
		result = rename_new(from, old_name, to, candidate);
		if (result == -EEXIST)
			continue;
		if (result == -ENOENT)
			return SPOOL_GONE;
		if (result < 0)
			return fault_errno(fault, -result, "cannot move %s to %s", old_name,
					   candidate);
		(void)memcpy(ret_name, candidate, sizeof(candidate));
		return 0;
	}
	return fault_set(fault, FAULT_SYSTEM,
			 "cannot move %s: all names up to %s are taken; clear the folder", old_name,
			 candidate);
}

static int sync_folder(int fd, const char *spool, struct fault *fault)
{
	if (fsync(fd) < 0)
		return fault_errno(fault, errno, "cannot sync a folder of %s", spool);
	return 0;
}

/* What was moved to the folder goes back to incoming/, where its new name wakes a worker. Returns
 * SPOOL_REPLACED and the name it got, or SPOOL_GONE. */
static int put_back(int folder, const char *moved, int incoming, const char *name,
		    char ret_name[SPOOL_NAME_MAX], struct fault *fault)
{
	char back[SPOOL_NAME_MAX];
	int result = move_under_free_name(folder, moved, incoming, name, 0, back, fault);

	if (result < 0)
		return fault_prefix(fault,
				    "another file took the name '%s' and is '%s' now, unread; move "
				    "it back to incoming/",
				    name, moved);
	if (result > 0)
		return result;
	(void)memcpy(ret_name, back, sizeof(back));
	return SPOOL_REPLACED;
}

/* Of what was moved to that name. Asked after the move, since before it the answer could be wrong
 * at once; nobody else moves files here. */
static bool is_file(int folder, const char *moved, const struct file_identity *file,
		    bool (*same)(const struct file_identity *, const struct file_identity *))
{
	struct file_identity now;
	struct stat status;

	if (!file || fstatat(folder, moved, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return true; /* gone again: there is nothing to put back */
	now = file_identity_of(&status);
	return same(&now, file);
}

static int write_reason(int folder, const char *spool, const char *reason, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	int result;

	/* A new file: what has the name may be a FIFO, which would wait, or a link to another's. */
	(void)unlinkat(folder, REASON_TEMP, 0); /* O_EXCL tells if this failed */
	fd = openat(folder, REASON_TEMP, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, REASON_MODE);
	if (fd < 0)
		return fault_errno(fault, errno, "cannot write %s/failed/%s", spool, REASON_TEMP);
	result = write_all(fd, reason, strlen(reason));
	if (result == 0 && fsync(fd) < 0)
		result = -errno;
	if (result < 0) {
		(void)unlinkat(folder, REASON_TEMP, 0); /* the write's failure is what counts */
		return fault_errno(fault, -result, "cannot write %s/failed/%s", spool, REASON_TEMP);
	}
	return 0;
}

void spool_sweep(const char *spool)
{
	CLEANUP(close_fd) int folder = -1;
	CLEANUP(free_directory) DIR *directory = NULL;
	struct dirent *entry;
	int fd;

	if (open_folder(spool, "incoming", &folder, NULL) < 0)
		return; /* nothing was copied in yet */
	fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return;
	directory = fdopendir(fd);
	if (!directory) {
		(void)close(fd);
		return;
	}
	while ((entry = readdir(directory)))
		if (strncmp(entry->d_name, SPOOL_TEMP, strlen(SPOOL_TEMP)) == 0)
			(void)unlinkat(folder, entry->d_name, 0); /* it only takes room */
}

static void temp_name(unsigned int id, char ret_name[SPOOL_NAME_MAX])
{
	(void)snprintf(ret_name, SPOOL_NAME_MAX, SPOOL_TEMP "%u", id);
}

bool spool_name_ok(const char *name)
{
	size_t i;

	if (!name[0] || name[0] == '.')
		return false;
	for (i = 0; name[i]; i++)
		if (name[i] == '/' || (unsigned char)name[i] < 0x20 || name[i] == 0x7f ||
		    i + 1 >= SPOOL_NAME_MAX)
			return false;
	return true;
}

int spool_create(const char *spool, struct fault *fault)
{
	char path[SPOOL_PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		CLEANUP(close_fd) int fd = -1;

		if ((size_t)snprintf(path, sizeof(path), "%s/%s", spool, folders[i]) >=
		    sizeof(path))
			return fault_set(fault, FAULT_CONFIG,
					 "the spool path %.64s… is too long; shorten 'input'",
					 spool);
		if (make_directories(path, fault) < 0)
			return -1;
		if (open_folder(spool, folders[i], &fd, fault) < 0)
			return -1;
	}
	return 0;
}

int spool_done(const char *spool, const char *name, const struct file_identity *file,
	       char ret_name[SPOOL_NAME_MAX], struct fault *fault)
{
	CLEANUP(close_fd) int from = -1;
	CLEANUP(close_fd) int to = -1;
	int result;

	if (!spool_name_ok(name))
		return fault_set(fault, FAULT_PROTOCOL, "a document's name is not one");
	if (open_folder(spool, "incoming", &from, fault) < 0 ||
	    open_folder(spool, "done", &to, fault) < 0)
		return -1;
	test_point();
	result = move_under_free_name(from, name, to, name, 0, ret_name, fault);
	test_point();
	if (result == 0 && !is_file(to, ret_name, file, file_identity_same))
		result = put_back(to, ret_name, from, name, ret_name, fault);
	if ((result == 0 || result == SPOOL_REPLACED) &&
	    (sync_folder(to, spool, fault) < 0 || sync_folder(from, spool, fault) < 0))
		return -1;
	test_point();
	return result;
}

/* The text is in its place, and on the disk, before the document moves: what is in failed/ has its
   reason, whenever we die. One without a document may stay; the document's next failure replaces
   it. Returns 0 and both names, or SPOOL_GONE. */
static int fail_under_free_name(int from, const char *name, int to, const char *spool,
				char ret_name[SPOOL_NAME_MAX],
				char ret_reason[SPOOL_NAME_MAX + sizeof(REASON_NAME)],
				struct fault *fault)
{
	/* A document called X.reason is numbered, so that the reason of X cannot replace it. */
	for (unsigned int count = ends_in_reason(name) ? 1 : 0; count <= SPOOL_SUFFIX_MAX;
	     count++) {
		struct stat status;
		int result;

		number_name(name, count, ret_name);
		if (fstatat(to, ret_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		(void)snprintf(ret_reason, SPOOL_NAME_MAX + sizeof(REASON_NAME), "%s%s", ret_name,
			       REASON_NAME);
		/* May replace the reason of an earlier failure whose document was taken back to
		 * incoming/. */
		if (renameat(to, REASON_TEMP, to, ret_reason) < 0) {
			if (errno == EISDIR)
				continue; /* somebody's directory has the reason's name */
			return fault_errno(fault, errno, "cannot write %s/failed/%s", spool,
					   ret_reason);
		}
		test_point();
		if (sync_folder(to, spool, fault) < 0)
			return -1;
		result = rename_new(from, name, to, ret_name);
		test_point();
		if (result == 0)
			return 0;
		/* For the next name, or to be removed. */
		(void)renameat(to, ret_reason, to, REASON_TEMP);
		if (result == -ENOENT)
			return SPOOL_GONE;
		if (result != -EEXIST)
			return fault_errno(fault, -result, "cannot move %s to %s", name, ret_name);
	}
	return fault_set(fault, FAULT_SYSTEM,
			 "cannot move %s: all names up to %s are taken; clear the folder", name,
			 ret_name);
}

int spool_failed(const char *spool, const char *name, const struct file_identity *file,
		 const char *reason, char ret_name[SPOOL_NAME_MAX], struct fault *fault)
{
	char reason_name[SPOOL_NAME_MAX + sizeof(REASON_NAME)];
	CLEANUP(close_fd) int from = -1;
	CLEANUP(close_fd) int to = -1;
	int result;

	if (!spool_name_ok(name))
		return fault_set(fault, FAULT_PROTOCOL, "a document's name is not one");
	if (open_folder(spool, "incoming", &from, fault) < 0 ||
	    open_folder(spool, "failed", &to, fault) < 0)
		return -1;
	if (write_reason(to, spool, reason, fault) < 0)
		return -1;
	test_point();
	result = fail_under_free_name(from, name, to, spool, ret_name, reason_name, fault);
	if (result != 0) {
		(void)unlinkat(to, REASON_TEMP, 0); /* the move's failure is what counts */
		return result;
	}
	if (!is_file(to, ret_name, file, file_identity_same_file)) {
		result = put_back(to, ret_name, from, name, ret_name, fault);
		(void)unlinkat(to, reason_name, 0); /* it is not that file's */
		return result;
	}
	if (sync_folder(to, spool, fault) < 0 || sync_folder(from, spool, fault) < 0)
		return -1;
	return 0;
}

int spool_temp_open(const char *spool, unsigned int id, int *ret_fd, struct fault *fault)
{
	CLEANUP(close_fd) int folder = -1;
	char name[SPOOL_NAME_MAX];
	int fd;

	if (open_folder(spool, "incoming", &folder, fault) < 0)
		return -1;
	temp_name(id, name);
	(void)unlinkat(folder, name, 0); /* of an earlier run; O_EXCL tells if this failed */
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return fault_errno(fault, errno, "cannot make %s/incoming/%s", spool, name);
	*ret_fd = fd;
	return 0;
}

void spool_temp_remove(const char *spool, unsigned int id)
{
	CLEANUP(close_fd) int folder = -1;
	char name[SPOOL_NAME_MAX];

	if (open_folder(spool, "incoming", &folder, NULL) < 0)
		return;
	temp_name(id, name);
	(void)unlinkat(folder, name, 0); /* else it is swept at the next start */
}

int spool_temp_publish(const char *spool, unsigned int id, const char *name,
		       char ret_name[SPOOL_NAME_MAX], struct fault *fault)
{
	CLEANUP(close_fd) int folder = -1;
	char temp[SPOOL_NAME_MAX];
	int result;

	if (!spool_name_ok(name))
		return fault_set(fault, FAULT_BAD_ARGUMENT,
				 "a file name is needed, without '/' and not starting with '.'");
	if (open_folder(spool, "incoming", &folder, fault) < 0)
		return -1;
	temp_name(id, temp);
	result = move_under_free_name(folder, temp, folder, name, 0, ret_name, fault);
	if (result == 1)
		return fault_set(fault, FAULT_SYSTEM,
				 "%s/incoming/%s was removed while it was copied", spool, temp);
	if (result < 0)
		return -1;
	return sync_folder(folder, spool, fault);
}

static DIR *open_list(const char *spool, const char *folder, struct fault *fault)
{
	DIR *list;
	int fd;

	if (open_folder(spool, folder, &fd, fault) < 0)
		return NULL;
	list = fdopendir(fd);
	if (!list) {
		(void)fault_errno(fault, errno, "cannot list %s/%s", spool, folder);
		(void)close(fd);
	}
	return list;
}

int spool_again(const char *spool, size_t *ret_count, struct fault *fault)
{
	CLEANUP(free_directory) DIR *done = open_list(spool, "done", fault);
	CLEANUP(close_fd) int incoming = -1;
	char moved[SPOOL_NAME_MAX];
	struct dirent *entry;

	*ret_count = 0;
	if (!done || open_folder(spool, "incoming", &incoming, fault) < 0)
		return -1;
	while ((entry = readdir(done))) {
		struct stat status;

		if (!spool_name_ok(entry->d_name) ||
		    fstatat(dirfd(done), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(status.st_mode))
			continue;
		if (move_under_free_name(dirfd(done), entry->d_name, incoming, entry->d_name, 0,
					 moved, fault) < 0)
			return -1;
		++*ret_count;
	}
	return sync_folder(dirfd(done), spool, fault) < 0 ? -1
							  : sync_folder(incoming, spool, fault);
}

bool spool_waits(const char *spool)
{
	CLEANUP(free_directory) DIR *incoming = open_list(spool, "incoming", NULL);
	struct dirent *entry;

	while (incoming && (entry = readdir(incoming)))
		if (spool_name_ok(entry->d_name))
			return true;
	return false;
}
