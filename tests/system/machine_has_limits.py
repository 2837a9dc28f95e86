# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine enforces limits; a tier that believes so wrongly would prove nothing."""

import signal
import subprocess

from behaviour import behaviour

EATER = "x = bytearray(200 << 20)"


@behaviour
def machine_has_the_controllers_that_limits_need():
    controllers = open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii").read().split()
    assert {"memory", "pids"} <= set(controllers), controllers


@behaviour
def machine_kills_what_eats_more_than_MemoryMax():
    eater = subprocess.run(["systemd-run", "--quiet", "--scope", "--property=MemoryMax=50M",
                            "--property=MemorySwapMax=0", "python3", "-c", EATER], check=False)
    assert eater.returncode == -signal.SIGKILL, eater.returncode
