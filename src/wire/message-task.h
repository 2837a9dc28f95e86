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
