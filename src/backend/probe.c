/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A bus that answers is not enough: in a chroot or a container with the host's /run bound into it, the host's manager
 * answers, and knows our processes by other ids or not at all. So the manager's own process must be the one
 * that we see under its id, its cgroup must be there in our view of cgroupfs, and the manager of the system must
 * know our own process as a part of the unit whose cgroup we are in.
 */

#include "backend/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "backend/cgroup.h"
#include "basic/clock.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"

#define PROBE_TIMEOUT_USEC  (3 * USEC_PER_SEC)
#define PROBE_PATIENCE_USEC (10 * USEC_PER_SEC)
#define PROBE_PAUSE_USEC    (100 * USEC_PER_MSEC)

#define MANAGER_NAME      "org.freedesktop.systemd1"
#define MANAGER_PATH      "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"

typedef struct Probe {
        BackendKind kind;
        sd_bus *bus;
        sd_bus_error error;
        char *control_group; /* the manager's */
        CgroupLayout layout;
} Probe;

static void probe_done(Probe *probe) {
        sd_bus_error_free(&probe->error);
        sd_bus_flush_close_unref(probe->bus);
        free(probe->control_group);
        cgroup_layout_done(&probe->layout);
}

static const char *probe_explain(const Probe *probe, int error) {
        return probe->error.message ? probe->error.message : strerror(-error);
}

static int probe_open(Probe *probe, char **reason) {
        if (probe->kind == BACKEND_SYSTEM && geteuid() != 0) {
                (void)text_setf(reason, "the system manager takes scopes from root only");
                return -EPERM;
        }
        if (probe->kind == BACKEND_USER && !getenv("XDG_RUNTIME_DIR")) {
                (void)text_setf(reason,
                                "XDG_RUNTIME_DIR is not set: there is no login session (loginctl enable-linger makes one)");
                return -ENXIO;
        }

        int r = probe->kind == BACKEND_SYSTEM ? sd_bus_open_system(&probe->bus) :
                                                sd_bus_open_user(&probe->bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(probe->bus, PROBE_TIMEOUT_USEC);
        if (r < 0)
                (void)text_setf(reason,
                                "no %s bus: %s",
                                probe->kind == BACKEND_SYSTEM ? "system" : "session",
                                strerror(-r));
        return r;
}

static int probe_get_string(
                Probe *probe,
                const char *path,
                const char *interface,
                const char *name,
                char **ret) {
        sd_bus_error_free(&probe->error);
        return sd_bus_get_property_string(
                        probe->bus, MANAGER_NAME, path, interface, name, &probe->error, ret);
}

static int probe_find_manager_pid(Probe *probe, pid_t *ret) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
        uint32_t pid = 0;

        sd_bus_error_free(&probe->error);
        int r = sd_bus_call_method(
                        probe->bus,
                        "org.freedesktop.DBus",
                        "/org/freedesktop/DBus",
                        "org.freedesktop.DBus",
                        "GetConnectionUnixProcessID",
                        &probe->error,
                        &reply,
                        "s",
                        MANAGER_NAME);
        if (r >= 0)
                r = sd_bus_message_read(reply, "u", &pid);
        if (r < 0)
                return r;

        *ret = (pid_t)pid;
        return 0;
}

