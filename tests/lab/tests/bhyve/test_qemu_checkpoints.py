# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest that boots for real is saved and goes on where it was: what its processes know, and what they count."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Callable, Iterator, List

import guest_disk
import pytest
from polls import until
from standin.base import LIBRARY
from standin.guests.control import Guest
from standin.host import StandinHost
from standin.settings import Settings

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")
_CACHE = os.path.join(LIBRARY, "..", "..", "build", "guest-disk")
_CONFIG = """name=real
cpus=1
memory.size=256M
acpi_tables=true
x86.vmexit_on_hlt=true
pci.0.0.0.device=hostbridge
pci.0.31.0.device=lpc
lpc.com1.path=/dev/nmdm-real.1A
lpc.bootrom=/vm/CODE.fd
lpc.bootvars=/vm/vars.fd
pci.0.4.0.device=virtio-blk
pci.0.4.0.path=/vm/disk.img
"""
_COUNT = "n=0; while :; do n=$((n+1)); echo count:$n; sleep 0.2; done\\n"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    top = tmp_path_factory.mktemp("lab")
    disk = top / "disk.img"
    guest_disk.check_machine()
    guest_disk.linux_disk(str(disk), os.path.abspath(_CACHE))
    with StandinHost("real2", str(top / "real2"), Settings("real2", snapshot=True)) as running:
        running.sh("kldload vmm nmdm; mkdir -p /vm /var/run/bhyve", check=True)
        for name, kind in (("CODE", "CODE"), ("vars", "VARS")):
            running.write(f"/vm/{name}.fd", Path(f"/usr/share/OVMF/OVMF_{kind}_4M.fd").read_bytes())
        running.write("/vm/disk.img", disk.read_bytes())
        running.write("/vm/real.conf", _CONFIG)
        yield running


def _poll(condition: Callable[[], bool], what: str, timeout: float = 120.0) -> None:
    assert until(condition, timeout), f"not in time: {what}"


def _counts(host: StandinHost) -> List[int]:
    """What the guest has counted on its console since that was emptied."""
    return [int(number) for number in re.findall(r"count:(\d+)\r", host.read("/tmp/con"))]


def _listen(host: StandinHost) -> None:
    """A reader of the guest's console, into a file."""
    _poll(lambda: host.exists_in("/dev/nmdm-real.1B"), "the guest's terminal")
    host.spawn(["sh", "-c", "exec < /dev/nmdm-real.1B > /tmp/con; stty raw -echo; exec cat"], stdin=subprocess.DEVNULL)


def _saved(host: StandinHost, name: str) -> bool:
    try:
        return bool(json.loads(host.read(f"/vm/{name}.meta")))
    except (FileNotFoundError, ValueError):
        return False


def test_a_real_guest_goes_on_where_it_was_saved(host: StandinHost) -> None:
    # Nothing is left of an attempt before.
    host.sh("pkill -KILL -x bhyve; pkill -x cat; bhyvectl --vm=real --destroy; rm -f /vm/ck* /vm/sp*; : > /tmp/con")
    first = host.spawn(["bhyve", "-k", "/vm/real.conf"], stdin=subprocess.DEVNULL)
    _listen(host)
    _poll(lambda: "login:" in host.read("/tmp/con"), "the login")
    host.sh("printf 'root\\n' > /dev/nmdm-real.1B", check=True)
    _poll(lambda: "# " in host.read("/tmp/con"), "the shell")
    host.sh(f"printf '{_COUNT}' > /dev/nmdm-real.1B", check=True)
    _poll(lambda: len(_counts(host)) > 2, "the guest counts")
    Guest(host.directory, "real").wait_booted()
    before = _counts(host)[-1]
    assert host.sh("bhyvectl --vm=real --checkpoint=/vm/ck").returncode == 64
    _poll(lambda: _saved(host, "ck"), "the checkpoint")
    during = _counts(host)[-1]
    _poll(lambda: _counts(host)[-1] > during + 3, "the guest goes on after the checkpoint")
    assert host.sh("stat -f %z /vm/ck").stdout == f"{256 << 20}\n"
    assert host.sh("bhyvectl --vm=real --suspend=/vm/sp").returncode == 64
    assert first.wait(60) == 0
    last = _counts(host)[-1]
    for name, least, most in (("sp", last, last + 3), ("ck", before, during + 3)):
        host.sh("pkill -x cat; : > /tmp/con")
        again = host.spawn(["bhyve", "-k", "/vm/real.conf", "-r", f"/vm/{name}"], stdin=subprocess.DEVNULL)
        _listen(host)
        _poll(lambda: len(_counts(host)) > 2, f"the guest goes on from {name}")
        assert least <= _counts(host)[0] <= most + 3, "the first ones may have gone before somebody listened"
        seen = Guest(host.directory, "real").seen()
        assert (seen["kind"], seen["up"], seen["boots"]) == ("qemu", True, 1)
        host.sh("pkill -TERM -x bhyve", check=True)
        assert again.wait(20) in (-15, 143)
        host.sh("bhyvectl --vm=real --destroy", check=True)
