/* SPDX-License-Identifier: MIT
 *
 * bus_changes.c - owns what subscribers were last told: which objects there are, and a fingerprint
 * of every property. A sweep compares that with the present and sends the difference:
 * InterfacesAdded, PropertiesChanged, InterfacesRemoved. Main only.
 *
 * So a change is told however it came about, several in one turn of the loop become one
 * PropertiesChanged, and while the bus does not read from us changes gather here, in constant
 * memory, until it does; so is what was told and never read (bus_changes_untell).
 *
 * Invariant: `objects` of each kind is sorted by name; a fingerprint is updated only when its
 * change was handed to libdbus. Must never keep a pointer into the ledger or the sources.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <event2/event.h>

#include "bus_private.h"
#include "log.h"

#define RETRY_MS 1000 /* while signals are held back, or memory is short */

struct known {
	char *name;
	uint64_t sweep; /* the last one that saw it */
	uint64_t added,
		told; /* by the signal of that number: the object, the last change; 0 = none */
	uint64_t prints[BUS_PROPERTIES_MAX];
};

struct known_set {
	struct known **objects;
	size_t count, size;
	uint64_t sweep;
};

struct bus_changes {
	struct bus *bus;
	struct known_set sets[BUS_KINDS];
	struct event *soon, *later;
	bool marked_soon[BUS_KINDS], marked_later[BUS_KINDS];
};

/* ── what is known ─────────────────────────────────────────────────────────────────────────── */

static struct known *known_free(struct known *known)
{
	if (known)
		free(known->name);
	free(known);
	return NULL;
}

/* Index of the name, or where it belongs. hint: where it likely is (objects come in order). */
static size_t locate(const struct known_set *set, const char *name, size_t hint, bool *ret_found)
{
	size_t low = 0, high = set->count;

	*ret_found = true;
	if (hint < set->count && !strcmp(set->objects[hint]->name, name))
		return hint;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(set->objects[middle]->name, name);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_found = false;
	return low;
}

/* NULL when out of memory. */
static struct known *insert(struct known_set *set, size_t index, const char *name)
{
	struct known *known;

	if (set->count == set->size) {
		size_t size = set->size ? set->size * 2 : 16;
		struct known **objects = reallocarray(set->objects, size, sizeof(*objects));

		if (!objects)
			return NULL;
		set->objects = objects;
		set->size = size;
	}
	known = calloc(1, sizeof(*known));
	if (known)
		known->name = strdup(name);
	if (!known || !known->name)
		return known_free(known);
	memmove(set->objects + index + 1, set->objects + index,
		(set->count - index) * sizeof(*set->objects));
	set->objects[index] = known;
	set->count++;
	return known;
}

static void take_out(struct known_set *set, size_t index)
{
	(void)known_free(set->objects[index]);
	set->count--;
	memmove(set->objects + index, set->objects + index + 1,
		(set->count - index) * sizeof(*set->objects));
}

/* ── telling ───────────────────────────────────────────────────────────────────────────────── */

static bool tell_added(struct bus *bus, const struct bus_subject *subject, const char *path)
{
	DBusMessage *signal = dbus_message_new_signal(BUS_ROOT, bus_object_manager_interface.name,
						      "InterfacesAdded");
	struct bus_writer writer;

	if (!signal)
		return false;
	bus_writer_init(&writer, signal);
	bus_put_path(&writer, path);
	bus_put_interfaces(&writer, subject);
	return bus_send_signal(bus, signal, bus_writer_done(&writer));
}

static bool tell_removed(struct bus *bus, const struct bus_kind *kind, const char *name)
{
	const struct bus_subject subject = { .bus = bus, .kind = kind, .name = name };
	char path[BUS_PATH_MAX];
	struct bus_writer writer;
	DBusMessage *signal;

	if (!bus_subject_path(&subject, path))
		return true; /* it never had one */
	signal = dbus_message_new_signal(BUS_ROOT, bus_object_manager_interface.name,
					 "InterfacesRemoved");
	if (!signal)
		return false;
	bus_writer_init(&writer, signal);
	bus_put_path(&writer, path);
	bus_put_array(&writer, "s");
	bus_put_word(&writer, kind->interface->name);
	bus_put_end(&writer);
	return bus_send_signal(bus, signal, bus_writer_done(&writer));
}

