/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Strips are read from left to right, the oldest run first; where not all of it fits, the latest part is shown. Tables
 * have the latest first.
 */

#include "cli/history-print.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "basic/parse.h"
#include "cli/history-text.h"
#include "report/counts.h"

#define TIME_COLUMNS       10U
#define SIZE_COLUMNS       8U
#define OUTCOME_COLUMNS    7U
#define NAME_COLUMNS       10U
/* Less of a strip says little, more of it leaves no room for the addresses. */
#define STRIP_COLUMNS_MIN  10U
#define STRIP_COLUMNS_MAX  60U
/* A reason in less than this says nothing. */
#define REASON_COLUMNS_MIN 12U

typedef struct Printer {
        const History *history;
        Style style;
        Buffer text;
        size_t columns; /* of a line */
} Printer;

static void printer_init(Printer *printer, const History *history) {
        *printer = (Printer){ .history = history };
        style_init(&printer->style, STDOUT_FILENO, COLOR_AUTO);
        printer->columns = style_get_line_columns(&printer->style, STDOUT_FILENO);
}

static void printer_done(Printer *printer) {
        style_done(&printer->style);
        buffer_done(&printer->text);
}

static void add_name(Printer *printer, const char *name) {
        text_add_padded(&printer->style, &printer->text, STYLE_DIM, name, NAME_COLUMNS);
}

/* "it · 12 runs, 2026-11-20 10:00 to 2026-11-22 07:10" */
static void add_period(Printer *printer) {
        const HistoryRun *runs = printer->history->runs;
        size_t n = printer->history->n_runs;
        Buffer *text = &printer->text;

        text_add_safe(&printer->style, text, STYLE_BOLD, runs[0].suite, SIZE_MAX);
        buffer_addf(text, "%s%zu %s, ", printer->style.dot, n, n == 1 ? "run" : "runs");
        text_add_when(text, runs[0].started_usec);
        if (n > 1) {
                buffer_add_string(text, " to ");
                text_add_when(text, runs[n - 1].started_usec);
        }
        buffer_add_string(text, "\n");
}

static void add_strip(Printer *printer, const HistorySeries *test, size_t first, size_t n) {
        for (size_t i = first; i < first + n; i++)
                text_add_strip_cell(
                                &printer->style,
                                &printer->text,
                                history_result_get_cell(test->results[i]));
}

static int add_bars(Printer *printer, const HistorySeries *test, size_t first, size_t n) {
        _cleanup_free_ uint64_t *values = calloc(MAX(n, 1U), sizeof(uint64_t));

        if (!values)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const HistoryResult *result = test->results[first + i];

                values[i] = result && result->started ? MAX(result->duration_usec, 1U) : 0;
        }
        text_add_sparkline(&printer->style, &printer->text, STYLE_DIM, values, n);
        return 0;
}

static void add_legend(Printer *printer) {
        const History *history = printer->history;
        unsigned cells = 0;

        for (size_t i = 0; i < history->n_tests; i++)
                for (size_t run = 0; run < history->n_runs; run++)
                        cells |= 1U << history_result_get_cell(history->tests[i].results[run]);
        text_add_strip_legend(&printer->style, &printer->text, cells);
}

/* In as many lines as it takes. */
static int add_strips(Printer *printer, const HistorySeries *test) {
        size_t columns = printer->columns == SIZE_MAX ?
                        SIZE_MAX :
                        MAX(printer->columns, NAME_COLUMNS + STRIP_COLUMNS_MIN) - NAME_COLUMNS;

        for (size_t first = 0; first < test->n_runs;) {
                size_t n = MIN(columns, test->n_runs - first);
                int r;

                add_name(printer, first == 0 ? "outcome" : "");
                add_strip(printer, test, first, n);
                buffer_add_string(&printer->text, "\n");
                add_name(printer, first == 0 ? "duration" : "");
                r = add_bars(printer, test, first, n);
                if (r < 0)
                        return r;
                buffer_add_string(&printer->text, "\n");
                first += n;
        }
        return 0;
}

