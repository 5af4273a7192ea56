/* SPDX-License-Identifier: MIT
 *
 * straitd.c - the daemon object: owns event base, configuration, ledger, sources and bus; start,
 * reload and stop order.
 *
 * Main process only. It joins the parts that do not know each other: a commit of the ledger becomes
 * a signal on the bus. Nothing here blocks once the loop runs. Never parses anything.
 */
#include "straitd.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bus.h"
#include "clock.h"
#include "complaint.h"
#include "config.h"
#include "ledger.h"
#include "log.h"
#include "notify.h"
#include "originals.h"
#include "rebuild.h"
#include "sources.h"

#define PRIVATE_SOCKET "/run/straitd/private" /* on the system bus; see straitd.service */
#define ERROR_TEXT_MAX 4608		      /* a path and a sentence */
#define EXPIRE_SECONDS                                                                             \
	(6 * 60 * 60) /* how often old changes and rejects are forgotten, at least                 \
		       */

enum { SIGNAL_HUP, SIGNAL_TERM, SIGNAL_INT, SIGNAL_USR1, SIGNAL_COUNT };

struct straitd {
	const struct options *options;
	struct event_base *base;
	struct event *signals[SIGNAL_COUNT];
	struct event *watchdog, *expire;
	struct event *store_changed; /* zero timer: the ledger's trouble began, changed or ended */
	struct config *config;
	struct ledger *ledger;
	struct sources *sources;
	struct originals *originals;
	struct rebuild *rebuild;	/* NULL = none is under way */
	struct complaint store_trouble; /* what the log was told of it */
	struct bus *bus;
	bool stopping;
	bool away; /* from the bus */
	int exit_code;
};

/* ── what the parts tell each other ────────────────────────────────────────────────────────── */

static void arm_now(struct event *timer)
{
	static const struct timeval now = { 0 };

	(void)evtimer_add(timer, &now); /* allocated: fails only on a broken base */
}

/* From within the ledger's call: looked at when that is over. */
static void on_store_trouble(void *context)
{
	const struct straitd *straitd = context;

	arm_now(straitd->store_changed);
}

static void update_status(struct straitd *straitd)
{
	size_t stale = 0, figures = ledger_figure_count(straitd->ledger);
	const char *store = ledger_state(straitd->ledger);

	for (size_t i = 0; i < figures; i++)
		stale += ledger_figure_at(straitd->ledger, i)->stale;
	if (strcmp(store, "good") == 0)
		store = "";
	notify_status("%zu figures, %zu sources, %zu stale%s%s%s", figures,
		      sources_count(straitd->sources), stale,
		      straitd->away ? "; the message bus is away, connecting again" : "",
		      *store ? "; store: " : "", store);
}

static void tell_store(struct straitd *straitd)
{
	if (straitd->bus)
		bus_store_changed(straitd->bus);
	update_status(straitd);
}

/* All sources are done: what remains is the account. */
static void finish_rebuild(struct straitd *straitd)
{
	char text[FAULT_TEXT_MAX];

	if (!straitd->rebuild || sources_rebuilding(straitd->sources))
		return;
	rebuild_finish(straitd->rebuild);
	straitd->rebuild = rebuild_free(straitd->rebuild);
	rebuild_text(straitd->options->state_dir, text, sizeof(text));
	ledger_note(straitd->ledger, text);
	tell_store(straitd);
}

static void on_unpacked(void *context)
{
	struct straitd *straitd = context;

	sources_unpacked(straitd->sources);
	on_store_trouble(
		straitd); /* there may be no source to wait for; not from its own callback */
}

static void on_committed(void *context, const struct commit_report *report)
{
	struct straitd *straitd = context;

	if (!report->sequence)
		return;
	if (straitd->bus)
		bus_figures_changed(straitd->bus, report);
	update_status(straitd);
}

static void on_source_added(void *context, const char *name)
{
	struct straitd *straitd = context;

	if (straitd->bus)
		bus_source_added(straitd->bus, name);
}

