/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include <jansson.h>
#include <systemd/sd-id128.h>

/*
 * Values as JSON, as all verbs print them
 *
 * All give a new reference, or NULL if there was no memory.
 */

json_t *json_from_text(const char *text); /* NULL: null. What is not text is escaped. */
json_t *json_from_texts(char *const *texts);
json_t *json_from_number(uint64_t n, uint64_t unknown);
json_t *json_from_id(sd_id128_t id); /* null for the null id */

/* Prints it behind some text, and drops it. -ENOMEM: it was NULL */
int json_print(const char *before, json_t *value);
