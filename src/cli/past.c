/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/past.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/array.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "record/state.h"

/* How long a lock is looked at before it is taken for that of a run that goes on: 1 s */
#define PAST_LOCK_CHECKS 20U
#define PAST_LOCK_NSEC   50000000

/* Runs that died while they took over: each goes on with the one before it. */
#define PAST_RUNS_MAX 100U

/* ---- Life ---- */

void past_done(Past *past) {
        PastTest *test, *next;

        HASH_ITER(hh, past->tests, test, next) {
                HASH_DEL(past->tests, test);
                free(test->address);
                free(test);
        }
        for (size_t i = 0; i < past->n_runs; i++)
                free(past->runs[i].name);
        free(past->runs);
        free(past->suite);
        free(past->command);
        free(past->working_directory);
        free(past->seed);
        free(past->shard);
        strv_free(past->patterns);
        strv_free(past->contexts);
        strv_free(past->carried_fixtures);
        source_free(past->carrying);
        *past = (Past){};
}

PastTest *past_find(const Past *past, const char *address) {
        PastTest *test = NULL;

        HASH_FIND_STR(past->tests, address, test);
        return test;
}

static PastTest *past_get(Past *past, const char *address) {
        PastTest *test = past_find(past, address);

        if (test)
                return test;
        test = calloc(1, sizeof(*test));
        if (!test)
                return NULL;
        test->outcome = PTEST_OUTCOME_INVALID;
        test->duration_usec = USEC_INFINITY;
        test->address = strdup(address);
        if (!test->address) {
                free(test);
                return NULL;
        }
        HASH_ADD_KEYPTR(hh, past->tests, test->address, strlen(test->address), test);
        return test;
}

const char *past_get_id(const Past *past, char buffer[PAST_ID_SIZE]) {
        char id[SD_ID128_STRING_MAX];

        sd_id128_to_string(past->runs[0].id, id);
        *(char *)mempcpy(buffer, id, PAST_ID_SIZE - 1) = '\0';
        return buffer;
}

bool past_has_ended(const Past *past) {
        return past->runs[0].ended;
}

bool past_tells_all(const Past *past) {
        return past_has_ended(past) && !past->damaged;
}

size_t past_count_fruitless(const Past *past) {
        size_t n = 0;

        while (n < past->n_runs && !past->runs[n].ended && past->runs[n].n_own == 0)
                n++;
        return n;
}

size_t past_count_found(const Past *past) {
        size_t n = 0;

        for (const PastTest *test = past->tests; test; test = test->hh.next)
                n += test->n_found;
        return n;
}

/* ---- Reading ---- */

/* Of a run that is written to, its coordinator has a lock on the file. */
static bool path_is_locked(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        struct flock lock = { .l_type = F_RDLCK };

        return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) >= 0 && lock.l_type != F_UNLCK;
}

/* What it had just forked may have the lock for a moment longer than a coordinator that was killed. */
static bool path_is_written(const char *path) {
        for (unsigned i = 0; i < PAST_LOCK_CHECKS; i++) {
                if (!path_is_locked(path))
                        return false;
                (void)nanosleep(&(struct timespec){ .tv_nsec = PAST_LOCK_NSEC }, NULL);
        }
        return true;
}

static int past_take_started(Past *past, size_t run, Event *event, sd_id128_t *ret_resumes) {
        past->runs[run].id = event->run_id;
        *ret_resumes = event->run_started.resumes;
        if (run > 0)
                return 0;
        past->suite = TAKE_PTR(event->suite);
        past->command = TAKE_PTR(event->run_started.command);
        past->working_directory = TAKE_PTR(event->run_started.working_directory);
        past->seed = TAKE_PTR(event->run_started.seed);
        past->shard = TAKE_PTR(event->run_started.shard);
        past->rerun_of = event->run_started.rerun_of;
        past->patterns = TAKE_PTR(event->run_started.patterns);
        return 0;
}

/*
 * It was not started, or was interrupted; or was to be tried again, which is seen from its having the number of an attempt
 * that has a record of its own.
 */
static bool result_is_final(const PastTest *test, const Result *result) {
        if (result->outcome == PTEST_OUTCOME_NOT_RUN ||
            (result->outcome == PTEST_OUTCOME_LOST && result->slot == 0))
                return false;
        return test->attempt == 0 || test->attempt != result->attempt;
}

static int past_take_result(Past *past, size_t run, const Event *event) {
        PastTest *test = past_get(past, event->result->address);

        if (!test)
                return -ENOMEM;
        if (sd_id128_is_null(event->carried_from))
                past->runs[run].n_own++;
        /* Newer ones were read before. */
        if (test->finished)
                return 0;
        if (test->outcome == PTEST_OUTCOME_INVALID || result_is_final(test, event->result)) {
                test->outcome = event->result->outcome;
                test->flaky = event->result->marks & PTEST_MARK_FLAKY;
                test->finished = result_is_final(test, event->result);
                test->run = run;
                test->told = run == 0;
        }
        if (event->result->start_usec > 0)
                test->duration_usec = event->result->duration_usec;
        return 0;
}

