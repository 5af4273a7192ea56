/* SPDX-License-Identifier: MIT
 *
 * import.c - how long a referral log takes from being renamed into the spool until its figures are
 * current, in a daemon of its own on a private bus; against `wc -l` on the same file, interleaved.
 * Every run is checked against what the generator drew. Bench.
 *
 * Environment: ROWS (10,000,000), RUNS (5), BENCH_DIR (for the file, about 100 bytes a row).
 */
// packages: dbus-1
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "harness.h"
#include "referral_writer.h"

#define RUNS_MAX    99
#define WORKERS_MAX 4
#define NAME	    "referrals.csv"
#define MIB	    (1024.0 * 1024.0)

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void report(const char *what, const char *to, double goal, const char *better,
		   double *ratios, int runs)
{
	qsort(ratios, (size_t)runs, sizeof(*ratios), compare);
	printf("{\"bench\":\"import\",\"what\":\"%s\",\"ratio\":%.3f,\"to\":\"%s\",\"min\":%.3f,\"max\":%.3f,"
	       "\"runs\":%d,\"goal\":%g,\"better\":\"%s\"}\n",
	       what, ratios[runs / 2], to, ratios[0], ratios[runs - 1], runs, goal, better);
}

/* Peak resident memory of a process, MiB, with the pages that it shares. */
static double peak_mib(pid_t pid)
{
	char path[64], line[256];
	double kib = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %lf", &kib) == 1)
			break;
	if (file)
		(void)fclose(file);
	return kib * 1024 / MIB;
}

static double count_lines(const char *path)
{
	double begun = seconds();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(1);
		(void)execlp("wc", "wc", "-l", path, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		return NAN;
	return seconds() - begun;
}

static bool within(double value, double low, double high)
{
	return value >= low && value <= high;
}

/* One import into a new store; *ret_mib is the peak of daemon and worker together. NAN: the figures
 * are not what was drawn. */
static double import(const char *path, const struct referral_truth *truth, double *ret_mib)
{
	char spool[HARNESS_PATH_MAX], staged[HARNESS_PATH_MAX + sizeof(NAME) + 2];
	pid_t workers[WORKERS_MAX];
	struct harness h;
	double begun, took;
	size_t count;
	bool right;

	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "a.conf",
		       "[source bench]\nplugin = platform_response\nidentity = none\n");
	harness_daemon(&h);
	harness_wait_source(&h, "bench", "idle");
	(void)harness_spool_path(&h, "bench", "incoming", NAME, spool);
	(void)snprintf(staged, sizeof(staged), "%s/.%s", h.spool, NAME);
	if (link(path, staged) < 0) {
		fprintf(stderr, "import: BENCH_DIR must be on the file system of $TMPDIR\n");
		exit(1);
	}
	begun = seconds();
	if (rename(staged, spool) < 0)
		exit(1);
	harness_wait_figure(&h, "referrals.requested", (double)truth->rows);
	took = seconds() - begun;
	right = harness_figure(&h, "referrals.blocked") == (double)truth->blocked &&
		harness_figure(&h, "referrals.refused") == (double)truth->refused &&
		harness_figure(&h, "referrals.pending") == (double)truth->pending &&
		within(harness_figure(&h, "referrals.response_hours.median"),
		       truth->median_low * (1 - 1.0 / 128), truth->median_high) &&
		within(harness_figure(&h, "referrals.answered_within_24h"),
		       (double)truth->within_day / (double)truth->rows,
		       (double)truth->within_day / (double)truth->rows + 0.01);
	*ret_mib = peak_mib(h.daemon.pid);
	count = harness_workers(&h, workers, WORKERS_MAX);
	for (size_t i = 0; i < count; i++)
		*ret_mib += peak_mib(workers[i]);
	harness_stop(&h);
	return right ? took : NAN;
}

static uint64_t number_of(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : fallback;
}

static int bench(void)
{
	uint64_t rows = number_of("ROWS", 10000000), runs = number_of("RUNS", 5);
	double to_wc[RUNS_MAX], took[RUNS_MAX], mib, most = 0;
	const char *directory = getenv("BENCH_DIR");
	struct referral_truth truth;
	char path[4096], what[64];
	FILE *file;
	bool good;

	runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
	(void)snprintf(path, sizeof(path), "%s/bench-referrals.csv",
		       directory ? directory : "/tmp");
	file = fopen(path, "we");
	good = file && referral_write(file, rows, 7, &truth);
	if (!file || fclose(file) != 0 || !good) {
		fprintf(stderr, "import: cannot write %s\n", path);
		return 1;
	}
	for (uint64_t i = 0; i < runs && good; i++) {
		double lines = count_lines(path);

		took[i] = import(path, &truth, &mib);
		good = !isnan(lines) && !isnan(took[i]);
		to_wc[i] = took[i] / lines;
		most = mib > most ? mib : most;
		fprintf(stderr, "import: %.3f s, wc -l %.3f s, %.1f MiB\n", took[i], lines, mib);
	}
	(void)unlink(path);
	if (!good) {
		fprintf(stderr, "import: the figures are not what was drawn, or wc failed\n");
		return 1;
	}
	(void)snprintf(what, sizeof(what), "%llu referral rows as events, to the figures",
		       (unsigned long long)rows);
	report(what, "wc -l", 8, "lower", to_wc, (int)runs);
	qsort(took, (size_t)runs, sizeof(*took), compare);
	printf("{\"bench\":\"import\",\"what\":\"%s\",\"value\":%.3f,\"unit\":\"s\",\"min\":%.3f,\"max\":%.3f,\"runs\":%d}\n",
	       what, took[runs / 2], took[0], took[runs - 1], (int)runs);
	printf("{\"bench\":\"import\",\"what\":\"peak memory of daemon and worker together\",\"value\":%.1f,"
	       "\"unit\":\"MiB\",\"runs\":%d,\"goal\":32,\"better\":\"lower\"}\n",
	       most, (int)runs);
	return 0;
}

/* The harness fails a Check test: so this is one. */
START_TEST(everything)
{
	ck_assert_int_eq(bench(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("import");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_add_test(tcase, everything);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
