# SPDX-License-Identifier: LGPL-2.1-or-later
"""What only a kernel of our own can show: limits that are enforced. Run by tests/run."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

# Each of these adds its tests.
import machine_is_real  # noqa: E402,F401
import machine_has_limits  # noqa: E402,F401
import limits  # noqa: E402,F401
import limits_of_tests  # noqa: E402,F401
import limits_of_users  # noqa: E402,F401
import slice_limit  # noqa: E402,F401
import cores  # noqa: E402,F401
from behaviour import main  # noqa: E402

main()
