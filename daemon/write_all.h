/* SPDX-License-Identifier: MIT
 *
 * write_all.h - writing everything to a blocking fd, whatever write(2) takes at once.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

/* 0, or -errno; -EIO where nothing more is taken without a reason. */
static inline int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t written = write(fd, at, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written ? -errno : -EIO;
		at += written;
		size -= (size_t)written;
	}
	return 0;
}
