# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pptdevs: which devices loader.conf(5) gives to ppt(4) at boot (vmm(4))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.system import lines

LOADER_CONF = "/boot/loader.conf"
#: What the kernel reads, each cut off behind this many characters (sys/amd64/vmm/vmm.c, vmm_is_pptdev; sys/kenv.h).
VARIABLES = ("pptdevs", "pptdevs2", "pptdevs3")
LONGEST = 128
#: What makes the kernel read them: vmm(4) has to come with the kernel, before the drivers look for devices.
VMM = "vmm_load"
AMD = "hw.vmm.amdvi.enable"
_OTHERS = ("/boot/loader.conf.local",)
_OTHERS_IN = "/boot/loader.conf.d"

Values = Mapping[str, str]


@dataclass(frozen=True)
class Loader:
    """loader.conf as it is: its text (None: there is none), the values, and what other files set instead."""

    text: Optional[str]
    values: Values
    elsewhere: Mapping[str, str]

    @property
    def places(self) -> List[str]:
        """The devices that are given to ppt at boot."""
        return [word for name in VARIABLES for word in self.values.get(name, "").split()]


def read_loader(host: Host) -> Loader:
    """Read /boot/loader.conf, and which of our variables another file sets after it."""
    text = host.read(LOADER_CONF)
    names = [f"{_OTHERS_IN}/{name}" for name in sorted(host.listdir(_OTHERS_IN) or ()) if name.endswith(".conf")]
    elsewhere: Dict[str, str] = {}
    for path in [*names, *_OTHERS]:
        elsewhere.update({name: path for name in lines.values(host.read(path) or "") if name in VARIABLES})
    return Loader(text, lines.values(text or ""), elsewhere)


def check_elsewhere(loader: Loader) -> None:
    """BadInput when another file than loader.conf has the say."""
    for name, path in loader.elsewhere.items():
        raise BadInput(
            f"{name} is set in {path}, which counts instead of {LOADER_CONF}; move that line into {LOADER_CONF} first"
        )


def edited(values: Values, add: Sequence[str], remove: Sequence[str]) -> Dict[str, Optional[str]]:
    """The variables with these devices more and less; those that stay as they are, are left out. None: it goes.

    Whatever else stands in them stays, in its place. BadInput when there is no room left.
    """
    words = {name: values.get(name, "").split() for name in VARIABLES}
    for name in VARIABLES:
        words[name] = [word for word in words[name] if word not in remove]
    present = {word for listed in words.values() for word in listed}
    for place in dict.fromkeys(add):
        if place in present:
            continue
        room = next((name for name in VARIABLES if len(" ".join([*words[name], place])) <= LONGEST), None)
        if room is None:
            raise BadInput(
                f"selector: {place} does not fit into {', '.join(VARIABLES)} any more: the kernel reads {LONGEST} "
                "characters of each"
            )
        words[room].append(place)
    result: Dict[str, Optional[str]] = {}
    for name, listed in words.items():
        if listed != values.get(name, "").split():
            result[name] = " ".join(listed) or None
    return result


def in_kernel(kenv: str) -> List[str]:
    """The devices that the running kernel was told of, from what kenv(1) prints."""
    found: List[str] = []
    for line in kenv.splitlines():
        name, _equals, value = line.partition("=")
        if name in VARIABLES:
            found += value.strip('"').split()
    return found
