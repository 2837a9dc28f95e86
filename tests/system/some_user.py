# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody without any privilege, with a manager of their own."""

import os
import pwd
import subprocess

from behaviour import eventually
from systemd import output

NAME = "tester"


def user_with_manager():
    try:
        uid = pwd.getpwnam(NAME).pw_uid
    except KeyError:
        subprocess.run(["useradd", "--create-home", NAME], check=True)
        uid = pwd.getpwnam(NAME).pw_uid
    output("loginctl", "enable-linger", NAME)
    eventually(lambda: os.path.exists(f"/run/user/{uid}/bus"), what="that the user's bus is there")
    return uid


def environment(uid):
    return {"XDG_RUNTIME_DIR": f"/run/user/{uid}", "HOME": f"/home/{NAME}", "RUNTIME_DIRECTORY": None,
            "DBUS_SESSION_BUS_ADDRESS": None}
