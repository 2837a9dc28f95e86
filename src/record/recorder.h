/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/keep-runs.h"
#include "record/event.h"
#include "record/state.h"

/*
 * Writes the events of one run: to the run file, which is the truth, and to the journal
 *
 * The run file is <state>/runs/<suite>-<run id>.export, in the Journal Export Format, one write(2) a record. The last
 * event closes it: then it is compressed, and has .zst at its end.
 */

typedef struct Recorder Recorder;

/*
 * state_dir NULL: state_dir_get(). journal: send there too, if there is one: without a journald nothing is
 * sent, and nothing counts as lost.
 */
int recorder_new(
                const char *state_dir,
                const char *suite,
                sd_id128_t run_id,
                bool journal,
                Recorder **ret);
Recorder *recorder_free(Recorder *recorder);
DEFINE_CLEANUP(Recorder, recorder_free);

/*
 * Negative: the run file could not be written, and the run cannot be a pass. An entry that the journal did
 * not take is only counted.
 */
int recorder_write(Recorder *recorder, const Event *event);

/*
 * The run's last event: writes it, and closes the file, safe on the disk. event->run_finished.run_file is set to where
 * the file is from now on. 0; negative: see recorder_write(), or it may not be safe. That it could not be compressed is
 * no error.
 */
int recorder_finish(Recorder *recorder, Event *event);

/* Removes older runs of the suite, see record/prune.h; at the end. */
void recorder_prune(const Recorder *recorder, const KeepRuns *keep);

/* Where the run file is now */
const char *recorder_get_path(const Recorder *recorder);
size_t recorder_get_journal_lost(const Recorder *recorder);
/* fsync() of the run file; before the verdict is told */
int recorder_sync(Recorder *recorder);
