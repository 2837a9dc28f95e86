# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two tests that have memory for themselves alone, and not both at once: they meet, however slow the machine is."""

import contextlib
import shutil
import tempfile
from pathlib import Path

# Takes its memory when the other one has begun, and ends when that one has ended, or has its memory too.
HOLDER = """
import os, sys, time
from pathlib import Path

own, other, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def until(condition):
    while not condition():
        time.sleep(0.05)

def other_is_there():
    try:
        os.kill(int(other.read_text()), 0)
    except ProcessLookupError:
        return False
    return True

# A name that is there has its number in it.
Path(f"{own}.new").write_text(str(os.getpid()))
os.rename(f"{own}.new", own)
until(other.exists)
memory = bytearray(size << 20)
Path(f"{own}.has").touch()
until(lambda: Path(f"{other}.has").exists() or not other_is_there())
"""


@contextlib.contextmanager
def two_holders(megabytes, names=("one", "two")):
    """Sections of a suite that begins with them."""
    place = Path(tempfile.mkdtemp(prefix="crowding."))
    place.chmod(0o1777)
    (place / "holder.py").write_text(HOLDER)
    try:
        yield "".join(f"[Test {own}]\nExec=python3 {place}/holder.py {place}/{own} {place}/{other} {megabytes}\n"
                      "Priority=1\n" for own, other in (names, names[::-1]))
    finally:
        shutil.rmtree(place)
