/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

/*
 * Pause: everything below this worker stands still, and goes on as it was
 *
 * Cells are frozen, which the processes in them do not notice. What is in none is stopped by SIGSTOP and continued
 * by SIGCONT, of which parents may learn. What was frozen or stopped before stays so afterwards.
 */

typedef struct Pause Pause;
typedef struct CgroupTree CgroupTree;

/*
 * tree: NULL: there are no cells. Waits until nothing runs any more, PAUSE_MAX at most: a process in the kernel comes to
 * its end there first. No helper of this process may be at work.
 */
int pause_new(const CgroupTree *tree, Pause **ret);
/* Lets all go on. */
Pause *pause_free(Pause *pause);
DEFINE_CLEANUP(Pause, pause_free);

#define PAUSE_MAX (300 * USEC_PER_MSEC)
