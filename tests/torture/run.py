# SPDX-License-Identifier: LGPL-2.1-or-later
"""run.py plain|box|vm|others [PATTERN…]: one part of the torture matrix, as TAP.

plain: ptest's rows on the plain backend. box, vm: its rows on scopes, run inside of such a machine. others: what other
runners make of the same programs; that is observed and asserted of none. $PTEST_TESTS_MESON is the build directory that has
the programs; results go there too, see table.py. `tests/run torture` runs all four and makes the table, logs/torture.md.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "system")]

import results  # noqa: E402
from behaviour import main  # noqa: E402

PARTS = ("plain", "box", "vm", "others")

if len(sys.argv) < 2 or sys.argv[1] not in PARTS:
    sys.exit(__doc__)
part = sys.argv.pop(1)
results.start(part)
programs = results.BUILD / "tests" / "torture"
if part == "others":
    import other_runners

    other_runners.add_runners(programs)
else:
    import ptest_cells

    ptest_cells.add_cells(part, programs)
main()
