/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/run-file-compress.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "record/run-file-format.h"

/* Records are much alike: a higher level takes longer and hardly saves. */
#define COMPRESS_LEVEL 3

typedef struct Compressor {
        int from, to;
        uint64_t offset; /* in the compressed file */
        ZSTD_CCtx *context;
        char *plain;  /* RUN_FILE_FRAME_SIZE */
        char *packed; /* what that can become at most */
        size_t packed_size;
} Compressor;

static void compressor_done(Compressor *compressor) {
        fd_close(compressor->to);
        ZSTD_freeCCtx(compressor->context);
        free(compressor->plain);
        free(compressor->packed);
}

static int compressor_init(Compressor *compressor, int from) {
        compressor->from = from;
        compressor->packed_size = ZSTD_compressBound(RUN_FILE_FRAME_SIZE);
        compressor->plain = malloc(RUN_FILE_FRAME_SIZE);
        compressor->packed = malloc(compressor->packed_size);
        compressor->context = ZSTD_createCCtx();
        if (!compressor->plain || !compressor->packed || !compressor->context)
                return -ENOMEM;
        if (ZSTD_isError(ZSTD_CCtx_setParameter(
                            compressor->context, ZSTD_c_compressionLevel, COMPRESS_LEVEL)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(compressor->context, ZSTD_c_checksumFlag, 1)))
                return -EINVAL;
        return 0;
}

static int compressor_write(Compressor *compressor, const void *data, size_t size) {
        int r = fd_write_all(compressor->to, data, size);

        compressor->offset += size;
        return r;
}

/* n: how many numbers */
static int compressor_add_marker(
                Compressor *compressor, uint32_t magic, const uint64_t *numbers, size_t n) {
        uint32_t head[2] = { htole32(magic), htole32((uint32_t)(n * sizeof(uint64_t))) };
        uint64_t words[4];
        int r;

        assert(n <= ELEMENTSOF(words));

        for (size_t i = 0; i < n; i++)
                words[i] = htole64(numbers[i]);
        r = compressor_write(compressor, head, sizeof(head));
        return r < 0 ? r : compressor_write(compressor, words, n * sizeof(words[0]));
}

/* A piece of at most RUN_FILE_FRAME_SIZE as one frame */
static int compressor_add_frame(Compressor *compressor, uint64_t offset, size_t size) {
        size_t done = 0, packed;

        while (done < size) {
                ssize_t n = pread(
                                compressor->from,
                                compressor->plain + done,
                                size - done,
                                (off_t)(offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0) /* somebody cut it */
                        return -EIO;
                done += (size_t)n;
        }
        packed = ZSTD_compress2(
                        compressor->context,
                        compressor->packed,
                        compressor->packed_size,
                        compressor->plain,
                        size);
        if (ZSTD_isError(packed))
                return -ENOMEM;
        return compressor_write(compressor, compressor->packed, packed);
}

static int compressor_add_part(Compressor *compressor, uint64_t begin, uint64_t end) {
        int r = compressor_add_marker(compressor, RUN_FILE_BEGIN_MAGIC, &begin, 1);

        while (begin < end && r >= 0) {
                size_t size = (size_t)MIN(end - begin, (uint64_t)RUN_FILE_FRAME_SIZE);

                r = compressor_add_frame(compressor, begin, size);
                begin += size;
        }
        return r;
}

static int compressor_add_all(Compressor *compressor, const RunFileParts *parts) {
        uint64_t last = 0;
        int r = 0;

        for (size_t i = 0; i < parts->n_begins && r >= 0; i++) {
                last = compressor->offset;
                r = compressor_add_part(
                                compressor,
                                parts->begins[i],
                                i + 1 < parts->n_begins ? parts->begins[i + 1] : parts->size);
        }
        if (r < 0)
                return r;
        return compressor_add_marker(
                        compressor,
                        RUN_FILE_END_MAGIC,
                        (uint64_t[]){ last, parts->size, RUN_FILE_END_WORD },
                        3);
}

/* Beside the file, under a name that no list of runs takes for one. */
static int new_path(const char *path, char **ret) {
        const char *name = path_basename(path);
        char *s;

        if (asprintf(&s, "%.*s.%s" RUN_FILE_UNFINISHED_SUFFIX, (int)(name - path), path, name) < 0)
                return -ENOMEM;
        *ret = s;
        return 0;
}

/* A new name is safe only when its directory is. */
static int sync_parent(const char *path) {
        _cleanup_free_ char *parent = NULL;
        _cleanup_close_ int fd = -1;

        parent = strndup(path, (size_t)(path_basename(path) - path));
        if (!parent)
                return -ENOMEM;
        fd = open(parent[0] ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int compressor_finish(Compressor *compressor, const char *temporary, const char *path) {
        struct stat st;

        if (fstat(compressor->from, &st) < 0)
                return -errno;
        /* Lists of runs are ordered by it. */
        if (futimens(compressor->to, (struct timespec[]){ st.st_atim, st.st_mtim }) < 0)
                return -errno;
        if (fsync(compressor->to) < 0)
                return -errno;
        if (rename(temporary, path) < 0)
                return -errno;
        (void)sync_parent(path);
        return 0;
}

int run_file_compress(int fd, const RunFileParts *parts, const char *path) {
        _cleanup_(compressor_done) Compressor compressor = { .to = -1 };
        _cleanup_free_ char *temporary = NULL;
        struct stat st;
        int r;

        assert(parts->n_begins > 0);

        if (fstat(fd, &st) < 0)
                return -errno;
        r = compressor_init(&compressor, fd);
        if (r >= 0)
                r = new_path(path, &temporary);
        if (r < 0)
                return r;
        compressor.to = open(
                        temporary,
                        O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
                        st.st_mode & 0777);
        if (compressor.to < 0)
                return -errno;
        r = compressor_add_all(&compressor, parts);
        if (r >= 0)
                r = compressor_finish(&compressor, temporary, path);
        if (r < 0)
                (void)unlink(temporary);
        return r;
}
