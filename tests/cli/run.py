# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program on the plain backend. $PTEST is the program under test; arguments choose tests by name."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

# Each of these adds its tests.
import ways_to_end  # noqa: E402,F401
import again  # noqa: E402,F401
import benches  # noqa: E402,F401
import broken_workers  # noqa: E402,F401
import check_suites  # noqa: E402,F401
import command_line  # noqa: E402,F401
import compare  # noqa: E402,F401
import contexts  # noqa: E402,F401
import evidence  # noqa: E402,F401
import growth  # noqa: E402,F401
import html_page  # noqa: E402,F401
import interruptions  # noqa: E402,F401
import limits_of_tests  # noqa: E402,F401
import live  # noqa: E402,F401
import manual  # noqa: E402,F401
import modules  # noqa: E402,F401
import report_files  # noqa: E402,F401
import reports  # noqa: E402,F401
import resumed  # noqa: E402,F401
import review  # noqa: E402,F401
import stuck_modules  # noqa: E402,F401
import suite_files  # noqa: E402,F401
import surroundings  # noqa: E402,F401
import tear_downs  # noqa: E402,F401
import what_always_holds  # noqa: E402,F401
from behaviour import main  # noqa: E402

main()
