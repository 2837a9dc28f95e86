/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/status-text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/parse.h"
#include "basic/text.h"

/* Columns of the table but the last ones, which are as long as they are. */
enum {
        WIDTH_SLOT = 8,
        WIDTH_STATE = 10,
        WIDTH_PID = 8,
        WIDTH_AGE = 9,
        WIDTH_MEMORY = 9,
};

typedef struct StatusText {
        Buffer *text;
        const Style *style;
        size_t columns, room; /* 0: as much as there is */
} StatusText;

/* ---- Lines ---- */

static void text_add(StatusText *to, StyleColor color, const char *s) {
        _cleanup_free_ char *safe = text_escape(s, strlen(s));

        if (!safe)
                return;
        if (to->columns == 0) {
                style_add(to->style, to->text, color, safe);
                return;
        }
        to->room -= style_add_cut(to->style, to->text, color, safe, to->room);
}

static void text_end_line(StatusText *to) {
        buffer_add(to->text, "\n", 1);
        to->room = to->columns;
}

static void text_add_cell(StatusText *to, StyleColor color, const char *s, size_t width) {
        size_t used = style_measure(to->style, s);
        _cleanup_free_ char *padded = NULL;

        if (text_setf(&padded, "%s%*s", s, used < width ? (int)(width - used) : 1, "") >= 0)
                text_add(to, color, padded);
}

/* ---- Values ---- */