static void on_source_changed(void *context, const char *name, bool state_changed)
{
	struct straitd *straitd = context;

	if (straitd->bus)
		bus_source_changed(straitd->bus, name, state_changed);
	if (straitd->rebuild)
		arm_now(straitd->store_changed); /* it may be the last one */
}

static void on_source_removed(void *context, const char *name)
{
	struct straitd *straitd = context;

	if (straitd->bus)
		bus_source_removed(straitd->bus, name);
}

static void on_job_added(void *context, uint32_t id)
{
	struct straitd *straitd = context;

	if (straitd->bus)
		bus_job_added(straitd->bus, id);
}

static void on_job_changed(void *context, uint32_t id, bool finished)
{
	struct straitd *straitd = context;

	if (straitd->bus)
		bus_job_changed(straitd->bus, id, finished);
}

static void on_job_removed(void *context, uint32_t id)
{
	struct straitd *straitd = context;

	if (straitd->bus)
		bus_job_removed(straitd->bus, id);
}

static void on_document_leaves(void *context, const char *path, const uint8_t sha256[SHA256_BYTES])
{
	struct straitd *straitd = context;

	originals_expect(straitd->originals, path, sha256);
}

static void on_document_done(void *context, const char *path, const uint8_t sha256[SHA256_BYTES])
{
	struct straitd *straitd = context;

	originals_keep(straitd->originals, path, sha256);
}

static int open_original(void *context, const uint8_t sha256[SHA256_BYTES], int *ret_fd,
			 struct fault *fault)
{
	const struct straitd *straitd = context;

	return originals_open(straitd->originals, sha256, ret_fd, fault);
}

static bool has_original(void *context, const uint8_t sha256[SHA256_BYTES])
{
	const struct straitd *straitd = context;

	return originals_has(straitd->originals, sha256);
}

static const struct sources_events sources_events = {
	.committed = on_committed,
	.source_added = on_source_added,
	.source_changed = on_source_changed,
	.source_removed = on_source_removed,
	.job_added = on_job_added,
	.job_changed = on_job_changed,
	.job_removed = on_job_removed,
	.document_leaves = on_document_leaves,
	.document_done = on_document_done,
};

/* ── what is forgotten ──────────────────────────────────────────────────────────────────────── */

static void expire(struct straitd *straitd)
{
	struct fault fault;

	if (ledger_expire(straitd->ledger, clock_now_ms() - straitd->config->change_retention_ms,
			  &fault) < 0)
		log_store(LOG_WARNING, "cannot forget old changes: %s; trying again later",
			  fault.text);
	originals_expire(straitd->originals);
}

/* Old changes and rejects are looked for so often that what is kept is at most a quarter older than
 * asked for. */
static void arm_expiry(struct straitd *straitd)
{
	int64_t seconds = straitd->config->change_retention_ms / 4000;
	struct timeval interval = { .tv_sec = seconds < 1		 ? 1
					      : seconds > EXPIRE_SECONDS ? EXPIRE_SECONDS
									 : seconds };

	if (event_add(straitd->expire, &interval) < 0)
		log_store(
			LOG_WARNING,
			"cannot arm the timer that forgets old changes (out of memory); they are forgotten at the next reload or start");
}

/* ── configuration ─────────────────────────────────────────────────────────────────────────── */

static int load_config(const struct options *options, struct config **ret_config,
		       struct config_errors *errors)
{
	return config_load(options->config_dir, VENDORDIR, options->spool_dir, ret_config, errors);
}

/* "FILE:LINE: text", or "FILE: text" for what concerns the file as a whole. */
static const char *error_text(const struct config_error *error, char *buffer, size_t size)
{
	if (error->line)
		(void)snprintf(buffer, size, "%s:%u: %s", error->file, error->line, error->text);
	else
		(void)snprintf(buffer, size, "%s: %s", error->file, error->text);
	return buffer;
}

