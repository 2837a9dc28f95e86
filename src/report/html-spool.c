/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/html-spool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/fd.h"

/* What is added is gathered to writes of this size. */
#define SPOOL_BUFFER (256U * 1024U)

int html_spool_open(HtmlSpool *spool, const char *directory) {
        *spool = (HtmlSpool)HTML_SPOOL_NONE;
        spool->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        /* Some file systems have no files without names, and /dev is none to write to. */
        if (spool->fd < 0)
                spool->fd = memfd_create("ptest-html", MFD_CLOEXEC);
        return spool->fd < 0 ? -errno : 0;
}

void html_spool_done(HtmlSpool *spool) {
        spool->fd = fd_close(spool->fd);
        buffer_done(&spool->buffer);
}

static int spool_write(HtmlSpool *spool) {
        int r = buffer_error(&spool->buffer);

        if (r >= 0)
                r = fd_write_all(spool->fd, spool->buffer.data, spool->buffer.size);
        if (r < 0)
                return r;
        spool->written += spool->buffer.size;
        buffer_reset(&spool->buffer, 2 * SPOOL_BUFFER);
        return 0;
}

int html_spool_flush(HtmlSpool *spool) {
        if (buffer_error(&spool->buffer) >= 0 && spool->buffer.size < SPOOL_BUFFER)
                return 0;
        return spool_write(spool);
}

uint64_t html_spool_tell(const HtmlSpool *spool) {
        return spool->written + spool->buffer.size;
}

int html_spool_read(HtmlSpool *spool, uint64_t offset, void *data, size_t size) {
        int r = spool->buffer.size > 0 ? spool_write(spool) : 0;

        while (r >= 0 && size > 0) {
                ssize_t n = pread(spool->fd, data, size, (off_t)offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                data = (char *)data + n;
                size -= (size_t)n;
                offset += (uint64_t)n;
        }
        return r;
}

int html_spool_copy(HtmlSpool *spool, uint64_t offset, uint64_t size, int fd) {
        char data[64 * 1024];
        int r = 0;

        for (size_t n; r >= 0 && size > 0; offset += n, size -= n) {
                n = MIN(size, sizeof(data));
                r = html_spool_read(spool, offset, data, n);
                if (r >= 0)
                        r = fd_write_all(fd, data, n);
        }
        return r;
}

int html_spool_move(HtmlSpool *spool, uint64_t offset, uint64_t size, Buffer *to) {
        char data[64 * 1024];
        int r = 0;

        for (size_t n; r >= 0 && size > 0; offset += n, size -= n) {
                n = MIN(size, sizeof(data));
                r = html_spool_read(spool, offset, data, n);
                if (r >= 0)
                        buffer_add(to, data, n);
        }
        return r;
}

int html_buffer_write(Buffer *buffer, int fd) {
        int r = buffer_error(buffer);

        if (r >= 0)
                r = fd_write_all(fd, buffer->data, buffer->size);
        buffer_reset(buffer, SPOOL_BUFFER);
        return r;
}
