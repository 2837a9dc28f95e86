/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* What a pedantic compiler says to <check.h> and to what is implemented here is not for the user to hear. */
#pragma GCC system_header

/*
 * How to make an existing suite of the Check framework a test module, without a change to its tests
 *
 *      #include <ptest/check.h>
 *
 *      Suite *money_suite(void);
 *      PTEST_CHECK_SUITE(money_suite)
 *
 * Compile this and the suite's own files as one shared object ("cc -shared -fPIC -o check-money.so check-money.c
 * money-module.c money.c"); <check.h> is needed, libcheck is not. The lines above may also stand at the end of the suite's own file:
 * a main() that is in it is not called by anybody. Any number of suites may be in one module.
 *
 * What becomes of what
 *
 *   - Each TCase is a context. Its unchecked fixtures are the context's set-up and tear-down; its checked fixtures run before and
 *     after each test. One with unchecked fixtures runs on one worker as a whole, others are spread. If there are several suites
 *     in a module, each is a context around its TCases.
 *   - Each test function is a test, "tcase::function", and each iteration of a loop is one, "tcase::function[i]". What is added twice is
 *     "function#2".
 *   - The TCase's timeout (4 s; CK_DEFAULT_TIMEOUT, CK_TIMEOUT_MULTIPLIER) is each test's, its tags are each test's tags.
 *   - As in Check, each test runs in a process of its own, forked from the one in which the unchecked set-ups were called. With CK_FORK=no
 *     in the environment, or PTEST_CHECK_SUITE(suite, .isolation = PTEST_ISOLATION_NONE), all are called in that process, one
 *     after the other, which is many times as fast: but for those that are expected to end by a signal or with an exit status.
 *   - CK_RUN_SUITE, CK_RUN_CASE, CK_INCLUDE_TAGS and CK_EXCLUDE_TAGS choose what is in the module.
 *   - Runners (SRunner) run nothing here, and write no log: that is what ptest does. PTEST_CHECK_MAIN(expression) is for suites that are
 *     put together in a main(): the expression is evaluated once, and each suite that it would have run, srunner_run_all()
 *     and the like, is taken into the module.
 *
 * What is different: a failed checked set-up or test is followed by the checked tear-downs. The tests of a TCase whose
 * unchecked set-up failed are reported, as not run. A test that fails an assertion has failed, even if it was expected to
 * exit with status 1; one that does not end as expected has failed, where Check speaks of an error.
 */

#include <ptest/test.h>

#include <check.h>
#include <sys/wait.h>
#include <unistd.h>

#if CHECK_MAJOR_VERSION == 0 && CHECK_MINOR_VERSION < 13
#        error "ptest/check.h is for Check 0.13 and later"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* For a suite, behind its maker. */
typedef struct PtestCheckOptions {
        int reserved_;            /* of this header */
        PtestIsolation isolation; /* as CK_FORK says, and in a process of its own if that says nothing */
} PtestCheckOptions;

/* ---- What Check's types point to here; their own names stay free for a suite that has a struct Suite itself ---- */

typedef struct PtestCheckFixture {
        SFun function;
        struct PtestCheckFixture *next;
} PtestCheckFixture;

typedef enum PtestCheckStage {
        PTEST_CHECK_SET_UP,
        PTEST_CHECK_TEAR_DOWN,
        PTEST_CHECK_BEFORE,
        PTEST_CHECK_AFTER,
        PTEST_CHECK_STAGES,
} PtestCheckStage;

/* A test function, as it was added. */
typedef struct PtestCheckEntry {
        const TTest *function;
        int signal, exit_status;
        int start, end;
        struct PtestCheckEntry *next;
} PtestCheckEntry;

typedef struct PtestCheckCase {
        const char *name, *tags;
        double timeout; /* seconds; 0: none */
        PtestCheckFixture *fixtures[PTEST_CHECK_STAGES];
        PtestCheckEntry *first, *last;
        size_t n_entries;
        struct PtestCheckCase *next; /* of the suite */
} PtestCheckCase;

typedef struct PtestCheckSuite {
        const char *name;
        PtestCheckCase *first, *last;
} PtestCheckSuite;

typedef struct PtestCheckRunner {
        Suite **suites;
        size_t n_suites;
        enum fork_status fork_status;
        const char *log, *xml, *tap;
        int n_tests;
} PtestCheckRunner;

/* ---- What is made of them ---- */

