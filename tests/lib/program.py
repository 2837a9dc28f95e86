# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the program ptest for tests, and finds what it did: status, output, records, and what is left behind."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

from behaviour import eventually

SOURCE = Path(__file__).resolve().parents[2]
PTEST = os.environ.get("PTEST", "/usr/bin/ptest")

# Coordinator and tests are never waited for longer than this.
PATIENCE = 400

MESSAGE_IDS = dict(re.findall(r'#define PTEST_MESSAGE_(\w+)\s+"([0-9a-f]{32})"',
                              (SOURCE / "include/ptest/journal.h").read_text()))


def read_export(path):
    """The records of a run file: dicts of name to bytes, or to a list of them for a field that is there twice. One that is being
    written when it is read may be there in part, and is not there yet then."""
    if Path(path).suffix == ".zst":
        data = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    else:
        data = Path(path).read_bytes()
    records, record, at = [], {}, 0
    while at < len(data):
        end = data.find(b"\n", at)
        if end < 0:
            return records
        line = data[at:end]
        at = end + 1
        if not line:
            if record:
                records.append(record)
            record = {}
            continue
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[at:at + 8], "little")
            if at + 8 + size >= len(data):
                return records
            value = data[at + 8:at + 8 + size]
            at += 8 + size + 1
        name = name.decode()
        if name in record:
            old = record[name]
            record[name] = (old if isinstance(old, list) else [old]) + [value]
        else:
            record[name] = value
    if record:
        records.append(record)
    return records


def text(record, name, default=""):
    value = record.get(name)
    return default if value is None else value.decode(errors="replace")