static void print_errors(const struct config_errors *errors)
{
	char text[ERROR_TEXT_MAX];

	for (size_t i = 0; i < errors->count; i++)
		(void)fprintf(stderr, "%s\n", error_text(&errors->items[i], text, sizeof(text)));
}

static void log_errors(const struct config_errors *errors)
{
	char text[ERROR_TEXT_MAX];

	for (size_t i = 0; i < errors->count; i++)
		log_config(LOG_ERR, "%s", error_text(&errors->items[i], text, sizeof(text)));
}

static struct check_text check_text_of(const struct config_check *check)
{
	return (struct check_text){ .left = check->left,
				    .right = check->right,
				    .every = check->every,
				    .tolerance = check->tolerance,
				    .explained = check->explained };
}

static int apply_figures(struct straitd *straitd, const struct config *config, struct fault *fault)
{
	size_t count = config->figure_count + config->check_count;
	struct figure_section *sections = calloc(count + 1, sizeof(*sections));
	struct check_text *checks = calloc(config->check_count + 1, sizeof(*checks));
	struct commit_report report;
	int result;

	if (!sections || !checks) {
		free(sections);
		free(checks);
		return fault_set(fault, FAULT_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < config->figure_count; i++)
		sections[i] = (struct figure_section){ .name = config->figures[i].name,
						       .formula = config->figures[i].formula,
						       .window = config->figures[i].window,
						       .unit = config->figures[i].unit,
						       .title = config->figures[i].title };
	for (size_t i = 0; i < config->check_count; i++) {
		checks[i] = check_text_of(&config->checks[i]);
		sections[config->figure_count + i] =
			(struct figure_section){ .name = config->checks[i].name,
						 .title = config->checks[i].title,
						 .check = &checks[i] };
	}
	result = ledger_set_figures(straitd->ledger, sections, count, &report, fault);
	free(sections);
	free(checks);
	if (result == 0)
		on_committed(straitd, &report);
	return result;
}

static int apply_config(struct straitd *straitd, struct config *config, struct fault *fault)
{
	if (config->log_level && !getenv("STRAITD_LOG"))
		log_set_level(log_level_parse(config->log_level));
	if (apply_figures(straitd, config, fault) < 0 ||
	    sources_apply(straitd->sources, config, fault) < 0)
		return -1;
	ledger_limit_changes(straitd->ledger, (size_t)config->change_limit);
	originals_limit(straitd->originals, config->keep_originals_bytes,
			config->keep_originals_age_ms);
	config_free(straitd->config);
	straitd->config = config;
	arm_expiry(straitd);
	if (!config->source_count)
		log_config(
			LOG_NOTICE,
			"no sources are configured; put a file with a [source NAME] section into '%s/conf.d' and run `straitctl reload` (see straitd.conf)",
			straitd->options->config_dir);
	return 0;
}

/* First error into the fault, all into the log. */
static int reload(void *context, struct fault *fault)
{
	struct straitd *straitd = context;
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int result = -1;

	if (straitd->stopping)
		return fault_set(fault, FAULT_NOT_READY, "straitd is stopping");
	notify_reloading();
	if (load_config(straitd->options, &config, &errors) < 0) {
		log_errors(&errors);
		char text[ERROR_TEXT_MAX] = "";

		if (errors.count)
			(void)error_text(&errors.items[0], text, sizeof(text));
		(void)fault_set(
			fault, FAULT_BAD_ARGUMENT,
			"%zu errors, nothing was changed; the first: %.300s (`straitd --check-config` shows all)",
			errors.count, text);
	} else if (apply_config(straitd, config, fault) < 0) {
		config_free(config);
		log_config(LOG_ERR, "reload failed: %s", fault->text);
	} else {
		log_config(LOG_NOTICE, "reloaded: %zu sources, %zu files read",
			   config->source_count, config->file_count);
		expire(straitd);
		result = 0;
	}
	config_errors_done(&errors);
	notify_ready(result == 0 ? "reloaded" : "reload failed; going on as before");
	return result;
}

/* ── signals and timers ────────────────────────────────────────────────────────────────────── */

static void stopped(void *context)
{
	struct straitd *straitd = context;

	(void)event_base_loopbreak(straitd->base); /* fails only without a base */
}

static void stop(struct straitd *straitd, int exit_code)
{
	if (straitd->stopping)
		return;
	straitd->stopping = true;
	straitd->exit_code = exit_code;
	notify_stopping("stopping the workers");
	sources_stop(straitd->sources, stopped, straitd);
}

static void on_bus_lost(void *context, const char *why)
{
	struct straitd *straitd = context;

	log_bus(LOG_ERR,
		"%s; finishing the running commits and ending, so that the service manager starts straitd again",
		why);
	stop(straitd, 1);
}

static void on_bus_away(void *context, bool away)
{
	struct straitd *straitd = context;

	straitd->away = away;
	update_status(straitd);
}

static void on_term(evutil_socket_t number, short what, void *context)
{
	(void)what; /* a signal event has one kind */
	log_main(LOG_INFO, "stopping on signal %d", (int)number);
	stop(context, 0);
}

static void on_store_changed(evutil_socket_t fd, short what, void *context)
{
	struct straitd *straitd = context;
	const char *trouble;
	int64_t lasted_ms;
	uint32_t count;
	bool damaged;

	(void)fd;
	(void)what;
	trouble = ledger_trouble(straitd->ledger, &damaged);
	if (damaged && !straitd->stopping) {
		log_store(
			LOG_ERR,
			"%s; ending, so that the service manager starts straitd again, which sets the file aside and rebuilds",
			trouble);
		stop(straitd, 1);
	} else if (*trouble && complaint_raise(&straitd->store_trouble, clock_monotonic_ms())) {
		log_store(
			LOG_ERR,
			"%s. Nothing is lost: what is not stored is read again, and calls are answered from memory",
			trouble);
	} else if (!*trouble && complaint_end(&straitd->store_trouble, clock_monotonic_ms(),
					      &lasted_ms, &count)) {
		log_store(LOG_NOTICE, "the store works again, after %lld s and %u failures",
			  (long long)(lasted_ms / 1000), count);
	}
	finish_rebuild(straitd);
	tell_store(straitd);
}

static void on_hup(evutil_socket_t number, short what, void *context)
{
	struct fault fault;

	(void)number;
	(void)what;
	(void)reload(context, &fault); /* the log has the result */
}

static void on_usr1(evutil_socket_t number, short what, void *context)
{
	struct straitd *straitd = context;
	struct source_info info;

	(void)number;
	(void)what;
	log_main(LOG_NOTICE, "state: sequence %llu, %zu figures, %zu sources",
		 (unsigned long long)ledger_sequence(straitd->ledger),
		 ledger_figure_count(straitd->ledger), sources_count(straitd->sources));
	for (size_t i = 0; i < sources_count(straitd->sources); i++) {
		if (sources_info_at(straitd->sources, i, &info) < 0)
			continue;
		log_source(
			LOG_NOTICE, info.name,
			"state: %s%s%s, worker %d, accepted %llu, rejected %llu, restarts %u, last release '%s'",
			source_state_word(info.state), *info.reason ? ": " : "", info.reason,
			info.worker_pid, (unsigned long long)info.accepted,
			(unsigned long long)info.rejected, info.restarts, info.last_release);
	}
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	notify_watchdog();
}

static void on_expire(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	expire(context);
}

static void on_libevent_log(int severity, const char *text)
{
	log_main(severity >= EVENT_LOG_WARN ? LOG_WARNING : LOG_DEBUG, "libevent: %s", text);
}

static int add_events(struct straitd *straitd, struct fault *fault)
{
	static const struct {
		int number;
		event_callback_fn call;
	} handlers[SIGNAL_COUNT] = { [SIGNAL_HUP] = { SIGHUP, on_hup },
				     [SIGNAL_TERM] = { SIGTERM, on_term },
				     [SIGNAL_INT] = { SIGINT, on_term },
				     [SIGNAL_USR1] = { SIGUSR1, on_usr1 } };
	int64_t interval_ms = notify_watchdog_interval_ms();
	struct timeval watchdog = { interval_ms / 1000, interval_ms % 1000 * 1000 };

	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		straitd->signals[i] =
			evsignal_new(straitd->base, handlers[i].number, handlers[i].call, straitd);
		if (!straitd->signals[i] || event_add(straitd->signals[i], NULL) < 0)
			return fault_set(fault, FAULT_SYSTEM,
					 "cannot watch signal %d: out of memory",
					 handlers[i].number);
		log_main(LOG_DEBUG, "watching signal %d", handlers[i].number);
	}
	straitd->watchdog = event_new(straitd->base, -1, EV_PERSIST, on_watchdog, straitd);
	straitd->expire = event_new(straitd->base, -1, EV_PERSIST, on_expire, straitd);
	straitd->store_changed = evtimer_new(straitd->base, on_store_changed, straitd);
	if (!straitd->watchdog || !straitd->expire || !straitd->store_changed ||
	    (interval_ms && event_add(straitd->watchdog, &watchdog) < 0))
		return fault_set(fault, FAULT_MEMORY, "out of memory");
	return 0;
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

/* The last part is made when missing, and its parents; like mkdir -p with mode 0750. */
static int make_directory(const char *path, struct fault *fault)
{
	char part[4096];

	for (size_t i = 1; path[i - 1] && i < sizeof(part); i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0750) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES &&
		    errno != EPERM)
			return fault_errno(fault, errno, "cannot make directory '%s'", part);
	}
	return 0; /* a directory that could not be made is told by whoever opens a file in it */
}

