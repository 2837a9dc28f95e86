/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * JSON lines: each event of a run as one object on one line, as it comes
 *
 * An object is the event's record: the names of the fields in lower case and without PTEST_, numbers as
 * numbers, lists as arrays. A field that a later version adds appears by itself, as text. "format" is the
 * version of all this: it becomes 2 only if something that is there changes its meaning.
 *
 * JSON knows text, not bytes. A field whose bytes are not UTF-8 is there twice: as text, with U+FFFD for what
 * is none, and whole in base64 under its name with "_base64". All is ASCII: some take more than "\n" for the
 * end of a line.
 */

#include "report/reporter.h"

#include "ptest/journal.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "basic/fd.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "record/event-list.h"

#define JSONL_FORMAT 1

typedef struct Jsonl {
        Reporter reporter;
        int fd;
        Record *record;
        Buffer text;
} Jsonl;

typedef enum FieldType {
        FIELD_TEXT,
        FIELD_NUMBER,
        FIELD_FLAG,
        FIELD_WORDS,  /* repeated, in no order that means something */
        FIELD_TEXTS,  /* a list in one field */
        FIELD_POINTS, /* the same, of points */
        FIELD_COUNTS, /* repeated "word=number" */
} FieldType;

static const struct {
        const char *name;
        FieldType type;
} field_types[] = {
        {PTEST_FIELD_ATTEMPT,       FIELD_NUMBER},
        { PTEST_FIELD_ATTEMPTS,     FIELD_NUMBER},
        { PTEST_FIELD_AWAY,         FIELD_NUMBER},
        { PTEST_FIELD_BACKTRACE,    FIELD_TEXTS },
        { PTEST_FIELD_CAPABILITY,   FIELD_WORDS },
        { PTEST_FIELD_CORE,         FIELD_FLAG  },
        { PTEST_FIELD_COUNT,        FIELD_COUNTS},
        { PTEST_FIELD_CPU_SYSTEM,   FIELD_NUMBER},
        { PTEST_FIELD_CPU_USER,     FIELD_NUMBER},
        { PTEST_FIELD_DIRTY,        FIELD_TEXTS },
        { PTEST_FIELD_DUPLICATES,   FIELD_NUMBER},
        { PTEST_FIELD_DURATION,     FIELD_NUMBER},
        { PTEST_FIELD_EXIT_STATUS,  FIELD_NUMBER},
        { PTEST_FIELD_FILES,        FIELD_TEXTS },
        { PTEST_FIELD_FOUND,        FIELD_NUMBER},
        { PTEST_FIELD_GENERATION,   FIELD_NUMBER},
        { PTEST_FIELD_GROWS,        FIELD_FLAG  },
        { PTEST_FIELD_IO_READ,      FIELD_NUMBER},
        { PTEST_FIELD_IO_WRITE,     FIELD_NUMBER},
        { PTEST_FIELD_JOURNAL_LOST, FIELD_NUMBER},
        { PTEST_FIELD_LEAKS,        FIELD_TEXTS },
        { PTEST_FIELD_MARK,         FIELD_WORDS },
        { PTEST_FIELD_MEMORY_PEAK,  FIELD_NUMBER},
        { PTEST_FIELD_OOM_LIMIT,    FIELD_NUMBER},
        { PTEST_FIELD_PATTERNS,     FIELD_TEXTS },
        { PTEST_FIELD_PID,          FIELD_NUMBER},
        { PTEST_FIELD_PLANNED,      FIELD_NUMBER},
        { PTEST_FIELD_POINTS,       FIELD_POINTS},
        { PTEST_FIELD_PRESSURE,     FIELD_TEXTS },
        { PTEST_FIELD_RUNNING,      FIELD_NUMBER},
        { PTEST_FIELD_SLOT,         FIELD_NUMBER},
        { PTEST_FIELD_START,        FIELD_NUMBER},
        { PTEST_FIELD_STDERR_SIZE,  FIELD_NUMBER},
        { PTEST_FIELD_STDOUT_SIZE,  FIELD_NUMBER},
        { PTEST_FIELD_STUCK,        FIELD_TEXTS },
        { PTEST_FIELD_TASKS_PEAK,   FIELD_NUMBER},
        { PTEST_FIELD_TIME,         FIELD_NUMBER},
        { PTEST_FIELD_WORKERS,      FIELD_NUMBER},
};

