/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What got worse stands first, and what is as it was is one number at the end. Addresses are never cut: they are what
 * one goes on with. On a terminal reasons get what is left of the line.
 */

#include "cli/diff-print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/parse.h"
#include "cli/history-text.h"
#include "model/pattern.h"
#include "report/counts.h"

/* An address above this does not push reasons further to the right. */
#define ADDRESS_COLUMNS_MAX 48U
#define OUTCOME_COLUMNS     7U /* "timeout" */
#define VALUE_COLUMNS       8U /* "12min 3s", "1023.9M" */
#define FACTOR_COLUMNS      6U
#define NAME_COLUMNS        8U
/* A reason in less than this says nothing. */
#define REASON_COLUMNS_MIN  12U

typedef struct Section {
        const char *title;
        const char *noun; /* as it follows a number */
        StyleColor color;
        bool is_use;
} Section;

static const Section SECTIONS[DIFF_KIND_MAX] = {
        [DIFF_NEWLY_FAILING] = {"Newly failing",      "newly failing",     STYLE_BAD,     false},
        [DIFF_FAILING_OTHERWISE] = { "Failing otherwise", "failing otherwise", STYLE_BAD,     false},
        [DIFF_NEWLY_FLAKY] = { "Newly flaky",       "newly flaky",       STYLE_WARNING, false},
        [DIFF_SLOWER] = { "Slower",            "slower",            STYLE_WARNING, true },
        [DIFF_HUNGRIER] = { "Hungrier",          "hungrier",          STYLE_WARNING, true },
        [DIFF_NOT_RUN] = { "Not run now",       "not run now",       STYLE_WARNING, false},
        [DIFF_UNREPORTED] = { "Without a result",  "without a result",  STYLE_WARNING, false},
        [DIFF_NEWLY_SKIPPED] = { "Newly skipped",     "newly skipped",     STYLE_WARNING, false},
        [DIFF_STILL_FAILING] = { "Still failing",     "still failing",     STYLE_BAD,     false},
        [DIFF_NEWLY_PASSING] = { "Newly passing",     "newly passing",     STYLE_GOOD,    false},
        [DIFF_CHANGED] = { "Changed otherwise", "changed otherwise", STYLE_BOLD,    false},
        [DIFF_FASTER] = { "Faster",            "faster",            STYLE_GOOD,    true },
        [DIFF_LEANER] = { "Leaner",            "leaner",            STYLE_GOOD,    true },
        [DIFF_ADDED] = { "Added",             "added",             STYLE_BOLD,    false},
        [DIFF_REMOVED] = { "Removed",           "removed",           STYLE_BOLD,    false},
};

typedef struct Printer {
        const Diff *diff;
        Style style;
        Buffer text;
        size_t columns; /* of a line */
        size_t rows;    /* of a section */
} Printer;

static void printer_done(Printer *printer) {
        style_done(&printer->style);
        buffer_done(&printer->text);
}

/* ---- Which runs ---- */

/* Columns that a line has taken so far, if it is long enough to be broken. */
static size_t text_get_column(const Printer *printer, size_t line_begin) {
        _cleanup_free_ char *line = NULL;
        size_t columns = 0;

        line = strndup(printer->text.data + line_begin, printer->text.size - line_begin);
        for (const char *p = line; p && *p; p++) {
                if (*p == '\033')
                        p += strcspn(p, "m");
                else if (((unsigned char)*p & 0xc0) != 0x80)
                        columns++;
        }
        return columns;
}

static void add_run(Printer *printer, const char *name, const HistoryRun *run) {
        const Style *style = &printer->style;
        Buffer *text = &printer->text;
        size_t begin = text->size;
        char duration[FORMAT_MAX];
        _cleanup_buffer_ Buffer counts = {};
        _cleanup_free_ char *s = NULL;

        text_add_padded(style, text, STYLE_DIM, name, NAME_COLUMNS);
        text_add_run_id(style, text, STYLE_PLAIN, run->run_id);
        buffer_add_string(text, "  ");
        text_add_when(text, run->started_usec);
        buffer_add_string(text, "  ");
        style_add(style, text, history_run_get_end_color(run), history_run_get_end(run));
        if (run->finished)
                buffer_addf(text, " after %s", format_time(duration, run->duration_usec));
        counts_add(&counts, &run->tally);
        s = buffer_take_string(&counts);
        if (text_get_column(printer, begin) + 2 + (s ? strlen(s) : 0) <= printer->columns)
                buffer_add_string(text, ": ");
        else {
                buffer_add_string(text, "\n");
                buffer_fill(text, ' ', NAME_COLUMNS);
        }
        buffer_add_string(text, s ?: "");
        buffer_add_string(text, "\n");
}

