/* SPDX-License-Identifier: MIT
 *
 * supervisor.h - when a worker is started, asked to stop, killed, left alone. Main only. Pure: no
 * process, no loop, no clock of its own; the owner tells what happened and when, gets an action to
 * carry out, and arms one timer at due_ms.
 *
 * Times are clock_monotonic_ms(). Every function that tells of an event returns the action that
 * follows from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum supervisor_state {
	SUPERVISOR_STOPPED = 1, /* nothing runs, nothing is wanted */
	SUPERVISOR_STARTING,	/* runs, has not said READY */
	SUPERVISOR_RUNNING,
	SUPERVISOR_UNRESPONSIVE,  /* heartbeat missed; may still come back */
	SUPERVISOR_STOPPING,	  /* was asked to stop, or is known to be leaving */
	SUPERVISOR_TERMINATING,	  /* was sent SIGTERM */
	SUPERVISOR_KILLING,	  /* was sent SIGKILL */
	SUPERVISOR_BACKOFF,	  /* nothing runs; started again at due_ms */
	SUPERVISOR_QUARANTINED,	  /* died SUPERVISOR_DEATHS_MAX times at one place; until
				     supervisor_start() */
	SUPERVISOR_MISCONFIGURED, /* nothing to retry; until supervisor_start() */
};

enum supervisor_event {
	SUPERVISOR_ON_START = 1,
	SUPERVISOR_ON_READY,
	SUPERVISOR_ON_HEARTBEAT,
	SUPERVISOR_ON_DEADLINE,
	SUPERVISOR_ON_LEAVING, /* a FAULT frame came, or the link ended */
	SUPERVISOR_ON_HOSTILE, /* broke the rules of the wire */
	SUPERVISOR_ON_STOP,
	SUPERVISOR_ON_GONE_STOPPED, /* reaped; what it comes to */
	SUPERVISOR_ON_GONE_RESTART,
	SUPERVISOR_ON_GONE_BACKOFF,
	SUPERVISOR_ON_GONE_QUARANTINE,
	SUPERVISOR_ON_GONE_CONFIG,
	SUPERVISOR_ON_SPARED, /* what it died of was taken away */
};

enum supervisor_action {
	SUPERVISOR_DO_NOTHING = 0,
	SUPERVISOR_DO_SPAWN,
	SUPERVISOR_DO_ASK,  /* send STOP */
	SUPERVISOR_DO_TERM, /* SIGTERM */
	SUPERVISOR_DO_KILL, /* SIGKILL */
};

/* Why the present worker ends; the later ones do not replace the earlier ones. */
enum supervisor_ending {
	SUPERVISOR_ENDS_NOT = 0,
	SUPERVISOR_ENDS_BY_STOP,      /* wanted */
	SUPERVISOR_ENDS_BY_RESTART,   /* wanted, and started again at once */
	SUPERVISOR_ENDS_BY_HOLD,      /* main cannot store at the moment; not the worker's fault */
	SUPERVISOR_ENDS_BY_CONFIG,    /* it says that only a new configuration helps */
	SUPERVISOR_ENDS_BY_TRANSIENT, /* it says that it may pass */
	SUPERVISOR_ENDS_BY_DEATH,     /* anything else */
};

#define SUPERVISOR_START_MS	(10 * 1000)
#define SUPERVISOR_HEARTBEAT_MS (30 * 1000)
#define SUPERVISOR_UNRESPONSIVE_MS                                                                 \
	(5 * 1000) /* a late heartbeat may still come before it is asked to stop */
#define SUPERVISOR_STOP_MS (5 * 1000)
#define SUPERVISOR_TERM_MS (3 * 1000)
#define SUPERVISOR_KILL_MS                                                                         \
	(1 * 1000) /* SIGKILL is sent again so often, until the process is gone */
#define SUPERVISOR_STALL_MS                                                                        \
	(5 * 60 * 1000) /* a document that comes no further for so long, heartbeats or not */
#define SUPERVISOR_BACKOFF_MIN_MS (1 * 1000)
#define SUPERVISOR_BACKOFF_MAX_MS (5 * 60 * 1000)
#define SUPERVISOR_BLOCK_MAX_S                                                                     \
	600u /* longest block that a worker may announce; more is taken as this */
#define SUPERVISOR_DEATHS_MAX 3u

struct supervisor_deadlines {
	int64_t start_ms, heartbeat_ms, unresponsive_ms, stop_ms, term_ms, kill_ms;
	int64_t backoff_min_ms, backoff_max_ms, stall_ms;
};

/* The constants above. */
extern const struct supervisor_deadlines supervisor_deadlines;

/* $STRAITD_TEST_PERCENT (1 to 99) shortens all deadlines to so many percent: a test of a hanging
   worker need not last a minute. No effect without it. */
