/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/text.h"
#include "worker/capture.h"

/* One system call for so many bytes that nobody needs any more. */
#define PUNCH_BATCH (1024U * 1024U)

/* A flood is looked at some fifty times a second: so much more than what is kept may be there between. */
#define FLOOD_ALLOWED (8U * 1024U * 1024U)

#define TRACE_MAX (64U * 1024U)

/* Above the numbers that a host expects: see MODULE_FD_SOCKET. */
#define FDS_START 10

static int memory_open(const char *name, int flags, int *ret) {
        _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC);
        int moved;

        if (fd < 0)
                return -errno;
        if (flags != 0 && fcntl(fd, F_SETFL, flags) < 0)
                return -errno;
        moved = fcntl(fd, F_DUPFD_CLOEXEC, FDS_START);
        if (moved < 0)
                return -errno;
        *ret = moved;
        return 0;
}

int module_memory_init(ModuleMemory *memory) {
        void *area;
        int r;

        *memory = (ModuleMemory){ .area_fd = -1, .out_fd = -1, .err_fd = -1, .trace_fd = -1 };
        r = memory_open("ptest-module-area", 0, &memory->area_fd);
        if (r >= 0)
                r = memory_open("ptest-module-stdout", O_APPEND, &memory->out_fd);
        if (r >= 0)
                r = memory_open("ptest-module-stderr", O_APPEND, &memory->err_fd);
        if (r >= 0)
                r = memory_open("ptest-module-trace", O_APPEND, &memory->trace_fd);
        if (r < 0)
                return r;
        if (ftruncate(memory->area_fd, sizeof(ModuleArea)) < 0)
                return -errno;
        area = mmap(NULL,
                    sizeof(ModuleArea),
                    PROT_READ | PROT_WRITE,
                    MAP_SHARED,
                    memory->area_fd,
                    0);
        if (area == MAP_FAILED)
                return -errno;
        memory->area = area;
        return 0;
}

void module_memory_done(ModuleMemory *memory) {
        if (memory->area)
                munmap(memory->area, sizeof(ModuleArea));
        fd_close(memory->area_fd);
        fd_close(memory->out_fd);
        fd_close(memory->err_fd);
        fd_close(memory->trace_fd);
        *memory = (ModuleMemory){ .area_fd = -1, .out_fd = -1, .err_fd = -1, .trace_fd = -1 };
}

uint64_t module_memory_get_size(int fd) {
        struct stat st;

        return fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

/* Fewer bytes than asked for: the test cut its output off. */
static size_t range_read(int fd, char *data, size_t size, uint64_t offset) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = pread(fd, data + done, size - done, (off_t)(offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                done += (size_t)n;
        }
        return done;
}

int module_memory_read(int fd, uint64_t start, uint64_t end, uint64_t max, ResultOutput *ret) {
        const uint64_t total = end > start ? end - start : 0;
        _cleanup_free_ char *data = NULL;
        size_t size, head;

        max = MIN(max, (uint64_t)CAPTURE_MAX);
        size = (size_t)MIN(total, max);
        if (size == 0) {
                *ret = (ResultOutput){ .total = total };
                return 0;
        }
        data = malloc(size);
        if (!data)
                return -ENOMEM;
        head = total > max ? (size_t)(max / 2) : size;

        size_t n = range_read(fd, data, head, start);

        if (n == head && total > max)
                n += range_read(fd, data + head, size - head, end - (size - head));
        *ret = (ResultOutput){ .data = TAKE_PTR(data),
                               .size = n,
                               .total = MAX(total, (uint64_t)n) };
        return 0;
}

static void range_punch(int fd, uint64_t start, uint64_t end) {
        if (end > start)
                (void)fallocate(fd,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                (off_t)start,
                                (off_t)(end - start));
}

static void stream_punch(int fd, uint64_t *punched, uint64_t end) {
        if (end < *punched + PUNCH_BATCH)
                return;
        range_punch(fd, *punched, end);
        *punched = end;
}

void module_memory_punch(ModuleMemory *memory, uint64_t out_end, uint64_t err_end) {
        stream_punch(memory->out_fd, &memory->out_punched, out_end);
        stream_punch(memory->err_fd, &memory->err_punched, err_end);
}

static void stream_punch_middle(int fd, uint64_t start, uint64_t max) {
        const uint64_t size = module_memory_get_size(fd);

        max = MIN(max, (uint64_t)CAPTURE_MAX);
        if (size > start + max + FLOOD_ALLOWED)
                range_punch(fd, start + max / 2, size - (max - max / 2));
}

void module_memory_punch_middle(ModuleMemory *memory, uint64_t max) {
        const ModuleCurrent *current = &memory->area->current;

        stream_punch_middle(memory->out_fd, atomic_load(&current->out_start), max);
        stream_punch_middle(memory->err_fd, atomic_load(&current->err_start), max);
}

int module_memory_take_trace(ModuleMemory *memory, uint64_t end, char **ret) {
        _cleanup_free_ char *data = NULL;
        const uint64_t size = MIN(end, module_memory_get_size(memory->trace_fd));
        size_t n;

        *ret = NULL;
        if (size <= memory->trace_read)
                return 0;
        n = (size_t)MIN(size - memory->trace_read, (uint64_t)TRACE_MAX);
        data = malloc(n);
        if (!data)
                return -ENOMEM;
        n = range_read(memory->trace_fd, data, n, memory->trace_read);
        memory->trace_read = size;
        *ret = text_escape_lines(data, n);
        return *ret ? 0 : -ENOMEM;
}
