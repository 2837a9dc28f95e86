/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coordinator/cores.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "basic/helper.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"

#define CORE_WAIT_USEC (2 * USEC_PER_SEC)
#define CORE_TICK_USEC (50 * USEC_PER_MSEC)

/* Of what is printed of one core. */
#define CORE_TEXT_MAX ((size_t)256 * 1024)

/* A crash of all tests of a suite must not be a crowd of helpers; beyond, results go without. */
#define CORES_MAX 16

typedef struct Core {
        Event *event;
        Helper *helper; /* asks; NULL: not now */
        uint64_t deadline_usec;
        struct Core *prev, *next;
} Core;

struct Cores {
        sd_event_source *tick;
        CoresHandler done;
        void *userdata;
        char *program; /* NULL: nobody takes cores, or nobody tells of them */
        Core *list;
        size_t n;
};

/* "|/lib/systemd/systemd-coredump %P …" */
static bool cores_are_taken(void) {
        _cleanup_free_ char *pattern = NULL;

        return file_read("/proc/sys/kernel/core_pattern", 4096, &pattern, NULL) >= 0 &&
                        pattern[0] == '|' && strstr(pattern, "systemd-coredump");
}

static void core_free(Core *core) {
        helper_free(core->helper);
        event_free(core->event);
        free(core);
}

static void cores_complete(Cores *cores, Core *core) {
        Event *event = TAKE_PTR(core->event);

        DL_DELETE(cores->list, core);
        cores->n--;
        core_free(core);
        cores->done(event, cores->userdata);
}

/* ---- Asking ---- */

static int core_ask(const Cores *cores, Core *core) {
        const Result *result = core->event->result;
        _cleanup_strv_ char **arguments = NULL;
        int r;

        r = strv_extend(&arguments, cores->program);
        if (r >= 0)
                r = strv_extend(&arguments, "--no-pager");
        if (r >= 0) /* not an earlier process with that number */
                r = strv_extendf(
                                &arguments, "--since=@%" PRIu64, result->start_usec / USEC_PER_SEC);
        if (r >= 0)
                r = strv_extend(&arguments, "info");
        if (r >= 0)
                r = strv_extendf(&arguments, "%d", (int)result->pid);
        return r < 0 ? r : helper_start(arguments, environ, core->deadline_usec, &core->helper);
}

int cores_parse(const char *text, char ***ret) {
        _cleanup_strv_ char **lines = NULL, **frames = NULL;
        bool inside = false;
        int r;

        r = strv_split(text, "\n", &lines);
        strv_for_each(line, lines) {
                const char *p = *line + strspn(*line, " \t");

                if (text_starts_with(p, "Stack trace of thread "))
                        inside = true;
                else if (!inside || p[0] != '#')
                        continue;
                if (r >= 0 && strv_length(frames) < CORES_FRAMES_MAX)
                        r = strv_extend(&frames, p);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(frames);
        return 0;
}

/* What it said; true: there is something in it. */
static bool core_read(Core *core) {
        _cleanup_free_ char *text = NULL, *safe = NULL;
        _cleanup_strv_ char **frames = NULL;
        size_t size;

        if (helper_read(core->helper, CORE_TEXT_MAX, &text, &size) < 0)
                return false;
        safe = text_escape_lines(text, size);
        if (!safe || cores_parse(safe, &frames) < 0 || !frames)
                return false;
        core->event->result->backtrace = TAKE_PTR(frames);
        return true;
}

/* True: there is nothing more to wait for. */
static bool core_dispatch(const Cores *cores, Core *core, uint64_t now) {
        if (core->helper && waitpid(helper_get_pid(core->helper), NULL, WNOHANG) != 0) {
                helper_on_reaped(core->helper);
                if (core_read(core))
                        return true;
                core->helper = helper_free(core->helper);
        }
        if (now < core->deadline_usec)
                return !core->helper && core_ask(cores, core) < 0;
        if (core->helper) {
                const pid_t pid = helper_get_pid(core->helper);

                helper_kill(core->helper);
                if (waitpid(pid, NULL, WNOHANG) != 0)
                        helper_on_reaped(core->helper);
        }
        return true;
}

static void cores_dispatch(Cores *cores) {
        const uint64_t now = clock_monotonic();
        Core *core, *next;

        DL_FOREACH_SAFE(cores->list, core, next)
        if (core_dispatch(cores, core, now))
                cores_complete(cores, core);
}

static int cores_on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Cores *cores = userdata;

        cores_dispatch(cores);
        if (cores->n > 0) {
                (void)sd_event_source_set_time(source, clock_machine() + CORE_TICK_USEC);
                (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        return 0;
}

/* ---- */

int cores_new_with(
                sd_event *event,
                const char *program,
                CoresHandler done,
                void *userdata,
                Cores **ret) {
        _cleanup_(cores_freep) Cores *cores = calloc(1, sizeof(*cores));
        int r;

        if (!cores)
                return -ENOMEM;
        cores->done = done;
        cores->userdata = userdata;
        if (program) {
                cores->program = strdup(program);
                if (!cores->program)
                        return -ENOMEM;
        }
        r = sd_event_add_time(
                        event, &cores->tick, CLOCK_MONOTONIC, UINT64_MAX, 0, cores_on_tick, cores);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(cores->tick, "cores");
        (void)sd_event_source_set_enabled(cores->tick, SD_EVENT_OFF);
        *ret = TAKE_PTR(cores);
        return 0;
}

int cores_new(sd_event *event, CoresHandler done, void *userdata, Cores **ret) {
        _cleanup_free_ char *program = NULL;

        if (cores_are_taken())
                (void)path_find_program("coredumpctl", &program);
        return cores_new_with(event, program, done, userdata, ret);
}

Cores *cores_free(Cores *cores) {
        Core *core, *next;

        if (!cores)
                return NULL;
        DL_FOREACH_SAFE(cores->list, core, next) {
                DL_DELETE(cores->list, core);
                core_free(core);
        }
        sd_event_source_disable_unref(cores->tick);
        free(cores->program);
        free(cores);
        return NULL;
}

bool cores_keep(Cores *cores, Event *event) {
        const Result *result = event->result;
        Core *core;

        if (!cores->program || !result->core_dumped || result->pid <= 0 || result->backtrace ||
            cores->n == CORES_MAX)
                return false;
        core = calloc(1, sizeof(*core));
        if (!core)
                return false;
        core->event = event;
        core->deadline_usec = usec_add(clock_monotonic(), CORE_WAIT_USEC);
        DL_APPEND(cores->list, core);
        cores->n++;
        (void)sd_event_source_set_time(cores->tick, clock_machine());
        (void)sd_event_source_set_enabled(cores->tick, SD_EVENT_ONESHOT);
        return true;
}

void cores_release(Cores *cores, const char *address) {
        Core *core, *next;

        DL_FOREACH_SAFE(cores->list, core, next) {
                pid_t pid;

                if (strcmp(core->event->result->address, address) != 0)
                        continue;
                pid = core->helper ? helper_get_pid(core->helper) : 0;
                if (pid > 0) {
                        helper_kill(core->helper);
                        if (waitpid(pid, NULL, WNOHANG) != 0)
                                helper_on_reaped(core->helper);
                }
                cores_complete(cores, core);
        }
}

void cores_finish(Cores *cores) {
        while (cores->n > 0) {
                cores_dispatch(cores);
                if (cores->n > 0)
                        (void)nanosleep(&(struct timespec){ .tv_nsec = CORE_TICK_USEC * 1000 },
                                        NULL);
        }
}
