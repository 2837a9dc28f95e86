/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <nng/nng.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * What the hub, the outlet and the worker have in common: nng sockets in one directory
 */

/* Of "w<slot>g<generation>", with room for more slots and generations than there will be. */
#define SOCKET_NAME_MAX 16U

/* Large enough for every socket's URL. */
#define SOCKET_URL_MAX 128U

/* nng's error as a negative errno; 0 for 0 */
int socket_error(int error);

/* The URL of the hub's socket; -ENAMETOOLONG also if only the others' would be too long. */
int socket_make_hub_url(const char *directory, char ret[static SOCKET_URL_MAX]);
int socket_make_outlet_url(
                const char *directory,
                unsigned slot,
                unsigned generation,
                char ret[static SOCKET_URL_MAX]);

/*
 * Before the first socket is opened: nng starts its threads then, and hangs or crashes if it cannot have one of
 * them. -EAGAIN: it could not, for a limit of processes or of memory.
 */
int socket_check_threads(void);

/* Of a URL as made above: where its socket lies in the file system. Points into it. */
const char *socket_get_path(const char *url);
/*
 * What went wrong with taking connections, for reasons that nng has no name for, of all listeners at this URL. 0 if
 * nng was built without statistics.
 */
uint64_t socket_count_faults(const char *url);

/* Limits and buffers; before listening or dialling, which copy them. */
int socket_configure(nng_socket socket);
int socket_listen(nng_socket socket, const char *url);

/*
 * Closes and waits until no callback of the socket runs any more. -ETIMEDOUT: nng hangs in it; what the
 * callbacks use must then stay.
 */
int socket_close(nng_socket socket);

/* Who is at the other end, as the kernel knows it since the connection was made */
int socket_get_peer(nng_pipe pipe, pid_t *ret_pid, uid_t *ret_uid);

/* Copies the data, never blocks. -EAGAIN, -EMSGSIZE above PTEST_MESSAGE_SIZE_MAX */
int socket_send(nng_socket socket, const void *data, size_t size);

/* The bytes of a message in memory for free() */
int socket_copy_message(nng_msg *message, void **ret_data, size_t *ret_size);
