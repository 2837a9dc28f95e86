/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coordinator/slot-look.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/helper.h"
#include "basic/log.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "coordinator/slot-internal.h"
#include "ptest/protocol.h"

/* From its end by SIGKILL to its being reaped; beyond, it waits in the kernel like what it looked at. */
#define BURY_USEC (1 * USEC_PER_SEC)

static void look_read(const SlotLook *look, char ***ret) {
        _cleanup_free_ char *text = NULL, *safe = NULL;
        size_t size = 0;

        if (helper_read(look->helper, PTEST_STUCK_REPORT_SIZE_MAX, &text, &size) < 0)
                return;
        while (size > 0 && text[size - 1] != '\n')
                size--;
        safe = text_escape_lines(text, size);
        if (safe)
                (void)strv_split(safe, "\n", ret);
}

/* False: it is not there to be reaped yet. */
static bool look_reap(SlotLook *look) {
        const pid_t pid = helper_get_pid(look->helper);

        if (pid == 0)
                return true;
        if (waitpid(pid, NULL, WNOHANG) == 0)
                return false;
        helper_on_reaped(look->helper);
        return true;
}

static void look_done(SlotLook *look) {
        sd_event_source_disable_unref(look->ended);
        sd_event_source_disable_unref(look->timer);
        helper_free(look->helper);
        strv_free(look->lines);
        free(look->why);
        free(look->at);
        *look = (SlotLook){};
}

void slot_drop_look(Slot *slot) {
        look_done(&slot->look);
}

void slot_end_look(Slot *slot, bool stop) {
        SlotLook *look = &slot->look;

        if (!look->helper)
                return;
        helper_kill(look->helper);
        (void)look_reap(look);
        look_read(look, &look->lines);
        slot_emit(slot, EVENT_WORKER_STUCK, look->why, look->at);
        look_done(look);
        if (stop)
                backend_worker_begin_stop(slot->worker);
}

static int look_on_ended(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Slot *slot = userdata;

        if (look_reap(&slot->look))
                slot_end_look(slot, true);
        return 0;
}

static int look_on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        Slot *slot = userdata;

        if (helper_get_deadline(slot->look.helper) == USEC_INFINITY) {
                slot_end_look(slot, true);
                return 0;
        }
        helper_kill(slot->look.helper);
        (void)sd_event_source_set_time(source, clock_machine() + BURY_USEC);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static int look_start_helper(Slot *slot, StuckPolicy policy) {
        const uint64_t deadline = usec_add(
                        clock_monotonic(),
                        policy == STUCK_PROCESSES ? PTEST_STUCK_REPORT_BRIEF_MAX :
                                                    PTEST_STUCK_REPORT_MAX);
        _cleanup_strv_ char **arguments = NULL;
        int r;

        r = strv_extend(&arguments, slot->context->worker_path);
        if (r >= 0)
                r = strv_extend(&arguments, PTEST_STUCK_REPORT_OPTION);
        if (r >= 0)
                r = strv_extend(&arguments, PTEST_STUCK_REPORT_BELOW);
        if (r >= 0 && policy == STUCK_PROCESSES)
                r = strv_extend(&arguments, PTEST_STUCK_REPORT_NO_STACKS);
        if (r >= 0)
                r = strv_extendf(&arguments, "%d", (int)slot->pid);
        return r < 0 ? r : helper_start(arguments, environ, deadline, &slot->look.helper);
}

static int look_watch(Slot *slot) {
        SlotLook *look = &slot->look;
        int fd = -1, r;

        r = process_open(helper_get_pid(look->helper), &fd);
        if (r < 0)
                return r;
        r = sd_event_add_io(slot->context->event, &look->ended, fd, EPOLLIN, look_on_ended, slot);
        if (r < 0) {
                close(fd);
                return r;
        }
        (void)sd_event_source_set_io_fd_own(look->ended, true);
        (void)sd_event_source_set_description(look->ended, "slot-look");
        return sd_event_add_time(
                        slot->context->event,
                        &look->timer,
                        CLOCK_MONOTONIC,
                        clock_to_machine(helper_get_deadline(look->helper)),
                        0,
                        look_on_time,
                        slot);
}

void slot_begin_look(Slot *slot, const char *why, const char *at, StuckPolicy policy) {
        SlotLook *look = &slot->look;
        int r;

        if (slot->gone || look->helper)
                r = -EALREADY;
        else if (policy == STUCK_NONE)
                r = -ECANCELED;
        else
                r = look_start_helper(slot, policy);
        if (r >= 0) {
                look->why = why ? strdup(why) : NULL;
                look->at = at ? strdup(at) : NULL;
                r = look_watch(slot);
        }
        if (r >= 0)
                return;
        log_debug("worker %u.%u: cannot be looked at: %s",
                  slot->number,
                  slot->generation,
                  strerror(-r));
        if (look->helper) {
                slot_end_look(slot, true);
                return;
        }
        slot_emit(slot, EVENT_WORKER_STUCK, why, at);
        backend_worker_begin_stop(slot->worker);
}
