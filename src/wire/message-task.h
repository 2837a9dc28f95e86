/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/message.h"
#include "wire/packer.h"
#include "wire/reader.h"

/* One task as an element of a "tasks" message */

void task_pack(Packer *packer, const Task *task);

/* Fills a task that is empty; what it then owns is its own also on failure. -EBADMSG, -ENOMEM */
int task_unpack(const msgpack_object *value, Task *ret);

void task_done(Task *task);

/* NAME=value, within the bounds of exports; nothing for none */
void exports_pack(Packer *packer, PackerFrame *map, const char *key, char *const *exports);
char **exports_unpack(Reader *reader, const char *key);
