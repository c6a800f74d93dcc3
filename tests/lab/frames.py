# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether frames pass: taps of stand-in hosts are opened, written and read, as a guest's bhyve does it."""

from __future__ import annotations

import subprocess
from typing import Set, Tuple

from standin.host import StandinHost

_PYTHON = ["/.linux/usr/bin/python3", "-IS", "-c"]
#: Opens taps, writes a broadcast frame to the first (with a tag, if one is given), prints where it came out, and how.
_SEND = """
import os, select, struct, sys, time
sys.path.insert(0, "/.standin/lib")
from standin.taps import open_tap
vlan, names = sys.argv[1], sys.argv[2:]
taps = {name: open_tap(name, os.getpid()) for name in names}
tag = struct.pack("!HH", 0x8100, int(vlan)) if vlan else b""
head, rest = bytes.fromhex("ffffffffffff" "5a0000000001"), bytes.fromhex("88b5") + b"apiary".ljust(46, b"\\0")
others = {fd: name for name, fd in taps.items() if name != names[0]}
heard, until = set(), time.monotonic() + 1.0
while time.monotonic() < until and (len(heard) < len(others) or not others):
    os.write(taps[names[0]], head + tag + rest)
    for fd in select.select(list(others), [], [], 0.05)[0]:
        frame = os.read(fd, 2000)
        if frame.endswith(rest):
            heard.add("%s:%s" % (others[fd], frame[14:16].hex() if frame[12:14] == b"\\x81\\0" else "-"))
print(" ".join(sorted(heard)))
"""


def heard(host: StandinHost, first: str, *others: str, vlan: int = -1) -> Set[Tuple[str, int]]:
    """Where a frame of the first tap comes out, and with which VLAN's tag (-1: none)."""
    tag = str(vlan) if vlan >= 0 else ""
    found = (word.split(":") for word in host.run([*_PYTHON, _SEND, tag, first, *others], check=True).stdout.split())
    return {(name, -1 if tag == "-" else int(tag, 16)) for name, tag in found}


#: Reads a tap until the frame is there, or the time is up.
_LISTEN = """
import os, select, sys, time
sys.path.insert(0, "/.standin/lib")
from standin.taps import open_tap
tap, until = open_tap(sys.argv[1], os.getpid()), time.monotonic() + float(sys.argv[2])
print("listening", flush=True)
while time.monotonic() < until:
    if select.select([tap], [], [], 0.1)[0] and b"apiary" in os.read(tap, 2000):
        print("heard", flush=True)
        break
"""


def crosses(near: StandinHost, tap: str, far: StandinHost, other: str, seconds: int = 15) -> bool:
    """Whether a frame written to a tap of one host comes out of a tap of the other."""
    listener = far.spawn([*_PYTHON, _LISTEN, other, str(seconds)], stdout=subprocess.PIPE, text=True)
    assert listener.stdout is not None
    listener.stdout.readline()
    while listener.poll() is None:
        heard(near, tap)
    out, _unused = listener.communicate(timeout=30)
    return "heard" in out
