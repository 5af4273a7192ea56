/* SPDX-License-Identifier: MIT
 *
 * bus_explain.c - owns the answers that say where a figure comes from: its inputs, their releases,
 * the kept originals. Main only. Must never build a message that the bus would refuse: a bus that
 * is sent too much ends the connection, and with it the daemon.
 */
#include <stdlib.h>
#include <string.h>

#include "bus_private.h"
#include "cleanup.h"

#define REPLY_BYTES_MAX (16u << 20) /* half of what the system bus carries */
#define ROW_BYTES	48u	    /* of a row beside its texts: lengths, padding, the time */

#define HASH_TEXT_BYTES (2 * SHA256_BYTES + 1)

static void write_hash(const uint8_t sha256[SHA256_BYTES], char text[HASH_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_BYTES; i++) {
		text[2 * i] = digits[sha256[i] >> 4];
		text[2 * i + 1] = digits[sha256[i] & 15];
	}
	text[HASH_TEXT_BYTES - 1] = '\0';
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_hash(const char *text, uint8_t ret_sha256[SHA256_BYTES], struct fault *fault)
{
	bool good = strlen(text) == HASH_TEXT_BYTES - 1;

	for (size_t i = 0; i < SHA256_BYTES && good; i++) {
		int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

		good = high >= 0 && low >= 0;
		ret_sha256[i] = (uint8_t)((high & 15) << 4 | (low & 15));
	}
	if (good)
		return 0;
	return fault_set(fault, FAULT_BAD_ARGUMENT,
			 "'%.80s' is no SHA-256; give its 64 hexadecimal digits, as Explain does",
			 text);
}

/* ── Explain, ExplainItems ─────────────────────────────────────────────────────────────────── */

static size_t bytes_of(const struct explanation *explanation)
{
	size_t bytes = 0;

	for (size_t i = 0; i < explanation->item_count; i++) {
		const struct explanation_inputs *inputs = &explanation->items[i].inputs;

		for (size_t row = 0; row < inputs->row_count; row++) {
			const struct explanation_release *release =
				&inputs->releases[inputs->rows[row].release];

			/* bytes that are not UTF-8 become three */
			bytes += ROW_BYTES + HASH_TEXT_BYTES + strlen(inputs->rows[row].period) +
				 3 * strlen(inputs->rows[row].locator) + 3 * strlen(release->name) +
				 3 * strlen(release->url);
		}
	}
	return bytes;
}

static int explain(struct bus *bus, const char *name, int64_t as_of_ms,
		   struct explanation *ret_explanation, struct fault *fault)
{
	if (ledger_explain(bus->ledger, name, as_of_ms, ret_explanation, fault) < 0)
		return -1;
	if (bytes_of(ret_explanation) <= REPLY_BYTES_MAX)
		return 0;
	return fault_set(
		fault, FAULT_TOO_LARGE,
		"the explanation would be larger than %u MiB; ask for a shorter time: METRIC.2020-09",
		REPLY_BYTES_MAX >> 20);
}

static void put_rows(struct bus_writer *reply, const struct explanation_inputs *inputs)
{
	char hash[HASH_TEXT_BYTES];

	for (size_t i = 0; i < inputs->row_count; i++) {
		const struct explanation_row *row = &inputs->rows[i];
		const struct explanation_release *release = &inputs->releases[row->release];

		write_hash(release->sha256, hash);
		bus_put_struct(reply);
		bus_put_word(reply, row->period);
		bus_put_text(reply, release->name);
		bus_put_text(reply, release->url);
		bus_put_word(reply, hash);
		bus_put_text(reply, row->locator);
		bus_put_i64(reply, release->published_at_ms);
		bus_put_end(reply);
	}
}

int bus_explain(struct bus_call *call, struct fault *fault)
{
	CLEANUP(explanation_done) struct explanation explanation = { 0 };

	if (explain(call->bus, bus_take_text(&call->arguments), /* as_of_ms= */ 0, &explanation,
		    fault) < 0)
		return -1;
	bus_put_array(&call->reply, "(sssssx)");
	for (size_t i = 0; i < explanation.item_count; i++)
		put_rows(&call->reply, &explanation.items[i].inputs);
	bus_put_end(&call->reply);
	return 0;
}

int bus_explain_items(struct bus_call *call, struct fault *fault)
{
	CLEANUP(explanation_done) struct explanation explanation = { 0 };
	const char *name = bus_take_text(&call->arguments);
	int64_t as_of_ms = bus_take_i64(&call->arguments);

	if (explain(call->bus, name, as_of_ms, &explanation, fault) < 0)
		return -1;
	bus_put_struct(&call->reply);
	bus_put_text(&call->reply, explanation.formula);
	bus_put_text(&call->reply, explanation.window);
	bus_put_word(&call->reply, explanation.value.period);
	bus_put_array(&call->reply, "(ssa(sssssx))");
	for (size_t i = 0; i < explanation.item_count; i++) {
		bus_put_struct(&call->reply);
		bus_put_text(&call->reply, explanation.items[i].text);
		bus_put_word(&call->reply, explanation.items[i].side);
		bus_put_array(&call->reply, "(sssssx)");
		put_rows(&call->reply, &explanation.items[i].inputs);
		bus_put_end(&call->reply);
		bus_put_end(&call->reply);
	}
	bus_put_end(&call->reply);
	bus_put_end(&call->reply);
	return 0;
}

/* ── releases ──────────────────────────────────────────────────────────────────────────────── */

static bool is_kept(const struct bus *bus, const uint8_t sha256[SHA256_BYTES])
{
	return bus->requests->has_original && bus->requests->has_original(bus->context, sha256);
}

int bus_get_release(struct bus_call *call, struct fault *fault)
{
	CLEANUP(explanation_release_done) struct explanation_release release = { 0 };
	uint8_t sha256[SHA256_BYTES];
	char plugin[256];

	if (read_hash(bus_take_text(&call->arguments), sha256, fault) < 0 ||
	    ledger_release(call->bus->ledger, sha256, &release, fault) < 0)
		return -1;
	(void)snprintf(plugin, sizeof(plugin), "%.120s %.120s", release.plugin,
		       release.plugin_version);
	bus_put_struct(&call->reply);
	bus_put_text(&call->reply, release.source);
	bus_put_text(&call->reply, release.name);
	bus_put_text(&call->reply, release.dataset);
	bus_put_text(&call->reply, release.url);
	bus_put_u64(&call->reply, release.size);
	bus_put_u64(&call->reply, release.offset);
	bus_put_i64(&call->reply, release.published_at_ms);
	bus_put_i64(&call->reply, release.imported_at_ms);
	bus_put_text(&call->reply, plugin);
	bus_put_bool(&call->reply, is_kept(call->bus, sha256));
	bus_put_end(&call->reply);
	return 0;
}

int bus_open_original(struct bus_call *call, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	uint8_t sha256[SHA256_BYTES];

	if (read_hash(bus_take_text(&call->arguments), sha256, fault) < 0)
		return -1;
	if (!call->bus->requests->open_original)
		return fault_set(fault, FAULT_BAD_ARGUMENT, "this daemon keeps no originals");
	if (call->bus->requests->open_original(call->bus->context, sha256, &fd, fault) < 0)
		return -1;
	bus_put_fd(&call->reply, fd);
	return 0;
}
