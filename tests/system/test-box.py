# SPDX-License-Identifier: LGPL-2.1-or-later
"""What only a real systemd can show, in a container: D-Bus, scopes, the journal, units. Run by tests/run."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

# Each of these adds its tests.
import machine_is_real  # noqa: E402,F401
import first_run  # noqa: E402,F401
import scopes  # noqa: E402,F401
import contexts_in_scopes  # noqa: E402,F401
import stuck_modules  # noqa: E402,F401
import orphans  # noqa: E402,F401
import pausing  # noqa: E402,F401
import reports_from_journal  # noqa: E402,F401
import services  # noqa: E402,F401
import resumed_services  # noqa: E402,F401
import users  # noqa: E402,F401
import bus_trouble  # noqa: E402,F401
import politeness  # noqa: E402,F401
import real_suites  # noqa: E402,F401
from behaviour import main  # noqa: E402

main()
