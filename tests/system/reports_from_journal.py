# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is made of a run's records later: from the journal it is what the run wrote, byte for byte."""

import subprocess

from behaviour import behaviour
from formats import (SUITE, check_junit, compare_reports, hostile_directory, quiet_environment, report_options)
from program import PTEST, run, text


def report(*argv):
    return subprocess.run([PTEST, "report", *map(str, argv)], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def compare(backend):
    scratch = hostile_directory()
    options, live = report_options(scratch, "live")
    with run(suite=SUITE, options=options, scratch=scratch, backend=backend, env=quiet_environment(),
             name=f"reported-on-{backend}") as it:
        assert it.status == 1, (it.status, it.stderr)
        assert not text(it.records_of("RUN_FINISHED")[0], "PTEST_JOURNAL_LOST"), "the journal did not take all"
        check_junit(live["junit"])
        run_id = text(it.records[0], "PTEST_RUN_ID")
        # Without the run file there is nothing but the journal.
        it.run_file.rename(it.scratch / "moved.export.zst")
        subprocess.run(["journalctl", "--sync"], check=True)
        more, later = report_options(scratch, "later")
        done = report(*more, "--journal", run_id)
        assert done.returncode == 0 and not done.stdout and not done.stderr, done
        assert not compare_reports(live, later), compare_reports(live, later)
        printed = report("--journal", f"reported-on-{backend}")
        assert printed.returncode == 0 and not printed.stderr, printed
        assert printed.stdout == it.out_path.read_bytes(), (printed.stdout.decode(), it.stdout)
        # And back from where it was put: a run file by its path.
        assert report(it.scratch / "moved.export.zst").stdout == printed.stdout


@behaviour
def reports_from_the_journal_are_what_the_run_wrote():
    compare("plain")


@behaviour
def reports_from_the_journal_are_what_a_run_in_scopes_wrote():
    compare("system")