class Run:
    """One `ptest run`, started; also a context that leaves nothing of it behind, whatever happens."""

    def __init__(self, *targets, options=(), suite=None, env=None, backend="plain", cwd=None, argv=None,
                 scratch=None, stdin=subprocess.DEVNULL, user=None, name="it", within=()):
        self.mark = uuid.uuid4().hex
        self.scratch = Path(scratch or tempfile.mkdtemp(prefix="pt."))
        self.scratch.chmod(0o755)
        for directory in ("state", "runtime", "tmp"):
            (self.scratch / directory).mkdir(exist_ok=True)
        (self.scratch / "tmp").chmod(0o1777)
        if suite is not None:
            path = self.scratch / f"{name}.suite"
            path.write_text(suite)
            targets = (str(path), *targets)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(
            ("PTEST", "DEB_BUILD", "RPM_", "MESON_", "XDG_", "NO_COLOR", "MAKEFLAGS", "RUNTIME_D", "NOTIFY"))}
        environment.update(PTEST_PROOF_MARK=self.mark, TMPDIR=str(self.scratch / "tmp"),
                           RUNTIME_DIRECTORY=str(self.scratch / "runtime"),
                           XDG_RUNTIME_DIR=str(self.scratch / "runtime"))
        for variable, value in (env or {}).items():
            environment.pop(variable, None)
            if value is not None:
                environment[variable] = value
        self.argv = list(argv or (PTEST, "run", f"--backend={backend}", f"--state-dir={self.scratch}/state"))
        self.argv += [*options, *map(str, targets)]
        if user is not None:
            for path in (self.scratch, *self.scratch.iterdir()):
                os.chown(path, user, user)
            # No session of its own: signals of a terminal must be possible to try.
            self.argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *self.argv]
        # A program that executes another one in its own place.
        self.argv = [*within, *self.argv]
        self.out_path = self.scratch / "stdout"
        self.err_path = self.scratch / "stderr"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(self.argv, stdin=stdin, stdout=out, stderr=err, env=environment,
                                            cwd=cwd or self.scratch, start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def wait(self, seconds=PATIENCE):
        self.process.wait(seconds)
        return self

    def until(self, condition, what):
        """Waits for what must happen while it runs."""
        def check():
            value = condition()
            assert value or self.process.poll() is None, f"the run ended before {what}"
            return value
        return eventually(check, PATIENCE, what)

    @property
    def status(self):
        return self.process.returncode

    @property
    def stdout(self):
        return self.out_path.read_bytes().decode(errors="replace")

    @property
    def stderr(self):
        return self.err_path.read_bytes().decode(errors="replace")

    @property
    def run_file(self):
        running = self.process.poll() is None
        files = list((self.scratch / "state" / "runs").glob("*.export*"))
        if running and len(files) > 1:
            # At its end it is compressed, under a name that begins with a dot, and there twice for a moment.
            files = [path for path in files if not path.name.startswith(".")]
            files = [path for path in files if path.suffix == ".zst"] or files
        assert len(files) == 1, f"run files: {files}; stderr: {self.stderr!r}"
        return files[0]

    @property
    def records(self):
        path = self.run_file
        try:
            return read_export(path)
        except FileNotFoundError:
            # The one that was not compressed, until just now.
            return read_export(self.run_file)

    def records_of(self, kind):
        return [r for r in self.records if text(r, "MESSAGE_ID") == MESSAGE_IDS[kind]]

    @property
    def results(self):
        """Address to record, of the tests; an address with two results is an error of its own."""
        found = {}
        for record in self.records_of("TEST_FINISHED"):
            address = text(record, "PTEST_TEST")
            assert address not in found, f"{address} was reported twice"
            found[address] = record
        return found

    @property
    def outcomes(self):
        return {address: text(r, "PTEST_OUTCOME") for address, r in self.results.items()}

    def reason(self, address):
        return text(self.results[address], "PTEST_REASON")

    def marks(self, address):
        marks = self.results[address].get("PTEST_MARK", [])
        return [mark.decode() for mark in (marks if isinstance(marks, list) else [marks])]

    @property
    def verdict(self):
        finished = self.records_of("RUN_FINISHED")
        assert len(finished) == 1, f"{len(finished)} records of the end of the run"
        return text(finished[0], "PTEST_VERDICT")

    def processes(self):
        """Pids of what has this run's environment, the coordinator included."""
        mark = f"PTEST_PROOF_MARK={self.mark}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def workers(self):
        """Pids of the worker processes by slot; waits for none."""
        return [pid for pid in self.processes()
                if process_name(pid) == "ptest-worker" and not process_command(pid).endswith("--guard ")]

    def litter(self):
        """Sockets and directories in the places for such."""
        return [str(path) for name in ("runtime", "tmp") for path in (self.scratch / name).rglob("*")
                if path.name != "ptest" or not path.is_dir() or any(path.iterdir())]

    def assert_nothing_is_left(self, seconds=0):
        """seconds: how long what is left may take to be gone; 0: the program has ended by itself."""
        if seconds:
            eventually(lambda: not self.processes(), seconds, "that all processes of the run are gone")
        assert not self.processes(), [process_command(pid) for pid in self.processes()]
        assert not self.litter(), self.litter()

    def assert_whole(self):
        """Every planned test has one result, and the run says how it ended."""
        planned = int(text(self.records_of("RUN_STARTED")[0], "PTEST_PLANNED"))
        planned += sum(int(text(r, "PTEST_FOUND", "0")) for r in self.records_of("TESTS_FOUND"))
        assert planned == int(text(self.records_of("RUN_FINISHED")[0], "PTEST_PLANNED")), planned
        assert len(self.results) == planned, f"{planned} planned, {len(self.results)} reported"
        assert self.verdict

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for pid in self.processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if value is not None:
            print(f"# command: {' '.join(self.argv)}\n# status: {self.status}")
            for name, content in (("stdout", self.stdout), ("stderr", self.stderr)):
                for line in content.splitlines()[-30:]:
                    print(f"# {name}: {line}")
        shutil.rmtree(self.scratch, ignore_errors=True)


def run(*targets, seconds=PATIENCE, **kwargs):
    """Runs to the end; still a context."""
    it = Run(*targets, **kwargs)
    try:
        it.wait(seconds)
    except subprocess.TimeoutExpired:
        it.__exit__(None, AssertionError("hangs"), None)
        raise
    return it


def ptest(*argv, env=None, check=True):
    """Another verb; gives stdout."""
    done = subprocess.run([PTEST, *map(str, argv)], check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, env={**os.environ, **(env or {})}, timeout=PATIENCE)
    assert not check or (done.returncode == 0 and not done.stderr), (argv, done)
    return done.stdout if check else done


def process_name(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace").rpartition("/")[2]
    return ""


def process_command(pid):
    with contextlib.suppress(OSError):
        return f"{pid} " + Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return f"{pid}"


def process_is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def tests(count, command="/bin/true", name="t{:04}", more=""):
    """Sections of a suite file."""
    return "".join(f"[Test {name.format(i)}]\nExec={command}\n{more}\n" for i in range(1, count + 1))


def shell(address, script, more=""):
    """A section whose test is a shell script of one line; as systemd would, quotes are taken off once."""
    quoted = script.replace("\\", "\\\\").replace('"', '\\"')
    return f'[Test {address}]\nExec=/bin/sh -c "{quoted}"\n{more}\n'
