# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suites that others wrote, side by side with the runners that others run them with."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from behaviour import behaviour
from program import run

GLIB = "/usr/share/installed-tests/glib"

# What the other runner calls by another name. It looks at exit statuses only; a verdict that rests on TAP points
# may differ, and each such test has to be named here with the reason.
GLIB_DIFFERENCES = {}

# Left out: these dozen take as long as the other 275, all of it computing.
GLIB_SLOW = ["1bit-mutex", "gvariant", "io-channel-basic", "properties-refcount3", "rec-mutex", "rwlock", "sequence",
             "signals-refcount1", "signals-refcount2", "thread-deprecated", "thread-pool-slow", "timeout"]


@contextlib.contextmanager
def most_of_glib():
    """A data directory with those that are to be run."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "installed-tests", "glib")
        shutil.copytree(GLIB, copy)
        for name in GLIB_SLOW:
            (copy / f"{name}.test").unlink()
        os.chmod(directory, 0o755)
        yield copy


def outcome_of(verdict, reason):
    """Our word for what the other runner says."""
    if verdict == "FAIL":
        return "crash" if "signal" in reason else "timeout" if "timed out" in reason else "fail"
    return verdict.lower()


def installed_tests_by_their_own_runner(directory):
    # With logs apart: what tests print would stand in the midst of its lines.
    done = subprocess.run(["gnome-desktop-testing-runner", "--parallel=2", f"--dir={directory.parents[1]}",
                           f"--log-directory={directory.parents[1]}/logs", "glib/"], check=False, cwd="/",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, errors="replace")
    found = re.findall(r"^(PASS|SKIP|FAIL): glib/(.+?)\.test( .*)?$", done.stdout, re.MULTILINE)
    verdicts = {name: outcome_of(verdict, reason) for verdict, name, reason in found}
    total, passed, skipped, failed = re.search(
        r"^SUMMARY: total=(\d+); passed=(\d+); skipped=(\d+); failed=(\d+)", done.stdout, re.MULTILINE).groups()
    counts = Counter(verdicts.values())
    assert len(verdicts) == int(total), (len(verdicts), total)
    assert (counts.pop("pass"), counts.pop("skip", 0)) == (int(passed), int(skipped)), counts
    assert sum(counts.values()) == int(failed), counts
    return verdicts


def once(function):
    """Takes minutes, and says the same of ptest on every system: on the first only ($PTEST_TESTS_BRIEF)."""
    return function if os.environ.get("PTEST_TESTS_BRIEF") else behaviour(function, seconds=2400)


def find_differences(directory):
    """Tests whose verdicts differ: name to ours, theirs and our reason."""
    theirs = installed_tests_by_their_own_runner(directory)
    with run(str(directory), backend="system", options=["-j2", "--user=root"], seconds=1000,
             env={"HOME": os.environ.get("HOME", "/root"), "TMPDIR": None}) as it:
        assert not it.stderr, it.stderr
        it.assert_whole()
        ours = it.outcomes
        assert set(ours) == set(theirs), set(ours) ^ set(theirs)
        return {name: (ours[name], theirs[name], it.reason(name)) for name in ours
                if ours[name] != theirs[name] and (ours[name], theirs[name]) != GLIB_DIFFERENCES.get(name)}


def find_lasting_differences(directory):
    """A test that fails now and then may do so under one of the runners only: a difference is what is there each time."""
    different = find_differences(directory)
    for _ in range(2):
        if different:
            print(f"# once more, as they differ: {different}")
            for path in directory.rglob("*.test"):
                if path.stem not in different:
                    path.unlink()
            different = find_differences(directory)
    return different


@once
def glib_installed_tests_have_the_verdicts_of_their_own_runner():
    with most_of_glib() as directory:
        names = {path.stem for path in directory.rglob("*.test")}
        assert len(names) > 250
        assert not set(GLIB_DIFFERENCES) - names, "differences that are explained, of tests that are not there"
        different = find_lasting_differences(directory)
        assert not different, different


@behaviour(seconds=1200)
def meson_suite_has_the_verdicts_of_meson_test():
    """ptest's own unit tests, but for those of modules, which take a minute, and would take two here."""
    build = os.environ["PTEST_TESTS_MESON"]
    slow = "worker-module"
    known = json.loads(subprocess.run(["meson", "introspect", build, "--tests"], check=True, stdout=subprocess.PIPE).stdout)
    names = [test["name"] for test in known if "ptest:unit" in test["suite"] and not test["name"].startswith(slow)]
    # What stays of it is one log of its own name.
    subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--suite", "unit", "--logbase=side-by-side", *names],
                   check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    words = {"OK": "pass", "SKIP": "skip", "FAIL": "fail", "TIMEOUT": "timeout", "ERROR": "error",
             "EXPECTEDFAIL": "xfail", "UNEXPECTEDPASS": "xpass"}
    theirs = {}
    for line in Path(build, "meson-logs", "side-by-side.json").read_text().splitlines():
        test = json.loads(line)
        theirs[re.sub(r" / ", "/", test["name"])] = words[test["result"]]
    assert len(theirs) == len(names) > 50
    with run(build, backend="system", options=["-j2", "--user=root", "-k", "ptest:unit/*", "-k", f"!*/{slow}*"], seconds=800,
             env={"TMPDIR": None, "RUNTIME_DIRECTORY": None}) as it:
        assert not it.stderr, it.stderr
        different = [k for k in set(it.outcomes) | set(theirs) if it.outcomes.get(k) != theirs.get(k)]
        assert not different, [(k, it.outcomes.get(k), theirs.get(k), it.results.get(k)) for k in different]
