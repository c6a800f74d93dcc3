# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the start states of the bhyve transcripts have in common."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from typing import Any, Dict, List

from standin.base import LIBRARY
from standin.host import StandinHost

from replay.transcript import load

#: The recorder: a 14.0-CURRENT of 2022 with snapshots on an AMD CPU.
SETTINGS: Dict[str, Any] = {"release": "14.0-CURRENT", "cpu": "amd", "cpus": 4, "snapshot": True, "strict": False}
#: Waits are that much shorter than they were on the recorder, an emulated machine.
FASTER = 5

_OVMF = "/usr/share/OVMF/OVMF_{}_4M.fd"
_FIRMWARE = "/usr/local/share/uefi-firmware"
#: Where the host's own timeout(1) is put.
_ASIDE = "/usr/local/libexec/replay"
#: sleep(1) and timeout(1) of a shorter time; a fraction of a second, and an option in front, are taken as they are.
_SHORTER = f"""#!/bin/sh
time=$1
shift
case $time in
*[!0-9]*) ;;
*) time=$((time * 1000 / {FASTER})) time=$((time / 1000)).$(printf %03d $((time % 1000))) ;;
esac
exec {{}} "$time" "$@"
"""
#: sleep(1) until all other processes of the host have come to rest, at the most as long as was asked for.
_SETTLE = """#!/.linux/usr/bin/python3 -IS
import os, sys, time

def look():
    found = {}
    for pid in os.listdir("/.linux/proc"):
        if pid.isdigit() and int(pid) != os.getpid():
            try:
                with open(f"/.linux/proc/{pid}/status", encoding="utf-8", errors="replace") as stream:
                    lines = [line.split() for line in stream]
            except OSError:
                continue
            found[pid] = [words[1] for words in lines if words[0].endswith(("State:", "ctxt_switches:"))]
    return found

end = time.monotonic() + float(sys.argv[1])
before, calm = look(), 0
while calm < 4 and time.monotonic() < end:
    time.sleep(0.05)
    now = look()
    calm = calm + 1 if now == before and all(words[0] in "SIZT" for words in now.values()) else 0
    before = now
"""
_LISTENER = """
import socket, sys
sys.path.insert(0, "/.standin/lib")
from standin import notes
notes.set_comm("sshd")
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 22))
s.listen(5)
while True:
    c = s.accept()[0]
    c.sendall(b"SSH-2.0-OpenSSH_9.0\\r\\n")
    c.close()
"""


def scripts(name: str, index: int = 0) -> List[str]:
    """The scripts that a transcript prints in its entry ``index`` (one after the other, each begins with ``#!``)."""
    text = load(name)[index].stdout
    return ["#!" + part for part in re.split(r"^#!", text, flags=re.M)[1:]]


def put(host: StandinHost, path: str, text: str) -> None:
    host.write(path, text, mode=0o755)


def modules(host: StandinHost, *names: str) -> None:
    """Load what the recorder had loaded; the directory of bhyve's sockets was there, too."""
    for name in names or ("vmm", "nmdm"):
        host.run(["kldload", name])
    host.sh("mkdir -p /var/run/bhyve", check=True)


def quick_sleep(host: StandinHost) -> None:
    """Shorten the waits, all alike: what happens meanwhile takes its time."""
    host.sh(f"mkdir -p {_ASIDE} && cp /usr/bin/timeout {_ASIDE}", check=True)
    put(host, "/bin/sleep", _SHORTER.format("/.linux/usr/bin/sleep"))
    put(host, "/usr/bin/timeout", _SHORTER.format(f"{_ASIDE}/timeout"))


def settling_sleep(host: StandinHost) -> None:
    """As ``quick_sleep``, but where a wait is only for processes to start or to end, it lasts until they have."""
    quick_sleep(host)
    put(host, "/bin/sleep", _SETTLE)


def firmware(host: StandinHost) -> None:
    """The firmware's files, from Debian's."""
    host.sh(f"mkdir -p {_FIRMWARE} /vm", check=True)
    for name, source in (("BHYVE_UEFI_CODE", "CODE"), ("BHYVE_UEFI_VARS", "VARS"), ("BHYVE_UEFI", "CODE")):
        with open(_OVMF.format(source), "rb") as stream:
            host.write(f"{_FIRMWARE}/{name}.fd", stream.read())


def tiny(host: StandinHost) -> None:
    """The tiny guest in /tiny."""
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["sh", os.path.join(LIBRARY, "tiny-guest", "build.sh"), work], check=True, capture_output=True)
        host.sh("mkdir -p /tiny/boot/lua /tiny/boot/defaults", check=True)
        for folder, _unused, files in os.walk(work):
            for file in files:
                path = os.path.join(folder, file)
                with open(path, "rb") as stream:
                    host.write("/tiny" + path[len(work) :], stream.read())


def sshd(host: StandinHost) -> None:
    """Somebody who listens on port 22 of all addresses."""
    host.spawn(
        ["/.linux/usr/bin/python3", "-IS", "-c", _LISTENER], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def terminals(host: StandinHost, *names: str) -> None:
    """Null-modem terminals that are there before anybody asks for them, as all are on FreeBSD."""
    code = "import sys; sys.path.insert(0, '/.standin/lib'); from standin import nmdm\n"
    code += "".join(f"nmdm.create({name!r})\n" for name in names)
    host.run(["/.linux/usr/bin/python3", "-IS", "-c", code], check=True)
