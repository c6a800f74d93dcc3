# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a guest behaves: what a test asks for, what a disk's first sector says, or what the tiny guest's mode means.

Where it comes from, the later over the earlier: the defaults here, ``DISK/guests.json`` (all guests of the host), the
first sector of the guest's first disk (``APIARY-GUEST {json}``), ``DISK/guests/NAME.json``.
"""

from __future__ import annotations

import json
from typing import Any, Dict, NamedTuple, Optional

from .. import paths

SECTOR = 512
MARK = b"APIARY-GUEST "
#: The modes of tests/lab/tiny-guest.
TINY_MODES = ("reboot", "poweroff", "halt", "triple", "idle", "acpi", "kbdreset")


class Behaviour(NamedTuple):
    """What a guest does. Seconds are real ones.

    guest: "auto" (qemu where there is something to boot, else light), "light", "qemu".
    acpi_after: when the guest's system enables ACPI; until then SIGTERM kills bhyve.
    acpi: what it does about the power button: "obey", "ignore"; "never": it does not enable ACPI at all.
    shutdown_after: from the button to the power-off.
    then: what it does by itself ``after`` seconds: "" (nothing), "reset", "poweroff", "halt", "triple" (exit status 3),
    "spin" (halts without telling), "exit:N" or "signal:N" (bhyve itself ends so). In the first ``times`` boots since
    the host was booted; 0: in all.
    loader: what bhyveload does: "" (loads), "hang", "exit:N".
    save: how long bhyve writes its memory to a checkpoint; the guest stands still meanwhile.
    tick: the time between two of the tiny guest's lines.
    """

    guest: str = "auto"
    acpi_after: float = 0.2
    acpi: str = "obey"
    shutdown_after: float = 0.05
    then: str = ""
    after: float = 0.0
    times: int = 0
    loader: str = ""
    save: float = 0.2
    tick: float = 1.0


def _update(behaviour: Behaviour, changes: Dict[str, Any], source: str) -> Behaviour:
    known = {name: type(getattr(behaviour, name)) for name in behaviour._fields}
    for name, value in changes.items():
        if name not in known:
            raise ValueError(f"{source}: a guest's behaviour has no {name!r}; it has {', '.join(known)}")
        changes = {**changes, name: known[name](value)}
    return behaviour._replace(**changes)


def _read(path: str) -> Dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            document: Dict[str, Any] = json.load(stream)
            return document
    except FileNotFoundError:
        return {}


def first_sector(path: str) -> bytes:
    """The first 512 bytes of a file; empty if it has none or is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read(SECTOR)
    except OSError:
        return b""


def sector_text(sector: bytes) -> Dict[str, Any]:
    """The behaviour that a disk's first sector names."""
    if not sector.startswith(MARK):
        return {}
    document: Dict[str, Any] = json.loads(sector[len(MARK) :].split(b"\0", 1)[0].split(b"\n", 1)[0])
    return document


def make_sector(changes: Dict[str, Any], signature: bool = True) -> bytes:
    """A first sector that names a behaviour; with the boot signature 55 aa unless told otherwise."""
    _update(Behaviour(), changes, "sector")
    text = MARK + json.dumps(changes).encode() + b"\n"
    if len(text) > SECTOR - 2:
        raise ValueError("a behaviour has to fit into one sector")
    return text.ljust(SECTOR - 2, b"\0") + (b"\x55\xaa" if signature else b"\0\0")


def load(name: str, disk: Optional[str] = None) -> Behaviour:
    """The behaviour of the guest ``name`` whose first disk is ``disk`` (a path as this process can open it)."""
    behaviour = _update(Behaviour(), _read(f"{paths.DISK}/guests.json"), "guests.json")
    if disk is not None:
        behaviour = _update(behaviour, sector_text(first_sector(disk)), disk)
    own = f"{paths.DISK}/guests/{name.replace('/', '%2F')}.json"
    return _update(behaviour, _read(own), own)


def of_tiny(mode: str, behaviour: Behaviour) -> Behaviour:
    """The behaviour of the tiny guest loaded with that mode."""
    then = {"reboot": "reset", "kbdreset": "reset", "poweroff": "poweroff", "halt": "halt", "triple": "triple"}
    if mode in then:
        return behaviour._replace(then=then[mode], after=0.0, times=0, acpi="never")
    if mode == "idle":
        return behaviour._replace(acpi="never")
    return behaviour._replace(acpi_after=0.0)
