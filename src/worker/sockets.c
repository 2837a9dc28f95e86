/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/file.h"
#include "basic/parse.h"
#include "basic/text.h"

/* Of one list; a machine with more sockets than this has busier tests than we can name. */
#define LIST_MAX ((size_t)1024 * 1024)

/* As the kernel has them: TCP_LISTEN; and for UDP TCP_CLOSE, which is bound to receive from anybody. */
#define STATE_LISTEN 0x0a
#define STATE_BOUND  0x07

/* In /proc/net/unix: SO_ACCEPTCON */
#define UNIX_LISTENS 0x10000

typedef enum SocketKind {
        SOCKET_TCP,
        SOCKET_TCP6,
        SOCKET_UDP,
        SOCKET_UDP6,
        SOCKET_UNIX,
        SOCKET_KIND_MAX,
} SocketKind;

static const char *const socket_files[SOCKET_KIND_MAX] = {
        [SOCKET_TCP] = "tcp",   [SOCKET_TCP6] = "tcp6", [SOCKET_UDP] = "udp",
        [SOCKET_UDP6] = "udp6", [SOCKET_UNIX] = "unix",
};

struct Sockets {
        char *lists[SOCKET_KIND_MAX]; /* as the kernel gives them; NULL: not there */
        uint64_t network;             /* the number of its namespace; 0: not known */
};

/* Cut, not refused, when it is long. */
static int list_read(pid_t pid, SocketKind kind, char **ret) {
        _cleanup_free_ char *path = NULL;
        FILE *file;
        size_t n;
        char *data;

        if (asprintf(&path, "/proc/%d/net/%s", (int)pid, socket_files[kind]) < 0)
                return -ENOMEM;
        file = fopen(path, "re");
        if (!file)
                return -errno;
        data = malloc(LIST_MAX + 1);
        n = data ? fread(data, 1, LIST_MAX, file) : 0;
        fclose(file);
        if (!data)
                return -ENOMEM;
        data[n] = '\0';
        *ret = data;
        return 0;
}

static uint64_t network_of(pid_t pid) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        if (asprintf(&path, "/proc/%d/ns/net", (int)pid) < 0 || stat(path, &st) < 0)
                return 0;
        return st.st_ino;
}

static int sockets_new(pid_t pid, uint64_t network, Sockets **ret) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        bool any = false;

        sockets = calloc(1, sizeof(*sockets));
        if (!sockets)
                return -ENOMEM;
        sockets->network = network;
        for (SocketKind kind = 0; kind < SOCKET_KIND_MAX; kind++) {
                int r = list_read(pid, kind, &sockets->lists[kind]);

                if (r == -ENOMEM)
                        return r;
                any = any || r >= 0;
        }
        if (!any)
                return -ESRCH;
        *ret = TAKE_PTR(sockets);
        return 0;
}

int sockets_ensure(Sockets **sockets, pid_t pid) {
        const uint64_t network = network_of(pid);

        if (*sockets && network > 0 && (*sockets)->network == network)
                return 0;
        *sockets = sockets_free(*sockets);
        return sockets_new(pid, network, sockets);
}

Sockets *sockets_free(Sockets *sockets) {
        if (!sockets)
                return NULL;
        for (SocketKind kind = 0; kind < SOCKET_KIND_MAX; kind++)
                free(sockets->lists[kind]);
        free(sockets);
        return NULL;
}

/* "0100007F:1F90": an address as the machine has it in memory, in hexadecimal words of 32 bits */
static int address_format(const char *text, bool v6, char **ret) {
        unsigned char bytes[16];
        char shown[INET6_ADDRSTRLEN];
        const size_t n_words = v6 ? 4 : 1;
        unsigned port;

        for (size_t i = 0; i < n_words; i++) {
                uint32_t word;

                if (sscanf(text + 8 * i, "%8" SCNx32, &word) != 1)
                        return -EBADMSG;
                memcpy(bytes + 4 * i, &word, sizeof(word));
        }
        if (sscanf(text + 8 * n_words, ":%x", &port) != 1 ||
            !inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, shown, sizeof(shown)))
                return -EBADMSG;
        return text_setf(ret, v6 ? "[%s]:%u" : "%s:%u", shown, port);
}

/* "0: LOCAL REMOTE STATE queues timer retransmits uid timeout INODE …"; 1: it is this one */
static int line_describe_inet(
                const char *line,
                SocketKind kind,
                uint64_t wanted,
                char **ret,
                bool *ret_listening) {
        const bool v6 = kind == SOCKET_TCP6 || kind == SOCKET_UDP6;
        _cleanup_free_ char *from = NULL, *to = NULL;
        const char *protocol = socket_files[kind];
        char local[64], remote[64];
        unsigned state;
        uint64_t inode;
        int r;

        if (sscanf(line,
                   " %*[^:]: %63s %63s %x %*s %*s %*s %*s %*s %" SCNu64,
                   local,
                   remote,
                   &state,
                   &inode) != 4 ||
            inode != wanted)
                return 0;
        r = address_format(local, v6, &from);
        if (r >= 0)
                r = address_format(remote, v6, &to);
        if (r < 0)
                return r;
        *ret_listening = state == (kind <= SOCKET_TCP6 ? STATE_LISTEN : STATE_BOUND);
        r = *ret_listening ? text_setf(ret, "%s listening on %s", protocol, from) :
                             text_setf(ret, "%s %s to %s", protocol, from, to);
        return r < 0 ? r : 1;
}

/* "address: references protocol FLAGS type state INODE PATH"; 1: it is this one */
static int line_describe_unix(const char *line, uint64_t wanted, char **ret, bool *ret_listening) {
        int r, path = 0;
        unsigned flags;
        uint64_t inode;

        if (sscanf(line, "%*[^:]: %*s %*s %x %*s %*s %" SCNu64 " %n", &flags, &inode, &path) < 2 ||
            inode != wanted)
                return 0;
        *ret_listening = flags & UNIX_LISTENS;
        r = text_setf(ret,
                      "unix%s %s",
                      *ret_listening ? " listening on" : "",
                      path > 0 && line[path] ? line + path : "without a name");
        return r < 0 ? r : 1;
}

int sockets_describe(const Sockets *sockets, uint64_t inode, char **ret, bool *ret_listening) {
        _cleanup_free_ char *number = NULL;
        int r;

        *ret = NULL;
        *ret_listening = false;
        r = text_setf(&number, " %" PRIu64, inode);
        if (r < 0)
                return r;
        for (SocketKind kind = 0; kind < SOCKET_KIND_MAX; kind++) {
                const char *p = sockets->lists[kind] ?: "";

                /* Cheap first: most lines do not have the number at all. */
                while ((p = strstr(p, number))) {
                        const char *begin = p, *end = p + strcspn(p, "\n");
                        _cleanup_free_ char *line = NULL;

                        while (begin > sockets->lists[kind] && begin[-1] != '\n')
                                begin--;
                        line = strndup(begin, (size_t)(end - begin));
                        if (!line)
                                return -ENOMEM;
                        r = kind == SOCKET_UNIX ?
                                        line_describe_unix(line, inode, ret, ret_listening) :
                                        line_describe_inet(line, kind, inode, ret, ret_listening);
                        if (r != 0)
                                return r < 0 ? r : 0;
                        p = end;
                }
        }
        return 0;
}
