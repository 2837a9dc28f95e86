/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest log: all that is known of one test, and what it wrote
 */

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "cli/json-value.h"
#include "cli/log-find.h"
#include "cli/log-live.h"
#include "cli/results-json.h"
#include "cli/review-options.h"
#include "cli/verb.h"
#include "model/output-order.h"
#include "record/source.h"
#include "report/style.h"

typedef struct LogArguments {
        ReviewOptions review;
        char *address;
        bool raw;
        bool only_out, only_err;
        bool apart, times;
        bool live, follow;
        unsigned attempt; /* 0: the last one */
} LogArguments;

/* ---- Options ---- */

enum {
        OPTION_RUN = 0x100,
        OPTION_RAW,
        OPTION_STDOUT,
        OPTION_STDERR,
        OPTION_APART,
        OPTION_TIMES,
        OPTION_LIVE,
        OPTION_ATTEMPT,
};

static const struct argp_option log_options[] = {
        {"run",                                                 OPTION_RUN, "RUN", 0, "Of which run; the last one by default", 0 },
        { "attempt",
         OPTION_ATTEMPT, "N",
         0, "Which attempt at a test that was run again; the last one by default",
         0 },
        { "raw",              OPTION_RAW, NULL, 0, "The output's bytes as they are, also on a terminal", 0 },
        { "stdout",                                                    OPTION_STDOUT, NULL, 0, "Only what the test wrote to its standard output", 0 },
        { "stderr",                                        OPTION_STDERR, NULL, 0, "Only what the test wrote to its standard error", 0 },
        { "apart",
         OPTION_APART, NULL,
         0, "The two streams one after the other, also where their order is known",
         0 },
        { "times",
         OPTION_TIMES, NULL,
         0, "Seconds since the start before each line, as it was read",
         0 },
        { "live",                                                OPTION_LIVE, NULL, 0, "What a test that is running has printed so far", 0 },
        { "follow",                                                 'f', NULL, 0, "With --live: go on until it ends", 0 },
        {                                                   },
};

