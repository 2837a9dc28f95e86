/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/json-value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/strv.h"
#include "basic/text.h"

json_t *json_from_text(const char *text) {
        _cleanup_free_ char *escaped = NULL;

        if (!text)
                return json_null();
        if (text_is_utf8(text, strlen(text)))
                return json_string_nocheck(text);
        escaped = text_escape(text, strlen(text));
        return escaped ? json_string(escaped) : NULL;
}

json_t *json_from_texts(char *const *texts) {
        json_t *array = json_array();

        strv_for_each(text, texts)
                if (json_array_append_new(array, json_from_text(*text)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

json_t *json_from_number(uint64_t n, uint64_t unknown) {
        return n == unknown ? json_null() : json_integer((json_int_t)MIN(n, (uint64_t)INT64_MAX));
}

json_t *json_from_id(sd_id128_t id) {
        char digits[SD_ID128_STRING_MAX];

        return sd_id128_is_null(id) ? json_null() : json_string(sd_id128_to_string(id, digits));
}

int json_print(const char *before, json_t *value) {
        int r;

        if (!value)
                return -ENOMEM;
        fputs(before, stdout);
        r = json_dumpf(value, stdout, JSON_ENCODE_ANY);
        json_decref(value);
        return r < 0 ? -EIO : 0;
}
