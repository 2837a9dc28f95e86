/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/growth.h"

#include "basic/process.h"

void growth_begin(Growth *growth, pid_t pid) {
        *growth = (Growth){ .pid = pid };
        (void)process_get_memory(pid, &growth->base);
}

uint64_t growth_look(const Growth *growth) {
        uint64_t now = 0;

        if (growth->pid > 0)
                (void)process_get_memory(growth->pid, &now);
        return now > growth->base ? now - growth->base : 0;
}
