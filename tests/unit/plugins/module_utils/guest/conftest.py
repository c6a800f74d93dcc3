# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host for the planner's tests: made of facts, without a machine."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config, rcfile
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired, resolve
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import Capabilities, HostConf
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.outlets import outlets_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import TAP, plugs_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Generation, Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.options import guest_options
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import FleetPlan, plan_fleet
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import Process
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset, volume_reservation

OWNER = "0a1b2c3d-0000-4000-8000-00000000beef"
UUID = "11111111-2222-4333-8444-555555555555"
GIB = 1 << 30


def fill(spec: Mapping[str, Any], given: Mapping[str, Any]) -> Dict[str, Any]:
    """Options as AnsibleModule hands them over: every one there, None or its default where it is left out."""
    unknown = set(given) - set(spec)
    assert not unknown, unknown
    result: Dict[str, Any] = {}
    for name, option in spec.items():
        value = given.get(name, option.get("default"))
        if value is not None and option.get("options"):
            if option["type"] == "list":
                value = [fill(option["options"], element) for element in value]
            else:
                value = fill(option["options"], value)
        result[name] = value
    return result


def request_for(**given: Any) -> Dict[str, Any]:
    """The options of one guest."""
    return fill(guest_options(), {"name": "web1", **given})


def filesystem(name: str, mounted: str = "yes") -> Dataset:
    values = {
        "type": "filesystem",
        "mounted": mounted,
        "mountpoint": name.replace("zroot", "", 1),
        "available": str(100 * GIB),
        "origin": "-",
        "volmode": "dev",
    }
    return Dataset(name, "filesystem", {key: (value, "-") for key, value in values.items()})


def volume(name: str, size: int, origin: str = "-") -> Dataset:
    values = {
        "type": "volume",
        "volsize": str(size),
        "volblocksize": "16384",
        "refreservation": str(volume_reservation(size, 16384)),
        "used": str(size),
        "referenced": "0",
        "origin": origin,
    }
    return Dataset(name, "volume", {key: (value, "-") for key, value in values.items()})


class Fleet:
    """A host that the tests can plan for, and on which they can let a plan come true."""

    def __init__(self) -> None:
        bridge = Interface("bridge0", ("UP",), 1500, groups=("bridge",))
        self.observed = Observed(
            conf=HostConf(Layout("/apiary", "zroot/apiary"), "/fw/CODE.fd", "/fw/VARS.fd"),
            capabilities=Capabilities(("ahci", "e1000", "fbuf", "nvme", "virtio-blk", "virtio-net", "virtio-scsi"), 16),
            hostuuid=OWNER,
            guests={},
            datasets={"zroot/apiary": filesystem("zroot/apiary")},
            interfaces={"bridge0": bridge, "bridge1": replace(bridge, name="bridge1")},
            processes=[],
            allocations=Allocations(),
            free_bytes=100 * GIB,
            listeners=[],
        )

    def desired(self, *requests: Mapping[str, Any]) -> List[Desired]:
        numbers = itertools.count(int(uuid.UUID(UUID)))
        return resolve(list(requests), self.observed, lambda: str(uuid.UUID(int=next(numbers))))

    def plan(self, *requests: Mapping[str, Any], **options: Any) -> FleetPlan:
        return plan_fleet(self.desired(*requests), self.observed, **options)

    def make(self, request: Optional[Mapping[str, Any]] = None, running: bool = False, **given: Any) -> Record:
        """Let a guest be there as a plan for it would leave it."""
        one = self.desired(request or request_for(**given))[0]
        assert one.record is not None
        name, layout = one.name, self.observed.conf.layout
        outlets = outlets_of(one, self.observed)
        taps, ports = (
            {
                f"{name}/{nic}": 1000 + len(known) + index
                for index, nic in enumerate(nic for nic, outlet in outlets.items() if (outlet.kind == TAP) is on_tap)
            }
            for known, on_tap in ((self.observed.allocations.taps, True), (self.observed.allocations.ports, False))
        )
        vnc = {name: 5900 + len(self.observed.allocations.vnc)} if one.guest.vnc else {}
        if one.guest.vnc and one.guest.vnc.port:
            vnc = {name: one.guest.vnc.port}
        own = Allocations(taps, vnc, ports=ports)
        datasets = dict(self.observed.datasets)
        datasets[f"zroot/apiary/{name}"] = filesystem(f"zroot/apiary/{name}")
        sizes: Dict[str, int] = {}
        for disk in one.guest.disks:
            if disk.backing.endswith("zvol"):
                datasets[layout.volume(name, disk.name)] = volume(layout.volume(name, disk.name), disk.size)
            elif disk.backing.endswith("file"):
                sizes[disk.name] = disk.size
        plugs = plugs_of(name, outlets, own)
        keys = config.config_keys(one.guest, one.identity, layout, plugs, vnc.get(name), "/fw/CODE.fd")
        variables = rcfile.rc_variables(one.guest, one.identity, layout, OWNER, plugs)
        boot = Generation("boot.1", config.render(name, keys), rcfile.render(name, variables))
        pid = 4000 + len(self.observed.guests) if running else None
        seen = ObservedGuest(
            name=name,
            exists=True,
            entries=("boot", "boot.1", "firstboot", "guest.json", "uefi-vars.fd"),
            record=one.record,
            boot=boot,
            running=boot if running else None,
            generation="boot.1" if running else "",
            pid=pid,
            started="Sat Nov 21 09:42:29 2026" if running else "",
            supervised=running,
            status={"state": "running" if running else "stopped"},
            file_sizes=sizes,
        )
        processes = list(self.observed.processes)
        if pid is not None:
            processes.append(Process(pid, seen.started, f"bhyve: {name} (bhyve)"))
        self.observed = replace(
            self.observed,
            guests={**self.observed.guests, name: seen},
            datasets=datasets,
            processes=processes,
            allocations=self.observed.allocations.replaced(name, own),
        )
        return one.record


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def request_of() -> Callable[..., Dict[str, Any]]:
    return request_for
