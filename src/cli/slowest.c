/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest slowest: where the time of a run went, or its memory
 */

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/parse.h"
#include "cli/history-json.h"
#include "cli/history-runs.h"
#include "cli/history-text.h"
#include "cli/json-value.h"
#include "cli/keyword.h"
#include "cli/verb.h"

#define ROWS_DEFAULT     20U
#define TIME_COLUMNS     9U
#define SIZE_COLUMNS     8U
#define BAR_COLUMNS      10U
/* Below, the bars' place is for the addresses. */
#define COLUMNS_WITH_BAR 90U

typedef enum SlowestKey {
        SLOWEST_BY_TIME,
        SLOWEST_BY_CPU,
        SLOWEST_BY_MEMORY,
        SLOWEST_KEY_MAX,
} SlowestKey;

static const char *const KEYS[SLOWEST_KEY_MAX] = { "time", "cpu", "memory" };

typedef struct SlowestArguments {
        ReviewOptions review;
        unsigned rows; /* 0: all */
        SlowestKey by;
        int error;
} SlowestArguments;

typedef struct SlowestTest {
        const char *address; /* weak: of the names */
        const HistoryResult *result;
        uint64_t key;
} SlowestTest;

typedef struct Slowest {
        const HistoryRun *run;
        SlowestKey by;
        SlowestTest *tests; /* those of which it is known, the largest first */
        size_t n_tests;
        size_t n_shown;
        uint64_t total; /* of all of them */
} Slowest;

/* ---- Options ---- */

enum {
        OPTION_BY = 0x100,
};

static const struct argp_option slowest_options[] = {
        {"number",                               'n', "N", 0, "Print N tests (default: 20); 0: all", 0 },
        { "by",                                   OPTION_BY, "KEY", 0, "By time (the default), cpu or memory", 0 },
        { "keyword",
         'k', "PATTERN",
         0, "Only tests whose address matches; !PATTERN excludes; repeatable",
         0 },
        {},
};

static SlowestKey key_from_string(const char *s) {
        SlowestKey key = 0;

        while (key < SLOWEST_KEY_MAX && strcmp(KEYS[key], s) != 0)
                key++;
        return key;
}

static error_t slowest_on_option(int key, char *value, struct argp_state *state) {
        SlowestArguments *arguments = state->input;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->review;
                break;
        case 'n':
                if (parse_unsigned(value, UINT32_MAX, &arguments->rows) < 0)
                        argp_error(state, "--number=%s is not a number", value);
                break;
        case OPTION_BY:
                arguments->by = key_from_string(value);
                if (arguments->by == SLOWEST_KEY_MAX)
                        argp_error(state, "\"%s\" is none of time, cpu and memory", value);
                break;
        case 'k':
                arguments->error = keyword_add(state, value, &arguments->review.patterns);
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return arguments->error < 0 ? -arguments->error : 0;
}

static const struct argp slowest_argp = {
        .options = slowest_options,
        .parser = slowest_on_option,
        .children = review_children,
        .args_doc = "[RUN]",
        .doc = "Print the tests of a run that took the longest, and their share of the time of all, or those that took "
               "the most CPU time or memory.\v" REVIEW_RUN_DOC,
};

/* ---- Which they are ---- */

/* False: it is not known */
static bool result_get_key(const HistoryResult *result, SlowestKey by, uint64_t *ret) {
        if (!result || !result->started)
                return false;
        *ret = by == SLOWEST_BY_TIME         ? result->duration_usec :
                        by == SLOWEST_BY_CPU ? result->cpu_usec :
                                               result->memory_peak;
        return by != SLOWEST_BY_MEMORY || result->memory_peak != SIZE_UNKNOWN;
}

static int test_compare(const void *a, const void *b) {
        const SlowestTest *x = a, *y = b;

        if (x->key != y->key)
                return x->key > y->key ? -1 : 1;
        return strverscmp(x->address, y->address);
}

