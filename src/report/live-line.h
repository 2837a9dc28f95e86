/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/style.h"

/*
 * The line that says how far a run is
 *
 *      [412/1200] 3 failed · 4 running: gobject/closure 12s, glib/thread 3s, … · ~2min left
 */

/* At most so many columns */
void live_line_add(
                const Style *style, Buffer *text, const TerminalProgress *progress, size_t columns);

/* For logs: "… 412/1200, 3 failed, 4 running: gobject/closure 12s, glib/thread 3s, 5min 10s" */
void heartbeat_add(const Style *style, Buffer *text, const TerminalProgress *progress);
