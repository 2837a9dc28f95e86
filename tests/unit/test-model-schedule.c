/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Random suites with contexts of all modes, nested, on a fake pool with a fake clock: what always holds, holds
 *
 * A simulation is made from its seed alone. It does what the coordinator does with a schedule, and keeps books of
 * its own on what its workers did, from which each rule is checked. Tests fail, are run again, hang, kill their worker, leave
 * it unfit for more and find others; workers take their time to be gone; users lose their patience. PTEST_SEED=N runs that one only, with a
 * log; PTEST_SEED=random others each time.
 * Compiled with a schedule that has a bug put in (see meson.build) and SCHEDULE_HAS_BUG, it fails unless it finds it.
 */

#include "model/schedule.h"

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "test-rounds.h"
#include "test-runner.h"

#define SIMULATIONS     12000U
/* A bug that only rare suites meet is looked for longer: 20 s on a slow machine, were it not found. */
#define BUG_SIMULATIONS (20U * SIMULATIONS)
#define CONTEXTS_MAX    8U
#define TESTS_MAX       40U
#define FOUND_MAX       40U
#define SLOTS_MAX       4U
#define PLACES_MAX      (SLOTS_MAX + CONTEXTS_MAX)
#define INSTANCES_MAX   4000U
#define EVENTS_MAX      200000U
#define ATTEMPTS_MAX    4U
#define ROUNDS_MAX      1000U
#define NEVER           UINT64_MAX

/* Not Check's, which works inside of its tests only. */
#define must(condition)           \
        do {                      \
                if (!(condition)) \
                        abort();  \
        } while (0)

typedef enum Kind {
        KIND_TEST,
        KIND_SET_UP,
        KIND_TEAR_DOWN,
} Kind;

typedef struct Job {
        Kind kind;
        uint32_t number; /* test or instance */
        uint32_t context;
        uint64_t usec;
} Job;

typedef struct Worker {
        bool alive;    /* takes jobs */
        bool closing;  /* of those, tear-downs only */
        bool stopping; /* is there, and takes none */
        uint64_t gone_usec;
        unsigned generation;
        Job jobs[64];
        size_t n_jobs;
        uint64_t ends_usec;            /* of the first job, which runs */
        uint32_t up[CONTEXTS_MAX * 4]; /* instances that it set up and did not tear down */
        size_t n_up;
        bool had[CONTEXTS_MAX + 1]; /* contexts that this generation set up */
} Worker;

/* The simulation's own book on an instance. */
typedef struct Book {
        uint32_t context;
        unsigned place, generation;
        unsigned set_ups, tear_downs;
        bool good, skipped, over;
        bool orderly; /* torn down where it was set up, for its tests were over */
} Book;

typedef struct Simulation {
        uint64_t random, seed;
        bool loud;
        Suite *suite;
        Schedule *schedule;
        unsigned n_slots, n_places;
        uint64_t now;
        Worker workers[PLACES_MAX];
        Book books[INSTANCES_MAX];
        uint32_t shared_up[CONTEXTS_MAX + 1];
        bool ended[CONTEXTS_MAX + 1]; /* contexts of which nothing is run any more */
        unsigned outcomes[TESTS_MAX + FOUND_MAX];
        unsigned attempts[TESTS_MAX + FOUND_MAX]; /* that ended, and were not the last */
        bool regrown[CONTEXTS_MAX + 1]; /* tests of it were found by one that is not in it */
        unsigned unit_place[CONTEXTS_MAX + 1];
        unsigned n_bad, fail_fast;
        bool winding_down;
        char problem[200];
} Simulation;

/* ---- Chance ---- */

static uint64_t random_next(Simulation *s) {
        s->random ^= s->random >> 12;
        s->random ^= s->random << 25;
        s->random ^= s->random >> 27;
        return (s->random * UINT64_C(2685821657736338717)) >> 11;
}

static unsigned random_below(Simulation *s, unsigned limit) {
        return (unsigned)(random_next(s) % limit);
}

static bool chance(Simulation *s, unsigned one_in) {
        return random_below(s, one_in) == 0;
}

/* ---- Books ---- */

