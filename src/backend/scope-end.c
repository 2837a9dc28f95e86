/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is learnt of a scope's memory, and of its end
 *
 * memory.events is watched because the manager removes a cgroup as soon as it is empty, and who looks only after the
 * worker's end comes too late one time in ten. What is missed all the same is found in the slice: its count of kills
 * includes all below it, also those of scopes that are no more.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ptest/protocol.h"

#include "backend/scope.h"
#include "backend/transient.h"

/* ---- Memory ---- */

/*
 * A worker that has tests in cgroups of their own is in one itself, beside them; what was killed in theirs is told by it.
 * Where all are in one, or that is gone, it was the worker as far as we know.
 */
static bool scope_kill_was_of_worker(Scope *scope) {
        _cleanup_free_ char *path = NULL;
        char text[1024];

        if (scope->leaf_fd < 0 && scope->cgroup.memory &&
            asprintf(&path, "%s/" PTEST_CGROUP_LEAF "/memory.events", scope->cgroup.memory) >= 0)
                scope->leaf_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (scope->leaf_fd < 0)
                return true;

        ssize_t n = pread(scope->leaf_fd, text, sizeof(text) - 1, 0);
        if (n <= 0)
                return true;
        text[n] = '\0';

        const char *line = strstr(text, "\noom_kill ");
        return !line || strtoull(line + strlen("\noom_kill "), NULL, 10) > 0;
}

static void scope_note_oom_kills(Scope *scope, uint64_t count) {
        if (count <= scope->oom_kills)
                return;

        scope->systemd->oom_kills_known += count - scope->oom_kills;
        scope->oom_kills = count;
        if (scope_kill_was_of_worker(scope))
                scope->worker.end.oom_kill = true;
}

void scope_read_memory(Scope *scope) {
        uint64_t value = 0;

        if (cgroup_read_memory_peak(&scope->cgroup, &value) >= 0)
                scope->worker.end.memory_peak = value;
        if (cgroup_read_oom_kills(&scope->cgroup, &value) >= 0)
                scope_note_oom_kills(scope, value);
}

static int systemd_read_slice_oom_kills(const Systemd *systemd, uint64_t *ret) {
        const Cgroup slice = { .memory = systemd->slice_memory, .v2 = true };

        return cgroup_read_oom_kills(&slice, ret);
}

bool scope_died_unasked(const Scope *scope) {
        return scope->child.code == CLD_KILLED && !scope->kill_asked;
}

/* The slice counts kills in all scopes: one that no other scope has seen was in this one, which died of SIGKILL. */
void scope_infer_oom(Scope *scope) {
        Systemd *systemd = scope->systemd;
        uint64_t count = 0;

        if (!scope->worker.end.oom_kill && systemd->slice_memory &&
            systemd_read_slice_oom_kills(systemd, &count) >= 0 && count > systemd->oom_kills_known)
                scope_note_oom_kills(scope, scope->oom_kills + 1);
}

/* memory.events changed. Read through the watched fd, which clears the event. */
static int scope_on_memory_events(
                sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Scope *scope = userdata;
        char text[1024];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

        if (n <= 0) {
                scope->memory_source = sd_event_source_disable_unref(scope->memory_source);
                return 0;
        }

        text[n] = '\0';
        const char *line = strstr(text, "\noom_kill ");
        if (line) {
                scope_note_oom_kills(scope, strtoull(line + strlen("\noom_kill "), NULL, 10));
                scope_read_memory(scope);
        }

        return 0;
}

/* What was killed in the slice before our first scope is none of our business. */
static void systemd_open_slice_memory(Systemd *systemd, const char *scope_memory) {
        const char *slash = strrchr(scope_memory, '/');

        if (systemd->slice_memory || !slash)
                return;

        systemd->slice_memory = strndup(scope_memory, (size_t)(slash - scope_memory));
        if (systemd->slice_memory)
                (void)systemd_read_slice_oom_kills(systemd, &systemd->oom_kills_known);
}

void scope_watch_memory(Scope *scope) {
        _cleanup_free_ char *path = NULL;

        if (!scope->cgroup.v2 || !scope->cgroup.memory ||
            asprintf(&path, "%s/memory.events", scope->cgroup.memory) < 0)
                return;

        systemd_open_slice_memory(scope->systemd, scope->cgroup.memory);
        scope->memory_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (scope->memory_fd < 0)
                return;

        int r = sd_event_add_io(
                        scope->systemd->backend.event,
                        &scope->memory_source,
                        scope->memory_fd,
                        EPOLLPRI,
                        scope_on_memory_events,
                        scope);
        /* Before the worker's end, which comes in the same turn of the loop */
        if (r >= 0)
                (void)sd_event_source_set_priority(
                                scope->memory_source, SD_EVENT_PRIORITY_IMPORTANT);
}

/* ---- How it ended ---- */

static int scope_on_memory_peak(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Scope *scope = userdata;
        uint64_t peak = 0;

        scope->query_slot = sd_bus_slot_unref(scope->query_slot);
        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_PROPERTY))
                scope->systemd->lacks_memory_peak = true;
        else if (!sd_bus_message_is_method_error(reply, NULL) &&
                 sd_bus_message_read(reply, "v", "t", &peak) >= 0)
                scope->worker.end.memory_peak = peak;

        scope_report_gone(scope);
        return 0;
}

static int scope_query(Scope *scope, const char *property, sd_bus_message_handler_t handler) {
        return sd_bus_call_method_async(
                        scope->systemd->bus,
                        &scope->query_slot,
                        "org.freedesktop.systemd1",
                        scope->unit_path,
                        "org.freedesktop.DBus.Properties",
                        "Get",
                        handler,
                        scope,
                        "ss",
                        "org.freedesktop.systemd1.Scope",
                        property);
}

static void scope_query_memory_peak(Scope *scope) {
        if (scope->worker.end.memory_peak == SIZE_UNKNOWN && !scope->systemd->lacks_memory_peak &&
            scope_query(scope, "MemoryPeak", scope_on_memory_peak) >= 0)
                return;

        scope_report_gone(scope);
}

static int scope_on_result(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Scope *scope = userdata;
        const char *result = NULL;

        scope->query_slot = sd_bus_slot_unref(scope->query_slot);
        if (!sd_bus_message_is_method_error(reply, NULL) &&
            sd_bus_message_read(reply, "v", "s", &result) >= 0 && strcmp(result, "oom-kill") == 0)
                scope->worker.end.oom_kill = true;

        scope_query_memory_peak(scope);
        return 0;
}

void scope_query_end(Scope *scope) {
        if (!scope_died_unasked(scope) || scope->worker.end.oom_kill ||
            scope_query(scope, "Result", scope_on_result) < 0)
                scope_query_memory_peak(scope);
}