typedef struct PtestCheckTest {
        PtestTest test;
        const TTest *function;
        struct PtestCheckTest *same_hash;
} PtestCheckTest;

typedef struct PtestCheckContext {
        PtestContext context;
        const PtestCheckCase *tcase; /* NULL: of a suite */
        struct PtestCheckContext *next;
} PtestCheckContext;

/* A suite that is taken in. */
typedef struct PtestCheckTaken {
        const PtestCheckSuite *suite;
        const char *file;
        unsigned line;
        PtestCheckOptions options;
        const char *run_case, *include_tags, *exclude_tags;
        struct PtestCheckTaken *next;
} PtestCheckTaken;

/* What a macro below registers. */
typedef struct PtestCheckMaker {
        Suite *(*make)(void);
        const char *file;
        unsigned line;
        struct PtestCheckMaker *next;
        PtestCheckOptions options;
} PtestCheckMaker;

/* Of a module that may have several source files with this header: the linker keeps one of each. */
#define PTEST_CHECK_ONE_ __attribute__((weak, visibility("hidden")))

extern PTEST_CHECK_ONE_ struct PtestCheckState {
        PtestCheckMaker *first_maker, *last_maker;
        PtestCheckTaken *first_suite, *last_suite;
        PtestCheckContext *contexts;
        PtestFunction populate;       /* the one before ours */
        const PtestCheckMaker *maker; /* the one that is being called */
        const PtestCheckCase *tcase;  /* that of what runs */
        const TTest *function;        /* that which runs, or ran last */
} ptest_check_state;
PTEST_CHECK_ONE_ struct PtestCheckState ptest_check_state = {
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
};

PTEST_COLD_ static void *ptest_check_allocate_(size_t size) {
        void *memory = calloc(1, size);

        if (!memory) {
                fprintf(stderr, "out of memory\n");
                abort();
        }
        return memory;
}

PTEST_COLD_ static char *ptest_check_copy_(const char *text) {
        char *copy = (char *)ptest_check_allocate_(strlen(text) + 1);

        strcpy(copy, text);
        return copy;
}

/* ---- Making a suite ---- */

/* From Check's types to ours, and back */
PTEST_UNUSED_ static PtestCheckSuite *ptest_check_get_suite_(Suite *suite) {
        return (PtestCheckSuite *)(void *)suite;
}
PTEST_UNUSED_ static PtestCheckCase *ptest_check_get_case_(TCase *tcase) {
        return (PtestCheckCase *)(void *)tcase;
}
PTEST_UNUSED_ static PtestCheckRunner *ptest_check_get_runner_(SRunner *runner) {
        return (PtestCheckRunner *)(void *)runner;
}

PTEST_CHECK_ONE_ Suite *suite_create(const char *name) {
        PtestCheckSuite *suite = (PtestCheckSuite *)ptest_check_allocate_(sizeof(PtestCheckSuite));

        suite->name = ptest_check_copy_(name ? name : "");
        return (Suite *)(void *)suite;
}

PTEST_CHECK_ONE_ int suite_tcase(Suite *s, const char *name) {
        const PtestCheckSuite *suite = ptest_check_get_suite_(s);

        for (const PtestCheckCase *tcase = suite ? suite->first : NULL; tcase; tcase = tcase->next)
                if (strcmp(tcase->name, name) == 0)
                        return 1;
        return 0;
}

PTEST_CHECK_ONE_ void suite_add_tcase(Suite *s, TCase *tc) {
        PtestCheckSuite *suite = ptest_check_get_suite_(s);
        PtestCheckCase *tcase = ptest_check_get_case_(tc);

        if (!suite || !tcase)
                return;
        for (const PtestCheckCase *other = suite->first; other; other = other->next)
                if (other == tcase)
                        return;
        if (suite->last)
                suite->last->next = tcase;
        else
                suite->first = tcase;
        suite->last = tcase;
}

/* Of an environment variable that is a number and not negative; otherwise *ret stays as it is. */
PTEST_COLD_ static void ptest_check_get_number_(const char *name, double *ret) {
        const char *text = getenv(name);
        char *end = NULL;
        double value = text ? strtod(text, &end) : -1;

        if (text && end != text && *end == '\0' && value >= 0)
                *ret = value;
}

PTEST_CHECK_ONE_ void tcase_set_timeout(TCase *tc, double timeout) {
        double multiplier = 1;

        if (timeout < 0)
                return;
        ptest_check_get_number_("CK_TIMEOUT_MULTIPLIER", &multiplier);
        ptest_check_get_case_(tc)->timeout = timeout * multiplier;
}

