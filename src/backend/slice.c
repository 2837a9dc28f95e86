/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The suite's slice
 *
 * A scope brings its slice about, but one without properties. What all workers share (a limit of memory, the weight
 * of tests against the rest of the machine) is given to it when it is made, before the first scope: the guard's
 * scope, which follows at once, then keeps it. Weights matter among neighbours only, so the slice around all suites gets
 * one too, unless it has been set up by somebody or is in use.
 */

#include <errno.h>
#include <string.h>

#include "backend/probe.h"
#include "backend/systemd.h"
#include "basic/text.h"

/* Of the manager, before the loop runs. */
#define SLICE_CALL_USEC (5 * USEC_PER_SEC)

static int append_number(sd_bus_message *m, const char *name, uint64_t value) {
        return sd_bus_message_append(m, "(sv)", name, "t", value);
}

static int append_properties(sd_bus_message *m, const BackendConfig *config, uint64_t memory_max) {
        int r = 0;

        if (config->cpu_weight > 0)
                r = append_number(m, "CPUWeight", config->cpu_weight);
        if (r >= 0 && config->io_weight > 0)
                r = append_number(m, "IOWeight", config->io_weight);
        if (r < 0 || memory_max == SIZE_INFINITY)
                return r;
        r = append_number(m, "MemoryMax", memory_max);
        /* As for workers: over the limit is over the limit. */
        return r < 0 ? r : append_number(m, "MemorySwapMax", 0);
}

static int slice_build(
                Systemd *systemd,
                const char *member,
                const char *slice,
                uint64_t memory_max,
                sd_bus_message **ret) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;
        const bool is_new = strcmp(member, "StartTransientUnit") == 0;

        int r = sd_bus_message_new_method_call(
                        systemd->bus,
                        &m,
                        "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager",
                        member);
        if (r >= 0)
                r = is_new ? sd_bus_message_append(m, "ss", slice, "fail") :
                             sd_bus_message_append(m, "sb", slice, 1);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = append_properties(m, &systemd->backend.config, memory_max);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0 && is_new)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

static int slice_call(
                Systemd *systemd,
                const char *member,
                const char *slice,
                uint64_t memory_max,
                sd_bus_error *error) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;
        int r = slice_build(systemd, member, slice, memory_max, &m);

        return r < 0 ? r : sd_bus_call(systemd->bus, m, SLICE_CALL_USEC, error, NULL);
}

/* One that is there has what it has: only the limit, which was asked for, is set anew. */
static int slice_make(Systemd *systemd, const char *slice, uint64_t memory_max, char **ret_error) {
        __attribute__((cleanup(sd_bus_error_free))) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = slice_call(systemd, "StartTransientUnit", slice, memory_max, &error);

        if (r >= 0)
                return 0;
        if (sd_bus_error_has_name(&error, "org.freedesktop.systemd1.UnitExists") &&
            memory_max != SIZE_INFINITY) {
                sd_bus_error_free(&error);
                r = slice_call(systemd, "SetUnitProperties", slice, memory_max, &error);
                if (r >= 0)
                        return 0;
        }
        if (memory_max == SIZE_INFINITY)
                return probe_bus_is_away(r) ? r : 0;
        (void)text_setf(ret_error,
                        "Failed to give %s its limit: %s",
                        slice,
                        error.message ?: strerror(-r));
        return r;
}

int systemd_make_slices(Systemd *systemd, char **ret_error) {
        const BackendConfig *config = &systemd->backend.config;

        if (config->cpu_weight == 0 && config->io_weight == 0 &&
            config->slice_memory_max == SIZE_INFINITY)
                return 0;
        systemd->slice_used = true;
        (void)slice_make(systemd, "ptest.slice", SIZE_INFINITY, ret_error);
        return slice_make(systemd, systemd->slice, config->slice_memory_max, ret_error);
}
