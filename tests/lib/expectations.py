# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the suites in tests/data say of themselves, as tests/data/README.md describes it."""

import fnmatch
import re
import xml.etree.ElementTree

from program import SOURCE

DATA = SOURCE / "tests" / "data"
SUITES = sorted(path for path in DATA.glob("*/*.suite") if path.stem == path.parent.name)
# Those that the house style names.
WAYS = {"pass", "fail", "skip", "hang", "ignores-signals", "crash", "memory-hog", "forks-away", "fork-bomb",
        "floods-output", "holds-the-pipe"}
LINE = re.compile(r"# (?P<what>expect|expect-mark|expect-exit|needs): *(?P<value>.*)$")


class Expectations:
    def __init__(self):
        self.tests, self.marks, self.needs, self.exit = {}, [], set(), None

    def take(self, what, value):
        if what == "expect-exit":
            self.exit = int(value)
        elif what == "needs":
            self.needs |= set(value.replace(",", " ").split())
        elif what == "expect-mark":
            self.marks.append(tuple(value.split(None, 1)))
        else:
            address, outcome, *glob = value.split(None, 2)
            self.tests[address] = (outcome, glob[0] if glob else "*")

    def check(self, it):
        seen = {address: (outcome, it.reason(address)) for address, outcome in it.outcomes.items()}
        assert set(seen) == set(self.tests), f"tests {set(seen)}, expected {set(self.tests)}"
        for address, (outcome, glob) in self.tests.items():
            assert seen[address][0] == outcome and fnmatch.fnmatchcase(seen[address][1], glob), \
                f"{address}: {seen[address]}, expected {(outcome, glob)}"
        for address, mark in self.marks:
            assert mark in it.marks(address), f"{address}: marks {it.marks(address)}, expected {mark}"
        assert it.status == self.exit, f"exit status {it.status}, expected {self.exit}"
        it.assert_whole()


def read(path):
    expectations = Expectations()
    for line in path.read_text(errors="replace").splitlines():
        if match := LINE.match(line):
            expectations.take(match["what"], match["value"].strip())
    assert expectations.exit is not None and expectations.tests, f"{path} does not say what is expected"
    return expectations


def check_reports(it):
    """junit.xml and out.tap in its scratch directory have each test once."""
    cases = xml.etree.ElementTree.parse(it.scratch / "junit.xml").findall(".//testcase")
    assert len(cases) == len(it.results), [case.get("name") for case in cases]
    lines = (it.scratch / "out.tap").read_text().splitlines()
    points = [line for line in lines if re.match(r"(not )?ok \d", line)]
    assert f"1..{len(it.results)}" in lines and len(points) == len(it.results), lines
