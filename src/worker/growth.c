/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/growth.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"

/* Of /proc/PID/statm, seven numbers. */
#define STATM_MAX 256

/* What is resident: the second number, in pages. */
static uint64_t memory_of_process(pid_t pid) {
        _cleanup_free_ char *data = NULL;
        unsigned long long resident = 0;
        char path[64];
        size_t size;

        snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
        if (file_read(path, STATM_MAX, &data, &size) < 0 ||
            sscanf(data, "%*s %llu", &resident) != 1)
                return 0;
        return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void growth_begin(Growth *growth, pid_t pid) {
        *growth = (Growth){ .pid = pid, .base = memory_of_process(pid) };
}

uint64_t growth_look(const Growth *growth) {
        const uint64_t now = growth->pid > 0 ? memory_of_process(growth->pid) : 0;

        return now > growth->base ? now - growth->base : 0;
}
