/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <jansson.h>
#include <sys/types.h>

/*
 * Asks the coordinators of this machine how their runs are going (coordinator/status-server.h)
 *
 * Those of this user; root is answered by all. What is answered is bounded in size and time, and may be anything: who
 * has written it is another process.
 */

typedef struct RunSocket {
        char *path;
        char *id;  /* the begin of the run's id, as its directory is called */
        pid_t pid; /* of the coordinator; 0: not known yet */
        uid_t uid;
} RunSocket;

typedef struct RunSockets {
        RunSocket *items;
        size_t n;
} RunSockets;

void run_sockets_done(RunSockets *sockets);

/* In the places where coordinators put them: see coordinator/directory.h. */
int run_sockets_find(RunSockets *ret);

/*
 * Sends a line, and reads all that comes: *ret_data, NUL-terminated. -ECONNREFUSED: nobody listens there any more, and
 * the socket is removed; -ETIME: no answer: that coordinator is stopped, or hangs; -EPERM: it is none of ours
 */
int run_socket_ask(RunSocket *socket, const char *request, char **ret_data, size_t *ret_size);

/* Why there is no document, for a person. */
const char *run_socket_explain(const RunSocket *socket, int error);

/*
 * The status of all runs that go on: an array of documents. Of one that does not answer, what is known: run_id (its begin), pid,
 * uid, command, and "state": "stopped" or "silent". only: the begin of an id or the name of a suite; NULL: all
 */
int status_collect(const char *only, json_t **ret);

/* The socket of the run with that id. -ENOENT */
int run_socket_find(const char *id, RunSocket *ret);
void run_socket_done(RunSocket *socket);
