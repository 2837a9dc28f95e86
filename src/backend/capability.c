/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What this machine can hold, found out by looking and not by version: each probe tells what it saw, and where
 * something is missing what would help.
 */

#include "backend/capability.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/capability-survey.h"
#include "backend/probe.h"
#include "basic/array.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static void survey_done(Survey *survey) {
        free(survey->trouble);
        free(survey->cgroup);
        cgroup_layout_done(&survey->layout);
        capability_free_many(survey->capabilities, survey->count);
}

void survey_add(Survey *survey,
                const char *name,
                const char *title,
                bool holds,
                const char *format,
                ...) {
        char *reason = NULL;
        va_list ap;

        if (survey->error < 0)
                return;

        survey->error = array_fit(survey->capabilities, survey->count + 1);
        if (survey->error < 0)
                return;

        va_start(ap, format);
        int r = vasprintf(&reason, format, ap);
        va_end(ap);
        if (r < 0) {
                survey->error = -ENOMEM;
                return;
        }

        survey->capabilities[survey->count++] = (Capability){
                .name = name, .title = title, .holds = holds, .reason = reason
        };
}

/* ---- The manager ---- */

static void survey_manager(Survey *survey) {
        _cleanup_free_ char *version = NULL;
        const char *kind = backend_kind_to_string(survey->kind);

        if (survey->kind == BACKEND_PLAIN) {
                survey_add(survey, "bus", "D-Bus", false, "the plain backend uses no bus");
                survey_add(survey,
                           "manager",
                           "systemd manager",
                           false,
                           "the plain backend uses no manager; workers are mere processes");
                return;
        }

        int r = probe_version(survey->kind, &version);
        if (r < 0) {
                survey_add(survey,
                           "bus",
                           "D-Bus",
                           false,
                           "%s",
                           survey->trouble ? survey->trouble : strerror(-r));
                survey_add(survey,
                           "manager",
                           "systemd manager",
                           false,
                           "no answer; is systemd running here?");
                return;
        }

        survey_add(survey, "bus", "D-Bus", true, "the %s bus answers", kind);
        if (survey->reachable)
                survey_add(survey,
                           "manager",
                           "systemd manager",
                           true,
                           "systemd %s, %s manager",
                           version,
                           kind);
        else
                survey_add(survey,
                           "manager",
                           "systemd manager",
                           false,
                           "systemd %s: %s",
                           version,
                           survey->trouble);
}

/* ---- cgroups ---- */

static void survey_cgroup(Survey *survey) {
        const CgroupLayout *layout = &survey->layout;

        if (layout->unified && !layout->named && !layout->memory_v1)
                survey_add(survey,
                           "cgroup",
                           "Control groups",
                           true,
                           "version 2 at %s",
                           layout->unified);
        else if (layout->unified)
                survey_add(survey,
                           "cgroup",
                           "Control groups",
                           true,
                           "hybrid: controllers are of version 1, so there is less to read about a worker's end; "
                           "booting with systemd.unified_cgroup_hierarchy=1 helps");
        else if (layout->named || layout->memory_v1)
                survey_add(survey,
                           "cgroup",
                           "Control groups",
                           true,
                           "version 1; booting with systemd.unified_cgroup_hierarchy=1 gives version 2");
        else
                survey_add(survey,
                           "cgroup",
                           "Control groups",
                           false,
                           "cgroupfs is not mounted here");
}

static void survey_limits(Survey *survey) {
        const char *no_memory = survey->kind == BACKEND_PLAIN ?
                        "the plain backend cannot hold MemoryMax=; run as a service or in a login session" :
                        !survey->reachable ?
                        "the manager cannot be used" :
                        "the manager has no memory controller; boot with cgroup_enable=memory, or let it be delegated";
        const char *no_tasks = survey->kind == BACKEND_PLAIN ?
                        "the plain backend cannot hold TasksMax=; run as a service or in a login session" :
                        !survey->reachable ?
                        "the manager cannot be used" :
                        "the manager has no pids controller; let it be delegated";
        bool v2 = !survey->layout.memory_v1;
        bool scopes = survey->kind != BACKEND_PLAIN && survey->reachable;

        if (scopes && v2)
                survey_add(survey,
                           "delegation",
                           "Delegation",
                           survey->memory || survey->tasks,
                           "each worker's cgroup is its own, with:%s%s%s",
                           survey->memory ? " memory" : "",
                           survey->tasks ? " pids" : "",
                           survey->memory || survey->tasks ? "" : " no controllers");
        else
                survey_add(survey,
                           "delegation",
                           "Delegation",
                           false,
                           "%s",
                           scopes ? "version 1 controllers are not delegated: tests share their worker's limits" :
                                    "without a manager there is nobody to delegate cgroups");

        survey_add(survey,
                   "memory-limit",
                   "Memory limit",
                   survey->memory,
                   "%s",
                   survey->memory ? "MemoryMax= holds for a worker and all its processes" :
                                    no_memory);
        survey_add(survey,
                   "tasks-limit",
                   "Tasks limit",
                   survey->tasks,
                   "%s",
                   survey->tasks ? "TasksMax= holds for a worker and all its processes" : no_tasks);

        bool verdict = survey->memory && v2;
        survey_add(survey,
                   "oom-verdict",
                   "Out-of-memory verdict",
                   verdict,
                   "%s",
                   verdict ? "memory.events tells what the kernel killed" :
                                   survey->memory ?
                             "version 1 has no memory.events: lack of memory may look like any SIGKILL" :
                             "there is no memory limit whose breach could be told");
}

