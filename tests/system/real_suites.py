# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suites that others wrote, side by side with the runners that others run them with."""
