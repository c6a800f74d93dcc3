# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of a light guest: what a later release than the transcript's does, and what a transcript cannot show."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Callable, Iterator, Optional

import pytest
from standin.guests.control import Guest
from standin.host import StandinHost
from standin.settings import Settings

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")

_CONFIG = """name=web1
cpus=2
memory.size=64M
acpi_tables=true
x86.vmexit_on_hlt=true
pci.0.0.0.device=hostbridge
pci.0.31.0.device=lpc
lpc.bootrom=/vm/CODE.fd
pci.0.4.0.device=virtio-blk
pci.0.4.0.path=/vm/one.img
pci.0.4.0.ser=one
pci.0.5.0.device=virtio-blk
pci.0.5.0.path=/vm/two.img
pci.0.5.0.ser=two
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    top = tmp_path_factory.mktemp("lab") / "saving"
    with StandinHost("saving", str(top), Settings("saving", snapshot=True)) as running:
        running.sh("kldload vmm nmdm; mkdir -p /vm /ck", check=True)
        running.write("/vm/CODE.fd", b"\0" * 8192)
        yield running


@pytest.fixture
def clean(host: StandinHost) -> Iterator[StandinHost]:
    """The host with fresh disks and without machines and checkpoints."""
    host.sh("mkdir -p /var/run/bhyve; rm -f /ck/* /vm/*.img; truncate -s 2M /vm/one.img /vm/two.img", check=True)
    host.write("/vm/web1.conf", _CONFIG)
    Guest(host.directory, "web1").behave()
    yield host
    host.sh("pkill -KILL -x bhyve; for vm in $(ls /dev/vmm); do bhyvectl --vm=$vm --destroy; done")


class Run:
    """One bhyve in the background, with what it says."""

    def __init__(self, host: StandinHost, restore: Optional[str] = None, config: str = _CONFIG) -> None:
        self.host = host
        self.guest = Guest(host.directory, "web1")
        boots, restores = self.guest.boots(), int(self.guest.seen().get("restores", 0))
        host.write("/vm/web1.conf", config)
        words = ["bhyve", "-k", "/vm/web1.conf", *(["-r", restore] if restore else []), "web1"]
        self.process = host.spawn(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        self.boots = boots if restore else boots + 1
        self.restores = restores + 1 if restore else restores

    def ready(self) -> Guest:
        """The guest, when it is up or has been restored."""
        self.guest.restored(self.restores)
        self.guest.wait_booted(self.boots)
        return self.guest

    def end(self) -> int:
        return self.process.wait(20)

    def errors(self) -> str:
        return str(self.process.communicate(timeout=20)[1])


def _poll(condition: Callable[[], bool], timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def _whole(host: StandinHost, name: str) -> bool:
    try:
        json.loads(host.read(f"/ck/{name}.meta"))
    except (FileNotFoundError, ValueError):
        return False
    return True


def _checkpoint(host: StandinHost, name: str, option: str = "checkpoint") -> None:
    """Ask for a checkpoint and wait until it is whole."""
    asked = host.sh(f"bhyvectl --vm=web1 --{option}=/ck/{name}")
    assert (asked.returncode, asked.stdout, asked.stderr) == (64, "", "")
    _poll(lambda: _whole(host, name))


def test_memory_and_disks_go_back_together(clean: StandinHost) -> None:
    run = Run(clean)
    guest = run.ready()
    guest.keep("before")
    guest.write_pattern("before")
    counted = guest.recall()[1]
    _checkpoint(clean, "a")
    clean.sh("mkdir /ck/disks; cp /vm/*.img /ck/disks", check=True)
    guest.keep("after")
    guest.write_pattern("after")
    _poll(lambda: guest.recall()[1] > counted + 3)
    gone_on = guest.recall()[1]
    clean.sh("pkill -KILL -x bhyve; bhyvectl --vm=web1 --destroy; cp /ck/disks/*.img /vm", check=True)
    run.process.wait(20)
    again = Run(clean, "/ck/a").ready()
    words, count = again.recall()
    assert words == ["before"]
    assert counted <= count < gone_on
    assert again.check_pattern("before") == {"one": True, "two": True}
    assert again.boots() == 1, "a restore is no boot"


def test_a_suspended_guest_is_over_and_goes_on_from_its_files(clean: StandinHost) -> None:
    run = Run(clean)
    run.ready().keep("word")
    _checkpoint(clean, "s", "suspend")
    assert (run.end(), run.errors()) == (0, "")
    assert clean.sh("ls /dev/vmm").stdout == ""
    again = Run(clean, "/ck/s")
    assert again.ready().recall()[0] == ["word"]
    assert again.guest.seen()["up"]
    clean.sh("pkill -TERM -x bhyve", check=True)
    assert again.end() in (-15, 143), "ACPI is on, but SIGTERM is no power button after a restore"
