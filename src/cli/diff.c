/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest diff: what two runs of a suite have not in common, what got worse first
 */

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "cli/diff-print.h"
#include "cli/history-runs.h"
#include "cli/keyword.h"
#include "cli/review-options.h"
#include "cli/verb.h"

/* As those of diff(1): 1 is a difference, so that what is wrong must be something else. */
#define STATUS_WORSE   1
#define STATUS_TROUBLE 2

/* Runs that are looked at for one to compare with: a suite may have been run in parts many times. */
#define CANDIDATES_MAX 100U

/* More does not fit on a screen. */
#define ROWS_DEFAULT 20U

typedef struct DiffArguments {
        ReviewOptions review;
        const char *runs[2];
        unsigned n_runs;
        unsigned earlier;
        bool earlier_given;
        bool all;
        int error;
} DiffArguments;

/* ---- Options ---- */

enum {
        OPTION_ALL = 0x100,
        OPTION_EARLIER,
};

static const struct argp_option diff_options[] = {
        {"keyword",
         'k', "PATTERN",
         0, "Only tests whose address matches; !PATTERN excludes; repeatable",
         0 },
        { "all",                                                         OPTION_ALL, NULL, 0, "Print all tests of each kind, not only the first 20", 0 },
        { "earlier",
         OPTION_EARLIER, "N",
         0, "Learn from so many runs before A how much tests vary; 0: from none (default: up to 10)",
         0 },
        {},
};

static error_t diff_on_option(int key, char *value, struct argp_state *state) {
        DiffArguments *arguments = state->input;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->review;
                break;
        case 'k':
                arguments->error = keyword_add(state, value, &arguments->review.patterns);
                break;
        case OPTION_ALL:
                arguments->all = true;
                break;
        case OPTION_EARLIER:
                if (parse_unsigned(value, 1000, &arguments->earlier) < 0)
                        argp_error(state, "--earlier=%s is not a number up to 1000", value);
                arguments->earlier_given = true;
                break;
        case ARGP_KEY_ARG:
                if (arguments->n_runs == ELEMENTSOF(arguments->runs))
                        argp_error(state, "more than two runs given");
                arguments->runs[arguments->n_runs++] = value;
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return arguments->error < 0 ? -arguments->error : 0;
}

static const struct argp diff_argp = {
        .options = diff_options,
        .parser = diff_on_option,
        .children = review_children,
        .args_doc = "[[A] B]",
        .doc = "Print in what the run B differs from the run A before it: what got worse, what is still bad, what is "
               "better. B is the last run, A the run of its suite before it, if they are not given. The exit status is "
               "1 if a test is newly failing.\v" REVIEW_RUN_DOC,
};

/* ---- Which runs ---- */

typedef struct DiffRuns {
        HistoryEntries entries;
        HistoryNames names;    /* of the two runs */
        HistoryNames suspects; /* of the earlier ones */
        HistoryRun before, after;
        HistoryRun *earlier;
        size_t n_earlier;
} DiffRuns;

static void diff_runs_done(DiffRuns *runs) {
        for (size_t i = 0; i < runs->n_earlier; i++)
                history_run_done(runs->earlier + i);
        free(runs->earlier);
        history_run_done(&runs->before);
        history_run_done(&runs->after);
        history_names_done(&runs->suspects);
        history_names_done(&runs->names);
        history_entries_done(&runs->entries);
}

/* The record of its start; NULL: it cannot be read */
static Event *entry_read_started(const DiffArguments *arguments, const HistoryEntry *entry) {
        SourceOptions options = arguments->review.source;
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(event_freep) Event *event = NULL;
        _cleanup_free_ char *problem = NULL;

        options.run = entry->run;
        if (source_open(&options, &source, &problem) < 0 || source_read(source, &event) <= 0 ||
            event->kind != EVENT_RUN_STARTED)
                return NULL;
        return TAKE_PTR(event);
}

/* Whether it was of all tests that the later run was of */
static bool started_has_part(const Event *started, const HistoryRun *run) {
        const char *shard = started->run_started.shard;
        char *const *patterns = started->run_started.patterns;

        return sd_id128_is_null(started->run_started.rerun_of) &&
                        (!shard || (run->shard && strcmp(shard, run->shard) == 0)) &&
                        (!patterns || strv_equal(patterns, run->patterns));
}

/*
 * The run that a run is to be compared with: the one whose tests it ran again, else the one of its suite before it. What
 * it went on with is the same run, of which it has the results; and one that was of a part of the suite is taken only if
 * there is no other.
 */
static const HistoryEntry *find_before(
                const DiffArguments *arguments, const DiffRuns *runs, const HistoryRun *run) {
        const HistoryEntries *entries = &runs->entries;
        size_t found = history_find(entries, run->rerun_of), i = history_find(entries, run->run_id);
        const HistoryEntry *nearest = NULL;
        sd_id128_t resumed = run->resumes;

        if (found < entries->n_entries)
                return entries->entries + found;
        for (unsigned n = 0; ++i < entries->n_entries && n < CANDIDATES_MAX;) {
                const HistoryEntry *entry = entries->entries + i;
                _cleanup_(event_freep) Event *started = NULL;

                if (!history_entry_is_of_suite(entry, run->suite))
                        continue;
                n++;
                started = entry_read_started(arguments, entry);
                if (!started)
                        continue;
                if (sd_id128_equal(started->run_id, resumed)) {
                        resumed = started->run_started.resumes;
                        continue;
                }
                if (started_has_part(started, run))
                        return entry;
                nearest = nearest ?: entry;
        }
        return nearest;
}

