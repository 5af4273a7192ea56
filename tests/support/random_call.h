/* SPDX-License-Identifier: MIT
 *
 * random_call.h - the members that introspection shows, and calls of them with arguments that are
 * random by their signature. The same seed gives the same calls. Test programs only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <dbus/dbus.h>

#define MEMBERS_MAX	     256
#define MEMBER_SIGNATURE_MAX 32

struct member {
	char path[256], interface[128], name[64];
	char in[MEMBER_SIGNATURE_MAX];
};

struct members {
	struct member items[MEMBERS_MAX];
	size_t count;
};

/* Adds the methods of all interfaces in the introspection data of that object. */
void members_add(struct members *members, const char *path, const char *xml);

/* words: texts that mean something to the service, among which some are hit; NULL ends. */
struct random_source {
	uint64_t state;
	const char *const *words;
	unsigned int variants; /* that are open */
	unsigned int values;   /* in this message */
};

/* 0 … below - 1 */
uint32_t random_below(struct random_source *source, uint32_t below);
/* Values of that signature. */
void random_append(struct random_source *source, DBusMessageIter *to, const char *signature);
/* Any signature at all, at most so deep. */
void random_signature(struct random_source *source, int depth, char *buffer, size_t size);