PTEST_CHECK_ONE_ TCase *tcase_create(const char *name) {
        PtestCheckCase *tcase = (PtestCheckCase *)ptest_check_allocate_(sizeof(PtestCheckCase));
        TCase *tc = (TCase *)(void *)tcase;
        double timeout = 4;

        tcase->name = ptest_check_copy_(name ? name : "");
        tcase->tags = "";
        ptest_check_get_number_("CK_DEFAULT_TIMEOUT", &timeout);
        tcase_set_timeout(tc, timeout);
        return tc;
}

PTEST_CHECK_ONE_ void tcase_set_tags(TCase *tc, const char *tags) {
        ptest_check_get_case_(tc)->tags = ptest_check_copy_(tags ? tags : "");
}

/* Set-ups in their order, tear-downs in the opposite one. */
PTEST_COLD_ static void ptest_check_add_fixture_(
                TCase *tc, PtestCheckStage stage, SFun function, bool first) {
        PtestCheckFixture **link = &ptest_check_get_case_(tc)->fixtures[stage], *fixture;

        if (!function)
                return;
        fixture = (PtestCheckFixture *)ptest_check_allocate_(sizeof(PtestCheckFixture));
        fixture->function = function;
        while (*link && !first)
                link = &(*link)->next;
        fixture->next = *link;
        *link = fixture;
}

PTEST_CHECK_ONE_ void tcase_add_unchecked_fixture(TCase *tc, SFun setup, SFun teardown) {
        ptest_check_add_fixture_(tc, PTEST_CHECK_SET_UP, setup, false);
        ptest_check_add_fixture_(tc, PTEST_CHECK_TEAR_DOWN, teardown, true);
}

PTEST_CHECK_ONE_ void tcase_add_checked_fixture(TCase *tc, SFun setup, SFun teardown) {
        ptest_check_add_fixture_(tc, PTEST_CHECK_BEFORE, setup, false);
        ptest_check_add_fixture_(tc, PTEST_CHECK_AFTER, teardown, true);
}

PTEST_CHECK_ONE_ void _tcase_add_test(
                TCase *tc,
                const TTest *function,
                int signal,
                int allowed_exit_value,
                int start,
                int end) {
        PtestCheckCase *tcase = ptest_check_get_case_(tc);
        PtestCheckEntry *entry;

        if (!tcase || !function || start >= end)
                return;
        entry = (PtestCheckEntry *)ptest_check_allocate_(sizeof(PtestCheckEntry));
        entry->function = function;
        entry->signal = signal;
        entry->exit_status = allowed_exit_value & 0xff;
        entry->start = start;
        entry->end = end;
        if (tcase->last)
                tcase->last->next = entry;
        else
                tcase->first = entry;
        tcase->last = entry;
        tcase->n_entries++;
}

/* ---- In a test ---- */

/* The test function's, in spite of what it is called. */
PTEST_CHECK_ONE_ const char *tcase_name(void) {
        return ptest_check_state.function ? ptest_check_state.function->name : NULL;
}

PTEST_CHECK_ONE_ void tcase_fn_start(const char *fname, const char *file, int line) {
        (void)fname;
        (void)file;
        (void)line;
}

/* Where a test crashed is known without marks. */
PTEST_CHECK_ONE_ void _mark_point(const char *file, int line) {
        (void)file;
        (void)line;
}

PTEST_CHECK_ONE_ void _ck_assert_failed(
                const char *file, int line, const char *expr, const char *msg, ...) {
        const PtestFailure failure = ptest_failure_(
                        file, (unsigned)line, PTEST_VALUE_NONE, NULL, NULL, NULL);
        char text[2048];
        va_list ap;

        va_start(ap, msg);
        if (msg)
                (void)vsnprintf(text, sizeof(text), msg, ap);
        va_end(ap);
        ptest_fail_at_(&failure, " %s", msg ? text : expr);
}

PTEST_CHECK_ONE_ pid_t check_fork(void) {
        pid_t pid = fork();

        if (pid < 0) {
                const PtestFailure failure = ptest_failure_(
                                "check_fork", 0, PTEST_VALUE_NONE, NULL, NULL, NULL);

                ptest_fail_at_(&failure, " cannot fork: %s", strerror(errno));
        }
        return pid;
}

