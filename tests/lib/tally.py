# SPDX-License-Identifier: LGPL-2.1-or-later
"""tally.py TIER COUNTS-FILE < OUTPUT: one line a test, from TAP or from what `meson test` prints.

What is not a test's line is passed on only if it says why a test failed. Appends "passed failed skipped" to
COUNTS-FILE, and of the passed how many were flaky (behaviour.py). TAP whose plan does not fit is one more failure, and so is an exit status (which the last line
tells) that no test explains: a test program that dies must not pass.
"""

import re
import sys

TAP = re.compile(r"(?P<result>ok|not ok) (?P<number>\d+)(?: - (?P<name>.*?))?(?: # (?P<note>.*))?$")
STATUS = re.compile(r"exit status of the tier: (\d+)$")
PLAN = re.compile(r"1\.\.(\d+)")
MESON = re.compile(r"\s*(?P<number>\d+)/\d+ (?P<name>.+?)\s+"
                   r"(?P<result>OK|EXPECTEDFAIL|SKIP|FAIL|TIMEOUT|ERROR|UNEXPECTEDPASS|INTERRUPT)\s+"
                   r"[\d.]+\s?s(?P<note>.*)$")
MESON_GOOD = {"OK", "EXPECTEDFAIL"}


class Tally:
    def __init__(self, tier):
        self.tier = tier
        self.counts = {"pass": 0, "FAIL": 0, "skip": 0}
        self.flaky = 0
        self.plan = None
        self.status = None
        self.seen = set()

    def report(self, result, name, note=""):
        self.counts[result] += 1
        if result == "pass" and note.startswith("FLAKY"):
            self.flaky += 1
            result = "FLAKY"
            note = note.removeprefix("FLAKY, ")
        print(f"{result}  {self.tier}: {name}{'  (' + note.strip() + ')' if note.strip() else ''}", flush=True)

    def take(self, line):
        tap = TAP.match(line)
        meson = MESON.match(line)
        if tap:
            note = tap["note"] or ""
            skipped = note.upper().startswith("SKIP")
            result = "FAIL" if tap["result"] != "ok" else "skip" if skipped else "pass"
            self.report(result, tap["name"] or tap["number"], note)
        elif meson:
            # meson repeats the failures at its end.
            if meson["number"] in self.seen:
                return
            self.seen.add(meson["number"])
            good = meson["result"] in MESON_GOOD
            result = "pass" if good else "skip" if meson["result"] == "SKIP" else "FAIL"
            name = meson["name"].removeprefix("ptest:").replace(" - ptest:", ": ")
            self.report(result, name, "" if result != "FAIL" else meson["result"] + meson["note"])
        elif PLAN.match(line):
            self.plan = int(PLAN.match(line)[1])
        elif match := STATUS.match(line):
            self.status = int(match[1])
        elif line.startswith("# ") and self.plan is not None:
            print("      " + line, flush=True)

    def finish(self):
        done = sum(self.counts.values())
        if self.plan is not None and self.plan != done:
            self.report("FAIL", f"planned {self.plan} tests and reported {done}")
        elif done == 0:
            self.report("FAIL", "no test was run")
        elif self.status != 0 and not self.counts["FAIL"]:
            self.report("FAIL", f"the tests ended with status {self.status}, and none says that it failed")


def main():
    tally = Tally(sys.argv[1])
    for line in sys.stdin:
        tally.take(line.rstrip("\r\n"))
    tally.finish()
    with open(sys.argv[2], "a", encoding="utf-8") as counts:
        print(*tally.counts.values(), tally.flaky, file=counts)
    sys.exit(1 if tally.counts["FAIL"] else 0)


main()