static int past_take_attempt(Past *past, size_t run, const Event *event) {
        PastTest *test = past_get(past, event->result->address);

        if (!test)
                return -ENOMEM;
        if (test->finished || (test->attempt > 0 && test->attempt_run != run))
                return 0;
        test->attempt = event->result->attempt;
        test->attempt_run = run;
        return 0;
}

static int past_take_found(Past *past, size_t run, const Event *event) {
        PastTest *test = past_get(past, event->tests_found.test);

        if (!test)
                return -ENOMEM;
        /* A finder that was run again has found the same. */
        if (test->n_found > 0 && test->found_run != run)
                return 0;
        test->n_found += event->tests_found.found;
        test->found_run = run;
        return 0;
}

static int past_take(Past *past, size_t run, Event *event, sd_id128_t *resumes) {
        if (run == 0)
                past->last_usec = event->time_usec;
        switch (event->kind) {
        case EVENT_RUN_STARTED:
                return past_take_started(past, run, event, resumes);
        case EVENT_RUN_FINISHED:
                past->runs[run].ended = true;
                if (run == 0)
                        past->verdict = event->run_finished.verdict;
                return 0;
        case EVENT_TEST_FINISHED:
                return past_take_result(past, run, event);
        case EVENT_ATTEMPT_FINISHED:
                return past_take_attempt(past, run, event);
        case EVENT_TESTS_FOUND:
                return past_take_found(past, run, event);
        case EVENT_FIXTURE_FAILED:
                return strv_contains(past->contexts, event->fixture.context) ?
                                0 :
                                strv_extend(&past->contexts, event->fixture.context);
        default:
                return 0;
        }
}

static int past_add_run(Past *past, const char *name) {
        _cleanup_free_ char *copy = strdup(name);

        if (!copy || array_fit(past->runs, past->n_runs + 1) < 0)
                return -ENOMEM;
        past->runs[past->n_runs++] = (PastRun){ .name = TAKE_PTR(copy) };
        return 0;
}

static int past_read_events(Past *past, Source *source, sd_id128_t *ret_resumes) {
        size_t run = past->n_runs;
        int r;

        r = past_add_run(past, source_get_name(source));
        if (r < 0)
                return r;
        for (;;) {
                _cleanup_(event_freep) Event *event = NULL;

                r = source_read(source, &event);
                if (r > 0)
                        r = past_take(past, run, event, ret_resumes) < 0 ? -ENOMEM : 1;
                if (r <= 0)
                        break;
        }
        source_log_problems(source);
        past->damaged |= source_get_problems(source) != NULL;
        return r;
}

static int past_read_one(
                Past *past,
                const char *state_dir,
                const char *name,
                sd_id128_t *ret_resumes,
                char **ret_problem) {
        _cleanup_(source_freep) Source *source = NULL;
        int r;

        r = source_open(&(SourceOptions){ .run = name,
                                          .state_dir = state_dir,
                                          .skip = SOURCE_WITHOUT_OUTPUT | SOURCE_WITHOUT_LISTS },
                        &source,
                        ret_problem);
        if (r < 0)
                return r;
        if (past->n_runs == 0)
                past->alive = path_is_written(source_get_name(source));
        return past_read_events(past, source, ret_resumes);
}

static int past_read_named(const char *state_dir, const char *run, Past *ret, char **ret_problem) {
        _cleanup_(past_done) Past past = { .verdict = VERDICT_INVALID };
        sd_id128_t resumes = SD_ID128_NULL;
        int r;

        r = past_read_one(&past, state_dir, run, &resumes, ret_problem);
        while (r >= 0 && !past.runs[past.n_runs - 1].ended && !sd_id128_is_null(resumes) &&
               past.n_runs < PAST_RUNS_MAX) {
                char id[SD_ID128_STRING_MAX];
                _cleanup_free_ char *problem = NULL;
                sd_id128_t next = SD_ID128_NULL;

                r = past_read_one(
                                &past, state_dir, sd_id128_to_string(resumes, id), &next, &problem);
                /* What it had not taken over yet is run again then. */
                if (r == -ENOENT)
                        r = 0;
                resumes = next;
        }
        if (r < 0)
                return r;
        if (!past.suite) {
                (void)text_setf(ret_problem,
                                "%s does not say of which suite it is",
                                past.runs[0].name);
                return -EBADMSG;
        }
        *ret = past;
        past = (Past){};
        return 0;
}

/* Runs that are looked at: a suite that is always run in parts has no whole one. */
#define PAST_LOOKED_AT_MAX 50U

