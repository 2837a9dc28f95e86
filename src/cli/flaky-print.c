/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/flaky-print.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/history-json.h"
#include "cli/history-text.h"
#include "cli/json-value.h"

/* A strip of more leaves no room for the addresses. */
#define STRIP_COLUMNS_MAX 40U
#define COLUMNS_WITH_IDS  100U

/* ---- For people ---- */

static StripCell test_get_cell(const FlakyTest *test, size_t run) {
        const HistoryResult result = {
                .outcome = (uint8_t)(test->outcomes[run] - 1),
                .marks = test->marked[run] ? PTEST_MARK_FLAKY : 0,
        };

        return history_result_get_cell(test->outcomes[run] > 0 ? &result : NULL);
}

static void add_legend(const Flaky *flaky, const Style *style, Buffer *text) {
        unsigned cells = 0;

        for (size_t i = 0; i < flaky->n_tests; i++)
                for (size_t run = 0; run < flaky->n_runs; run++)
                        cells |= 1U << test_get_cell(flaky->tests + i, run);
        text_add_strip_legend(style, text, cells);
}

static void add_strip(
                const Flaky *flaky,
                const FlakyTest *test,
                const Style *style,
                size_t columns,
                Buffer *text) {
        for (size_t i = flaky->n_runs - columns; i < flaky->n_runs; i++)
                text_add_strip_cell(style, text, test_get_cell(test, i));
        if (columns < strlen("runs"))
                buffer_fill(text, ' ', strlen("runs") - columns);
}

/* Below, the ids of runs leave their place to the addresses. */
static bool style_has_room_for_ids(const Style *style) {
        return !style->tty || style_get_columns(STDOUT_FILENO) >= COLUMNS_WITH_IDS;
}

static void add_seen(const Flaky *flaky, size_t number, const Style *style, Buffer *text) {
        const FlakyRun *run = flaky->runs + number - 1;

        text_add_when(text, run->started_usec);
        if (!style_has_room_for_ids(style))
                return;
        buffer_add_string(text, "  ");
        text_add_run_id(style, text, STYLE_DIM, run->run_id);
}

static size_t get_strip_columns(const Flaky *flaky, const Style *style) {
        size_t columns = MIN(flaky->n_runs, STRIP_COLUMNS_MAX);

        return style->tty ? MIN(columns, style_get_columns(STDOUT_FILENO) / 5) : columns;
}

/* What all rows end with */
static int print_rest(
                const Flaky *flaky,
                const FlakyTest *test,
                const Style *style,
                size_t columns,
                Buffer *text) {
        buffer_add_string(text, "  ");
        add_strip(flaky, test, style, columns, text);
        buffer_add_string(text, "  ");
        style_add(style, text, STYLE_PLAIN, test->address);
        buffer_add_string(text, "\n");
        return text_print(text);
}

