# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest of an export: what is in it, of which guest, and the state of its content. Pure.

docs/export-format.md describes the file for administrators.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Mapping, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError

FORMAT = "apiary-export"
SCHEMA = 1
MANIFEST = "manifest.json"
RECORD = "guest.json"
#: Files of a guest that are neither record nor disk nor made anew on every host.
FILES = ("uefi-vars.fd", "seed.iso", "firstboot")
HOOKS = "hooks"
#: Larger than any manifest: nothing that claims to be one is read beyond.
MANIFEST_MOST = 16 << 20

STREAM = "stream"
IMAGE = "image"
FILE = "file"
RECORD_KIND = "record"

_SUFFIX = {STREAM: "zfs.zst", IMAGE: "img.zst"}
_SUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Member:
    """A member of the file. ``size`` and ``sha256`` are those of the member as it is there, compressed.

    ``path`` is the place of a file in the guest's directory. Of a disk: ``bytes`` is its size for the guest, ``held``
    about how much of that holds data, ``block`` its volume's block size (0: it was a file), ``thick`` whether its space
    was reserved.
    """

    name: str
    kind: str
    size: int = 0
    sha256: str = ""
    path: str = ""
    mode: int = 0o600
    disk: str = ""
    bytes: int = 0
    held: int = 0
    block: int = 0
    thick: bool = False


@dataclass(frozen=True)
class Left:
    """A disk that is not in the file: it is given by a path. ``medium``: the guest only reads it."""

    disk: str
    path: str
    medium: bool


@dataclass(frozen=True)
class Content:
    """What tells whether a guest's data is that of an export: the GUIDs of its volumes' snapshots, its files' stats."""

    volumes: Dict[str, str] = field(default_factory=dict)
    files: Dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """An export. ``consistency`` is stopped or crash_consistent, ``created`` seconds since the epoch."""

    id: str
    guest: str
    uuid: str
    host: str
    created: int
    consistency: str
    snapshot: str
    content: Content
    members: Tuple[Member, ...]
    left: Tuple[Left, ...] = ()

    @property
    def disks(self) -> Tuple[Member, ...]:
        return tuple(member for member in self.members if member.disk)

    @property
    def formats(self) -> Dict[str, str]:
        return {member.disk: member.kind for member in self.disks}

    def member(self, name: str) -> Member:
        """The member of this name; ApiaryError if there is none."""
        for member in self.members:
            if member.name == name:
                return member
        raise ApiaryError(f"the export has no {name}")


def disk_member(disk: str, kind: str) -> str:
    """The name of a disk's member."""
    return f"disks/{disk}.{_SUFFIX[kind]}"


def file_member(path: str) -> str:
    """The name of a file's member."""
    return f"files/{path}"


def dump(manifest: Manifest) -> str:
    """The text of manifest.json."""
    data = {"format": FORMAT, "schema": SCHEMA, **asdict(manifest)}
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def reserve(manifest: Manifest) -> int:
    """Bytes that the manifest takes at most once the sizes and checksums of its members are known."""
    most = tuple(_with_sum(member, 10**18, "0" * 64) for member in manifest.members)
    return len(dump(_with_members(manifest, most)).encode("utf-8"))


def filled(manifest: Manifest, sums: Mapping[str, Tuple[int, str]], size: int) -> bytes:
    """The final manifest.json, padded to exactly ``size`` bytes; ``sums`` has size and SHA-256 by member."""
    text = dump(with_sums(manifest, sums)).encode("utf-8")
    return text.rstrip(b"\n") + b" " * (size - len(text)) + b"\n"


def with_sums(manifest: Manifest, sums: Mapping[str, Tuple[int, str]]) -> Manifest:
    """The manifest with what was written."""
    return _with_members(manifest, tuple(_with_sum(one, *sums[one.name]) for one in manifest.members))


def _with_sum(member: Member, size: int, sha256: str) -> Member:
    return Member(**{**asdict(member), "size": size, "sha256": sha256})


def _with_members(manifest: Manifest, members: Tuple[Member, ...]) -> Manifest:
    values = {name: getattr(manifest, name) for name in manifest.__dataclass_fields__}
    return Manifest(**{**values, "members": members})


def load(data: bytes, path: str) -> Manifest:
    """Read manifest.json. ApiaryError, naming the file, for a newer schema or anything that is no manifest."""
    try:
        found = json.loads(data.decode("utf-8"))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ApiaryError(f"{path} is not an export of a guest: its manifest.json does not say so")
        schema = int(found["schema"])
        if schema > SCHEMA:
            raise ApiaryError(
                f"{path} has schema {schema}, this apiary.bhyve knows {SCHEMA} and older: update the collection on the "
                "controller"
            )
        manifest = _from_json(found)
    except (ValueError, KeyError, TypeError) as error:
        raise ApiaryError(f"{path} is damaged: its manifest.json cannot be read ({error!r})") from error
    _check(manifest, path)
    return manifest


def _from_json(data: Mapping[str, Any]) -> Manifest:
    content = Content(**{key: dict(value) for key, value in data["content"].items()})
    members = tuple(Member(**member) for member in data["members"])
    left = tuple(Left(**one) for one in data["left"])
    values = {name: data[name] for name in ("id", "guest", "uuid", "host", "consistency", "snapshot")}
    texts = {name: str(value) for name, value in values.items()}
    return Manifest(**texts, created=int(data["created"]), content=content, members=members, left=left)


def _belongs(path: str) -> bool:
    """Whether a file is one of a guest: one that is known, or one right in the directory of its hooks."""
    directory, _slash, name = path.rpartition("/")
    return path in FILES or (directory == HOOKS and name not in ("", ".", "..") and "\0" not in name)


def _check(manifest: Manifest, path: str) -> None:
    """Nothing of a file that somebody brought leads out of the guest's directory."""
    names = [member.name for member in manifest.members]
    problem = ""
    if len(set(names)) != len(names) or names.count(RECORD) != 1:
        problem = "its members are not clear"
    for member in manifest.members:
        expected = {
            RECORD_KIND: RECORD,
            FILE: file_member(member.path),
            STREAM: f"disks/{member.disk}.{_SUFFIX[STREAM]}",
            IMAGE: f"disks/{member.disk}.{_SUFFIX[IMAGE]}",
        }
        if expected.get(member.kind) != member.name or not _SUM.fullmatch(member.sha256):
            problem = f"the member {member.name} is not known"
        if member.kind == FILE and not _belongs(member.path):
            problem = f"a file named {member.path!r} does not belong to a guest"
        if min(member.size, member.bytes, member.held, member.block) < 0:
            problem = f"the member {member.name} has a negative size"
    if problem:
        raise ApiaryError(f"{path} is damaged: {problem} in its manifest.json")
