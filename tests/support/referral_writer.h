/* SPDX-License-Identifier: MIT
 *
 * referral_writer.h - makes referral logs of any length for benches and tests, and knows what is in
 * them because it drew it: nothing is parsed to find the truth.
 *
 * Distributions: 730 days from 2024-01-01, rows spread evenly over them and in order but for up to
 * 30 minutes; 12 platforms, each half as frequent as the one before down to a floor; share of
 * answers, of closures and median response time differ by platform; response times are log-normal.
 * The last column is sometimes quoted, with commas and doubled quotes. Same seed, same bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define REFERRAL_PLATFORMS 12u
#define REFERRAL_DAYS	   730u
#define REFERRAL_FIRST_DAY 19723 /* 2024-01-01 */

struct referral_truth {
	uint64_t rows, bytes;
	uint64_t blocked, refused, pending; /* pending: also those without any answer */
	uint64_t answered;		    /* blocked + refused */
	uint64_t within_day;		    /* of the answered: at most 24 hours */
	double hours;			    /* all response times together */
	double median_low, median_high;	    /* bounds of the median response time: 1 % apart */
};

/* Writes header and rows; false on a write error. */
bool referral_write(FILE *file, uint64_t rows, uint64_t seed, struct referral_truth *ret_truth);