static void add_note(Printer *printer, const char *note) {
        text_add_safe(&printer->style, &printer->text, STYLE_DIM, note, SIZE_MAX);
        buffer_add_string(&printer->text, "\n");
}

/* "The later run was of a part of the suite: -k 'a*' --shard=1/2" */
static void add_part(Printer *printer, const char *which, const HistoryRun *run) {
        _cleanup_buffer_ Buffer note = {};
        _cleanup_free_ char *words = run->patterns ? patterns_describe(run->patterns) : NULL;
        _cleanup_free_ char *s = NULL;

        if (!history_run_is_partial(run))
                return;
        buffer_addf(&note, "The %s run was of a part of the suite", which);
        if (words)
                buffer_addf(&note, ": %s", words);
        if (run->shard)
                buffer_addf(&note, "%s--shard=%s", words ? " " : ": ", run->shard);
        if (!words && !run->shard)
                buffer_add_string(&note, ".");
        s = buffer_take_string(&note);
        if (s)
                add_note(printer, s);
}

/* What one has to know to understand the rest. */
static void add_notes(Printer *printer) {
        const HistoryRun *before = printer->diff->before, *after = printer->diff->after;

        if (before->hostname && after->hostname && !diff_duration_is_comparable(before, after))
                add_note(printer,
                         "They ran on different machines: durations and memory are not compared.");
        else if (!diff_memory_is_comparable(before, after))
                add_note(printer, "They ran on different backends: memory is not compared.");
        if (sd_id128_equal(after->rerun_of, before->run_id))
                add_note(printer, "The later run ran only tests of the earlier one again.");
        else
                add_part(printer, "later", after);
        add_part(printer, "earlier", before);
        if (before->damaged || after->damaged)
                add_note(printer,
                         after->damaged ? "Not all records of the later run can be read." :
                                          "Not all records of the earlier run can be read.");
        if (after->n_carried > 0) {
                bool one = after->n_carried == 1;

                buffer_addf(&printer->text,
                            "%zu %s of the later run %s of run ",
                            after->n_carried,
                            one ? "result" : "results",
                            one ? "is" : "are");
                text_add_run_id(&printer->style, &printer->text, STYLE_PLAIN, after->carried_from);
                buffer_add_string(&printer->text, ", which it went on with.\n");
        }
}

static void add_header(Printer *printer) {
        const HistoryRun *before = printer->diff->before, *after = printer->diff->after;
        Buffer *text = &printer->text;

        if (strcmp(before->suite, after->suite) == 0)
                text_add_safe(&printer->style, text, STYLE_BOLD, after->suite, SIZE_MAX);
        else {
                text_add_safe(&printer->style, text, STYLE_BOLD, before->suite, SIZE_MAX);
                buffer_add_string(text, " and ");
                text_add_safe(&printer->style, text, STYLE_BOLD, after->suite, SIZE_MAX);
        }
        buffer_add_string(text, "\n");
        add_run(printer, "before", before);
        add_run(printer, "after", after);
        add_notes(printer);
}

/* ---- A test ---- */

/* The columns that are taken already; the reason goes to the rest of the line. */
static void add_reason(Printer *printer, const char *reason, size_t taken) {
        size_t columns = printer->columns;

        if (columns != SIZE_MAX)
                columns = columns > taken + 2 ? columns - taken - 2 : 0;
        if (!reason || columns < REASON_COLUMNS_MIN)
                return;
        buffer_add_string(&printer->text, "  ");
        text_add_safe(&printer->style, &printer->text, STYLE_DIM, reason, columns);
}

static void add_outcome(Printer *printer, const HistoryResult *result, size_t columns) {
        const Style *style = &printer->style;

        if (!result)
                text_add_padded(style, &printer->text, STYLE_DIM, style->utf8 ? "–" : "-", columns);
        else
                text_add_padded(style,
                                &printer->text,
                                style_get_outcome_color(result->outcome),
                                outcome_to_string(result->outcome),
                                columns);
}

