# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite files as people write them, and what they are told of their mistakes."""

import os
import tempfile
from pathlib import Path

from behaviour import behaviour
from program import run


def complaints(suite, *, options=()):
    """What is said of a suite file that is wrong, without its path: "3: text"."""
    with run(suite=suite, options=options) as it:
        assert it.status == 2 and not it.stdout, (it.status, it.stdout)
        path = f"{it.scratch}/it.suite:"
        lines = it.stderr.splitlines()
        assert all(path in line for line in lines), lines
        return [line.partition(path)[2] for line in lines]


@behaviour
def drop_ins_that_cannot_be_read_are_an_error():
    """As a user who may not read everything: root may."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        suite = Path(directory) / "some.suite"
        suite.write_text("[Test a]\nExec=true\n")
        drop_ins = Path(directory) / "some.suite.d"
        drop_ins.mkdir(mode=0)
        with run(suite, user=65534) as it:
            assert it.status == 2, (it.status, it.stdout)
            assert it.stderr == f"ptest: {drop_ins}: cannot be read: Permission denied\n", it.stderr
