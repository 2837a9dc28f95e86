/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

/*
 * The StartTransientUnit call that makes a scope
 */

/* Properties that a scope can do without when a manager does not know them; bits of TransientScope.dropped */
typedef enum TransientProperty {
        TRANSIENT_MEMORY_SWAP_MAX,
        TRANSIENT_OOM_POLICY,
        TRANSIENT_DELEGATE,
        TRANSIENT_USER,
        TRANSIENT_RUNTIME_MAX,
        TRANSIENT_COLLECT_MODE,
        TRANSIENT_ADD_REF,
        TRANSIENT_CPU_WEIGHT,
        TRANSIENT_IO_WEIGHT,
        TRANSIENT_PROPERTY_MAX,
} TransientProperty;

typedef struct TransientScope {
        const char *unit;
        const char *description;
        const char *slice;
        const char *bound_to; /* the service that we are; NULL: none */
        const char *guard;    /* the scope without which it must not live; NULL: none */
        const char *user;     /* owner of the delegated cgroup; NULL: the manager */
        pid_t pid;
        uint64_t memory_max; /* UINT64_MAX: none, as for all limits */
        uint64_t tasks_max;
        unsigned cpu_weight; /* 0: not given */
        unsigned io_weight;
        uint64_t stop_usec;
        uint64_t runtime_max_usec;
        unsigned dropped; /* 1 << TransientProperty */
} TransientScope;

int transient_scope_build(const TransientScope *scope, sd_bus *bus, sd_bus_message **ret);

/*
 * Finds the property that the manager complained about in its error text and marks it as dropped. -EOPNOTSUPP
 * if it is one that cannot be done without (a limit), or was dropped before.
 */
int transient_scope_drop(const char *message, unsigned *dropped);
