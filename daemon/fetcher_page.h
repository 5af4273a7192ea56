/* SPDX-License-Identifier: MIT
 *
 * fetcher_page.h - finds the link on a page that leads to the document. Fetcher only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fetch_wire.h"

#define PAGE_BYTES_MAX (8u << 20)
#define PAGE_LINKS_MAX 20000u /* looked at */

/* The first link (an `a` with href) of which the last component of the path, without query and
   decoded, matches the glob (fnmatch, "*.ods"); publishers put the newest first. The absolute URL.
   *ret_seen: how many links there were. */
bool page_find(const void *html, size_t size, const char *page_url, const char *glob,
	       char ret_url[FETCH_URL_MAX], unsigned int *ret_seen);
