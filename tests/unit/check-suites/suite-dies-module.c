/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ptest/check.h>

Suite *dies_suite(void);
PTEST_CHECK_SUITE(dies_suite)
