/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/capability.h"
#include "backend/cgroup.h"
#include "basic/macros.h"

/*
 * What the files share that find out what this machine can hold
 */

typedef struct Survey {
        BackendKind kind;
        bool reachable; /* the manager is usable from here */
        char *trouble;  /* why not */
        CgroupLayout layout;
        char *cgroup; /* our own path */
        bool memory;
        bool tasks;
        Capability *capabilities;
        size_t count;
        int error; /* sticky: the first that happened */
} Survey;

void survey_add(Survey *survey,
                const char *name,
                const char *title,
                bool holds,
                const char *format,
                ...) _printf_(5, 6);

/* capability-tests.c: what is done for each test, and what instead where it has no cgroup of its own. */
void survey_tests(Survey *survey);
