/* SPDX-License-Identifier: MIT
 *
 * faults.h - what a test and the weak daemon (tests/weak/faults.c) share through a mapped file:
 * which calls fail now, with what, and how far the clock is off. Test programs and test builds
 * only.
 */
#pragma once

#include <stdint.h>

#define FAULTS_VARIABLE "STRAITD_TEST_FAULTS" /* the file */

enum faults_call {
	FAULTS_WRITE = 1 << 0,	/* write, pwrite */
	FAULTS_SYNC = 1 << 1,	/* fsync, fdatasync */
	FAULTS_OPEN = 1 << 2,	/* that may write or make */
	FAULTS_CUT = 1 << 3,	/* ftruncate, fallocate */
	FAULTS_RENAME = 1 << 4, /* also to link */
	FAULTS_FD = 1 << 5,	/* whatever makes an fd: open, socketpair, pipe, accept, dup,
				   memfd */
};

struct faults {
	volatile uint32_t calls;     /* enum faults_call; 0 = all is well */
	volatile int32_t error;	     /* errno that they fail with */
	volatile int32_t spared;     /* so many matching calls pass before */
	volatile uint32_t failed;    /* so many did */
	volatile uint32_t once;	     /* one fails, then all is well */
	volatile uint32_t in_worker; /* in workers, instead of in main */
	char directory[256];	     /* only paths below; "" = all */
	volatile int64_t clock_ms;   /* added to the wall clock */
	/* The n-th allocation of a main (worker) process fails, in one of them; 0 = none. */
	volatile int64_t main_allocation, worker_allocation;
	volatile int64_t main_allocations, worker_allocations; /* counted */
	volatile uint32_t allocation_failed;
};
