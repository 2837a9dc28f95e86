/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "wire/message.h"

/*
 * Status server: answers who wants to know how the run is going
 *
 * A stream socket in the directory of the run. A client sends one line, gets one answer, and the connection ends:
 *
 *      status                          the document of status.h
 *      log OUT_FROM ERR_FROM ADDRESS   what the running test of that address has printed after so many bytes of each
 *                                      stream: a line of JSON that says how much follows, then the bytes
 *
 * An answer that is not to be had is {"error": "..."}. Only the user of this process and root are listened to; a test
 * may be one of them, and can do nothing here but look. Whoever does not read, does not ask or asks too much is
 * left alone after a few seconds, or for the next one; nothing is done as long as nobody asks.
 */

#define STATUS_SOCKET "status"

/* Of a request, with its newline. */
#define STATUS_REQUEST_MAX 8192U

typedef struct StatusServer StatusServer;

typedef struct StatusLook {
        const char *address;
        uint64_t out_from, err_from;
} StatusLook;

typedef struct StatusHandlers {
        /* The document */
        int (*on_ask)(char **ret, void *userdata);
        /* To be answered by status_server_on_peeked() with that id. -ENOENT: that test does not run */
        int (*on_look)(const StatusLook *look, void *userdata, uint64_t *ret_id);
} StatusHandlers;

int status_server_new(
                sd_event *event,
                const char *directory,
                const StatusHandlers *handlers,
                void *userdata,
                StatusServer **ret);
StatusServer *status_server_free(StatusServer *server);
DEFINE_CLEANUP(StatusServer, status_server_free);

/* To all that wait for it. */
void status_server_on_peeked(StatusServer *server, const Message *message);
