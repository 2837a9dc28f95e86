/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/message.h"
#include "worker/capture.h"

/*
 * Peek: what a test that runs has printed so far, as much of it as fits into a message
 *
 * Only what has left the test is seen: a program that buffers its output shows it when it flushes it.
 */

typedef struct Run Run;
typedef struct ModuleHost ModuleHost;

/* After stream->from; the data is the caller's. */
int peek_capture(const Capture *capture, PeekStream *stream);
/* Of a memory file, of which what begins at start is shown; of more than max bytes the middle is not there. */
int peek_memory(int fd, uint64_t start, uint64_t max, PeekStream *stream);

int run_peek(const Run *run, PeekStream *out, PeekStream *err);
/* 0: it is not at that request */
int module_host_peek(const ModuleHost *host, uint64_t id, PeekStream *out, PeekStream *err);
