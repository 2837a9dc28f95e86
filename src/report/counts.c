/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/counts.h"

#include <assert.h>

const char *outcome_to_count_noun(Outcome outcome, size_t count) {
        static const char *const nouns[PTEST_OUTCOME_MAX][2] = {
                [PTEST_OUTCOME_PASS] = {"passed",            "passed"           },
                [PTEST_OUTCOME_FAIL] = { "failed",           "failed"           },
                [PTEST_OUTCOME_SKIP] = { "skipped",          "skipped"          },
                [PTEST_OUTCOME_XFAIL] = { "expected failure", "expected failures"},
                [PTEST_OUTCOME_XPASS] = { "unexpected pass",  "unexpected passes"},
                [PTEST_OUTCOME_ERROR] = { "error",            "errors"           },
                [PTEST_OUTCOME_TIMEOUT] = { "timed out",        "timed out"        },
                [PTEST_OUTCOME_CRASH] = { "crashed",          "crashed"          },
                [PTEST_OUTCOME_OOM] = { "out of memory",    "out of memory"    },
                [PTEST_OUTCOME_LOST] = { "lost",             "lost"             },
                [PTEST_OUTCOME_NOT_RUN] = { "not run",          "not run"          },
        };

        assert(outcome >= 0 && outcome < PTEST_OUTCOME_MAX);

        return nouns[outcome][count != 1];
}

static void add_count(Buffer *text, const char **separator, size_t count, const char *noun) {
        if (count == 0)
                return;
        buffer_addf(text, "%s%zu %s", *separator, count, noun);
        *separator = ", ";
}

void counts_add(Buffer *text, const Tally *tally) {
        const char *separator = "";

        for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX; outcome++) {
                size_t count = tally->count[outcome];

                add_count(text, &separator, count, outcome_to_count_noun(outcome, count));
        }
        if (!separator[0])
                buffer_add_string(text, "no tests");

        separator = "; ";
        add_count(text, &separator, tally->marked_flaky, "flaky");
        add_count(text, &separator, tally->marked_leaky, "leaky");
        add_count(text, &separator, tally->marked_slow, "slow");
        add_count(text, &separator, tally->marked_dirty, "dirty");
}

const char *verdict_to_sentence(Verdict verdict) {
        static const char *const sentences[VERDICT_MAX] = {
                [VERDICT_PASSED] = "passed",
                [VERDICT_FAILED] = "failed",
                [VERDICT_MACHINERY_FAILED] = "the machinery failed",
                [VERDICT_NOTHING_TO_RUN] = "there was nothing to run",
                [VERDICT_INCOMPLETE] = "incomplete",
        };

        assert(verdict >= 0 && verdict < VERDICT_MAX);

        return sentences[verdict];
}

int verdict_to_result(const Event *run_finished, bool some_failed, Result **ret) {
        _cleanup_(result_freep) Result *result = NULL;
        Verdict verdict = run_finished->run_finished.verdict;
        const char *reason = run_finished->run_finished.reason;
        int r;

        if (verdict == VERDICT_PASSED || (verdict == VERDICT_FAILED && some_failed))
                return 0;
        r = result_new("(run)", &result);
        if (r < 0)
                return r;
        result->outcome = PTEST_OUTCOME_ERROR;
        r = result_set_reason(
                        result,
                        "%s%s%s",
                        verdict_to_sentence(verdict),
                        reason ? ": " : "",
                        reason ?: "");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(result);
        return 1;
}
