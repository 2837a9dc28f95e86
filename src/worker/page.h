/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ptest/protocol.h"

/*
 * Page: what the worker does now, for a coordinator that outlives it (see PtestPage)
 */

/* Maps the page of an inherited memfd; -EBADF if that is none, or too small. */
int page_map(int fd, PtestPage **ret);

/* Again for the same task: its time begins only now. */
void page_note_start(PtestPage *page, uint64_t task_id, uint64_t now);
/* The test's process is known only after the start. */
void page_note_leader(PtestPage *page, int64_t pid);
/* The time of what is noted as running begins only now. */
void page_note_time(PtestPage *page, uint64_t now);
/* It has a result, and nobody ever noted its start, or nobody could note its end. */
void page_note_unstarted(PtestPage *page, uint64_t task_id);
/* It is taken back, and was only about to be started. */
void page_undo_start(PtestPage *page, uint64_t task_id);
/* Nothing runs, in the words of a module's host: the result is the worker's to hand over. */
void page_note_idle(PtestPage *page);
/* A result was handed over of what was not noted as running by us. */
void page_note_sent(PtestPage *page);
/* Its result was handed over. */
void page_note_end(PtestPage *page);
