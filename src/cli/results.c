/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest results: how a run went, from its run file or from the journal
 *
 * The table needs the widths of all rows and the verdict stands above it, so rows are kept; the outputs of
 * tests are not.
 */

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "basic/array.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "cli/json-value.h"
#include "cli/keyword.h"
#include "cli/results-json.h"
#include "cli/results-sort.h"
#include "cli/review-options.h"
#include "cli/verb.h"
#include "model/pattern.h"
#include "record/source.h"
#include "report/counts.h"
#include "report/style.h"

/* An address above this does not push the other columns further to the right. */
#define ADDRESS_COLUMNS_MAX 60U

typedef struct ResultsArguments {
        ReviewOptions review;
        bool wanted[PTEST_OUTCOME_MAX];
        bool some_wanted;      /* else all are */
        unsigned marks_wanted; /* bits; 0: all are */
        bool addresses;
        ResultsSort sort;
        int error;
} ResultsArguments;

typedef struct Results {
        Event *started; /* NULL: the record is not there */
        Event *finished;
        Result **rows; /* those that are to be shown, without their output */
        size_t n_rows, n_allocated;
        Tally tally; /* of all tests, shown or not */
} Results;

static void results_done(Results *results) {
        event_free(results->started);
        event_free(results->finished);
        for (size_t i = 0; i < results->n_rows; i++)
                result_free(results->rows[i]);
        free(results->rows);
}

/* ---- Options ---- */

enum {
        OPTION_OUTCOME = 0x100,
        OPTION_MARK,
        OPTION_SORT,
        OPTION_ADDRESSES,
};

static const struct argp_option results_options[] = {
        {"outcome",
         OPTION_OUTCOME, "OUTCOME,...",
         0, "Only tests that ended so; \"bad\" stands for all that make a run fail",
         0 },
        { "keyword",
         'k', "PATTERN",
         0, "Only tests whose address matches; !PATTERN excludes; repeatable",
         0 },
        { "mark",
         OPTION_MARK, "MARK,...",
         0, "Only tests with one of these marks: slow, flaky, leaky, dirty",
         0 },
        { "sort",                                                                       OPTION_SORT, "KEY", 0, "The largest first; by time, cpu or memory", 0 },
        { "addresses",                                                                      OPTION_ADDRESSES, NULL, 0, "Only the addresses, one a line", 0 },
        {                                                                       },
};

static void arguments_add_outcomes(
                ResultsArguments *arguments, struct argp_state *state, const char *words) {
        _cleanup_strv_ char **list = NULL;

        arguments->error = strv_split(words, ",", &list);
        strv_for_each(word, list) {
                Outcome outcome = outcome_from_string(*word);

                if (strcmp(*word, "bad") == 0)
                        for (Outcome o = 0; o < PTEST_OUTCOME_MAX; o++)
                                arguments->wanted[o] = arguments->wanted[o] || outcome_is_bad(o);
                else if (outcome >= 0)
                        arguments->wanted[outcome] = true;
                else
                        argp_error(state,
                                   "\"%s\" is not an outcome; they are: bad, pass, fail, skip, xfail, xpass, error, timeout, crash, oom, lost, not-run",
                                   *word);
                arguments->some_wanted = true;
        }
        if (arguments->error >= 0 && !arguments->some_wanted)
                argp_error(state, "--outcome needs an outcome");
}

static void arguments_add_marks(
                ResultsArguments *arguments, struct argp_state *state, const char *words) {
        _cleanup_strv_ char **list = NULL;

        arguments->error = strv_split(words, ",", &list);
        strv_for_each(word, list) {
                PtestMark mark = mark_from_string(*word);

                if (mark <= 0 || mark >= PTEST_MARK_END)
                        argp_error(state,
                                   "\"%s\" is not a mark; they are: slow, flaky, leaky, dirty",
                                   *word);
                arguments->marks_wanted |= mark;
        }
        if (arguments->error >= 0 && arguments->marks_wanted == 0)
                argp_error(state, "--mark needs a mark");
}

