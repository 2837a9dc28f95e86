# SPDX-License-Identifier: LGPL-2.1-or-later
"""The benchmarks run; what they measure is no test."""

import json
import subprocess
from pathlib import Path

from behaviour import behaviour, skip
from program import PTEST, SOURCE


@behaviour
def benchmark_of_in_process_tests_runs_what_is_there():
    build = Path(PTEST).resolve().parents[2]
    if not (build / "src/worker/ptest-worker").exists():
        skip("there is no build directory")
    done = subprocess.run([SOURCE / "tests/bench/in-process", f"--build={build}", "--count=300", "--others=50",
                           "--forks=20", "--boxes=5", "--rounds=1", "--json"], check=False, timeout=550,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    # What is not installed is named, and all others have run all their tests, or this had failed.
    assert {"ptest", "ptest, isolated"} <= set(measured["runners"]), measured
    assert len(measured["runners"]) + len(measured["missing"]) == 6, measured
    assert all(row["tests_per_sec"] > 0 and row["ratio"] > 0 for row in measured["runners"].values()), measured
