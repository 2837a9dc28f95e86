# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows of the torture matrix: what misbehaves how, and what ptest must say of it.

Nothing may be alive after any of it, whatever the outcome; that is not repeated here. ptest gets the full amount
of everything, runners without limits one that the machine survives.
"""

from dataclasses import dataclass, field

# What a test may take that hangs; for ptest more, if it was not even hanging by then.
TIMEOUT = 3
# What it may take that ends by itself, on the slowest machine.
PATIENCE = 600


@dataclass
class Row:
    program: str
    title: str
    # What ptest's outcome must be one of, and the glob for its reason.
    outcomes: tuple
    reason: str = "*"
    marks: tuple = ()
    # Without a controller for it, on the plain backend.
    degraded: tuple = ()
    # Sections and keys of the suite, and options, beside the usual.
    suite: str = ""
    test: str = ""
    # Needs limits of memory: not where the cgroups have no controllers.
    memory: bool = False
    # Keys of the test where there are controllers.
    limits: str = ""
    # Only where systemd is, with tests of root, who may do more there than ptest's own user.
    root: bool = False
    protocol: str = "exit"
    # It goes on until it is ended; or it has much to do, for which the others are given a little more time.
    hangs: bool = False
    busy: bool = False
    # $TORTURE_SIZE: for ptest, for ptest in a small machine, for others.
    sizes: dict = field(default_factory=dict)
    # Its temporary directory is this many MiB small.
    tmp: int = 0
    # Names of checks in ptest_cells.py.
    checks: tuple = ()

    @property
    def timeout(self):
        return TIMEOUT if self.hangs else PATIENCE

    @property
    def name(self):
        return self.program + ("-as-root" if self.root else "")


ROWS = [
    Row("setsid-holds-stdout", "exits 0; a child in its own session holds stdout", ("pass",), marks=("leaky",),
        checks=("one_leak",)),
    Row("setsid-closed", "exits 0; leaves a daemon that closed all", ("pass",), marks=("leaky",),
        checks=("one_leak",)),
    Row("hangs-in-group", "hangs; a group member ignores SIGTERM", ("timeout",), "ran longer than 3s*", hangs=True,
        checks=("both_were_looked_at",)),
    Row("hangs-in-session", "hangs in a child in its own session", ("timeout",), "ran longer than 3s*", hangs=True,
        checks=("both_were_looked_at",)),
    Row("memory-hog", "takes all memory (limit 64M)", ("oom",), "*64M*", memory=True, test="MemoryMax=64M\n",
        degraded=("fail", "exit status 1*"), checks=("memory_was_held",)),
    Row("memory-hog-grandchild", "a grandchild takes all memory; exits 0", ("oom",), "*64M*", memory=True,
        test="MemoryMax=64M\n", degraded=("pass", "*"), checks=("memory_was_held",)),
    Row("fork-bomb", "fork bomb", ("timeout",), "ran longer than 3s*", hangs=True, limits="TasksMax=50\n",
        checks=("tasks_were_held",)),
    Row("takes-descriptors", "takes all file descriptors", ("fail",), "exit status 1*"),
    Row("floods-stdout", "10 GB of output (the others: 200 MB)", ("pass",), busy=True,
        sizes={"ptest": 10240, "vm": 1024, "others": 200}, checks=("flood_was_capped",)),
    Row("prints-no-newline", "8 MiB without a newline", ("pass",), checks=("end_was_kept",)),
    Row("stops-itself", "stops itself (SIGSTOP)", ("timeout",), "ran longer than 3s*", hangs=True,
        checks=("stop_was_seen",)),
    Row("kills-parent", "kills its parent", ("lost",)),
    Row("kills-group", "kills its process group", ("crash",), "killed by SIGKILL*"),
    Row("reopens-stdout", "closes stdout and opens it again", ("pass",), checks=("both_were_kept",)),
    Row("changes-cgroup", "leaves its cgroup and a daemon elsewhere", ("pass",), marks=("leaky",),
        checks=("one_leak",)),
    Row("fills-tmp", "fills `/tmp`", ("pass",), suite="PrivateTmp=yes\n", tmp=48, sizes={"ptest": 64},
        checks=("tmp_was_full", "tmp_is_empty")),
    Row("exits-before-plan", "TAP: exits 0 before its plan", ("fail", "error"), "*plan*", protocol="tap"),
    Row("thousand-children", "1,000 short-lived children", ("pass",), busy=True),
    # Who may trace whom is the kernel's decision. If it is allowed, the worker stands still.
    Row("traces-worker", "stops its worker by ptrace", ("pass", "timeout", "lost"), hangs=True,
        checks=("trace_was_told",)),
    Row("changes-cgroup", "", ("pass",), marks=("leaky",), checks=("one_leak", "it_moved"), root=True),
    Row("traces-worker", "", ("timeout", "lost"), hangs=True, root=True),
    Row("kills-parent", "", ("lost",), root=True),
]
# Those of the table; the others are more of the same for ptest.
COMMON_ROWS = [row for row in ROWS if not row.root]
