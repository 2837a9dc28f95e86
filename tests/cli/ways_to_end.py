# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each suite in tests/data says in comments what must come of it; tests/data/README.md says how."""

import expectations
from behaviour import add
from program import run


def check_suite(path):
    expected = expectations.read(path)
    with run(path, options=["--junit=junit.xml", "--tap=out.tap"]) as it:
        if expected.needs:
            # The plain backend cannot hold a limit, and must not act as if it could.
            assert it.status == 2 and "--allow-degraded" in it.stderr, (it.status, it.stderr)
        else:
            expected.check(it)
            assert not it.stderr, it.stderr
            expectations.check_reports(it)
        it.assert_nothing_is_left()


for suite in expectations.SUITES:
    add(f"suite {suite.stem} ends as it says", lambda suite=suite: check_suite(suite))


def every_way_to_end_has_a_suite():
    """A directory that was not read would be a gap that nobody sees."""
    missing = expectations.WAYS - {path.stem for path in expectations.SUITES}
    assert not missing, missing


add("every way to end has a suite", every_way_to_end_has_a_suite)
