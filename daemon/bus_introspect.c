/* SPDX-License-Identifier: MIT
 *
 * bus_introspect.c - owns the form of the introspection XML. Main only; needs no bus. Invariant:
 * everything in it comes from the tables that dispatch uses. Must never be edited to say more than
 * the tables do.
 */
#include "bus_object.h"

#include <string.h>

#include "bus.h"

/* Attribute text; the tables are ASCII. */
static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
			break;
		}
	}
}

static void put_annotation(FILE *out, const char *indent, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(out, "%s<annotation name=\"%s\" value=\"", indent, name);
	put_escaped(out, value);
	fputs("\"/>\n", out);
}

static void put_doc(FILE *out, const char *indent, const char *doc)
{
	put_annotation(out, indent, "org.gtk.GDBus.DocString", doc);
}

/* One <arg> for each complete type. */
static void put_arguments(FILE *out, const char *signature, const char *names,
			  const char *direction)
{
	DBusSignatureIter types;

	if (!signature || !*signature)
		return;
	dbus_signature_iter_init(&types, signature);
	do {
		char *type = dbus_signature_iter_get_signature(&types);
		size_t size = strcspn(names, " ");

		if (!type)
			return; /* out of memory: the caller's stream is likely in error as well */
		fprintf(out, "      <arg name=\"%.*s\" type=\"%s\"", (int)size, names, type);
		if (direction)
			fprintf(out, " direction=\"%s\"", direction);
		fputs("/>\n", out);
		dbus_free(type);
		names += size + (names[size] == ' ');
	} while (dbus_signature_iter_next(&types));
}

static void put_method(FILE *out, const struct bus_method *method)
{
	fprintf(out, "    <method name=\"%s\">\n", method->name);
	put_doc(out, "      ", method->doc);
	put_arguments(out, method->in, method->in_names, "in");
	put_arguments(out, method->out, method->out_names, "out");
	fputs("    </method>\n", out);
}

static void put_signal(FILE *out, const struct bus_signal *signal)
{
	fprintf(out, "    <signal name=\"%s\">\n", signal->name);
	put_doc(out, "      ", signal->doc);
	put_arguments(out, signal->signature, signal->names, NULL);
	fputs("    </signal>\n", out);
}

static void put_property(FILE *out, const struct bus_property *property)
{
	fprintf(out, "    <property name=\"%s\" type=\"%c\" access=\"read\">\n", property->name,
		property->type);
	put_doc(out, "      ", property->doc);
	put_annotation(out, "      ", "org.freedesktop.DBus.Property.EmitsChangedSignal",
		       property->constant ? "const" : "true");
	fputs("    </property>\n", out);
}

void bus_introspect_interface(FILE *out, const struct bus_interface *interface)
{
	fprintf(out, "  <interface name=\"%s\">\n", interface->name);
	put_doc(out, "    ", interface->doc);
	for (const struct bus_method *method = interface->methods; method && method->name; method++)
		put_method(out, method);
	for (const struct bus_signal *signal = interface->signals; signal && signal->name; signal++)
		put_signal(out, signal);
	for (const struct bus_property *property = interface->properties;
	     property && property->name; property++)
		put_property(out, property);
	fputs("  </interface>\n", out);
}

void bus_introspect_open(FILE *out)
{
	fputs(DBUS_INTROSPECT_1_0_XML_DOCTYPE_DECL_NODE "<node>\n", out);
}

void bus_introspect_close(FILE *out)
{
	fputs("</node>\n", out);
}

void bus_introspect(FILE *out)
{
	bus_introspect_open(out);
	for (int id = 0; id < BUS_KINDS; id++)
		bus_introspect_interface(out, bus_kinds[id].interface);
	bus_introspect_close(out);
}
