# SPDX-License-Identifier: LGPL-2.1-or-later
"""Places where little is there: package builds, full disks, closed pipes."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from behaviour import behaviour, skip
from long_run import LongRun
from program import PATIENCE, PTEST, Run, read_export, run, shell, tests, text

NOBODY = 65534


def needs_root():
    if os.geteuid() != 0:
        skip("only root can make such surroundings")


def libraries_of(*programs):
    """Each shared library that they need, and the loader."""
    found = set()
    for program in programs:
        listing = subprocess.run(["ldd", program], check=True, stdout=subprocess.PIPE, text=True).stdout
        found |= {word for line in listing.splitlines() for word in line.split() if word.startswith("/")}
    return found


def make_bare_root(root):
    """A chroot with the two programs, a shell, and nothing else: no /run, no /proc, no /etc."""
    worker = Path(PTEST).resolve().parents[1] / "worker" / "ptest-worker"
    if not worker.exists():
        worker = Path("/usr/libexec/ptest/ptest-worker")
    programs = {PTEST: "usr/bin/ptest", worker: "usr/libexec/ptest/ptest-worker", "/bin/sh": "bin/sh",
                "/bin/sleep": "bin/sleep", "/bin/true": "bin/true"}
    for source, target in programs.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / target)
    for library in libraries_of(*programs):
        target = root / library[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    for name in ("tmp", "build", "dev", "proc"):
        (root / name).mkdir()
    os.chown(root / "build", NOBODY, NOBODY)
    (root / "tmp").chmod(0o1777)


def run_bare(proc):
    with tempfile.TemporaryDirectory(prefix="pt.") as scratch:
        root = Path(scratch)
        root.chmod(0o755)
        make_bare_root(root)
        (root / "dev" / "null").touch()
        suite = "[Suite]\nStopSec=1\n" + tests(5) + shell("broken", "exit 3") + \
            shell("slow", "sleep 1000", "TimeoutSec=1\nGraceSec=1") + shell("leaver", "sleep 999 & exit 0")
        (root / "build" / "it.suite").write_text(suite)
        script = 'mount --bind /dev/null "$1/dev/null"; ' + \
            ('mount -t proc proc "$1/proc"; ' if proc else "") + \
            'exec chroot --userspec=65534:65534 --groups= "$1" /usr/bin/ptest run --state-dir=/build/state ' \
            '--color=auto /build/it.suite'
        done = subprocess.run(
            ["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "sh", "-euc", script, "sh", scratch],
            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, timeout=PATIENCE,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "PTEST_WORKER": "/usr/libexec/ptest/ptest-worker"})
        assert done.returncode == 1 and not done.stderr, done
        state, = (root / "build" / "state" / "runs").iterdir()
        outcomes = {text(r, "PTEST_TEST"): text(r, "PTEST_OUTCOME") for r in read_export(state) if "PTEST_TEST" in r}
        left = [str(p) for p in (root / "tmp").rglob("*") if not p.is_dir() or any(p.iterdir()) or p.parent != root / "tmp"]
        assert not left, left
        return outcomes


@behaviour
def plain_backend_works_in_a_bare_chroot_as_nobody_without_systemd_bus_network_or_tty():
    needs_root()
    outcomes = run_bare(proc=True)
    assert outcomes == {**{f"t{i:04}": "pass" for i in range(1, 6)}, "broken": "fail", "slow": "timeout",
                        "leaver": "pass"}, outcomes


@behaviour
def auto_backend_is_plain_where_run_is_bound_but_no_manager_answers():
    """As schroot does it: /run/systemd/system is there, and lies."""
    needs_root()
    script = 'mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/system /run/dbus; exec "$@"'
    with Run(suite=tests(3), backend="auto",
             argv=["unshare", "--mount", "--net", "sh", "-euc", script, "sh", PTEST, "run"],
             options=["--state-dir=state", "-j2"]) as it:
        it.wait()
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        assert text(it.records_of("RUN_STARTED")[0], "PTEST_BACKEND") == "plain"


@behaviour
def full_disk_is_never_a_pass():
    needs_root()
    script = 'mount -t tmpfs tmpfs state -o size=64k; "$@"; status=$?; cp state/runs/* copy || :; exit $status'
    loud = "".join(shell(f"loud{i:02}", "seq 4000") for i in range(20))
    with Run(suite=loud, argv=["unshare", "--mount", "sh", "-uc", script, "sh", PTEST, "run", "--backend=plain"],
             options=["--state-dir=state", "-j2"]) as it:
        it.wait()
        assert it.status == 3, (it.status, it.stderr)
        assert "No space left" in it.stderr, it.stderr
        it.assert_nothing_is_left()


@behaviour
def state_directory_that_is_removed_under_a_run_loses_no_record():
    with LongRun() as it:
        it.until_both_run()
        shutil.rmtree(it.scratch / "state")
        it.let_go()
        it.wait()
        assert it.status == 0 and not it.stderr and len(it.outcomes) == 12, (it.status, it.stderr)
        it.assert_whole()


@behaviour
def records_that_are_gone_are_never_a_pass():
    with LongRun() as it:
        it.until_both_run()
        shutil.rmtree(it.scratch / "state")
        (it.scratch / "state").touch()
        it.let_go()
        it.wait()
        assert it.status == 3 and "records could not be written to" in it.stderr, (it.status, it.stderr)
        assert "12 passed" in it.stdout, it.stdout


@behaviour
def limit_of_file_size_is_as_a_full_disk():
    loud = "".join(shell(f"loud{i:02}", "seq 2000") for i in range(20))
    for limit in (3000, 20000):
        with Run(suite=loud, options=["-j2"], within=["prlimit", f"--fsize={limit}:{limit}"]) as it:
            it.wait()
            assert it.status == 3 and "File too large" in it.stderr, (it.status, it.stderr)
            assert "20 passed" in it.stdout, it.stdout
            it.assert_nothing_is_left()


@behaviour
def state_directory_that_cannot_be_made_is_an_error():
    with run(suite=tests(3), options=["--state-dir=/proc/no/such"]) as it:
        assert it.status == 3 and "in /proc/no/such (--state-dir" in it.stderr, (it.status, it.stderr)


@behaviour
def too_few_open_files_are_told_and_nothing_is_left():
    for limit in (6, 7, 8, 10, 12, 14, 16, 20):
        with Run(suite=tests(3), options=["-q"], name="it") as it:
            argv = ["prlimit", f"--nofile={limit}:{limit}", *it.argv]
            it.wait()
            shutil.rmtree(it.scratch / "state")
            done = subprocess.run(argv, cwd=it.scratch, check=False, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL)
            assert done.returncode in (3, 5), (limit, done)
            assert "Too many open files" in done.stderr, (limit, done)
            # A run that could not begin is not the last one that "ptest results" knows.
            for path in (it.scratch / "state").glob("runs/*"):
                assert path.stat().st_size > 0, (limit, path)


@behaviour
def too_few_processes_are_told_and_do_not_hang():
    """As a user of whom there is nobody else: the limit counts all processes and threads of a user."""
    needs_root()
    for limit in (4, 8, 10):
        with run(suite=tests(3), user=64321, within=["prlimit", f"--nproc={limit}:{limit}"]) as it:
            assert it.status == 3 and "a limit of processes (ulimit -u)" in it.stderr, (limit, it.status, it.stderr)
            assert "Resource temporarily" not in it.stderr and not list(it.scratch.glob("state/runs/*.zst")), it.stderr


@behaviour
def missing_dev_null_is_no_obstacle_unless_a_stream_is_closed():
    needs_root()
    with run(suite=shell("reads", "! read line")) as it:
        for closing, status, told in (("", 0, ""), ("<&-", 3, "/dev/null")):
            shutil.rmtree(it.scratch / "state")
            hidden = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none /dev && exec "$@" {closing}', "-"]
            done = subprocess.run([*hidden, *it.argv], cwd=it.scratch, check=False, capture_output=True, text=True,
                                  stdin=subprocess.PIPE)
            assert done.returncode == status and (told in done.stderr if told else not done.stderr), done


@behaviour
def full_stdout_is_told_by_every_verb():
    with run(suite=tests(2)) as it:
        suite, state = it.scratch / "it.suite", f"--state-dir={it.scratch}/state"
        for argv in (["list", suite], ["list", "--json", suite], ["results", state], ["results", "--json", state],
                     ["log", state, "t0001"], ["doctor"], ["doctor", "--json"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PTEST, *map(str, argv)], check=False, stdout=full, stderr=subprocess.PIPE)
            assert done.returncode == 3 and done.stderr, (argv, done)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PTEST, "run", "--backend=plain", state, suite], check=False, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 3, done
        assert done.stderr == b"ptest: Cannot write to stdout: No space left on device\n", done


@behaviour
def closed_stdout_does_not_kill_the_run_half_way():
    with Run(suite=tests(200) + shell("broken", "exit 1"), options=["--state-dir=state"],
             argv=["sh", "-c", '"$@" | head -n 1; exit 0', "sh", PTEST, "run", "--backend=plain"]) as it:
        it.wait()
        assert len(it.results) == 201, len(it.results)
        it.assert_nothing_is_left(seconds=100)


@behaviour
def environment_without_anything_is_enough():
    with Run(suite=tests(3), options=["--state-dir=state"],
             argv=["env", "-i", PTEST, "run", "--backend=plain"]) as it:
        it.wait()
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)


@behaviour
def plain_backend_works_for_a_user_without_a_home():
    needs_root()
    with run(suite=tests(3) + shell("who", "id -u"), user=NOBODY, env={"HOME": "/nonexistent"}) as it:
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        assert it.results["who"]["PTEST_STDOUT"] == b"65534\n"
        it.assert_nothing_is_left()


@behaviour
def test_begins_with_no_signal_blocked_or_ignored():
    """Also not the two that the C library keeps for itself, which posix_spawn() leaves ignored."""
    with run(suite=shell("s", "grep -Eq '^SigBlk:.0*$' /proc/self/status && grep -Eq '^SigIgn:.0*$' /proc/self/status")) as it:
        assert it.outcomes == {"s": "pass"}, it.outcomes
