/* SPDX-License-Identifier: MIT
 *
 * random_call.c - owns how hostile a random argument is. Test programs only. Invariant: what it
 * makes is valid D-Bus (libdbus ends a process that sends anything else), and follows from the seed
 * alone. Must never make a message that the bus refuses for its size.
 */
#include "random_call.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <expat.h>

#define HUGE_TEXT_BYTES (256u << 10)
#define VARIANTS_MAX	3     /* in each other: each may be an array of more */
#define VALUES_MAX	1000u /* of a message, after which arrays are empty */
#define HUGE_ARRAY	20000u

/* ── what there is ─────────────────────────────────────────────────────────────────────────── */

struct reading {
	struct members *members;
	const char *path;
	char interface[128];
	struct member *method;
};

static const char *attribute(const XML_Char **attributes, const char *name)
{
	for (; *attributes != NULL; attributes += 2) {
		if (strcmp(attributes[0], name) == 0)
			return attributes[1];
	}
	return "";
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct reading *reading = data;
	struct member *method = reading->method;

	if (strcmp(name, "interface") == 0) {
		(void)snprintf(reading->interface, sizeof(reading->interface), "%s",
			       attribute(attributes, "name"));
	} else if (strcmp(name, "method") == 0) {
		ck_assert_uint_lt(reading->members->count, MEMBERS_MAX);
		method = &reading->members->items[reading->members->count++];
		*method = (struct member){ .name = "" };
		(void)snprintf(method->path, sizeof(method->path), "%s", reading->path);
		(void)snprintf(method->interface, sizeof(method->interface), "%s",
			       reading->interface);
		(void)snprintf(method->name, sizeof(method->name), "%s",
			       attribute(attributes, "name"));
		reading->method = method;
	} else if (strcmp(name, "arg") == 0 && method != NULL &&
		   strcmp(attribute(attributes, "direction"), "out") != 0) {
		size_t used = strlen(method->in);

		(void)snprintf(method->in + used, sizeof(method->in) - used, "%s",
			       attribute(attributes, "type"));
	}
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
	struct reading *reading = data;

	if (strcmp(name, "method") == 0)
		reading->method = NULL;
}

void members_add(struct members *members, const char *path, const char *xml)
{
	struct reading reading = { .members = members, .path = path };
	XML_Parser parser = XML_ParserCreate(NULL);

	ck_assert_ptr_nonnull(parser);
	XML_SetUserData(parser, &reading);
	XML_SetElementHandler(parser, on_start, on_end);
	ck_assert_int_eq(XML_Parse(parser, xml, (int)strlen(xml), 1), XML_STATUS_OK);
	XML_ParserFree(parser);
}

/* ── chance ────────────────────────────────────────────────────────────────────────────────── */

/* splitmix64 */
static uint64_t next(struct random_source *source)
{
	uint64_t z = source->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t random_below(struct random_source *source, uint32_t below)
{
	return (uint32_t)(next(source) % below);
}

static uint64_t number(struct random_source *source)
{
	static const uint64_t edges[] = {
		0, 1, UINT64_MAX, INT64_MAX, UINT32_MAX, (uint64_t)1 << 63, 1598832000000, 10000
	};

	return random_below(source, 3) ? edges[random_below(source, 8)] : next(source);
}

static double real(struct random_source *source)
{
	const double edges[] = { (double)NAN, (double)INFINITY, -(double)INFINITY, -0.0, 1e308,
				 5e-324 };

	return edges[random_below(source, 6)];
}

/* To be freed. */
static char *text(struct random_source *source)
{
	static const char *const hostile[] = {
		"",
		"/",
		"..",
		"../../../../etc/passwd",
		"%s%n%s%n",
		"'; DROP TABLE version; --",
		"\x01\x1b[2J\x7f",
		"\xf0\x9f\xa6\x86",
		"arrivals.people{",
		"arrivals.people{a=b,a=c}.latest",
		"2020-02-30",
		"2020-09-02/2020-01-01",
		"-1",
		"NaN",
		"a b\tc\nd",
	};
	size_t words = 0, hostiles = sizeof(hostile) / sizeof(hostile[0]);
	char *buffer;

	while (source->words[words] != NULL)
		words++;
	if (source->values < VALUES_MAX && random_below(source, 100) == 0) {
		source->values += VALUES_MAX / 4; /* not many of these */
		buffer = malloc(HUGE_TEXT_BYTES);
		ck_assert_ptr_nonnull(buffer);
		memset(buffer, 'a', HUGE_TEXT_BYTES - 1);
		buffer[HUGE_TEXT_BYTES - 1] = '\0';
	} else if (random_below(source, 3) == 0) {
		buffer = strdup(hostile[random_below(source, (uint32_t)hostiles)]);
	} else if (words > 0 && random_below(source, 4) != 0) {
		buffer = strdup(source->words[random_below(source, (uint32_t)words)]);
	} else { /* printable */
		size_t size = random_below(source, 300);

		buffer = malloc(size + 1);
		ck_assert_ptr_nonnull(buffer);
		for (size_t i = 0; i < size; i++)
			buffer[i] = (char)(' ' + random_below(source, 95));
		buffer[size] = '\0';
	}
	ck_assert_ptr_nonnull(buffer);
	return buffer;
}

static int some_file(struct random_source *source)
{
	static const char *const paths[] = { "/dev/null", "/", "/proc/self/maps", "/dev/zero" };
	int ends[2];

	if (random_below(source, 3) != 0)
		return open(paths[random_below(source, 4)], O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0); /* that says nothing, and then ends */
	(void)close(ends[1]);
	return ends[0];
}

/* ── values ────────────────────────────────────────────────────────────────────────────────── */

static void append_basic(struct random_source *source, DBusMessageIter *to, char type)
{
	DBusBasicValue value = { .u64 = number(source) };
	char *string;

	switch (type) {
	case DBUS_TYPE_STRING:
		string = text(source);
		ck_assert(dbus_message_iter_append_basic(to, type, &string));
		free(string);
		return;
	case DBUS_TYPE_OBJECT_PATH:
		value.str = (char *)(uintptr_t)(random_below(source, 2) ? "/" : "/org/a_2eb");
		break;
	case DBUS_TYPE_SIGNATURE:
		value.str = (char *)(uintptr_t)(random_below(source, 2) ? "" : "a{sv}");
		break;
	case DBUS_TYPE_BOOLEAN:
		value.bool_val = (dbus_bool_t)(value.u64 & 1);
		break;
	case DBUS_TYPE_DOUBLE:
		value.dbl = real(source);
		break;
	case DBUS_TYPE_UNIX_FD:
		value.fd = some_file(source);
		ck_assert(dbus_message_iter_append_basic(to, type, &value)); /* a copy */
		(void)close(value.fd);
		return;
	default: /* integers: their lowest bytes */
		break;
	}
	ck_assert(dbus_message_iter_append_basic(to, type, &value));
}

static void append_one(struct random_source *source, DBusMessageIter *to, const char *type);

static void append_fields(struct random_source *source, DBusMessageIter *to,
			  DBusSignatureIter *types)
{
	do {
		char *type = dbus_signature_iter_get_signature(types);

		append_one(source, to, type);
		dbus_free(type);
	} while (dbus_signature_iter_next(types));
}

static void append_array(struct random_source *source, DBusMessageIter *to, const char *element)
{
	uint32_t count = random_below(source, 6);
	DBusMessageIter inside;

	if (source->values > VALUES_MAX)
		count = 0;
	else if (element[1] == '\0' && random_below(source, 20) == 0)
		count = *element == 's' ? HUGE_ARRAY / 100 : HUGE_ARRAY;
	else if (random_below(source, 10) == 0)
		count = 40;
	ck_assert(dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, element, &inside));
	for (uint32_t i = 0; i < count && (*element != DBUS_TYPE_UNIX_FD || i < 8); i++)
		append_one(source, &inside, element);
	ck_assert(dbus_message_iter_close_container(to, &inside));
}

