# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was observed in each cell, kept for the table; and the places that cells are run in."""

import contextlib
import json
import os
import tempfile
import threading
import time
from pathlib import Path

BUILD = Path(os.environ.get("PTEST_TESTS_MESON", "build")).resolve()
DIRECTORY = BUILD / "tests" / "torture" / "results"

_lock = threading.Lock()
_file = None


def start(name):
    """Each tier writes one file, anew."""
    global _file  # pylint: disable=global-statement
    DIRECTORY.mkdir(exist_ok=True)
    _file = open(DIRECTORY / f"{name}.jsonl", "w", encoding="utf-8")


def add(column, row, outcome, seconds, left):
    with _lock:
        json.dump({"column": column, "row": row, "outcome": outcome, "seconds": round(seconds, 1), "left": left}, _file)
        _file.write("\n")
        _file.flush()


def read():
    """(column, row) to the cell."""
    cells = {}
    for path in sorted(DIRECTORY.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            cell = json.loads(line)
            cells[cell["column"], cell["row"]] = cell
    return cells


def make_directory(name):
    path = Path(tempfile.mkdtemp(prefix=f"torture-{name}."))
    path.chmod(0o755)
    return path


def cgroup_mounts():
    for line in Path("/proc/self/mounts").read_text().splitlines():
        words = line.split()
        if words[2] == "cgroup2":
            yield Path(words[1])


def find_cgroups(prefix):
    """Others come and go meanwhile, which is nothing to os.walk()."""
    for mount in cgroup_mounts():
        for parent, names, _ in os.walk(mount):
            yield from (Path(parent, name) for name in names if name.startswith(prefix))


def cgroups_of_run():
    """Cgroups of the suite "torture" that still exist."""
    return list(find_cgroups("ptest-torture"))


def remove_cgroups(mark):
    """Those that a test made for itself, outside of what a runner could know of. Who was in them may be just dying."""
    for path in list(find_cgroups(f"torture-{mark[:8]}")):
        end = time.monotonic() + 60
        while path.exists() and time.monotonic() < end:
            with contextlib.suppress(OSError):
                path.rmdir()
                break
            time.sleep(0.05)