static void _printf_(2, 3) find(Simulation *s, const char *format, ...) {
        va_list ap;

        if (s->problem[0])
                return;
        va_start(ap, format);
        vsnprintf(s->problem, sizeof(s->problem), format, ap);
        va_end(ap);
}

static void _printf_(2, 3) say(const Simulation *s, const char *format, ...) {
        va_list ap;

        if (!s->loud)
                return;
        printf("# %6" PRIu64 " ", s->now);
        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        putchar('\n');
}

static Context *get_context(const Simulation *s, uint32_t number) {
        return s->suite->contexts[number - 1];
}

static uint32_t get_unit(const Simulation *s, uint32_t context) {
        return contexts_find_unit(s->suite->contexts, context);
}

static bool is_shared(const Simulation *s, uint32_t context) {
        return get_context(s, context)->mode == CONTEXT_SHARED && get_unit(s, context) == 0;
}

static bool is_within(const Simulation *s, uint32_t context, uint32_t outer) {
        return contexts_is_within(s->suite->contexts, context, outer);
}

static uint32_t get_test_context(const Simulation *s, uint32_t test) {
        return s->suite->tests[test]->traits->context;
}

static bool is_exclusive(const Simulation *s, uint32_t test) {
        bool exclusive = s->suite->tests[test]->exclusive;

        for (uint32_t at = get_test_context(s, test); at != 0; at = get_context(s, at)->parent)
                exclusive |= get_context(s, at)->exclusive;
        return exclusive;
}

/* A context that has no set-up counts as set up everywhere. */
static bool worker_has_up(const Simulation *s, const Worker *worker, uint32_t context) {
        if (!get_context(s, context)->set_up)
                return true;
        if (is_shared(s, context))
                return s->shared_up[context] != 0 ||
                                s->ended[context]; /* lost: what was given, runs */
        for (size_t i = 0; i < worker->n_up; i++)
                if (s->books[worker->up[i]].context == context)
                        return true;
        return false;
}

static void complete(Simulation *s, uint32_t test) {
        if (s->outcomes[test]++ > 0)
                find(s, "test %u has two outcomes", test);
        schedule_on_done(s->schedule, test);
}

static void complete_waiting(Simulation *s, uint32_t context) {
        uint32_t *tests;
        size_t n;

        must(schedule_list_waiting(s->schedule, context, &tests, &n) == 0);
        for (size_t i = 0; i < n; i++)
                complete(s, tests[i]);
        free(tests);
}

static void end_context(Simulation *s, uint32_t context) {
        s->ended[context] = true;
        complete_waiting(s, context);
}

static bool is_ended(const Simulation *s, uint32_t test) {
        for (uint32_t at = get_test_context(s, test); at != 0; at = get_context(s, at)->parent)
                if (s->ended[at])
                        return true;
        return false;
}

static bool is_there(const Simulation *s, unsigned place) {
        return s->workers[place].alive || s->workers[place].stopping;
}

/* ---- Rules at a start ---- */

static void check_beside(Simulation *s, const Worker *worker, bool exclusive) {
        for (unsigned i = 0; i < s->n_places; i++) {
                const Worker *other = &s->workers[i];

                if (other == worker || other->n_jobs == 0)
                        continue;
                if (exclusive ||
                    (other->jobs[0].kind == KIND_TEST && is_exclusive(s, other->jobs[0].number)))
                        find(s, "something ran beside an exclusive test");
        }
}

static void check_test_start(Simulation *s, unsigned place, uint32_t test) {
        const Worker *worker = &s->workers[place];
        uint32_t context = get_test_context(s, test), unit = get_unit(s, context);
        for (uint32_t at = context; at != 0; at = get_context(s, at)->parent) {
                if (!worker_has_up(s, worker, at))
                        find(s, "test %u runs without context %u", test, at);
        }
        for (size_t i = 0; i < worker->n_up; i++) {
                uint32_t up = s->books[worker->up[i]].context;

                if (get_unit(s, up) == 0)
                        continue;
                if (get_unit(s, up) != unit)
                        find(s, "test %u runs inside of the whole context %u", test, up);
                if (!is_within(s, context, up))
                        find(s, "test %u runs inside of context %u, which it is not in", test, up);
        }
        if (unit != 0)
                s->unit_place[unit] = place;
        check_beside(s, worker, is_exclusive(s, test));
        if (place >= s->n_slots)
                find(s, "test %u runs where only fixtures do", test);
}

