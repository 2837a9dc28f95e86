/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/notify.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

/* Of the service; 0: none. */
static uint64_t notify_get_watchdog(void) {
        uint64_t usec = 0;

        return sd_watchdog_enabled(false, &usec) > 0 ? usec : 0;
}

void notify_progress(const CoordinatorProgress *progress) {
        (void)sd_notifyf(
                        false,
                        "STATUS=%zu/%zu, %zu failed, %zu running",
                        progress->reported,
                        progress->planned,
                        progress->bad,
                        progress->running);
}

void notify_stopping(void) {
        (void)sd_notify(false, "STOPPING=1");
}

void notify_paused(void) {
        (void)sd_notify(false, "STATUS=Paused; SIGCONT lets it go on");
        if (notify_get_watchdog() > 0)
                (void)sd_notify(false, "WATCHDOG_USEC=0");
}

void notify_continued(void) {
        const uint64_t usec = notify_get_watchdog();

        if (usec > 0)
                (void)sd_notifyf(false, "WATCHDOG_USEC=%" PRIu64 "\nWATCHDOG=1", usec);
}
