/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/message.h"
#include "wire/packer.h"
#include "wire/reader.h"

/* The fields of a result in a "finished" message */

void result_pack(Packer *packer, PackerFrame *map, const Result *result);

/* -EBADMSG, -ENOMEM. Address, attempt, slot and generation are not part of it. */
int result_unpack(Reader *reader, Result **ret);
