/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/event.h"

/*
 * Kinds of events and their message ids, for the two halves of the encoding
 */

/* 32 hexadecimal digits; never NULL */
const char *event_kind_get_message_id(EventKind kind);
/* EVENT_KIND_INVALID for an id that is not ours */
EventKind event_kind_from_message_id(const char *id);
