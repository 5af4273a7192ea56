/* SPDX-License-Identifier: MIT
 *
 * command_report.c - straitctl report: one HTML page of what is known, now or on a date.
 *
 * Process: straitctl. Invariant: the file appears whole or not at all; an older one stays until
 * then. It must never write HTML onto a terminal that was not asked for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "command.h"
#include "output.h"
#include "period.h"
#include "report.h"

static enum exit_code tell(const char *what, const char *path)
{
	fprintf(stderr, "straitctl: cannot %s '%s': %s\n", what, path, strerror(errno));
	return EXIT_FAILED;
}

/* The directory of the report may not be writable for its neighbours: devices and pipes are written
   as they are. */
static bool is_special(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static bool write_stream(const struct report *report, FILE *out)
{
	bool good;

	report_write(out, report);
	good = fflush(out) == 0 && !ferror(out);
	return good;
}

static enum exit_code write_special(const struct report *report, const char *path)
{
	FILE *out = fopen(path, "we");
	bool good;

	if (out == NULL)
		return tell("open", path);
	good = write_stream(report, out);
	good = fclose(out) == 0 && good;
	return good ? EXIT_GOOD : tell("write", path);
}

/* mkstemp makes it private; others may read a report as they may any new file. */
static void open_to_others(int fd)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	(void)fchmod(fd, 0666 & ~mask); /* else it stays private, which harms nobody */
}

static enum exit_code write_file(const struct report *report, const char *path)
{
	CLEANUP(free_text) char *target = realpath(path, NULL); /* through a link, if it is one */
	CLEANUP(free_text) char *temporary = NULL;
	FILE *out;
	bool good;
	int fd;

	if (is_special(path))
		return write_special(report, path);
	if (target == NULL)
		target = strdup(path);
	if (target == NULL || asprintf(&temporary, "%s.XXXXXX", target) < 0) {
		temporary = NULL;
		fputs("straitctl: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (out == NULL)
		return tell("write", path);
	open_to_others(fd);
	good = write_stream(report, out) && fsync(fd) == 0;
	good = fclose(out) == 0 && good;
	if (good && rename(temporary, target) == 0)
		return EXIT_GOOD;
	(void)tell("write", path);
	(void)unlink(temporary);
	return EXIT_FAILED;
}

static enum exit_code tell_done(const struct arguments *arguments, const struct report *report)
{
	char time[TIME_TEXT_MAX];

	if (arguments->json)
		json_line(json_pack("{s:s, s:s, s:o, s:I, s:I}", "command", "report", "file",
				    arguments->output, "as_of", time_json(report->as_of_ms),
				    "sequence", (json_int_t)report->sequence, "figures",
				    (json_int_t)report->figure_count));
	else
		printf("%s: %zu figures, %s%s\n", arguments->output, report->figure_count,
		       report->as_of_ms != 0 ? "as known on " : "as known now",
		       report->as_of_ms != 0 ? time_text(report->as_of_ms, time) : "");
	return EXIT_GOOD;
}

enum exit_code command_report(struct arguments *arguments)
{
	bool to_stdout = arguments->output == NULL || strcmp(arguments->output, "-") == 0;
	int32_t day = PERIOD_DAY_MIN - 1;
	struct period period;
	struct report report;
	enum exit_code code;

	if (arguments->output == NULL && isatty(STDOUT_FILENO)) {
		fputs("straitctl: a report is a page for a browser; name a file with -o FILE.html, "
		      "or have it on the terminal with -o -\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (to_stdout && arguments->json) {
		fputs("straitctl: a report is HTML; with --json name a file with -o FILE.html\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (arguments->day != NULL) {
		if (!period_parse(arguments->day, &period) || period.first != period.last) {
			fprintf(stderr, "straitctl: --day takes one day, 2020-09-02, not '%s'\n",
				arguments->day);
			return EXIT_USAGE;
		}
		day = period.first;
	}
	code = report_read(&arguments->client, arguments->as_of_ms, day, &report);
	if (code != EXIT_GOOD)
		return code;
	if (!to_stdout)
		code = write_file(&report, arguments->output);
	else if (!write_stream(&report, stdout))
		code = tell("write", "standard output");
	if (code == EXIT_GOOD && !to_stdout)
		code = tell_done(arguments, &report);
	report_done(&report);
	return code;
}