PTEST_CHECK_ONE_ void check_waitpid_and_exit(pid_t pid) {
        int status = 0;

        if (pid > 0) {
                while (waitpid(pid, &status, 0) < 0)
                        if (errno != EINTR)
                                exit(EXIT_FAILURE);
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                        exit(EXIT_FAILURE);
        }
        exit(EXIT_SUCCESS);
}

PTEST_CHECK_ONE_ void check_set_max_msg_size(size_t max_msg_size) {
        (void)max_msg_size;
}

PTEST_CHECK_ONE_ int check_major_version = CHECK_MAJOR_VERSION;
PTEST_CHECK_ONE_ int check_minor_version = CHECK_MINOR_VERSION;
PTEST_CHECK_ONE_ int check_micro_version = CHECK_MICRO_VERSION;

/* ---- Running, as the host calls it ---- */

PTEST_CHECK_ONE_ void ptest_check_run_(const PtestCall *call) {
        const PtestCheckTest *test = (const PtestCheckTest *)(const void *)call->test;
        const PtestCheckContext *context =
                        (const PtestCheckContext *)(const void *)test->test.context;

        ptest_check_state.tcase = context->tcase;
        ptest_check_state.function = test->function;
        test->function->fn((int)call->value);
}

PTEST_UNUSED_ static void ptest_check_run_fixtures_(PtestCheckStage stage) {
        const PtestCheckFixture *fixture = ptest_check_state.tcase->fixtures[stage];

        for (; fixture; fixture = fixture->next)
                fixture->function();
}

PTEST_CHECK_ONE_ void ptest_check_set_up_(void) {
        ptest_check_run_fixtures_(PTEST_CHECK_SET_UP);
}
PTEST_CHECK_ONE_ void ptest_check_tear_down_(void) {
        ptest_check_run_fixtures_(PTEST_CHECK_TEAR_DOWN);
}
PTEST_CHECK_ONE_ void ptest_check_before_(void) {
        ptest_check_run_fixtures_(PTEST_CHECK_BEFORE);
}
PTEST_CHECK_ONE_ void ptest_check_after_(void) {
        ptest_check_run_fixtures_(PTEST_CHECK_AFTER);
}

PTEST_CHECK_ONE_ void ptest_check_guard_(const PtestContext *context, PtestFunction function) {
        ptest_check_state.tcase = ((const PtestCheckContext *)(const void *)context)->tcase;
        function();
}

/* ---- Taking in ---- */

/* Of any text a name: no control characters, no "::", no space around it, not empty, and not longer than names can be. */
PTEST_COLD_ static char *ptest_check_make_name_(const char *text) {
        char *name;
        size_t n;

        while (*text == ' ')
                text++;
        name = ptest_check_copy_(*text ? text : "_");
        for (n = 0; name[n] && n < 200; n++)
                if ((unsigned char)name[n] < ' ' || name[n] == 127 ||
                    (name[n] == ':' && (name[n + 1] == ':' || (n > 0 && text[n - 1] == ':'))))
                        name[n] = '_';
        /* Not within a character of UTF-8. */
        while (name[n] && n > 0 && ((unsigned char)name[n] & 0xC0) == 0x80)
                n--;
        name[n] = '\0';
        while (n > 1 && name[n - 1] == ' ')
                name[--n] = '\0';
        return name;
}

/* "name", "name#2", … */
PTEST_COLD_ static char *ptest_check_make_numbered_(const char *name, unsigned number) {
        char *numbered;

        if (number < 2)
                return ptest_check_copy_(name);
        numbered = (char *)ptest_check_allocate_(strlen(name) + 12);
        sprintf(numbered, "%s#%u", name, number);
        return numbered;
}

PTEST_COLD_ static bool ptest_check_has_context_(const PtestContext *parent, const char *name) {
        const PtestCheckContext *c = ptest_check_state.contexts;

        while (c && (c->context.options.parent != parent || strcmp(c->context.name, name) != 0))
                c = c->next;
        return c != NULL;
}