static FieldType field_get_type(const RecordField *field) {
        for (size_t i = 0; i < ELEMENTSOF(field_types); i++)
                if (strcmp(field_types[i].name, field->name) == 0)
                        return field_types[i].type;
        return FIELD_TEXT;
}

/* ---- Text ---- */

/* As text, whatever it is: what is not UTF-8 becomes U+FFFD, a byte each. */
static json_t *json_text(const char *data, size_t size) {
        _cleanup_buffer_ Buffer text = {};

        if (text_is_utf8(data, size))
                return json_stringn_nocheck(data, size);
        while (size > 0) {
                size_t n = 1;

                if ((unsigned char)data[0] < 0x80)
                        buffer_add(&text, data, 1);
                else {
                        bool printable;

                        n = text_measure_character(data, size, &printable);
                        if (text_is_utf8(data, n))
                                buffer_add(&text, data, n);
                        else {
                                buffer_add_string(&text, "\xef\xbf\xbd");
                                n = 1;
                        }
                }
                data += n;
                size -= n;
        }
        return buffer_error(&text) < 0 ? NULL : json_stringn_nocheck(text.data, text.size);
}

static json_t *json_base64(const char *data, size_t size) {
        static const char digits[] =
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const unsigned char *p = (const unsigned char *)data;
        size_t at = 0, length = (size + 2) / 3 * 4;
        _cleanup_free_ char *text = malloc(length + 1);

        if (!text)
                return NULL;
        for (; size > 0; p += MIN(size, 3U), size -= MIN(size, 3U)) {
                uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)(size > 1 ? p[1] : 0) << 8 |
                                (uint32_t)(size > 2 ? p[2] : 0);

                text[at++] = digits[bits >> 18];
                text[at++] = digits[bits >> 12 & 63];
                text[at++] = size > 1 ? digits[bits >> 6 & 63] : '=';
                text[at++] = size > 2 ? digits[bits & 63] : '=';
        }
        return json_stringn_nocheck(text, length);
}

/* ---- Values ---- */

static json_t *json_number(const RecordField *field) {
        uint64_t n;

        /* Our own numbers fit; one that does not would be none in JSON. */
        if (parse_uint64(field->data, &n) < 0 || n > INT64_MAX)
                return json_text(field->data, field->size);
        return json_integer((json_int_t)n);
}

