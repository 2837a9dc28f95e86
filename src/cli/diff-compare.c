/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/diff-compare.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "model/pattern.h"

const char *diff_kind_to_string(DiffKind kind) {
        static const char *const names[DIFF_KIND_MAX] = {
                [DIFF_NEWLY_FAILING] = "newly_failing",
                [DIFF_FAILING_OTHERWISE] = "failing_otherwise",
                [DIFF_NEWLY_FLAKY] = "newly_flaky",
                [DIFF_SLOWER] = "slower",
                [DIFF_HUNGRIER] = "hungrier",
                [DIFF_NOT_RUN] = "not_run",
                [DIFF_UNREPORTED] = "unreported",
                [DIFF_NEWLY_SKIPPED] = "newly_skipped",
                [DIFF_STILL_FAILING] = "still_failing",
                [DIFF_NEWLY_PASSING] = "newly_passing",
                [DIFF_CHANGED] = "changed",
                [DIFF_FASTER] = "faster",
                [DIFF_LEANER] = "leaner",
                [DIFF_ADDED] = "added",
                [DIFF_REMOVED] = "removed",
        };

        assert(kind >= 0 && kind < DIFF_KIND_MAX);

        return names[kind];
}

void diff_done(Diff *diff) {
        for (size_t i = 0; i < diff->n_tests; i++) {
                free(diff->tests[i].usual);
                free(diff->tests[i].usual_memory);
        }
        free(diff->tests);
        *diff = (Diff){};
}

/* ---- Outcomes ---- */

static bool outcome_is_passing(Outcome outcome) {
        return outcome == PTEST_OUTCOME_PASS || outcome == PTEST_OUTCOME_XFAIL;
}

/* Of a test with a result in both runs */
static unsigned outcomes_compare(const HistoryResult *before, const HistoryResult *after) {
        bool was_bad = outcome_is_bad(before->outcome), is_bad = outcome_is_bad(after->outcome);

        if (is_bad && !was_bad)
                return 1U << DIFF_NEWLY_FAILING;
        if (before->outcome == after->outcome)
                return is_bad ? 1U << DIFF_STILL_FAILING : 0;
        if (is_bad)
                return 1U << DIFF_FAILING_OTHERWISE;
        if (after->outcome == PTEST_OUTCOME_NOT_RUN)
                return 1U << DIFF_NOT_RUN;
        if (after->outcome == PTEST_OUTCOME_SKIP)
                return 1U << DIFF_NEWLY_SKIPPED;
        return was_bad && outcome_is_passing(after->outcome) ? 1U << DIFF_NEWLY_PASSING :
                                                               1U << DIFF_CHANGED;
}

/* What has no result in it was not in it. */
static bool run_is_whole(const HistoryRun *run) {
        return run->finished && !run->damaged;
}

/*
 * Whether a test of the other run would be in this one if the suite had it. Of parts only patterns tell; and a test that
 * another one brings forth comes only with that one, which they may have left out.
 */
static bool run_could_have(const HistoryRun *run, const HistoryRun *other, const char *address) {
        if (!history_run_is_partial(run))
                return true;
        return !run->shard && sd_id128_is_null(run->rerun_of) && !other->grows &&
                        pattern_selects(run->patterns, address);
}

/* A run that is not whole, or was of a part of the suite only, says nothing of tests that it was not to run. */
static unsigned test_compare(Diff *diff, const DiffTest *test) {
        unsigned kinds = 0;

        if (!test->before) {
                if (run_is_whole(diff->before) &&
                    run_could_have(diff->before, diff->after, test->address))
                        kinds = 1U << DIFF_ADDED;
                if (outcome_is_bad(test->after->outcome))
                        kinds |= 1U << DIFF_NEWLY_FAILING;
        } else if (test->after)
                kinds = outcomes_compare(test->before, test->after);
        else if (!run_could_have(diff->after, diff->before, test->address))
                diff->n_not_chosen++;
        else
                kinds = run_is_whole(diff->after) ? 1U << DIFF_REMOVED : 1U << DIFF_UNREPORTED;

        if (test->after && test->after->marks & PTEST_MARK_FLAKY &&
            !(test->before && test->before->marks & PTEST_MARK_FLAKY))
                kinds |= 1U << DIFF_NEWLY_FLAKY;
        return kinds;
}