/* The path of the private socket, or NULL when there is to be none. */
static const char *socket_path(const struct straitd *straitd, char *buffer, size_t size)
{
	const char *wanted = straitd->config->socket, *bus = straitd->options->bus;
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");

	if (wanted && strcmp(wanted, "auto") != 0)
		return strcmp(wanted, "none") != 0 ? wanted : NULL;
	if (!strcmp(bus, "system"))
		return PRIVATE_SOCKET;
	if (strcmp(bus, "session") != 0 || !runtime_dir || !*runtime_dir)
		return NULL;
	(void)snprintf(buffer, size, "%s/straitd/private", runtime_dir); /* cut: is refused */
	return buffer;
}

static void open_socket(struct straitd *straitd)
{
	char buffer[4096];
	const char *path = socket_path(straitd, buffer, sizeof(buffer));
	struct fault fault = { .kind = FAULT_NONE };

	if (path && bus_listen(straitd->bus, path, &fault) < 0)
		log_bus(LOG_WARNING, "no private socket: %s; going on without one", fault.text);
}

/* Before any worker runs. */
static void begin_rebuild(struct straitd *straitd, const struct config *config)
{
	const char *state_dir = straitd->options->state_dir;
	char text[FAULT_TEXT_MAX];

	straitd->rebuild = rebuild_new(straitd->base, state_dir, config, straitd->originals,
				       on_unpacked, straitd);
	if (straitd->rebuild)
		sources_rebuild(straitd->sources);
	rebuild_text(state_dir, text, sizeof(text));
	ledger_note(straitd->ledger, text);
}

