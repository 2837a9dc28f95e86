/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/run-file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <systemd/sd-id128.h>

#include "basic/array.h"
#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "record/entry-sum.h"
#include "record/export.h"
#include "record/run-file-compress.h"
#include "record/run-file-format.h"

struct RunFile {
        int fd;
        char *path;
        char *compressed_path;
        uint64_t size;       /* what stands in the file */
        uint64_t last_begin; /* of the last entry */
        uint64_t *begins;    /* of the parts in which it will be compressed */
        size_t n_begins, n_allocated;
        Buffer trusted; /* the fields that are the same in each entry */
};

RunFile *run_file_free(RunFile *file) {
        if (!file)
                return NULL;
        /* What could not even begin is no run, and must not be taken for the last one. */
        if (file->fd >= 0 && file->size == 0)
                (void)unlink(file->path);
        fd_close(file->fd);
        free(file->path);
        free(file->compressed_path);
        free(file->begins);
        buffer_done(&file->trusted);
        free(file);
        return NULL;
}

static int path_make_parent(const char *path) {
        _cleanup_free_ char *parent = NULL;
        const char *slash = strrchr(path, '/');

        if (!slash || slash == path)
                return 0;
        parent = strndup(path, (size_t)(slash - path));
        return parent ? dir_make(parent, 0755) : -ENOMEM;
}

/* What journald adds to an entry; a chroot may lack the ids, then they are left out. */
static void trusted_add_fields(Buffer *trusted) {
        char id[SD_ID128_STRING_MAX];
        struct utsname uts;
        sd_id128_t value;

        if (sd_id128_get_boot(&value) >= 0)
                buffer_addf(trusted, "_BOOT_ID=%s\n", sd_id128_to_string(value, id));
        if (sd_id128_get_machine(&value) >= 0)
                buffer_addf(trusted, "_MACHINE_ID=%s\n", sd_id128_to_string(value, id));
        if (uname(&uts) >= 0)
                export_add_field(trusted, "_HOSTNAME", uts.nodename, strlen(uts.nodename));
        buffer_addf(trusted,
                    "_TRANSPORT=journal\n_PID=%i\n_UID=%u\n_GID=%u\n",
                    getpid(),
                    getuid(),
                    getgid());
}

int run_file_new(const char *path, RunFile **ret) {
        _cleanup_(run_file_freep) RunFile *file = NULL;
        int r;

        assert(path);
        assert(ret);

        file = calloc(1, sizeof(RunFile));
        if (!file)
                return -ENOMEM;
        file->fd = -1;
        file->path = strdup(path);
        if (asprintf(&file->compressed_path, "%s" RUN_FILE_COMPRESSED_SUFFIX, path) < 0)
                file->compressed_path = NULL;
        trusted_add_fields(&file->trusted);
        if (!file->path || !file->compressed_path || buffer_error(&file->trusted) < 0)
                return -ENOMEM;

        r = path_make_parent(path);
        if (r < 0)
                return r;
        file->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
        if (file->fd < 0)
                return -errno;
        /* A file system without locks only loses that others can see who is alive. */
        (void)fcntl(file->fd, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK });
        *ret = TAKE_PTR(file);
        return 0;
}