int supervisor_test_percent(void); /* 100 without it */
void supervisor_scale_for_tests(struct supervisor_deadlines *deadlines);

struct supervisor {
	struct supervisor_deadlines deadlines;
	enum supervisor_state state;
	enum supervisor_ending ending;
	int64_t due_ms;	      /* supervisor_deadline() is to be called then; 0 = never */
	int64_t delay_ms;     /* how long the present or latest backoff is */
	uint64_t batch;	      /* last committed number, that is the cursor's place */
	uint64_t death_batch; /* place of the latest death */
	uint32_t deaths;      /* in a row, at that place */
	uint32_t failures;    /* in a row, without a commit: the backoff's exponent */
	uint32_t restarts;    /* workers started after the first one */
	uint32_t spawned;
	uint64_t batches; /* committed by the present or latest worker */
	bool ready;	  /* the present or latest worker has been READY */
	uint32_t random;  /* of the jitter */
};

/* seed: any number, different for each source, so that the workers of many sources do not come back
 * together. */
void supervisor_init(struct supervisor *supervisor, const struct supervisor_deadlines *deadlines,
		     uint32_t seed);

/* To be called first when DO_SPAWN is carried out: a new life begins. What is known of the last one
 * stays until then. */
void supervisor_begin(struct supervisor *supervisor);

/* Wanted, or wanted again by retry or reload: forgets earlier deaths. A worker that is on its way
   out is started again when it is gone; one that works is left alone. */
enum supervisor_action supervisor_start(struct supervisor *supervisor, int64_t now_ms);
/* Set-up changed: like start, but one that works is replaced. */
enum supervisor_action supervisor_restart(struct supervisor *supervisor, int64_t now_ms);
enum supervisor_action supervisor_stop(struct supervisor *supervisor, int64_t now_ms);
enum supervisor_action supervisor_hold(struct supervisor *supervisor, int64_t now_ms);
enum supervisor_action supervisor_ready(struct supervisor *supervisor, uint64_t batch,
					int64_t now_ms);
/* block_s: announced; 0 = none. */
enum supervisor_action supervisor_heartbeat(struct supervisor *supervisor, uint32_t block_s,
					    int64_t now_ms);
/* The first commit of a worker ends the growth of the backoff. Counts as a sign of life. */
enum supervisor_action supervisor_committed(struct supervisor *supervisor, uint64_t batch,
					    int64_t now_ms);
enum supervisor_action supervisor_leaving(struct supervisor *supervisor,
					  enum supervisor_ending ending, int64_t now_ms);
enum supervisor_action supervisor_hostile(struct supervisor *supervisor, int64_t now_ms);
/* It beats, but what it does leads nowhere: stopped like one that is silent, and that is a death.
 */
enum supervisor_action supervisor_stalled(struct supervisor *supervisor, int64_t now_ms);
enum supervisor_action supervisor_deadline(struct supervisor *supervisor, int64_t now_ms);
/* Reaped, with waitpid()'s status. */
enum supervisor_action supervisor_gone(struct supervisor *supervisor, int status, int64_t now_ms);
/* After supervisor_gone() said quarantine: the document that it died of was taken away, so it is
 * started again, after the shortest backoff, and earlier deaths are forgotten. */
void supervisor_spare(struct supervisor *supervisor, int64_t now_ms);
/* There is no process: starting it failed (SUPERVISOR_ENDS_BY_TRANSIENT), or was not even tried
 * (…_BY_CONFIG). */
enum supervisor_action supervisor_unborn(struct supervisor *supervisor,
					 enum supervisor_ending ending, int64_t now_ms);

/* A process exists that must be reaped. */
bool supervisor_alive(const struct supervisor *supervisor);
/* "running"; for logs. */
const char *supervisor_state_name(enum supervisor_state state);

/* What the table says for a pair; false = the event means nothing in that state. next 0 = the state
 * stays. */
bool supervisor_rule(enum supervisor_state state, enum supervisor_event event,
		     enum supervisor_state *ret_next, enum supervisor_action *ret_action);

/* "died by signal 11 (Segmentation fault)", "exited with code 5"; of waitpid()'s status. */
#define SUPERVISOR_END_TEXT_MAX 96
void supervisor_describe_end(int status, char *buffer, size_t size);

/* One line about a worker that was reaped, to be called after supervisor_gone(): "worker 4123 died
   by signal 11 (Segmentation fault) after 14 batches; last words: '…'; restarting in 4 s". */
struct supervisor_obituary {
	pid_t pid;
	int status;		/* of waitpid() */
	const char *cause;	/* what main or the worker itself says about it; "" */
	const char *last_words; /* of its stderr, quoted by the caller; "" */
	const char *document;	/* being read, quoted by the caller; "" */
};
void supervisor_write_obituary(const struct supervisor *supervisor,
			       const struct supervisor_obituary *obituary, char *buffer,
			       size_t size);
