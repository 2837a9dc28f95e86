/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Older managers refuse a property that they do not know, by an error that names it. So instead of a table
 * of versions each optional property can be dropped and the call repeated. A limit is not optional: a
 * worker that is to have one does not start without it.
 */

#include "backend/transient.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/text.h"

static const char *const property_table[TRANSIENT_PROPERTY_MAX] = {
        [TRANSIENT_MEMORY_SWAP_MAX] = "MemorySwapMax",
        [TRANSIENT_OOM_POLICY] = "OOMPolicy",
        [TRANSIENT_DELEGATE] = "Delegate",
        [TRANSIENT_USER] = "User",
        [TRANSIENT_RUNTIME_MAX] = "RuntimeMaxUSec",
        [TRANSIENT_COLLECT_MODE] = "CollectMode",
        [TRANSIENT_ADD_REF] = "AddRef",
        [TRANSIENT_CPU_WEIGHT] = "CPUWeight",
        [TRANSIENT_IO_WEIGHT] = "IOWeight",
};

static bool wants(const TransientScope *scope, TransientProperty property) {
        return !(scope->dropped & (1U << property));
}

static int append_string(sd_bus_message *m, const char *name, const char *value) {
        return sd_bus_message_append(m, "(sv)", name, "s", value);
}

static int append_limit(sd_bus_message *m, const char *name, uint64_t value) {
        return value == UINT64_MAX ? 0 : sd_bus_message_append(m, "(sv)", name, "t", value);
}

static int append_limits(sd_bus_message *m, const TransientScope *scope) {
        int r = append_limit(m, "MemoryMax", scope->memory_max);
        if (r < 0)
                return r;

        /* Without it a worker over its limit swaps instead of being stopped. */
        if (scope->memory_max != SIZE_INFINITY && wants(scope, TRANSIENT_MEMORY_SWAP_MAX)) {
                r = append_limit(m, "MemorySwapMax", 0);
                if (r < 0)
                        return r;
        }

        r = append_limit(m, "TasksMax", scope->tasks_max);
        if (r < 0)
                return r;

        r = append_limit(m, "TimeoutStopUSec", scope->stop_usec);
        if (r < 0)
                return r;

        if (wants(scope, TRANSIENT_RUNTIME_MAX))
                return append_limit(m, "RuntimeMaxUSec", scope->runtime_max_usec);

        return 0;
}

/* Politeness, not a limit: a manager that knows no weights has none. */
static int append_weights(sd_bus_message *m, const TransientScope *scope) {
        int r = 0;

        if (scope->cpu_weight > 0 && wants(scope, TRANSIENT_CPU_WEIGHT))
                r = append_limit(m, "CPUWeight", scope->cpu_weight);
        if (r >= 0 && scope->io_weight > 0 && wants(scope, TRANSIENT_IO_WEIGHT))
                r = append_limit(m, "IOWeight", scope->io_weight);
        return r;
}

/*
 * Bound to our service, the scopes end when it ends, however that happens. Before= makes a stop of the service come
 * first and that of the scopes after it: the coordinator can end its workers in its own way.
 */
static int append_binding(sd_bus_message *m, const TransientScope *scope) {
        int r = 0;

        if (scope->guard)
                r = sd_bus_message_append(m, "(sv)", "BindsTo", "as", 1, scope->guard);
        /* Only with this it does not start any more when the guard has ended already. */
        if (r >= 0 && scope->guard)
                r = sd_bus_message_append(m, "(sv)", "After", "as", 1, scope->guard);
        if (r < 0 || !scope->bound_to)
                return r;

        r = sd_bus_message_append(m, "(sv)", "BindsTo", "as", 1, scope->bound_to);
        if (r < 0)
                return r;

        return sd_bus_message_append(m, "(sv)", "Before", "as", 1, scope->bound_to);
}

static int append_life(sd_bus_message *m, const TransientScope *scope) {
        int r = 0;

        /* The kernel kills the hog alone; what that means for a test is decided by its worker. */
        if (wants(scope, TRANSIENT_OOM_POLICY))
                r = append_string(m, "OOMPolicy", "continue");
        if (r >= 0 && wants(scope, TRANSIENT_DELEGATE))
                r = sd_bus_message_append(m, "(sv)", "Delegate", "b", 1);
        if (r >= 0 && scope->user && wants(scope, TRANSIENT_USER))
                r = append_string(m, "User", scope->user);

        /* No litter if we die, and yet an end that can be read as long as we live */
        if (r >= 0 && wants(scope, TRANSIENT_COLLECT_MODE))
                r = append_string(m, "CollectMode", "inactive-or-failed");
        if (r >= 0 && wants(scope, TRANSIENT_ADD_REF))
                r = sd_bus_message_append(m, "(sv)", "AddRef", "b", 1);

        return r;
}

static int append_properties(sd_bus_message *m, const TransientScope *scope) {
        int r = append_string(m, "Description", scope->description);
        if (r < 0)
                return r;

        r = append_string(m, "Slice", scope->slice);
        if (r < 0)
                return r;

        r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, (uint32_t)scope->pid);
        if (r < 0)
                return r;

        r = append_limits(m, scope);
        if (r >= 0)
                r = append_weights(m, scope);
        if (r < 0)
                return r;

        r = append_binding(m, scope);
        if (r < 0)
                return r;

        return append_life(m, scope);
}

int transient_scope_build(const TransientScope *scope, sd_bus *bus, sd_bus_message **ret) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;

        int r = sd_bus_message_new_method_call(
                        bus,
                        &m,
                        "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager",
                        "StartTransientUnit");
        if (r < 0)
                return r;

        r = sd_bus_message_append(m, "ss", scope->unit, "fail");
        if (r < 0)
                return r;

        r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r < 0)
                return r;

        r = append_properties(m, scope);
        if (r < 0)
                return r;

        r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;

        r = sd_bus_message_append(m, "a(sa(sv))", 0);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

int transient_scope_drop(const char *message, unsigned *dropped) {
        /* "Cannot set property OOMPolicy, or unknown property." */
        const char *name = message ? strstr(message, "property ") : NULL;
        if (!name)
                return -EOPNOTSUPP;

        name += strlen("property ");
        size_t length = strcspn(name, " ,.:");

        for (size_t i = 0; i < TRANSIENT_PROPERTY_MAX; i++) {
                if (strlen(property_table[i]) != length ||
                    strncmp(property_table[i], name, length) != 0)
                        continue;
                if (*dropped & (1U << i))
                        return -EOPNOTSUPP;

                *dropped |= 1U << i;
                return 0;
        }

        return -EOPNOTSUPP;
}
