/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/cgroup-cell.h"

/*
 * Tree: what a worker makes of the cgroup that is delegated to it, which is that of its scope
 *
 *      ptest-SUITE-RUN-w1g1.scope   the limits of the worker; nobody is inside
 *        ├ worker                   the worker itself
 *        └ t1, t2, …                a cell for each test, fixture or module host, as long as there is one
 *
 * The manager removes all of it with the scope. On version 1 of cgroups, and on the plain backend, there is no tree.
 * On a hybrid machine there is one without controllers: it holds no limits, but misses no process.
 */

typedef struct CgroupTree CgroupTree;

/*
 * Moves this process into its leaf, and lets cells have the controllers that there are. Before there are threads that
 * must not be interrupted. *ret is NULL if this is no worker in a scope of version 2.
 */
int cgroup_tree_new(unsigned slot, unsigned generation, CgroupTree **ret);
/* In this directory, without moving anybody; for tests. */
int cgroup_tree_new_at(const char *directory, CgroupTree **ret);
CgroupTree *cgroup_tree_free(CgroupTree *tree);
DEFINE_CLEANUP(CgroupTree, cgroup_tree_free);

/* Cells can have limits of memory and of tasks. */
bool cgroup_tree_has_controller(const CgroupTree *tree, const char *name);

/* A cell of its own for one run. */
int cgroup_tree_add_cell(CgroupTree *tree, const TestLimits *limits, CgroupCell **ret);

const char *cgroup_tree_get_directory(const CgroupTree *tree);
/* The scope's, as in /proc/PID/cgroup: "/system.slice/…/ptest-x-w1g1.scope" */
const char *cgroup_tree_get_path(const CgroupTree *tree);
/* A process is in this cell, by its /proc/PID/cgroup. False also if it is gone. */
bool cgroup_tree_has_in_cell(const CgroupTree *tree, const CgroupCell *cell, pid_t pid);

/* The directory of this process's own cgroup of version 2, and its path below the root; -ENODATA: there is none */
int cgroup_find_own(char **ret_directory, char **ret_path);
