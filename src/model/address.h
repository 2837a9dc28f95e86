/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * Addresses of tests: path::context::case[arg], where each part after the first is optional
 *
 * An address is printable UTF-8 on one line, 1 to ADDRESS_MAX bytes, without leading or trailing space.
 */

#define ADDRESS_MAX 1024

bool address_is_valid(const char *address);

/*
 * Makes an address of any text: control characters and invalid bytes become '_', space is trimmed, "" becomes "_", what
 * is beyond ADDRESS_MAX is cut off. Two texts can become the same address.
 */
int address_sanitize(const char *text, char **ret);
