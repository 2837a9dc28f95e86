/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "backend/cgroup.h"
#include "backend/lock.h"
#include "backend/ops.h"

/*
 * The connection to a systemd manager, and what its scopes share
 *
 *      (away) ──connect──▶ Subscribe sent ──reply──▶ up ──disconnected, manager gone──▶ (away)
 *
 * Calls are made only while it is up. Each time it comes up, the state of all our units is read anew, so that
 * nothing depends on a signal or a reply that was lost meanwhile.
 */

typedef struct Scope Scope;

/* Shortened by tests */
typedef struct SystemdTimeouts {
        uint64_t start_usec;   /* StartTransientUnit until its job is done */
        uint64_t stop_usec;    /* what the manager gets beyond the worker's own stop time */
        uint64_t kill_usec;    /* from SIGKILL until the worker counts as lost */
        uint64_t query_usec;   /* reading how a unit ended */
        uint64_t suspect_usec; /* how long the manager must say that a living worker's unit is down */
} SystemdTimeouts;

/* cgroup_find_process(), but for tests */
typedef int (*SystemdFindCgroup)(pid_t pid, const CgroupLayout *layout, char **ret);

typedef struct Systemd {
        Backend backend;
        SystemdTimeouts timeouts;
        SystemdFindCgroup find_cgroup;

        sd_bus *bus;
        bool direct; /* a peer, not a bus: no names, no reconnect */
        bool up;
        char *owner; /* unique name of the manager */
        sd_bus_slot *disconnected_slot;
        sd_bus_slot *owner_slot;
        sd_bus_slot *job_slot;
        sd_bus_slot *unit_slot;
        sd_bus_slot *properties_slot;
        sd_bus_slot *subscribe_slot;
        sd_bus_slot *list_slot;
        sd_event_source *connect_timer;
        sd_event_source *sync_timer;
        uint64_t backoff_usec;

        Scope *scopes;  /* weak: each is owned by who started it */
        Scope *waiting; /* weak: those that wait for their turn at the manager */
        unsigned n_jobs;

        char *slice;
        BackendWorker *guard; /* see guard.c; NULL: none */
        bool guarded;         /* it is in place */
        unsigned n_guards;    /* so far */
        int guard_fd;         /* closed by the kernel when we die, whereupon the guard ends */

        bool slice_used;          /* a scope was asked for */
        char *slice_path;         /* in cgroupfs, known from the first scope */
        char *slice_memory;       /* where the slice's memory.events is */
        uint64_t oom_kills_known; /* of those that the slice counts: before us, and told by scopes */
        char *prefix;             /* of all scopes of the suite */
        char *bound_to;           /* the service that we are */
        char *user;
        unsigned dropped; /* transient properties that the manager does not know */
        bool lacks_memory_peak;
        CgroupLayout layout;
        Lock lock;
} Systemd;

/* For tests: on a connection to a peer that plays the manager, and cgroups. The bus is taken, also on failure. */
int systemd_new_with_bus(
                sd_event *event,
                BackendKind kind,
                const BackendConfig *config,
                sd_bus *bus,
                const SystemdTimeouts *timeouts,
                SystemdFindCgroup find_cgroup,
                Backend **ret);

/* ---- For scope.c ---- */

void systemd_add_scope(Systemd *systemd, Scope *scope);
void systemd_remove_scope(Systemd *systemd, Scope *scope);

/*
 * Asks for a turn at the manager, which has a bounded number of jobs from us: scope_on_turn() is called, at
 * once if one is free. A stop goes before all starts.
 */
void systemd_request_turn(Systemd *systemd, Scope *scope, bool urgent);
void systemd_return_turn(Systemd *systemd, Scope *scope);

/* Reads the state of all our units soon; scope_on_sync() is called for each scope. */
void systemd_request_sync(Systemd *systemd);

/* A reply that says nothing about whether the call was carried out */
bool systemd_error_is_trouble(const sd_bus_error *error);

/* Sends a call to the manager whose reply does not matter. */
void systemd_send(Systemd *systemd, const char *member, const char *types, ...);

/* ---- Among systemd.c and systemd-*.c ---- */

#define SYSTEMD_BACKOFF_FIRST_USEC (50 * USEC_PER_MSEC)
#define SYSTEMD_BACKOFF_MAX_USEC   (2 * USEC_PER_SEC)

/* Arms a timer for once; makes it the first time. */
int systemd_arm(Systemd *systemd,
                sd_event_source **source,
                uint64_t usec,
                sd_event_time_handler_t handler,
                const char *description);

int systemd_connect(Systemd *systemd);
/* Installs the matches and subscribes; all that follows comes from the loop. */
int systemd_set_up(Systemd *systemd);
void systemd_drop_bus(Systemd *systemd);
int systemd_sync(Systemd *systemd);
void systemd_grant_turns(Systemd *systemd);

/* Waits for the manager; a limit that it does not take is an error. */
int systemd_make_slices(Systemd *systemd, char **ret_error);

/* Before the first worker, which waits until the guard is in place. */
int systemd_start_guard(Systemd *systemd);
void systemd_stop_guard(Systemd *systemd);

Scope *systemd_find_scope(Systemd *systemd, const char *unit);

/*
 * Handlers of the coordinator run while all scopes are visited, and may free any scope or start others: so no walk along
 * the list goes on over a call. Marks tell who is still to be visited.
 */
void systemd_mark_scopes(Systemd *systemd);
Scope *systemd_take_marked(Systemd *systemd);
