/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/export.h"

#include <endian.h>
#include <string.h>

#include "basic/text.h"

/* Beyond, looking at each byte costs more than the short form is worth. */
#define EXPORT_TEXT_MAX 4096U

/* Printable ASCII and valid UTF-8 on one line may be written as text. */
static bool value_is_text(const char *data, size_t size) {
        bool ascii = true;

        if (size > EXPORT_TEXT_MAX)
                return false;
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char)data[i];

                if ((c < ' ' && c != '\t') || c == 0x7f)
                        return false;
                ascii = ascii && c < 0x80;
        }
        return ascii || text_is_utf8(data, size);
}

void export_add_field(Buffer *buffer, const char *name, const void *data, size_t size) {
        buffer_add_string(buffer, name);
        if (value_is_text(data, size))
                buffer_add(buffer, "=", 1);
        else {
                uint64_t length = htole64(size);

                buffer_add(buffer, "\n", 1);
                buffer_add(buffer, &length, sizeof(length));
        }
        buffer_add(buffer, data, size);
        buffer_add(buffer, "\n", 1);
}

void export_add_record(Buffer *buffer, const Record *record) {
        for (size_t i = 0; i < record->n_fields; i++)
                export_add_field(
                                buffer,
                                record->fields[i].name,
                                record->fields[i].data,
                                record->fields[i].size);
}
