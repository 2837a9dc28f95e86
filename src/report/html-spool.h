/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/buffer.h"

/*
 * A part of the page that is written while the run goes on: in a file without a name, so that memory does not grow
 *
 * What is to be added goes into the buffer; html_spool_flush() moves it to the file when it has grown.
 */

typedef struct HtmlSpool {
        int fd;
        Buffer buffer;
        uint64_t written; /* bytes in the file */
} HtmlSpool;

/* A spool that is not open; html_spool_done() takes it. */
#define HTML_SPOOL_NONE \
        { .fd = -1 }

/* In that directory; where it cannot be there, in memory. */
int html_spool_open(HtmlSpool *spool, const char *directory);
void html_spool_done(HtmlSpool *spool);

/* The error of the buffer, or of the file. */
int html_spool_flush(HtmlSpool *spool);

/* All that was added so far, in bytes */
uint64_t html_spool_tell(const HtmlSpool *spool);

/* Bytes as they were added. -EIO: they are not there */
int html_spool_read(HtmlSpool *spool, uint64_t offset, void *data, size_t size);
/* The bytes from an offset on, to the end of another spool or to a file. */
int html_spool_move(HtmlSpool *spool, uint64_t offset, uint64_t size, Buffer *to);
int html_spool_copy(HtmlSpool *spool, uint64_t offset, uint64_t size, int fd);

/* Writes the buffer to a file, and empties it. */
int html_buffer_write(Buffer *buffer, int fd);
