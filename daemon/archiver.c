/* SPDX-License-Identifier: MIT
 *
 * archiver.c - the archiver process: one document in, one zstd frame out. A process of its own, so
 * that main never waits for a disk or a CPU.
 *
 * Invariant: it ends with 0 only when all that it read is on the disk, compressed, and is the
 * content that was asked for. Must never open a file.
 */
#include "archiver.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <nettle/sha2.h>
#include <zstd.h>

#include "model.h"
#include "write_all.h"

#define LEVEL	      3 /* zstd's own default: 300 MB/s, within a tenth of what slow levels save */
#define ARCHIVER_NICE 10

struct archiver {
	ZSTD_CCtx *context;
	void *in, *out;
	size_t in_size, out_size;
	struct sha256_ctx hash;
};

static void complain(const char *what)
{
	(void)fprintf(stderr, "straitd: archiver: %s: %s\n", what, strerror(errno));
}

/* Everything that the input gives; with end, also what zstd still holds. */
static bool compress(struct archiver *archiver, size_t size, bool end)
{
	ZSTD_inBuffer in = { .src = archiver->in, .size = size };
	size_t left;

	do {
		ZSTD_outBuffer out = { .dst = archiver->out, .size = archiver->out_size };

		left = ZSTD_compressStream2(archiver->context, &out, &in,
					    end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left)) {
			(void)fprintf(stderr, "straitd: archiver: zstd: %s\n",
				      ZSTD_getErrorName(left));
			return false;
		}
		if (write_all(STDOUT_FILENO, archiver->out, out.pos) < 0) {
			complain("cannot write the compressed original");
			return false;
		}
	} while (in.pos < in.size || (end && left));
	return true;
}

static bool run(struct archiver *archiver)
{
	for (;;) {
		ssize_t got = read(STDIN_FILENO, archiver->in, archiver->in_size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			complain("cannot read the document");
			return false;
		}
		sha256_update(&archiver->hash, (size_t)got, archiver->in);
		if (!compress(archiver, (size_t)got, got == 0))
			return false;
		if (got == 0)
			break;
	}
	if (fsync(STDOUT_FILENO) == 0 || errno == EINVAL) /* EINVAL: a pipe, by hand */
		return true;
	complain("cannot sync the compressed original");
	return false;
}

static bool has_hash(struct archiver *archiver, const char *wanted)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	char text[SHA256_TEXT_BYTES];

	sha256_digest(&archiver->hash, sizeof(digest), digest);
	sha256_text(digest, text);
	return strcmp(text, wanted) == 0;
}

int archiver_main(const char *sha256)
{
	struct archiver archiver = { .context = ZSTD_createCCtx(),
				     .in_size = ZSTD_CStreamInSize(),
				     .out_size = ZSTD_CStreamOutSize() };
	int code = ARCHIVER_EXIT_FAILED;

	if (!sha256)
		return ARCHIVER_EXIT_USAGE;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);	   /* it needs none in any case */
	(void)setpriority(PRIO_PROCESS, 0, ARCHIVER_NICE); /* only a courtesy */
	sha256_init(&archiver.hash);
	archiver.in = malloc(archiver.in_size);
	archiver.out = malloc(archiver.out_size);
	if (!archiver.context || !archiver.in || !archiver.out ||
	    ZSTD_isError(
		    ZSTD_CCtx_setParameter(archiver.context, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(archiver.context, ZSTD_c_checksumFlag, 1)))
		(void)fprintf(stderr, "straitd: archiver: out of memory\n");
	else if (run(&archiver))
		code = has_hash(&archiver, sha256) ? 0 : ARCHIVER_EXIT_CHANGED;
	(void)ZSTD_freeCCtx(archiver.context);
	free(archiver.in);
	free(archiver.out);
	return code;
}
