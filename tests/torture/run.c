/* SPDX-License-Identifier: MIT
 *
 * run.c - see run.h. Test programs only. Invariant: the scenario's steps are given by how far the
 * daemon is, never by time; a worker is killed again only after a commit of its source, since three
 * deaths at one place are a document's fault by design. Must never let a process outlive the run.
 */
#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <check.h>

#include "cut.h"
#include "load.h"

#define FAULT_CODE   99	   /* tests/hooks/fault_point.c */
#define QUIET_MS     60000 /* without any progress the run has failed */
#define TURN_MS	     20
#define STOP_US_MAX  300000 /* well below a heartbeat, which is due in 9 s here */
#define START_US_MAX 60000
#define WORKERS_MAX  8
#define KEY_BYTES    64

static const char *const sources[] = { "nca", "sea", "home" };
#define SOURCES (sizeof(sources) / sizeof(sources[0]))

struct state {
	const struct run *run;
	struct run_result *result;
	struct harness h;
	char root[HARNESS_PATH_MAX], journal[HARNESS_PATH_MAX], token[HARNESS_PATH_MAX],
		witness[HARNESS_PATH_MAX], count[HARNESS_PATH_MAX];
	struct chance chance;
	struct disturbance next;
	unsigned long number;	 /* of disturbances that were begun */
	unsigned int step;	 /* the next one to be given */
	double requested, boats; /* as the daemon said last */
	unsigned long commits;	 /* seen since the last disturbance */
	bool killed[SOURCES];	 /* its worker, and no commit since */
	char key[KEY_BYTES];
	size_t key_size;
	long long moved_ms; /* of the last progress */
	long long taken_ms; /* since when the next disturbance is waited for */
};

static void fault(struct state *state, const char *what)
{
	state->result->faults++;
	fprintf(stderr, "torture: difference: %s\n", what);
}

/* ── beginning ───────────────────────────────────────────────────────────────────────────────── */

static void below(const struct harness *h, const char *name, char path[HARNESS_PATH_MAX])
{
	ck_assert_int_lt(snprintf(path, HARNESS_PATH_MAX, "%.64s/%s", h->directory, name),
			 HARNESS_PATH_MAX);
}

static void prepare(struct state *state)
{
	char grave[HARNESS_PATH_MAX];
	struct harness *h = &state->h;

	harness_start(h);
	h->program = "tests/straitd-faulty";
	below(h, "disk", state->root);
	below(h, "disk/state", h->state);
	below(h, "disk/spool", h->spool);
	below(h, "journal", state->journal);
	below(h, "journal.grave", grave);
	below(h, "token", state->token);
	below(h, "witness", state->witness);
	below(h, "count", state->count);
	ck_assert_int_eq(mkdir(state->root, 0755), 0);
	ck_assert_int_eq(mkdir(h->state, 0755), 0);
	ck_assert_int_eq(mkdir(h->spool, 0755), 0);
	ck_assert_int_eq(mkdir(grave, 0755), 0);
	(void)setenv("STRAITD_TEST_PERCENT", "30", 1);
	(void)setenv("STRAITD_TEST_POINT_COUNT", state->count, 1);
	if (state->run->recorded) {
		(void)setenv("STRAITD_TEST_DISK_ROOT", state->root, 1);
		(void)setenv("STRAITD_TEST_DISK_JOURNAL", state->journal, 1);
	} else {
		(void)unsetenv("STRAITD_TEST_DISK_ROOT");
	}
	scenario_prepare(state->run->scenario, h);
	harness_file(h, "witness", "", NULL);
}

static void take_next(struct state *state)
{
	const struct run *run = state->run;

	state->commits = 0;
	state->taken_ms = process_now_ms();
	state->next = (struct disturbance){ .kind = DISTURB_NOTHING };
	if (run->plan)
		state->next = run->plan(run->context, state->number++);
}

/* The ones that a process brings upon itself are told to it when it starts. */
static void set_number(const char *name, bool wanted, unsigned long number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lu", number);
	if (wanted)
		(void)setenv(name, text, 1);
	else
		(void)unsetenv(name);
}

