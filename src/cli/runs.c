/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest runs: what was run here, the latest first
 */

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "cli/json-value.h"
#include "cli/results-json.h"
#include "cli/review-options.h"
#include "cli/verb.h"
#include "model/pattern.h"
#include "record/run-info.h"
#include "report/counts.h"
#include "report/style.h"

/* As many digits of a run's id as people type; more where that would not be enough is not worth the room. */
#define RUN_ID_DIGITS     8
/* A suite's name above this does not push the other columns further to the right. */
#define SUITE_COLUMNS_MAX 30U

typedef struct RunsArguments {
        ReviewOptions review;
        unsigned max; /* 0: all */
        bool quiet;
} RunsArguments;

static const struct argp_option runs_options[] = {
        {"number",                  'n', "N", 0, "Only the latest N runs", 0 },
        { "quiet",                      'q', NULL, 0, "Only the ids of the runs, whole", 0 },
        {                       },
};

static error_t runs_on_option(int key, char *value, struct argp_state *state) {
        RunsArguments *arguments = state->input;

        switch (key) {
        case 'n':
                if (parse_unsigned(value, UINT32_MAX, &arguments->max) < 0 || arguments->max == 0)
                        argp_error(state, "--number: \"%s\" is not a number above 0", value);
                return 0;
        case 'q':
                arguments->quiet = true;
                return 0;
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->review;
                return 0;
        case ARGP_KEY_ARG:
                if (arguments->review.source.run)
                        argp_error(state, "more than one suite given");
                return ARGP_ERR_UNKNOWN;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static const struct argp runs_argp = {
        .options = runs_options,
        .parser = runs_on_option,
        .children = review_children,
        .args_doc = "[SUITE]",
        .doc = "List the runs that were recorded, the latest first, of all suites or of one.\v"
               "A run without a verdict is still running, or it died: its coordinator was killed, or the "
               "machine went down. What it did until then is in its records; \"ptest run --resume\" goes "
               "on with it.",
};

/* ---- The table ---- */

static void add_padding(Buffer *text, size_t used, size_t columns) {
        buffer_fill(text, ' ', (used < columns ? columns - used : 0) + 2);
}

static void add_when(Buffer *text, uint64_t usec) {
        char when[FORMAT_MAX] = "-";

        (void)format_local_time(when, usec);
        buffer_addf(text, "%-19s  ", when);
}

/* What stands in the column of the verdict. */
static const char *info_get_verdict(const RunInfo *info) {
        if (info->finished)
                return verdict_to_string(info->finished->run_finished.verdict);
        return info->end == RUN_END_UNKNOWN ? "none" : run_end_to_string(info->end);
}

static StyleColor info_get_color(const RunInfo *info) {
        if (!info->finished)
                return info->end == RUN_END_UNREADABLE ? STYLE_BAD : STYLE_WARNING;
        return info->finished->run_finished.verdict == VERDICT_PASSED ? STYLE_GOOD : STYLE_BAD;
}

/* Until its end, or until now if it goes on, or until the last thing that is known of it */
static uint64_t info_get_duration(const RunInfo *info) {
        uint64_t last = info->end == RUN_END_RUNNING ? clock_realtime() : info->last_usec;

        if (info->finished)
                return info->finished->run_finished.duration_usec;
        return info->started && last > info->started->time_usec ? last - info->started->time_usec :
                                                                  0;
}

static void add_counts(Buffer *text, const RunInfo *info) {
        const bool partial = info->end == RUN_END_RUNNING || info->end == RUN_END_DIED;
        size_t reported = tally_reported(&info->tally);

        if (info->end == RUN_END_UNREADABLE) {
                buffer_add_string(text, "its run file has no readable records");
                return;
        }
        if (info->finished || reported > 0 || (info->tally.planned == 0 && !partial))
                counts_add(text, &info->tally);
        if (partial)
                buffer_addf(text,
                            "%s%zu of %zu tests",
                            reported > 0 ? ", " : "",
                            reported,
                            info->tally.planned);
}

static void add_origin(Buffer *text, const char *what, sd_id128_t id) {
        char string[SD_ID128_STRING_MAX];

        if (!sd_id128_is_null(id))
                buffer_addf(text,
                            " (%s %.*s)",
                            what,
                            RUN_ID_DIGITS,
                            sd_id128_to_string(id, string));
}

/* Of which part of its suite it was */
static void add_part(Buffer *text, const Style *style, const Event *started) {
        _cleanup_free_ char *words = started->run_started.patterns ?
                        patterns_describe(started->run_started.patterns) :
                        NULL;

        if (words) {
                buffer_add_string(text, " (");
                style_add_safe(style, text, STYLE_PLAIN, words);
                buffer_add_string(text, ")");
        }
        if (started->run_started.shard) {
                buffer_add_string(text, " (part ");
                style_add_safe(style, text, STYLE_PLAIN, started->run_started.shard);
                buffer_add_string(text, ")");
        }
}

static int print_row(const RunInfo *info, const Style *style, size_t suite_columns) {
        static const size_t verdict_columns = sizeof("machinery-failed") - 1;
        const char *verdict = info_get_verdict(info);
        char duration[FORMAT_MAX];
        _cleanup_buffer_ Buffer text = {};
        const Event *any = info->started ?: info->finished;

        add_when(&text, any ? any->time_usec : 0);
        style_add_safe(style, &text, STYLE_BOLD, info->suite);
        add_padding(&text, style_measure(style, info->suite), suite_columns);
        buffer_addf(&text, "%.*s  ", RUN_ID_DIGITS, info->run_id);
        style_add(style, &text, info_get_color(info), verdict);
        add_padding(&text, strlen(verdict), verdict_columns);
        buffer_addf(&text, "%9s  ", format_time(duration, info_get_duration(info)));
        style_add_safe(style,
                       &text,
                       STYLE_PLAIN,
                       info->started && info->started->run_started.hostname ?
                                       info->started->run_started.hostname :
                                       "-");
        buffer_add_string(&text, "  ");
        add_counts(&text, info);
        if (info->finished && info->finished->run_finished.reason) {
                buffer_add_string(&text, ": ");
                style_add_safe(style, &text, STYLE_PLAIN, info->finished->run_finished.reason);
        }
        if (info->started) {
                add_origin(&text, "resumes", info->started->run_started.resumes);
                add_origin(&text, "again from", info->started->run_started.rerun_of);
                add_part(&text, style, info->started);
        }
        buffer_add_string(&text, "\n");
        if (buffer_error(&text) < 0)
                return buffer_error(&text);
        fwrite(text.data, 1, text.size, stdout);
        return 0;
}

static int print_table(const RunInfos *infos) {
        _cleanup_(style_done) Style style = {};
        size_t columns = strlen("suite");

        style_init(&style, STDOUT_FILENO, COLOR_AUTO);
        for (size_t i = 0; i < infos->n_infos; i++)
                columns = MAX(columns, style_measure(&style, infos->infos[i].suite));
        columns = MIN(columns, SUITE_COLUMNS_MAX);
        if (infos->n_infos > 0)
                printf("%-19s  %-*s  %-*s  %-16s  %9s  %s\n",
                       "when",
                       (int)columns,
                       "suite",
                       RUN_ID_DIGITS,
                       "run",
                       "verdict",
                       "duration",
                       "host, tests");
        for (size_t i = 0; i < infos->n_infos; i++) {
                int r = print_row(infos->infos + i, &style, columns);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- JSON ---- */

static void json_set(json_t *object, const char *key, json_t *value) {
        json_object_set_new(object, key, value ?: json_null());
}

static json_t *json_from_info(const RunInfo *info) {
        const Event *started = info->started, *finished = info->finished;
        const Event *any = started ?: finished;
        json_t *object = json_object();

        json_set(object, "run_id", json_from_text(info->run_id));
        json_set(object, "suite", json_from_text(info->suite));
        json_set(object, "time_usec", json_from_number(any ? any->time_usec : 0, 0));
        json_set(object, "end", json_from_text(run_end_to_string(info->end)));
        json_set(object,
                 "verdict",
                 json_from_text(finished ? verdict_to_string(finished->run_finished.verdict) :
                                           NULL));
        json_set(object, "reason", json_from_text(finished ? finished->run_finished.reason : NULL));
        json_set(object, "duration_usec", json_from_number(info_get_duration(info), UINT64_MAX));
        json_set(object, "planned", json_from_number(info->tally.planned, UINT64_MAX));
        json_set(object, "counts", json_from_counts(&info->tally));
        json_set(object,
                 "hostname",
                 json_from_text(started ? started->run_started.hostname : NULL));
        json_set(object, "backend", json_from_text(started ? started->run_started.backend : NULL));
        json_set(object, "command", json_from_text(started ? started->run_started.command : NULL));
        json_set(object,
                 "resumes",
                 json_from_id(started ? started->run_started.resumes : SD_ID128_NULL));
        json_set(object,
                 "rerun_of",
                 json_from_id(started ? started->run_started.rerun_of : SD_ID128_NULL));
        json_set(object, "shard", json_from_text(started ? started->run_started.shard : NULL));
        json_set(object,
                 "patterns",
                 json_from_texts(started ? started->run_started.patterns : NULL));
        json_set(object, "run_file", json_from_text(info->path));
        json_set(object, "size", info->path ? json_from_number(info->size, UINT64_MAX) : NULL);
        return object;
}

static int print_json(const RunInfos *infos) {
        fputs("{\"runs\": [", stdout);
        for (size_t i = 0; i < infos->n_infos; i++) {
                int r = json_print(i > 0 ? ",\n " : "\n ", json_from_info(infos->infos + i));

                if (r < 0)
                        return r;
        }
        fputs("\n]}\n", stdout);
        return 0;
}

/* ---- The verb ---- */

static int runs_print(const RunsArguments *arguments, const RunInfos *infos) {
        int r = 0;

        for (size_t i = 0; i < infos->n_infos; i++)
                strv_for_each(problem, infos->infos[i].problems)
                        log_warning("%s", *problem);
        if (arguments->review.json)
                r = print_json(infos);
        else if (arguments->quiet)
                for (size_t i = 0; i < infos->n_infos; i++)
                        puts(infos->infos[i].run_id);
        else
                r = print_table(infos);
        if (r < 0)
                log_error_errno(r, "Failed to print the runs: %m");
        return r < 0;
}

static int runs_show(const RunsArguments *arguments) {
        const char *suite = arguments->review.source.run;
        _cleanup_(run_infos_done) RunInfos infos = {};
        _cleanup_free_ char *problem = NULL;
        int r;

        r = run_infos_read(&arguments->review.source, suite, arguments->max, &infos, &problem);
        if (r < 0) {
                if (problem)
                        log_error("%s", problem);
                else
                        log_error_errno(r, "Failed to read the runs: %m");
                return 1;
        }
        r = runs_print(arguments, &infos);
        if (r != 0 || infos.n_infos > 0 || arguments->review.json)
                return r;
        if (suite)
                log_error("There are no runs of suite \"%s\"", suite);
        else
                log_error("There are no runs");
        return 1;
}

int verb_runs(int argc, char **argv) {
        RunsArguments arguments = {};
        int status;

        status = review_parse(&runs_argp, argc, argv, &arguments);
        if (status == 0)
                status = runs_show(&arguments);
        review_options_done(&arguments.review);
        return status;
}
