# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which driver has which PCI device, as sys/kern/subr_bus.c and sys/amd64/vmm/io/ppt.c decide."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest
from standin.host import StandinHost
from standin.settings import Settings


@pytest.fixture
def host(tmp_path: Path) -> Iterator[StandinHost]:
    if os.geteuid() != 0:
        pytest.skip("a stand-in host needs root")
    settings = Settings("pci1", zfs=False, uplinks={"em0": "a", "ix0": "b"})
    with StandinHost("pci1", str(tmp_path / "pci1"), settings) as running:
        yield running


def name(host: StandinHost, selector: str) -> str:
    return host.run(["pciconf", "-l", selector], check=True).stdout.partition("@")[0]


def test_pptdevs_count_only_with_vmm_from_the_loader(host: StandinHost) -> None:
    host.sh("echo 'pptdevs=\"0/6/0 0/31/3 0/1/0\"' >> /boot/loader.conf", check=True)
    host.power_cut()
    host.boot()
    assert (name(host, "pci0:0:6:0"), name(host, "pci0:0:31:3")) == ("em0", "none0")
    # Loaded later, ppt is offered what has no driver.
    host.sh("kldload vmm", check=True)
    assert (name(host, "pci0:0:6:0"), name(host, "pci0:0:31:3")) == ("em0", "ppt0")
    host.sh("echo 'vmm_load=\"YES\"' >> /boot/loader.conf", check=True)
    host.power_cut()
    host.boot()
    assert (name(host, "pci0:0:6:0"), name(host, "pci0:0:31:3")) == ("ppt0", "ppt1")
    assert host.sh("ifconfig -l").stdout.split() == ["ix0", "lo0"]
    # A bridge is none for ppt; what the loader gave it, it does not let go of by `clear`.
    assert name(host, "pci0:0:1:0") == "pcib1"
    assert host.sh("devctl clear driver -f pci0:0:6:0").returncode == 0 and name(host, "pci0:0:6:0") == "ppt0"


def test_an_interface_goes_with_its_driver_and_comes_back_bare(host: StandinHost) -> None:
    host.sh("kldload vmm if_bridge; ifconfig bridge0 create addm em0; ifconfig em0 inet 192.0.2.1/24", check=True)
    assert host.sh("devctl set driver em0 ppt").stderr == "devctl: Failed to set em0 driver to ppt: Device busy\n"
    host.sh("devctl set driver -f em0 ppt", check=True)
    assert "em0" not in host.sh("ifconfig -a").stdout
    host.sh("devctl clear driver -f pci0:0:6:0", check=True)
    assert "192.0.2.1" not in host.sh("ifconfig em0").stdout and "em0" not in host.sh("ifconfig bridge0").stdout
    assert host.sh("ifconfig em0 inet 192.0.2.1/24 up && ifconfig bridge0 addm em0").returncode == 0


def test_a_bridge_is_no_endpoint(host: StandinHost) -> None:
    host.sh("kldload vmm", check=True)
    said = "devctl: Failed to set pci0:0:1:0 driver to ppt: Device not configured\n"
    assert host.sh("devctl set driver -f pci0:0:1:0 ppt").stderr == said


def test_virtual_functions(host: StandinHost) -> None:
    host.write("/etc/ix0.conf", 'PF {\n\tdevice : "ix0";\n\tnum_vfs : 2;\n}\nDEFAULT {\n\tpassthrough : true;\n}\n')
    host.sh("kldload vmm; iovctl -C -f /etc/ix0.conf", check=True)
    assert (name(host, "pci0:4:0:128"), name(host, "pci0:4:0:130")) == ("ppt0", "ppt1")
    again = host.sh("iovctl -C -f /etc/ix0.conf")
    assert (again.returncode, again.stderr) == (1, "iovctl: Failed to configure SR-IOV: Device busy\n")
    assert "2 VFs configured out of 63 supported" in host.sh("pciconf -lc ix0").stdout
    host.sh("iovctl -D -d ix0", check=True)
    assert host.sh("iovctl -D -d ix0").stderr == "iovctl: Failed to delete VFs: No child processes\n"
    missing = host.sh("iovctl -S -d em0")
    assert missing.stderr == "iovctl: Could not open device '/dev/iov/em0': No such file or directory\n"
    for line, says in (
        ('allow-set-mac : "true";', "Value 'true' of key 'allow-set-mac' is not of type bool"),
        ('num_vfs : "2";', "Value '2' of key 'num_vfs' is not of type uint16_t"),
        ("mac-addr : 01:00:5e:00:00:01;", "Value '01:00:5e:00:00:01' of key 'mac-addr' is a multicast address"),
    ):
        default, count = (line, "num_vfs : 2;") if "num_vfs" not in line else ("", line)
        host.write(
            "/etc/ix0.conf",
            f'PF {{\n device : "ix0";\n {count}\n}}\nDEFAULT {{\n passthrough : true;\n {default}\n}}\n',
        )
        refused = host.sh("iovctl -C -f /etc/ix0.conf")
        assert (refused.returncode, refused.stderr) == (1, f"iovctl: {says}\n")
