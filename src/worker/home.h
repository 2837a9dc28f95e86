/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/growth.h"
#include "worker/module.h"
#include "worker/modules.h"

/*
 * Home: one module host of a worker, and the contexts that are set up in it
 *
 * What is set up in a process goes with it: the home remembers how a process that had to leave tore down by itself,
 * and knows what went without.
 */

/* A context that was set up here. */
typedef struct HomeContext {
        uint32_t instance;
        char *name;
        unsigned life;  /* the process that it is set up in, see module_host_count_starts() */
        char **exports; /* "NAME=value" */
        Result *torn_down; /* without being asked, and it went like this; NULL: it is up, or was lost */
} HomeContext;

typedef struct Home {
        const ModulesOptions *options; /* weak: owned by the modules */
        ModuleHost *host;
        char *path, *workdir;
        char **environment; /* at its start */

        /* What the last test that fitted had, so that the next one need not be looked at closely. */
        Test *like;
        char **like_exports;

        HomeContext *contexts;
        size_t n_contexts;

        /* The set-up or tear-down that is being carried out; 0: none */
        uint64_t fixture_id;
        PtestRole fixture_role;
        uint32_t fixture_instance;
        char *fixture_name;
        Result *fixture_result; /* what it said so far */

        Growth growth;
        uint64_t used; /* grows with each use: the lowest was not used for longest */
        bool unfit;    /* its process is not for another test */
        bool interrupted;
} Home;

int home_new(const ModulesOptions *options, const Task *task, Home **ret);
/* Kills what runs. */
Home *home_free(Home *home);
DEFINE_CLEANUP(Home, home_free);

/* 1: the task is for this home, 0: it is not */
int home_fits(Home *home, const Task *task);

/* Of tests any number, of fixtures one, while nothing else runs. */
int home_submit(Home *home, const Task *task);
/* Nothing further can be submitted before what runs has ended: a fixture, or its process. */
bool home_is_reserved(const Home *home);

bool home_has_context(const Home *home, uint32_t instance);
