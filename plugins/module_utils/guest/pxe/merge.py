# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a guest boots from the network: a task's options laid over what is declared, and what can be said against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import script_name
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import ONCE, Guest, Pxe
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import check_image_name

_PLAIN = ("image", "nic", "script", "when")


def merge_pxe(base: Optional[Pxe], given: Optional[Mapping[str, Any]]) -> Optional[Pxe]:
    """What a task says of ``pxe`` laid over what is there; None without it."""
    if given is None:
        return base
    if given.get("state") == "absent":
        return None
    changes: Dict[str, Any] = {key: given[key] for key in _PLAIN if given.get(key) is not None}
    if changes.get("image") == "":
        changes["image"] = Pxe().image
    return replace(base or Pxe(), **changes)


def check_pxe(guest: Guest, where: str) -> None:
    """BadInput for what of ``pxe`` does not go with the rest of the guest."""
    pxe = guest.pxe
    if pxe is None:
        return
    check_image_name(pxe.image, f"{where}pxe.image")
    if guest.firmware != "uefi":
        raise BadInput(f"{where}pxe: iPXE is a program for the UEFI firmware, and firmware is {guest.firmware}")
    if not guest.nics:
        raise BadInput(f"{where}pxe: the guest has no NIC to boot by; give it one (nics)")
    if pxe.nic and guest.nic(pxe.nic) is None:
        names = ", ".join(nic.name for nic in guest.nics)
        raise BadInput(f"{where}pxe.nic: the guest has no NIC {pxe.nic!r}; it has: {names}")
    if pxe.script:
        try:
            script_name(pxe.script)
        except BadInput as error:
            raise BadInput(f"{where}pxe.script: {error}") from error
    if pxe.when == ONCE and guest.first_disk is None:
        raise BadInput(
            f"{where}pxe.when: once lasts as long as the guest's first disk has no boot signature, and it has no disk "
            "that the host can look at; give it one, or when: always"
        )
