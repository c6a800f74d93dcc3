# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a checkpoint has otherwise than its guest and its host have today. Pure.

bhyve checks nothing: with other memory or other CPUs it starts and the guest is wrong, with a device missing it ends by
SIGSEGV, and another build reads the state of devices as if it were its own.
"""

from __future__ import annotations

import re
from typing import List, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manifest import Machine
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.state import Checkpoint

#: What the guest sees of its machine: memory, CPUs, devices.
_SEEN = re.compile(r"uuid|cpus|memory\.size|(?:pci|lpc)\..+")
#: What of its devices it does not: where a viewer connects to, and by which password.
_UNSEEN = re.compile(r"pci\..+\.(?:rfb|tcp|password|wait)")


def differences(checkpoint: Checkpoint, today: Optional[Mapping[str, str]], machine: Machine) -> List[str]:
    """What differs, each with its name and both values; [] if it fits.

    ``today`` are the keys of the guest's next boot (bhyve_config(5)), None if the guest has no boot generation.
    """
    found = _of_machine(checkpoint.manifest.machine, machine)
    if today is None:
        return [*found, "the guest has nothing to boot from today"]
    then = _seen(checkpoint.conf)
    now = _seen(today)
    for key in [*then, *(key for key in now if key not in then)]:
        if then.get(key) != now.get(key):
            found.append(f"{key}: {then.get(key, 'none')} in the checkpoint, {now.get(key, 'none')} today")
    return found


def _of_machine(then: Machine, now: Machine) -> List[str]:
    found = []
    if then.kernel != now.kernel:
        found.append(f"the host's kernel: {then.kernel} in the checkpoint, {now.kernel} today")
    if then.bhyve != now.bhyve:
        found.append(f"bhyve: another build (SHA-256 {then.bhyve[:12]} in the checkpoint, {now.bhyve[:12]} today)")
    if then.cpu != now.cpu:
        found.append(f"the host's CPU: {then.cpu} in the checkpoint, {now.cpu} today")
    return found


def _seen(keys: Mapping[str, str]) -> Mapping[str, str]:
    return {key: value for key, value in keys.items() if _SEEN.fullmatch(key) and not _UNSEEN.fullmatch(key)}
