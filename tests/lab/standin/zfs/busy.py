# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has a volume open. Asked of the processes themselves, so that nothing has to be noted by those who open it."""

from __future__ import annotations

import os
from typing import List, Tuple

from .. import notes, paths
from . import content
from .model import Doc

Opener = Tuple[int, int]  # pid and start time in ticks: a pid that is used again is another process


def openers(dataset: Doc) -> List[Opener]:
    """Every process that has the volume's content open now."""
    target = os.path.realpath(content.path(dataset["object"]))
    found: List[Opener] = []
    try:
        wanted = os.stat(target)
    except FileNotFoundError:
        return found
    for pid in os.listdir(paths.PROC):
        if not pid.isdigit() or int(pid) in notes.mine():
            continue
        descriptors = f"{paths.PROC}/{pid}/fd"
        try:
            names = os.listdir(descriptors)
        except OSError:
            continue
        for name in names:
            try:
                info = os.stat(f"{descriptors}/{name}")
            except OSError:
                continue
            if (info.st_dev, info.st_ino) == (wanted.st_dev, wanted.st_ino):
                ticks = notes.start_ticks(int(pid))
                if ticks is not None:
                    found.append((int(pid), ticks))
                break
    return found


def holds(dataset: Doc, kernel: Doc) -> bool:
    """Whether ZFS takes the volume for busy. It forgets who had it open when it was renamed (seen on FreeBSD)."""
    if dataset["type"] != "volume":
        return False
    forgotten = [tuple(entry) for entry in kernel.get("forgotten", {}).get(str(dataset["guid"]), [])]
    return any(opener not in forgotten for opener in openers(dataset))


def forget(dataset: Doc, kernel: Doc) -> None:
    """The volume was renamed: whoever has it open now no longer counts."""
    if dataset["type"] == "volume":
        kernel.setdefault("forgotten", {})[str(dataset["guid"])] = [list(opener) for opener in openers(dataset)]
