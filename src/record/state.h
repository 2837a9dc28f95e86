/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-id128.h>

/*
 * The state directory, and the run files in it: <state>/runs/<suite>-<run id>.export while they are written, with .zst
 * behind it when they are closed
 */

/* What the name of a run file says of it, and when it was last written. */
typedef struct StateRun {
        char *path;
        char *suite; /* as in the file's name, see state_run_path() */
        char run_id[SD_ID128_STRING_MAX];
        uint64_t written_nsec; /* CLOCK_REALTIME */
        uint64_t size;
} StateRun;

typedef struct StateRuns {
        StateRun *runs; /* the latest first */
        size_t n_runs;
        size_t n_allocated;
} StateRuns;

/*
 * Where to write: $STATE_DIRECTORY, /var/lib/ptest for root, $XDG_STATE_HOME/ptest or ~/.local/state/ptest,
 * $TMPDIR/ptest-<uid>; the first that can be written, which is created.
 */
int state_dir_get(char **ret);
/* Where to read: the first of these that has runs; if none has, the first. Creates nothing. */
int state_dir_find(char **ret);

/* What cannot stand in a file's name becomes '_'. */
int state_run_path(const char *state_dir, const char *suite, sd_id128_t run_id, char **ret);

/* Looks at names and times only. A directory that is not there has no runs. */
int state_list_runs(const char *state_dir, StateRuns *ret);
void state_runs_done(StateRuns *runs);
/* Is this the suite of that run file, as far as its name can say? */
bool state_run_is_of_suite(const StateRun *run, const char *suite);
