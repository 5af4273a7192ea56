/* SPDX-License-Identifier: MIT
 *
 * misbehaviour.c - the table. A row is one way to misbehave, what is then seen of it, and what the
 * figures are afterwards. Test programs only.
 */
#include "misbehaviour.h"

#include <math.h>

#define DIED(how)   "worker [0-9]+ died by signal " how
#define EXITED(how) "worker [0-9]+ exited with code " how
#define SEGV	    DIED("11 \\(Segmentation fault\\)")
#define ABORTED	    DIED("6 \\(Aborted\\)")
#define KILLED	    DIED("9 \\(Killed\\)")
#define TERMINATED  DIED("15 \\(Terminated\\)")

#define WORDS	   "; last words: 'about to die'"
#define AGAIN	   "; restarting in [0-9.]+ s$"
#define QUARANTINE "; quarantined: died 3 times at the same place; "
#define PUT_AWAY                                                                                   \
	"'x' cannot be read: the worker died 3 times while reading it; .*; moved to failed/x$"

#define IN(callback, what) "in = " callback "\nwhat = " what "\n"
#define IN_DOCUMENT(what)  "what = " what "\n"
#define OTHER		   "reject_limit = 7%\n" /* makes it another section */

/* A death before the worker is ready, or in its first turn: three, then it is left alone. */
#define DIES_EARLY(called, callback, when)                                                         \
	{                                                                                          \
		.name = called, .options = IN(callback, "segv"), .state = "quarantined",           \
		.via = "backoff", .line = SEGV " " when WORDS "(" AGAIN "|" QUARANTINE ")",        \
		.times = 3, .lines = 10, .total = 3                                                \
	}

/* A death over a document, which is put away after the third: a line a death, and one for that. */
#define DIES_READING(what, end, more)                                                              \
	{                                                                                          \
		.name = what, .options = IN_DOCUMENT(what), .document = "r", .state = "idle",      \
		.via = "backoff",                                                                  \
		.line = "(" end " after 0 batches while reading 'x'" more AGAIN "|" PUT_AWAY ")",  \
		.times = 4, .lines = 12, .total = 3                                                \
	}

#define BREAKS_THE_WIRE(what, how)                                                                 \
	DIES_READING(what, KILLED,                                                                 \
		     "; killed for breaking the rules of the link \\(violation [1-3] of this "     \
		     "source\\): " how)

/* Silence: shown first, then the worker is ended. Its document is read by the mended one. */
#define FALLS_SILENT(what, end, said)                                                              \
	{                                                                                          \
		.name = what, .options = IN_DOCUMENT(what), .document = "r", .state = "backoff",   \
		.via = "unresponsive",                                                             \
		.line = end                                                                        \
			" after 0 batches while reading 'x'; its worker gave no sign of life for " \
			"[0-9.]+ s" AGAIN,                                                         \
		.times = 1, .lines = 5 + (said), .total = 4                                        \
	}

/* Asked to end, it does so by a signal. */
#define ENDS_BADLY(called, callback, what, file, how)                                              \
	.name = called, .options = IN(callback, what), .document = file,                           \
	.then = IN(callback, what) OTHER, .via = "starting", .line = how "; starting it anew$",    \
	.times = 1, .lines = 12

/* Nothing but its rejects: what is good of the document counts, one row of bad.count. */
#define HANDS_OVER(what)                                                                           \
	.name = what, .options = IN_DOCUMENT(what) "reject_limit = 100%\n", .document = "r",       \
	.state = "idle", .via = "reading", .line = "'x' is imported$", .times = 1, .lines = 4

#define REFUSED(file, why)                                                                         \
	{                                                                                          \
		.name = file, .plugin = file, .state = "misconfigured", .via = "starting",         \
		.line = EXITED("78 before it was ready; ") why                                     \
			"; not started again until 'straitctl reload' or 'straitctl retry'$",      \
		.times = 1, .lines = 1, .total = 3                                                 \
	}

