/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/event.h"
#include "record/source.h"

/*
 * What is to be known of a run at a glance: how it began and how it ended, without reading all of it where that
 * can be done
 */

typedef enum RunEnd {
        RUN_END_FINISHED,
        RUN_END_RUNNING, /* somebody writes its file */
        RUN_END_DIED,    /* nobody does, and there is no end */
        RUN_END_UNKNOWN, /* there is no end, and the journal does not tell which of the two it is */
        RUN_END_UNREADABLE, /* nothing in its file can be read; problems tells why */
        RUN_END_MAX,
} RunEnd;

typedef struct RunInfo {
        char run_id[SD_ID128_STRING_MAX];
        char *suite;
        char *path;      /* NULL: it is in the journal */
        uint64_t size;   /* of the file */
        Event *started;  /* NULL: the record is not there */
        Event *finished; /* NULL: as far as end tells why */
        RunEnd end;
        Tally tally;        /* of finished; else counted, in a file */
        uint64_t last_usec; /* time of the last event that was read */
        char **problems;    /* what is damaged, one line each */
} RunInfo;

typedef struct RunInfos {
        RunInfo *infos; /* the latest first */
        size_t n_infos, n_allocated;
} RunInfos;

/*
 * The latest max runs (0: all) of a suite (NULL: of any) in the place that the options name; options->run is not
 * looked at. -ENOENT with *ret_problem: the place is not there.
 */
int run_infos_read(
                const SourceOptions *options,
                const char *suite,
                size_t max,
                RunInfos *ret,
                char **ret_problem);
void run_infos_done(RunInfos *infos);

/* "finished", "running", "died", "unknown" */
const char *run_end_to_string(RunEnd end);