/* One PropertiesChanged with those properties that differ. */
static bool tell_changed(struct bus *bus, const struct bus_subject *subject, const char *path,
			 const uint64_t old[BUS_PROPERTIES_MAX],
			 const uint64_t new[BUS_PROPERTIES_MAX])
{
	const struct bus_interface *interface = subject->kind->interface;
	DBusMessage *signal =
		dbus_message_new_signal(path, DBUS_INTERFACE_PROPERTIES, "PropertiesChanged");
	struct bus_writer writer;

	if (!signal)
		return false;
	bus_writer_init(&writer, signal);
	bus_put_word(&writer, interface->name);
	bus_put_array(&writer, "{sv}");
	for (size_t i = 0; interface->properties[i].name; i++) {
		struct bus_value value;

		if (old[i] == new[i])
			continue;
		bus_property_get(&interface->properties[i], subject, &value);
		bus_put_entry(&writer);
		bus_put_word(&writer, interface->properties[i].name);
		bus_put_value(&writer, &value);
		bus_put_end(&writer);
	}
	bus_put_end(&writer);
	bus_put_array(&writer, "s"); /* nothing is only invalidated */
	bus_put_end(&writer);
	return bus_send_signal(bus, signal, bus_writer_done(&writer));
}

/* ── the sweep ─────────────────────────────────────────────────────────────────────────────── */

static void take_prints(const struct bus_subject *subject, uint64_t ret_prints[BUS_PROPERTIES_MAX])
{
	const struct bus_property *property = subject->kind->interface->properties;

	memset(ret_prints, 0, BUS_PROPERTIES_MAX * sizeof(*ret_prints));
	for (size_t i = 0; property[i].name && i < BUS_PROPERTIES_MAX; i++) {
		struct bus_value value;

		if (property[i].constant)
			continue;
		bus_property_get(&property[i], subject, &value);
		ret_prints[i] = bus_value_fingerprint(&value);
	}
}

/* One that is known; false when the difference could not be told. */
static bool revisit(struct bus *bus, struct known *known, const struct bus_subject *subject,
		    bool quiet)
{
	uint64_t prints[BUS_PROPERTIES_MAX];
	char path[BUS_PATH_MAX];

	take_prints(subject, prints);
	if (!memcmp(known->prints, prints, sizeof(prints)))
		return true;
	if (!quiet && bus_subject_path(subject, path) &&
	    !tell_changed(bus, subject, path, known->prints, prints))
		return false;
	memcpy(known->prints, prints, sizeof(prints));
	if (!quiet)
		known->told = bus->signals;
	return true;
}

/* One that is new; false when that could not be told. */
static bool meet(struct bus *bus, struct known_set *set, size_t index,
		 const struct bus_subject *subject, bool quiet)
{
	char path[BUS_PATH_MAX];
	struct known *known;

	if (!bus_subject_path(subject, path))
		return true; /* no object */
	known = insert(set, index, subject->name);
	if (!known)
		return false;
	if (!quiet && subject->kind->folder && !tell_added(bus, subject, path)) {
		take_out(set, index);
		return false;
	}
	take_prints(subject, known->prints);
	known->sweep = set->sweep;
	if (!quiet)
		known->added = known->told = bus->signals;
	return true;
}

/* Compares one object that exists; false when the difference could not be told. */
static bool visit(struct bus *bus, struct known_set *set, const struct bus_subject *subject,
		  size_t hint, bool quiet)
{
	bool found;
	size_t index = locate(set, subject->name, hint, &found);

	if (!found)
		return meet(bus, set, index, subject, quiet);
	set->objects[index]->sweep = set->sweep;
	return revisit(bus, set->objects[index], subject, quiet);
}

static bool drop_gone(struct bus *bus, struct known_set *set, const struct bus_kind *kind,
		      bool quiet)
{
	for (size_t i = set->count; i-- > 0;) {
		if (set->objects[i]->sweep == set->sweep)
			continue;
		if (!quiet && !tell_removed(bus, kind, set->objects[i]->name))
			return false;
		take_out(set, i);
	}
	return true;
}

