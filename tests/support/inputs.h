/* SPDX-License-Identifier: MIT
 *
 * inputs.h - small inputs that integration tests feed to the real plugins, and what they come to.
 * All invented.
 */
#pragma once

/* platform_response. The date in a file's name is its publication time. */
#define REFERRALS_HEADER "id,platform,kind,submitted_at,status,responded_at,reason\n"

/* Four referrals: 2 blocked, 1 refused, 1 pending. */
#define REFERRALS_MARCH_NAME "referrals-2020-03-01.csv"
#define REFERRALS_MARCH                                                                            \
	REFERRALS_HEADER                                                                           \
	"r1,alpha,account,2020-01-10T10:00:00Z,blocked,2020-01-10T20:00:00Z,smuggling\n"           \
	"r2,alpha,account,2020-01-11T10:00:00Z,refused,2020-01-13T10:00:00Z,no breach\n"           \
	"r3,beta,account,2020-02-01T09:00:00Z,pending,,\n"                                         \
	"r4,beta,account,2020-02-02T09:00:00Z,blocked,2020-02-02T12:00:00Z,smuggling\n"

/* The pending one is answered, and one comes new: 3 blocked, 1 refused, 1 pending of 5. */
#define REFERRALS_SEPTEMBER_NAME "referrals-2020-09-02.csv"
#define REFERRALS_SEPTEMBER                                                                        \
	REFERRALS_HEADER                                                                           \
	"r3,beta,account,2020-02-01T09:00:00Z,blocked,2020-08-01T09:00:00Z,smuggling\n"            \
	"r5,gamma,account,2020-08-30T09:00:00Z,pending,,\n"

/* The last one is refused: 3 blocked, 2 refused of 5. */
#define REFERRALS_NOVEMBER_NAME "referrals-2020-11-20.csv"
#define REFERRALS_NOVEMBER                                                                         \
	REFERRALS_HEADER                                                                           \
	"r5,gamma,account,2020-08-30T09:00:00Z,refused,2020-11-12T09:00:00Z,no breach\n"           \
	"r1,alpha,account,2020-01-10T10:00:00Z,blocked,2020-01-10T20:00:00Z,smuggling\n"

/* boat_sightings */
#define SIGHTINGS_HEADER "id,time,position,boats,persons,observer,amends,note\n"

#define SIGHTINGS_ONE_NAME "sightings-2026-07-08.csv"
#define SIGHTINGS_ONE                                                                              \
	SIGHTINGS_HEADER                                                                           \
	"s1,2026-07-07T04:10:00Z,51.02 N 1.50 E,1,40,cutter,,\n"                                   \
	"s2,2026-07-07T05:20:00Z,50.95 N 1.30 E,2,95,aircraft,,\n"

/* s1 turned out to be 33 people. */
#define SIGHTINGS_TWO_NAME "sightings-2026-07-09.csv"
#define SIGHTINGS_TWO                                                                              \
	SIGHTINGS_HEADER                                                                           \
	"s3,2026-07-08T06:00:00Z,51.05 N 1.60 E,1,52,cutter,,\n"                                   \
	"s4,2026-07-08T21:00:00Z,51.02 N 1.50 E,1,33,inquiry,s1,\n"

/* home_office: the daily sheet of the time series as CSV. Each release covers from its first to its
 * last day. */
#define ARRIVALS_HEADER                                                                            \
	"Date,Migrants arrived,Boats arrived,"                                                     \
	"Boats arrived - involved in uncontrolled landings,Notes\n"

#define ARRIVALS_ONE_NAME "small-boats-2026-07-11.csv"
#define ARRIVALS_ONE                                                                               \
	ARRIVALS_HEADER                                                                            \
	"2026-07-08,120,2,0,\n"                                                                    \
	"2026-07-09,0,0,0,\n"                                                                      \
	"2026-07-10,225,4,0,\n"

#define ARRIVALS_TWO_NAME "small-boats-2026-07-12.csv"
#define ARRIVALS_TWO                                                                               \
	ARRIVALS_HEADER                                                                            \
	"2026-07-09,0,0,0,\n"                                                                      \
	"2026-07-10,225,4,0,\n"                                                                    \
	"2026-07-11,64,1,-,\n"

/* 10 July revised; 9 July, inside the span, is withdrawn. */
#define ARRIVALS_THREE_NAME "small-boats-2026-07-13.csv"
#define ARRIVALS_THREE                                                                             \
	ARRIVALS_HEADER                                                                            \
	"2026-07-08,120,2,0,\n"                                                                    \
	"2026-07-10,255,5,0,Revised\n"                                                             \
	"2026-07-11,64,1,0,\n"                                                                     \
	"2026-07-12,310,5,1,\n"