static bool past_is_whole(const Past *past) {
        return past_has_ended(past) && !past->shard && !past->patterns &&
                        sd_id128_is_null(past->rerun_of) && past->verdict != VERDICT_INCOMPLETE;
}

/* The latest of a suite, or of any (NULL); whole: that is one. What has no begin, as of a run that died at once, is none. */
static int past_read_latest(
                const char *state_dir,
                const char *suite,
                bool whole,
                Past *ret,
                char **ret_problem) {
        _cleanup_(state_runs_done) StateRuns runs = {};
        _cleanup_free_ char *found = NULL;
        int r = 0;

        if (!state_dir)
                r = state_dir_find(&found);
        if (r >= 0)
                r = state_list_runs(state_dir ?: found, &runs);
        if (r < 0)
                return r;
        for (size_t i = 0, n = 0; i < runs.n_runs && n < PAST_LOOKED_AT_MAX; i++) {
                _cleanup_(past_done) Past past = {};

                if (suite && !state_run_is_of_suite(&runs.runs[i], suite))
                        continue;
                n++;
                r = past_read_named(state_dir, runs.runs[i].path, &past, ret_problem);
                if (r == -EBADMSG || r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                if ((suite && strcmp(past.suite, suite) != 0) || (whole && !past_is_whole(&past)))
                        continue;
                *ret = past;
                past = (Past){};
                return 0;
        }
        r = suite ? text_setf(ret_problem, "no run of %s is recorded", suite) :
                    text_setf(ret_problem, "no run is recorded");
        return r < 0 ? r : -ENOENT;
}

int past_read(const char *state_dir,
              const char *suite,
              const char *run,
              Past *ret,
              char **ret_problem) {
        return run ? past_read_named(state_dir, run, ret, ret_problem) :
                     past_read_latest(state_dir, suite, false, ret, ret_problem);
}

int past_read_whole(const char *state_dir, const char *suite, const char *run, Past *ret) {
        _cleanup_free_ char *problem = NULL;
        int r;

        r = run ? past_read_named(state_dir, run, ret, &problem) :
                  past_read_latest(state_dir, suite, true, ret, &problem);
        if (r == -ENOENT && !run)
                return 0;
        if (r < 0)
                return log_error_errno(
                                r, "Cannot take durations from a run: %s", problem ?: strerror(-r));
        return 1;
}

/* ---- Carrying ---- */

/* A tear-down that failed, once: it may stand in the run that took it over, too. */
static int past_wants_fixture(Past *past, const Event *event) {
        char id[SD_ID128_STRING_MAX];
        _cleanup_free_ char *key = NULL;
        int r;

        if (!event->fixture.tear_down)
                return false;
        r = text_setf(&key,
                      "%s %s %" PRIu64,
                      sd_id128_to_string(
                                      sd_id128_is_null(event->carried_from) ? event->run_id :
                                                                              event->carried_from,
                                      id),
                      event->fixture.context,
                      event->result->start_usec);
        if (r < 0 || strv_contains(past->carried_fixtures, key))
                return r;
        r = strv_extend(&past->carried_fixtures, key);
        return r < 0 ? r : true;
}

static int past_wants(Past *past, size_t run, bool without_attempts, const Event *event) {
        const PastTest *test;

        if (event->kind == EVENT_FIXTURE_FAILED)
                return past_wants_fixture(past, event);
        if (event->kind == EVENT_TESTS_FOUND) {
                test = past_find(past, event->tests_found.test);
                return past->found_known && test && test->found_run == run;
        }
        if (event->kind != EVENT_TEST_FINISHED && event->kind != EVENT_ATTEMPT_FINISHED)
                return false;
        test = past_find(past, event->result->address);
        if (!test)
                return false;
        if (test->finished)
                return test->run == run;
        return event->kind == EVENT_ATTEMPT_FINISHED && !without_attempts &&
                        test->attempt_run == run && outcome_is_bad(event->result->outcome);
}

/* The oldest run comes first, as it was first. */
static int past_open_next(Past *past, const char *state_dir) {
        _cleanup_free_ char *problem = NULL;

        return source_open(
                        &(SourceOptions){ .run = past->runs[past->n_runs - 1 - past->at].name,
                                          .state_dir = state_dir },
                        &past->carrying,
                        &problem);
}

int past_next(Past *past, const char *state_dir, bool without_attempts, Event **ret) {
        while (past->at < past->n_runs) {
                _cleanup_(event_freep) Event *event = NULL;
                int r;

                r = past->carrying ? 0 : past_open_next(past, state_dir);
                if (r >= 0)
                        r = source_read(past->carrying, &event);
                if (r < 0)
                        return r;
                if (r == 0) {
                        past->carrying = source_free(past->carrying);
                        past->at++;
                        continue;
                }
                r = past_wants(past, past->n_runs - 1 - past->at, without_attempts, event);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret = TAKE_PTR(event);
                        return 1;
                }
        }
        return 0;
}
