/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/run.h"

#include "model/escalation.h"
#include "worker/cgroup-tree.h"
#include "worker/keep.h"
#include "worker/oom.h"
#include "worker/output.h"
#include "worker/private.h"
#include "worker/spawn.h"
#include "worker/stuck.h"

/*
 * What the files of a run share: run.c (the runner; how it goes on and ends), run-start.c (how it begins) and run-result.c
 * (what came of it)
 */

typedef enum RunState {
        RUN_RUNNING,
        RUN_LINGERING,
        RUN_SWEEPING,
        RUN_ENDED,
} RunState;

struct Runner {
        Spawner *spawner;
        OomWatch *oom;
        CgroupTree *tree; /* NULL: tests have no cgroups of their own */
        int tree_error;   /* why, although they should */
        char **environment;
        int child_fd; /* signalfd: a child ended */
        char *buffer; /* OUTPUT_BUFFER_SIZE */
        Keep *keep;
        const char *places; /* weak; NULL: no test has private ones */
};

struct Run {
        Runner *runner; /* weak: owned by the worker */
        RunSpec spec;
        const Test *test; /* weak: owned by the task */
        Result *result;
        Output output;
        char **environment;
        CgroupCell *cell;     /* NULL: it has none */
        CgroupCell *released; /* of a tear-down: what was kept of the set-up */

        RunState state;
        Escalation escalation;
        uint64_t deadline_usec; /* of this state; in RUN_RUNNING the escalation has it */
        uint64_t started_usec;
        uint64_t sweep_end_usec;
        unsigned n_sweeps;

        pid_t pid;   /* of the leader, 0 once it is reaped */
        int status;  /* wait status of the leader, once it is reaped */
        bool reaped; /* the leader is */
        bool alone;  /* nothing is left of the test */
        bool stuck;
        bool looked;      /* a report was begun, or could not be */
        Stuck *report;    /* NULL: none */
        Private *private; /* NULL: it has none */
        bool interrupted;
        bool sent_signal, sent_kill;
        long killed_maxrss; /* of who was killed by somebody else; KiB */
        pid_t killed_pid;   /* 0: nobody was */
        char killed_name[OOM_NAME_MAX];
        char *start_error;
        uint64_t user_usec, system_usec;
        long maxrss; /* KiB */
};

/* ---- run.c ---- */

/*
 * Nothing of the test is there any more: no descendant but those that are kept, and nobody in its cgroup. A process may
 * be reaped a moment before its cgroup knows.
 */
bool run_is_alone(const Run *run, bool no_children);
/* Also those that left its cgroup, which takes permission, or have none. */
void run_kill_all(Run *run);
void run_begin_linger(Run *run, uint64_t now);

/* ---- run-start.c ---- */

SpawnSpec run_get_spec(const Run *run);
