/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-crash.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/text.h"

int module_crash_describe(const ModuleCrash *crash, int code, int status, char **ret) {
        *ret = NULL;
        if (code == CLD_EXITED)
                return text_setf(
                                ret,
                                "its process ended with exit status %d before the test returned",
                                status);
        if (atomic_load(&crash->ready) == 0 || crash->signal != status)
                return text_setf(ret, "its process was ended by %s", signal_to_name(status));
        if (crash->stack_overflow)
                return text_setf(ret, "%s: stack overflow", signal_to_name(status));
        if (crash->code > 0 && (status == SIGSEGV || status == SIGBUS))
                return text_setf(
                                ret,
                                "%s at address 0x%" PRIx64,
                                signal_to_name(status),
                                crash->address);
        return text_setf(ret, "%s", signal_to_name(status));
}

int module_outcome_expect_failure(Outcome *outcome, const char *expected, char **reason) {
        switch (*outcome) {
        case PTEST_OUTCOME_PASS:
                *outcome = PTEST_OUTCOME_XPASS;
                return text_setf(
                                reason,
                                "passed although it should fail%s%s",
                                expected && expected[0] ? ": " : "",
                                expected ?: "");
        case PTEST_OUTCOME_FAIL:
        case PTEST_OUTCOME_CRASH:
                *outcome = PTEST_OUTCOME_XFAIL;
                return 0;
        default:
                return 0;
        }
}