static int start(struct straitd *straitd, struct config *config, struct fault *fault)
{
	static const struct bus_requests requests = { .reload = reload,
						      .lost = on_bus_lost,
						      .away = on_bus_away,
						      .open_original = open_original,
						      .has_original = has_original };
	const struct options *options = straitd->options;

	if (make_directory(options->state_dir, fault) < 0 ||
	    make_directory(options->spool_dir, fault) < 0 ||
	    ledger_open(options->state_dir, &straitd->ledger, fault) < 0)
		return -1;
	straitd->originals = originals_new(straitd->base, options->state_dir);
	if (!straitd->originals)
		return fault_set(fault, FAULT_MEMORY, "out of memory");
	straitd->sources = sources_new(straitd->base, straitd->ledger, options->plugin_dir,
				       options->spool_dir, &sources_events, straitd);
	if (!straitd->sources)
		return fault_set(fault, FAULT_MEMORY, "out of memory");
	if (add_events(straitd, fault) < 0)
		return -1;
	ledger_on_trouble(straitd->ledger, on_store_trouble, straitd);
	begin_rebuild(straitd, config);
	/* Figures first, then the bus with everything that is known, then the workers that may take
	 * their time. */
	if (apply_config(straitd, config, fault) < 0)
		return -1;
	if (bus_open(straitd->base, options->bus, straitd->ledger, straitd->sources, &requests,
		     straitd, &straitd->bus, fault) < 0)
		return -1;
	open_socket(straitd);
	return 0;
}

