/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/buffer.h"

#include <stdint.h>

/*
 * Sends entries to journald
 *
 * In its native protocol, not with sd_journal_sendv(): that tells nothing of a journald that is not there,
 * and blocks for ever in one that does not read, which would stop a run.
 */

typedef struct Journal Journal;

/* -ENOENT: no journald here. path NULL: journald's own socket */
int journal_new(const char *path, Journal **ret);
Journal *journal_free(Journal *journal);
DEFINE_CLEANUP(Journal, journal_free);

/*
 * fields is what export_add_record() gave. Waits for a busy journald, but only JOURNAL_WAIT_USEC, and after
 * that not again before it has taken an entry. -EAGAIN: it was too busy; the entry is lost.
 */
int journal_send(Journal *journal, const Buffer *fields);

/* Rotation and a sync of a slow disk stay below; a run's deadlines move by it at most once. */
#define JOURNAL_WAIT_USEC (1 * USEC_PER_SEC)
