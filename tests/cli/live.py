# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs that go on: their status, what their tests have printed so far, and how they are paused."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time
from pathlib import Path

from behaviour import behaviour, eventually
from long_run import LONG, LongRun, marks
from modules import module
from program import PATIENCE, PTEST, Run, process_command, shell, tests, text

NOBODY = 65534


def surroundings(it):
    return {**os.environ, "RUNTIME_DIRECTORY": f"{it.scratch}/runtime", "XDG_RUNTIME_DIR": f"{it.scratch}/runtime",
            "TERM": "xterm"}


def ask(it, *argv, within=()):
    """Another verb, in the surroundings of a run."""
    return subprocess.run([*within, PTEST, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          env=surroundings(it), timeout=PATIENCE, check=False)


def statuses(it):
    """Those of the runs in the scratch directory of this one."""
    done = ask(it, "status", "--json")
    assert done.returncode == 0, done
    return [r for r in json.loads(done.stdout)["runs"] if r["pid"] == it.pid]


def status(it):
    found = statuses(it)
    assert len(found) == 1, found
    return found[0]


def status_socket(it):
    found = list((it.scratch / "runtime").glob("r-*/status"))
    assert len(found) == 1, found
    return str(found[0])


def state(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "-"


def shells(it):
    """The processes of tests."""
    return [pid for pid in it.processes() if "/bin/sh -c" in process_command(pid)]


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    return client


# ---- Status ----

@behaviour
def status_tells_progress_tests_and_slots():
    with LongRun(suite=shell("bad", "exit 1", "Priority=1") + LONG) as it:
        it.until_both_run()
        it.until(lambda: "bad" in it.outcomes, "the failure was recorded")
        run = eventually(lambda: [r for r in [status(it)] if all(s["running"] for s in r["slots"])], 20, "both run")[0]
        assert (run["suite"], run["planned"], run["reported"], run["bad"], run["state"]) == ("it", 3, 1, 1, "running"), run
        assert run["counts"] == {"fail": 1} and run["run_id"] in it.run_file.name, run
        assert run["backend"] == "plain" and run["run_file"] == str(it.run_file) and run["elapsed_usec"] > 0, run
        assert {s["running"]["address"] for s in run["slots"]} == {"long1", "long2"}, run
        for slot in run["slots"]:
            assert slot["state"] == "busy" and slot["generation"] == 1 and slot["pid"] in it.workers(), slot
            test = slot["running"]
            assert test["pid"] in shells(it) and test["memory"] > 100000 and test["memory_from"] == "processes", test
        later = eventually(lambda: [r for r in [status(it)] if r["slots"][0]["running"]["age_usec"] >
                                    run["slots"][0]["running"]["age_usec"]], 20, "they grow older")[0]
        assert later["elapsed_usec"] > run["elapsed_usec"]
        words = ask(it, "status", "it").stdout.decode()
        assert re.search(r"^it  run [0-9a-f]{12}  1/3 done, 1 failed, ", words), words
        assert re.search(r"^  w1g1 +busy +\d+ +\d+s +\S+ +\S+ +long[12]$", words, re.M), words
        assert ask(it, "status", run["run_id"][:8]).stdout.decode().startswith("it  run ")
        it.let_go()
        it.wait()
        assert it.status == 1
        assert statuses(it) == []
        gone = ask(it, "status", run["run_id"])
        assert gone.returncode == 1 and b"No run" in gone.stderr, gone
        it.assert_nothing_is_left()


@behaviour
def SIGUSR1_prints_the_status():
    with LongRun() as it:
        it.until_both_run()
        os.kill(it.pid, signal.SIGUSR1)
        it.until(lambda: "long2\n" in it.stderr, "the status was printed")
        assert it.stderr.startswith("it  run ") and "w2g1" in it.stderr, it.stderr
        it.let_go()
        it.wait()
        assert it.status == 0, it.status


@behaviour
def status_waits_behind_others_who_ask():
    with LongRun() as it, contextlib.ExitStack() as clients:
        it.until_both_run()
        path = status_socket(it)
        os.kill(it.pid, signal.SIGSTOP)
        eventually(lambda: state(it.pid) == "T", what="that the coordinator stands still")
        with contextlib.suppress(BlockingIOError):
            while True:
                client = clients.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(path)
        with subprocess.Popen([PTEST, "status", "--json"], stdout=subprocess.PIPE, env=surroundings(it)) as asking:
            time.sleep(0.5)
            os.kill(it.pid, signal.SIGCONT)
            runs = json.loads(asking.communicate(timeout=PATIENCE)[0])["runs"]
        assert [r["planned"] for r in runs if r["pid"] == it.pid] == [12], runs
        it.let_go()
        it.wait()
        assert it.status == 0, it.status


@behaviour
def who_asks_badly_costs_the_run_nothing():
    with LongRun() as it:
        it.until_both_run()
        path, fds = status_socket(it), Path(f"/proc/{it.pid}/fd")
        before = len(list(fds.iterdir()))
        clients = []
        for i in range(60):
            client = connect(path)
            clients.append(client)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall([b"", b"sta", b"\0\xff\n", b"status", b"x" * 20000, b"log 0 0\n", b"log -1 a b\n",
                                b"log 99999999999999999999 0 long1\n", b"status\nstatus\n"][i % 9])
        # A few are listened to, and this one is.
        assert status(it)["planned"] == 12
        assert len(list(fds.iterdir())) <= before + 20
        for client in clients:
            client.close()
        eventually(lambda: len(list(fds.iterdir())) <= before, 20, "the connections are gone")
        for request, answer in ((b"hello\n", b"not a request"), (b"log 0 0 nobody\n", b"not running")):
            client = connect(path)
            client.sendall(request)
            said = b""
            while more := client.recv(4096):
                said += more
            assert json.loads(said)["error"].encode() == answer, said
        # Who says nothing is not waited for.
        client = connect(path)
        client.settimeout(30)
        assert client.recv(1) == b""
        it.let_go()
        it.wait()
        assert it.status == 0, it.status
        it.assert_nothing_is_left()


@behaviour
def tests_inherit_no_connection():
    suite = shell("fds", "ls -l /proc/self/fd >$MARKS/go", "Priority=2") + LONG
    with LongRun(suite=suite, options=["-j1"]) as it:
        it.until((marks(it) / "go").exists, "it looked")
        it.wait()
        assert "socket" not in (marks(it) / "go").read_text()


@behaviour
def another_user_is_not_answered():
    if os.geteuid() != 0:
        return
    with LongRun() as it:
        it.until_both_run()
        done = ask(it, "status", "--json", within=["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"])
        assert done.returncode == 0 and all(r["pid"] != it.pid for r in json.loads(done.stdout)["runs"]), done
        # Also where it can reach the socket.
        Path(status_socket(it)).parent.chmod(0o755)
        os.chmod(status_socket(it), 0o666)
        done = ask(it, "status", "--json", within=["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"])
        assert all(r["pid"] != it.pid for r in json.loads(done.stdout)["runs"]), done


@behaviour
def socket_of_a_dead_run_is_removed():
    with LongRun() as it:
        it.until_both_run()
        path = Path(status_socket(it))
        it.process.kill()
        it.process.wait()
        assert statuses(it) == [] and not path.exists()


# ---- Top ----

@behaviour
def top_without_a_terminal_prints_again_and_again():
    with LongRun() as it:
        it.until_both_run()
        done = ask(it, "top", "-n", "3", "-d", "100ms", "it")
        assert done.returncode == 0 and done.stdout.count(b"it  run ") == 3 and b"\033" not in done.stdout, done
        wrong = ask(it, "top", "-d", "0")
        assert wrong.returncode == 2 and b"not a time" in wrong.stderr, wrong


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, env)
        termios.tcsetwinsize(self.fd, (24, 100))
        self.seen = b""

    def until(self, pattern, after=0):
        """Where what is written matches, behind a place."""
        end = time.monotonic() + PATIENCE
        while not (found := re.compile(pattern, re.S).search(self.seen, after)):
            assert time.monotonic() < end, (pattern, self.seen[after:])
            if select.select([self.fd], [], [], 0.5)[0]:
                try:
                    more = os.read(self.fd, 65536)
                except OSError:
                    more = b""
                assert more, (pattern, self.seen[after:])
                self.seen += more
        return found.end()

    def type(self, keys):
        os.write(self.fd, keys)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


if not hasattr(termios, "tcsetwinsize"):
    import fcntl

    def tcsetwinsize(fd, size):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    termios.tcsetwinsize = tcsetwinsize


@behaviour
def top_has_the_screen_and_gives_it_back():
    with LongRun() as it:
        it.until_both_run()
        with Terminal([PTEST, "top", "-d", "200ms", "it"], surroundings(it)) as terminal:
            at = terminal.until(rb"\x1b\[\?1049h.*long1.*long1")
            termios.tcsetwinsize(terminal.fd, (3, 40))
            # Three lines, and none longer than the screen is wide.
            at = terminal.until(rb"\x1b\[H[^\n]*\n[^\n]*\n[^\n]*\x1b\[J", at)
            mode = termios.tcgetattr(terminal.fd)[3]
            assert not mode & termios.ICANON
            terminal.type(b"q")
            at = terminal.until(rb"\x1b\[\?1049l", at)
            eventually(lambda: termios.tcgetattr(terminal.fd)[3] & termios.ICANON, 20, "the terminal is as it was")


# ---- Output so far ----

@behaviour
def log_live_shows_what_a_test_has_printed_so_far():
    script = "echo before; echo wrong >&2; touch $MARKS/said; while [ ! -e $MARKS/go ]; do sleep 0.05; done; echo after"
    with LongRun(suite=shell("dir/talker", script) + LONG, options=["-j3"]) as it:
        it.until_marked("said")
        it.until_both_run()
        eventually(lambda: ask(it, "log", "--live", "dir/talker").stdout == b"before\n", 20, "it is seen")
        done = ask(it, "log", "--live", "dir/talker")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"before\n", b"wrong\n"), done
        assert ask(it, "log", "--live", "--stderr", "dir/talker").stdout == b"wrong\n"
        follower = subprocess.Popen([PTEST, "log", "--live", "--follow", "--stdout", "dir/talker"], env=surroundings(it),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wrong = ask(it, "log", "--live", "nobody")
        assert wrong.returncode == 1 and b"nobody is not running now" in wrong.stderr and b"long1" in wrong.stderr, wrong
        assert follower.stdout.readline() == b"before\n"
        it.let_go()
        it.wait()
        assert it.status == 0, it.status
        out, err = follower.communicate(timeout=PATIENCE)
        assert follower.returncode == 0 and out in (b"", b"after\n") and b"has ended" in err, (out, err)


@behaviour
def log_live_leaves_out_the_middle_of_much_output():
    script = "seq 1 200000; touch $MARKS/said; while [ ! -e $MARKS/go ]; do sleep 0.05; done"
    with LongRun(suite=shell("much", script) + LONG, options=["-j3"]) as it:
        it.until_marked("said")
        whole = b"".join(b"%d\n" % i for i in range(1, 200001))
        done = eventually(lambda: [d for d in [ask(it, "log", "--live", "much")] if d.stdout.endswith(b"\n200000\n")], 20,
                          "all was read")[0]
        head, gap, tail = re.match(rb"(.*)\n\[(\d+) bytes are left out\]\n(.*)$", done.stdout, re.S).groups()
        assert whole.startswith(head) and whole.endswith(tail) and len(head) > 10000 and len(tail) > 10000
        assert len(head) + int(gap) + len(tail) == len(whole), (len(head), gap, len(tail))


@behaviour
def log_live_shows_tests_of_modules():
    suite = f"From=module:{module('waits')}\nTimeoutSec=60\n"
    with LongRun(suite="", settings=suite, options=["-j2"]) as it:
        it.until_marked("long1")
        done = ask(it, "log", "--live", "waits::waits")
        assert (done.stdout, done.stderr) == (b"said before\n", b"and complained\n"), done
        it.until_marked("long2")
        assert ask(it, "log", "--live", "waits::waits_apart").stdout == b"said by a child\n"
        it.let_go()
        it.wait()
        assert it.status == 0, it.stdout


# ---- Pausing ----

def until_paused(it):
    eventually(lambda: state(it.pid) == "T", 20, "the coordinator is stopped")


def pause(it):
    os.kill(it.pid, signal.SIGTSTP)
    until_paused(it)


# Counts to 20, which takes about a second of its own time, and says where it is.
COUNTS = "touch $MARKS/long1; i=0; while [ $i -lt 20 ]; do i=$((i+1)); sleep 0.05; done; touch $MARKS/long2"


@behaviour
def paused_run_stands_still_and_no_limit_comes_nearer():
    with LongRun(suite=shell("counts", COUNTS, "TimeoutSec=10\nGraceSec=100ms"), settings="RunTimeoutSec=12\n") as it:
        it.until_marked("long1")
        pause(it)
        stopped = shells(it)
        # A shell that has just called vfork() waits for its child, uninterruptibly, and that is stopped.
        states = [state(pid) for pid in stopped]
        assert "T" in states and set(states) <= {"T", "D"}, [(state(p), process_command(p)) for p in stopped]
        assert all(state(pid) != "T" for pid in it.workers())
        [run] = statuses(it)
        assert run["state"] == "stopped" and run["run_id"] in it.run_file.name, run
        time.sleep(13)
        assert not (marks(it) / "long2").exists()
        os.kill(it.pid, signal.SIGCONT)
        it.wait()
        assert it.status == 0 and it.outcomes == {"counts": "pass"}, (it.outcomes, it.reason("counts"))
        assert int(text(it.results["counts"], "PTEST_DURATION_USEC")) < 10e6
        [finished], [paused], [continued] = map(it.records_of, ("RUN_FINISHED", "RUN_PAUSED", "RUN_CONTINUED"))
        assert int(text(finished, "PTEST_DURATION_USEC")) < 12e6, finished
        assert text(paused, "PTEST_RUNNING") == "1" and int(text(continued, "PTEST_AWAY_USEC")) > 12e6, (paused, continued)
        assert "Paused, 1 test running\nGoing on after a pause of " in it.stdout, it.stdout
        it.assert_nothing_is_left()


@behaviour
def paused_module_test_has_its_time_afterwards():
    suite = f"From=module:{module('waits')}\nTimeoutSec=5\nGraceSec=500ms\n"
    with LongRun(suite="", settings=suite, options=["-j1", "-k", "waits::waits"]) as it:
        it.until_marked("long1")
        pause(it)
        hosts = [pid for pid in it.processes() if "ptest-module-host" in process_command(pid)]
        assert hosts and all(state(pid) == "T" for pid in hosts), hosts
        time.sleep(6)
        os.kill(it.pid, signal.SIGCONT)
        it.let_go()
        it.wait()
        assert it.status == 0, (it.outcomes, it.stdout)
        assert int(text(it.results["waits::waits"], "PTEST_DURATION_USEC")) < 5e6
        it.assert_nothing_is_left()


@behaviour
def stop_that_nobody_announced_fails_no_run():
    with LongRun(suite=LONG, settings="RunTimeoutSec=4\n") as it:
        it.until_both_run()
        os.kill(it.pid, signal.SIGSTOP)
        time.sleep(5)
        os.kill(it.pid, signal.SIGCONT)
        it.let_go()
        it.wait()
        assert it.status == 0 and set(it.outcomes.values()) == {"pass"}, (it.stdout, it.stderr)


@behaviour
def what_had_stopped_itself_stays_stopped():
    script = "echo $$ >$MARKS/long1.new; mv $MARKS/long1.new $MARKS/long1; kill -STOP $$; touch $MARKS/leaver"
    with LongRun(suite=shell("stops", script)) as it:
        it.until_marked("long1")
        pid = int((marks(it) / "long1").read_text())
        eventually(lambda: state(pid) == "T", 20, "it stopped itself")
        pause(it)
        os.kill(it.pid, signal.SIGCONT)
        it.until(lambda: it.records_of("RUN_CONTINUED"), "it goes on")
        eventually(lambda: statuses(it), 20, "it answers")
        time.sleep(0.2)
        assert state(pid) == "T" and not (marks(it) / "leaver").exists()
        os.kill(pid, signal.SIGCONT)
        it.wait()
        assert it.status == 0, it.status


@behaviour
def SIGKILL_while_paused_leaves_nothing_running():
    suite = LONG + shell("daemon", "(setsid sleep 1000 &) ; touch $MARKS/daemon; sleep 1000", "Priority=1")
    with LongRun(suite=suite, options=["-j", "3"]) as it:
        it.until_both_run()
        it.until_marked("daemon")
        pause(it)
        it.process.kill()
        it.process.wait()
        eventually(lambda: not it.processes(), 15, "that all processes of the run are gone")


@behaviour
def SIGTERM_and_SIGINT_while_paused_end_the_run_when_it_goes_on():
    for signo, outcome in ((signal.SIGTERM, "not-run"), (signal.SIGINT, "pass")):
        with LongRun() as it:
            it.until_both_run()
            pause(it)
            os.kill(it.pid, signo)
            os.kill(it.pid, signal.SIGCONT)
            if signo == signal.SIGINT:
                it.until(lambda it=it: "nterrupted" in it.stdout + it.stderr, "it was told")
                it.let_go()
            it.wait()
            assert it.status == 5 and it.outcomes["long1"] == outcome, (it.status, it.outcomes)
            it.assert_whole()
            it.assert_nothing_is_left()


@behaviour
def pause_in_the_middle_of_a_timeout_ends_in_a_timeout():
    script = "trap 'touch $MARKS/leaver; sleep 1000' INT; touch $MARKS/long1; while :; do sleep 0.05; done"
    for at in ("long1", "leaver"):
        with LongRun(suite=shell("hangs", script, "TimeoutSec=1\nGraceSec=1"), options=["-j1"]) as it:
            it.until_marked(at)
            if at == "long1":
                time.sleep(1.02)  # its stuck report is being made, or almost
            pause(it)
            time.sleep(1)
            os.kill(it.pid, signal.SIGCONT)
            it.wait()
            assert it.status == 1 and it.outcomes == {"hangs": "timeout"}, it.outcomes
            it.assert_nothing_is_left()


@behaviour
def pause_during_a_tear_down_does_not_harm_it():
    context = ("[Context box]\nSetUp=/bin/true\nTearDown=/bin/sh -c 'touch $MARKS/long1; i=0; while [ $i -lt 20 ]; do "
               "i=$((i+1)); sleep 0.05; done; touch $MARKS/long2'\n")
    with LongRun(suite=context + "[Test a]\nExec=/bin/true\nContext=box\n", options=["-j1"]) as it:
        it.until_marked("long1")
        pause(it)
        time.sleep(0.5)
        os.kill(it.pid, signal.SIGCONT)
        it.wait()
        assert it.status == 0 and (marks(it) / "long2").exists(), it.stdout
        it.assert_nothing_is_left()


@behaviour
def many_pauses_lose_nothing():
    with LongRun(suite=tests(300, command="/bin/sleep 0.01"), options=["-j3"]) as it:
        while it.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(it.pid, signal.SIGTSTP)
                time.sleep(0.03)
                os.kill(it.pid, signal.SIGCONT)
            time.sleep(0.05)
        it.wait()
        assert it.status == 0 and set(it.outcomes.values()) == {"pass"}, it.stdout
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def ctrl_z_in_a_shell_and_fg():
    with Run(argv=("/bin/true",)) as it:
        (it.scratch / "it.suite").write_text(f"[Suite]\nEnvironment=MARKS={it.scratch}/tmp PTEST_PROOF_MARK={it.mark}\n" +
                                             shell("counts", COUNTS, "TimeoutSec=3"))
        env = {**surroundings(it), "PS1": "$ ", "PTEST_PROOF_MARK": it.mark}
        with Terminal(["/bin/bash", "--norc", "--noprofile", "-i"], env) as terminal:
            terminal.type(f"{PTEST} run --backend=plain --state-dir={it.scratch}/state {it.scratch}/it.suite\n".encode())
            at = terminal.until(rb"1 running: counts")
            eventually((marks(it) / "long1").exists, 20, "it runs")
            terminal.type(b"\x1a")
            # The line is gone before the shell writes its own.
            at = terminal.until(rb"\r\x1b\[JPaused, 1 test running.*Stopped.*\$ ", at)
            stopped = shells(it)
            assert stopped and {state(pid) for pid in stopped} in ({"T"}, {"T", "D"}), stopped
            time.sleep(3.5)
            terminal.type(b"fg\n")
            at = terminal.until(rb"Going on after a pause.*1 running: counts", at)
            terminal.until(rb"it: passed", at)