static void start_daemon(struct state *state)
{
	enum disturbance_kind kind = state->next.kind;

	set_number("STRAITD_TEST_FAULT_POINT", kind == DISTURB_MAIN_POINT, state->next.at);
	set_number("STRAITD_TEST_WORKER_POINT", kind == DISTURB_WORKER_POINT, state->next.at);
	set_number("STRAITD_TEST_POWER_CUT", kind == DISTURB_POWER_CHANGE, state->next.at);
	if (kind == DISTURB_WORKER_POINT) {
		harness_file(&state->h, "token", "", NULL);
		(void)setenv("STRAITD_TEST_WORKER_TOKEN", state->token, 1);
	}
	harness_daemon_begin(&state->h);
}

/* ── after a death ───────────────────────────────────────────────────────────────────────────── */

/* Made once, and the same for ever: with another one all records would count again. */
static void check_key(struct state *state)
{
	char path[HARNESS_PATH_MAX + 16], key[KEY_BYTES];
	int fd;
	ssize_t size;

	(void)snprintf(path, sizeof(path), "%s/identity.key", state->h.state);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (state->key_size > 0)
			fault(state, "identity.key is gone");
		return;
	}
	size = read(fd, key, sizeof(key));
	(void)close(fd);
	if (state->key_size > 0 &&
	    (size != (ssize_t)state->key_size || memcmp(key, state->key, state->key_size) != 0))
		fault(state, "identity.key has changed");
	/* Of use only when something was stored under it. */
	if (state->commits > 0 && state->key_size == 0 && size > 0) {
		memcpy(state->key, key, (size_t)size);
		state->key_size = (size_t)size;
	}
}

static void lose_power(struct state *state)
{
	struct cut cut;

	cut_power(state->root, state->journal, &state->chance, &cut);
	state->result->cuts++;
	state->result->undone += cut.undone;
}

static bool has_store(struct state *state)
{
	char path[HARNESS_PATH_MAX + 16];
	struct stat status;

	(void)snprintf(path, sizeof(path), "%s/straitd.db", state->h.state);
	return stat(path, &status) == 0 && status.st_size > 0;
}

/* Until it has its name, or has died of the next disturbance. */
static bool wait_until_up(struct state *state)
{
	if (!harness_wait_name(&state->h, true))
		return false;
	if (has_store(state) && !answers_store_is_sound(&state->h))
		fault(state, "the store is damaged");
	return true;
}

/* What another program does meanwhile: the next step, if it is due. */
static bool give_step(struct state *state)
{
	const struct scenario *scenario = state->run->scenario;
	double done = state->requested + state->boats;
	char path[HARNESS_PATH_MAX];
	const char *name;

	if (state->step == SCENARIO_STEPS)
		return false;
	if (state->step > 0 && done < (double)scenario->given[state->step - 1] * 0.6)
		return false;
	/* Who has read nothing of a log begins with the file that has its name then. */
	if (scenario->log[state->step].move == LOG_RENAME && state->boats == 0)
		return false;
	if (scenario_step_needs_all(scenario, state->step) &&
	    state->boats < (double)scenario->log[state->step - 1].boats)
		return false;
	name = scenario_step_needs_read(state->step);
	if (name &&
	    access(harness_spool_path(&state->h, "home", "incoming", name, path), F_OK) == 0)
		return false;
	scenario_step(scenario, &state->h, state->step++);
	return true;
}

/* A death that was planned. Starts it again, until it stays. */
static void restart(struct state *state, int code, bool power)
{
	bool wanted = code == FAULT_CODE || code == 128 + SIGKILL;

	harness_assert(&state->h, wanted, "the daemon ended with %d", code);
	for (;;) {
		state->result->kills++;
		state->result->disturbed[state->next.kind]++;
		check_key(state);
		if (state->run->recorded)
			state->result->changes += cut_shorten(state->journal);
		if (power || state->next.kind == DISTURB_POWER_CHANGE)
			lose_power(state);
		power = false;
		if (chance_one_in(&state->chance, 3))
			(void)give_step(state);
		take_next(state);
		state->result->restarts++;
		start_daemon(state);
		if (wait_until_up(state))
			break;
		code = process_wait(&state->h.daemon, PROCESS_DEADLINE_MS);
		harness_assert(&state->h, code == FAULT_CODE || code == 128 + SIGKILL,
			       "the daemon ended with %d while it started", code);
	}
	memset(state->killed, 0, sizeof(state->killed));
	state->moved_ms = state->taken_ms = process_now_ms();
}

