/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macros.h"
#include "record/event.h"

/*
 * Cores: results of tests that dumped a core wait, a moment, for its backtrace
 *
 * Where systemd-coredump takes the cores, it knows the stacks soon after; coredumpctl is asked for them again and again,
 * for 2 s at most. Then the result goes its way, with them or without. Only its record waits: for the run the test is over.
 */

typedef struct Cores Cores;

/* done takes the event. */
typedef void (*CoresHandler)(Event *event, void *userdata);

int cores_new(sd_event *event, CoresHandler done, void *userdata, Cores **ret);
/* For tests: with this program in the place of coredumpctl; NULL: none */
int cores_new_with(
                sd_event *event,
                const char *program,
                CoresHandler done,
                void *userdata,
                Cores **ret);
/* Drops what still waits. */
Cores *cores_free(Cores *cores);
DEFINE_CLEANUP(Cores, cores_free);

/* True: the event, of a finished test or attempt, is kept until its core is known. */
bool cores_keep(Cores *cores, Event *event);
/* Lets go of those of this test, with what is known by now: something is to stand behind them. */
void cores_release(Cores *cores, const char *address);
/* Waits for all that are kept; when the loop does not run any more. */
void cores_finish(Cores *cores);

/* The lines about stacks in what coredumpctl prints of a core, at most CORES_FRAMES_MAX. */
int cores_parse(const char *text, char ***ret);
#define CORES_FRAMES_MAX 100U
