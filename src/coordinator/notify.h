/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/coordinator.h"

/* Tells the service manager how far the run is: "412/1200, 3 failed, 4 running". Without one: no effect. */
void notify_progress(const CoordinatorProgress *progress);
void notify_stopping(void);
/* Nobody will feed its watchdog until the second. */
void notify_paused(void);
void notify_continued(void);
