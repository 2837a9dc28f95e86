/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/polite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/fd.h"

#define WEIGHT_OF_ALL 100U

/* One step of nice is a quarter of CPU time more or less; 19 are the most. */
#define NICE_STEP 1.25
#define NICE_MAX  19

/* Of the kernel's ioprio.h, which has no header for users: best effort, 4 of 0 to 7 is what everybody has. */
#define IOPRIO_WHO_SELF     1
#define IOPRIO_BEST_EFFORT  (2 << 13)
#define IOPRIO_LEVEL_OF_ALL 4U
#define IOPRIO_LEVEL_MAX    7U

static void nice_raise(unsigned weight) {
        double share = (double)weight;
        int steps = 0;

        for (; share * NICE_STEP <= (double)WEIGHT_OF_ALL && steps < NICE_MAX; steps++)
                share *= NICE_STEP;
        if (steps > 0)
                (void)setpriority(
                                PRIO_PROCESS,
                                0,
                                MIN(getpriority(PRIO_PROCESS, 0) + steps, NICE_MAX));
}

static void io_priority_lower(unsigned weight) {
        const unsigned levels = IOPRIO_LEVEL_MAX - IOPRIO_LEVEL_OF_ALL;
        const unsigned lower = ((WEIGHT_OF_ALL - weight) * levels + WEIGHT_OF_ALL - 1) /
                        WEIGHT_OF_ALL;

        (void)syscall(SYS_ioprio_set,
                      IOPRIO_WHO_SELF,
                      0,
                      IOPRIO_BEST_EFFORT | (IOPRIO_LEVEL_OF_ALL + lower));
}

/*
 * Tests are killed before what supervises them, be it on this machine or in their scope: children inherit this.
 * Their worker is as likely then, but small.
 */
static void oom_score_set(int score) {
        _cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        char text[16];

        snprintf(text, sizeof(text), "%d", score);
        if (fd >= 0)
                (void)fd_write_all(fd, text, strlen(text));
}

void politeness_take(const Politeness *politeness) {
        if (politeness->oom_score != 0)
                oom_score_set(politeness->oom_score);
        if (politeness->cpu_weight > 0 && politeness->cpu_weight < WEIGHT_OF_ALL)
                nice_raise(politeness->cpu_weight);
        if (politeness->io_weight > 0 && politeness->io_weight < WEIGHT_OF_ALL)
                io_priority_lower(politeness->io_weight);
}
