/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Politeness: a worker and its tests leave the machine to others first
 */

typedef struct Politeness {
        unsigned cpu_weight; /* 100 is what everybody has; 0: a scope sees to it */
        unsigned io_weight;
        int oom_score; /* 0: as it is */
} Politeness;

/*
 * Of this process and its children from now on: its nice value and IO priority are raised as if it had these weights, and
 * who it is for the kernel's choice of whom to kill for lack of memory. What is not allowed is left: it is no limit.
 */
void politeness_take(const Politeness *politeness);
