# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's PCI devices as pciconf(8) shows them, and the ways to name one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

PCICONF = ("pciconf", "-lvc")
PPT = "ppt"

_HEADER = re.compile(
    r"(?P<driver>[A-Za-z_][A-Za-z0-9_]*?)(?P<unit>\d+)@pci(?P<domain>\d+):(?P<bus>\d+):(?P<slot>\d+):(?P<function>\d+):"
    r"\s+class=0x(?P<cls>[0-9a-f]{6}) rev=0x[0-9a-f]+ hdr=0x(?P<hdr>[0-9a-f]{2}) vendor=0x(?P<vendor>[0-9a-f]{4}) "
    r"device=0x(?P<device>[0-9a-f]{4})(?: .*)?"
)
_DETAIL = re.compile(r"    (?P<name>vendor|device|class|subclass) += '?(?P<value>.*?)'?")
_CAPABILITY = re.compile(r"    (?:cap|ecap) [0-9a-f]+\[[0-9a-f]+\] = (?P<what>.*)")
_VFS = re.compile(r" +(?P<now>\d+) VFs configured out of (?P<most>\d+) supported")
_RIDS = re.compile(r" +First VF RID Offset 0x(?P<offset>[0-9a-f]+), VF RID Stride 0x(?P<stride>[0-9a-f]+)")
_SELECTOR = re.compile(
    r"pci(?:(?P<domain>\d+):)?(?P<bus>\d+):(?P<slot>\d+):(?P<function>\d+):?|(?P<b>\d+)/(?P<s>\d+)/(?P<f>\d+)"
)


@dataclass(frozen=True)
class SrIov:
    """What a device says of its virtual functions: how many there are and can be, and how they are numbered."""

    now: int
    most: int
    offset: int = 0
    stride: int = 0


@dataclass(frozen=True)
class Device:
    """A PCI device. ``place`` is bus/slot/function, as pptdevs and bhyve(8) have it; ``driver`` '' for none.

    ``capabilities`` are what its configuration space offers; without any bhyve cannot give it interrupts.
    """

    place: str
    driver: str
    unit: int
    cls: int
    header: int
    vendor_id: str
    device_id: str
    domain: int = 0
    vendor: str = ""
    device: str = ""
    kind: str = ""
    subkind: str = ""
    capabilities: Tuple[str, ...] = ()
    virtual: SrIov = SrIov(0, 0)

    @property
    def name(self) -> str:
        """What the kernel calls it, '' without a driver."""
        return f"{self.driver}{self.unit}" if self.driver else ""

    @property
    def selector(self) -> str:
        return selector_of(self.place, self.domain)

    @property
    def is_endpoint(self) -> bool:
        """Whether it is no bridge (header type 0; the highest bit says that there are further functions)."""
        return self.header & 0x7F == 0

    @property
    def sr_iov(self) -> bool:
        """Whether it can have virtual functions."""
        return self.virtual.most > 0

    def virtual_places(self, count: int) -> List[str]:
        """Where its first virtual functions are or would be (PCIe SR-IOV, with ARI as FreeBSD needs it)."""
        bus, slot, function = (int(number) for number in self.place.split("/"))
        first = (bus << 8 | slot << 3 | function) + self.virtual.offset
        rids = (first + index * self.virtual.stride for index in range(count))
        return [f"{rid >> 8}/0/{rid & 0xFF}" for rid in rids]

    @property
    def slot(self) -> str:
        """Bus and slot, which all functions of one device have in common."""
        return self.place.rpartition("/")[0]


def parse_place(text: str, option: str) -> str:
    """bus/slot/function of a selector such as pci0:4:0:0 or 4/0/0. BadInput, naming ``option``."""
    match = _SELECTOR.fullmatch(text)
    if match is None:
        raise BadInput(f"{option}: {text!r} is no PCI device; write pci0:4:0:0 (see pciconf -l) or 4/0/0")
    if int(match["domain"] or 0) != 0:
        raise BadInput(f"{option}: {text}: bhyve(8) and pptdevs know devices of PCI domain 0 only")
    numbers = [
        int(number) for number in match.group(*(("bus", "slot", "function") if match["bus"] else ("b", "s", "f")))
    ]
    # Virtual functions may be numbered through, all in slot 0 (PCIe ARI).
    most = 7 if numbers[1] else 255
    if numbers[0] > 255 or numbers[1] > 31 or numbers[2] > most:
        raise BadInput(f"{option}: {text}: bus is 0 to 255, slot 0 to 31, function 0 to {most}")
    return "/".join(str(number) for number in numbers)


def selector_of(place: str, domain: int = 0) -> str:
    """What pciconf(8) and devctl(8) call a device: pci0:4:0:0."""
    return f"pci{domain}:{place.replace('/', ':')}"


def parse_pciconf(text: str) -> Dict[str, Device]:
    """The devices of domain 0 by place, in pciconf's order. UnknownState for a device's line that cannot be read."""
    found: List[Device] = []
    for line in text.splitlines():
        if not line.startswith((" ", "\t")):
            found.append(_device(line))
        elif found:
            found[-1] = _with_detail(found[-1], line)
    if not found:
        raise UnknownState(f"`{' '.join(PCICONF)}` exited 0 and printed no device at all")
    return {device.place: device for device in found if device.domain == 0}


def _device(line: str) -> Device:
    match = _HEADER.fullmatch(line)
    if match is None:
        raise UnknownState(f"`{' '.join(PCICONF)}` printed a line that cannot be read: {line!r}")
    return Device(
        place=f"{int(match['bus'])}/{int(match['slot'])}/{int(match['function'])}",
        driver="" if match["driver"] == "none" else match["driver"],
        unit=int(match["unit"]),
        cls=int(match["cls"], 16),
        header=int(match["hdr"], 16),
        vendor_id=f"0x{match['vendor']}",
        device_id=f"0x{match['device']}",
        domain=int(match["domain"]),
    )


def _with_detail(device: Device, line: str) -> Device:
    capability = _CAPABILITY.fullmatch(line)
    if capability is not None:
        return replace(device, capabilities=(*device.capabilities, capability["what"]))
    vfs, rids = _VFS.fullmatch(line), _RIDS.fullmatch(line)
    if vfs is not None:
        return replace(device, virtual=SrIov(int(vfs["now"]), int(vfs["most"])))
    if rids is not None:
        numbers = {"offset": int(rids["offset"], 16), "stride": int(rids["stride"], 16)}
        return replace(device, virtual=replace(device.virtual, **numbers))
    match = _DETAIL.fullmatch(line)
    if match is None:
        return device
    value = match["value"]
    if match["name"] == "vendor":
        return replace(device, vendor=value)
    if match["name"] == "device":
        return replace(device, device=value)
    return replace(device, kind=value) if match["name"] == "class" else replace(device, subkind=value)


def read_devices(host: Host) -> Dict[str, Device]:
    """The host's PCI devices by place."""
    return parse_pciconf(host.run(PCICONF, what="cannot list the PCI devices").stdout)


def known(place: str, devices: Mapping[str, Device], option: str) -> Device:
    """The device at a place. BadInput when there is none."""
    found: Optional[Device] = devices.get(place)
    if found is None:
        raise BadInput(f"{option}: this host has no PCI device {selector_of(place)}; `pciconf -lv` lists those it has")
    return found
