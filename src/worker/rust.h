/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/report.h"

#include "model/result.h"

/*
 * Rust: reads the lines "test NAME ... ok" of Rust's libtest
 *
 * What else stands on stdout is passed over; a program without such lines ran no test,
 * which is a skip unless its exit status says otherwise.
 */

typedef struct Rust Rust;

/* Points go into the result, which must outlive it. */
int rust_new(Result *result, Rust **ret);
Rust *rust_free(Rust *rust);
DEFINE_CLEANUP(Rust, rust_free);

int rust_feed(Rust *rust, const char *data, size_t size);
/* After the last byte, once. */
int rust_finish(Rust *rust, Report *ret);
