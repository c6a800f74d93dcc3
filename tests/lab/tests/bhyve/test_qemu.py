# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest that boots for real: firmware, kernel, a login on its serial port, VNC, the power button."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Iterator

import guest_disk
import pytest
from polls import until
from standin.base import LIBRARY
from standin.guests.control import Guest
from standin.host import StandinHost

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")
_CACHE = os.path.join(LIBRARY, "..", "..", "build", "guest-disk")
_CONFIG = """name=real
cpus=1
memory.size=256M
acpi_tables=true
x86.vmexit_on_hlt=true
rtc.use_localtime=false
uuid=01234567-89ab-cdef-0123-456789abcdef
pci.0.0.0.device=hostbridge
pci.0.31.0.device=lpc
lpc.com1.path=/dev/nmdm-real.1A
lpc.bootrom=/vm/CODE.fd
lpc.bootvars=/vm/vars.fd
pci.0.4.0.device=virtio-blk
pci.0.4.0.path=/vm/disk.img
pci.0.5.0.device=virtio-net
pci.0.5.0.backend=tap1000
pci.0.5.0.mac=5a:00:00:00:00:01
pci.0.29.0.device=fbuf
pci.0.29.0.tcp=127.0.0.1:5900
pci.0.29.0.password=secret
"""
_VIEWER = """
import socket
s = socket.create_connection(("127.0.0.1", 5900))
s.settimeout(20)
print(s.recv(12).decode().strip())
s.sendall(b"RFB 003.008\\n")
print(list(s.recv(2)))
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    top = tmp_path_factory.mktemp("lab")
    disk = top / "disk.img"
    guest_disk.check_machine()
    guest_disk.linux_disk(str(disk), os.path.abspath(_CACHE))
    with StandinHost("real1", str(top / "real1")) as running:
        running.sh("kldload vmm nmdm; mkdir -p /vm", check=True)
        for name, kind in (("CODE", "CODE"), ("vars", "VARS")):
            running.write(f"/vm/{name}.fd", Path(f"/usr/share/OVMF/OVMF_{kind}_4M.fd").read_bytes())
        running.write("/vm/disk.img", disk.read_bytes())
        running.write("/vm/real.conf", _CONFIG)
        yield running


def _wait_for(host: StandinHost, text: str, times: int, timeout: float = 120.0) -> None:
    said = until(lambda: host.read("/tmp/con").count(text) >= times, timeout, pause=0.1)
    assert said, f"no {text!r} on the console: {host.read('/tmp/con')[-2000:]!r}"


def test_a_real_guest_boots_reboots_and_obeys_the_power_button(host: StandinHost) -> None:
    # Nothing is left of an attempt before.
    host.sh("pkill -KILL -x bhyve; pkill -x cat; bhyvectl --vm=real --destroy; : > /tmp/con")
    bhyve = host.spawn(["bhyve", "-k", "/vm/real.conf"], stdin=subprocess.DEVNULL)
    assert until(lambda: host.exists_in("/dev/nmdm-real.1B"))
    host.spawn(["sh", "-c", "exec < /dev/nmdm-real.1B > /tmp/con; stty raw -echo; exec cat"], stdin=subprocess.DEVNULL)
    _wait_for(host, "login:", 1)
    assert host.sh("ps -axww -o command").stdout.splitlines().count("bhyve: real (bhyve)") == 1
    assert "qemu" not in host.sh("ps -axww -o command").stdout
    viewer = host.run(["/.linux/usr/bin/python3", "-c", _VIEWER])
    assert viewer.stdout.splitlines() == ["RFB 003.008", "[1, 2]"], "one way to log in: VNC's password"
    host.sh("printf 'root\\n' > /dev/nmdm-real.1B", check=True)
    _wait_for(host, "# ", 1)
    host.sh("printf 'reboot -f\\n' > /dev/nmdm-real.1B", check=True)
    assert bhyve.wait(60) == 0
    again = host.spawn(["bhyve", "-k", "/vm/real.conf"], stdin=subprocess.DEVNULL)
    _wait_for(host, "login:", 2)
    Guest(host.directory, "real").wait_booted(2)
    host.sh("pkill -TERM -x bhyve", check=True)
    assert again.wait(60) == 1
    assert "power button" in host.read("/tmp/con")


def test_sigterm_in_the_firmware_kills_it_and_leaves_nothing_of_qemu(host: StandinHost) -> None:
    host.sh("bhyvectl --vm=real --destroy")
    bhyve = host.spawn(["bhyve", "-k", "/vm/real.conf"], stdin=subprocess.DEVNULL)
    assert until(lambda: "bhyve: real (bhyve)" in host.sh("ps -axww -o command").stdout)
    host.sh("pkill -TERM -x bhyve", check=True)
    assert bhyve.wait(20) in (-15, 143)
    found = host.sh("cat /.linux/proc/[0-9]*/cmdline").stdout
    assert "qemu-system" not in found
