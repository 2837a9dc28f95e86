# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test modules of tests/data/modules: what they say in their heads, and whether a run of them was like that.

Lines of a head:

    expect: ADDRESS OUTCOME [REASON]     without the module's name; REASON is a glob
    expect-fixture: CONTEXT WHICH OUTCOME REASON
                                         the record of a failed fixture; these, and no others
    expect-log: ENTRY N[-M]              how often it stands in the log that the module writes
    expect-stuck: ADDRESS [(WHICH)]      what the record of a stuck worker names; these, and no others
    expect-dirty: ADDRESS WHAT           marked dirty; a glob for what the record says of it
    expect-exit: N
"""

import fnmatch
import os
import re
import shutil
import tempfile
import xml.etree.ElementTree
from pathlib import Path

from program import MESSAGE_IDS, PTEST, SOURCE, Run, text

SOURCES = SOURCE / "tests" / "data" / "modules"
NAMES = sorted(path.stem for path in SOURCES.glob("*.c"))
LINE = re.compile(r" \* (expect[a-z-]*): (.*)$")

SETTINGS = "[Suite]\nTimeoutSec=20\nGraceSec=500ms\nStopSec=2\n"


class Story:
    def __init__(self, name):
        self.name = name
        self.tests, self.fixtures, self.log, self.stuck, self.dirty, self.exit = {}, [], {}, [], {}, None
        for line in (SOURCES / f"{name}.c").read_text().splitlines():
            if match := LINE.match(line):
                self.take(match[1], match[2].split())
        assert self.tests and self.exit is not None, f"{name} does not say what is expected"

    def take(self, what, words):
        if what == "expect":
            self.tests[f"{self.name}::{words[0]}"] = (words[1], " ".join(words[2:]) or "*")
        elif what == "expect-fixture":
            self.fixtures.append((f"{self.name}::{words[0]}", *words[1:3], " ".join(words[3:])))
        elif what == "expect-log":
            low, _, high = words[1].partition("-")
            self.log[words[0]] = (int(low), int(high or low))
        elif what == "expect-stuck":
            self.stuck.append(f"{self.name}::{' '.join(words)}")
        elif what == "expect-dirty":
            self.dirty[f"{self.name}::{words[0]}"] = " ".join(words[1:])
        elif what == "expect-exit":
            self.exit = int(words[0])
        else:
            raise AssertionError(f"{self.name}: {what}")


def module_path(name):
    """In the build directory of the program, or of the checkout that the installed program was made from."""
    build = os.environ.get("PTEST_TESTS_MESON") or Path(PTEST).resolve().parents[2]
    path = Path(build) / "tests" / "data" / "modules" / f"{name}.so"
    assert path.exists(), f"{path} is not built"
    return path


class StoryRun(Run):
    """A run of one module, which lies beside its log in a directory that any user may write to."""

    def __init__(self, name, settings="", more="", options=("-j1",), **kwargs):
        scratch = Path(tempfile.mkdtemp(prefix="pt."))
        self.place = scratch / "module"
        self.place.mkdir()
        self.place.chmod(0o1777)
        shutil.copy(module_path(name), self.place)
        suite = f"{SETTINGS}{settings}From=module:{self.place}/{name}.so\n{more}"
        super().__init__(suite=suite, scratch=scratch, options=options, name=name, **kwargs)

    @property
    def log(self):
        path = self.place / "log"
        return path.read_text().split() if path.exists() else []

    def workers_told(self):
        """What the records tell of each slot's workers, in their order: (slot, generation, kind)."""
        kinds = {MESSAGE_IDS[f"WORKER_{kind}"]: kind for kind in ("STARTED", "STUCK", "STOPPED", "LOST")}
        return [(text(r, "PTEST_SLOT"), int(text(r, "PTEST_GENERATION")), kinds[text(r, "MESSAGE_ID")])
                for r in self.records if text(r, "MESSAGE_ID") in kinds]


