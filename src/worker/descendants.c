/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/descendants.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "basic/process.h"
#include "basic/strv.h"

/* Each round meets the children of those that the round before did not stop in time. */
#define STOP_ROUNDS_MAX 16

/*
 * By pid and not by pidfd: a pid of this list can only be used anew after its process was reaped, which for
 * orphans only we do, and not meanwhile; for others it would have to happen within microseconds.
 */
static void pids_signal(const pid_t *pids, size_t count, int signo) {
        for (size_t i = 0; i < count; i++)
                (void)kill(pids[i], signo);
}

int descendants_list(const Keep *keep, pid_t **ret_pids, size_t *ret_count) {
        int r = process_list_descendants(getpid(), DESCENDANTS_MAX, ret_pids, ret_count);

        if (r >= 0 && keep)
                keep_take_out(keep, *ret_pids, ret_count);
        return r;
}

bool descendants_are_gone(const Keep *keep) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t count = 0;

        return descendants_list(keep, &pids, &count) >= 0 && count == 0;
}

void descendants_signal(const Keep *keep, int signo) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t count = 0;

        if (descendants_list(keep, &pids, &count) < 0)
                return;
        pids_signal(pids, count, signo);
        pids_signal(pids, count, SIGCONT);
}

void descendants_kill(const Keep *keep) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t count = 0;

        for (unsigned i = 0; i < STOP_ROUNDS_MAX; i++) {
                _cleanup_free_ pid_t *now = NULL;
                size_t count_now = 0;
                bool same;

                if (descendants_list(keep, &now, &count_now) < 0)
                        break;
                pids_signal(now, count_now, SIGSTOP);
                same = count == count_now && count > 0 &&
                                memcmp(pids, now, count * sizeof(pid_t)) == 0;
                free(pids);
                pids = TAKE_PTR(now);
                count = count_now;
                if (same || count == 0)
                        break;
        }
        pids_signal(pids, count, SIGKILL);
}