PTEST_COLD_ static PtestCheckContext *ptest_check_add_context_(
                const PtestCheckTaken *suite,
                const PtestCheckCase *tcase,
                PtestContext *parent,
                const char *name) {
        PtestCheckContext *c = (PtestCheckContext *)ptest_check_allocate_(
                        sizeof(PtestCheckContext));
        char *plain = ptest_check_make_name_(name), *numbered = NULL;
        unsigned number = 0;

        do {
                free(numbered);
                numbered = ptest_check_make_numbered_(plain, ++number);
        } while (ptest_check_has_context_(parent, numbered));
        free(plain);

        c->tcase = tcase;
        c->context.size = sizeof(PtestContext);
        c->context.name = numbered;
        c->context.file = suite->file;
        c->context.line = suite->line;
        c->context.options.parent = parent;
        c->context.options.mode = PTEST_MODE_SPLIT;
        c->context.guard = ptest_check_guard_;
        c->next = ptest_check_state.contexts;
        ptest_check_state.contexts = c;
        ptest_register_context(&c->context);
        return c;
}

PTEST_COLD_ static void ptest_check_set_fixtures_(
                PtestContextOptions *options, PtestCheckFixture *const *fixtures, bool isolated) {
        if (fixtures[PTEST_CHECK_SET_UP])
                options->set_up = ptest_check_set_up_;
        if (fixtures[PTEST_CHECK_TEAR_DOWN])
                options->tear_down = ptest_check_tear_down_;
        if (fixtures[PTEST_CHECK_BEFORE])
                options->before_each = ptest_check_before_;
        if (fixtures[PTEST_CHECK_AFTER])
                options->after_each = ptest_check_after_;
        /* In one process, tests may rely on each other's traces, as they can there. */
        if (options->set_up || options->tear_down || !isolated)
                options->mode = PTEST_MODE_WHOLE;
}

PTEST_COLD_ static unsigned ptest_check_get_timeout_ms_(const PtestCheckCase *tcase) {
        if (tcase->timeout <= 0)
                return UINT32_MAX;
        return tcase->timeout < 4000000 ? (unsigned)(tcase->timeout * 1000) + 1 : UINT32_MAX;
}

PTEST_COLD_ static PtestCheckTest *ptest_check_make_test_(
                PtestCheckContext *context,
                const PtestCheckEntry *entry,
                const char *name,
                bool isolated) {
        PtestCheckTest *t = (PtestCheckTest *)ptest_check_allocate_(sizeof(PtestCheckTest));
        PtestOptions *options = &t->test.options;

        t->function = entry->function;
        t->test.size = sizeof(PtestTest);
        t->test.kind = entry->start == 0 && entry->end == 1 ? PTEST_KIND_SINGLE : PTEST_KIND_RANGE;
        t->test.name = name;
        t->test.file = entry->function->file;
        t->test.line = (unsigned)entry->function->line;
        t->test.context = &context->context;
        t->test.run = ptest_check_run_;
        t->test.count = (size_t)((int64_t)entry->end - entry->start);
        t->test.first = entry->start;
        options->timeout_ms = ptest_check_get_timeout_ms_(context->tcase);
        options->tags = context->tcase->tags;
        options->expect_signal = entry->signal;
        if (entry->signal == 0 && entry->exit_status != 0)
                options->expect_exit_ = entry->exit_status + 1;
        else if (entry->signal == 0 && isolated)
                options->expect_exit_ = PTEST_EXIT_OR_RETURN_;
        return t;
}

/* A name that no test in the table has, which gets it. */
PTEST_COLD_ static char *ptest_check_find_name_(
                PtestCheckTest **table, size_t size, const char *plain, size_t *ret_bucket) {
        for (unsigned number = 1;; number++) {
                char *name = ptest_check_make_numbered_(plain, number);
                const PtestCheckTest *other;
                size_t hash = 5381;

                for (const char *c = name; *c; c++)
                        hash = hash * 33 + (unsigned char)*c;
                *ret_bucket = hash % size;
                other = table[*ret_bucket];
                while (other && strcmp(other->test.name, name) != 0)
                        other = other->same_hash;
                if (!other)
                        return name;
                free(name);
        }
}

PTEST_COLD_ static void ptest_check_take_tcase_(
                const PtestCheckTaken *suite, PtestContext *parent, const PtestCheckCase *tcase) {
        const bool isolated = suite->options.isolation != PTEST_ISOLATION_NONE;
        const size_t size = 2 * tcase->n_entries + 1;
        PtestCheckTest **table = (PtestCheckTest **)ptest_check_allocate_(
                        size * sizeof(PtestCheckTest *));
        PtestCheckContext *context = ptest_check_add_context_(suite, tcase, parent, tcase->name);

        ptest_check_set_fixtures_(&context->context.options, tcase->fixtures, isolated);
        for (const PtestCheckEntry *e = tcase->first; e; e = e->next) {
                char *plain = ptest_check_make_name_(e->function->name);
                size_t bucket = 0;
                char *name = ptest_check_find_name_(table, size, plain, &bucket);
                PtestCheckTest *test = ptest_check_make_test_(context, e, name, isolated);

                free(plain);
                test->same_hash = table[bucket];
                table[bucket] = test;
                ptest_register_test(&test->test);
        }
        free(table);
}