static bool sweep(struct bus_changes *changes, enum bus_kind_id id, bool quiet)
{
	struct bus *bus = changes->bus;
	struct known_set *set = &changes->sets[id];
	const struct bus_kind *kind = &bus_kinds[id];
	struct bus_subject subject;
	bool told = true;

	set->sweep++;
	for (size_t i = 0; told && i < kind->count(bus); i++) {
		if (kind->at(bus, i, &subject))
			told = visit(bus, set, &subject, i, quiet);
	}
	return told && drop_gone(bus, set, kind, quiet);
}

/* ── when ──────────────────────────────────────────────────────────────────────────────────── */

static void arm(struct event *timer, int delay_ms)
{
	const struct timeval delay = { .tv_sec = delay_ms / 1000,
				       .tv_usec = (delay_ms % 1000) * 1000 };

	if (!event_pending(timer, EV_TIMEOUT, NULL) && event_add(timer, &delay) < 0)
		log_bus(LOG_WARNING,
			"cannot arm the timer for change signals (out of memory); they go out "
			"with the next change");
}

void bus_changes_mark(struct bus_changes *changes, enum bus_kind_id kind, bool soon)
{
	if (soon) {
		changes->marked_soon[kind] = true;
		arm(changes->soon, 0);
	} else if (!changes->marked_soon[kind]) {
		changes->marked_later[kind] = true;
		arm(changes->later, BUS_CHANGES_DELAY_MS);
	}
}

void bus_changes_sweep(struct bus_changes *changes, enum bus_kind_id kind, bool quiet)
{
	changes->marked_soon[kind] = false;
	changes->marked_later[kind] = false;
	if (sweep(changes, kind, quiet))
		return;
	changes->marked_later[kind] = true;
	arm(changes->later, RETRY_MS);
}

void bus_changes_untell(struct bus_changes *changes, uint64_t signal)
{
	for (int id = 0; id < BUS_KINDS; id++) {
		struct known_set *set = &changes->sets[id];

		for (size_t i = set->count; i-- > 0;) {
			struct known *known = set->objects[i];

			if (known->added > signal && bus_kinds[id].folder)
				take_out(set, i); /* is announced again */
			else if (known->told > signal)
				memset(known->prints, 0, sizeof(known->prints));
		}
	}
}

static void sweep_marked(struct bus_changes *changes, bool marked[BUS_KINDS])
{
	/* the root last: who sees its Sequence move can rely on the others */
	for (int id = BUS_KINDS - 1; id >= 0; id--) {
		if (marked[id])
			bus_changes_sweep(changes, (enum bus_kind_id)id, /* quiet= */ false);
	}
}

static void on_soon(evutil_socket_t fd, short what, void *data)
{
	struct bus_changes *changes = data;

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */
	sweep_marked(changes, changes->marked_soon);
}

static void on_later(evutil_socket_t fd, short what, void *data)
{
	struct bus_changes *changes = data;

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */
	sweep_marked(changes, changes->marked_later);
}

struct bus_changes *bus_changes_free(struct bus_changes *changes)
{
	if (!changes)
		return NULL;
	for (int id = 0; id < BUS_KINDS; id++) {
		for (size_t i = 0; i < changes->sets[id].count; i++)
			(void)known_free(changes->sets[id].objects[i]);
		free(changes->sets[id].objects);
	}
	if (changes->soon)
		event_free(changes->soon);
	if (changes->later)
		event_free(changes->later);
	free(changes);
	return NULL;
}

struct bus_changes *bus_changes_new(struct bus *bus)
{
	struct bus_changes *changes = calloc(1, sizeof(*changes));

	if (!changes)
		return NULL;
	changes->bus = bus;
	changes->soon = event_new(bus->base, -1, 0, on_soon, changes);
	changes->later = event_new(bus->base, -1, 0, on_later, changes);
	return changes->soon && changes->later ? changes : bus_changes_free(changes);
}