static int read_before(const DiffArguments *arguments, DiffRuns *runs) {
        const HistoryEntry *entry = find_before(arguments, runs, &runs->after);
        char id[SD_ID128_STRING_MAX];

        sd_id128_to_string(runs->after.run_id, id);
        if (!entry && history_find(&runs->entries, runs->after.run_id) == runs->entries.n_entries)
                return log_error_errno(
                                -ENOENT,
                                "Run %.8s is not where other runs are looked for; say where they are (--state-dir, --file), or name two runs: ptest diff A B",
                                id);
        if (!entry)
                return log_error_errno(
                                -ENOENT,
                                "There is no run of %s before %.8s; name the two runs that are to be compared: ptest diff A B",
                                runs->after.suite,
                                id);
        return history_read_named(&arguments->review, entry->run, &runs->names, &runs->before);
}

static int read_two(const DiffArguments *arguments, DiffRuns *runs) {
        int r;

        if (arguments->n_runs == 2) {
                r = history_read_named(
                                &arguments->review,
                                arguments->runs[0],
                                &runs->names,
                                &runs->before);
                if (r < 0)
                        return r;
        }
        r = history_read_named(
                        &arguments->review,
                        arguments->n_runs > 0 ? arguments->runs[arguments->n_runs - 1] : NULL,
                        &runs->names,
                        &runs->after);
        if (r >= 0 && arguments->n_runs < 2)
                r = read_before(arguments, runs);
        if (r < 0)
                return r;
        if (sd_id128_equal(runs->before.run_id, runs->after.run_id)) {
                log_error("Both are the run " SD_ID128_FORMAT_STR "; name two",
                          SD_ID128_FORMAT_VAL(runs->after.run_id));
                return -EINVAL;
        }
        return 0;
}

/* ---- What is usual ---- */

static size_t get_earlier_max(const DiffArguments *arguments, const HistoryRun *before) {
        if (arguments->earlier_given)
                return arguments->earlier;
        return MIN(DIFF_EARLIER_DEFAULT,
                   DIFF_EARLIER_RESULTS_MAX / MAX(tally_reported(&before->tally), 1U));
}

/* With fewer than it takes to know anything, none is read. */
static int read_earlier(const DiffArguments *arguments, DiffRuns *runs) {
        const HistoryReadOptions options = { .known_only = true };
        const HistoryEntries *entries = &runs->entries;
        size_t max = get_earlier_max(arguments, &runs->before), n = 0;
        size_t first = history_find(entries, runs->before.run_id) + 1;
        _cleanup_free_ size_t *numbers = NULL;
        int r;

        r = history_select(entries, first, runs->before.suite, max, &numbers, &n);
        if (r < 0)
                return r;
        runs->earlier = calloc(MAX(n, 1U), sizeof(HistoryRun));
        if (!runs->earlier)
                return -ENOMEM;
        for (size_t i = 0; i < n && n + 1 >= NOISE_KNOWN_MIN; i++) {
                if (numbers[i] == history_find(entries, runs->after.run_id))
                        continue;
                r = history_read_entry(
                                &arguments->review.source,
                                entries->entries + numbers[i],
                                &options,
                                &runs->suspects,
                                runs->earlier + runs->n_earlier);
                if (r < 0)
                        return r;
                runs->n_earlier += (size_t)r;
        }
        return 0;
}

static int compare_use(const DiffArguments *arguments, DiffRuns *runs, Diff *diff) {
        int r;

        if (!diff_duration_is_comparable(&runs->before, &runs->after))
                return 0;
        r = diff_find_suspects(diff, &runs->suspects);
        if (r >= 0 && runs->suspects.n_names > 0)
                r = read_earlier(arguments, runs);
        return r < 0 ? r : diff_compare_use(diff, &runs->suspects, runs->earlier, runs->n_earlier);
}

/* ---- The verb ---- */

static int diff_show(DiffArguments *arguments) {
        _cleanup_(diff_runs_done) DiffRuns runs = {};
        _cleanup_(diff_done) Diff diff = {};
        int r;

        r = history_list_compared(&arguments->review, &runs.entries);
        if (r >= 0)
                r = read_two(arguments, &runs);
        if (r < 0)
                return STATUS_TROUBLE;
        r = diff_compare(&runs.before, &runs.after, &runs.names, &diff);
        if (r >= 0)
                r = compare_use(arguments, &runs, &diff);
        if (r < 0) {
                log_error_errno(r, "Failed to compare the runs: %m");
                return STATUS_TROUBLE;
        }
        if (runs.names.n_names == 0 && arguments->review.patterns && !arguments->review.json) {
                log_error("No test of the two runs is selected");
                return STATUS_TROUBLE;
        }
        diff_count(&diff);
        if (arguments->review.json)
                r = diff_print_json(&diff, runs.earlier, runs.n_earlier);
        else
                r = diff_print_text(&diff, arguments->all ? SIZE_MAX : ROWS_DEFAULT);
        /* What could not be printed is no answer, whatever the runs are like. */
        if (r >= 0 && fflush(stdout) != 0)
                r = -errno;
        if (r >= 0 && ferror(stdout))
                r = -EIO;
        if (r < 0) {
                log_error_errno(r, "Failed to print the differences: %m");
                return STATUS_TROUBLE;
        }
        return diff_is_worse(&diff) ? STATUS_WORSE : 0;
}

int verb_diff(int argc, char **argv) {
        DiffArguments arguments = {};
        int status;

        status = review_parse(&diff_argp, argc, argv, &arguments);
        if (status == 0)
                status = diff_show(&arguments);
        review_options_done(&arguments.review);
        return status;
}
