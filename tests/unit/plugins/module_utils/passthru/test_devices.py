# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What FreeBSD prints of its devices, and the ways to name one."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru import use
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import (
    parse_pciconf,
    parse_place,
    selector_of,
)

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


def text(name: str) -> str:
    return (FIXTURES / name).read_text()


def test_the_devices_of_the_recorded_host() -> None:
    devices = parse_pciconf(text("pciconf-lv.txt"))
    assert len(devices) == 13 and list(devices)[:3] == ["0/0/0", "0/1/0", "0/2/0"]
    ahci, smbus, video = devices["0/31/2"], devices["0/31/3"], devices["0/1/0"]
    assert (ahci.name, ahci.driver, ahci.unit, ahci.selector) == ("ahci0", "ahci", 0, "pci0:0:31:2")
    assert (ahci.vendor, ahci.kind, ahci.subkind) == ("Intel Corporation", "mass storage", "SATA")
    assert ahci.device == "82801IR/IO/IH (ICH9R/DO/DH) 6 port SATA Controller [AHCI mode]"
    assert (smbus.name, smbus.driver, smbus.device_id) == ("", "", "0x2930")
    assert (video.name, video.vendor, video.kind) == ("vgapci0", "", "display")
    assert devices["0/8/0"].name == "virtio_pci6" and all(one.is_endpoint for one in devices.values())


def test_capabilities_and_bars() -> None:
    (one,) = parse_pciconf(text("pciconf-lbce.txt")).values()
    assert one.capabilities[0] == "MSI-X supports 3 messages" and len(one.capabilities) == 6
    assert not one.sr_iov


def test_other_domains_are_not_for_bhyve() -> None:
    line = text("pciconf-lbce.txt").splitlines()[0]
    assert parse_pciconf(line + "\n" + line.replace("pci0:0:2:0", "pci1:0:2:0")).keys() == {"0/2/0"}


@pytest.mark.parametrize("printed", ["", "em0@pci: something else\n"])
def test_what_cannot_be_read_is_unknown(printed: str) -> None:
    with pytest.raises(UnknownState, match="pciconf -lvc"):
        parse_pciconf(printed)


@pytest.mark.parametrize("given", ["pci0:4:0:1", "pci0:4:0:1:", "pci4:0:1", "4/0/1"])
def test_a_device_has_several_names(given: str) -> None:
    assert parse_place(given, "selector") == "4/0/1"
    assert selector_of("4/0/1") == "pci0:4:0:1"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("em0", "selector: 'em0' is no PCI device; write pci0:4:0:0"),
        ("4:0:0", "is no PCI device"),
        ("pci1:4:0:0", "domain 0 only"),
        ("256/0/0", "bus is 0 to 255"),
        ("0/32/0", "slot 0 to 31"),
        ("0/1/8", "function 0 to 7"),
        ("0/0/256", "function 0 to 255"),
    ],
)
def test_what_is_no_device_is_refused(given: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        parse_place(given, "selector")


def test_the_tree_of_devices() -> None:
    below = use.parse_tree(text("devinfo.txt"))
    assert "acpi0" in below["nexus0"] and below["vtnet0"] == [] and below["virtio_pci4"] == ["vtnet0"]
    assert below["virtio_pci0"] == ["vtblk0"] and below["ahci0"] == [f"ahcich{number}" for number in range(6)]


def test_disks_and_whether_they_are_open() -> None:
    listed = (
        "scbus0 on ahcich0 bus 0:\n"
        "<SAMSUNG MZ7 (X) HXT>  at scbus0 target 0 lun 0 (pass0,ada0)\n"
        "<>                     at scbus0 target -1 lun ffffffff ()\n"
        "scbus4 on umass-sim0 bus 0:\n"
        "<USB DISK 3.0>         at scbus4 target 0 lun 0 (da0,pass2)\n"
        "scbus-1 on xpt0 bus 0:\n"
        "<>                     at scbus-1 target -1 lun ffffffff (xpt0)\n"
    )
    assert use.parse_disks(listed) == {"ahcich0": ["ada0"], "umass0": ["da0"]}
    assert use.parse_modes(text("geom-disk-list.txt")) == {"vtbd1": "r0w0e0"}


def test_what_rides_on_an_interface() -> None:
    printed = (
        "em0: flags=8843<UP> metric 0 mtu 1500\n\tether 52:54:00:12:34:56\n"
        "em0.82: flags=8843<UP> metric 0 mtu 1500\n"
        "\tvlan: 82 vlanproto: 802.1q vlanpcp: 0 parent interface: em0\n"
        "lagg0: flags=8843<UP> metric 0 mtu 1500\n\tlaggport: em0 flags=0<>\n\tlaggport: em1 flags=0<>\n"
        "wlan0: flags=8843<UP> metric 0 mtu 1500\n\tparent interface: iwlwifi0\n"
    )
    assert use.parse_riders(printed) == {"em0": ["em0.82", "lagg0"], "em1": ["lagg0"], "iwlwifi0": ["wlan0"]}
    assert use.boot_video("vgapci1: <VGA> on pci1\nvgapci1: Boot video device\n") == "vgapci1"
    assert use.boot_video("") == ""