int diff_compare(
                const HistoryRun *before,
                const HistoryRun *after,
                const HistoryNames *names,
                Diff *ret) {
        Diff diff = { .before = before, .after = after, .n_tests = names->n_names };

        diff.tests = calloc(MAX(names->n_names, 1U), sizeof(DiffTest));
        if (!diff.tests)
                return -ENOMEM;
        for (size_t i = 0; i < diff.n_tests; i++) {
                diff.tests[i] = (DiffTest){
                        .address = names->names[i],
                        .before = history_run_get(before, i),
                        .after = history_run_get(after, i),
                };
                if (diff.tests[i].before || diff.tests[i].after)
                        diff.tests[i].kinds = test_compare(&diff, diff.tests + i);
        }
        *ret = diff;
        return 0;
}

/* ---- Use ---- */

static bool strings_are_equal(const char *a, const char *b) {
        return a && b && strcmp(a, b) == 0;
}

bool diff_duration_is_comparable(const HistoryRun *a, const HistoryRun *b) {
        return strings_are_equal(a->hostname, b->hostname);
}

/* The one backend measures the largest process, the other all of them together. */
bool diff_memory_is_comparable(const HistoryRun *a, const HistoryRun *b) {
        return strings_are_equal(a->backend, b->backend);
}

/* One that failed ended early, or late; one that was carried over ran in another run. */
static bool result_is_measure(const HistoryResult *result) {
        return result && result->started && !result->carried && outcome_is_passing(result->outcome);
}

static bool test_is_measured(const DiffTest *test) {
        return result_is_measure(test->before) && result_is_measure(test->after);
}

static bool test_has_memory(const Diff *diff, const DiffTest *test) {
        return diff_memory_is_comparable(diff->before, diff->after) &&
                        test->before->memory_peak != SIZE_UNKNOWN &&
                        test->after->memory_peak != SIZE_UNKNOWN;
}

static Change suspect_duration(const DiffTest *test) {
        return noise_suspect(
                        &NOISE_RULE_DURATION,
                        test->before->duration_usec,
                        test->after->duration_usec);
}

static Change suspect_memory(const Diff *diff, const DiffTest *test) {
        if (!test_has_memory(diff, test))
                return CHANGE_NONE;
        return noise_suspect(
                        &NOISE_RULE_MEMORY, test->before->memory_peak, test->after->memory_peak);
}

int diff_find_suspects(const Diff *diff, HistoryNames *suspects) {
        for (size_t i = 0; i < diff->n_tests; i++) {
                const DiffTest *test = diff->tests + i;
                size_t number;
                int r;

                if (!test_is_measured(test) ||
                    (suspect_duration(test) == CHANGE_NONE &&
                     suspect_memory(diff, test) == CHANGE_NONE))
                        continue;
                r = history_names_add(suspects, test->address, &number);
                if (r < 0)
                        return r;
        }
        return 0;
}

typedef struct Earlier {
        const HistoryRun *runs;
        size_t n_runs;
        uint64_t *values; /* room for one of each run, and one more */
} Earlier;

/* What is usual, if enough is known of it; *ret_usual NULL: it is not */
static int get_usual(
                Diff *diff,
                const Earlier *earlier,
                size_t test,
                bool memory,
                uint64_t before,
                Spread **ret_usual) {
        size_t n = 0;

        earlier->values[n++] = before;
        for (size_t i = 0; i < earlier->n_runs; i++) {
                const HistoryRun *run = earlier->runs + i;
                const HistoryResult *result = history_run_get(run, test);

                if (!result_is_measure(result) || !diff_duration_is_comparable(run, diff->before))
                        continue;
                if (!memory)
                        earlier->values[n++] = result->duration_usec;
                else if (result->memory_peak != SIZE_UNKNOWN &&
                         diff_memory_is_comparable(run, diff->before))
                        earlier->values[n++] = result->memory_peak;
        }
        if (n < NOISE_KNOWN_MIN)
                return 0;
        *ret_usual = malloc(sizeof(Spread));
        if (!*ret_usual)
                return -ENOMEM;
        **ret_usual = statistics_get_spread(earlier->values, n);
        return 0;
}

/* The kind that it is, of two; 0: it is the same. The change against the run before must be one too. */
static unsigned judge(
                const NoiseRule *rule,
                const Spread *usual,
                uint64_t before,
                uint64_t after,
                DiffKind more,
                DiffKind less) {
        const Spread pair = { .n = 1, .median = before, .least = before, .most = before };
        Change change = noise_judge(rule, usual ?: &pair, after);

        if (change == CHANGE_NONE || change != noise_suspect(rule, before, after))
                return 0;
        return 1U << (change == CHANGE_MORE ? more : less);
}

