/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/backend.h"

/*
 * What this machine can hold, and why not: what ptest doctor prints and run-started records carry
 */

typedef struct Capability {
        const char *name; /* "bus", "manager", "cgroup", "delegation", "memory-limit", "oom-verdict", "freeze", "journal", … */
        const char *title; /* what a person calls it */
        bool holds;
        char *reason; /* what was found, or why not and what would help; never NULL */
} Capability;

/* Probes for one kind of backend. May block for a few seconds. */
int capability_probe(BackendKind kind, Capability **ret, size_t *ret_count);
void capability_free_many(Capability *capabilities, size_t count);