/* ---- One test ---- */

static unsigned get_percent(double share) {
        return (unsigned)(share * 100 + 0.5);
}

/* The run of one that is counted from 1 */
static void add_run_of(Printer *printer, size_t number) {
        const HistoryRun *run = printer->history->runs + number - 1;

        text_add_run_id(&printer->style, &printer->text, STYLE_PLAIN, run->run_id);
        buffer_add_string(&printer->text, ", ");
        text_add_when(&printer->text, run->started_usec);
}

static void add_reliability(Printer *printer, const HistorySeries *test) {
        const Flakiness *flakiness = &test->flakiness;
        const Style *style = &printer->style;
        Buffer *text = &printer->text;

        add_name(printer, "flaky");
        if (flakiness_is_flaky(flakiness)) {
                _cleanup_buffer_ Buffer rate = {};
                _cleanup_free_ char *s = NULL;

                buffer_addf(&rate, "%u%%", get_percent(flakiness_get_rate(flakiness)));
                s = buffer_take_string(&rate);
                style_add(style, text, STYLE_WARNING, s ?: "");
                buffer_addf(text,
                            " of %zu results: %zu bad, %zu tried again\n",
                            flakiness->n_judged,
                            flakiness->n_bad,
                            flakiness->n_marked);
                add_name(printer, "last seen");
                add_run_of(printer, flakiness->last_seen);
        } else if (flakiness_has_changed_once(flakiness)) {
                buffer_add_string(text, "no, but ");
                style_add(style,
                          text,
                          flakiness->bad ? STYLE_BAD : STYLE_GOOD,
                          flakiness->bad ? "bad since" : "good since");
                buffer_add_string(text, " ");
                add_run_of(printer, flakiness->changed_at);
        } else if (flakiness->n_judged == 0)
                buffer_add_string(text, "not known: it was never run");
        else if (flakiness->bad)
                buffer_add_string(text, "no, always bad");
        else
                buffer_add_string(text, "no");
        buffer_add_string(text, "\n");
}

static const char *trend_get_word(const HistorySeries *test) {
        return test->trend.change == CHANGE_MORE ? "slower" : "faster";
}

static void add_time(Printer *printer, const HistorySeries *test) {
        char median[FORMAT_MAX], least[FORMAT_MAX], most[FORMAT_MAX];
        const Spread *spread = &test->duration;
        Buffer *text = &printer->text;

        add_name(printer, "time");
        if (spread->n == 0) {
                buffer_add_string(text, "not known: it never passed\n");
                return;
        }
        buffer_addf(text,
                    "%s (median of %zu), %s to %s",
                    format_time(median, spread->median),
                    spread->n,
                    format_time(least, spread->least),
                    format_time(most, spread->most));
        if (test->has_trend && test->trend.change == CHANGE_NONE)
                buffer_add_string(text, ", steady");
        else if (test->has_trend) {
                buffer_add_string(text, ", ");
                style_add(&printer->style,
                          text,
                          test->trend.change == CHANGE_MORE ? STYLE_WARNING : STYLE_GOOD,
                          trend_get_word(test));
                buffer_addf(text,
                            ": from %s to %s, ",
                            format_time(least, test->trend.from),
                            format_time(most, test->trend.to));
                text_add_factor(&printer->style, text, test->trend.from, test->trend.to);
        }
        buffer_add_string(text, "\n");
}

static void add_memory(Printer *printer, const HistorySeries *test) {
        char median[FORMAT_MAX], least[FORMAT_MAX], most[FORMAT_MAX];

        if (test->memory.n == 0)
                return;
        add_name(printer, "memory");
        buffer_addf(&printer->text,
                    "%s (median of %zu), %s to %s\n",
                    format_size(median, test->memory.median),
                    test->memory.n,
                    format_size(least, test->memory.least),
                    format_size(most, test->memory.most));
}