static void check_set_up_start(Simulation *s, unsigned place, const Job *job) {
        Worker *worker = &s->workers[place];
        Book *book = &s->books[job->number];
        uint32_t parent = get_context(s, job->context)->parent;

        if (book->set_ups++ > 0)
                find(s, "instance %u is set up twice", job->number);
        if (s->ended[job->context])
                find(s, "context %u is set up after it failed", job->context);
        if (worker->had[job->context] && !s->regrown[job->context])
                find(s, "one worker sets context %u up twice", job->context);
        worker->had[job->context] = true;
        if (parent != 0 && !worker_has_up(s, worker, parent))
                find(s, "context %u is set up outside of context %u", job->context, parent);
        for (uint32_t i = 1; i < INSTANCES_MAX && is_shared(s, job->context); i++)
                if (i != job->number && s->books[i].context == job->context &&
                    s->books[i].set_ups > 0 && !s->regrown[job->context])
                        find(s, "the shared context %u is set up again", job->context);
        if (is_shared(s, job->context) != (place >= s->n_slots))
                find(s, "context %u is set up at place %u", job->context, place);
        for (uint32_t i = 1; i < INSTANCES_MAX && get_unit(s, job->context) != 0; i++) {
                const Book *other = &s->books[i];

                if (i != job->number && other->context == job->context && other->set_ups > 0 &&
                    get_context(s, job->context)->tear_down && !other->over)
                        find(s,
                             "the whole context %u is set up before it was torn down",
                             job->context);
                if (i != job->number && other->context == job->context && other->orderly &&
                    !s->regrown[job->context])
                        find(s, "the whole context %u is set up again for nothing", job->context);
        }
        check_beside(s, worker, false);
}

static void check_tear_down_start(Simulation *s, unsigned place, const Job *job) {
        Book *book = &s->books[job->number];

        if (book->set_ups == 0 && get_context(s, job->context)->set_up)
                find(s, "instance %u is torn down and was not set up", job->number);
        if (book->tear_downs++ > 0)
                find(s, "instance %u is torn down twice", job->number);
        if (book->skipped)
                find(s, "instance %u is torn down and skipped", job->number);
        if (book->place != place && book->set_ups > 0 && is_there(s, book->place) &&
            s->workers[book->place].generation == book->generation)
                find(s, "instance %u is torn down beside the worker that has it", job->number);
        book->orderly = book->place == place && book->good && !s->workers[place].closing &&
                        s->workers[place].generation == book->generation;
        for (unsigned i = 0; i < s->n_places; i++) {
                const Worker *worker = &s->workers[i];
                bool ours = is_shared(s, job->context) ||
                                (i == book->place && worker->generation == book->generation);

                for (size_t j = 0; j < worker->n_jobs && ours; j++)
                        if (worker->jobs[j].kind == KIND_TEST &&
                            is_within(s, get_test_context(s, worker->jobs[j].number), job->context))
                                find(s,
                                     "context %u is torn down before its last test",
                                     job->context);
                for (size_t j = 0; j < worker->n_up && ours; j++)
                        if (worker->up[j] != job->number &&
                            is_within(s, s->books[worker->up[j]].context, job->context))
                                find(s,
                                     "context %u is torn down before what is in it",
                                     job->context);
        }
        check_beside(s, &s->workers[place], false);
}

/* ---- Workers ---- */

static void job_begin(Simulation *s, unsigned place) {
        Worker *worker = &s->workers[place];
        const Job *job = &worker->jobs[0];
        static const char *const names[] = { "test", "set-up", "tear-down" };

        say(s,
            "place %u.%u begins %s %u, context %u",
            place,
            worker->generation,
            names[job->kind],
            job->number,
            job->context);
        worker->ends_usec = job->usec == NEVER ? s->now + 1000 : s->now + job->usec;
        if (job->kind == KIND_TEST)
                check_test_start(s, place, job->number);
        else if (job->kind == KIND_SET_UP)
                check_set_up_start(s, place, job);
        else
                check_tear_down_start(s, place, job);
}

