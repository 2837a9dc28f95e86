# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waits until what was written to stdout and stderr before is not in their pipes any more: somebody has read it."""

import fcntl
import termios
import time

for pipe in (1, 2):
    while fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)) != bytes(4):
        time.sleep(0.005)