/* ── disturbing ──────────────────────────────────────────────────────────────────────────────── */

static void wait_us(unsigned long us)
{
	struct timespec wait = { .tv_sec = (time_t)(us / 1000000),
				 .tv_nsec = (long)(us % 1000000) * 1000 };

	(void)ppoll(NULL, 0, &wait, NULL);
}

/* Index into sources of a worker; SOURCES for another process. */
static size_t source_of(pid_t pid)
{
	char path[64], line[256];
	int fd;
	ssize_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		(void)close(fd);
	if (size <= 0)
		return SOURCES;
	line[size] = '\0';
	for (ssize_t i = 0; i < size; i++) {
		if (line[i] == '\0')
			line[i] = ' ';
	}
	for (size_t i = 0; i < SOURCES; i++) {
		char words[64];

		(void)snprintf(words, sizeof(words), "--worker %s ", sources[i]);
		if (strstr(line, words))
			return i;
	}
	return SOURCES;
}

/* A child of main, not one whose source has not committed since its last death; 0 = none. */
static pid_t choose_child(struct state *state, bool to_kill)
{
	pid_t pids[WORKERS_MAX];
	size_t count = harness_workers(&state->h, pids, WORKERS_MAX), at, source;

	if (count == 0)
		return 0;
	at = chance_of(&state->chance, count);
	source = source_of(pids[at]);
	if (source < SOURCES && to_kill) {
		if (state->killed[source])
			return 0;
		state->killed[source] = true;
	}
	return pids[at];
}

static bool disturb_child(struct state *state, int signal)
{
	pid_t pid = choose_child(state, signal == SIGKILL);

	if (pid == 0 || kill(pid, signal) < 0)
		return false;
	if (signal == SIGSTOP) {
		wait_us(chance_of(&state->chance, STOP_US_MAX));
		(void)kill(pid, SIGCONT);
	} else {
		state->result->kills++;
	}
	return true;
}

static void kill_main(struct state *state, bool power)
{
	restart(state, harness_daemon_end(&state->h, SIGKILL), power);
}

/* In the middle of its start, wherever it is then; and once more. */
static void kill_starting(struct state *state)
{
	int code = harness_daemon_end(&state->h, SIGKILL);

	ck_assert_int_eq(code, 128 + SIGKILL);
	for (int i = 0; i < 2; i++) {
		state->result->kills++;
		state->result->restarts++;
		state->next.kind = DISTURB_KILL_START; /* nothing of its own */
		start_daemon(state);
		wait_us(chance_of(&state->chance, START_US_MAX));
		code = harness_daemon_end(&state->h, SIGKILL);
	}
	restart(state, code, state->run->recorded && chance_one_in(&state->chance, 2));
}

static void disturb(struct state *state)
{
	enum disturbance_kind kind = state->next.kind;
	bool done = true;

	wait_us(state->next.then_us);
	switch (kind) {
	case DISTURB_POWER:
	case DISTURB_KILL_MAIN:
		kill_main(state, kind == DISTURB_POWER);
		return;
	case DISTURB_KILL_BOTH:
		(void)disturb_child(state, SIGKILL);
		kill_main(state, false);
		return;
	case DISTURB_KILL_START:
		kill_starting(state);
		return;
	case DISTURB_STOP_MAIN:
		ck_assert_int_eq(kill(state->h.daemon.pid, SIGSTOP), 0);
		wait_us(chance_of(&state->chance, STOP_US_MAX));
		ck_assert_int_eq(kill(state->h.daemon.pid, SIGCONT), 0);
		break;
	case DISTURB_KILL_WORKER:
	case DISTURB_STOP_WORKER:
		done = disturb_child(state, kind == DISTURB_KILL_WORKER ? SIGKILL : SIGSTOP);
		break;
	case DISTURB_NOTHING:
	case DISTURB_MAIN_POINT:
	case DISTURB_WORKER_POINT:
	case DISTURB_POWER_CHANGE:
	case DISTURB_KINDS:
		return; /* comes by itself, or not at all */
	}
	state->result->disturbed[kind] += done;
	take_next(state);
}