static void worker_forget_up(Worker *worker, uint32_t instance) {
        size_t to = 0;

        for (size_t i = 0; i < worker->n_up; i++)
                if (worker->up[i] != instance)
                        worker->up[to++] = worker->up[i];
        worker->n_up = to;
}

static void tear_down_end(Simulation *s, uint32_t instance) {
        Book *book = &s->books[instance];

        book->over = true;
        if (s->shared_up[book->context] == instance)
                s->shared_up[book->context] = 0;
        for (unsigned i = 0; i < s->n_places; i++)
                worker_forget_up(&s->workers[i], instance);
        schedule_on_torn_down(s->schedule, instance);
}

static void set_up_end(Simulation *s, unsigned place, uint32_t instance, ScheduleSetUp how) {
        Book *book = &s->books[instance];
        Worker *worker = &s->workers[place];

        book->good = how == SCHEDULE_SET_UP_GOOD;
        book->skipped = how == SCHEDULE_SET_UP_SKIPPED;
        book->over = book->skipped;
        if (book->good) {
                worker->up[worker->n_up++] = instance;
                if (is_shared(s, book->context))
                        s->shared_up[book->context] = instance;
        }
        schedule_on_set_up(s->schedule, instance, how, NULL);
        if (!book->good)
                end_context(s, book->context);
}

static void test_end(Simulation *s, uint32_t test, bool bad) {
        complete(s, test);
        s->n_bad += bad;
        if (s->fail_fast > 0 && s->n_bad >= s->fail_fast)
                s->winding_down = true;
}

/* Behind the others or in its place, sometimes alone from now on. A test that a worker held is not lost by that. */
static bool try_again(Simulation *s, uint32_t test) {
        if (s->winding_down || is_ended(s, test) || s->attempts[test] == ATTEMPTS_MAX - 1 ||
            !chance(s, 5))
                return false;
        s->attempts[test]++;
        if (chance(s, 6))
                s->suite->tests[test]->exclusive = true;
        say(s, "test %u is to run again", test);
        schedule_on_retry(s->schedule, test, !chance(s, 3));
        return true;
}

static void give_back(Simulation *s, const Job *job) {
        if (job->kind != KIND_TEST) {
                Book *book = &s->books[job->number];

                /* Not begun: the books know nothing of it. */
                if (job->kind == KIND_SET_UP)
                        book->over = true;
                schedule_on_fixture_returned(s->schedule, job->number);
                return;
        }
        schedule_on_returned(s->schedule, job->number);
        if (is_ended(s, job->number))
                complete(s, job->number);
}

static void worker_spend(Simulation *s, unsigned place);
static void fill_place(Simulation *s, unsigned place);

static void job_end(Simulation *s, unsigned place) {
        Worker *worker = &s->workers[place];
        unsigned dice = random_below(s, 12);
        bool spent = place < s->n_slots && !worker->closing &&
                        worker->jobs[0].kind != KIND_TEAR_DOWN && chance(s, 15);
        Job job;

        if (spent && chance(s, 2))
                fill_place(s, place);
        job = worker->jobs[0];

        memmove(worker->jobs, worker->jobs + 1, --worker->n_jobs * sizeof(Job));
        if (job.kind == KIND_TEST) {
                if (!try_again(s, job.number))
                        test_end(s, job.number, dice == 0);
        } else if (job.kind == KIND_SET_UP)
                set_up_end(s,
                           place,
                           job.number,
                           dice == 0                 ? SCHEDULE_SET_UP_FAILED :
                                           dice == 1 ? SCHEDULE_SET_UP_SKIPPED :
                                                       SCHEDULE_SET_UP_GOOD);
        else
                tear_down_end(s, job.number);
        if (spent)
                worker_spend(s, place);
        else if (worker->n_jobs > 0)
                job_begin(s, place);
}

/* Of a template: often one beside the finder's, in the same whole context. */
static uint32_t choose_context(Simulation *s, uint32_t own) {
        uint32_t unit = get_unit(s, own), context = 0;

        for (unsigned tries = chance(s, 2) ? 1 : 8; tries > 0; tries--) {
                context = random_below(s, (unsigned)s->suite->n_contexts + 1);
                if (unit != 0 && context != own && is_within(s, context, unit))
                        break;
        }
        return context;
}

