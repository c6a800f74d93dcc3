# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks as the stand-in for bhyve has them: boot order, CTL ports, and guests that write and look."""

from __future__ import annotations

import os
import subprocess
from typing import Iterator, Tuple

import pytest
from standin.guests.control import Guest
from standin.host import StandinHost

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    with StandinHost("bhyve1", str(tmp_path_factory.mktemp("lab") / "bhyve1")) as running:
        running.sh("kldload vmm nmdm; mkdir -p /vm; truncate -s 1M /vm/a.img /vm/b.img", check=True)
        running.write("/vm/CODE.fd", b"\0" * 8192)
        running.write("/vm/vars.fd", b"\0" * 4096)
        yield running
        running.sh("pkill -KILL -x bhyve")


def _conf(*lines: str) -> str:
    base = (
        "name=web1",
        "memory.size=256M",
        "acpi_tables=true",
        "pci.0.0.0.device=hostbridge",
        "pci.0.31.0.device=lpc",
        "lpc.bootrom=/vm/CODE.fd",
        "lpc.bootvars=/vm/vars.fd",
    )
    return "\n".join([*base, *lines]) + "\n"


def _refused(host: StandinHost, *lines: str) -> Tuple[int, str]:
    host.write("/vm/web1.conf", _conf(*lines))
    done = host.sh("bhyve -k /vm/web1.conf web1; s=$?; bhyvectl --vm=web1 --destroy; exit $s")
    return done.returncode, done.stdout + done.stderr


def _disk(slot: int, device: str, path: str, *more: str) -> Tuple[str, ...]:
    node = f"pci.0.{slot}.0"
    where = f"{node}.port.0" if device == "ahci" else node
    kind = (f"{where}.type=hd",) if device == "ahci" else ()
    return (f"{node}.device={device}", *kind, f"{where}.path={path}", *(f"{where}.{word}" for word in more))


def test_a_place_in_the_boot_order_is_given_once(host: StandinHost) -> None:
    first = _disk(4, "ahci", "/vm/a.img", "bootindex=1")
    status, text = _refused(host, *first, *_disk(5, "virtio-blk", "/vm/b.img", "bootindex=1"))
    assert status == 4
    told = "Could not set bootindex 1 for virtio-blk@pci.0.5.0. Bootindex already occupied by ahci@pci.0.4.0"
    assert f"bhyve: {told}\n" in text


def test_a_controller_without_its_port_does_not_start(host: StandinHost) -> None:
    status, text = _refused(host, "pci.0.4.0.device=virtio-scsi", "pci.0.4.0.dev=/dev/cam/ctl1.0")
    assert status == 4
    assert "cannot open /dev/cam/ctl1.0: No such file or directory" in text


def test_a_guest_follows_the_order_and_sees_what_its_controllers_tell(host: StandinHost) -> None:
    disks = (
        *_disk(4, "virtio-blk", "/vm/a.img", "bootindex=2", "ser=A"),
        *_disk(5, "ahci", "/vm/b.img", "bootindex=1", "ser=B"),
    )
    host.write("/vm/web1.conf", _conf("lpc.fwcfg=qemu", *disks))
    bhyve = host.spawn(["bhyve", "-k", "/vm/web1.conf", "web1"], stdin=subprocess.DEVNULL)
    guest = Guest(host.directory, "web1")
    assert guest.wait_booted()["boot_order"] == ["0.5.0", "0.4.0"]

    guest.write_pattern("one")
    assert guest.check_pattern("one") == {"A": True, "B": True}
    host.sh("dd if=/dev/zero of=/vm/b.img bs=4096 seek=20 count=1 conv=notrunc", check=True)
    assert guest.check_pattern("one") == {"A": True, "B": False}

    host.sh("truncate -s 2M /vm/a.img /vm/b.img", check=True)
    assert [disk["size"] for disk in guest.look_at_disks()] == [2 << 20, 1 << 20]
    guest.poweroff()
    assert bhyve.wait(20) == 1
    host.sh("bhyvectl --vm=web1 --destroy", check=True)
