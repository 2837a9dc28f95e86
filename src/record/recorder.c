/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The hot path: some ten thousand records a second. One record and one buffer are used for all of them, and
 * the run file and the journal take the very same bytes.
 */

#include "record/recorder.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "record/export.h"
#include "record/journal.h"
#include "record/prune.h"
#include "record/run-file.h"

/* The buffer is kept between records up to here; a test with much output is rare. */
#define RECORDER_KEEP_SIZE (256U * 1024U)

struct Recorder {
        RunFile *file;
        char *state_dir;
        char *suite;
        Journal *journal; /* NULL: not asked for, or there is none */
        size_t journal_lost;
        Record *record;
        Buffer fields;
};

Recorder *recorder_free(Recorder *recorder) {
        if (!recorder)
                return NULL;
        run_file_free(recorder->file);
        free(recorder->state_dir);
        free(recorder->suite);
        journal_free(recorder->journal);
        record_free(recorder->record);
        buffer_done(&recorder->fields);
        free(recorder);
        return NULL;
}

static int recorder_open_file(
                Recorder *recorder, const char *state_dir, const char *suite, sd_id128_t run_id) {
        _cleanup_free_ char *path = NULL;
        int r = 0;

        recorder->suite = strdup(suite);
        if (state_dir)
                recorder->state_dir = strdup(state_dir);
        else
                r = state_dir_get(&recorder->state_dir);
        if (r < 0)
                return r;
        if (!recorder->suite || !recorder->state_dir)
                return -ENOMEM;
        r = state_run_path(recorder->state_dir, suite, run_id, &path);
        if (r < 0)
                return r;
        return run_file_new(path, &recorder->file);
}

int recorder_new(
                const char *state_dir,
                const char *suite,
                sd_id128_t run_id,
                bool journal,
                Recorder **ret) {
        _cleanup_(recorder_freep) Recorder *recorder = NULL;
        int r;

        assert(suite);
        assert(ret);

        recorder = calloc(1, sizeof(Recorder));
        if (!recorder)
                return -ENOMEM;
        r = record_new(&recorder->record);
        if (r < 0)
                return r;
        r = recorder_open_file(recorder, state_dir, suite, run_id);
        if (r < 0)
                return r;
        if (journal) {
                r = journal_new(NULL, &recorder->journal);
                if (r < 0 && r != -ENOENT && r != -ECONNREFUSED && r != -EACCES && r != -EPERM)
                        return r;
        }
        *ret = TAKE_PTR(recorder);
        return 0;
}

/* To the run file only; the fields stay for the journal. */
static int recorder_write_file(Recorder *recorder, const Event *event) {
        int r;

        record_reset(recorder->record);
        r = event_fill_record(event, recorder->record);
        if (r < 0)
                return r;
        buffer_reset(&recorder->fields, RECORDER_KEEP_SIZE);
        export_add_record(&recorder->fields, recorder->record);
        return run_file_write(
                        recorder->file, event->time_usec ?: clock_realtime(), &recorder->fields);
}

static void recorder_send(Recorder *recorder) {
        if (recorder->journal && buffer_error(&recorder->fields) >= 0 &&
            journal_send(recorder->journal, &recorder->fields) < 0)
                recorder->journal_lost++;
}

int recorder_write(Recorder *recorder, const Event *event) {
        int r;

        assert(recorder);
        assert(event);

        r = recorder_write_file(recorder, event);
        recorder_send(recorder);
        return r;
}

static int event_set_run_file(Event *event, const char *path) {
        char *s = strdup(path);

        if (!s)
                return -ENOMEM;
        free(event->run_finished.run_file);
        event->run_finished.run_file = s;
        return 0;
}

/* The event tells the path that the file will have, so that it is written again if the file does not get it. */
static int recorder_finish_file(Recorder *recorder, Event *event) {
        RunFile *file = recorder->file;
        int r, compressed;

        r = event_set_run_file(event, run_file_get_compressed_path(file));
        if (r >= 0)
                r = recorder_write_file(recorder, event);
        if (r < 0) {
                (void)event_set_run_file(event, run_file_get_path(file));
                return r;
        }
        compressed = run_file_finish(file);
        if (compressed >= 0)
                return 0;

        log_warning("Failed to compress %s: %s", run_file_get_path(file), strerror(-compressed));
        r = event_set_run_file(event, run_file_get_path(file));
        if (r >= 0)
                r = run_file_take_back(file);
        if (r >= 0)
                r = recorder_write_file(recorder, event);
        return r < 0 ? r : run_file_sync(file);
}

int recorder_finish(Recorder *recorder, Event *event) {
        int r;

        assert(recorder);
        assert(event->kind == EVENT_RUN_FINISHED);

        r = recorder_finish_file(recorder, event);
        recorder_send(recorder);
        return r;
}

void recorder_prune(const Recorder *recorder, const KeepRuns *keep) {
        size_t removed = 0;
        int r;

        r = runs_prune(recorder->state_dir, recorder->suite, keep, &removed);
        if (r < 0)
                log_debug("Failed to remove old runs: %s", strerror(-r));
        if (removed > 0)
                log_debug("Removed %zu old runs of %s", removed, recorder->suite);
}

const char *recorder_get_path(const Recorder *recorder) {
        return run_file_get_path(recorder->file);
}

size_t recorder_get_journal_lost(const Recorder *recorder) {
        return recorder->journal_lost;
}

int recorder_sync(Recorder *recorder) {
        return run_file_sync(recorder->file);
}