static error_t log_on_option(int key, char *value, struct argp_state *state) {
        LogArguments *arguments = state->input;

        switch (key) {
        case OPTION_RUN:
                arguments->review.source.run = value;
                break;
        case OPTION_ATTEMPT:
                if (parse_unsigned(value, UINT32_MAX, &arguments->attempt) < 0 ||
                    arguments->attempt == 0)
                        argp_error(state, "--attempt: \"%s\" is not a number above 0", value);
                break;
        case OPTION_RAW:
                arguments->raw = true;
                break;
        case OPTION_STDOUT:
                arguments->only_out = true;
                break;
        case OPTION_STDERR:
                arguments->only_err = true;
                break;
        case OPTION_APART:
                arguments->apart = true;
                break;
        case OPTION_TIMES:
                arguments->times = true;
                break;
        case OPTION_LIVE:
                arguments->live = true;
                break;
        case 'f':
                arguments->follow = arguments->live = true;
                break;
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->review;
                break;
        case ARGP_KEY_ARG:
                if (state->arg_num > 0)
                        argp_error(state, "more than one address given");
                arguments->address = value;
                break;
        case ARGP_KEY_NO_ARGS:
                argp_error(state, "no address given");
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return 0;
}

static const struct argp log_argp = {
        .options = log_options,
        .parser = log_on_option,
        .children = review_children,
        .args_doc = "ADDRESS",
        .doc = "Print what is known of one test of a run, and what it wrote.\v"
               "ADDRESS may be a part of an address or a glob, if it matches one test only; \"CONTEXT (set-up)\" and "
               "\"CONTEXT (tear-down)\" are those that failed. On a terminal "
               "what could disturb it is shown escaped. " REVIEW_RUN_DOC,
};

/* ---- Printing ---- */

static void print_colored(const Style *style, StyleColor color, const char *s) {
        _cleanup_buffer_ Buffer text = {};
        _cleanup_free_ char *safe = text_escape(s, strlen(s));

        if (safe)
                style_add(style, &text, color, safe);
        if (text.size > 0)
                fwrite(text.data, 1, text.size, stdout);
}

static void print_name(const Style *style, const char *name) {
        char padded[32];

        snprintf(padded, sizeof(padded), "  %-8s ", name);
        print_colored(style, STYLE_DIM, padded);
}

static void print_started(const Style *style, const Result *result) {
        char duration[FORMAT_MAX], user[FORMAT_MAX], system[FORMAT_MAX], when[FORMAT_MAX];

        if (result->start_usec == 0)
                return;
        if (format_local_time(when, result->start_usec)) {
                print_name(style, "started");
                printf("%s\n", when);
        }
        print_name(style, "took");
        printf("%s (CPU: %s user, %s system)\n",
               format_time(duration, result->duration_usec),
               format_time(user, result->cpu_user_usec),
               format_time(system, result->cpu_system_usec));
}

static void print_oom(const Style *style, const Result *result) {
        char limit[FORMAT_MAX];

        print_name(style, "limit");
        printf("of the %s", oom_owner_to_string(result->oom_owner));
        if (result->oom_limit != SIZE_INFINITY)
                printf(", %s", format_size(limit, result->oom_limit));
        if (result->oom_victim) {
                _cleanup_free_ char *victim = text_escape(
                                result->oom_victim, strlen(result->oom_victim));

                printf("; killed: %s", victim ?: "");
        }
        putchar('\n');
}

static void print_end(const Style *style, const Result *result) {
        char memory[FORMAT_MAX];

        if (result->memory_peak != SIZE_UNKNOWN) {
                print_name(style, "memory");
                printf("%s at most\n", format_size(memory, result->memory_peak));
        }
        if (result->oom_owner != OOM_OWNER_UNKNOWN)
                print_oom(style, result);
        if (result->tasks_peak != UINT64_MAX) {
                print_name(style, "tasks");
                printf("%" PRIu64 " at most\n", result->tasks_peak);
        }
        /* A suite's programs are in the page cache, so that many tests do without. */
        if (result->read_bytes != SIZE_UNKNOWN && result->write_bytes != SIZE_UNKNOWN &&
            (result->read_bytes > 0 || result->write_bytes > 0)) {
                print_name(style, "disk");
                printf("%s read", format_size(memory, result->read_bytes));
                printf(", %s written\n", format_size(memory, result->write_bytes));
        }
        if (result->signal > 0) {
                print_name(style, "signal");
                printf("%s%s\n",
                       signal_to_name(result->signal),
                       result->core_dumped ? ", core dumped" : "");
        } else if (result->exit_status >= 0) {
                print_name(style, "exit");
                printf("status %i\n", result->exit_status);
        }
        if (result->slot > 0) {
                print_name(style, "worker");
                printf("w%ug%u, attempt %u\n", result->slot, result->generation, result->attempt);
        }
}

static void print_texts(const Style *style, const char *name, char *const *texts) {
        strv_for_each(text, texts) {
                print_name(style, text == texts ? name : "");
                print_colored(style, STYLE_PLAIN, *text);
                putchar('\n');
        }
}

static void print_lists(const Style *style, const Result *result) {
        for (size_t i = 0; i < result->n_points; i++) {
                const ResultPoint *point = result->points + i;

                print_name(style, i == 0 ? "points" : "");
                print_colored(style,
                              style_get_outcome_color(point->outcome),
                              outcome_to_string(point->outcome));
                if (point->number > 0)
                        printf(" %" PRIu64, point->number);
                putchar(' ');
                print_colored(style, STYLE_PLAIN, point->name);
                if (point->reason) {
                        printf(" # ");
                        print_colored(style, STYLE_PLAIN, point->reason);
                }
                putchar('\n');
        }
        print_texts(style, "left", result->leaks);
        print_texts(style, "changed", result->dirty);
        print_texts(style, "crashed", result->backtrace);
        print_texts(style, "stuck", result->stuck);
        print_texts(style, "files", result->files);
        if (result->directory) {
                print_name(style, "kept");
                print_colored(style, STYLE_PLAIN, result->directory);
                putchar('\n');
        }
}

static void print_facts(const Style *style, const Result *result) {
        print_colored(style, STYLE_BOLD, result->address);
        printf(": ");
        print_colored(style,
                      style_get_outcome_color(result->outcome),
                      outcome_to_string(result->outcome));
        if (result->reason) {
                printf(": ");
                print_colored(style, STYLE_PLAIN, result->reason);
        }
        for (unsigned bit = PTEST_MARK_SLOW; bit < PTEST_MARK_END; bit <<= 1)
                if (result->marks & bit)
                        printf(" [%s]", mark_to_string((PtestMark)bit));
        putchar('\n');
        print_started(style, result);
        print_end(style, result);
        print_lists(style, result);
}

static int print_bytes(const ResultOutput *output, bool raw) {
        _cleanup_free_ char *safe = NULL;

        if (output->size == 0)
                return 0;
        if (raw) {
                fwrite(output->data, 1, output->size, stdout);
                return 0;
        }
        safe = text_escape_lines(output->data, output->size);
        if (!safe)
                return -ENOMEM;
        fputs(safe, stdout);
        return 0;
}

/* Whole lines, so that what comes behind begins on one of its own. */
static int print_part(const ResultOutput *output, size_t begin, size_t end, bool raw) {
        const ResultOutput part = { .data = output->data + begin, .size = end - begin };
        int r;

        if (begin == end)
                return 0;
        r = print_bytes(&part, raw);
        if (part.data[part.size - 1] != '\n')
                putchar('\n');
        return r;
}

static int print_output(
                const Style *style, const char *name, const ResultOutput *output, bool raw) {
        const size_t head = result_output_get_head(output);
        int r;

        putchar('\n');
        print_colored(style, STYLE_BOLD, name);
        if (output->total == 0) {
                printf(": nothing\n");
                return 0;
        }
        printf(" (%" PRIu64 " bytes", output->total);
        if (output->total > output->size)
                printf(", of which %zu were kept", output->size);
        printf("):\n");
        r = print_part(output, 0, head, raw);
        if (output->total > output->size)
                printf("(%" PRIu64 " bytes were not kept)\n", output->total - output->size);
        return r < 0 ? r : print_part(output, head, output->size, raw);
}

typedef struct LinePrinter {
        const Style *style;
        bool raw, times;
} LinePrinter;

static int print_line(const OutputLine *line, void *userdata) {
        const LinePrinter *printer = userdata;
        const ResultOutput bytes = { .data = (char *)line->data, .size = line->size };
        int r;

        if (printer->times)
                printf("%9.3f ", (double)line->time_usec / (double)USEC_PER_SEC);
        print_colored(printer->style, STYLE_DIM, line->err ? "err " : "out ");
        print_colored(printer->style, STYLE_DIM, printer->style->bar);
        putchar(' ');
        if (line->gap) {
                printf("(%zu bytes were not kept)\n", line->size);
                return 0;
        }
        r = print_bytes(&bytes, printer->raw);
        putchar('\n');
        return r;
}

/* Both streams as they were read: between two reads of both, and within one, their order is not known. */
static int print_in_order(const Style *style, const Result *result, bool raw, bool times) {
        LinePrinter printer = { .style = style, .raw = raw, .times = times };

        putchar('\n');
        print_colored(style, STYLE_BOLD, "output");
        printf(" (%" PRIu64 " bytes of stdout, %" PRIu64
               " of stderr, in the order in which they were read):\n",
               result->out.total,
               result->err.total);
        return output_order_for_each_line(result, print_line, &printer);
}

/* Of one stream alone there is nothing to tell but the times. */
static bool log_shows_order(const LogArguments *arguments, const Result *result) {
        if (!result->order || arguments->apart)
                return false;
        return arguments->times || (result->out.size > 0 && result->err.size > 0);
}

static int print_result(const LogArguments *arguments, const Result *result) {
        _cleanup_(style_done) Style style = {};
        bool raw = arguments->raw || !isatty(STDOUT_FILENO);
        int r = 0;

        if (arguments->only_out || arguments->only_err) {
                if (arguments->only_out)
                        r = print_bytes(&result->out, raw);
                if (r >= 0 && arguments->only_err)
                        r = print_bytes(&result->err, raw);
                return r;
        }
        style_init(&style, STDOUT_FILENO, COLOR_AUTO);
        print_facts(&style, result);
        if (log_shows_order(arguments, result))
                return print_in_order(&style, result, raw, arguments->times);
        r = print_output(&style, "stdout", &result->out, raw);
        if (r >= 0)
                r = print_output(&style, "stderr", &result->err, raw);
        return r;
}

/* ---- The verb ---- */

/* As text if it is; else what is not is shown escaped, as on a terminal. */
static json_t *json_from_output(const ResultOutput *output) {
        _cleanup_free_ char *escaped = NULL;

        if (output->size == 0)
                return json_string("");
        if (text_is_utf8(output->data, output->size))
                return json_stringn_nocheck(output->data, output->size);
        escaped = text_escape_lines(output->data, output->size);
        return escaped ? json_string(escaped) : NULL;
}

static int print_json(const Result *result) {
        json_t *object = json_from_result(result);

        if (!object)
                return -ENOMEM;
        json_object_set_new(object, "stdout", json_from_output(&result->out));
        json_object_set_new(object, "stderr", json_from_output(&result->err));
        json_object_set_new(object, "output_order", json_from_text(result->order));
        return json_print("", object);
}

static int log_show(const LogArguments *arguments) {
        const LogWanted wanted = { .address = arguments->address, .attempt = arguments->attempt };
        _cleanup_(result_freep) Result *result = NULL;
        int r;

        r = log_find(&arguments->review, &wanted, &result);
        if (r < 0)
                return 1;
        if (arguments->review.json) {
                r = print_json(result);
                putchar('\n');
        } else
                r = print_result(arguments, result);
        if (r < 0) {
                log_error_errno(r, "Failed to print the output: %m");
                return 1;
        }
        return 0;
}

static int log_show_live(const LogArguments *arguments) {
        return log_live(&(LogLive){ .address = arguments->address,
                                    .run = arguments->review.source.run,
                                    .follow = arguments->follow,
                                    .raw = arguments->raw,
                                    .only_out = arguments->only_out,
                                    .only_err = arguments->only_err });
}

int verb_log(int argc, char **argv) {
        LogArguments arguments = {};
        int status;

        status = review_parse(&log_argp, argc, argv, &arguments);
        if (status == 0)
                status = arguments.live ? log_show_live(&arguments) : log_show(&arguments);
        review_options_done(&arguments.review);
        return status;
}