static int slowest_init(
                const HistoryRun *run,
                const HistoryNames *names,
                const SlowestArguments *arguments,
                Slowest *ret) {
        Slowest slowest = { .run = run, .by = arguments->by };

        slowest.tests = calloc(MAX(names->n_names, 1U), sizeof(SlowestTest));
        if (!slowest.tests)
                return -ENOMEM;
        for (size_t i = 0; i < names->n_names; i++) {
                SlowestTest *test = slowest.tests + slowest.n_tests;

                test->address = names->names[i];
                test->result = history_run_get(run, i);
                if (!result_get_key(test->result, arguments->by, &test->key))
                        continue;
                slowest.total = usec_add(slowest.total, test->key);
                slowest.n_tests++;
        }
        qsort(slowest.tests, slowest.n_tests, sizeof(SlowestTest), test_compare);
        slowest.n_shown = arguments->rows > 0 ? MIN(slowest.n_tests, arguments->rows) :
                                                slowest.n_tests;
        *ret = slowest;
        return 0;
}

static void slowest_done(Slowest *slowest) {
        free(slowest->tests);
}

/* In per mille */
static unsigned get_share(uint64_t part, uint64_t total) {
        return total > 0 ? (unsigned)((double)part * 1000 / (double)total + 0.5) : 0;
}

/* ---- For people ---- */

static void add_header(const Slowest *slowest, const Style *style, Buffer *text) {
        const HistoryRun *run = slowest->run;

        text_add_safe(style, text, STYLE_BOLD, run->suite, SIZE_MAX);
        buffer_add_string(text, style->dot);
        text_add_run_id(style, text, STYLE_PLAIN, run->run_id);
        buffer_add_string(text, style->dot);
        text_add_when(text, run->started_usec);
        buffer_add_string(text, style->dot);
        style_add(style, text, history_run_get_end_color(run), history_run_get_end(run));
        buffer_add_string(text, "\n\n");
}

/* What the order is by stands first. */
static const char *get_title(SlowestKey by) {
        static const char *const titles[SLOWEST_KEY_MAX] = {
                [SLOWEST_BY_TIME] = " duration   share        cpu    memory",
                [SLOWEST_BY_CPU] = "      cpu   share   duration    memory",
                [SLOWEST_BY_MEMORY] = "   memory   duration        cpu",
        };

        return titles[by];
}

static void add_values(const Slowest *slowest, const SlowestTest *test, Buffer *text) {
        char duration[FORMAT_MAX], cpu[FORMAT_MAX], memory[FORMAT_MAX] = "-";
        unsigned share = get_share(test->key, slowest->total);

        format_time(duration, test->result->duration_usec);
        format_time(cpu, test->result->cpu_usec);
        if (test->result->memory_peak != SIZE_UNKNOWN)
                format_size(memory, test->result->memory_peak);
        if (slowest->by == SLOWEST_BY_MEMORY)
                buffer_addf(text, "%9s  %9s  %9s", memory, duration, cpu);
        else
                buffer_addf(text,
                            "%9s  %3u.%u%%  %9s  %8s",
                            slowest->by == SLOWEST_BY_TIME ? duration : cpu,
                            share / 10,
                            share % 10,
                            slowest->by == SLOWEST_BY_TIME ? cpu : duration,
                            memory);
}

/* As long as the value is against the largest one */
static void add_bar(
                const Slowest *slowest, const SlowestTest *test, const Style *style, Buffer *text) {
        double most = (double)MAX(slowest->tests[0].key, 1U);
        size_t n = (size_t)((double)test->key / most * BAR_COLUMNS + 0.5);
        _cleanup_buffer_ Buffer bar = {};
        _cleanup_free_ char *s = NULL;

        for (size_t i = 0; i < n; i++)
                buffer_add_string(&bar, style->utf8 ? "▇" : "#");
        s = buffer_take_string(&bar);
        text_add_padded(style, text, STYLE_DIM, s ?: "", BAR_COLUMNS + 2);
}

static void add_row(
                const Slowest *slowest,
                const SlowestTest *test,
                const Style *style,
                bool bars,
                Buffer *text) {
        const HistoryResult *result = test->result;

        add_values(slowest, test, text);
        buffer_add_string(text, "  ");
        if (bars)
                add_bar(slowest, test, style, text);
        style_add(style, text, STYLE_PLAIN, test->address);
        if (result->outcome != PTEST_OUTCOME_PASS) {
                buffer_add_string(text, "  ");
                style_add(style,
                          text,
                          style_get_outcome_color(result->outcome),
                          outcome_to_string(result->outcome));
        }
        for (unsigned bit = PTEST_MARK_SLOW; bit < PTEST_MARK_END; bit <<= 1)
                if (result->marks & bit)
                        buffer_addf(text, "  [%s]", mark_to_string((PtestMark)bit));
        buffer_add_string(text, "\n");
}

