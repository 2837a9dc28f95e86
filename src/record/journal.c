/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"

#define JOURNAL_SOCKET      "/run/systemd/journal/socket"
/* What libsystemd asks for; the kernel gives what wmem_max allows. */
#define JOURNAL_SEND_BUFFER (8 * 1024 * 1024)
/* A datagram that failed twice for want of a peer is lost. */
#define JOURNAL_TRIES_MAX   2U

struct Journal {
        int fd;
        struct sockaddr_un address;
        bool busy; /* it let us wait in vain; no waiting before it takes an entry again */
};

Journal *journal_free(Journal *journal) {
        if (!journal)
                return NULL;
        fd_close(journal->fd);
        free(journal);
        return NULL;
}

/* A connected socket, because only then poll() tells when the peer's queue has room. */
static int journal_connect(Journal *journal) {
        _cleanup_close_ int fd = -1;

        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ JOURNAL_SEND_BUFFER }, sizeof(int)) < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&journal->address, sizeof(journal->address)) < 0)
                return -errno;
        fd_close(journal->fd);
        journal->fd = TAKE_FD(fd);
        return 0;
}

int journal_new(const char *path, Journal **ret) {
        _cleanup_(journal_freep) Journal *journal = NULL;
        int r;

        assert(ret);

        if (!path)
                path = JOURNAL_SOCKET;
        journal = calloc(1, sizeof(Journal));
        if (!journal)
                return -ENOMEM;
        journal->fd = -1;
        if (strlen(path) >= sizeof(journal->address.sun_path))
                return -ENAMETOOLONG;
        journal->address.sun_family = AF_UNIX;
        strcpy(journal->address.sun_path, path);

        r = journal_connect(journal);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(journal);
        return 0;
}

/* The entry as a sealed memfd: what journald wants when it does not fit into a datagram. */
static int entry_to_memfd(const Buffer *fields, int *ret_fd) {
        _cleanup_close_ int fd = -1;
        int r;

        fd = memfd_create("ptest-journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, fields->data, fields->size);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int journal_send_fd(Journal *journal, int fd) {
        union {
                struct cmsghdr head;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct msghdr message = {
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);

        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &fd, sizeof(int));
        return sendmsg(journal->fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* One try. memfd holds the entry if it has been made, and is made when it is needed. */
static int journal_send_once(Journal *journal, const Buffer *fields, int *memfd) {
        int r;

        if (*memfd < 0) {
                if (send(journal->fd, fields->data, fields->size, MSG_NOSIGNAL) >= 0)
                        return 0;
                if (errno != EMSGSIZE)
                        return errno == ENOBUFS ? -EAGAIN : -errno;
                r = entry_to_memfd(fields, memfd);
                if (r < 0)
                        return r;
        }
        r = journal_send_fd(journal, *memfd);
        return r == -ENOBUFS ? -EAGAIN : r;
}

/* Waits until the peer's queue has room. 0: not in time */
static int journal_wait(Journal *journal, uint64_t until_usec) {
        struct pollfd fd = { .fd = journal->fd, .events = POLLOUT };
        uint64_t now = clock_monotonic();
        int r;

        if (now >= until_usec)
                return 0;
        r = poll(&fd, 1, (int)((until_usec - now) / USEC_PER_MSEC) + 1);
        if (r < 0)
                return errno == EINTR ? 1 : -errno;
        return r;
}

int journal_send(Journal *journal, const Buffer *fields) {
        _cleanup_close_ int memfd = -1;
        unsigned tries = 0;
        uint64_t until = 0;
        int r;

        if (buffer_error(fields) < 0)
                return buffer_error(fields);

        for (;;) {
                r = journal_send_once(journal, fields, &memfd);
                if (r >= 0) {
                        journal->busy = false;
                        return 0;
                }
                if ((r == -ECONNREFUSED || r == -ENOTCONN || r == -ECONNRESET) &&
                    ++tries < JOURNAL_TRIES_MAX) {
                        /* journald was restarted, and its socket made anew. */
                        r = journal_connect(journal);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (r != -EAGAIN || journal->busy)
                        return r;

                if (until == 0)
                        until = usec_add(clock_monotonic(), JOURNAL_WAIT_USEC);
                r = journal_wait(journal, until);
                if (r < 0)
                        return r;
                if (r == 0) {
                        journal->busy = true;
                        return -EAGAIN;
                }
        }
}