/* clang-format off */
const struct misbehaviour misbehaviours[] = {
	/* a crash in every callback */
	{ .name = "segv in a constructor", .plugin = "crash_constructor", .state = "quarantined", .via = "backoff",
	  .line = SEGV " before it was ready(" AGAIN "|" QUARANTINE ")", .times = 3, .lines = 3, .total = 3 },
	{ .name = "segv in a destructor", .plugin = "crash_destructor", .options = "", .then = OTHER, .state = "idle",
	  .via = "starting", .line = SEGV " after 0 batches; starting it anew$", .times = 1, .lines = 3, .total = 3 },
	DIES_EARLY("segv in check", "check", "before it was ready"),
	DIES_EARLY("segv in open", "open", "before it was ready"),
	DIES_EARLY("segv in start", "start", "after 0 batches"),
	DIES_EARLY("segv in a thread", "thread", "after 0 batches"),
	DIES_EARLY("segv in an event of its own", "event", "after 0 batches"),
	{ .name = "segv in committed", .options = IN("committed", "segv"), .document = "r", .state = "idle", .via = "backoff",
	  .line = SEGV " after 1 batch" WORDS AGAIN, .times = 1, .lines = 6, .figure = "bad.total", .value = 1, .total = 4 },
	{ ENDS_BADLY("segv in close", "close", "segv", "r", SEGV " after 1 batch" WORDS),
	  .state = "idle", .figure = "bad.total", .value = 1, .total = 4 },
	DIES_READING("segv", SEGV, WORDS),

	/* other ends */
	DIES_READING("abort", ABORTED, ""),
	DIES_READING("exit", EXITED("[0-9]+"), ".*"), /* a sanitizer has its own code for leaks */
	DIES_READING("_exit", EXITED("0"), ""),
	DIES_READING("recursion", SEGV, ""),
	DIES_READING("double_free", "worker [0-9]+ (died by signal 6|exited with code 1).*", ".*"),
	DIES_READING("fail_silently", EXITED("70"), ";.* document returned -1 without saying why \\(strait_fail\\)"),

	/* silence */
	FALLS_SILENT("hang", KILLED, 0),
	FALLS_SILENT("stop", KILLED, 0),
	FALLS_SILENT("spin", TERMINATED, 0),
	FALLS_SILENT("threads", KILLED, 0),
	FALLS_SILENT("truncated", KILLED, 0),
	FALLS_SILENT("drip", TERMINATED, 0),
	FALLS_SILENT("flood_frames", TERMINATED, 30),
	{ ENDS_BADLY("slow stop", "close", "hang", NULL, KILLED " after 0 batches; it did not stop when asked"),
	  .state = "idle", .total = 3 },
	{ ENDS_BADLY("deaf to stop", "document", "deaf", "r",
		   TERMINATED " after 0 batches while reading 'x'; it did not stop when asked"),
	  .state = "reading", .total = 4 },

	/* what a worker has little of */
	{ .name = "alloc", .options = IN_DOCUMENT("alloc"), .document = "r", .state = "idle", .via = "backoff",
	  .line = "(" SEGV " after 0 batches while reading 'x'; last words: 'no memory after 20[0-9]{2} MiB'" AGAIN "|" PUT_AWAY ")",
	  .times = 4, .lines = 12, .total = 3, .needs = MISBEHAVIOUR_NO_ASAN },
	DIES_READING("fork_bomb", EXITED("70"), "; 'x': fork number 1 was refused with EPERM"),
	DIES_READING("leak_fd", EXITED("70"), "; 'x': no fd is left after the leak: EMFILE"),
	DIES_READING("close_link", TERMINATED, "; it closed its link and did not leave"),
	DIES_READING("close_all", TERMINATED, "; it closed its link and did not leave"),
	{ HANDS_OVER("close_stderr"), .figure = "bad.total", .value = 1, .total = 4 },

	/* the wire */
	BREAKS_THE_WIRE("magic", "not a frame: it begins with 0xffff"),
	BREAKS_THE_WIRE("version", "frame of protocol version 9, this is version 1"),
	BREAKS_THE_WIRE("oversize", "frame of type 20 claims 4294967280 bytes, at most 1048576 are allowed"),
	BREAKS_THE_WIRE("type", "a frame of unknown type 99, 0 bytes"),
	BREAKS_THE_WIRE("ready_again", "READY \\(type 16, 0 bytes\\) at the wrong moment"),
	{ HANDS_OVER("old_frames"), .figure = "bad.total", .value = 1, .total = 4 },

	/* what is not what it should be */
	REFUSED("wrong_abi", ".*"),
	REFUSED("wrong_name", ".*"),
	REFUSED("no_table", ".*"),
	REFUSED("unknown_symbol", ".*"),

	/* words and figures */
	{ .name = "noise", .options = IN_DOCUMENT("noise"), .document = "r", .state = "idle", .via = "reading",
	  .line = "'x' is imported$", .times = 1, .lines = 24, .figure = "bad.total", .value = 1, .total = 4 },
	{ .name = "flood", .options = IN_DOCUMENT("flood"), .document = "r", .state = "reading", .line = "is ready", .times = 1,
	  .lines = 4, .total = 4 },
	{ HANDS_OVER("values"), .figure = "bad.total", .value = 1, .total = 4 },
	{ HANDS_OVER("days"), .figure = "bad.record.total", .value = NAN, .total = 4 },
	{ HANDS_OVER("unaligned"), .figure = "bad.level.latest", .value = 12, .total = 4 },
	{ HANDS_OVER("labels"), .figure = "bad.labelled.total", .value = NAN, .total = 4 },
	{ HANDS_OVER("keys"), .figure = "bad.record.total", .value = 999, .total = 4 },
	{ HANDS_OVER("series"), .figure = "bad.labelled.total", .value = 16384, .total = 4 },
	{ HANDS_OVER("rejects"), .figure = "bad.total", .value = 1, .total = 4 },
	{ .name = "release", .options = IN_DOCUMENT("release"), .document = "r", .state = "idle", .via = "reading",
	  .line = "'x' is imported$", .times = 1, .lines = 8, .figure = "bad.total", .value = 1, .total = 4 },
};
/* clang-format on */

const size_t misbehaviour_count = sizeof(misbehaviours) / sizeof(misbehaviours[0]);
