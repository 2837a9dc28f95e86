/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The hot path: some ten thousand records a second. One record and one buffer are used for all of them, and
 * the run file and the journal take the very same bytes.
 */

#include "record/recorder.h"

#include <assert.h>
#include <errno.h>

#include "basic/clock.h"
#include "record/export.h"
#include "record/journal.h"
#include "record/run-file.h"

/* The buffer is kept between records up to here; a test with much output is rare. */
#define RECORDER_KEEP_SIZE (256U * 1024U)

struct Recorder {
        RunFile *file;
        Journal *journal; /* NULL: not asked for, or there is none */
        size_t journal_lost;
        Record *record;
        Buffer fields;
};

Recorder *recorder_free(Recorder *recorder) {
        if (!recorder)
                return NULL;
        run_file_free(recorder->file);
        journal_free(recorder->journal);
        record_free(recorder->record);
        buffer_done(&recorder->fields);
        free(recorder);
        return NULL;
}

static int recorder_open_file(
                Recorder *recorder, const char *state_dir, const char *suite, sd_id128_t run_id) {
        _cleanup_free_ char *found = NULL, *path = NULL;
        int r;

        if (!state_dir) {
                r = state_dir_get(&found);
                if (r < 0)
                        return r;
        }
        r = state_run_path(state_dir ?: found, suite, run_id, &path);
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

int recorder_write(Recorder *recorder, const Event *event) {
        int r;

        assert(recorder);
        assert(event);

        record_reset(recorder->record);
        r = event_fill_record(event, recorder->record);
        if (r < 0)
                return r;
        buffer_reset(&recorder->fields, RECORDER_KEEP_SIZE);
        export_add_record(&recorder->fields, recorder->record);

        r = run_file_write(recorder->file, event->time_usec ?: clock_realtime(), &recorder->fields);
        if (recorder->journal && journal_send(recorder->journal, &recorder->fields) < 0)
                recorder->journal_lost++;
        return r;
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
