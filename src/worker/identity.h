/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Identity: whom tests run as, and the environment that all of them start from
 */

/* Becomes the user for good, with all groups. -ESRCH: there is no such user */
int identity_become(const char *user);

/*
 * The worker's environment without what is meant for its coordinator or another user alone. user: HOME, USER,
 * LOGNAME and SHELL are that user's; NULL: they stay, and a HOME that is missing is this user's.
 */
int identity_make_environment(char *const *own, const char *user, char ***ret);
