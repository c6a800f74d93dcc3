# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the host's Python see FreeBSD, as a package of FreeBSD's would: for Ansible's modules and their children."""

from __future__ import annotations

import os
import sys

# typing is not imported: every Python on the host runs this first.


def _release() -> list[str]:
    """Release, version and machine, one a line (``standin/host.py`` writes them at each boot)."""
    with open("/.standin/kernel/uname", encoding="ascii") as stream:
        return stream.read().split("\n")


def _uname() -> os.uname_result:
    release, version, machine = _release()[:3]
    with open("/.linux/proc/sys/kernel/hostname", encoding="utf-8") as stream:
        nodename = stream.read().strip()
    return os.uname_result(("FreeBSD", nodename, release, version, machine))


if os.path.exists("/.standin/kernel/uname"):
    sys.platform = "freebsd" + _release()[0].split(".")[0]
    os.uname = _uname
