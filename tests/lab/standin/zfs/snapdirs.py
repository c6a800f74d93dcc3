# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory `.zfs/snapshot` of a file system: its snapshots by name, to be read.

Here it is a directory of links to the copies, made when the first snapshot is. It shows up in listings, as it does on
FreeBSD with snapdir=visible, and what it leads to could be written.
"""

from __future__ import annotations

import os
import shutil
from typing import Dict

from . import content
from .model import Doc, Model

CHANGES = ("snapshot", "snap", "destroy", "rename", "promote", "receive", "recv", "rollback", "clone")


def refresh(model: Model) -> None:
    """Let every file system's directory name the snapshots that it has now."""
    for pool in model.pools():
        for dataset in pool["datasets"].values():
            if dataset["type"] == "filesystem":
                _refresh(dataset)


def _refresh(dataset: Doc) -> None:
    top = os.path.join(content.path(dataset["object"]), content.SNAPDIR)
    wanted: Dict[str, str] = {point["name"]: content.path(point["object"]) for point in dataset["snapshots"]}
    if not wanted:
        if os.path.isdir(top):
            shutil.rmtree(top)
        return
    place = os.path.join(top, "snapshot")
    os.makedirs(place, mode=0o555, exist_ok=True)
    for name in set(os.listdir(place)) - set(wanted):
        os.unlink(os.path.join(place, name))
    for name, target in wanted.items():
        link = os.path.join(place, name)
        if not os.path.lexists(link) or os.readlink(link) != target:
            if os.path.lexists(link):
                os.unlink(link)
            os.symlink(target, link)
