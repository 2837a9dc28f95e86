/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Frames and markers are told apart here and not by libzstd, because a damaged size of a marker would make it
 * pass over the rest of the file without a word. Memory is bounded by what a frame may ask for as its window.
 */

#include "record/run-file-input.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "basic/fd.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "record/run-file-format.h"

#define INPUT_BUFFER_SIZE  (256U * 1024U)
#define INPUT_PROBLEMS_MAX 20U
/* 8 MiB: ours need 1 MiB; "zstd -19" takes as much */
#define INPUT_WINDOW_LOG   23
/* Other programs write markers too; a larger one is taken for damage. */
#define INPUT_MARKER_MAX   (1024U * 1024U)

#define ZSTD_SKIPPABLE_MAGIC 0x184D2A50U
#define ZSTD_SKIPPABLE_MASK  0xFFFFFFF0U

typedef enum InputState {
        INPUT_BETWEEN, /* frames */
        INPUT_IN_FRAME,
        INPUT_DAMAGED, /* looks for the next begin marker */
        INPUT_END,
} InputState;

struct RunFileInput {
        int fd;
        char *path;
        bool regular;
        bool compressed;
        uint64_t plain_size; /* UINT64_MAX: not known */
        char **problems;
        size_t n_problems;

        /* Of a compressed file */
        ZSTD_DCtx *context;
        char *data; /* data[begin..end) is read and not used yet */
        size_t begin, end;
        uint64_t offset; /* of data[begin] in the file */
        bool eof;
        InputState state;
        bool gap;             /* the next bytes do not go on where the last ones ended */
        uint64_t plain_begin; /* as the last begin marker tells */
};

RunFileInput *run_file_input_free(RunFileInput *input) {
        if (!input)
                return NULL;
        fd_close(input->fd);
        free(input->path);
        strv_free(input->problems);
        ZSTD_freeDCtx(input->context);
        free(input->data);
        free(input);
        return NULL;
}

static int input_add_problem(
                RunFileInput *input, uint64_t offset, const char *where, const char *what) {
        if (input->n_problems > INPUT_PROBLEMS_MAX)
                return 0;
        if (input->n_problems++ == INPUT_PROBLEMS_MAX)
                return strv_extendf(&input->problems, "%s: and more", input->path);
        return strv_extendf(
                        &input->problems,
                        "%s: byte %" PRIu64 "%s: %s",
                        input->path,
                        offset,
                        where,
                        what);
}

int run_file_input_add_problem(RunFileInput *input, uint64_t offset, const char *what) {
        return input_add_problem(input, offset, input->compressed ? " uncompressed" : "", what);
}

char **run_file_input_take_problems(RunFileInput *input) {
        return TAKE_PTR(input->problems);
}

bool run_file_input_is_regular(const RunFileInput *input) {
        return input->regular;
}