static bool path_is_below(const char *path, const char *above) {
        size_t n = strlen(above);

        return strcmp(above, "/") == 0 ||
                        (strncmp(path, above, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

/* The process that answers is the one that we see, in a part of cgroupfs that we see. */
static int probe_check_view(Probe *probe, char **reason) {
        _cleanup_free_ char *path = NULL, *directory = NULL;
        pid_t pid = 0;

        int r = probe_get_string(
                        probe,
                        MANAGER_PATH,
                        MANAGER_INTERFACE,
                        "ControlGroup",
                        &probe->control_group);
        if (r >= 0 && probe->control_group[0] == '\0')
                r = text_setf(&probe->control_group, "/");
        if (r >= 0)
                r = probe_find_manager_pid(probe, &pid);
        if (r < 0) {
                (void)text_setf(reason,
                                "no manager answers on the bus: %s",
                                probe_explain(probe, r));
                return r;
        }

        r = cgroup_find_process(pid, &probe->layout, &path);
        if (r < 0 || !path_is_below(path, probe->control_group)) {
                (void)text_setf(reason,
                                "the manager (process %d, cgroup %s) is not the one of this system: is this a chroot or container?",
                                (int)pid,
                                probe->control_group);
                return -EXDEV;
        }

        const char *mount_point = probe->layout.named ? probe->layout.named : probe->layout.unified;
        if (!mount_point) {
                (void)text_setf(reason, "cgroupfs is not mounted here");
                return -ENOENT;
        }

        if (asprintf(&directory, "%s%s", mount_point, path) < 0)
                return -ENOMEM;
        if (!path_is_directory(directory)) {
                (void)text_setf(reason, "the manager's cgroup %s is not there", directory);
                return -ENOENT;
        }

        return 0;
}

static bool path_has_component(const char *path, const char *name) {
        _cleanup_strv_ char **parts = NULL;

        return strv_split(path, "/", &parts) >= 0 && strv_contains(parts, name);
}

static int probe_check_own_process(Probe *probe, char **reason) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
        _cleanup_free_ char *cgroup = NULL, *id = NULL;
        const char *unit_path = NULL;

        sd_bus_error_free(&probe->error);
        int r = sd_bus_call_method(
                        probe->bus,
                        MANAGER_NAME,
                        MANAGER_PATH,
                        MANAGER_INTERFACE,
                        "GetUnitByPID",
                        &probe->error,
                        &reply,
                        "u",
                        (uint32_t)getpid());
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &unit_path);
        if (r >= 0)
                r = probe_get_string(probe, unit_path, "org.freedesktop.systemd1.Unit", "Id", &id);
        if (r < 0) {
                (void)text_setf(reason,
                                "the manager does not know this process: %s",
                                probe_explain(probe, r));
                return r;
        }

        r = cgroup_find_process(getpid(), &probe->layout, &cgroup);
        if (r < 0 || !path_has_component(cgroup, id)) {
                (void)text_setf(reason,
                                "the manager takes this process for a part of %s, which it is not",
                                id);
                return -EXDEV;
        }

        return 0;
}

static int probe_try(Probe *probe, char **reason) {
        int r = cgroup_layout_read(&probe->layout);
        if (r < 0) {
                (void)text_setf(reason, "/proc is not readable: %s", strerror(-r));
                return r;
        }

        r = probe_open(probe, reason);
        if (r < 0)
                return r;

        r = probe_check_view(probe, reason);
        if (r < 0)
                return r;

        /* A user's processes mostly belong to the session, which is a unit of the system's manager. */
        return probe->kind == BACKEND_SYSTEM ? probe_check_own_process(probe, reason) : 0;
}

bool probe_bus_is_away(int error) {
        return error == -ECONNRESET || error == -ENOTCONN || error == -EPIPE;
}

/* As when the bus is restarted, the manager executes itself anew, or both have much to do */
static bool probe_met_trouble(const Probe *probe, int error) {
        return probe_bus_is_away(error) || error == -ETIMEDOUT ||
                        sd_bus_error_has_names(
                                        &probe->error,
                                        SD_BUS_ERROR_NO_REPLY,
                                        SD_BUS_ERROR_TIMEOUT,
                                        SD_BUS_ERROR_DISCONNECTED,
                                        SD_BUS_ERROR_SERVICE_UNKNOWN,
                                        SD_BUS_ERROR_NAME_HAS_NO_OWNER);
}

/*
 * A moment's trouble must not make a run go without limits. Where systemd was not booted there is nobody who could
 * come back.
 */
static int probe_run(Probe *probe, char **reason) {
        uint64_t until = clock_monotonic() + PROBE_PATIENCE_USEC;
        BackendKind kind = probe->kind;

        for (;;) {
                int r = probe_try(probe, reason);
                if (r >= 0 || !probe_met_trouble(probe, r) || sd_booted() <= 0 ||
                    clock_monotonic() >= until)
                        return r;

                probe_done(probe);
                *probe = (Probe){ .kind = kind };
                (void)usleep(PROBE_PAUSE_USEC);
        }
}

int probe_manager(BackendKind kind, char **ret_reason) {
        _cleanup_(probe_done) Probe probe = { .kind = kind };
        _cleanup_free_ char *reason = NULL;

        int r = probe_run(&probe, &reason);
        if (r < 0 && ret_reason)
                *ret_reason = TAKE_PTR(reason);
        return r < 0 ? r : 0;
}

int probe_version(BackendKind kind, char **ret) {
        _cleanup_(probe_done) Probe probe = { .kind = kind };
        _cleanup_free_ char *reason = NULL;

        int r = probe_open(&probe, &reason);
        if (r < 0)
                return r;

        return probe_get_string(&probe, MANAGER_PATH, MANAGER_INTERFACE, "Version", ret);
}

/* Of version 2; none where that is not mounted, or is there for its tree alone. */
static int probe_read_controllers(const Probe *probe, char ***ret) {
        const char *group = probe->control_group;
        _cleanup_free_ char *file = NULL, *text = NULL;

        if (!probe->layout.unified)
                return -ENODATA;
        if (asprintf(&file,
                     "%s%s/cgroup.controllers",
                     probe->layout.unified,
                     strcmp(group, "/") == 0 ? "" : group) < 0)
                return -ENOMEM;

        int r = file_read(file, 4096, &text, NULL);
        return r < 0 ? r : strv_split(text, " \n", ret);
}

void probe_controllers(BackendKind kind, bool *ret_memory, bool *ret_tasks) {
        _cleanup_(probe_done) Probe probe = { .kind = kind };
        _cleanup_free_ char *reason = NULL;
        _cleanup_strv_ char **controllers = NULL;

        *ret_memory = *ret_tasks = false;
        if (probe_run(&probe, &reason) < 0)
                return;

        /* cgroup v1: the manager of a user gets no controllers there. */
        if (kind == BACKEND_SYSTEM) {
                *ret_memory = probe.layout.memory_v1;
                *ret_tasks = probe.layout.pids_v1;
        }
        if (probe_read_controllers(&probe, &controllers) < 0)
                return;

        *ret_memory = *ret_memory || strv_contains(controllers, "memory");
        *ret_tasks = *ret_tasks || strv_contains(controllers, "pids");
}

char **probe_list_delegated(BackendKind kind) {
        _cleanup_(probe_done) Probe probe = { .kind = kind };
        _cleanup_free_ char *reason = NULL;
        char **controllers = NULL;

        if (kind == BACKEND_PLAIN || probe_run(&probe, &reason) < 0 ||
            probe_read_controllers(&probe, &controllers) < 0)
                return NULL;
        return controllers;
}
