/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/junit-xml.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "basic/text.h"

#define JUNIT_ATTRIBUTE_MAX (4U * 1024U)

int junit_xml_init(JunitXml *xml) {
        if (xml->writer)
                xmlFreeTextWriter(xml->writer);
        xml->writer = NULL;
        if (!xml->buffer)
                xml->buffer = xmlBufferCreate();
        if (!xml->buffer)
                return -ENOMEM;
        xml->writer = xmlNewTextWriterMemory(xml->buffer, 0);
        /* Freeing the old one may have closed its elements into the buffer. */
        xmlBufferEmpty(xml->buffer);
        return xml->writer ? 0 : -ENOMEM;
}

void junit_xml_done(JunitXml *xml) {
        if (xml->writer)
                xmlFreeTextWriter(xml->writer);
        if (xml->buffer)
                xmlBufferFree(xml->buffer);
        *xml = (JunitXml){};
}

static void junit_xml_check(JunitXml *xml, int r) {
        if (r < 0)
                xml->failed = true;
}

/* Printable text has all that XML forbids escaped, but for two characters that Unicode calls none. */
static char *xml_replace_nonchars(char *s) {
        for (char *p = s; p && (p = strstr(p, "\xef\xbf")); p += 3)
                if (p[2] == '\xbe' || p[2] == '\xbf')
                        p[2] = '\xbd';
        return s;
}

void junit_xml_begin(JunitXml *xml, const char *element) {
        junit_xml_check(xml, xmlTextWriterStartElement(xml->writer, BAD_CAST element));
}

void junit_xml_end(JunitXml *xml) {
        junit_xml_check(xml, xmlTextWriterEndElement(xml->writer));
}

void junit_xml_add_raw(JunitXml *xml, const char *markup) {
        junit_xml_check(xml, xmlTextWriterWriteRaw(xml->writer, BAD_CAST markup));
}

void junit_xml_add_attribute(JunitXml *xml, const char *name, const char *value) {
        size_t size = strlen(value), kept = size;
        _cleanup_free_ char *safe = NULL;

        if (kept > JUNIT_ATTRIBUTE_MAX)
                /* Not in the middle of a character */
                for (kept = JUNIT_ATTRIBUTE_MAX;
                     kept > JUNIT_ATTRIBUTE_MAX - 4 && (value[kept] & 0xc0) == 0x80;
                     kept--)
                        ;
        safe = xml_replace_nonchars(text_escape(value, kept));
        if (safe && kept < size && text_setf(&safe, "%s...", safe) < 0)
                xml->failed = true;
        junit_xml_check(xml,
                        safe ? xmlTextWriterWriteAttribute(
                                               xml->writer, BAD_CAST name, BAD_CAST safe) :
                               -ENOMEM);
}

void junit_xml_add_count(JunitXml *xml, const char *name, size_t count) {
        junit_xml_check(xml,
                        xmlTextWriterWriteFormatAttribute(
                                        xml->writer, BAD_CAST name, "%zu", count));
}

void junit_xml_add_time(JunitXml *xml, uint64_t usec) {
        uint64_t msec = usec / USEC_PER_MSEC;

        junit_xml_check(xml,
                        xmlTextWriterWriteFormatAttribute(
                                        xml->writer,
                                        BAD_CAST "time",
                                        "%" PRIu64 ".%03" PRIu64,
                                        msec / 1000,
                                        msec % 1000));
}

void junit_xml_add_text(JunitXml *xml, const char *text, size_t size) {
        _cleanup_free_ char *safe = xml_replace_nonchars(text_escape_lines(text, size));

        junit_xml_check(xml, safe ? xmlTextWriterWriteString(xml->writer, BAD_CAST safe) : -ENOMEM);
}

int junit_xml_flush(JunitXml *xml, const char **ret_data, size_t *ret_size) {
        junit_xml_check(xml, xmlTextWriterFlush(xml->writer));
        if (xml->failed)
                return -ENOMEM;
        *ret_data = (const char *)xmlBufferContent(xml->buffer);
        *ret_size = (size_t)xmlBufferLength(xml->buffer);
        return 0;
}

void junit_xml_clear(JunitXml *xml) {
        xmlBufferEmpty(xml->buffer);
}
