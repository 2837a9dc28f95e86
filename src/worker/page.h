/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ptest/protocol.h"

/*
 * Page: what the worker does now, for a coordinator that outlives it (see PtestPage)
 */

/* Maps the page of an inherited memfd; -EBADF if that is none, or too small. */
int page_map(int fd, PtestPage **ret);

void page_note_start(PtestPage *page, uint64_t task_id, uint64_t now);
/* The test's process is known only after the start. */
void page_note_leader(PtestPage *page, int64_t pid);
/* Its result was handed over. */
void page_note_end(PtestPage *page);
