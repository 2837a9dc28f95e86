/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <errno.h>
#include <syslog.h>

/*
 * The program's own messages, for a person
 *
 * To stderr, as "ptest: text" (the name of the program); under systemd (stderr is the journal) with a <priority> prefix. Below
 * warnings only with a higher level: stderr stays empty when all is well. %m works.
 */

/* LOG_WARNING by default; LOG_DEBUG with --verbose twice or PTEST_DEBUG=1 */
void log_set_level(int level);
/* Called before and after each line is written, so that a live terminal line can make room. NULL: none */
void log_set_hook(void (*hook)(void *userdata, int after), void *userdata);
void log_message(int level, const char *format, ...) _printf_(2, 3);
/* Lines that somebody has asked for, to stderr as they are; under systemd as warnings, which nobody filters. */
void log_answer(const char *lines);

#define log_error(...)   log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_DEBUG, __VA_ARGS__)

/* Logs, with errno set from the negative error for %m, and returns that error. */
#define log_error_errno(error, ...)                \
        ({                                         \
                int _error = (error);              \
                errno = -_error;                   \
                log_message(LOG_ERR, __VA_ARGS__); \
                _error;                            \
        })
