/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "wire/channel.h"
#include "wire/message.h"

/*
 * What is to be sent to one worker: sent at once where the socket takes it, else kept in order and sent from the loop
 */

typedef struct Outbox Outbox;

int outbox_new(sd_event *event,
               const char *directory,
               unsigned slot,
               unsigned generation,
               uid_t uid,
               Outbox **ret);
Outbox *outbox_free(Outbox *outbox);
DEFINE_CLEANUP(Outbox, outbox_free);

void outbox_set_peer(Outbox *outbox, pid_t pid, uid_t uid);

/* -ENOBUFS: OUTBOX_MAX messages wait already */
int outbox_send(Outbox *outbox, const Message *message);
/* As message_pack_tasks(). */
int outbox_send_tasks(Outbox *outbox, const Task *tasks, size_t n_tasks, size_t *ret_sent);

/* A worker holds at most PTEST_TASKS_MAX tasks; each message has one at least, and there are a few others. */
#define OUTBOX_MAX (PTEST_TASKS_MAX + 16U)