static int word_compare(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The journal keeps neither order nor duplicates of these. */
static json_t *json_words(const Record *record, const RecordField *field) {
        _cleanup_free_ const char **words = calloc(record->n_fields, sizeof(char *));
        json_t *array = json_array();
        size_t n = 0;

        if (!words || !array) {
                json_decref(array);
                return NULL;
        }
        for (; field; field = record_find_next(record, field))
                words[n++] = field->data;
        qsort(words, n, sizeof(char *), word_compare);
        for (size_t i = 0; i < n; i++)
                json_array_append_new(array, json_text(words[i], strlen(words[i])));
        return array;
}

static json_t *json_texts(const RecordField *field) {
        _cleanup_strv_ char **texts = NULL;
        json_t *array;

        if (event_list_parse_texts(field->data, field->size, &texts) < 0)
                return json_text(field->data, field->size);
        array = json_array();
        strv_for_each(item, texts)
                json_array_append_new(array, json_text(*item, strlen(*item)));
        return array;
}

static json_t *json_point(const ResultPoint *point) {
        json_t *object = json_object();

        json_object_set_new(object, "outcome", json_string(outcome_to_string(point->outcome)));
        if (point->number > 0)
                json_object_set_new(object, "number", json_integer((json_int_t)point->number));
        json_object_set_new(object, "name", json_text(point->name, strlen(point->name)));
        if (point->reason)
                json_object_set_new(
                                object, "reason", json_text(point->reason, strlen(point->reason)));
        return object;
}

static json_t *json_points(const Event *event) {
        json_t *array = json_array();

        for (size_t i = 0; i < event->result->n_points; i++)
                json_array_append_new(array, json_point(event->result->points + i));
        return array;
}

static json_t *json_counts(const Record *record, const RecordField *field) {
        json_t *object = json_object();

        for (; field; field = record_find_next(record, field)) {
                const char *equals = strchr(field->data, '=');
                _cleanup_free_ char *word = NULL;
                uint64_t n;

                if (!equals || parse_uint64(equals + 1, &n) < 0)
                        continue;
                word = strndup(field->data, (size_t)(equals - field->data));
                if (!word) {
                        json_decref(object);
                        return NULL;
                }
                json_object_set_new(object, word, json_integer((json_int_t)n));
        }
        return object;
}

static json_t *json_field(const Event *event, const Record *record, const RecordField *field) {
        switch (field_get_type(field)) {
        case FIELD_NUMBER:
                return json_number(field);
        case FIELD_FLAG:
                return json_true();
        case FIELD_WORDS:
                return json_words(record, field);
        case FIELD_TEXTS:
                return json_texts(field);
        case FIELD_POINTS:
                return json_points(event);
        case FIELD_COUNTS:
                return json_counts(record, field);
        default:
                return json_text(field->data, field->size);
        }
}

/* ---- Events ---- */

/* "PTEST_TIME_USEC" as "time_usec" */
static char *field_get_key(const RecordField *field, const char *suffix) {
        char *key = NULL;

        if (asprintf(&key, "%s%s", field->name + strlen("PTEST_"), suffix) < 0)
                return NULL;
        for (char *p = key; *p; p++)
                *p = (char)tolower((unsigned char)*p);
        return key;
}

static int jsonl_add_field(
                json_t *object,
                const Event *event,
                const Record *record,
                const RecordField *field) {
        _cleanup_free_ char *key = NULL, *bytes_key = NULL;

        /* The journal's own, which are for its readers; and what a field before has shown already */
        if (!text_starts_with(field->name, "PTEST_") || record_find(record, field->name) != field)
                return 0;
        key = field_get_key(field, "");
        if (!key || json_object_set_new_nocheck(object, key, json_field(event, record, field)) < 0)
                return -ENOMEM;
        if (text_is_utf8(field->data, field->size))
                return 0;
        bytes_key = field_get_key(field, "_base64");
        if (!bytes_key ||
            json_object_set_new_nocheck(object, bytes_key, json_base64(field->data, field->size)) <
                            0)
                return -ENOMEM;
        return 0;
}

/* "test-finished" */
static json_t *json_kind(EventKind kind) {
        _cleanup_free_ char *word = strdup(event_kind_to_string(kind));

        for (char *p = word; p && *p; p++)
                if (*p == ' ')
                        *p = '-';
        return word ? json_string(word) : NULL;
}

static int jsonl_append(const char *data, size_t size, void *userdata) {
        buffer_add(userdata, data, size);
        return 0;
}

static int jsonl_on_event(Reporter *reporter, const Event *event) {
        Jsonl *jsonl = (Jsonl *)reporter;
        json_t *object;
        int r;

        record_reset(jsonl->record);
        r = event_fill_record(event, jsonl->record);
        if (r < 0)
                return r;
        object = json_object();
        if (json_object_set_new(object, "format", json_integer(JSONL_FORMAT)) < 0 ||
            json_object_set_new(object, "event", json_kind(event->kind)) < 0)
                r = -ENOMEM;
        for (size_t i = 0; i < jsonl->record->n_fields && r >= 0; i++)
                r = jsonl_add_field(object, event, jsonl->record, jsonl->record->fields + i);

        buffer_reset(&jsonl->text, 1 * MIB);
        if (r >= 0 &&
            json_dump_callback(
                            object, jsonl_append, &jsonl->text, JSON_COMPACT | JSON_ENSURE_ASCII) <
                            0)
                r = -ENOMEM;
        json_decref(object);
        buffer_add(&jsonl->text, "\n", 1);
        if (r < 0 || buffer_error(&jsonl->text) < 0)
                return r < 0 ? r : buffer_error(&jsonl->text);
        return fd_write_all(jsonl->fd, jsonl->text.data, jsonl->text.size);
}

static void jsonl_free(Reporter *reporter) {
        Jsonl *jsonl = (Jsonl *)reporter;

        fd_close(jsonl->fd);
        record_free(jsonl->record);
        buffer_done(&jsonl->text);
        free(jsonl);
}

int jsonl_new(const char *path, Reporter **ret) {
        static const ReporterVTable vtable = { .on_event = jsonl_on_event, .free = jsonl_free };
        _cleanup_(reporter_freep) Reporter *reporter = NULL;
        Jsonl *jsonl;
        int r;

        assert(path);
        assert(ret);

        jsonl = calloc(1, sizeof(Jsonl));
        if (!jsonl)
                return -ENOMEM;
        reporter = &jsonl->reporter;
        reporter->vtable = &vtable;
        jsonl->fd = reporter_open_output(path);
        if (jsonl->fd < 0)
                return jsonl->fd;
        r = record_new(&jsonl->record);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reporter);
        return 0;
}
