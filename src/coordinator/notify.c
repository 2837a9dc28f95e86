/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/notify.h"

#include <systemd/sd-daemon.h>

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
