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


@behaviour
def one_mistake_is_one_complaint():
    said = complaints("[Suite]\nFailFast=99999999999\n[Test a]\nExec=true \"open\n[Test b]\nExec=true \\q\n[Test c]\nExec=\n")
    assert [line.partition(":")[0] for line in said] == ["2", "4", "6", "7"], said
    assert "out of range" in said[0] and "backslash" in said[2] and "has no Exec" in said[3], said


@behaviour
def missing_program_of_found_exec_is_told_with_its_own_line():
    said = complaints("[Test a]\nExec=true\n\n[Test b]\nExec=true\nFoundExec=/no/such/first\nFoundExec=/no/such/other\n")
    assert said == ["7: the program /no/such/other of [Test b] does not exist"], said
    with tempfile.TemporaryDirectory() as directory:
        suite = Path(directory) / "some.suite"
        suite.write_text("[Test a]\nExec=true\nFoundExec=/no/such/first\n[Test b]\nExec=true\nFoundExec=true\n")
        drop_in = Path(directory) / "some.suite.d" / "it.conf"
        drop_in.parent.mkdir()
        drop_in.write_text("[Test a]\nTags=x\nFoundExec=/no/such/second\n")
        with run(suite) as it:
            assert it.status == 2, (it.status, it.stdout)
            assert it.stderr == f"ptest: {drop_in}:3: the program /no/such/second of [Test a] does not exist\n", it.stderr


@behaviour
def yes_can_be_written_in_capitals_as_in_unit_files():
    with run(suite="[Suite]\nAllowNoTests=Yes\n") as it:
        assert it.status == 0, it.stderr


@behaviour
def memory_of_options_can_be_a_percentage_as_in_suite_files():
    with run(suite="[Test a]\nExec=true\n",
             options=["--memory-max=50%", "--recycle-memory=5%", "--allow-degraded"]) as it:
        assert it.status == 0, it.stderr
    with run(suite="[Test a]\nExec=true\n", options=["--memory-max=101%"]) as it:
        assert it.status == 2 and "a percentage of the memory" in it.stderr, it.stderr


@behaviour
def user_that_is_not_there_is_told_with_its_place():
    with run(suite="[Test a]\nExec=true\n[Worker]\nUser=no-such-user\n") as it:
        assert it.status == 2 and it.stderr == (
            f'ptest: {it.scratch}/it.suite:4: User "no-such-user" to run the tests as: no such user\n'), it.stderr
    with run(suite="[Test a]\nExec=true\n", options=["--user=no-such-user"]) as it:
        assert it.status == 2 and it.stderr.startswith('ptest: --user: User "no-such-user" '), it.stderr