/* Writes all, in one call unless the kernel takes less. */
static int fd_write_vector(int fd, struct iovec *iov, size_t n) {
        while (n > 0) {
                ssize_t done = writev(fd, iov, (int)n);

                if (done < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                for (; n > 0 && (size_t)done >= iov->iov_len; iov++, n--)
                        done -= (ssize_t)iov->iov_len;
                if (n > 0) {
                        iov->iov_base = (char *)iov->iov_base + done;
                        iov->iov_len -= (size_t)done;
                }
        }
        return 0;
}

static void run_file_add_begin(RunFile *file, uint64_t offset) {
        /* Without memory that part becomes larger. */
        if (array_reserve(file->begins, file->n_allocated, file->n_begins + 1) >= 0)
                file->begins[file->n_begins++] = offset;
}

/* The first entry is a part of its own, so that lists of runs need not read more. */
static void run_file_choose_part(RunFile *file, uint64_t entry_size) {
        if (file->n_begins < 2 ||
            file->size + entry_size - file->begins[file->n_begins - 1] > RUN_FILE_FRAME_SIZE)
                run_file_add_begin(file, file->size);
}

/* The checksum's field, and the empty line */
static size_t entry_format_end(char *buf, size_t size, const struct iovec *iov, size_t n) {
        EntrySum sum;

        entry_sum_init(&sum);
        for (size_t i = 0; i < n; i++)
                entry_sum_add(&sum, iov[i].iov_base, iov[i].iov_len);
        return (size_t)snprintf(
                        buf,
                        size,
                        RUN_FILE_CHECKSUM_FIELD "=%016" PRIx64 "\n\n",
                        entry_sum_get(&sum));
}

int run_file_write(RunFile *file, uint64_t realtime_usec, const Buffer *fields) {
        char stamps[128], end[64];
        struct iovec iov[4];
        size_t size = 0;
        int r, n;

        if (buffer_error(fields) < 0)
                return buffer_error(fields);

        n = snprintf(stamps,
                     sizeof(stamps),
                     "__REALTIME_TIMESTAMP=%" PRIu64 "\n__MONOTONIC_TIMESTAMP=%" PRIu64 "\n",
                     realtime_usec,
                     clock_monotonic());
        iov[0] = (struct iovec){ stamps, (size_t)n };
        iov[1] = (struct iovec){ file->trusted.data, file->trusted.size };
        iov[2] = (struct iovec){ fields->data, fields->size };
        iov[3] = (struct iovec){ end, entry_format_end(end, sizeof(end), iov, 3) };
        for (size_t i = 0; i < ELEMENTSOF(iov); i++)
                size += iov[i].iov_len;

        r = fd_write_vector(file->fd, iov, ELEMENTSOF(iov));
        if (r < 0) {
                /* Best effort: a reader copes with half an entry too. */
                if (ftruncate(file->fd, (off_t)file->size) < 0)
                        return r;
                return r;
        }
        run_file_choose_part(file, size);
        file->last_begin = file->size;
        file->size += size;
        return 0;
}

int run_file_take_back(RunFile *file) {
        if (ftruncate(file->fd, (off_t)file->last_begin) < 0)
                return -errno;
        file->size = file->last_begin;
        while (file->n_begins > 0 && file->begins[file->n_begins - 1] >= file->size)
                file->n_begins--;
        return 0;
}

int run_file_finish(RunFile *file) {
        int r;

        if (file->size == 0)
                return -ENODATA;
        if (file->begins[file->n_begins - 1] != file->last_begin)
                run_file_add_begin(file, file->last_begin);
        /* Whoever has removed the directory has not removed what is in the open file. */
        r = path_make_parent(file->compressed_path);
        if (r < 0)
                return r;
        r = run_file_compress(
                        file->fd,
                        &(RunFileParts){ file->begins, file->n_begins, file->size },
                        file->compressed_path);
        if (r < 0)
                return r;
        /* With both a reader takes the compressed one. */
        (void)unlink(file->path);
        free(file->path);
        file->path = TAKE_PTR(file->compressed_path);
        return 0;
}

const char *run_file_get_compressed_path(const RunFile *file) {
        return file->compressed_path ?: file->path;
}

int run_file_sync(RunFile *file) {
        struct stat named, opened;

        if (fsync(file->fd) < 0 || fstat(file->fd, &opened) < 0 || stat(file->path, &named) < 0)
                return -errno;
        return named.st_dev == opened.st_dev && named.st_ino == opened.st_ino ? 0 : -ENOENT;
}

int run_file_is_written(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct flock lock = { .l_type = F_RDLCK };

        if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0)
                return -errno;
        return lock.l_type != F_UNLCK;
}

const char *run_file_get_path(const RunFile *file) {
        return file->path;
}