/* The test that runs at a place finds others: in its own context, or in that of a template. */
static void find_tests(Simulation *s, unsigned place) {
        const Worker *worker = &s->workers[place];
        uint32_t finder = worker->jobs[0].number, own = get_test_context(s, finder);
        unsigned n = 1 + random_below(s, 4);
        bool like_finder = !chance(s, 4);

        while (n-- > 0 && s->suite->n_tests < TESTS_MAX + FOUND_MAX) {
                uint32_t number = (uint32_t)s->suite->n_tests;
                Test *test;

                must(test_new("f", &test) == 0);
                test->context = like_finder ? own : choose_context(s, own);
                test->exclusive = like_finder ? s->suite->tests[finder]->exclusive : chance(s, 6);
                test->priority = like_finder ? s->suite->tests[finder]->priority :
                                               (int)random_below(s, 3) - 1;
                for (uint32_t at = test->context; at != 0; at = get_context(s, at)->parent)
                        s->regrown[at] |= !is_within(s, own, at);
                must(suite_add(s->suite, test) == 0);
                must(schedule_add(s->schedule) == 0);
                say(s, "test %u finds %u, context %u", finder, number, get_test_context(s, number));
                for (uint32_t at = get_test_context(s, number); at != 0;
                     at = get_context(s, at)->parent)
                        if (schedule_has_failed(s->schedule, at))
                                end_context(s, at);
        }
}

/* What it holds: the first job has an outcome, the others come back. */
static void worker_settle(Simulation *s, unsigned place) {
        Worker *worker = &s->workers[place];
        Job jobs[ELEMENTSOF(worker->jobs)];
        size_t n = worker->n_jobs;

        memcpy(jobs, worker->jobs, n * sizeof(Job));
        worker->n_jobs = 0;
        for (size_t i = 0; i < n; i++)
                if (i > 0)
                        give_back(s, &jobs[i]);
                else if (jobs[i].kind == KIND_TEST) {
                        if (!try_again(s, jobs[i].number))
                                test_end(s, jobs[i].number, true);
                } else if (jobs[i].kind == KIND_SET_UP)
                        set_up_end(s, place, jobs[i].number, SCHEDULE_SET_UP_FAILED);
                else
                        tear_down_end(s, jobs[i].number);
}

static void worker_gone(Simulation *s, unsigned place) {
        Worker *worker = &s->workers[place];
        uint32_t shared = schedule_get_shared(s->schedule, place);
        bool needed = shared != 0 && schedule_is_needed(s->schedule, shared);

        say(s, "place %u.%u is gone", place, worker->generation);
        worker_settle(s, place);
        worker->n_up = 0;
        worker->alive = worker->closing = worker->stopping = false;
        if (shared != 0)
                s->shared_up[shared] = 0;
        schedule_on_gone(s->schedule, place);
        if (needed)
                end_context(s, shared);
}

/* It is told to go, or made to. What it was at has its outcome now, or when it is gone. */
static void worker_stop(Simulation *s, unsigned place) {
        Worker *worker = &s->workers[place];

        say(s, "place %u.%u is stopped", place, worker->generation);
        worker->alive = false;
        worker->stopping = true;
        worker->gone_usec = s->now + random_below(s, 200);
        if (chance(s, 2))
                worker_settle(s, place);
}

/* Its test left it unfit for more. What was sent to it meanwhile comes back with all that it has not begun. */
static void worker_spend(Simulation *s, unsigned place) {
        Worker *worker = &s->workers[place];

        say(s, "place %u.%u is spent", place, worker->generation);
        while (worker->n_jobs > 0) {
                Job job = worker->jobs[--worker->n_jobs];

                give_back(s, &job);
        }
        worker->closing = true;
        schedule_close(s->schedule, place);
}

static void recall(Simulation *s, unsigned place) {
        Worker *worker = &s->workers[place];

        while (worker->n_jobs > 1) {
                Job job = worker->jobs[--worker->n_jobs];

                give_back(s, &job);
        }
}

static void worker_start(Simulation *s, unsigned place) {
        Worker *worker = &s->workers[place];

        if (is_there(s, place))
                find(s, "a worker is started beside its predecessor");
        worker->alive = true;
        worker->generation++;
        worker->n_up = 0;
        memset(worker->had, 0, sizeof(worker->had));
}