/* What there is to say of the result that is shown; NULL: nothing */
static const char *get_what(DiffKind kind, const DiffTest *test, char *buffer, size_t size) {
        const HistoryResult *shown = test->after;

        if (kind == DIFF_REMOVED || kind == DIFF_UNREPORTED || !shown)
                return NULL;
        if (kind == DIFF_NEWLY_FLAKY && shown->attempt > 1) {
                snprintf(buffer, size, "in attempt %u", shown->attempt);
                return buffer;
        }
        return shown->reason;
}

static void add_outcomes(
                Printer *printer, DiffKind kind, const DiffTest *test, size_t address_columns) {
        const HistoryResult *only = kind == DIFF_REMOVED || kind == DIFF_UNREPORTED ? test->before :
                        kind == DIFF_STILL_FAILING || kind == DIFF_ADDED            ? test->after :
                                                                                      NULL;
        const Style *style = &printer->style;
        size_t width = style_measure(style, test->address), taken = 2 + OUTCOME_COLUMNS + 2;
        char buffer[32];
        const char *what = get_what(kind, test, buffer, sizeof(buffer));

        buffer_add_string(&printer->text, "  ");
        if (only)
                add_outcome(printer, only, OUTCOME_COLUMNS);
        else {
                add_outcome(printer, test->before, OUTCOME_COLUMNS);
                style_add(style, &printer->text, STYLE_DIM, style->utf8 ? " → " : " > ");
                add_outcome(printer, test->after, OUTCOME_COLUMNS);
                taken += 3 + OUTCOME_COLUMNS;
        }
        buffer_add_string(&printer->text, "  ");
        if (what) {
                text_add_padded(style, &printer->text, STYLE_PLAIN, test->address, address_columns);
                add_reason(printer, what, taken + MAX(width, address_columns));
        } else
                style_add(style, &printer->text, STYLE_PLAIN, test->address);
        buffer_add_string(&printer->text, "\n");
}

static void format_use(char *buffer, bool memory, uint64_t value) {
        if (memory)
                format_size(buffer, value);
        else
                format_time(buffer, value);
}

/* "  usually 1.1s to 1.4s" */
static void add_usual(Printer *printer, const Spread *usual, bool memory, size_t taken) {
        char least[FORMAT_MAX], most[FORMAT_MAX];
        _cleanup_buffer_ Buffer line = {};
        _cleanup_free_ char *s = NULL;

        if (!usual)
                return;
        format_use(least, memory, usual->least);
        format_use(most, memory, usual->most);
        if (strcmp(least, most) == 0)
                buffer_addf(&line, "always %s in %zu runs", least, usual->n);
        else
                buffer_addf(&line, "%s to %s in %zu runs", least, most, usual->n);
        s = buffer_take_string(&line);
        if (s)
                add_reason(printer, s, taken);
}

static void add_use(Printer *printer, DiffKind kind, const DiffTest *test, size_t address_columns) {
        bool memory = kind == DIFF_HUNGRIER || kind == DIFF_LEANER;
        uint64_t before = memory ? test->before->memory_peak : test->before->duration_usec;
        uint64_t after = memory ? test->after->memory_peak : test->after->duration_usec;
        const Spread *usual = memory ? test->usual_memory : test->usual;
        const Style *style = &printer->style;
        char from[FORMAT_MAX], to[FORMAT_MAX];
        _cleanup_buffer_ Buffer factor = {};
        _cleanup_free_ char *times = NULL;

        format_use(from, memory, before);
        format_use(to, memory, after);
        text_add_factor(style, &factor, before, after);
        times = buffer_take_string(&factor);

        buffer_add_string(&printer->text, " ");
        text_add_right(style, &printer->text, STYLE_PLAIN, from, VALUE_COLUMNS);
        style_add(style, &printer->text, STYLE_DIM, style->utf8 ? " → " : " > ");
        text_add_padded(style, &printer->text, STYLE_PLAIN, to, VALUE_COLUMNS);
        text_add_right(style, &printer->text, SECTIONS[kind].color, times ?: "", FACTOR_COLUMNS);
        buffer_add_string(&printer->text, "  ");
        if (usual) {
                size_t width = MAX(style_measure(style, test->address), address_columns);

                text_add_padded(style, &printer->text, STYLE_PLAIN, test->address, address_columns);
                add_usual(printer,
                          usual,
                          memory,
                          1 + 2 * VALUE_COLUMNS + 3 + FACTOR_COLUMNS + 2 + width);
        } else
                style_add(style, &printer->text, STYLE_PLAIN, test->address);
        buffer_add_string(&printer->text, "\n");
}