static void append_one(struct random_source *source, DBusMessageIter *to, const char *type)
{
	char contained[MEMBER_SIGNATURE_MAX];
	DBusSignatureIter types, fields;
	DBusMessageIter inside;
	int kind;

	source->values++;
	kind = *type == '{' ? DBUS_TYPE_DICT_ENTRY : *type == '(' ? DBUS_TYPE_STRUCT : *type;

	if (kind == DBUS_TYPE_ARRAY) {
		append_array(source, to, type + 1);
	} else if (kind == DBUS_TYPE_VARIANT) {
		random_signature(source, source->variants < VARIANTS_MAX ? 2 : 0, contained,
				 sizeof(contained));
		source->variants++;
		ck_assert(dbus_message_iter_open_container(to, kind, contained, &inside));
		append_one(source, &inside, contained);
		source->variants--;
		ck_assert(dbus_message_iter_close_container(to, &inside));
	} else if (kind == DBUS_TYPE_STRUCT) {
		ck_assert(dbus_message_iter_open_container(to, kind, NULL, &inside));
		dbus_signature_iter_init(&types, type);
		dbus_signature_iter_recurse(&types, &fields);
		append_fields(source, &inside, &fields);
		ck_assert(dbus_message_iter_close_container(to, &inside));
	} else if (kind == DBUS_TYPE_DICT_ENTRY) { /* {KV}: the key is one letter */
		char value[MEMBER_SIGNATURE_MAX];

		(void)snprintf(value, sizeof(value), "%.*s", (int)strlen(type) - 3, type + 2);
		ck_assert(dbus_message_iter_open_container(to, kind, NULL, &inside));
		append_basic(source, &inside, type[1]);
		append_one(source, &inside, value);
		ck_assert(dbus_message_iter_close_container(to, &inside));
	} else {
		append_basic(source, to, *type);
	}
}

void random_append(struct random_source *source, DBusMessageIter *to, const char *signature)
{
	DBusSignatureIter types;

	source->values = 0;
	if (*signature == '\0')
		return;
	dbus_signature_iter_init(&types, signature);
	append_fields(source, to, &types);
}

void random_signature(struct random_source *source, int depth, char *buffer, size_t size)
{
	static const char basic[] = "ybnqiuxtdsog"; /* no h: a bus takes 16 a message */
	char inside[MEMBER_SIGNATURE_MAX / 2];

	switch (depth > 0 ? random_below(source, 6) : 0) {
	case 1:
		random_signature(source, depth - 1, inside, sizeof(inside));
		(void)snprintf(buffer, size, "a%s", inside);
		break;
	case 2:
		random_signature(source, depth - 1, inside, sizeof(inside));
		(void)snprintf(buffer, size, "(s%s)", inside);
		break;
	case 3:
		random_signature(source, depth - 1, inside, sizeof(inside));
		(void)snprintf(buffer, size, "a{s%s}", inside);
		break;
	case 4:
		(void)snprintf(buffer, size, "v");
		break;
	default:
		(void)snprintf(buffer, size, "%c", basic[random_below(source, sizeof(basic) - 1)]);
	}
}