/* ---- The coordinator ---- */

static void take_step(
                Simulation *s, unsigned place, const ScheduleStep *step, const uint32_t *tests) {
        Worker *worker = &s->workers[place];
        bool idle = worker->n_jobs == 0;

        if (worker->closing && step->action != SCHEDULE_TEAR_DOWN)
                find(s, "a place that is closing is given something new");
        if (step->action == SCHEDULE_TESTS)
                for (size_t i = 0; i < step->n_tests; i++)
                        worker->jobs[worker->n_jobs++] = (Job){
                                .kind = KIND_TEST,
                                .number = tests[i],
                                .context = get_test_context(s, tests[i]),
                                .usec = chance(s, 20) ? NEVER : 1 + random_below(s, 50),
                        };
        else {
                Book *book = &s->books[step->instance];

                if (!idle)
                        find(s, "a fixture is given to a place that holds something");
                must(step->instance < INSTANCES_MAX);
                if (book->context == 0)
                        *book = (Book){ .context = step->context,
                                        .place = step->action == SCHEDULE_SET_UP ? place :
                                                                                   PLACES_MAX,
                                        .generation = worker->generation };
                worker->jobs[worker->n_jobs++] = (Job){
                        .kind = step->action == SCHEDULE_SET_UP ? KIND_SET_UP : KIND_TEAR_DOWN,
                        .number = step->instance,
                        .context = step->context,
                        .usec = chance(s, 20) ? NEVER : 1 + random_below(s, 30),
                };
        }
        if (idle && worker->n_jobs > 0)
                job_begin(s, place);
}

static void fill_place(Simulation *s, unsigned place) {
        Worker *worker = &s->workers[place];
        uint32_t tests[8];
        ScheduleStep step;

        while (worker->alive && worker->n_jobs < 4) {
                must(schedule_next(s->schedule, place, tests, 1 + random_below(s, 8), &step) == 0);
                if (step.action == SCHEDULE_NOTHING)
                        return;
                take_step(s, place, &step, tests);
        }
}

/* A worker that is to leave goes when nothing is set up in it any more. */
static void stop_closed(Simulation *s) {
        for (unsigned i = 0; i < s->n_slots; i++)
                if (s->workers[i].alive && s->workers[i].closing && s->workers[i].n_jobs == 0 &&
                    !schedule_holds_instances(s->schedule, i))
                        worker_stop(s, i);
}

static void give_work(Simulation *s) {
        size_t startable, coming = 0;

        if (s->winding_down)
                complete_waiting(s, CONTEXT_NONE);
        stop_closed(s);
        startable = schedule_count_startable(s->schedule, s->n_slots);
        for (unsigned i = 0; i < s->n_slots; i++)
                coming += s->workers[i].alive && s->workers[i].n_jobs == 0 &&
                                !s->workers[i].closing;
        for (unsigned i = 0; i < s->n_slots && coming < startable; i++)
                if (!is_there(s, i)) {
                        worker_start(s, i);
                        coming++;
                }
        for (unsigned i = s->n_slots; i < s->n_places; i++)
                if (schedule_wants_place(s->schedule, i) && !is_there(s, i))
                        worker_start(s, i);
        for (unsigned i = 0; i < s->n_places; i++)
                fill_place(s, i);
        stop_closed(s);
}

static void work(Simulation *s) {
        unsigned rounds = 0;

        do {
                give_work(s);
                if (++rounds > ROUNDS_MAX) {
                        find(s, "it changes without an end");
                        return;
                }
        } while (schedule_take_changed(s->schedule));
}

/* What may happen at any time. */
static void surprise(Simulation *s) {
        unsigned place = random_below(s, s->n_places);
        Worker *worker = &s->workers[place];

        switch (random_below(s, 12)) {
        case 0:
                if (worker->alive)
                        worker_gone(s, place);
                break;
        case 1:
                s->winding_down |= chance(s, 8);
                break;
        case 2:
                if (worker->alive)
                        recall(s, place);
                break;
        case 3: /* recycled */
                if (worker->alive && place < s->n_slots && worker->n_jobs < 2) {
                        worker->closing = true;
                        schedule_close(s->schedule, place);
                }
                break;
        case 4: /* stopped now, all that holds nothing that is to be torn down there */
                if (s->winding_down)
                        for (unsigned i = 0; i < s->n_slots; i++)
                                if (s->workers[i].alive &&
                                    !schedule_is_tearing_down(s->schedule, i))
                                        worker_stop(s, i);
                break;
        case 5:
        case 6:
        case 7:
                if (worker->alive && worker->n_jobs > 0 && worker->jobs[0].kind == KIND_TEST)
                        find_tests(s, place);
                break;
        default:
                break;
        }
}