def check_outcomes(story, it):
    seen = {address: (outcome, it.reason(address)) for address, outcome in it.outcomes.items()}
    assert set(seen) == set(story.tests), f"told {sorted(seen)}, expected {sorted(story.tests)}"
    for address, (outcome, glob) in story.tests.items():
        assert seen[address][0] == outcome and fnmatch.fnmatchcase(seen[address][1], glob), \
            f"{address}: {seen[address]}, expected {(outcome, glob)}"
    for address in story.tests:
        dirty = text(it.results[address], "PTEST_DIRTY")
        assert fnmatch.fnmatchcase(dirty, story.dirty.get(address, "")), f"{address} left {dirty!r}"
        assert ("dirty" in it.marks(address)) == (address in story.dirty), f"{address}: {it.marks(address)}"
    assert it.status == story.exit, f"exit status {it.status}, expected {story.exit}"
    it.assert_whole()


def check_log(story, it):
    log = it.log
    for entry, (low, high) in story.log.items():
        assert low <= log.count(entry) <= high, f"{entry} {log.count(entry)} times: {log}"
    for address, (outcome, _) in story.tests.items():
        name = address.rpartition("::")[2]
        assert log.count(name) == (outcome != "not-run"), f"{name} was begun {log.count(name)} times: {log}"
    inside = [address.rpartition("::")[2] for address, (outcome, _) in story.tests.items()
              if address.startswith(f"{story.name}::server::") and outcome != "not-run"]
    if inside:
        at = [log.index(name) for name in inside]
        assert log.index("+server") < min(at) and max(at) < log.index("-server") < log.index("server.down"), log


def check_fixtures(story, it):
    told = sorted((text(r, "PTEST_CONTEXT"), text(r, "PTEST_FIXTURE"), text(r, "PTEST_OUTCOME"), text(r, "PTEST_REASON"))
                  for r in it.records_of("FIXTURE_FAILED"))
    expected = sorted(story.fixtures)
    assert [fixture[:3] for fixture in told] == [fixture[:3] for fixture in expected], told
    assert all(fnmatch.fnmatchcase(seen[3], wanted[3]) for seen, wanted in zip(told, expected)), told


def check_workers(story, it):
    """A stuck worker is stuck, then stopped, and then only its place has another one."""
    at = [text(r, "PTEST_TEST") for r in it.records_of("WORKER_STUCK")]
    assert sorted(at) == sorted(story.stuck), f"stuck at {at}, expected {story.stuck}"
    told = it.workers_told()
    for i, (slot, generation, kind) in enumerate(told):
        before = [entry for entry in told[:i] if entry[0] == slot]
        own = [entry[2] for entry in before if entry[1] == generation]
        if not own:
            # The first that is told of a generation: the one before it is gone.
            assert not before or before[-1] == (slot, generation - 1, "STOPPED"), told
        # One that says nothing before the run is over is stopped without having been started, for the records.
        assert "STOPPED" not in own and (kind == "STOPPED" or (kind == "STARTED") == (not own)), told
    stopped = {entry[:2] for entry in told if entry[2] == "STOPPED"}
    assert {entry[:2] for entry in told} == stopped, told


def check_reports(it):
    """junit.xml and out.tap have each test once; the first has failed fixtures, too."""
    cases = [case.get("name") for case in xml.etree.ElementTree.parse(it.scratch / "junit.xml").findall(".//testcase")]
    assert sorted(case for case in cases if not case.endswith("-up)") and not case.endswith("-down)")) == sorted(it.results), cases
    assert len(cases) == len(it.results) + len(it.records_of("FIXTURE_FAILED")), cases
    lines = (it.scratch / "out.tap").read_text().splitlines()
    assert sum(1 for line in lines if re.match(r"(not )?ok \d", line)) == len(it.results), lines


def check(story, it):
    check_outcomes(story, it)
    check_log(story, it)
    check_fixtures(story, it)
    check_workers(story, it)
    assert not it.stderr, it.stderr
    it.assert_nothing_is_left()