static void add_conclusion(const Slowest *slowest, Buffer *text) {
        char total[FORMAT_MAX];
        uint64_t part = 0;
        unsigned share;

        buffer_add_string(text, "\n");
        if (slowest->by == SLOWEST_BY_MEMORY) {
                buffer_addf(text, "%zu of %zu tests\n", slowest->n_shown, slowest->n_tests);
                return;
        }
        for (size_t i = 0; i < slowest->n_shown; i++)
                part = usec_add(part, slowest->tests[i].key);
        share = get_share(part, slowest->total);
        buffer_addf(text,
                    "%zu of %zu tests, %u.%u%% of the %s that all of them took%s\n",
                    slowest->n_shown,
                    slowest->n_tests,
                    share / 10,
                    share % 10,
                    format_time(total, slowest->total),
                    slowest->by == SLOWEST_BY_CPU ? " of a CPU" : "");
}

static int slowest_print_text(const Slowest *slowest) {
        _cleanup_(style_done) Style style = {};
        _cleanup_buffer_ Buffer text = {};
        bool bars;
        int r;

        style_init(&style, STDOUT_FILENO, COLOR_AUTO);
        bars = style.tty && style_get_columns(STDOUT_FILENO) >= COLUMNS_WITH_BAR;
        add_header(slowest, &style, &text);
        buffer_addf(&text,
                    "%s  %*saddress\n",
                    get_title(slowest->by),
                    bars ? (int)BAR_COLUMNS + 2 : 0,
                    "");
        for (size_t i = 0; i < slowest->n_shown; i++) {
                add_row(slowest, slowest->tests + i, &style, bars, &text);
                r = text_print(&text);
                if (r < 0)
                        return r;
        }
        add_conclusion(slowest, &text);
        return text_print(&text);
}

/* ---- For machines ---- */

static json_t *json_from_test(const SlowestTest *test) {
        json_t *object = json_from_history_result(test->result);

        if (object)
                json_object_set_new(object, "address", json_from_text(test->address));
        return object;
}

static int slowest_print_json(const Slowest *slowest) {
        const char *key = slowest->by == SLOWEST_BY_MEMORY ? NULL :
                        slowest->by == SLOWEST_BY_CPU      ? "cpu_usec" :
                                                             "duration_usec";
        int r;

        r = json_print("{\"run\": ", json_from_history_run(slowest->run));
        if (r >= 0)
                r = json_print(",\n\"by\": ", json_string(KEYS[slowest->by]));
        if (r >= 0)
                r = json_print(",\n\"total\": ",
                               key ? json_pack("{s:o}",
                                               key,
                                               json_from_number(slowest->total, UINT64_MAX)) :
                                     json_null());
        fputs(",\n\"tests\": [", stdout);
        for (size_t i = 0; i < slowest->n_shown && r >= 0; i++)
                r = json_print(i > 0 ? ",\n " : "\n ", json_from_test(slowest->tests + i));
        fputs("\n]}\n", stdout);
        return r;
}

/* ---- The verb ---- */

static int slowest_print(
                const SlowestArguments *arguments,
                const HistoryRun *run,
                const HistoryNames *names) {
        _cleanup_(slowest_done) Slowest slowest = {};
        int r;

        if (names->n_names == 0 && arguments->review.patterns && !arguments->review.json) {
                log_error("No test of that run is selected");
                return 1;
        }
        r = slowest_init(run, names, arguments, &slowest);
        if (r >= 0)
                r = arguments->review.json ? slowest_print_json(&slowest) :
                                             slowest_print_text(&slowest);
        if (r < 0)
                log_error_errno(r, "Failed to print the tests: %m");
        return r < 0;
}

static int slowest_show(SlowestArguments *arguments) {
        _cleanup_(history_names_done) HistoryNames names = {};
        _cleanup_(history_run_done) HistoryRun run = {};
        int r;

        arguments->review.source.skip = SOURCE_WITHOUT_OUTPUT | SOURCE_WITHOUT_LISTS;
        r = history_read_named(&arguments->review, arguments->review.source.run, &names, &run);
        return r < 0 ? 1 : slowest_print(arguments, &run, &names);
}

int verb_slowest(int argc, char **argv) {
        SlowestArguments arguments = { .rows = ROWS_DEFAULT };
        int status;

        status = review_parse(&slowest_argp, argc, argv, &arguments);
        if (status == 0)
                status = slowest_show(&arguments);
        review_options_done(&arguments.review);
        return status;
}
