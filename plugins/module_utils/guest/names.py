# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of guests and of their parts, and the places on the host that follow from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RUN

GUEST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
# A disk's name becomes part of a dataset's name and of a file's name, a NIC's part of an interface description.
PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}")

#: A removed guest's record, in its directory.
FORMER = "removed.json"

TAP_GROUP = "apiary"


def check_guest_name(name: str, option: str = "name") -> str:
    """Return name if a guest may have it, else raise BadInput."""
    if not GUEST_NAME.fullmatch(name):
        raise BadInput(
            f"{option}: {name!r} cannot be a guest's name: 1 to 63 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    return name


def check_part_name(name: str, option: str) -> str:
    """Return name if a disk or NIC may have it, else raise BadInput."""
    if not PART_NAME.fullmatch(name):
        raise BadInput(
            f"{option}: {name!r} cannot be a name here: 1 to 31 letters, digits, '_' and '-', "
            "beginning with a letter or digit"
        )
    return name


def bhyve_title(name: str) -> str:
    """The whole command of a running guest's bhyve, as ``ps -o command`` prints it."""
    return f"bhyve: {name} (bhyve)"


def tap_description(guest: str, nic: str) -> str:
    """The tag of a NIC's tap: its interface description, compared whole."""
    return f"apiary:{guest}:{nic}"


def nmdm(name: str, port: int, side: str) -> str:
    """The null-modem device of a guest's serial port (nmdm(4)): port 1 or 2, side A (bhyve's) or B (cu's)."""
    return f"/dev/nmdm-{name}.{port}{side}"


@dataclass(frozen=True)
class Layout:
    """Where a guest's things are: root is the directory of all guests, dataset its ZFS name or ''."""

    root: str
    dataset: str

    def directory(self, guest: str) -> str:
        return f"{self.root}/{guest}"

    def guest_dataset(self, guest: str) -> str:
        return f"{self.dataset}/{guest}"

    def record(self, guest: str) -> str:
        return f"{self.root}/{guest}/guest.json"

    def former(self, guest: str) -> str:
        """The record of a guest that is gone while its data stayed."""
        return f"{self.root}/{guest}/{FORMER}"

    def boot(self, guest: str) -> str:
        return f"{self.root}/{guest}/boot"

    def variables(self, guest: str) -> str:
        """The guest's own copy of the firmware's variables."""
        return f"{self.root}/{guest}/uefi-vars.fd"

    def firstboot(self, guest: str) -> str:
        return f"{self.root}/{guest}/firstboot"

    def volume(self, guest: str, disk: str) -> str:
        return f"{self.dataset}/{guest}/{disk}"

    def volume_node(self, guest: str, disk: str) -> str:
        return f"/dev/zvol/{self.volume(guest, disk)}"

    def image(self, guest: str, disk: str) -> str:
        return f"{self.root}/{guest}/{disk}.img"

    def run(self, guest: str) -> str:
        return f"{RUN}/{guest}"

    @property
    def rollbacks(self) -> str:
        """Where unfinished rollbacks are noted, by guest. Not in the guest's dataset, which is what is rolled back."""
        return f"{self.root}/.rollback"

    def rollback(self, guest: str) -> str:
        return f"{self.rollbacks}/{guest}"

    @property
    def all_checkpoints(self) -> str:
        """Where checkpoints are, by guest. Not in the guest's dataset: a rollback is not to take them."""
        return f"{self.root}/.checkpoints"

    def checkpoints(self, guest: str) -> str:
        return f"{self.all_checkpoints}/{guest}"

    def checkpoint(self, guest: str, name: str) -> str:
        return f"{self.checkpoints(guest)}/{name}"
