/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/modules.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "worker/home.h"
#include "worker/page.h"
#include "worker/peek.h"

/* Hosts that wait for tests of their module. Each holds what its module has loaded, which may be much. */
#define HOMES_KEPT 4

/* With those that hold a context, which nobody can end. */
#define HOMES_MAX 256

/* Of the page for hosts: above the numbers that they expect their own at. */
#define PAGE_FD_START 10

#define GONE "the process that it was set up in is gone"

struct Modules {
        ModulesOptions options; /* page_fd is ours */
        Home *homes[HOMES_MAX];
        size_t n_homes;
        Home *active; /* weak; the one that something was submitted to last */
        uint64_t clock;
        int64_t leader; /* as the page has it */
};

int modules_new(const ModulesOptions *options, Modules **ret) {
        _cleanup_(modules_freep) Modules *modules = calloc(1, sizeof(Modules));

        if (!modules)
                return -ENOMEM;
        modules->options = *options;
        modules->options.page_fd = fcntl(options->page_fd, F_DUPFD_CLOEXEC, PAGE_FD_START);
        if (modules->options.page_fd < 0)
                return -errno;
        *ret = TAKE_PTR(modules);
        return 0;
}

Modules *modules_free(Modules *modules) {
        if (!modules)
                return NULL;
        for (size_t i = 0; i < modules->n_homes; i++)
                home_free(modules->homes[i]);
        fd_close(modules->options.page_fd);
        free(modules);
        return NULL;
}

/* ---- Looking ---- */

size_t modules_count_pending(const Modules *modules) {
        return modules->active ? module_host_count_pending(modules->active->host) : 0;
}

bool modules_are_quiet(const Modules *modules) {
        for (size_t i = 0; i < modules->n_homes; i++)
                if (!module_host_is_quiet(modules->homes[i]->host))
                        return false;
        return true;
}

bool modules_are_gone(const Modules *modules) {
        for (size_t i = 0; i < modules->n_homes; i++)
                if (!module_host_is_gone(modules->homes[i]->host))
                        return false;
        return true;
}

uint64_t modules_get_growth(const Modules *modules) {
        uint64_t sum = 0;

        for (size_t i = 0; i < modules->n_homes; i++) {
                const Home *home = modules->homes[i];
                const pid_t pid = module_host_get_pid(home->host);

                if (pid > 0 && growth_has_begun(&home->growth, pid))
                        sum += growth_look(&home->growth);
        }
        return sum;
}

/* ---- Homes ---- */

static void modules_remove(Modules *modules, size_t i) {
        if (modules->active == modules->homes[i])
                modules->active = NULL;
        home_free(modules->homes[i]);
        modules->homes[i] = modules->homes[--modules->n_homes];
}

/* Makes room for one more. 1: there is some, 0: a host is about to end for it */
static int modules_make_room(Modules *modules) {
        size_t found = modules->n_homes;

        if (modules->n_homes < HOMES_KEPT)
                return 1;
        for (size_t i = 0; i < modules->n_homes; i++)
                if (modules->homes[i]->n_contexts == 0 &&
                    (found == modules->n_homes ||
                     modules->homes[i]->used < modules->homes[found]->used))
                        found = i;
        if (found == modules->n_homes)
                return modules->n_homes < HOMES_MAX ? 1 : -ENOBUFS;
        module_host_begin_stop(modules->homes[found]->host);
        if (!module_host_is_gone(modules->homes[found]->host))
                return 0;
        modules_remove(modules, found);
        return 1;
}

static int modules_find(Modules *modules, const Task *task, Home **ret) {
        int r;

        *ret = NULL;
        if (modules->active) {
                r = home_fits(modules->active, task);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret = modules->active;
                        return 0;
                }
        }
        for (size_t i = 0; i < modules->n_homes; i++) {
                r = home_fits(modules->homes[i], task);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret = modules->homes[i];
                        return 0;
                }
        }
        return 0;
}

static Home *modules_find_instance(const Modules *modules, uint32_t instance) {
        for (size_t i = 0; i < modules->n_homes; i++)
                if (home_has_context(modules->homes[i], instance))
                        return modules->homes[i];
        return NULL;
}

/* -EAGAIN: a host has to end before there is room for it */
static int modules_get_home(Modules *modules, const Task *task, Home **ret) {
        int r;

        r = modules_find(modules, task, ret);
        if (r < 0 || *ret)
                return r;
        if (!modules_are_quiet(modules))
                return -EAGAIN;
        r = modules_make_room(modules);
        if (r <= 0)
                return r < 0 ? r : -EAGAIN;
        r = home_new(&modules->options, task, ret);
        if (r < 0)
                return r;
        modules->homes[modules->n_homes++] = *ret;
        return 0;
}

/* ---- Submitting ---- */

