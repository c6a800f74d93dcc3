# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a guest can be saved: what its host's bhyve has, and what of the guest's devices it saves. Pure.

Devices that bhyve cannot save it leaves out of a checkpoint without a word, and says nothing of it when it restores.
"""

from __future__ import annotations

import re
import shlex
from typing import Dict, List, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.system.checkpoints import Checkpoints

#: bhyve's own limit for the path of a file with its extension (`.kern`, `.meta`), without a word beyond it.
LONGEST = 95

_DEVICE = re.compile(r"(?P<place>pci\.\d+\.\d+\.\d+)\.device|(?P<tpm>tpm)\.type")


def check_host(checkpoints: Optional[Checkpoints]) -> Checkpoints:
    """BadInput, which says what is missing and how it is had, unless this host's bhyve saves guests."""
    if checkpoints is None:
        raise BadInput(
            "what this host's bhyve can save is not known, for the host was prepared by an earlier release; run the "
            "role apiary.bhyve.bhyve_host again"
        )
    if checkpoints.missing:
        raise BadInput(
            f"checkpoints need a FreeBSD that is built for them, and this host lacks that in: "
            f"{', '.join(checkpoints.missing)}. Put WITH_BHYVE_SNAPSHOT=yes into /etc/src.conf (src.conf(5)) and "
            "`options BHYVE_SNAPSHOT` into the kernel's configuration, make buildworld and buildkernel, install both, "
            "and run the role apiary.bhyve.bhyve_host again"
        )
    return checkpoints


def devices_of(conf: Mapping[str, str], arguments: str) -> Dict[str, str]:
    """The devices that a guest runs with, by place: of its configuration, and of bhyve's words beyond it."""
    keys = dict(conf)
    try:
        words = shlex.split(arguments)
    except ValueError:
        words = []
    for option, word in zip(words, words[1:]):
        key, equals, value = word.partition("=")
        if option == "-o" and equals:
            keys[key] = value
    matches = ((_DEVICE.fullmatch(key), value) for key, value in keys.items())
    return {match["place"] or match["tpm"]: value for match, value in matches if match is not None}


def check_devices(devices: Mapping[str, str], checkpoints: Checkpoints, where: str) -> None:
    """BadInput, which names them, when bhyve cannot save some of these devices."""
    lost: List[str] = []
    seen: List[str] = []
    for place, name in devices.items():
        if name not in checkpoints.devices or place == "tpm":
            lost.append(f"{name} ({place})")
        elif name in seen and not checkpoints.several:
            lost.append(f"a second {name} ({place})")
        seen.append(name)
    if lost:
        each = "" if checkpoints.several else ", one of each"
        raise BadInput(
            f"{where}this host's bhyve cannot save {', '.join(lost)}, and older ones would leave that out without a "
            f"word; what it saves is: {', '.join(sorted(checkpoints.devices))}{each}"
        )


def check_path(path: str, where: str) -> None:
    """BadInput when bhyve's files would have names that it cuts."""
    length = len(path.encode("utf-8", "surrogateescape"))
    if length > LONGEST:
        raise BadInput(
            f"{where}name: bhyve takes at most {LONGEST} characters for the path of its files, and {path} has {length}"
            "; choose a shorter name"
        )
