# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a guest can have the devices of the host that it is to have: they are there, reserved, and nobody else's."""

from __future__ import annotations

import stat
from typing import Dict, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest, Passthru
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import PPT, known, selector_of


def _starting(one: Desired) -> bool:
    return one.will_start or one.request.get("restart") == "if_needed"


def to_look_at(one: Desired) -> bool:
    """Whether the host's devices have to be read to judge a guest: it has another one than before, or will start."""
    if one.record is None or not one.guest.passthru:
        return False
    return _starting(one) or bool(_new(one))


def _new(one: Desired) -> Sequence[Passthru]:
    """The devices that the guest has not been checked with."""
    before = {other.place for other in one.old.passthru} if one.old is not None else set()
    return [device for device in one.guest.passthru if device.place not in before]


def check(desired: Sequence[Desired], after: Mapping[str, Guest], observed: Observed) -> None:
    """BadInput for the first device that a guest cannot have. ``after``: all guests when the task is done."""
    owners: Dict[str, str] = {}
    ours = {one.name for one in desired}
    for name, guest in after.items():
        if name not in ours:
            owners.update({device.place: name for device in guest.passthru})
    for one in desired:
        if one.record is None:
            continue
        for device in one.guest.passthru:
            owner = owners.setdefault(device.place, one.name)
            if owner != one.name:
                raise BadInput(
                    f"guest {one.name}: passthru {device.name}: selector: {selector_of(device.place)} is passed "
                    f"through to guest {owner} already"
                )
        _check_host(one, observed)


def _check_host(one: Desired, observed: Observed) -> None:
    if observed.host_devices is None or not to_look_at(one):
        return
    starting = _starting(one)
    for device in one.guest.passthru if starting else _new(one):
        option = f"guest {one.name}: passthru {device.name}: selector"
        there = known(device.place, observed.host_devices.devices, option)
        reserved = device.place in observed.host_devices.reserved
        if there.driver == PPT or (reserved and not starting):
            continue
        if reserved:
            raise BadInput(
                f"{option}: {there.selector} is reserved from the host's next boot on; until then "
                f"{there.name or 'nobody'} has it, and the guest cannot start"
            )
        raise BadInput(
            f"{option}: {there.selector} ({there.device or there.name}) is not reserved for guests; reserve it first "
            "(ppt_device)"
        )


def check_roms(host: Host, desired: Sequence[Desired]) -> None:
    """BadInput for an option ROM that is not there; bhyve would not start."""
    for one in desired:
        if one.record is None:
            continue
        before = {other.rom for other in one.old.passthru} if one.old is not None else set()
        for device in one.guest.passthru:
            if not device.rom or (device.rom in before and not one.will_start):
                continue
            status = host.stat(device.rom)
            if status is None or not stat.S_ISREG(status.st_mode) or status.st_size == 0:
                raise BadInput(
                    f"guest {one.name}: passthru {device.name}: rom: {device.rom} is no file with anything in it"
                )