/* Whether one of the words of a is one of the words of b. */
PTEST_COLD_ static bool ptest_check_share_a_word_(const char *a, const char *b) {
        for (; *a; a += strcspn(a, " ")) {
                size_t n;

                a += strspn(a, " ");
                n = strcspn(a, " ");
                for (const char *w = b + strspn(b, " "); n > 0 && *w;
                     w += strcspn(w, " "), w += strspn(w, " "))
                        if (strcspn(w, " ") == n && strncmp(a, w, n) == 0)
                                return true;
        }
        return false;
}

PTEST_COLD_ static bool ptest_check_is_chosen_(
                const PtestCheckTaken *suite, const PtestCheckCase *tcase) {
        if (suite->run_case && strcmp(suite->run_case, tcase->name) != 0)
                return false;
        if (suite->include_tags && !ptest_check_share_a_word_(suite->include_tags, tcase->tags))
                return false;
        return !suite->exclude_tags || !ptest_check_share_a_word_(suite->exclude_tags, tcase->tags);
}

/* Arguments that are NULL are those of the environment, as srunner_run_tagged() has it. The number of tests */
PTEST_COLD_ static int ptest_check_add_suite_(
                const PtestCheckSuite *suite,
                const char *suite_name,
                const char *case_name,
                const char *include_tags,
                const char *exclude_tags,
                enum fork_status fork_status) {
        const PtestCheckMaker *maker = ptest_check_state.maker;
        PtestCheckTaken *taken;
        int n = 0;

        suite_name = suite_name ? suite_name : getenv("CK_RUN_SUITE");
        if (!suite || (suite_name && strcmp(suite_name, suite->name) != 0))
                return 0;
        taken = (PtestCheckTaken *)ptest_check_allocate_(sizeof(PtestCheckTaken));
        taken->suite = suite;
        taken->file = maker ? maker->file : "?";
        taken->line = maker ? maker->line : 0;
        if (maker)
                taken->options = maker->options;
        if (taken->options.isolation == PTEST_ISOLATION_DEFAULT && fork_status == CK_NOFORK)
                taken->options.isolation = PTEST_ISOLATION_NONE;
        taken->run_case = case_name ? case_name : getenv("CK_RUN_CASE");
        taken->include_tags = include_tags ? include_tags : getenv("CK_INCLUDE_TAGS");
        taken->exclude_tags = exclude_tags ? exclude_tags : getenv("CK_EXCLUDE_TAGS");
        if (ptest_check_state.last_suite)
                ptest_check_state.last_suite->next = taken;
        else
                ptest_check_state.first_suite = taken;
        ptest_check_state.last_suite = taken;
        for (const PtestCheckCase *tcase = suite->first; tcase; tcase = tcase->next)
                for (const PtestCheckEntry *e = tcase->first; e; e = e->next)
                        n += ptest_check_is_chosen_(taken, tcase) ? e->end - e->start : 0;
        return n;
}

PTEST_COLD_ static enum fork_status ptest_check_get_fork_status_(void) {
        const char *text = getenv("CK_FORK");

        return text && strcmp(text, "no") == 0 ? CK_NOFORK : CK_FORK;
}

/* After loading: what all source files have registered, and what was there before. */
PTEST_CHECK_ONE_ void ptest_check_populate_(void) {
        if (ptest_check_state.populate)
                ptest_check_state.populate();
        for (PtestCheckMaker *m = ptest_check_state.first_maker; m; m = m->next) {
                ptest_check_state.maker = m;
                (void)ptest_check_add_suite_(
                                ptest_check_get_suite_(m->make()),
                                NULL,
                                NULL,
                                NULL,
                                NULL,
                                ptest_check_get_fork_status_());
        }
        ptest_check_state.maker = NULL;
        for (const PtestCheckTaken *s = ptest_check_state.first_suite; s; s = s->next) {
                PtestContext *parent = NULL;

                if (ptest_check_state.first_suite->next)
                        parent = &ptest_check_add_context_(s, NULL, NULL, s->suite->name)->context;
                for (const PtestCheckCase *tcase = s->suite->first; tcase; tcase = tcase->next)
                        if (ptest_check_is_chosen_(s, tcase))
                                ptest_check_take_tcase_(s, parent, tcase);
        }
}

