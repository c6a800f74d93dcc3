# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What devd(8) does when an interface appears: ``/etc/rc.d/netif quietstart IF``, beside whoever made it.

On FreeBSD it does so for every interface. Here it is left out where it would change nothing, for rc.conf(5) says
nothing about the interface, and while rc(8) itself is at work, which configures what it makes.
"""

from __future__ import annotations

import os
import re
from typing import List, Sequence

from . import paths

_FILES = ("/etc/rc.conf", "/etc/rc.conf.local")


def interfaces_attached(names: Sequence[str]) -> None:
    """Start the configuration of new interfaces; it goes on after the caller has ended."""
    if paths.DETACHED or not names or "RC_PID" in os.environ:
        return
    conf = _rc_conf()
    if re.search(r"^\s*devd_enable=\"?no", conf, re.M | re.I):
        return
    for name in names:
        if _concerned(conf, name):
            _start(["/etc/rc.d/netif", "quietstart", name])


def _concerned(conf: str, name: str) -> bool:
    variable = re.escape(re.sub(r"[.+/-]", "_", name))
    return bool(
        re.search(
            rf"^\s*(autobridge_interfaces|(ifconfig|ipv6_prefix|vlans|ipv4_addrs)_{variable}(_\w+)?)=", conf, re.M
        )
    )


def _rc_conf() -> str:
    found: List[str] = []
    for path in _FILES:
        try:
            with open(paths.root(path), encoding="utf-8", errors="replace") as stream:
                found.append(stream.read())
        except FileNotFoundError:
            continue
    return "\n".join(found)


def _start(argv: List[str]) -> None:
    import subprocess

    subprocess.Popen(
        argv,
        env={"HOME": "/", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
