# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The three files that bhyve writes: whether they are whole, what they are noted by, and that they stay.

bhyvectl exits 64 whatever came of a checkpoint, so nothing but the files tells. bhyve opens all three, pauses the
guest, writes the memory, then what the kernel knows, last the JSON that says what is where in it, and lets the guest go
on.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Dict, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manifest import FILES, File, Manifest
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

_CHUNK = 1 << 20
#: What the state in .kern is of: the kernel's, by the words of two releases, and the devices'.
_STATES = ("structs", "kern_structs", "devices")
_BASIC = "basic metadata"

#: The metadata, read as JSON.
Meta = Dict[str, Any]


def sizes(host: Host, directory: str) -> Dict[str, int]:
    """The bytes of those files that are there."""
    found = {name: host.stat(f"{directory}/{name}") for name in FILES}
    return {name: status.st_size for name, status in found.items() if status is not None}


def read_meta(host: Host, directory: str) -> Optional[Meta]:
    """bhyve's metadata if they are whole, else None: it writes them last."""
    text = host.read(f"{directory}/{FILES[2]}")
    try:
        meta = json.loads(text or "")
    except ValueError:
        return None
    return meta if isinstance(meta, dict) else None


def wrong_with(meta: Meta, found: Mapping[str, int], guest: str, memory: int, cpus: int) -> str:
    """What of bhyve's files is not what this guest's have to be, '' if all is well. Pure."""
    try:
        basic = meta[_BASIC]
        facts = (str(basic["vmname"]), int(basic["memsize"]), int(basic["ncpus"]))
        states = [one for key in _STATES for one in meta.get(key, ())]
        end = max((int(one["file_offset"]) + int(one["size"]) for one in states), default=0)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"bhyve's metadata are not what they should be ({error!r})"
    if facts != (guest, memory, cpus):
        return f"bhyve's metadata name guest {facts[0]} with {facts[1]} bytes of memory and {facts[2]} CPUs"
    if found.get(FILES[0]) != memory:
        return f"{FILES[0]} has {found.get(FILES[0], 0)} bytes, and the guest's memory is {memory}"
    if not end or found.get(FILES[1], 0) < end:
        return f"{FILES[1]} has {found.get(FILES[1], 0)} bytes, and the state of the devices in it ends at {end}"
    return ""


def keep(host: Host, directory: str) -> Dict[str, File]:
    """See to it that the files outlive a power failure and are root's alone; their sizes and checksums. FileError."""
    result: Dict[str, File] = {}
    for name in FILES:
        path = f"{directory}/{name}"
        host.chmod(path, 0o600)
        result[name] = _read(path, sync=True)
    return result


def verify(checkpoint: Manifest, directory: str) -> None:
    """ApiaryError when a file is not the one that was saved: restored, its guest would run on whatever is in there."""
    for name, noted in checkpoint.files.items():
        path = f"{directory}/{name}"
        found = _read(path)
        if found.size != noted.size:
            raise ApiaryError(f"{path} has {found.size} bytes and should have {noted.size}")
        if found.sha256 != noted.sha256:
            raise ApiaryError(
                f"{path} is not what was saved: its SHA-256 is {found.sha256} and should be {noted.sha256}"
            )


def digest(path: str) -> str:
    """The SHA-256 of a file. FileError."""
    return _read(path).sha256


def _read(path: str, sync: bool = False) -> File:
    found = hashlib.sha256()
    size = 0
    try:
        with open(path, "rb") as file:
            if sync:
                os.fsync(file.fileno())
            for chunk in iter(lambda: file.read(_CHUNK), b""):
                found.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise FileError("read", path, error) from error
    return File(size, found.hexdigest())
