/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <stdint.h>

#include <libxml/xmlwriter.h>

/*
 * XML in memory, of any text: what XML cannot have is shown escaped. The first failure stays.
 */

typedef struct JunitXml {
        xmlBuffer *buffer;
        xmlTextWriter *writer; /* into the buffer */
        bool failed;           /* there was no memory */
} JunitXml;

/* At the top of a document, with an empty buffer; also to begin anew. */
int junit_xml_init(JunitXml *xml);
void junit_xml_done(JunitXml *xml);

void junit_xml_begin(JunitXml *xml, const char *element);
void junit_xml_end(JunitXml *xml);
/* Markup */
void junit_xml_add_raw(JunitXml *xml, const char *markup);

/* Values are cut at 4 KiB: tools show them in one line. */
void junit_xml_add_attribute(JunitXml *xml, const char *name, const char *value);
void junit_xml_add_count(JunitXml *xml, const char *name, size_t count);
/* Seconds with three digits, whatever the locale */
void junit_xml_add_time(JunitXml *xml, uint64_t usec);
void junit_xml_add_text(JunitXml *xml, const char *text, size_t size);

/* What was added since the last time, to be written; emptied with junit_xml_clear(). */
int junit_xml_flush(JunitXml *xml, const char **ret_data, size_t *ret_size);
void junit_xml_clear(JunitXml *xml);
