/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "backend/escape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/text.h"

#define RUN_ID_LENGTH 32

/*
 * A unit's name has at most 255 bytes (UNIT_NAME_MAX with its NUL is 256). Of these a scope needs 67: "ptest-", two '-', the run's
 * id, "w4294967295g4294967295" at most, and ".scope". Its cgroup is a directory of the same name.
 */
#define ESCAPED_SUITE_MAX 180U
#define HASH_LENGTH       16U

static bool char_is_plain(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == ':' || c == '_' || c == '.';
}

char *escape_name(const char *s) {
        char *escaped = malloc(strlen(s) * 4 + 1);
        if (!escaped)
                return NULL;

        char *t = escaped;
        for (const char *c = s; *c; c++) {
                if (*c == '/')
                        *t++ = '-';
                else if (char_is_plain(*c) && !(c == s && *c == '.'))
                        *t++ = *c;
                else
                        t += snprintf(t, 5, "\\x%02x", (unsigned char)*c);
        }
        *t = '\0';

        return escaped;
}

/* FNV-1a: it only has to tell long names apart that begin alike. */
static uint64_t hash_name(const char *s) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (; *s; s++)
                hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);

        return hash;
}

/* Like escape_name(), but '/' does not become '-', which would nest, and with the length bounded. */
static int escape_suite(const char *suite, char **ret) {
        _cleanup_free_ char *flat = strdup(suite);
        if (!flat)
                return -ENOMEM;

        for (char *c = flat; *c; c++)
                if (*c == '/')
                        *c = '_';

        _cleanup_free_ char *escaped = escape_name(flat);
        if (!escaped)
                return -ENOMEM;

        if (strlen(escaped) > ESCAPED_SUITE_MAX) {
                size_t keep = ESCAPED_SUITE_MAX - HASH_LENGTH - 1;

                /* An escape is not cut in two. */
                for (size_t i = 1; i <= 3; i++)
                        if (escaped[keep - i] == '\\') {
                                keep -= i;
                                break;
                        }

                snprintf(escaped + keep,
                         HASH_LENGTH + 2,
                         "_%016llx",
                         (unsigned long long)hash_name(suite));
        }

        *ret = TAKE_PTR(escaped);
        return 0;
}

int escape_slice_unit(const char *suite, char **ret) {
        _cleanup_free_ char *escaped = NULL;
        char *unit = NULL;

        int r = escape_suite(suite, &escaped);
        if (r < 0)
                return r;

        if (asprintf(&unit, "ptest-%s.slice", escaped) < 0)
                return -ENOMEM;

        *ret = unit;
        return 0;
}

int escape_scope_prefix(const char *suite, char **ret) {
        _cleanup_free_ char *escaped = NULL;
        char *prefix = NULL;

        int r = escape_suite(suite, &escaped);
        if (r < 0)
                return r;

        if (asprintf(&prefix, "ptest-%s-", escaped) < 0)
                return -ENOMEM;

        *ret = prefix;
        return 0;
}

int escape_scope_unit(
                const char *suite,
                const char *run_id,
                unsigned slot,
                unsigned generation,
                char **ret) {
        _cleanup_free_ char *prefix = NULL;
        char *unit = NULL;

        int r = escape_scope_prefix(suite, &prefix);
        if (r < 0)
                return r;

        if (asprintf(&unit, "%s%s-w%ug%u.scope", prefix, run_id, slot, generation) < 0)
                return -ENOMEM;

        *ret = unit;
        return 0;
}

int escape_guard_unit(const char *suite, const char *run_id, unsigned generation, char **ret) {
        _cleanup_free_ char *prefix = NULL;
        char *unit = NULL;

        int r = escape_scope_prefix(suite, &prefix);
        if (r < 0)
                return r;

        if (asprintf(&unit, "%s%s-guard%u.scope", prefix, run_id, generation) < 0)
                return -ENOMEM;

        *ret = unit;
        return 0;
}

int escape_scope_pattern(const char *prefix, char **ret) {
        char *pattern = NULL;

        if (asprintf(&pattern, "%s*.scope", prefix) < 0)
                return -ENOMEM;

        *ret = pattern;
        return 0;
}

bool escape_find_run_id(const char *unit, const char *prefix, char ret[33]) {
        if (!text_starts_with(unit, prefix) || !text_ends_with(unit, ".scope"))
                return false;

        const char *id = unit + strlen(prefix);
        if (strspn(id, "0123456789abcdef") != RUN_ID_LENGTH || id[RUN_ID_LENGTH] != '-')
                return false;

        memcpy(ret, id, RUN_ID_LENGTH);
        ret[RUN_ID_LENGTH] = '\0';
        return true;
}