static int print_flaky(const Flaky *flaky, const Style *style, size_t columns, Buffer *text) {
        buffer_addf(text,
                    "\n%5s  %7s  %5s  %-16s%s  %-*s  %s\n",
                    "rate",
                    "bad",
                    "again",
                    "last seen",
                    style_has_room_for_ids(style) ? "  in run  " : "",
                    (int)MAX(columns, strlen("runs")),
                    "runs",
                    "address");
        for (size_t i = 0; i < flaky->n_flaky; i++) {
                const FlakyTest *test = flaky->tests + i;
                const Flakiness *flakiness = &test->flakiness;
                char rate[16], bad[48];
                int r;

                snprintf(rate, sizeof(rate), "%.0f%%", flakiness_get_rate(flakiness) * 100);
                snprintf(bad, sizeof(bad), "%zu/%zu", flakiness->n_bad, flakiness->n_judged);
                text_add_right(style, text, STYLE_WARNING, rate, 5);
                buffer_addf(text, "  %7s  %5zu  ", bad, flakiness->n_marked);
                add_seen(flaky, flakiness->last_seen, style, text);
                r = print_rest(flaky, test, style, columns, text);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int print_changed(const Flaky *flaky, const Style *style, size_t columns, Buffer *text) {
        buffer_addf(text,
                    "\nChanged once, and so rather broken or fixed (%zu)\n",
                    flaky->n_tests - flaky->n_flaky);
        for (size_t i = flaky->n_flaky; i < flaky->n_tests; i++) {
                const FlakyTest *test = flaky->tests + i;
                bool bad = test->flakiness.bad;
                int r;

                buffer_add_string(text, "  ");
                text_add_padded(style,
                                text,
                                bad ? STYLE_BAD : STYLE_GOOD,
                                bad ? "bad since" : "good since",
                                16);
                buffer_add_string(text, "    ");
                add_seen(flaky, test->flakiness.changed_at, style, text);
                r = print_rest(flaky, test, style, columns, text);
                if (r < 0)
                        return r;
        }
        return 0;
}

int flaky_print_text(const Flaky *flaky) {
        _cleanup_(style_done) Style style = {};
        _cleanup_buffer_ Buffer text = {};
        size_t columns;
        int r = 0;

        style_init(&style, STDOUT_FILENO, COLOR_AUTO);
        columns = get_strip_columns(flaky, &style);
        text_add_safe(&style, &text, STYLE_BOLD, flaky->suite, SIZE_MAX);
        buffer_addf(&text,
                    "%s%zu %s, ",
                    style.dot,
                    flaky->n_runs,
                    flaky->n_runs == 1 ? "run" : "runs");
        text_add_when(&text, flaky->runs[0].started_usec);
        buffer_add_string(&text, " to ");
        text_add_when(&text, flaky->runs[flaky->n_runs - 1].started_usec);
        buffer_add_string(&text, "\n");
        if (flaky->n_tests > 0)
                add_legend(flaky, &style, &text);
        if (flaky->n_flaky > 0)
                r = print_flaky(flaky, &style, columns, &text);
        if (r >= 0 && flaky->n_tests > flaky->n_flaky)
                r = print_changed(flaky, &style, columns, &text);
        if (r < 0)
                return r;
        buffer_add_string(&text, "\n");
        if (flaky->n_flaky == 0)
                buffer_addf(&text, "No test is flaky, of %zu\n", flaky->names.n_names);
        else
                buffer_addf(&text,
                            "%zu of %zu tests are flaky\n",
                            flaky->n_flaky,
                            flaky->names.n_names);
        return text_print(&text);
}

/* ---- For machines ---- */

static json_t *json_from_run(const FlakyRun *run) {
        return json_pack(
                        "{s:o, s:o}",
                        "run_id",
                        json_from_id(run->run_id),
                        "time_usec",
                        json_from_number(run->started_usec, 0));
}

static json_t *json_from_outcomes(const Flaky *flaky, const FlakyTest *test) {
        json_t *array = json_array();

        for (size_t i = 0; i < flaky->n_runs; i++)
                json_array_append_new(
                                array,
                                json_from_text(test->outcomes[i] > 0 ?
                                                               outcome_to_string(
                                                                               (Outcome)(test->outcomes[i] -
                                                                                         1)) :
                                                               NULL));
        return array;
}

static json_t *json_from_seen(const Flaky *flaky, size_t number) {
        return number > 0 ? json_from_run(flaky->runs + number - 1) : json_null();
}

static json_t *json_from_test(const Flaky *flaky, const FlakyTest *test) {
        return json_pack(
                        "{s:o, s:o, s:o, s:o, s:o, s:o}",
                        "address",
                        json_from_text(test->address),
                        "flakiness",
                        json_from_flakiness(&test->flakiness),
                        "last_seen",
                        json_from_seen(flaky, test->flakiness.last_seen),
                        "last_change",
                        json_from_seen(flaky, test->flakiness.changed_at),
                        "reason",
                        json_from_text(test->reason),
                        "outcomes",
                        json_from_outcomes(flaky, test));
}

int flaky_print_json(const Flaky *flaky) {
        int r;

        r = json_print("{\"suite\": ", json_from_text(flaky->suite));
        fputs(",\n\"runs\": [", stdout);
        for (size_t i = 0; i < flaky->n_runs && r >= 0; i++)
                r = json_print(i > 0 ? ",\n " : "\n ", json_from_run(flaky->runs + i));
        fputs("\n],\n\"tests\": [", stdout);
        for (size_t i = 0; i < flaky->n_tests && r >= 0; i++)
                r = json_print(i > 0 ? ",\n " : "\n ", json_from_test(flaky, flaky->tests + i));
        fputs("\n]}\n", stdout);
        return r;
}