static ssize_t fd_read(int fd, void *data, size_t size) {
        ssize_t n;

        do
                n = read(fd, data, size);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

/* Makes n bytes present. 0: the file ends before */
static int input_need(RunFileInput *input, size_t n) {
        assert(n <= INPUT_BUFFER_SIZE);

        while (input->end - input->begin < n) {
                ssize_t done;

                if (input->eof)
                        return 0;
                if (input->begin > 0) {
                        memmove(input->data, input->data + input->begin, input->end - input->begin);
                        input->end -= input->begin;
                        input->begin = 0;
                }
                done = fd_read(input->fd, input->data + input->end, INPUT_BUFFER_SIZE - input->end);
                if (done < 0)
                        return (int)done;
                input->eof = done == 0;
                input->end += (size_t)done;
        }
        return 1;
}

static void input_skip(RunFileInput *input, size_t n) {
        input->begin += n;
        input->offset += n;
}

static uint32_t input_peek32(const RunFileInput *input, size_t at) {
        uint32_t word;

        memcpy(&word, input->data + input->begin + at, sizeof(word));
        return le32toh(word);
}

static uint64_t input_peek64(const RunFileInput *input, size_t at) {
        uint64_t word;

        memcpy(&word, input->data + input->begin + at, sizeof(word));
        return le64toh(word);
}

/* ---- Compressed files ---- */

static int input_set_damaged(RunFileInput *input, const char *what) {
        input->state = INPUT_DAMAGED;
        input->gap = true;
        ZSTD_DCtx_reset(input->context, ZSTD_reset_session_only);
        return input_add_problem(input, input->offset, "", what);
}

static int input_skip_marker(RunFileInput *input, size_t size) {
        while (size > 0) {
                size_t n;
                int r = input_need(input, 1);

                if (r < 0)
                        return r;
                if (r == 0)
                        return input_set_damaged(input, "the file is cut off");
                n = MIN(size, input->end - input->begin);
                input_skip(input, n);
                size -= n;
        }
        return 0;
}

/* What stands between frames: the next frame, a marker, or the end. */
static int input_look(RunFileInput *input) {
        uint32_t magic, size;
        int r;

        r = input_need(input, RUN_FILE_MARKER_HEAD);
        if (r < 0)
                return r;
        if (input->end == input->begin) {
                input->state = INPUT_END;
                return 0;
        }
        if (r == 0)
                return input_set_damaged(input, "the file is cut off");
        magic = input_peek32(input, 0);
        size = input_peek32(input, 4);
        if (magic == ZSTD_MAGICNUMBER) {
                input->state = INPUT_IN_FRAME;
                return 0;
        }
        if ((magic & ZSTD_SKIPPABLE_MASK) != ZSTD_SKIPPABLE_MAGIC || size > INPUT_MARKER_MAX ||
            (magic == RUN_FILE_BEGIN_MAGIC && size != RUN_FILE_BEGIN_SIZE))
                return input_set_damaged(input, "neither a frame nor a marker");

        input_skip(input, RUN_FILE_MARKER_HEAD);
        if (magic == RUN_FILE_BEGIN_MAGIC) {
                r = input_need(input, RUN_FILE_BEGIN_SIZE);
                if (r > 0)
                        input->plain_begin = input_peek64(input, 0);
                if (r < 0)
                        return r;
        }
        return input_skip_marker(input, size);
}

/* Behind damage: goes on at the next begin marker with a frame behind it, which cannot stand in a frame but by chance. */
static int input_resume(RunFileInput *input) {
        const size_t size = RUN_FILE_MARKER_HEAD + RUN_FILE_BEGIN_SIZE + sizeof(uint32_t);

        for (;;) {
                const char *data, *found;
                uint32_t magic = htole32(RUN_FILE_BEGIN_MAGIC);
                int r = input_need(input, size);

                if (r < 0)
                        return r;
                if (r == 0) {
                        input_skip(input, input->end - input->begin);
                        input->state = INPUT_END;
                        return 0;
                }
                data = input->data + input->begin;
                found = memmem(data, input->end - input->begin - (size - 4), &magic, sizeof(magic));
                if (!found) {
                        input_skip(input, input->end - input->begin - (size - 1));
                        continue;
                }
                input_skip(input, (size_t)(found - data));
                r = input_need(input, size);
                if (r < 0)
                        return r;
                if (r > 0 && input_peek32(input, 4) == RUN_FILE_BEGIN_SIZE &&
                    input_peek32(input, size - 4) == ZSTD_MAGICNUMBER) {
                        input->state = INPUT_BETWEEN;
                        return 0;
                }
                input_skip(input, 1);
        }
}

/* 0: nothing came out of it now */
static ssize_t input_decompress(RunFileInput *input, void *data, size_t size) {
        ZSTD_outBuffer out = { data, size, 0 };
        ZSTD_inBuffer in;
        size_t left;
        int r;

        r = input_need(input, 1);
        if (r < 0)
                return r;
        in = (ZSTD_inBuffer){ input->data + input->begin, input->end - input->begin, 0 };
        left = ZSTD_decompressStream(input->context, &out, &in);
        if (ZSTD_isError(left)) {
                r = input_set_damaged(input, "a frame is damaged");
                return r < 0 ? r : (ssize_t)out.pos;
        }
        input_skip(input, in.pos);
        if (left == 0)
                input->state = INPUT_BETWEEN;
        else if (in.pos == 0 && out.pos == 0) {
                r = input_set_damaged(input, "the file is cut off");
                if (r < 0)
                        return r;
        }
        return (ssize_t)out.pos;
}

static ssize_t input_read_compressed(
                RunFileInput *input, void *data, size_t size, bool *ret_gap, uint64_t *ret_offset) {
        for (;;) {
                bool gap = input->gap;
                ssize_t n = 0;

                switch (input->state) {
                case INPUT_BETWEEN:
                        n = input_look(input);
                        break;
                case INPUT_DAMAGED:
                        n = input_resume(input);
                        break;
                case INPUT_IN_FRAME:
                        n = input_decompress(input, data, size);
                        break;
                case INPUT_END:
                        return 0;
                }
                if (n < 0)
                        return n;
                if (n == 0)
                        continue;
                /* A frame that broke off gave bytes that still go on where the last ones ended. */
                if (gap) {
                        *ret_gap = true;
                        *ret_offset = input->plain_begin;
                        input->gap = input->state == INPUT_DAMAGED;
                }
                return n;
        }
}

/* ---- Both ---- */

ssize_t run_file_input_read(
                RunFileInput *input, void *data, size_t size, bool *ret_gap, uint64_t *ret_offset) {
        size_t n = input->end - input->begin;

        *ret_gap = false;
        if (input->compressed)
                return input_read_compressed(input, data, size, ret_gap, ret_offset);
        if (n == 0)
                return fd_read(input->fd, data, size);
        /* What was looked at to tell the kind of file */
        n = MIN(n, size);
        memcpy(data, input->data + input->begin, n);
        input_skip(input, n);
        return (ssize_t)n;
}

static int input_start(RunFileInput *input) {
        size_t r;
        int known;

        input->data = malloc(INPUT_BUFFER_SIZE);
        if (!input->data)
                return -ENOMEM;
        /* The first bytes of a file that is damaged may be anything. */
        input->compressed = text_ends_with(input->path, RUN_FILE_COMPRESSED_SUFFIX);
        known = input_need(input, sizeof(uint32_t));
        if (known < 0)
                return known;
        if (known > 0) {
                uint32_t magic = input_peek32(input, 0);

                input->compressed = input->compressed || magic == ZSTD_MAGICNUMBER ||
                                (magic & ZSTD_SKIPPABLE_MASK) == ZSTD_SKIPPABLE_MAGIC;
        }
        if (!input->compressed)
                return 0;
        input->context = ZSTD_createDCtx();
        if (!input->context)
                return -ENOMEM;
        r = ZSTD_DCtx_setParameter(input->context, ZSTD_d_windowLogMax, INPUT_WINDOW_LOG);
        return ZSTD_isError(r) ? -EINVAL : 0;
}

int run_file_input_new(const char *path, RunFileInput **ret) {
        _cleanup_(run_file_input_freep) RunFileInput *input = NULL;
        struct stat st;
        int r;

        assert(path);
        assert(ret);

        input = calloc(1, sizeof(RunFileInput));
        if (!input)
                return -ENOMEM;
        input->fd = -1;
        input->plain_size = UINT64_MAX;
        input->path = strdup(path);
        if (!input->path)
                return -ENOMEM;
        input->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (input->fd < 0 || fstat(input->fd, &st) < 0)
                return -errno;
        input->regular = S_ISREG(st.st_mode);
        r = input_start(input);
        if (r < 0)
                return r;
        if (input->regular && !input->compressed)
                input->plain_size = (uint64_t)st.st_size;
        *ret = TAKE_PTR(input);
        return 0;
}

bool run_file_input_go_back(RunFileInput *input, uint64_t offset) {
        if (!input->regular || input->compressed || lseek(input->fd, (off_t)offset, SEEK_SET) < 0)
                return false;
        input->begin = input->end = 0;
        return true;
}

uint64_t run_file_input_get_size(const RunFileInput *input) {
        return input->plain_size;
}

int run_file_input_seek_last(RunFileInput *input) {
        uint64_t numbers[RUN_FILE_END_SIZE / sizeof(uint64_t)];
        uint32_t head[2], magic;
        struct stat st;
        off_t end;

        if (!input->regular || !input->compressed || fstat(input->fd, &st) < 0)
                return 0;
        end = st.st_size - (off_t)(sizeof(head) + sizeof(numbers));
        if (end < 0 || pread(input->fd, head, sizeof(head), end) != sizeof(head) ||
            pread(input->fd, numbers, sizeof(numbers), end + (off_t)sizeof(head)) !=
                            sizeof(numbers) ||
            le32toh(head[0]) != RUN_FILE_END_MAGIC || le32toh(head[1]) != RUN_FILE_END_SIZE ||
            le64toh(numbers[2]) != RUN_FILE_END_WORD || le64toh(numbers[0]) >= (uint64_t)end)
                return 0;
        if (pread(input->fd, &magic, sizeof(magic), (off_t)le64toh(numbers[0])) != sizeof(magic) ||
            le32toh(magic) != RUN_FILE_BEGIN_MAGIC ||
            lseek(input->fd, (off_t)le64toh(numbers[0]), SEEK_SET) < 0)
                return 0;

        input->offset = le64toh(numbers[0]);
        input->plain_size = le64toh(numbers[1]);
        input->begin = input->end = 0;
        input->eof = false;
        input->state = INPUT_BETWEEN;
        input->gap = true; /* what comes does not go on with what was read */
        ZSTD_DCtx_reset(input->context, ZSTD_reset_session_only);
        return 1;
}