/* ---- Sections ---- */

static size_t get_address_columns(const Style *style, const DiffTest *const *tests, size_t n) {
        size_t columns = 0;

        for (size_t i = 0; i < n; i++)
                columns = MAX(columns, style_measure(style, tests[i]->address));
        return MIN(columns, ADDRESS_COLUMNS_MAX);
}

static int print_section(Printer *printer, DiffKind kind) {
        _cleanup_free_ const DiffTest **tests = NULL;
        size_t n = printer->diff->counts[kind], shown = MIN(n, printer->rows), address_columns;
        int r;

        if (n == 0)
                return 0;
        r = diff_get_tests(printer->diff, kind, &tests);
        if (r < 0)
                return r;
        buffer_add_string(&printer->text, "\n");
        style_add(&printer->style, &printer->text, SECTIONS[kind].color, SECTIONS[kind].title);
        buffer_addf(&printer->text, " (%zu)\n", n);
        address_columns = get_address_columns(&printer->style, tests, shown);
        for (size_t i = 0; i < shown; i++) {
                if (SECTIONS[kind].is_use)
                        add_use(printer, kind, tests[i], address_columns);
                else
                        add_outcomes(printer, kind, tests[i], address_columns);
                r = text_print(&printer->text);
                if (r < 0)
                        return r;
        }
        if (shown < n) {
                buffer_addf(&printer->text, "  %s ", printer->style.ellipsis);
                buffer_addf(&printer->text, "and %zu more; --all shows them\n", n - shown);
        }
        return 0;
}

/* "3 newly failing", after what is there already; goes to a new line if it does not fit. */
static void add_count(Printer *printer, size_t *begin, size_t count, const char *noun) {
        Buffer *text = &printer->text;
        size_t column = text_get_column(printer, *begin);
        char number[24];

        if (column > 2) {
                buffer_add_string(text, ",");
                column++;
        }
        snprintf(number, sizeof(number), "%zu", count);
        if (column + 1 + strlen(number) + 1 + strlen(noun) + 1 > printer->columns) {
                buffer_add_string(text, "\n");
                *begin = text->size;
                buffer_add_string(text, " ");
        }
        if (column > 2)
                buffer_add_string(text, " ");
        buffer_addf(text, "%s %s", number, noun);
}

static void add_conclusion(Printer *printer) {
        const Diff *diff = printer->diff;
        Buffer *text = &printer->text;
        bool worse = diff_is_worse(diff);
        size_t begin;

        buffer_add_string(text, "\n");
        begin = text->size;
        style_add(&printer->style,
                  text,
                  worse ? STYLE_BAD : STYLE_GOOD,
                  worse ? printer->style.bad : printer->style.good);
        buffer_add_string(text, " ");
        for (DiffKind kind = 0; kind < DIFF_KIND_MAX; kind++)
                if (diff->counts[kind] > 0)
                        add_count(printer, &begin, diff->counts[kind], SECTIONS[kind].noun);
        if (diff->n_not_chosen > 0)
                add_count(printer, &begin, diff->n_not_chosen, "not chosen");
        add_count(printer, &begin, diff->n_same, "as before");
        buffer_add_string(text, "\n");
}

int diff_print_text(const Diff *diff, size_t rows) {
        _cleanup_(printer_done) Printer printer = { .diff = diff, .rows = rows };
        int r;

        style_init(&printer.style, STDOUT_FILENO, COLOR_AUTO);
        printer.columns = style_get_line_columns(&printer.style, STDOUT_FILENO);
        add_header(&printer);
        for (DiffKind kind = 0; kind < DIFF_KIND_MAX; kind++) {
                r = print_section(&printer, kind);
                if (r < 0)
                        return r;
        }
        add_conclusion(&printer);
        return text_print(&printer.text);
}