/* What is left of a line for reasons; 0: too little */
static size_t get_reason_columns(const Printer *printer) {
        const size_t taken = 16 + 2 + RUN_ID_COLUMNS + 2 + OUTCOME_COLUMNS + 2 + TIME_COLUMNS + 2 +
                        SIZE_COLUMNS + 2;

        if (printer->columns == SIZE_MAX)
                return SIZE_MAX;
        return printer->columns < taken + REASON_COLUMNS_MIN ? 0 : printer->columns - taken;
}

static void add_result_row(Printer *printer, const HistoryRun *run, const HistoryResult *result) {
        char duration[FORMAT_MAX] = "-", memory[FORMAT_MAX] = "-";
        const Style *style = &printer->style;
        size_t columns = get_reason_columns(printer);
        Buffer *text = &printer->text;

        if (result->started)
                format_time(duration, result->duration_usec);
        if (result->memory_peak != SIZE_UNKNOWN)
                format_size(memory, result->memory_peak);
        text_add_when(text, run->started_usec);
        buffer_add_string(text, "  ");
        text_add_run_id(style, text, STYLE_DIM, run->run_id);
        buffer_add_string(text, "  ");
        text_add_padded(style,
                        text,
                        style_get_outcome_color(result->outcome),
                        outcome_to_string(result->outcome),
                        OUTCOME_COLUMNS);
        buffer_addf(text, "  %*s  %*s", (int)TIME_COLUMNS, duration, (int)SIZE_COLUMNS, memory);
        for (unsigned bit = PTEST_MARK_SLOW; bit < PTEST_MARK_END; bit <<= 1)
                if (result->marks & bit)
                        buffer_addf(text, "  [%s]", mark_to_string((PtestMark)bit));
        if (result->carried)
                style_add(style, text, STYLE_DIM, "  [carried over]");
        if (result->reason && columns > 0) {
                buffer_add_string(text, "  ");
                text_add_safe(style, text, STYLE_DIM, result->reason, columns);
        }
        buffer_add_string(text, "\n");
}

static int print_results(Printer *printer, const HistorySeries *test, size_t rows) {
        size_t left = 0;
        int r;

        buffer_addf(&printer->text,
                    "\n%-16s  %-8s  %-7s  %10s  %8s%s\n",
                    "when",
                    "run",
                    "outcome",
                    "duration",
                    "memory",
                    get_reason_columns(printer) > 0 ? "  reason" : "");
        for (size_t i = test->n_runs; i-- > 0;) {
                if (!test->results[i])
                        continue;
                if (rows == 0) {
                        left++;
                        continue;
                }
                add_result_row(printer, printer->history->runs + i, test->results[i]);
                rows--;
                r = text_print(&printer->text);
                if (r < 0)
                        return r;
        }
        if (left > 0)
                buffer_addf(&printer->text,
                            "%s and %zu more; --all shows them\n",
                            printer->style.ellipsis,
                            left);
        return text_print(&printer->text);
}

int history_print_test(const History *history, size_t rows) {
        _cleanup_(printer_done) Printer printer = {};
        const HistorySeries *test = history->tests;
        int r;

        printer_init(&printer, history);
        style_add(&printer.style, &printer.text, STYLE_BOLD, test->address);
        buffer_add_string(&printer.text, "\n");
        add_period(&printer);
        buffer_add_string(&printer.text, "\n");
        r = add_strips(&printer, test);
        if (r < 0)
                return r;
        add_name(&printer, "");
        add_legend(&printer);
        buffer_add_string(&printer.text, "\n");
        add_name(&printer, "results");
        counts_add(&printer.text, &test->tally);
        buffer_add_string(&printer.text, "\n");
        add_reliability(&printer, test);
        add_time(&printer, test);
        add_memory(&printer, test);
        return print_results(&printer, test, rows);
}

