# SPDX-License-Identifier: LGPL-2.1-or-later
"""table.py: what was observed in all parts of the matrix, as a table in Markdown. $PTEST_TESTS_MESON as for run.py.

`tests/run torture` runs all parts and writes it to logs/torture.md in its build directory. README.md has a copy: make it anew on
a machine that does nothing else, when a row, a runner or a time limit has changed.
"""

import results
from rows import COMMON_ROWS

# What needs limits is only in the machine; all else is shown at full speed.
COLUMNS = [
    ("ptest, scopes", ("box", "vm")),
    ("ptest, plain", ("plain",)),
    ("meson test", ("meson",)),
    ("ctest", ("ctest",)),
    ("kyua", ("kyua",)),
    ("gnome-desktop-testing", ("gnome-desktop-testing-runner",)),
    ("GNU parallel", ("parallel",)),
    ("prove", ("prove",)),
]


def describe(cells, row, parts):
    for part in parts:
        if cell := cells.get((part, row.program)):
            left = f", **{cell['left']} alive**" if cell["left"] else ""
            return f"{cell['outcome'].replace(' leaky', ', leaky')}, {cell['seconds']:.1f} s{left}"
    return "–"


def lines():
    cells = results.read()
    columns = [c for c in COLUMNS if any((part, row.program) in cells for part in c[1] for row in COMMON_ROWS)]
    yield "| | " + " | ".join(title for title, _ in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for row in COMMON_ROWS:
        yield f"| {row.title} | " + " | ".join(describe(cells, row, parts) for _, parts in columns) + " |"


if __name__ == "__main__":
    print("\n".join(lines()))
