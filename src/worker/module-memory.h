/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"
#include "worker/module-area.h"

/*
 * What a worker shares with its module hosts: the area, and the memfds of what tests print
 *
 * Tests append to a memfd; which bytes are whose is known by their place. What was read, or is too much, is punched
 * out, so that memory stays bounded.
 */

typedef struct ModuleMemory {
        ModuleArea *area;
        int area_fd, out_fd, err_fd, trace_fd;
        uint64_t out_punched, err_punched; /* before it there is nothing any more */
        uint64_t trace_read;
} ModuleMemory;

int module_memory_init(ModuleMemory *memory);
void module_memory_done(ModuleMemory *memory);

/* Bytes from start to end, at most max of them kept, head and tail. */
int module_memory_read(int fd, uint64_t start, uint64_t end, uint64_t max, ResultOutput *ret);
/* What is before the ends is not needed any more. */
void module_memory_punch(ModuleMemory *memory, uint64_t out_end, uint64_t err_end);
/* Of a test that prints and prints: the bytes between what will be kept. */
void module_memory_punch_middle(ModuleMemory *memory, uint64_t max);

uint64_t module_memory_get_size(int fd);

/* A backtrace: what was written between the end of the one before and this one; *ret is NULL if nothing was. */
int module_memory_take_trace(ModuleMemory *memory, uint64_t end, char **ret);
