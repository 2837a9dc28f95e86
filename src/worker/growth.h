/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Growth: how much more memory a process holds than when it was first looked at
 */

typedef struct Growth {
        pid_t pid; /* 0: not looked at yet */
        uint64_t base;
} Growth;

/* What it holds now is what later looks compare with. */
void growth_begin(Growth *growth, pid_t pid);
static inline bool growth_has_begun(const Growth *growth, pid_t pid) {
        return growth->pid == pid;
}
/* In bytes; 0 if it holds less, or is gone, or cannot be looked at. */
uint64_t growth_look(const Growth *growth);