/* ---- Several ---- */

static void add_trend(Printer *printer, const HistorySeries *test, size_t columns) {
        _cleanup_buffer_ Buffer trend = {};
        _cleanup_free_ char *s = NULL;
        StyleColor color = STYLE_DIM;

        if (!test->has_trend)
                buffer_add_string(&trend, "-");
        else if (test->trend.change == CHANGE_NONE)
                buffer_add_string(&trend, "steady");
        else {
                color = test->trend.change == CHANGE_MORE ? STYLE_WARNING : STYLE_GOOD;
                text_add_factor(&printer->style, &trend, test->trend.from, test->trend.to);
        }
        s = buffer_take_string(&trend);
        text_add_right(&printer->style, &printer->text, color, s ?: "", columns);
}

static void add_share(Printer *printer, const HistorySeries *test, size_t columns) {
        const Flakiness *flakiness = &test->flakiness;
        _cleanup_buffer_ Buffer share = {};
        _cleanup_free_ char *s = NULL;

        buffer_addf(&share, "%zu/%zu", flakiness->n_bad, flakiness->n_judged);
        s = buffer_take_string(&share);
        text_add_right(&printer->style,
                       &printer->text,
                       flakiness->n_bad > 0 ? STYLE_BAD : STYLE_PLAIN,
                       s ?: "",
                       columns);
}

static void add_flaky(Printer *printer, const HistorySeries *test, size_t columns) {
        const Flakiness *flakiness = &test->flakiness;
        _cleanup_buffer_ Buffer rate = {};
        _cleanup_free_ char *s = NULL;
        bool flaky = flakiness_is_flaky(flakiness);

        if (flaky)
                buffer_addf(&rate, "%u%%", get_percent(flakiness_get_rate(flakiness)));
        else
                buffer_add_string(&rate, "-");
        s = buffer_take_string(&rate);
        text_add_right(&printer->style,
                       &printer->text,
                       flaky ? STYLE_WARNING : STYLE_DIM,
                       s ?: "",
                       columns);
}

static size_t get_strip_columns(const Printer *printer) {
        size_t wanted = MIN(printer->history->n_runs, STRIP_COLUMNS_MAX);

        if (printer->columns == SIZE_MAX)
                return wanted;
        return MIN(wanted, MAX(printer->columns / 4, STRIP_COLUMNS_MIN));
}

static void add_test_row(Printer *printer, const HistorySeries *test, size_t strip_columns) {
        char median[FORMAT_MAX] = "-";
        Buffer *text = &printer->text;

        if (test->duration.n > 0)
                format_time(median, test->duration.median);
        add_strip(printer, test, test->n_runs - strip_columns, strip_columns);
        if (strip_columns < strlen("runs"))
                buffer_fill(text, ' ', strlen("runs") - strip_columns);
        add_share(printer, test, 9);
        add_flaky(printer, test, 7);
        buffer_addf(text, "%*s", (int)TIME_COLUMNS + 1, median);
        add_trend(printer, test, 8);
        buffer_add_string(text, "  ");
        style_add(&printer->style, text, STYLE_PLAIN, test->address);
        buffer_add_string(text, "\n");
}

int history_print_tests(const History *history) {
        _cleanup_(printer_done) Printer printer = {};
        size_t columns;
        int r;

        printer_init(&printer, history);
        columns = get_strip_columns(&printer);
        add_period(&printer);
        add_legend(&printer);
        buffer_addf(&printer.text,
                    "\n%-*s%9s%7s%11s%8s  %s\n",
                    (int)MAX(columns, strlen("runs")),
                    "runs",
                    "bad",
                    "flaky",
                    "median",
                    "trend",
                    "address");
        for (size_t i = 0; i < history->n_tests; i++) {
                add_test_row(&printer, history->tests + i, columns);
                r = text_print(&printer.text);
                if (r < 0)
                        return r;
        }
        return text_print(&printer.text);
}
