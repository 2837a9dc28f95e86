# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suites of the Check framework as modules: ptest says of each of their tests what Check's own runner says of it."""

import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree
from pathlib import Path

from behaviour import add, behaviour, skip
from program import PTEST, SOURCE, Run, text

NAMESPACE = "{http://check.sourceforge.net/ns}"
BUILD = Path(os.environ.get("PTEST_TESTS_MESON") or Path(PTEST).resolve().parents[2])
MODULES = BUILD / "tests" / "unit" / "check-suites"

# As tests/unit/meson.build gives it to them. A sanitizer is not to make an exit of what is a crash.
ENVIRONMENT = {"PTEST_TEST_DATA": str(SOURCE / "tests" / "data"),
               "ASAN_OPTIONS": ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "handle_segv=0"))),
               "PTEST_TEST_MODULES": str(BUILD / "tests" / "unit" / "modules")}

KINDS = {"success": "pass", "failure": "fail", "error": "error",
         "pass": "pass", "fail": "fail", "crash": "error", "timeout": "error"}


def ask_check(program, **environment):
    """What Check says: (suite, tcase, function, iteration) to verdicts in their order, each with its message; and its
    count of tests that passed, failed and could not be brought to an end."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as log:
        done = subprocess.run([program], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=900,
                              env={**os.environ, "CK_DEFAULT_TIMEOUT": "500", **ENVIRONMENT, "CK_XML_LOG_FILE_NAME": log.name, **environment})
        # Check's programs that a test starts write to the same file.
        root = xml.etree.ElementTree.fromstring(log.read().replace(b"\0", b""))
    match = re.search(rb"Checks: (\d+), Failures: (\d+), Errors: (\d+)", done.stdout)
    n, n_failures, n_errors = map(int, match.groups())
    found = {}
    for suite in root.iter(f"{NAMESPACE}suite"):
        title = suite.findtext(f"{NAMESPACE}title")
        for test in suite.iter(f"{NAMESPACE}test"):
            key = (title, test.findtext(f"{NAMESPACE}description"), test.findtext(f"{NAMESPACE}id"),
                   int(test.findtext(f"{NAMESPACE}iteration")))
            found.setdefault(key, []).append((KINDS[test.get("result")], test.findtext(f"{NAMESPACE}message")))
    return found, {"pass": n - n_failures - n_errors, "fail": n_failures, "error": n_errors}


def ask_ptest(it, suites):
    """The same of a run of ptest."""
    found = {}
    for address, record in sorted(it.results.items(), key=lambda item: (len(item[0]), item[0])):
        parts = address.split("::")[1:]
        match = re.fullmatch(r"(.*?)(?:#\d+)?(?:\[(-?\d+)\])?", parts.pop())
        tcase = parts.pop()
        assert len(parts) == (len(suites) > 1), address
        key = (parts[0] if parts else suites[0], tcase, match[1], int(match[2] or 0))
        outcome = text(record, "PTEST_OUTCOME")
        found.setdefault(key, []).append((KINDS.get(outcome, outcome), text(record, "PTEST_REASON")))
    return found


def run_module(name, options=("-j2",), **environment):
    return Run(MODULES / f"{name}.so", options=options, env={**ENVIRONMENT, **environment})


def verdicts(found):
    return {key: [verdict for verdict, _ in values] for key, values in found.items()}


def count(found):
    every = sum(verdicts(found).values(), [])
    return {verdict: every.count(verdict) for verdict in ("pass", "fail", "error")}


def assert_same(ours, theirs):
    assert verdicts(ours) == verdicts(theirs), \
        {key: (theirs.get(key), ours.get(key)) for key in theirs.keys() | ours.keys()
         if verdicts(theirs).get(key) != verdicts(ours).get(key)}


def compare(name, **environment):
    theirs, counts = ask_check(BUILD / "tests" / "unit" / f"test-{name}", **environment)
    with run_module(f"check-{name}", **environment) as it:
        it.wait()
        ours = ask_ptest(it, sorted({key[0] for key in theirs}))
        assert theirs and count(ours) == counts, (counts, count(ours), it.stdout)
        # The log of one that starts programs of Check's may have lost entries; what is in it holds.
        if count(theirs) != counts:
            ours = {key: value for key, value in ours.items() if key in theirs}
        assert_same(ours, theirs)
        assert it.status == (counts["pass"] != sum(counts.values())), it.stdout
        it.assert_whole()


for path in sorted(MODULES.glob("check-*.so")):
    add(f"check suite {path.stem[6:]} comes to the same under ptest", lambda name=path.stem[6:]: compare(name))


def program_of(name):
    path = MODULES / name
    if not path.exists():
        skip(f"{path} is not built")
    return path


@behaviour
def everything_that_can_go_wrong_in_a_check_suite_goes_wrong_under_ptest():
    theirs, counts = ask_check(program_of("suite-ends"), CK_FORK="yes")
    with run_module("suite-ends") as it:
        it.wait()
        ours = ask_ptest(it, ["ends", "fixtures"])
        assert ours.pop(("fixtures", "up", "returns", 0))[0][0] == "not-run"
        assert [text(r, "PTEST_CONTEXT") for r in it.records_of("FIXTURE_FAILED")] == ["suite-ends::fixtures::up"]
        # Check does not count the tests of a TCase whose unchecked set-up failed, but that as one.
        assert sum(map(len, ours.values())) + 1 == sum(counts.values()) > 40, counts
        # What is expected and is otherwise has failed; to Check, that is an error at times.
        for found in (ours, theirs):
            for key, values in found.items():
                if key[1] == "expectations: all":
                    values[:] = [(verdict.replace("error", "fail"), words) for verdict, words in values]
        assert_same(ours, theirs)
        # What failed is said in the same words.
        for key, values in theirs.items():
            for (verdict, message), (_, reason) in zip(values, ours[key]):
                assert verdict != "fail" or "expectations" in key[1] or message in reason, (key, message, reason)
        assert it.status == 1
        it.assert_whole()


@behaviour
def unchecked_tear_down_that_ends_checks_own_runner_costs_nothing_under_ptest():
    done = subprocess.run([program_of("suite-dies")], check=False, stdout=subprocess.PIPE, timeout=900)
    assert done.returncode == 1 and b"Checks:" not in done.stdout, done
    with run_module("suite-dies") as it:
        it.wait()
        assert it.outcomes == {"suite-dies::before::passes": "pass", "suite-dies::after::passes": "pass",
                               "suite-dies::after::fails": "fail"}
        [failed] = it.records_of("FIXTURE_FAILED")
        assert text(failed, "PTEST_CONTEXT") == "suite-dies::before"
        assert "this tear-down fails" in text(failed, "PTEST_REASON"), failed
        assert it.status == 1


@behaviour
def check_suite_without_fork_runs_in_the_worker_and_tears_down_after_each_crash():
    with run_module("suite-ends", CK_FORK="no") as it:
        it.wait()
        ours = verdicts(ask_ptest(it, ["ends", "fixtures"]))
        assert ours[("ends", "ends", "counts", 0)] == ["pass"]
        assert ours[("ends", "ends", "counts", 1)] == ["fail"], "it is not the same process"
        assert ours[("ends", "ends", "raises_segv", 0)] == ["error"]
        assert ours[("ends", "expectations: all", "raises_segv", 2)] == ["pass"]
        assert ours[("ends", "hanging", "hangs", 0)] == ["error"]
        it.assert_whole()


@behaviour
def environment_of_check_chooses_what_is_in_a_module():
    for variables, expected in (({"CK_RUN_CASE": "hanging"}, {"hangs", "returns"}),
                                ({"CK_INCLUDE_TAGS": "late other", "CK_FORK": "no"}, {"hangs", "returns"}),
                                ({"CK_RUN_SUITE": "fixtures", "CK_RUN_CASE": "checked"}, {"is_set_up_for_each"}),
                                ({"CK_RUN_CASE": "hanging", "CK_EXCLUDE_TAGS": "slow"}, set())):
        with run_module("suite-ends", CK_TIMEOUT_MULTIPLIER="0.5", **variables) as it:
            it.wait()
            if expected:
                names = {key[2] for key in ask_ptest(it, ["fixtures" if "CK_RUN_SUITE" in variables else "ends"]
                                                     + ([] if "CK_RUN_SUITE" in variables else ["fixtures"]))}
                assert names == expected, names
            else:
                assert it.status == 4, it.stdout
