/* SPDX-License-Identifier: MIT
 *
 * fetcher_page.c - links of a page, by libxml2's HTML parser. Fetcher only; runs confined.
 *
 * Invariant: the page is read once, by SAX; nothing is loaded that it names, and only links are
 * kept.
 */
#include "fetcher_page.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include <libxml/HTMLparser.h>

#include "fetcher_transfer.h"

struct search {
	htmlParserCtxtPtr parser;
	const char *page_url, *glob;
	char *ret_url;
	char base[FETCH_URL_MAX]; /* of <base href>; "" */
	unsigned int seen;
	bool found;
};

static const char *attribute(const xmlChar **attributes, const char *name)
{
	for (; attributes && attributes[0]; attributes += 2)
		if (strcasecmp((const char *)attributes[0], name) == 0 && attributes[1])
			return (const char *)attributes[1];
	return NULL;
}

static void take_link(struct search *search, const char *href)
{
	char url[FETCH_URL_MAX], name[256];

	if (++search->seen > PAGE_LINKS_MAX) {
		xmlStopParser(search->parser);
		return;
	}
	if (!transfer_resolve(search->base[0] ? search->base : search->page_url, href, url))
		return;
	transfer_file_name(url, name, sizeof(name));
	if (!name[0] || fnmatch(search->glob, name, 0) != 0)
		return;
	(void)memcpy(search->ret_url, url, strlen(url) + 1);
	search->found = true;
	xmlStopParser(search->parser);
}

static void on_element(void *context, const xmlChar *name, const xmlChar **attributes)
{
	struct search *search = context;
	const char *href = attribute(attributes, "href");

	if (search->found || !href)
		return;
	if (strcasecmp((const char *)name, "base") == 0)
		(void)transfer_resolve(search->page_url, href, search->base);
	else if (strcasecmp((const char *)name, "a") == 0)
		take_link(search, href);
}

static void __attribute__((format(printf, 2, 3))) on_error(void *context, const char *format, ...)
{
	(void)context, (void)format; /* pages have errors */
}

bool page_find(const void *html, size_t size, const char *page_url, const char *glob,
	       char ret_url[FETCH_URL_MAX], unsigned int *ret_seen)
{
	struct search search = { .page_url = page_url, .glob = glob, .ret_url = ret_url };
	htmlSAXHandler handler = { .startElement = on_element,
				   .error = on_error,
				   .fatalError = on_error,
				   .warning = on_error };

	*ret_seen = 0;
	if (size > PAGE_BYTES_MAX)
		return false;
	search.parser =
		htmlCreatePushParserCtxt(&handler, &search, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
	if (!search.parser)
		return false;
	(void)htmlCtxtUseOptions(search.parser, HTML_PARSE_RECOVER | HTML_PARSE_NONET |
							HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING);
	(void)htmlParseChunk(search.parser, html, (int)size, 1); /* its errors are the page's */
	if (search.parser->myDoc)
		xmlFreeDoc(search.parser->myDoc);
	htmlFreeParserCtxt(search.parser);
	*ret_seen = search.seen;
	return search.found;
}