PTEST_CHECK_ONE_ void ptest_check_add_maker_(PtestCheckMaker *maker) {
        if (!ptest_check_state.first_maker) {
                ptest_check_state.populate = ptest_module_v1.populate;
                ptest_module_v1.populate = ptest_check_populate_;
        }
        if (ptest_check_state.last_maker)
                ptest_check_state.last_maker->next = maker;
        else
                ptest_check_state.first_maker = maker;
        ptest_check_state.last_maker = maker;
}

/* ---- Runners: what they would run is taken in ---- */

PTEST_CHECK_ONE_ void srunner_add_suite(SRunner *sr, Suite *suite) {
        PtestCheckRunner *runner = ptest_check_get_runner_(sr);
        Suite **suites;

        if (!suite)
                return;
        suites = (Suite **)realloc(runner->suites, (runner->n_suites + 1) * sizeof(Suite *));
        if (!suites)
                abort();
        runner->suites = suites;
        suites[runner->n_suites++] = suite;
}

PTEST_CHECK_ONE_ SRunner *srunner_create(Suite *suite) {
        PtestCheckRunner *runner = (PtestCheckRunner *)ptest_check_allocate_(
                        sizeof(PtestCheckRunner));
        SRunner *sr = (SRunner *)(void *)runner;

        runner->fork_status = CK_FORK_GETENV;
        srunner_add_suite(sr, suite);
        return sr;
}

/* Suites stay: their tests are the module's now. */
PTEST_CHECK_ONE_ void srunner_free(SRunner *sr) {
        PtestCheckRunner *runner = ptest_check_get_runner_(sr);

        if (!runner)
                return;
        free(runner->suites);
        free(runner);
}

PTEST_CHECK_ONE_ enum fork_status srunner_fork_status(SRunner *sr) {
        const PtestCheckRunner *runner = ptest_check_get_runner_(sr);

        return runner->fork_status == CK_FORK_GETENV ? ptest_check_get_fork_status_() :
                                                       runner->fork_status;
}

PTEST_CHECK_ONE_ void srunner_set_fork_status(SRunner *sr, enum fork_status status) {
        ptest_check_get_runner_(sr)->fork_status = status;
}

PTEST_CHECK_ONE_ void srunner_run_tagged(
                SRunner *sr,
                const char *sname,
                const char *tcname,
                const char *include_tags,
                const char *exclude_tags,
                enum print_output print_mode) {
        PtestCheckRunner *runner = ptest_check_get_runner_(sr);

        (void)print_mode;
        for (size_t i = 0; i < runner->n_suites; i++)
                runner->n_tests += ptest_check_add_suite_(
                                ptest_check_get_suite_(runner->suites[i]),
                                sname,
                                tcname,
                                include_tags,
                                exclude_tags,
                                srunner_fork_status(sr));
}

PTEST_CHECK_ONE_ void srunner_run(
                SRunner *runner,
                const char *sname,
                const char *tcname,
                enum print_output print_mode) {
        srunner_run_tagged(runner, sname, tcname, NULL, NULL, print_mode);
}

PTEST_CHECK_ONE_ void srunner_run_all(SRunner *runner, enum print_output print_mode) {
        srunner_run_tagged(runner, NULL, NULL, NULL, NULL, print_mode);
}

/* Nothing has run yet, and so nothing has failed. */
PTEST_CHECK_ONE_ int srunner_ntests_failed(SRunner *runner) {
        (void)runner;
        return 0;
}

PTEST_CHECK_ONE_ int srunner_ntests_run(SRunner *sr) {
        return ptest_check_get_runner_(sr)->n_tests;
}

PTEST_CHECK_ONE_ TestResult **srunner_failures(SRunner *runner) {
        (void)runner;
        return (TestResult **)ptest_check_allocate_(sizeof(TestResult *));
}

PTEST_CHECK_ONE_ TestResult **srunner_results(SRunner *sr) {
        return (TestResult **)ptest_check_allocate_(
                        ((size_t)srunner_ntests_run(sr) + 1) * sizeof(TestResult *));
}

PTEST_CHECK_ONE_ void srunner_print(SRunner *runner, enum print_output print_mode) {
        (void)runner;
        (void)print_mode;
}

