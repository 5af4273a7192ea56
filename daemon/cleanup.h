/* SPDX-License-Identifier: MIT
 *
 * cleanup.h - local ownership by scope (style rule 20).
 *
 *   CLEANUP(free_text) char *text = NULL;    freed when the scope ends
 *   *ret_text = TAKE(text);                  ownership moves out, text becomes NULL
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))
#define TAKE(pointer)                                                                              \
	(__extension__({                                                                           \
		__typeof__(pointer) taken_ = pointer;                                              \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	}))

static inline void free_text(char **text)
{
	free(*text);
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing can be done about a failure here */
}
