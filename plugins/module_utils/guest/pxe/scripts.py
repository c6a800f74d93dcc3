# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which script a guest boots by from this host's TFTP server: a link with the guest's host name to the script's file.

Links of ours lead to ``./NAME.ipxe``, which nobody writes by hand; anything else of that name is somebody's, and stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import NOTE, SUFFIX, script_name
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.addresses import declares, hostname_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.image import image_problem
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.state import Chainload
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest, Nic
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change

_OURS = "./"


def check_scripts(one: Desired, after: Mapping[str, Guest], observed: Observed) -> None:
    """BadInput when the task gives a guest a script that it cannot have. ``after``: all guests as they will be."""
    guest = one.guest
    if not one.request.get("pxe") or guest.pxe is None or not guest.pxe.script:
        return
    at = f"guest {one.name}: pxe.script: "
    link = link_of(guest, guest.name)
    if not link:
        raise BadInput(
            f"{at}the guest asks for its script by its host name, and {one.name} is none; give the NIC a hostname"
        )
    for name, other in after.items():
        if name != one.name and other.pxe is not None and other.pxe.script and link_of(other, name) == link:
            raise BadInput(f"{at}{link} is by what guest {name} asks for its own; give one of the two another hostname")
    trouble = _trouble(one, observed.chainload) if observed.chainload is not None else ""
    if trouble:
        raise BadInput(f"{at}{trouble}")


def _trouble(one: Desired, chainload: Chainload) -> str:
    """Why a guest cannot have its script: there is none, or somebody's is in the way. '' if it can."""
    pxe = one.guest.pxe
    if pxe is None or not pxe.script:
        return ""
    script, link = script_name(pxe.script), link_of(one.guest, one.name)
    there = sorted(name for name, to in chainload.links.items() if not to.startswith(_OURS))
    if script not in there:
        known = ", ".join(there) or "none"
        return f"there is no {chainload.directory}/{script} on this host; there are: {known}"
    if link in there and link != script:
        return (
            f"{chainload.directory}/{link}, by which the guest asks for its script, is there and none of ours; "
            f"give script: {link[: -len(SUFFIX)]} to boot by it, or move it away"
        )
    return ""


def warnings(one: Desired, observed: Observed) -> List[str]:
    """What a task should know of a script that this host does not serve."""
    pxe, old = one.guest.pxe, one.old
    if one.record is None or pxe is None or not pxe.script or (old is not None and old.pxe == pxe):
        return []
    link = link_of(one.guest, one.name)
    if observed.chainload is not None:
        return _nameless(one, observed)
    return [
        f"guest {one.name}: pxe.script: this host serves no boot scripts (no {NOTE}); the server that does needs "
        f"{script_name(pxe.script)} as chainload/{link}"
    ]


def lacking(one: Desired, observed: Observed) -> List[str]:
    """What a guest of another host boots by and this one has not: the image, the script."""
    problem = image_problem(one.guest, observed)
    trouble = _trouble(one, observed.chainload) if observed.chainload is not None else ""
    found = [f"guest {one.name}: pxe.image: {problem}"] if problem else []
    return [*found, *([f"guest {one.name}: pxe.script: {trouble}"] if trouble else warnings(one, observed))]


def _nameless(one: Desired, observed: Observed) -> List[str]:
    """What is told where this host serves DHCP as well, and is not asked to tell the guest its name."""
    nic = _boot_nic(one.guest)
    if observed.dhcp.server is None or nic is None or declares(nic):
        return []
    return [
        f"guest {one.name}: pxe.script: the guest asks for its script by its host name, and nic {nic.name} declares "
        "nothing that this host's DHCP server could tell it; give the NIC an ip"
    ]


def script_steps(one: Desired, observed: Observed) -> List[Change]:
    """The link to the guest's script, made, changed or removed; also that of the name it had before."""
    chainload = observed.chainload
    if chainload is None:
        return []
    wanted: Dict[str, str] = {}
    if one.record is not None and one.guest.pxe is not None and one.guest.pxe.script and not _trouble(one, chainload):
        link, script = link_of(one.guest, one.name), script_name(one.guest.pxe.script)
        if link and link != script:
            wanted[link] = _OURS + script
    former = observed.formers.get(one.name)
    # Whatever the record says of pxe: an earlier task may have come no further than that.
    names = [one.name, *([former.name] if former is not None else [])]
    had = [link for name in names for link in _links(one.old, name)]
    steps: List[Change] = []
    for link in dict.fromkeys([*had, *wanted]):
        path, target = f"{chainload.directory}/{link}", chainload.links.get(link)
        if link in wanted and target != wanted[link]:
            steps.append(LinkScript(one.name, path, wanted[link], target))
        elif link not in wanted and target is not None and target.startswith(_OURS) and not _keeps(one, link):
            steps.append(UnlinkScript(one.name, path, target))
    return steps


def _keeps(one: Desired, link: str) -> bool:
    """Whether a link stays though its script is gone: the guest has not been given another."""
    if one.record is None or one.guest.pxe is None or not one.guest.pxe.script:
        return False
    return link == link_of(one.guest, one.name)


def link_of(guest: Guest, name: str) -> str:
    """By what a guest of that name asks for its script: the host name that DHCP gives to its NIC, '' if none."""
    nic = _boot_nic(guest)
    host = hostname_of(name, nic) if nic is not None else ""
    return f"{host}{SUFFIX}" if host else ""


def _boot_nic(guest: Guest) -> Optional[Nic]:
    """The NIC whose host name the script is asked for by."""
    wanted = guest.pxe.nic if guest.pxe is not None else ""
    return guest.nic(wanted) if wanted else next(iter(guest.nics), None)


def _links(guest: Optional[Guest], name: str) -> List[str]:
    """By what a guest may have asked for it, whichever NIC that was."""
    hosts = [hostname_of(name, nic) for nic in guest.nics] if guest is not None else []
    return [f"{host}{SUFFIX}" for host in dict.fromkeys(hosts) if host]


@dataclass(frozen=True)
class LinkScript(Change):
    """The link by which a guest finds its script; ``before`` is where it led, None if it was not there."""

    path: str
    target: str
    before: Optional[str]

    def describe(self) -> str:
        return f"link {self.path} to {self.target[len(_OURS) :]}"

    def apply(self, host: Host) -> None:
        host.symlink(self.target, self.path)

    def undo(self, host: Host) -> bool:
        if self.before is None:
            host.unlink(self.path)
        else:
            host.symlink(self.before, self.path)
        return True


@dataclass(frozen=True)
class UnlinkScript(Change):
    """The link goes; the script stays."""

    path: str
    target: str

    def describe(self) -> str:
        return f"remove the link {self.path} to {self.target[len(_OURS) :]}"

    def apply(self, host: Host) -> None:
        host.unlink(self.path)

    def undo(self, host: Host) -> bool:
        host.symlink(self.target, self.path)
        return True