static void straitd_done(struct straitd *straitd)
{
	bus_free(straitd->bus);
	rebuild_free(straitd->rebuild);
	sources_free(straitd->sources);
	originals_free(straitd->originals);
	ledger_free(straitd->ledger);
	config_free(straitd->config);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		if (straitd->signals[i])
			event_free(straitd->signals[i]);
	if (straitd->watchdog)
		event_free(straitd->watchdog);
	if (straitd->expire)
		event_free(straitd->expire);
	if (straitd->store_changed)
		event_free(straitd->store_changed);
	if (straitd->base)
		event_base_free(straitd->base);
	libevent_global_shutdown();
}

int straitd_main(const struct options *options)
{
	struct straitd straitd = { .options = options, .base = event_base_new() };
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	struct fault fault = { .kind = FAULT_NONE };

	(void)umask(0027); /* nothing of the store or the spools is for everybody; cannot fail */
	event_set_log_callback(on_libevent_log);
	if (load_config(options, &config, &errors) < 0) {
		log_errors(&errors);
		config_errors_done(&errors);
		straitd_done(&straitd);
		return EXIT_CONFIG;
	}
	if (!straitd.base || start(&straitd, config, &fault) < 0) {
		log_main(LOG_ERR, "cannot start: %s",
			 straitd.base ? fault.text
				      : "no event loop: out of memory, or of file descriptors");
		if (straitd.config != config)
			config_free(config);
		straitd_done(&straitd);
		return fault.kind == FAULT_CONFIG ? EXIT_CONFIG : 1;
	}
	expire(&straitd);
	log_main(LOG_INFO, "straitd %s: %zu sources, %zu figures, at sequence %llu, on bus '%s'",
		 STRAITD_VERSION, sources_count(straitd.sources),
		 ledger_figure_count(straitd.ledger),
		 (unsigned long long)ledger_sequence(straitd.ledger), options->bus);
	notify_ready("ready");
	update_status(&straitd);
	(void)event_base_dispatch(straitd.base); /* ends by loopbreak */
	log_main(LOG_INFO, "stopped at sequence %llu",
		 (unsigned long long)ledger_sequence(straitd.ledger));
	straitd_done(&straitd);
	return straitd.exit_code;
}

int straitd_check_config(const struct options *options)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int exit_code = EXIT_CONFIG;

	if (load_config(options, &config, &errors) == 0 &&
	    sources_check(config, options->plugin_dir, &errors) == 0) {
		(void)printf("configuration is good: %zu sources, %zu figures, %zu files\n",
			     config->source_count, config->figure_count, config->file_count);
		exit_code = 0;
	}
	print_errors(&errors);
	config_errors_done(&errors);
	config_free(config);
	return exit_code;
}

int straitd_print_config(const struct options *options)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;

	if (load_config(options, &config, &errors) < 0) {
		print_errors(&errors);
		config_errors_done(&errors);
		return EXIT_CONFIG;
	}
	config_print(config, stdout);
	config_free(config);
	return 0;
}