static const char *get_string(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

/* False: there is none, or a nonsensical one */
static bool get_number(const json_t *object, const char *key, uint64_t *ret) {
        const json_t *value = json_object_get(object, key);

        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return false;
        *ret = (uint64_t)json_integer_value(value);
        return true;
}

static char *age_to_string(uint64_t usec) {
        _cleanup_buffer_ Buffer age = {};

        style_add_age(&age, usec);
        return buffer_take_string(&age);
}

static void add_number_cell(StatusText *to, const json_t *object, const char *key, size_t width) {
        uint64_t number;
        char text[32] = "";

        if (get_number(object, key, &number))
                (void)snprintf(text, sizeof(text), "%" PRIu64, number);
        text_add_cell(to, STYLE_PLAIN, text, width);
}

static void add_age_cell(StatusText *to, const json_t *object, const char *key, size_t width) {
        uint64_t usec;
        _cleanup_free_ char *text = get_number(object, key, &usec) ? age_to_string(usec) :
                                                                     strdup("");

        if (text)
                text_add_cell(to, STYLE_PLAIN, text, width);
}

/* As it was given, and not as an age that grows. */
static void add_limit_cell(StatusText *to, const json_t *object, const char *key, size_t width) {
        char text[FORMAT_MAX] = "";
        uint64_t usec;

        if (get_number(object, key, &usec))
                (void)format_time(text, usec);
        text_add_cell(to, STYLE_PLAIN, text, width);
}

static void add_size_cell(StatusText *to, const json_t *object, const char *key, size_t width) {
        char text[FORMAT_MAX] = "";
        uint64_t size;

        if (get_number(object, key, &size)) {
                if (size >= 10 * MIB)
                        size -= size % MIB;
                else if (size >= 10 * KIB)
                        size -= size % KIB;
                (void)format_size(text, size);
        }
        text_add_cell(to, STYLE_PLAIN, text, width);
}

/* ---- The run ---- */

static void add_progress(StatusText *to, const json_t *status) {
        uint64_t planned, reported, bad, elapsed, remaining;
        _cleanup_free_ char *line = NULL;

        if (get_number(status, "planned", &planned) && get_number(status, "reported", &reported) &&
            text_setf(&line, "  %" PRIu64 "/%" PRIu64 " done", reported, planned) >= 0)
                text_add(to, STYLE_PLAIN, line);
        if (get_number(status, "bad", &bad) && bad > 0 &&
            text_setf(&line, ", %" PRIu64 " failed", bad) >= 0)
                text_add(to, STYLE_BAD, line);
        if (get_number(status, "elapsed_usec", &elapsed)) {
                _cleanup_free_ char *age = age_to_string(elapsed);

                if (age && text_setf(&line, ", %s", age) >= 0)
                        text_add(to, STYLE_PLAIN, line);
        }
        if (get_number(status, "remaining_usec", &remaining)) {
                _cleanup_free_ char *left = age_to_string(remaining);

                if (left && text_setf(&line, ", about %s left", left) >= 0)
                        text_add(to, STYLE_DIM, line);
        }
}

static void add_run(StatusText *to, const json_t *status) {
        const char *suite = get_string(status, "suite"), *id = get_string(status, "run_id");
        const char *state = get_string(status, "state"), *backend = get_string(status, "backend");
        const char *file = get_string(status, "run_file"), *command = get_string(status, "command");
        _cleanup_free_ char *line = NULL;
        uint64_t pid = 0;

        text_add(to, STYLE_BOLD, suite ?: command ?: "a run");
        if (text_setf(&line, "  run %.12s", id ?: "?") >= 0)
                text_add(to, STYLE_PLAIN, line);
        add_progress(to, status);
        if (state && strcmp(state, "running") != 0 && text_setf(&line, "  (%s)", state) >= 0)
                text_add(to, STYLE_WARNING, line);
        text_end_line(to);

        (void)get_number(status, "pid", &pid);
        if (text_setf(&line, "  pid %" PRIu64, pid) >= 0)
                text_add(to, STYLE_DIM, line);
        if (backend && text_setf(&line, ", %s backend", backend) >= 0)
                text_add(to, STYLE_DIM, line);
        if (file && text_setf(&line, ", records in %s", file) >= 0)
                text_add(to, STYLE_DIM, line);
        text_end_line(to);
}

/* ---- The slots ---- */

static void add_head(StatusText *to) {
        text_add(to, STYLE_DIM, "  ");
        text_add_cell(to, STYLE_DIM, "WORKER", WIDTH_SLOT);
        text_add_cell(to, STYLE_DIM, "STATE", WIDTH_STATE);
        text_add_cell(to, STYLE_DIM, "PID", WIDTH_PID);
        text_add_cell(to, STYLE_DIM, "AGE", WIDTH_AGE);
        text_add_cell(to, STYLE_DIM, "LIMIT", WIDTH_AGE);
        text_add_cell(to, STYLE_DIM, "MEMORY", WIDTH_MEMORY);
        text_add(to, STYLE_DIM, "TEST");
        text_end_line(to);
}

static StyleColor state_get_color(const char *state) {
        if (strcmp(state, "lost") == 0)
                return STYLE_BAD;
        return strcmp(state, "busy") == 0 || strcmp(state, "idle") == 0 ? STYLE_PLAIN :
                                                                          STYLE_WARNING;
}

static void add_slot(StatusText *to, const json_t *slot) {
        const json_t *running = json_object_get(slot, "running");
        const char *state = get_string(slot, "state") ?: "?", *unit = get_string(slot, "unit");
        const char *test = get_string(running, "address");
        uint64_t number = 0, generation = 0;
        char name[64];

        (void)get_number(slot, "slot", &number);
        (void)get_number(slot, "generation", &generation);
        (void)snprintf(name, sizeof(name), "w%" PRIu64 "g%" PRIu64, number, generation);
        text_add(to, STYLE_PLAIN, "  ");
        text_add_cell(to, STYLE_PLAIN, name, WIDTH_SLOT);
        text_add_cell(to, state_get_color(state), state, WIDTH_STATE);
        add_number_cell(to, slot, "pid", WIDTH_PID);
        add_age_cell(to, running, "age_usec", WIDTH_AGE);
        add_limit_cell(to, running, "timeout_usec", WIDTH_AGE);
        add_size_cell(to, running, "memory", WIDTH_MEMORY);
        text_add(to, STYLE_PLAIN, test ?: "");
        if (unit) {
                text_add(to, STYLE_DIM, test ? "  in " : "in ");
                text_add(to, STYLE_DIM, unit);
        }
        text_end_line(to);
}

/* ---- All ---- */

void status_text_add(Buffer *text, const Style *style, size_t columns, const json_t *status) {
        StatusText to = { .text = text, .style = style, .columns = columns, .room = columns };
        const json_t *slots = json_object_get(status, "slots");

        add_run(&to, status);
        if (json_array_size(slots) > 0)
                add_head(&to);
        for (size_t i = 0; i < json_array_size(slots); i++)
                add_slot(&to, json_array_get(slots, i));
}

void status_text_add_all(Buffer *text, const Style *style, size_t columns, const json_t *all) {
        if (json_array_size(all) == 0)
                buffer_add_string(text, "No run is going on.\n");
        for (size_t i = 0; i < json_array_size(all); i++) {
                if (i > 0)
                        buffer_add(text, "\n", 1);
                status_text_add(text, style, columns, json_array_get(all, i));
        }
}

void status_text_log(const char *document) {
        json_t *status = json_loads(document, 0, NULL);
        _cleanup_(style_done) Style style = {};
        _cleanup_buffer_ Buffer buffer = {};
        _cleanup_free_ char *text = NULL;

        style_init(&style, STDERR_FILENO, COLOR_AUTO);
        status_text_add(&buffer, &style, style.tty ? style_get_columns(STDERR_FILENO) : 0, status);
        json_decref(status);
        text = buffer_take_string(&buffer);
        if (text)
                log_answer(text);
}