PTEST_CHECK_ONE_ int tr_rtype(TestResult *tr) {
        (void)tr;
        return CK_TEST_RESULT_INVALID;
}
PTEST_CHECK_ONE_ enum ck_result_ctx tr_ctx(TestResult *tr) {
        (void)tr;
        return CK_CTX_INVALID;
}
PTEST_CHECK_ONE_ const char *tr_msg(TestResult *tr) {
        (void)tr;
        return "";
}
PTEST_CHECK_ONE_ int tr_lno(TestResult *tr) {
        (void)tr;
        return -1;
}
PTEST_CHECK_ONE_ const char *tr_lfile(TestResult *tr) {
        (void)tr;
        return "";
}
PTEST_CHECK_ONE_ const char *tr_tcname(TestResult *tr) {
        (void)tr;
        return "";
}

/* Names of files are kept, and nothing is written to them. */
PTEST_CHECK_ONE_ void srunner_set_log(SRunner *sr, const char *fname) {
        ptest_check_get_runner_(sr)->log = fname;
}
PTEST_CHECK_ONE_ int srunner_has_log(SRunner *sr) {
        return ptest_check_get_runner_(sr)->log != NULL;
}
PTEST_CHECK_ONE_ const char *srunner_log_fname(SRunner *sr) {
        return ptest_check_get_runner_(sr)->log;
}
PTEST_CHECK_ONE_ void srunner_set_xml(SRunner *sr, const char *fname) {
        ptest_check_get_runner_(sr)->xml = fname;
}
PTEST_CHECK_ONE_ int srunner_has_xml(SRunner *sr) {
        return ptest_check_get_runner_(sr)->xml != NULL;
}
PTEST_CHECK_ONE_ const char *srunner_xml_fname(SRunner *sr) {
        return ptest_check_get_runner_(sr)->xml;
}
PTEST_CHECK_ONE_ void srunner_set_tap(SRunner *sr, const char *fname) {
        ptest_check_get_runner_(sr)->tap = fname;
}
PTEST_CHECK_ONE_ int srunner_has_tap(SRunner *sr) {
        return ptest_check_get_runner_(sr)->tap != NULL;
}
PTEST_CHECK_ONE_ const char *srunner_tap_fname(SRunner *sr) {
        return ptest_check_get_runner_(sr)->tap;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

/* ---- For the user ---- */

#define PTEST_CHECK_PASTE_(a_, b_)      PTEST_CHECK_PASTE_MORE_(a_, b_)
#define PTEST_CHECK_PASTE_MORE_(a_, b_) a_##b_

#define PTEST_CHECK_REGISTER_(id_, make_, ...)                                                     \
        PTEST_QUIET_                                                                               \
        static PtestCheckMaker PTEST_CHECK_PASTE_(ptest_check_maker_, id_) = {                     \
                make_, __FILE__, __LINE__, NULL, {.reserved_ = 0, __VA_ARGS__},                  \
        };                                                                                         \
        PTEST_LOUD_                                                                                \
        __attribute__((constructor)) static void PTEST_CHECK_PASTE_(ptest_check_add_, id_)(void) { \
                ptest_check_add_maker_(&PTEST_CHECK_PASTE_(ptest_check_maker_, id_));              \
        }

/* PTEST_CHECK_SUITE(maker, options…): what Suite *maker(void) makes is in this module. */
#define PTEST_CHECK_SUITE(maker_, ...) \
        PTEST_CHECK_REGISTER_(maker_, maker_, __VA_ARGS__) PTEST_SEMICOLON_(maker_)

/*
 * PTEST_CHECK_MAIN(expression, options…): what runs while the expression is evaluated, once, is in this module: that of a main()
 * by another name ("#define main money_main" before it is included), or srunner_run_all(make_runner(), CK_ENV).
 */
#define PTEST_CHECK_MAIN(expression_, ...) PTEST_CHECK_MAIN_(__LINE__, expression_, __VA_ARGS__)
#define PTEST_CHECK_MAIN_(line_, expression_, ...)                                              \
        static Suite *PTEST_CHECK_PASTE_(ptest_check_main_, line_)(void) {                      \
                (void)(expression_);                                                            \
                return NULL;                                                                    \
        }                                                                                       \
        PTEST_CHECK_REGISTER_(line_, PTEST_CHECK_PASTE_(ptest_check_main_, line_), __VA_ARGS__) \
        PTEST_SEMICOLON_(main)
