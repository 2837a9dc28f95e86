/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/home.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/array.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/test.h"
#include "worker/exports.h"
#include "worker/judge.h"
#include "worker/keep.h"
#include "worker/oom.h"
#include "worker/page.h"

#define GONE "the process that it was set up in is gone"

/* How a host says that a test left a process behind. */
#define DIRTY_CHILD "child "
#define DIRTY_LIVES " lives: "

/* ---- Contexts ---- */

static void context_done(HomeContext *context) {
        free(context->name);
        strv_free(context->exports);
        result_free(context->torn_down);
}

static HomeContext *home_find_context(const Home *home, uint32_t instance) {
        for (size_t i = 0; i < home->n_contexts; i++)
                if (home->contexts[i].instance == instance)
                        return &home->contexts[i];
        return NULL;
}

bool home_has_context(const Home *home, uint32_t instance) {
        return home_find_context(home, instance) != NULL;
}

static bool context_is_up(const Home *home, const HomeContext *context) {
        return !context->torn_down && module_host_get_pid(home->host) > 0 &&
                        context->life == module_host_count_starts(home->host);
}

static int home_export(Home *home, const char *assignment) {
        return module_host_submit(
                        home->host, &(ModuleRequest){ .op = MODULE_OP_EXPORT, .name = assignment });
}

/* What it exported is in the environment of the tests that follow, in this process as in others. */
static int home_add_context(Home *home, char *const *exports) {
        HomeContext context = {
                .instance = home->fixture_instance,
                .life = module_host_count_starts(home->host),
                .name = strdup(home->fixture_name),
                .exports = strv_copy(exports),
        };
        int r = 0;

        if (!context.name || (exports && !context.exports) ||
            array_fit(home->contexts, home->n_contexts + 1) < 0) {
                context_done(&context);
                return -ENOMEM;
        }
        home->contexts[home->n_contexts++] = context;
        for (char *const *line = exports; line && *line && r >= 0; line++)
                r = home_export(home, *line);
        return r;
}

static const char *environment_find(char *const *environment, const char *assignment) {
        const size_t n = strcspn(assignment, "=");

        strv_for_each(entry, environment)
                if (strncmp(*entry, assignment, n) == 0 && (*entry)[n] == '=')
                        return *entry;
        return NULL;
}

/* What it exported goes with it. */
static int home_remove_context(Home *home, uint32_t instance) {
        HomeContext *context = home_find_context(home, instance);
        const bool lives = module_host_get_pid(home->host) > 0 && !home->unfit;
        int r = 0;

        if (!context)
                return 0;
        for (char **line = context->exports; line && *line && lives && r >= 0; line++) {
                const char *before = environment_find(home->environment, *line);
                _cleanup_free_ char *name = strndup(*line, strcspn(*line, "="));

                r = name ? home_export(home, before ?: name) : -ENOMEM;
        }
        context_done(context);
        *context = home->contexts[--home->n_contexts];
        return r;
}

/* ---- Making ---- */

/* What its own contexts have exported comes by another way: those who have it belong to the process that has set them up. */
static bool home_has_exported(const Home *home, const char *line) {
        for (size_t i = 0; i < home->n_contexts; i++)
                if (strv_contains(home->contexts[i].exports, line))
                        return true;
        return false;
}

