/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/message.h"
#include "wire/packer.h"
#include "wire/reader.h"

/*
 * The bodies of peek and peeked
 */

void peek_pack(Packer *packer, PackerFrame *map, const Message *message);
void peek_unpack(Reader *reader, Message *message);
