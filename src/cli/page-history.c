/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/page-history.h"

#include <errno.h>
#include <string.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "cli/history-runs.h"

/* In the strip; and those that are looked at for them. */
#define PAGE_RUNS_MAX    30U
#define PAGE_READS_MAX   60U
/* Results in all of them: the end of a large run must not wait long for its page. */
#define PAGE_RESULTS_MAX 400000U

struct PageHistory {
        SourceOptions source;
        char *state_dir;
};

/* The options, with the directory of "<state>/runs/<run file>" */
int page_history_new(const SourceOptions *options, const char *run_file, PageHistory **ret) {
        _cleanup_(page_history_freep) PageHistory *history = calloc(1, sizeof(*history));
        int r;

        if (!history)
                return -ENOMEM;
        history->source = *options;
        if (run_file) {
                r = path_make_absolute(run_file, &history->state_dir);
                if (r < 0)
                        return r;
                for (unsigned i = 0; i < 2; i++) {
                        char *slash = strrchr(history->state_dir, '/');

                        if (slash && slash > history->state_dir)
                                *slash = '\0';
                }
                history->source.state_dir = history->state_dir;
        }
        *ret = TAKE_PTR(history);
        return 0;
}

PageHistory *page_history_free(PageHistory *history) {
        if (!history)
                return NULL;
        free(history->state_dir);
        free(history);
        return NULL;
}

/* A run as the page wants it. Takes over nothing. */
static int run_convert(const HistoryRun *run, size_t n_tests, HtmlHistoryRun *ret) {
        uint8_t *outcomes = malloc(n_tests + 1);

        if (!outcomes)
                return -ENOMEM;
        for (size_t i = 0; i < n_tests; i++) {
                const HistoryResult *result = history_run_get(run, i);

                outcomes[i] = result ? result->outcome : PTEST_OUTCOME_MAX;
        }
        *ret = (HtmlHistoryRun){
                .run_id = run->run_id,
                .start_usec = run->started_usec,
                .duration_usec = run->duration_usec,
                .verdict = run->verdict,
                .tally = run->tally,
                .outcomes = outcomes,
        };
        return 0;
}

/* A run's duration says nothing of it: that begins before the record of the start. */
static bool run_was_over(const HistoryRun *run, const Event *started) {
        return run->finished && run->suite && strcmp(run->suite, started->suite) == 0 &&
                        run->started_usec < started->time_usec &&
                        run->finished_usec <= started->time_usec;
}

static int run_compare(const void *a, const void *b) {
        const HtmlHistoryRun *x = a, *y = b;

        if (x->start_usec != y->start_usec)
                return x->start_usec < y->start_usec ? -1 : 1;
        return memcmp(&x->run_id, &y->run_id, sizeof(x->run_id));
}

/* *runs has room for PAGE_RUNS_MAX. */
static int history_read(
                const PageHistory *history,
                const Event *started,
                HistoryNames *names,
                HtmlHistoryRun *runs,
                size_t *n) {
        const HistoryReadOptions read_options = { .known_only = true };
        _cleanup_(history_entries_done) HistoryEntries entries = {};
        _cleanup_free_ size_t *numbers = NULL;
        size_t n_numbers = 0, n_results = 0, n_tests = names->n_names, first;
        int r;

        r = history_list(&history->source, &entries);
        if (r < 0)
                return r;
        /* What was written after this run's end is later: there may be much of it. */
        first = history_find(&entries, started->run_id);
        r = history_select(
                        &entries,
                        first < entries.n_entries ? first + 1 : 0,
                        started->suite,
                        PAGE_READS_MAX,
                        &numbers,
                        &n_numbers);
        for (size_t i = 0; i < n_numbers && r >= 0 && *n < PAGE_RUNS_MAX; i++) {
                _cleanup_(history_run_done) HistoryRun run = {};

                if (n_results > PAGE_RESULTS_MAX)
                        break;
                r = history_read_entry(
                                &history->source,
                                entries.entries + numbers[i],
                                &read_options,
                                names,
                                &run);
                if (r <= 0)
                        continue;
                n_results += tally_reported(&run.tally);
                if (!run_was_over(&run, started))
                        continue;
                r = run_convert(&run, n_tests, runs + *n);
                *n += r >= 0;
        }
        return r;
}

int page_history_give(
                const Event *started,
                char *const *tests,
                HtmlHistoryRun **ret,
                size_t *ret_n,
                void *userdata) {
        _cleanup_(history_names_done) HistoryNames names = {};
        HtmlHistoryRun *runs = calloc(PAGE_RUNS_MAX, sizeof(*runs));
        size_t n = 0, number;
        int r = runs ? 0 : -ENOMEM;

        /* Numbers of names are those of the tests, as long as none comes twice; no whole run has that. */
        strv_for_each(test, tests) {
                if (r >= 0)
                        r = history_names_add(&names, *test, &number);
        }
        if (r >= 0 && names.n_names == strv_length(tests))
                r = history_read(userdata, started, &names, runs, &n);
        if (r < 0) {
                html_history_free(runs, n);
                return r;
        }
        qsort(runs, n, sizeof(*runs), run_compare);
        *ret = runs;
        *ret_n = n;
        return 0;
}