static bool is_timed(enum disturbance_kind kind)
{
	return kind >= DISTURB_POWER;
}

/* A worker's own death is seen by its token only. */
static bool token_is_taken(const struct state *state)
{
	int fd = open(state->token, O_RDONLY | O_CLOEXEC);
	char bytes[64];
	ssize_t size = fd < 0 ? 0 : read(fd, bytes, sizeof(bytes));
	bool taken = false;

	if (fd >= 0)
		(void)close(fd);
	for (ssize_t i = 0; i < size; i++)
		taken |= bytes[i] != 0;
	return taken;
}

static void look_for_token(struct state *state)
{
	if (state->next.kind != DISTURB_WORKER_POINT || !token_is_taken(state))
		return;
	state->result->disturbed[DISTURB_WORKER_POINT]++;
	state->result->kills++;
	memset(state->killed, 1, sizeof(state->killed)); /* whose it was is not known */
	take_next(state);
}

/* ── going on ────────────────────────────────────────────────────────────────────────────────── */

static bool has_ended(struct state *state)
{
	int pidfd = (int)syscall(SYS_pidfd_open, state->h.daemon.pid, 0);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	bool result;

	ck_assert_int_ge(pidfd, 0);
	result = poll(&ended, 1, 0) == 1;
	(void)close(pidfd);
	return result;
}

/* Commits since the last look, waiting at most a turn. */
static void look_for_commits(struct state *state)
{
	struct figures_signal signal;

	for (int wait = TURN_MS; harness_next_signal(&state->h, &signal, wait); wait = 0) {
		state->commits++;
		state->moved_ms = process_now_ms();
		for (size_t i = 0; i < SOURCES; i++) {
			if (strcmp(signal.source, sources[i]) == 0)
				state->killed[i] = false;
		}
	}
}

static void look_at_figures(struct state *state)
{
	double requested = harness_figure(&state->h, "referrals.requested"),
	       boats = harness_figure(&state->h, "torture.boats");

	/* NaN: there is none yet, or the daemon has just ended. */
	if (!isnan(requested))
		state->requested = requested;
	if (!isnan(boats))
		state->boats = boats;
}

static bool is_empty(const char *path)
{
	DIR *entries = opendir(path);
	struct dirent *entry;
	bool empty = true;

	ck_assert_msg(entries, "%s: %s", path, strerror(errno));
	while ((entry = readdir(entries)))
		empty &= entry->d_name[0] == '.' &&
			 (entry->d_name[1] == '\0' || entry->d_name[1] == '.');
	(void)closedir(entries);
	return empty;
}

static bool is_finished(struct state *state)
{
	const struct scenario *scenario = state->run->scenario;
	char path[HARNESS_PATH_MAX], text[64];

	if (state->step < SCENARIO_STEPS || state->requested < (double)scenario->referrals ||
	    state->boats < (double)scenario->boats)
		return false;
	for (size_t i = 0; i < SOURCES; i++) {
		harness_source_text(&state->h, sources[i], "State", text, sizeof(text));
		if (strcmp(text, "idle") != 0 ||
		    !is_empty(harness_spool_path(&state->h, sources[i], "incoming", "", path)))
			return false;
	}
	(void)snprintf(path, sizeof(path), "%.200s/originals/pending", state->h.state);
	return is_empty(path);
}

/* For so many commits, 0 = for no number of them, or as long as is waited without one. */
static bool has_waited(const struct state *state, unsigned long commits)
{
	return (commits > 0 && state->commits >= commits) ||
	       (state->next.within_ms > 0 &&
		process_now_ms() >= state->taken_ms + (long long)state->next.within_ms);
}

