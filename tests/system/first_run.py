# SPDX-License-Identifier: LGPL-2.1-or-later
"""What somebody does first: clone, and run packaging/quickstart."""

import subprocess

from behaviour import behaviour
from program import SOURCE


@behaviour(seconds=1200)
def quickstart_builds_and_runs_the_tour_on_the_best_backend():
    subprocess.run(["rm", "-rf", "/root/first"], check=True)
    subprocess.run(["mkdir", "-m", "700", "/root/first"], check=True)
    subprocess.run(["cp", "-a", *map(str, SOURCE.glob("[!b.]*")), "/root/first/"], check=True)
    done = subprocess.run(["/root/first/packaging/quickstart"], check=False, cwd="/", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    last = done.stdout[done.stdout.index("3/3"):]
    assert "system backend" in last and "passed" in last, last
    again = subprocess.run(["/root/first/packaging/quickstart"], check=False, cwd="/", stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert again.returncode == 0 and "no work to do" in again.stdout, again.stdout[-3000:]
