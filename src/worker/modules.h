/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <poll.h>
#include <stdbool.h>

#include "wire/message.h"

/*
 * Modules: the module hosts of a worker
 *
 * There is a host for each module and environment that tests were sent for. At most one of them runs something at a
 * time, as a worker runs one test at a time; the others wait, warm, and those that were not used for longest end when there are many.
 *
 * Many tests are with a host at once, in their order, and their results come in that order. Those that it has not begun
 * can be taken back; when a result says that its process is not fit for another test, they have to be.
 */

typedef struct Keep Keep;
typedef struct OomWatch OomWatch;
typedef struct CgroupTree CgroupTree;
typedef struct Modules Modules;

typedef struct ModulesResult {
        uint64_t id;
        Result *result;  /* the handler may take it; and so the exports */
        char **exported; /* by a set-up */
        bool unfit;      /* the process that it ran in is not for another test */
        bool unstarted;  /* no host was at it: it is not counted in the page */
} ModulesResult;

typedef struct ModulesOptions {
        char *const *environment;  /* of all tests; weak, as all */
        const char *worker_set_up; /* of a module whose hook each host calls first; NULL: none */
        const char *exports_path;  /* where set-ups write theirs */
        bool stops_at_bad; /* nothing is started behind a bad outcome before on_finished() has returned */
        int page_fd;       /* of the PtestPage */
        PtestPage *page;
        Keep *keep;
        OomWatch *oom;
        CgroupTree *tree;    /* NULL: tests have no cgroups of their own */
        const char *program; /* of the hosts; NULL: this one */
        /* A test that the test of that id has brought forth. */
        int (*on_found)(uint64_t id, const char *name, void *userdata);
        /* In the order of submission. May call modules_withdraw() and modules_count_pending(), nothing else here. */
        int (*on_finished)(ModulesResult *result, void *userdata);
        void *userdata;
} ModulesOptions;

/* Copies the options, but not what they point to. */
int modules_new(const ModulesOptions *options, Modules **ret);
/* Kills what runs. */
Modules *modules_free(Modules *modules);
DEFINE_CLEANUP(Modules, modules_free);

/* -EAGAIN: something else has to end first; dispatch, and try again. May call on_finished at once. */
int modules_submit(Modules *modules, const Task *task);
/* The last ones of what was submitted that were not begun: returns how many. */
size_t modules_withdraw(Modules *modules);
/* What runs is asked to end: a run is stopped. */
void modules_interrupt(Modules *modules);

/* A stuck report is being made of one. */
bool modules_are_looked_at(const Modules *modules);
/* After a pause: before they go on. */
void modules_note_away(Modules *modules);
/* What a test has printed so far; 0: it does not run. */
int modules_peek(const Modules *modules, uint64_t id, PeekStream *out, PeekStream *err);

/* Submitted, and not finished */
size_t modules_count_pending(const Modules *modules);
/* Nothing of them runs: something else may. */
bool modules_are_quiet(const Modules *modules);

/* Lets all hosts tear down and end. Only when nothing is pending. */
void modules_begin_stop(Modules *modules);
bool modules_are_gone(const Modules *modules);

/* Bytes by which the hosts have grown since the first test of each. */
uint64_t modules_get_growth(const Modules *modules);

/* For poll(), at most max; and when to dispatch at the latest. */
size_t modules_get_fds(const Modules *modules, struct pollfd *fds, size_t max);
uint64_t modules_get_deadline(const Modules *modules);
/* After each poll(), with what it found; and after submitting. */
int modules_dispatch(Modules *modules, const struct pollfd *fds, size_t n_fds);
