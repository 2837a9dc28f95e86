# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests named by behaviour, as functions; TAP on stdout.

    from behaviour import behaviour, main, skip

    @behaviour
    def a_stuck_worker_is_stopped_before_its_replacement_starts():
        assert ...

    main()

`program [PATTERN...]` runs those whose name contains one of the patterns, $PTEST_TESTS_JOBS at a time. A test fails by an exception; what
it says is printed below its "not ok", as comment lines. Each test has a time limit, so that a hang of what is
tested is one failed test.

With $PTEST_TESTS_ATTEMPTS=2 up to SECOND_ATTEMPTS tests that fail are run once more when all others have ended, with nothing beside
them. Who passes then is "ok" and marked FLAKY, with what was wrong at first printed above it: most of what is tested here is
programs that are stopped, killed and starved at some moment, on machines that do other things, too. If more fail, that
is no accident, and they have failed.
"""

import os
import signal
import socket
import sys
import threading
import time
import traceback


SECOND_ATTEMPTS = 3

# In what a job prints: the test of that number failed, and is not judged yet.
AGAIN = "# not judged yet: "


class Skip(Exception):
    """Raised by skip()."""


class TimedOut(Exception):
    """The test ran longer than it may."""


_tests = []


def behaviour(function=None, *, seconds=600):
    """Registers a test; its name with blanks for underscores is what is reported."""

    def register(function):
        _tests.append((function.__name__.replace("_", " "), function, seconds))
        return function

    return register(function) if function else register


def add(name, function, seconds=600):
    """Registers a test that is made at run time."""
    _tests.append((name, function, seconds))


def skip(reason):
    raise Skip(reason)


def eventually(condition, seconds=100, what="condition"):
    """The condition's first true value; waits for it, generously, because machines are slow."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


# As tests/system/vm ends when its machine does.
MACHINE_IS_DEAD = 125


def _on_alarm(signum, frame):
    raise TimedOut("the test ran longer than it may")


def _run(number, name, function, seconds, attempt=1, attempts=1):
    start = time.monotonic()
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.alarm(seconds)
    try:
        function()
    except Skip as why:
        print(f"ok {number} - {name} # SKIP {why}", flush=True)
        return True
    except Exception:  # pylint: disable=broad-except
        signal.alarm(0)
        print(f"not ok {number} - {name}" if attempt == attempts else f"{AGAIN}{number}\n# {name}: attempt {attempt} failed")
        for line in traceback.format_exc().splitlines():
            print(f"# {line}")
        sys.stdout.flush()
        return False
    finally:
        signal.alarm(0)
    flaky = "FLAKY, see its first attempt; " if attempt > 1 else ""
    print(f"ok {number} - {name} # {flaky}{time.monotonic() - start:.1f} s", flush=True)
    return True


def _attempts():
    return int(os.environ.get("PTEST_TESTS_ATTEMPTS", "1"))


def _run_again(chosen, numbers):
    """Those that failed, when nothing else runs any more."""
    good = True
    for number in sorted(numbers):
        if len(numbers) > SECOND_ATTEMPTS:
            print(f"not ok {number} - {chosen[number - 1][0]} # see above; {len(numbers)} failed, too many to be tried again", flush=True)
            good = False
        else:
            good = _run(number, *chosen[number - 1], attempt=2, attempts=2) and good
    return good


def _machine_is_dead():
    """Its first process has crashed, and does nothing any more but wait: no test can tell anything then."""
    if "PTEST_TESTS_MACHINE" not in os.environ:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        try:
            notify.connect("/run/systemd/notify")
        except ConnectionRefusedError:
            return True
        except OSError:
            pass
    return False


def _run_share(chosen, share, jobs):
    """Every jobs-th test, with its number among all. Gives the numbers of those that failed."""
    failed = []
    for i, test in enumerate(chosen):
        if i % jobs == share and not _run(i + 1, *test, attempts=_attempts()):
            failed.append(i + 1)
            if _machine_is_dead():
                print("Bail out! The first process of the machine has crashed", flush=True)
                os._exit(MACHINE_IS_DEAD)
    return failed


def _relay(pipe, lock, failed):
    """Passes a job's lines on, all of one test at once."""
    lines = []

    def flush():
        with lock:
            sys.stdout.write("".join(lines))
            sys.stdout.flush()
        lines.clear()

    for line in pipe:
        if line.startswith(("ok ", "not ok ", AGAIN)):
            flush()
        if line.startswith(AGAIN):
            failed.append(int(line.removeprefix(AGAIN)))
        lines.append(line)
    flush()


def _run_jobs(chosen, jobs):
    """In so many processes side by side: tests mostly wait."""
    lock = threading.Lock()
    children, relays, failed = [], [], []
    for share in range(jobs):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            os.dup2(writer, 1)
            os.close(writer)
            wrong = _run_share(chosen, share, jobs)
            sys.stdout.flush()
            os._exit(1 if wrong and _attempts() == 1 else 0)
        os.close(writer)
        children.append(pid)
        relays.append(os.fdopen(reader, errors="replace"))
    threads = [threading.Thread(target=_relay, args=(relay, lock, failed)) for relay in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = all([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 for pid in children])
    return _run_again(chosen, failed) and good


def main():
    patterns = sys.argv[1:]
    chosen = [t for t in _tests if not patterns or any(p in t[0] or p in t[0].replace(" ", "_") for p in patterns)]
    jobs = min(int(os.environ.get("PTEST_TESTS_JOBS", "1")), len(chosen))
    print(f"1..{len(chosen)}", flush=True)
    if jobs > 1:
        good = _run_jobs(chosen, jobs)
    else:
        failed = _run_share(chosen, 0, 1)
        good = _run_again(chosen, failed) if _attempts() > 1 else not failed
    sys.exit(0 if chosen and good else 1)
