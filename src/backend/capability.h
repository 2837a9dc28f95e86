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

/* Limits of a test that is in a cgroup of its own below its worker's. */
typedef enum BackendTestLimit {
        BACKEND_TEST_MEMORY_MAX = 1 << 0,
        BACKEND_TEST_MEMORY_HIGH = 1 << 1,
        BACKEND_TEST_TASKS_MAX = 1 << 2,
        BACKEND_TEST_CPU_QUOTA = 1 << 3,
} BackendTestLimit;

/* Those of wanted that this kind cannot hold, in words for an error; *ret is NULL if it holds all. May block as below. */
int backend_find_unheld_test_limits(BackendKind kind, unsigned wanted, char **ret);

/* Probes for one kind of backend. May block for a few seconds. */
int capability_probe(BackendKind kind, Capability **ret, size_t *ret_count);
void capability_free_many(Capability *capabilities, size_t count);