/* It was set up by another worker, or by a process that went without a word. */
static int modules_answer_gone(Modules *modules, const Task *task) {
        ModulesResult finished = { .id = task->id, .unstarted = true };
        int r;

        r = result_new(task->test->address, &finished.result);
        if (r >= 0)
                r = result_set_reason(finished.result, "%s", GONE);
        if (r >= 0) {
                finished.result->outcome = PTEST_OUTCOME_SKIP;
                r = modules->options.on_finished(&finished, modules->options.userdata);
        }
        result_free(finished.result);
        return r;
}

static int modules_submit_tear_down(Modules *modules, const Task *task) {
        Home *home = modules_find_instance(modules, task->instance);

        if (!modules_are_quiet(modules))
                return -EAGAIN;
        if (!home)
                return modules_answer_gone(modules, task);
        home->used = ++modules->clock;
        modules->active = home;
        return home_submit(home, task);
}

/* Nothing but tests goes behind tests, and that only in the same host. */
static bool home_takes(const Modules *modules, const Home *home, const Task *task) {
        if (home_is_reserved(home))
                return false;
        if (task->role == PTEST_ROLE_TEST && home == modules->active &&
            module_host_has_limits(home->host, &task->test->limits))
                return true;
        return modules_are_quiet(modules);
}

int modules_submit(Modules *modules, const Task *task) {
        Home *home = NULL;
        int r;

        if (task->role == PTEST_ROLE_TEAR_DOWN)
                return modules_submit_tear_down(modules, task);
        r = modules_get_home(modules, task, &home);
        if (r < 0)
                return r;
        if (!home_takes(modules, home, task))
                return -EAGAIN;
        /* Its loading is a part of what it runs first: who looks at the page must see that something goes on. */
        if (modules_count_pending(modules) == 0 && module_host_get_pid(home->host) == 0)
                page_note_start(modules->options.page, task->id, clock_machine());
        home->used = ++modules->clock;
        modules->active = home;
        return home_submit(home, task);
}

size_t modules_withdraw(Modules *modules) {
        return modules->active ? module_host_withdraw(modules->active->host) : 0;
}

void modules_interrupt(Modules *modules) {
        if (modules_count_pending(modules) == 0)
                return;
        modules->active->interrupted = true;
        module_host_interrupt(modules->active->host);
}

bool modules_are_looked_at(const Modules *modules) {
        for (size_t i = 0; i < modules->n_homes; i++)
                if (module_host_is_looked_at(modules->homes[i]->host))
                        return true;
        return false;
}

void modules_note_away(Modules *modules) {
        for (size_t i = 0; i < modules->n_homes; i++)
                module_host_note_away(modules->homes[i]->host);
}

int modules_peek(const Modules *modules, uint64_t id, PeekStream *out, PeekStream *err) {
        return modules->active ? module_host_peek(modules->active->host, id, out, err) : 0;
}

void modules_begin_stop(Modules *modules) {
        for (size_t i = 0; i < modules->n_homes; i++)
                module_host_begin_stop(modules->homes[i]->host);
}

/* ---- The loop ---- */

size_t modules_get_fds(const Modules *modules, struct pollfd *fds, size_t max) {
        size_t n = 0;

        for (size_t i = 0; i < modules->n_homes && n + MODULE_HOST_FDS_MAX <= max; i++) {
                module_host_get_fds(modules->homes[i]->host, fds + n);
                n += MODULE_HOST_FDS_MAX;
        }
        return n;
}

uint64_t modules_get_deadline(const Modules *modules) {
        uint64_t deadline = USEC_INFINITY;

        for (size_t i = 0; i < modules->n_homes; i++)
                deadline = MIN(deadline, module_host_get_deadline(modules->homes[i]->host));
        return deadline;
}

/* What it does before what it was asked for does not count against that. */
static void modules_note_page(Modules *modules) {
        const Home *active = modules->active;
        const int64_t leader = active && modules_count_pending(modules) > 0 ?
                        module_host_get_pid(active->host) :
                        0;

        if (leader != modules->leader) {
                modules->leader = leader;
                page_note_leader(modules->options.page, leader);
        }
        if (active && module_host_is_preparing(active->host))
                page_note_time(modules->options.page, clock_machine());
}

static bool fds_are_ready(const struct pollfd *fds) {
        for (size_t i = 0; i < MODULE_HOST_FDS_MAX; i++)
                if (fds[i].revents)
                        return true;
        return false;
}

int modules_dispatch(Modules *modules, const struct pollfd *fds, size_t n_fds) {
        int r;

        for (size_t i = 0; i < modules->n_homes; i++) {
                const size_t at = i * MODULE_HOST_FDS_MAX;

                /* Those that wait are looked at only when there is something to be seen. */
                if (module_host_is_quiet(modules->homes[i]->host) &&
                    (at + MODULE_HOST_FDS_MAX > n_fds || !fds_are_ready(fds + at)))
                        continue;
                r = module_host_dispatch(modules->homes[i]->host);
                if (r < 0)
                        return r;
        }
        modules_note_page(modules);
        return 0;
}
