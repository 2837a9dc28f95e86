/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * cgroups of scopes: who is inside, kill them all, memory
 *
 * CgroupLayout is how this machine mounts the hierarchies. unified is the v2 one, which on a hybrid machine
 * has no controllers, but does have cgroup.events and cgroup.kill.
 */

typedef struct CgroupLayout {
        char *unified;   /* mount points; NULL: not mounted */
        char *named;     /* v1, name=systemd */
        char *memory_v1; /* v1 controllers */
        char *pids_v1;
} CgroupLayout;

int cgroup_layout_read(CgroupLayout *ret);
void cgroup_layout_done(CgroupLayout *layout);

typedef struct Cgroup {
        char *tree;   /* the directory with cgroup.procs, and on v2 cgroup.events; NULL: unknown */
        char *memory; /* the directory with the memory controller's files; NULL: none */
        bool v2;      /* memory is of v2 */
} Cgroup;

/* path is as /proc/PID/cgroup and a unit's ControlGroup= have it. */
int cgroup_init(Cgroup *cgroup, const CgroupLayout *layout, const char *path);
void cgroup_done(Cgroup *cgroup);

/* The path of a process's cgroup in the manager's hierarchy; -ESRCH if the process is gone */
int cgroup_find_process(pid_t pid, const CgroupLayout *layout, char **ret);

/* No living process inside or below; also true of a cgroup that does not exist, or is not known. */
bool cgroup_is_empty(const Cgroup *cgroup);
bool cgroup_is_frozen(const Cgroup *cgroup);

/* All inside and below. Without cgroup.kill one by one, until none is left or some tries were made. */
void cgroup_kill(const Cgroup *cgroup);
void cgroup_signal(const Cgroup *cgroup, int signo);

/* Of all below too; -ENODATA or -ENODEV if it cannot be told. */
int cgroup_read_memory_peak(const Cgroup *cgroup, uint64_t *ret);
int cgroup_read_oom_kills(const Cgroup *cgroup, uint64_t *ret);