static int test_compare_use(
                Diff *diff, DiffTest *test, const HistoryNames *suspects, const Earlier *earlier) {
        size_t number;
        int r;

        if (!test_is_measured(test) || !history_names_find(suspects, test->address, &number))
                return 0;
        if (suspect_duration(test) != CHANGE_NONE) {
                uint64_t before = test->before->duration_usec;

                r = get_usual(diff, earlier, number, false, before, &test->usual);
                if (r < 0)
                        return r;
                test->kinds |= judge(
                                &NOISE_RULE_DURATION,
                                test->usual,
                                before,
                                test->after->duration_usec,
                                DIFF_SLOWER,
                                DIFF_FASTER);
        }
        if (suspect_memory(diff, test) != CHANGE_NONE) {
                uint64_t before = test->before->memory_peak;

                r = get_usual(diff, earlier, number, true, before, &test->usual_memory);
                if (r < 0)
                        return r;
                test->kinds |= judge(
                                &NOISE_RULE_MEMORY,
                                test->usual_memory,
                                before,
                                test->after->memory_peak,
                                DIFF_HUNGRIER,
                                DIFF_LEANER);
        }
        return 0;
}

int diff_compare_use(
                Diff *diff,
                const HistoryNames *suspects,
                const HistoryRun *earlier_runs,
                size_t n_earlier) {
        _cleanup_free_ uint64_t *values = calloc(n_earlier + 1, sizeof(uint64_t));
        const Earlier earlier = { .runs = earlier_runs, .n_runs = n_earlier, .values = values };

        if (!values)
                return -ENOMEM;
        diff->n_earlier = n_earlier;
        for (size_t i = 0; i < diff->n_tests; i++) {
                int r = test_compare_use(diff, diff->tests + i, suspects, &earlier);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- What came of it ---- */

void diff_count(Diff *diff) {
        memset(diff->counts, 0, sizeof(diff->counts));
        diff->n_same = 0;
        for (size_t i = 0; i < diff->n_tests; i++) {
                const DiffTest *test = diff->tests + i;

                for (DiffKind kind = 0; kind < DIFF_KIND_MAX; kind++)
                        diff->counts[kind] += test->kinds >> kind & 1U;
                if (test->kinds == 0 && test->after)
                        diff->n_same++;
        }
}

static int address_compare(const void *a, const void *b) {
        const DiffTest *const *x = a, *const *y = b;

        return strverscmp((*x)->address, (*y)->address);
}

static uint64_t distance(uint64_t a, uint64_t b) {
        return a > b ? a - b : b - a;
}

static int compare_distances(uint64_t x, uint64_t y, const void *a, const void *b) {
        if (x != y)
                return x > y ? -1 : 1;
        return address_compare(a, b);
}

static int duration_compare(const void *a, const void *b) {
        const DiffTest *const *x = a, *const *y = b;

        return compare_distances(
                        distance((*x)->before->duration_usec, (*x)->after->duration_usec),
                        distance((*y)->before->duration_usec, (*y)->after->duration_usec),
                        a,
                        b);
}

static int memory_compare(const void *a, const void *b) {
        const DiffTest *const *x = a, *const *y = b;

        return compare_distances(
                        distance((*x)->before->memory_peak, (*x)->after->memory_peak),
                        distance((*y)->before->memory_peak, (*y)->after->memory_peak),
                        a,
                        b);
}

int diff_get_tests(const Diff *diff, DiffKind kind, const DiffTest ***ret) {
        const DiffTest **tests;
        size_t n = 0;

        tests = calloc(MAX(diff->counts[kind], 1U), sizeof(DiffTest *));
        if (!tests)
                return -ENOMEM;
        for (size_t i = 0; i < diff->n_tests; i++)
                if (diff->tests[i].kinds >> kind & 1U)
                        tests[n++] = diff->tests + i;
        qsort(tests,
              n,
              sizeof(DiffTest *),
              kind == DIFF_SLOWER || kind == DIFF_FASTER                   ? duration_compare :
                              kind == DIFF_HUNGRIER || kind == DIFF_LEANER ? memory_compare :
                                                                             address_compare);
        *ret = tests;
        return 0;
}