static error_t results_on_option(int key, char *value, struct argp_state *state) {
        ResultsArguments *arguments = state->input;

        switch (key) {
        case 'k':
                arguments->error = keyword_add(state, value, &arguments->review.patterns);
                break;
        case OPTION_OUTCOME:
                arguments_add_outcomes(arguments, state, value);
                break;
        case OPTION_MARK:
                arguments_add_marks(arguments, state, value);
                break;
        case OPTION_ADDRESSES:
                arguments->addresses = true;
                break;
        case OPTION_SORT:
                arguments->sort = results_sort_from_string(value);
                if (arguments->sort < 0)
                        argp_error(state,
                                   "cannot sort by \"%s\"; write time, cpu or memory",
                                   value);
                break;
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->review;
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return arguments->error < 0 ? -arguments->error : 0;
}

static const struct argp results_argp = {
        .options = results_options,
        .parser = results_on_option,
        .children = review_children,
        .args_doc = "[RUN]",
        .doc = "Print how a run went: a line for each test, the counts and the verdict.\v" REVIEW_RUN_DOC,
};

/* ---- Reading ---- */

static bool result_is_wanted(const ResultsArguments *arguments, const Result *result) {
        return (!arguments->some_wanted || arguments->wanted[result->outcome]) &&
                        (arguments->marks_wanted == 0 ||
                         (result->marks & arguments->marks_wanted)) &&
                        pattern_selects(arguments->review.patterns, result->address);
}

static int results_add(Results *results, const ResultsArguments *arguments, Event *event) {
        Result *result = event->result;

        tally_add(&results->tally, result->outcome, result->marks);
        if (!result_is_wanted(arguments, result))
                return 0;
        if (array_reserve(results->rows, results->n_allocated, results->n_rows + 1) < 0)
                return -ENOMEM;
        results->rows[results->n_rows++] = TAKE_PTR(event->result);
        return 0;
}

static int results_read(Results *results, const ResultsArguments *arguments, Source *source) {
        for (;;) {
                _cleanup_(event_freep) Event *event = NULL;
                int r;

                r = source_read(source, &event);
                if (r <= 0)
                        return r;
                if (event->kind == EVENT_TEST_FINISHED) {
                        r = results_add(results, arguments, event);
                        if (r < 0)
                                return r;
                } else if (event->kind == EVENT_RUN_STARTED && !results->started)
                        results->started = TAKE_PTR(event);
                else if (event->kind == EVENT_RUN_FINISHED && !results->finished)
                        results->finished = TAKE_PTR(event);
        }
}

/* ---- The table ---- */

static void print_when(uint64_t usec) {
        char text[FORMAT_MAX];

        if (format_local_time(text, usec))
                printf(", %s", text);
}

static void print_safe(const char *name, const char *value) {
        _cleanup_free_ char *safe = value ? text_escape(value, strlen(value)) : NULL;

        if (safe)
                printf("%-9s%s\n", name, safe);
}

/* Colours are sequences of text that printf() would count as columns, so that they go through a buffer. */
static void print_colored(const Style *style, StyleColor color, const char *s) {
        _cleanup_buffer_ Buffer text = {};

        style_add(style, &text, color, s);
        if (buffer_error(&text) >= 0)
                fwrite(text.data, 1, text.size, stdout);
}

static void print_header(const Results *results, const Style *style) {
        const Event *started = results->started, *finished = results->finished;
        const Event *any = started ?: finished;
        char id[SD_ID128_STRING_MAX], duration[FORMAT_MAX];
        Verdict verdict;

        if (any) {
                _cleanup_free_ char *suite = text_escape(any->suite, strlen(any->suite));

                print_colored(style, STYLE_BOLD, suite ?: "");
                printf(", run %s", sd_id128_to_string(any->run_id, id));
                print_when(any->time_usec);
                putchar('\n');
        }
        if (started) {
                print_safe("about", started->run_started.description);
                print_safe("host", started->run_started.hostname);
                print_safe("backend", started->run_started.backend);
                print_safe("command", started->run_started.command);
        }
        if (!finished) {
                printf("%-9s", "verdict");
                print_colored(style, STYLE_WARNING, "none");
                printf(": the run goes on, or was cut off\n");
                return;
        }
        verdict = finished->run_finished.verdict;
        printf("%-9s", "verdict");
        print_colored(style,
                      verdict == VERDICT_PASSED ? STYLE_GOOD : STYLE_BAD,
                      verdict_to_sentence(verdict));
        if (finished->run_finished.reason) {
                _cleanup_free_ char *reason = text_escape(
                                finished->run_finished.reason,
                                strlen(finished->run_finished.reason));

                printf(" (%s)", reason ?: "");
        }
        printf(" after %s\n", format_time(duration, finished->run_finished.duration_usec));
}

static void print_padded(const Style *style, StyleColor color, const char *s, size_t columns) {
        size_t width = style_measure(style, s);

        print_colored(style, color, s);
        printf("%*s", (int)(width < columns ? columns - width : 0), "");
}

static int print_row(const Result *result, const Style *style, size_t address_columns) {
        _cleanup_free_ char *address = text_escape(result->address, strlen(result->address));
        char duration[FORMAT_MAX] = "-", cpu[FORMAT_MAX] = "-", memory[FORMAT_MAX] = "-";

        if (!address)
                return -ENOMEM;
        if (result->start_usec > 0) {
                format_time(duration, result->duration_usec);
                format_time(cpu, usec_add(result->cpu_user_usec, result->cpu_system_usec));
        }
        if (result->memory_peak != SIZE_UNKNOWN)
                format_size(memory, result->memory_peak);

        print_padded(style, STYLE_PLAIN, address, address_columns);
        printf("  ");
        print_padded(style,
                     style_get_outcome_color(result->outcome),
                     outcome_to_string(result->outcome),
                     strlen("outcome"));
        printf("  %10s  %10s  %8s", duration, cpu, memory);
        if (result->reason) {
                _cleanup_free_ char *reason = text_escape(result->reason, strlen(result->reason));

                printf("  %s", reason ?: "");
        }
        for (unsigned bit = PTEST_MARK_SLOW; bit < PTEST_MARK_END; bit <<= 1)
                if (result->marks & bit)
                        printf("  [%s]", mark_to_string((PtestMark)bit));
        putchar('\n');
        return 0;
}

static int print_table(const Results *results, const Style *style) {
        size_t columns = strlen("address");
        int r;

        for (size_t i = 0; i < results->n_rows; i++)
                columns = MAX(columns, style_measure(style, results->rows[i]->address));
        columns = MIN(columns, ADDRESS_COLUMNS_MAX);

        if (results->n_rows > 0)
                printf("\n%-*s  outcome  %10s  %10s  %8s  reason\n",
                       (int)columns,
                       "address",
                       "duration",
                       "cpu",
                       "memory");
        for (size_t i = 0; i < results->n_rows; i++) {
                r = print_row(results->rows[i], style, columns);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int print_text(const Results *results) {
        _cleanup_(style_done) Style style = {};
        _cleanup_buffer_ Buffer counts = {};
        int r;

        style_init(&style, STDOUT_FILENO, COLOR_AUTO);
        print_header(results, &style);
        r = print_table(results, &style);
        if (r < 0)
                return r;
        counts_add(&counts, &results->tally);
        if (buffer_error(&counts) < 0)
                return buffer_error(&counts);
        printf("\n%.*s\n", (int)counts.size, counts.data);
        if (results->finished && results->finished->run_finished.journal_lost > 0)
                printf("The journal did not take %zu records of this run.\n",
                       results->finished->run_finished.journal_lost);
        return 0;
}

static int print_addresses(const Results *results) {
        for (size_t i = 0; i < results->n_rows; i++) {
                const char *address = results->rows[i]->address;
                _cleanup_free_ char *safe = text_escape(address, strlen(address));

                if (!safe)
                        return -ENOMEM;
                puts(safe);
        }
        return 0;
}

/* ---- JSON ---- */

/* One test at a time: the text of a large run need not be in memory too. */
static int print_json(const Results *results) {
        int r;

        r = json_print("{\"started\": ", json_from_started(results->started));
        if (r >= 0)
                r = json_print(",\n\"finished\": ", json_from_finished(results->finished));
        if (r >= 0)
                r = json_print(",\n\"counts\": ", json_from_counts(&results->tally));
        if (r < 0)
                return r;
        fputs(",\n\"tests\": [", stdout);
        for (size_t i = 0; i < results->n_rows; i++) {
                r = json_print(i > 0 ? ",\n " : "\n ", json_from_result(results->rows[i]));
                if (r < 0)
                        return r;
        }
        fputs("\n]}\n", stdout);
        return 0;
}

/* ---- The verb ---- */

static int results_show(const ResultsArguments *arguments) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(results_done) Results results = {};
        ReviewOptions review = arguments->review;
        int r;

        review.source.skip = SOURCE_WITHOUT_OUTPUT | (review.json ? 0 : SOURCE_WITHOUT_LISTS);
        r = review_open(&review, &source);
        if (r < 0)
                return 1;
        r = results_read(&results, arguments, source);
        source_log_problems(source);
        if (r < 0) {
                log_error_errno(r, "Failed to read %s: %m", source_get_name(source));
                return 1;
        }
        if (!results.started && !results.finished && tally_reported(&results.tally) == 0) {
                log_error("%s has no records of a run", source_get_name(source));
                return 1;
        }
        if (results.n_rows == 0 && arguments->review.patterns && !arguments->review.json) {
                log_error("No test of %s is selected", source_get_name(source));
                return 1;
        }
        r = results_sort(results.rows, results.n_rows, arguments->sort);
        if (r >= 0 && arguments->review.json)
                r = print_json(&results);
        else if (r >= 0)
                r = arguments->addresses ? print_addresses(&results) : print_text(&results);
        if (r < 0) {
                log_error_errno(r, "Failed to print the results: %m");
                return 1;
        }
        return 0;
}

int verb_results(int argc, char **argv) {
        ResultsArguments arguments = {};
        int status;

        status = review_parse(&results_argp, argc, argv, &arguments);
        if (status == 0)
                status = results_show(&arguments);
        review_options_done(&arguments.review);
        return status;
}