/* A worker that is to leave, and has nothing left to do. */
static void leave(Simulation *s) {
        for (unsigned i = 0; i < s->n_slots; i++)
                if (s->workers[i].alive && s->workers[i].n_jobs == 0 && chance(s, 6) &&
                    !schedule_holds_instances(s->schedule, i))
                        worker_stop(s, i);
}

/* When something happens at a place by itself. */
static uint64_t place_get_next(const Simulation *s, unsigned place) {
        const Worker *worker = &s->workers[place];

        if (worker->stopping)
                return worker->gone_usec;
        return worker->n_jobs > 0 ? worker->ends_usec : NEVER;
}

static bool advance(Simulation *s) {
        unsigned next = 0;

        for (unsigned i = 1; i < s->n_places; i++)
                if (place_get_next(s, i) < place_get_next(s, next))
                        next = i;
        if (place_get_next(s, next) == NEVER)
                return false;
        s->now = MAX(s->now, place_get_next(s, next));
        if (s->workers[next].stopping || chance(s, 60))
                worker_gone(s, next);
        else if (s->workers[next].jobs[0].usec == NEVER)
                /* What hangs is stopped with its worker. */
                worker_stop(s, next);
        else
                job_end(s, next);
        return true;
}

static bool is_complete(const Simulation *s) {
        for (size_t i = 0; i < s->suite->n_tests; i++)
                if (s->outcomes[i] == 0)
                        return false;
        return schedule_is_clean(s->schedule);
}

static void check_end(Simulation *s) {
        for (uint32_t i = 1; i < INSTANCES_MAX; i++) {
                const Book *book = &s->books[i];

                if (book->set_ups == 0 || book->skipped || book->tear_downs > 0)
                        continue;
                /* Without a command nothing is left of it once its worker is gone. */
                if (get_context(s, book->context)->tear_down)
                        find(s, "instance %u of context %u was not torn down", i, book->context);
        }
        for (size_t i = 0; i < s->suite->n_tests; i++)
                if (s->outcomes[i] != 1)
                        find(s, "test %zu has %u outcomes", i, s->outcomes[i]);
}

/* ---- Suites ---- */

static Test *make_fixture(void) {
        Test *test;

        must(test_new("fixture", &test) == 0);
        return test;
}

static void make_contexts(Simulation *s) {
        unsigned n = random_below(s, CONTEXTS_MAX + 1);

        for (uint32_t i = 1; i <= n; i++) {
                Context *context;
                uint32_t ignored;

                must(context_new("c", &context) == 0);
                context->mode = (ContextMode)random_below(s, CONTEXT_MODE_MAX);
                context->parent = chance(s, 2) ? random_below(s, i) : CONTEXT_NONE;
                context->exclusive = chance(s, 12);
                context->set_up = chance(s, 5) ? NULL : make_fixture();
                context->tear_down = chance(s, 5) ? NULL : make_fixture();
                must(suite_add_context(s->suite, context) == 0);
                if (contexts_check(s->suite->contexts, i, &ignored) != CONTEXT_GOOD)
                        context->mode = CONTEXT_SPLIT;
        }
}

static void make_tests(Simulation *s) {
        unsigned n = 1 + random_below(s, TESTS_MAX);

        for (unsigned i = 0; i < n; i++) {
                Test *test;

                must(test_new("t", &test) == 0);
                test->context = random_below(s, (unsigned)s->suite->n_contexts + 1);
                test->exclusive = chance(s, 15);
                test->priority = chance(s, 6) ? (int)random_below(s, 3) - 1 : 0;
                must(suite_add(s->suite, test) == 0);
        }
}