/* home: NULL if there is none yet */
static int environment_make(
                const ModulesOptions *options, const Home *home, const Task *task, char ***ret) {
        _cleanup_strv_ char **environment = NULL, **exports = NULL;
        const Test *test = task->test;
        int r;

        strv_for_each(line, task->exports) {
                if (home && home_has_exported(home, *line))
                        continue;
                r = strv_extend(&exports, *line);
                if (r < 0)
                        return r;
        }
        r = env_apply(options->environment, test->env, test->n_env, &environment);
        if (r >= 0)
                r = exports_apply(exports, &environment);
        if (r >= 0)
                r = strv_extendf(&environment, "PTEST_ENV=%s", options->exports_path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(environment);
        return 0;
}

static int home_on_event(ModuleEvent *event, void *userdata);

int home_new(const ModulesOptions *options, const Task *task, Home **ret) {
        _cleanup_(home_freep) Home *home = calloc(1, sizeof(Home));
        const Test *test = task->test;
        int r;

        if (!home)
                return -ENOMEM;
        home->options = options;
        home->path = strdup(test->argv[0]);
        home->workdir = test->workdir ? strdup(test->workdir) : NULL;
        if (!home->path || (test->workdir && !home->workdir))
                return -ENOMEM;
        r = environment_make(options, NULL, task, &home->environment);
        if (r < 0)
                return r;
        r = module_host_new(
                        &(ModuleHostOptions){
                                        .program = options->program,
                                        .path = home->path,
                                        .worker_set_up = options->worker_set_up,
                                        .environment = home->environment,
                                        .workdir = home->workdir,
                                        .output_max = test->output_max,
                                        .grace_usec = test->grace_usec,
                                        .stops_at_bad = options->stops_at_bad,
                                        .page_fd = options->page_fd,
                                        .keep = options->keep,
                                        .oom = options->oom,
                                        .tree = options->tree,
                                        .limits = test->limits,
                                        .handler = home_on_event,
                                        .userdata = home,
                        },
                        &home->host);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(home);
        return 0;
}

static void home_forget_like(Home *home) {
        home->like = test_free(home->like);
        home->like_exports = strv_free(home->like_exports);
}

static void home_forget_fixture(Home *home) {
        home->fixture_id = 0;
        free(home->fixture_name);
        home->fixture_name = NULL;
        home->fixture_result = result_free(home->fixture_result);
}

Home *home_free(Home *home) {
        if (!home)
                return NULL;
        module_host_free(home->host);
        for (size_t i = 0; i < home->n_contexts; i++)
                context_done(&home->contexts[i]);
        free(home->contexts);
        home_forget_like(home);
        home_forget_fixture(home);
        strv_free(home->environment);
        free(home->workdir);
        free(home->path);
        free(home);
        return NULL;
}

/* ---- Fitting ---- */

static bool string_equal(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool env_ops_equal(const Test *a, const Test *b) {
        if (a->n_env != b->n_env)
                return false;
        for (size_t i = 0; i < a->n_env; i++)
                if (a->env[i].kind != b->env[i].kind ||
                    !string_equal(a->env[i].name, b->env[i].name) ||
                    !string_equal(a->env[i].value, b->env[i].value) ||
                    !string_equal(a->env[i].separator, b->env[i].separator))
                        return false;
        return true;
}

/* Best effort: without it the next test is looked at closely. */
static void home_note_like(Home *home, const Task *task) {
        const Test *test = task->test;

        home_forget_like(home);
        if (test_new(test->address, &home->like) < 0)
                return;
        for (size_t i = 0; i < test->n_env; i++)
                if (test_add_env(home->like,
                                 test->env[i].kind,
                                 test->env[i].name,
                                 test->env[i].value,
                                 test->env[i].separator) < 0) {
                        home_forget_like(home);
                        return;
                }
        home->like_exports = strv_copy(task->exports);
        if (task->exports && !home->like_exports)
                home_forget_like(home);
}

int home_fits(Home *home, const Task *task) {
        _cleanup_strv_ char **environment = NULL;
        const Test *test = task->test;
        int r;

        if (strcmp(home->path, test->argv[0]) != 0 || !string_equal(home->workdir, test->workdir))
                return 0;
        if (home->like && env_ops_equal(home->like, test) &&
            strv_equal(home->like_exports, task->exports))
                return 1;
        r = environment_make(home->options, home, task, &environment);
        if (r < 0)
                return r;
        if (!strv_equal(home->environment, environment))
                return 0;
        home_note_like(home, task);
        return 1;
}

/* ---- What comes of a test ---- */

static int lines_split(const char *text, char ***ret) {
        return text && text[0] ? strv_split(text, "\n", ret) : 0;
}

/* "child 12 lives: sleep 600": it was ended */
static int result_note_leak(Result *result, const char *line) {
        const char *lives = strstr(line, DIRTY_LIVES);

        if (!lives || !text_starts_with(line, DIRTY_CHILD))
                return 0;
        result->marks |= PTEST_MARK_LEAKY;
        return strv_extendf(
                        &result->leaks,
                        "%.*s %s",
                        (int)(lives - line - (ptrdiff_t)strlen(DIRTY_CHILD)),
                        line + strlen(DIRTY_CHILD),
                        lives + strlen(DIRTY_LIVES));
}

static int result_note_dirty(Result *result, char *const *dirty, bool unfit) {
        int r = 0;

        for (char *const *line = dirty; line && *line && r >= 0; line++)
                r = result_note_leak(result, *line);
        /* A process that stays was left as it was found: what lived was in a child of its own. */
        if (r < 0 || !unfit || strv_length(dirty) == 0)
                return r;
        result->marks |= PTEST_MARK_DIRTY;
        result->dirty = strv_copy(dirty);
        return result->dirty ? 0 : -ENOMEM;
}

/* A test in a child of its own: its end came from the kernel, and not from the test. */
static int result_judge_oom(const Home *home, Result *result) {
        _cleanup_free_ char *reason = NULL;
        OomEvidence evidence = {};
        int r;

        if (result->outcome != PTEST_OUTCOME_CRASH || result->signal != SIGKILL ||
            !home->options->oom)
                return 0;
        module_host_look_for_oom(home->host, &evidence);
        if (!evidence.kill)
                return 0;
        r = judge(&(JudgeFacts){ .protocol = TEST_PROTOCOL_MODULE,
                                 .code = CLD_KILLED,
                                 .status = SIGKILL,
                                 .oom = evidence,
                                 .memory_peak = evidence.memory_peak },
                  &result->outcome,
                  &reason);
        if (r < 0)
                return r;
        free(result->reason);
        result->reason = TAKE_PTR(reason);
        return 0;
}

/* Who was stopped for the run's end did not run into its own time limit. */
static int result_judge_interrupted(Result *result) {
        char buffer[FORMAT_MAX];

        if (result->outcome != PTEST_OUTCOME_TIMEOUT)
                return 0;
        result->outcome = PTEST_OUTCOME_NOT_RUN;
        return result_set_reason(
                        result, "interrupted after %s", format_time(buffer, result->duration_usec));
}

static int home_complete_result(const Home *home, const ModuleEvent *event) {
        Result *result = event->result;
        int r;

        r = lines_split(event->backtrace, &result->backtrace);
        if (r >= 0)
                r = result_note_dirty(result, event->dirty, event->unfit);
        if (r >= 0)
                r = result_judge_oom(home, result);
        if (r >= 0)
                r = module_host_tell_oom(home->host, result);
        if (r >= 0 && home->interrupted)
                r = result_judge_interrupted(result);
        return r;
}

static int home_finish(Home *home, ModulesResult *finished) {
        /* A second process: the first one went without a word, and took along what was set up in it. */
        if (module_host_count_starts(home->host) > 1)
                home->unfit = true;
        finished->unfit = home->unfit;
        return home->options->on_finished(finished, home->options->userdata);
}

static int home_on_test(Home *home, ModuleEvent *event) {
        ModulesResult finished = {
                .id = event->id,
                .result = event->result,
                .unstarted = event->posthumous,
        };
        int r;

        r = home_complete_result(home, event);
        if (r < 0)
                return r;
        if (!growth_has_begun(&home->growth, module_host_get_pid(home->host)))
                growth_begin(&home->growth, module_host_get_pid(home->host));
        event->result = NULL;
        r = home_finish(home, &finished);
        result_free(finished.result);
        return r;
}

/* ---- What comes of a fixture ---- */

/* The words of the function itself are better than those about it. */
static int home_note_fixture(Home *home, ModuleEvent *event) {
        const PtestRole role = event->kind == MODULE_RESULT_SET_UP ? PTEST_ROLE_SET_UP :
                                                                     PTEST_ROLE_TEAR_DOWN;
        int r;

        r = home_complete_result(home, event);
        if (r < 0)
                return r;
        if (home->fixture_id > 0 && home->fixture_id == event->id && home->fixture_role == role &&
            strcmp(home->fixture_name, event->name) == 0) {
                result_free(home->fixture_result);
                home->fixture_result = TAKE_PTR(event->result);
                return 0;
        }
        if (role == PTEST_ROLE_SET_UP)
                return 0;
        for (size_t i = 0; i < home->n_contexts; i++) {
                HomeContext *context = &home->contexts[i];

                if (strcmp(context->name, event->name) != 0 || context->torn_down ||
                    context->life != module_host_count_starts(home->host))
                        continue;
                context->torn_down = TAKE_PTR(event->result);
                return 0;
        }
        return 0;
}

/* What it wrote that cannot be understood fails a set-up. */
static int home_read_exports(Home *home, Result *result, char ***ret) {
        _cleanup_free_ char *problem = NULL;
        int r;

        r = exports_read(home->options->exports_path, ret, &problem);
        if (r < 0 || !problem || result->outcome != PTEST_OUTCOME_PASS)
                return r;
        result->outcome = PTEST_OUTCOME_ERROR;
        return result_set_reason(result, "%s", problem);
}

static int home_on_done(Home *home, ModuleEvent *event) {
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_strv_ char **exported = NULL;
        ModulesResult finished = { .id = event->id, .unstarted = event->posthumous };
        int r = 0;

        if (event->id == 0)
                return 0;
        result = TAKE_PTR(home->fixture_result);
        if (!result)
                result = TAKE_PTR(event->result);
        if (home->fixture_role == PTEST_ROLE_SET_UP) {
                r = home_read_exports(home, result, &exported);
                if (r >= 0 && result->outcome == PTEST_OUTCOME_PASS)
                        r = home_add_context(home, exported);
        } else
                r = home_remove_context(home, home->fixture_instance);
        if (r < 0)
                return r;
        home_forget_like(home);
        home_forget_fixture(home);
        finished.result = TAKE_PTR(result);
        finished.exported = TAKE_PTR(exported);
        r = home_finish(home, &finished);
        result_free(finished.result);
        strv_free(finished.exported);
        return r;
}

static int home_on_event(ModuleEvent *event, void *userdata) {
        Home *home = userdata;

        home->unfit |= event->unfit;
        switch (event->kind) {
        case MODULE_RESULT_TEST:
                return home_on_test(home, event);
        case MODULE_RESULT_SET_UP:
        case MODULE_RESULT_TEAR_DOWN:
                return home_note_fixture(home, event);
        case MODULE_RESULT_FOUND:
                return home->options->on_found(event->id, event->name, home->options->userdata);
        case MODULE_RESULT_DONE:
                return home_on_done(home, event);
        default: /* of what cannot be loaded every test says so */
                return 0;
        }
}

/* ---- Submitting ---- */

/* An answer that needs no process. */
static int home_answer(Home *home, uint64_t id, Result *result) {
        ModulesResult finished = { .id = id, .result = result, .unstarted = true };
        int r;

        r = home->options->on_finished(&finished, home->options->userdata);
        result_free(finished.result);
        return r;
}

static int home_answer_outcome(Home *home, const Task *task, Outcome outcome, const char *reason) {
        _cleanup_(result_freep) Result *result = NULL;
        int r;

        r = result_new(task->test->address, &result);
        if (r >= 0 && reason)
                r = result_set_reason(result, "%s", reason);
        if (r < 0)
                return r;
        result->outcome = outcome;
        return home_answer(home, task->id, TAKE_PTR(result));
}

/* Its process is not there any more, and has said how the tear-down went, or that there was nothing to be torn down, or nothing. */
static int home_answer_tear_down(Home *home, const Task *task, HomeContext *context) {
        _cleanup_(result_freep) Result *result = TAKE_PTR(context->torn_down);
        const bool in_order = context->life == module_host_count_starts(home->host) &&
                        module_host_left_in_order(home->host);
        int r;

        r = home_remove_context(home, task->instance);
        if (r < 0)
                return r;
        if (result)
                return home_answer(home, task->id, TAKE_PTR(result));
        return in_order ? home_answer_outcome(home, task, PTEST_OUTCOME_PASS, NULL) :
                          home_answer_outcome(home, task, PTEST_OUTCOME_SKIP, GONE);
}

static int home_begin_fixture(Home *home, const Task *task) {
        home_forget_fixture(home);
        home->fixture_name = strdup(task->test->argv[1]);
        if (!home->fixture_name)
                return -ENOMEM;
        home->fixture_id = task->id;
        home->fixture_role = task->role;
        home->fixture_instance = task->instance;
        if (task->role == PTEST_ROLE_SET_UP)
                (void)unlink(home->options->exports_path);
        return 0;
}

bool home_is_reserved(const Home *home) {
        return home->fixture_id > 0 || home->unfit ||
                        (module_host_count_pending(home->host) == 0 &&
                         !module_host_is_quiet(home->host));
}

int home_submit(Home *home, const Task *task) {
        static const ModuleOp ops[PTEST_ROLE_MAX] = {
                [PTEST_ROLE_TEST] = MODULE_OP_TEST,
                [PTEST_ROLE_SET_UP] = MODULE_OP_SET_UP,
                [PTEST_ROLE_TEAR_DOWN] = MODULE_OP_TEAR_DOWN,
        };
        int r;

        r = module_host_set_limits(home->host, &task->test->limits);
        if (r < 0)
                return r;
        if (task->role == PTEST_ROLE_TEAR_DOWN) {
                HomeContext *context = home_find_context(home, task->instance);

                assert(context);
                if (!context_is_up(home, context))
                        return home_answer_tear_down(home, task, context);
        }
        if (task->role != PTEST_ROLE_TEST) {
                r = home_begin_fixture(home, task);
                if (r < 0)
                        return r;
        }
        return module_host_submit(
                        home->host,
                        &(ModuleRequest){ .id = task->id,
                                          .op = ops[task->role],
                                          .name = task->test->argv[1],
                                          .timeout_usec = task->test->timeout_usec,
                                          .isolate = task->test->isolate,
                                          .stuck = (StuckPolicy)task->test->limits.stuck });
}
