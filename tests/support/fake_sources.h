/* SPDX-License-Identifier: MIT
 *
 * fake_sources.h - a set of sources without workers: tests say what state they are in. Tells nobody
 * of changes; the test calls bus_source_changed() and the like itself.
 */
#pragma once

#include "sources.h"

struct sources *fake_sources_new(void);
struct sources *fake_sources_free(struct sources *sources);

/* The source's record, made when it is not there; to be changed freely (text must outlive the
 * source). */
struct source_info *fake_source(struct sources *sources, const char *name);
void fake_source_remove(struct sources *sources, const char *name);
/* The same of jobs; 0 makes the next number. */
struct job_info *fake_job(struct sources *sources, uint32_t id);
void fake_job_remove(struct sources *sources, uint32_t id);

/* What the last sources_import() got: source, name and contents; "" = none. */
const char *fake_imported(const struct sources *sources);
/* Name of the source last retried; "" = none. */
const char *fake_retried(const struct sources *sources);