/* The suite, and what is left of it. */
static void say_suite(const Simulation *s) {
        static const char *const modes[] = { "whole", "split", "shared" };

        for (uint32_t i = 1; i <= s->suite->n_contexts; i++) {
                const Context *context = get_context(s, i);

                say(s,
                    "context %u in %u: %s%s%s%s",
                    i,
                    context->parent,
                    modes[context->mode],
                    context->exclusive ? ", exclusive" : "",
                    context->set_up ? ", set-up" : "",
                    context->tear_down ? ", tear-down" : "");
        }
        for (uint32_t i = 0; i < s->suite->n_tests; i++)
                if (s->outcomes[i] == 0)
                        say(s,
                            "test %u in %u: priority %d%s",
                            i,
                            get_test_context(s, i),
                            s->suite->tests[i]->priority,
                            is_exclusive(s, i) ? ", exclusive" : "");
}

/* What was found is in problem. */
static void simulate(uint64_t seed, bool loud, char problem[static 200]) {
        static Simulation simulation;
        Simulation *s = &simulation;

        *s = (Simulation){ .seed = seed,
                           .random = ((seed + 1) * UINT64_C(0x9e3779b97f4a7c15)) ?: 1,
                           .loud = loud };
        for (unsigned i = 0; i < 8; i++)
                (void)random_next(s);
        must(suite_new("s", &s->suite) == 0);
        make_contexts(s);
        make_tests(s);
        s->n_slots = 1 + random_below(s, SLOTS_MAX);
        s->fail_fast = chance(s, 5) ? 1 + random_below(s, 3) : 0;
        must(schedule_new(s->suite, s->n_slots, &s->schedule) == 0);
        s->n_places = schedule_get_n_places(s->schedule);

        unsigned events = 0;
        bool calm = chance(s, 3);

        do {
                work(s);
                if (!calm && chance(s, 3)) {
                        surprise(s);
                        leave(s);
                        work(s);
                }
                if (!advance(s) && !is_complete(s))
                        find(s, "nothing goes on");
                if (++events > EVENTS_MAX)
                        find(s, "there is no end");
        } while (!s->problem[0] && !is_complete(s));
        if (s->problem[0])
                say_suite(s);
        else
                check_end(s);
        memcpy(problem, s->problem, sizeof(s->problem));
        schedule_free(s->schedule);
        suite_free(s->suite);
}

/* The same simulations each time, but with PTEST_SEED=random; a number is one simulation. */
static uint64_t get_seed(bool *ret_given) {
        const char *given = getenv("PTEST_SEED");
        uint64_t seed = 1;

        *ret_given = given && parse_uint64(given, &seed) >= 0;
        if (given && strcmp(given, "random") == 0)
                seed = clock_realtime();
        return seed;
}

#ifdef SCHEDULE_HAS_BUG

/* What a sanitizer finds is found, too. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
        return "abort_on_error=1";
}

static void on_abort(int signo) {
        static const char text[] = "found by an assertion of the schedule, or a sanitizer\n";

        (void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
        _exit(EXIT_SUCCESS);
}

int main(void) {
        char problem[200];
        bool given;
        uint64_t seed = get_seed(&given);

        signal(SIGABRT, on_abort);
        for (unsigned i = 0; i < BUG_SIMULATIONS; i++) {
                simulate(seed + i, false, problem);
                if (problem[0]) {
                        printf("found after %u simulations: %s\n", i + 1, problem);
                        return EXIT_SUCCESS;
                }
        }
        printf("the bug was not found\n");
        return EXIT_FAILURE;
}

#else

START_TEST(simulations_hold_what_always_holds)
{
        char problem[200];
        bool given;
        uint64_t seed = get_seed(&given);

        printf("PTEST_SEED=%" PRIu64 " and %u more\n", seed, given ? 0 : rounds(SIMULATIONS) - 1);
        fflush(stdout);
        for (unsigned i = 0; i < (given ? 1 : rounds(SIMULATIONS)); i++) {
                simulate(seed + i, given, problem);
                ck_assert_msg(!problem[0], "PTEST_SEED=%" PRIu64 ": %s", seed + i, problem);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-schedule");
        TCase *tcase = tcase_create("simulations");

        tcase_add_test(tcase, simulations_hold_what_always_holds);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

#endif