/* ---- Control ---- */

/* The root cgroup has no such files, so our own is looked at; it may be that there is none but the root. */
static bool survey_has_cgroup_file(const Survey *survey, const char *name) {
        _cleanup_free_ char *path = NULL;

        return survey->layout.unified && survey->cgroup &&
                        asprintf(&path, "%s%s/%s", survey->layout.unified, survey->cgroup, name) >=
                        0 &&
                        access(path, F_OK) >= 0;
}

static void survey_control(Survey *survey) {
        bool freeze = survey_has_cgroup_file(survey, "cgroup.freeze");
        bool kill_all = survey_has_cgroup_file(survey, "cgroup.kill");
        bool scopes = survey->kind != BACKEND_PLAIN && survey->reachable;

        survey_add(survey,
                   "freeze",
                   "Freezing",
                   freeze && scopes,
                   "%s",
                   survey->kind == BACKEND_PLAIN ?
                                   "the plain backend cannot stop all of a test at one moment" :
                                   !scopes ?
                                   "the manager cannot be used" :
                                   freeze ?
                                   "cgroup.freeze is there" :
                                   "no cgroup.freeze in our cgroup; it needs version 2 and Linux 5.2");
        survey_add(survey,
                   "kill",
                   "Killing at once",
                   kill_all && scopes,
                   "%s",
                   survey->kind == BACKEND_PLAIN ?
                                   "the plain backend kills process by process: one that forks fast may escape for a while" :
                                   !scopes ?
                                   "the manager cannot be used" :
                                   kill_all ?
                                   "cgroup.kill is there" :
                                   "no cgroup.kill in our cgroup; it needs version 2 and Linux 5.14. Processes are "
                                   "killed by the manager");
}

/* ---- The rest ---- */

static void survey_journal(Survey *survey) {
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) >= 0)
                survey_add(survey,
                           "journal",
                           "Journal",
                           true,
                           "journald listens at %s",
                           JOURNAL_SOCKET);
        else
                survey_add(survey,
                           "journal",
                           "Journal",
                           false,
                           "%s: %s; results go to the run's own file alone",
                           JOURNAL_SOCKET,
                           strerror(errno));
}

static void survey_pidfd(Survey *survey) {
        _cleanup_close_ int pidfd = -1;

        int r = process_open(getpid(), &pidfd);
        if (r >= 0)
                r = process_signal(pidfd, 0);

        survey_add(survey,
                   "pidfd",
                   "Process handles",
                   r >= 0,
                   "%s%s",
                   r >= 0 ? "pidfd_open and pidfd_send_signal work" : "pidfd_open: ",
                   r >= 0 ? "" : strerror(-r));
}

static void survey_core_dumps(Survey *survey) {
        _cleanup_free_ char *text = NULL;

        int r = file_read("/proc/sys/kernel/core_pattern", 4096, &text, NULL);
        if (r < 0) {
                survey_add(survey,
                           "core-dumps",
                           "Core dumps",
                           false,
                           "core_pattern: %s",
                           strerror(-r));
                return;
        }

        _cleanup_free_ char *pattern = text_escape(text_strip(text), strlen(text_strip(text)));
        const char *shown = pattern ? pattern : "?";
        bool systemd = strstr(shown, "systemd-coredump");

        if (systemd)
                survey_add(survey,
                           "core-dumps",
                           "Core dumps",
                           true,
                           "systemd-coredump keeps them (coredumpctl)");
        else if (shown[0] == '|')
                survey_add(survey,
                           "core-dumps",
                           "Core dumps",
                           true,
                           "a program takes them: %s",
                           shown + 1);
        else
                survey_add(survey,
                           "core-dumps",
                           "Core dumps",
                           shown[0] != '\0',
                           "a file '%s', if LimitCORE= allows it; the package systemd-coredump would keep them",
                           shown);
}

int capability_probe(BackendKind kind, Capability **ret, size_t *ret_count) {
        _cleanup_(survey_done) Survey survey = { .kind = kind };

        int r = cgroup_layout_read(&survey.layout);
        if (r < 0 && r != -ENOENT)
                return r;
        (void)cgroup_find_process(getpid(), &survey.layout, &survey.cgroup);

        survey.reachable = backend_probe(kind, &survey.trouble) >= 0;
        if (kind != BACKEND_PLAIN && survey.reachable)
                probe_controllers(kind, &survey.memory, &survey.tasks);

        survey_manager(&survey);
        survey_cgroup(&survey);
        survey_limits(&survey);
        survey_control(&survey);
        survey_tests(&survey);
        survey_journal(&survey);
        survey_pidfd(&survey);
        survey_core_dumps(&survey);
        if (survey.error < 0)
                return survey.error;

        *ret_count = survey.count;
        *ret = TAKE_PTR(survey.capabilities);
        survey.count = 0;
        return 0;
}

void capability_free_many(Capability *capabilities, size_t count) {
        for (size_t i = 0; i < count; i++)
                free(capabilities[i].reason);
        free(capabilities);
}