static void go_on(struct state *state)
{
	state->moved_ms = process_now_ms();
	for (;;) {
		if (has_ended(state)) {
			restart(state, process_wait(&state->h.daemon, PROCESS_DEADLINE_MS), false);
			continue;
		}
		look_for_commits(state);
		look_at_figures(state);
		if (give_step(state))
			state->moved_ms = process_now_ms();
		if (!has_ended(state) && is_finished(state))
			break;
		look_for_token(state);
		if (!is_timed(state->next.kind) && has_waited(state, state->next.patience))
			state->next.kind = DISTURB_KILL_MAIN;
		else if (is_timed(state->next.kind) &&
			 (state->next.at == 0 || has_waited(state, state->next.at)))
			disturb(state);
		harness_assert(&state->h, process_now_ms() < state->moved_ms + QUIET_MS,
			       "nothing goes on: step %u, %g referrals, %g boats", state->step,
			       state->requested, state->boats);
	}
}

/* ── the end ─────────────────────────────────────────────────────────────────────────────────── */

static unsigned long read_count(const struct state *state, const char *role)
{
	char path[HARNESS_PATH_MAX + 16];
	long count = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "%s.%s", state->count, role);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		count = 0;
	if (fd >= 0)
		(void)close(fd);
	return (unsigned long)count;
}

static void count_complaints(struct state *state)
{
	char *text = harness_read(&state->h, state->witness), *rest, *line;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (line[0] == '!')
			fault(state, line);
	}
	free(text);
}

/* A calendar with gaps has no total, so the days are added up here. */
static double sum_of_days(struct state *state)
{
	struct output output;
	double sum = 0;

	CTL(&state->h, &output, "series", "arrivals.people", "--csv");
	for (const char *line = output.out; (line = strchr(line, '\n')) && line[1]; line++) {
		const char *value = strchr(line, ',');

		sum += value ? strtod(value + 1, NULL) : 0;
	}
	output_done(&output);
	return sum;
}

static void expect(struct state *state, const char *what, double value, unsigned long truth)
{
	if (value == (double)truth)
		return;
	state->result->faults++;
	fprintf(stderr, "torture: difference: %s is %.15g and must be %lu\n", what, value, truth);
}

static void expect_truth(struct state *state)
{
	static const char *const names[] = { "referrals.requested", "referrals.blocked",
					     "referrals.refused",   "referrals.pending",
					     "torture.boats",	    "torture.people" };
	const struct scenario *s = state->run->scenario;
	const unsigned long truth[] = { s->referrals, s->blocked, s->refused,
					s->pending,   s->boats,	  s->people };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect(state, names[i], harness_figure(&state->h, names[i]), truth[i]);
	expect(state, "arrivals.people, all days", sum_of_days(state), s->arrivals);
}

/* Asked until the end was orderly: a planned death may still come while it stops. */
static void finish(struct state *state, pid_t load)
{
	int code;

	(void)unsetenv("STRAITD_TEST_FAULT_POINT");
	expect_truth(state);
	answers_ask(&state->result->answers, &state->h);
	load_end(load);
	count_complaints(state);
	code = harness_daemon_end(&state->h, SIGTERM);
	harness_assert(&state->h, code == 0 || code == FAULT_CODE || code == 128 + SIGKILL,
		       "the daemon ended with %d", code);
	check_key(state);
	answers_read(&state->result->answers, &state->h);
	state->result->unkept = answers_unkept(&state->h, state->witness, &state->result->seen);
	state->result->points = read_count(state, "main");
	state->result->worker_points = read_count(state, "worker");
	if (state->run->recorded)
		state->result->changes += cut_shorten(state->journal);
	harness_stop(&state->h);
}

void run_scenario(const struct run *run, struct run_result *ret_result)
{
	struct state state = { .run = run, .result = ret_result, .chance = run->chance };
	pid_t load;

	*ret_result = (struct run_result){ 0 };
	prepare(&state);
	load = load_begin(state.h.bus.address, state.witness);
	take_next(&state);
	start_daemon(&state);
	if (!wait_until_up(&state))
		restart(&state, process_wait(&state.h.daemon, PROCESS_DEADLINE_MS), false);
	go_on(&state);
	finish(&state, load);
}
