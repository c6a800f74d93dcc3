# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files of a UFS2 file system image (sys/ufs/ffs/fs.h, sys/ufs/ufs/dinode.h), those of up to twelve blocks."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from typing import Dict

_ROOT_INODE = 2
_INODE = 256
_MAGIC = 0x19540119


@dataclass(frozen=True)
class Inode:
    """What is known of a file."""

    mode: int
    uid: int
    gid: int
    mtime: int
    content: bytes


class Ufs2:
    """A file system. ``label`` and ``soft_updates`` are of its superblock, ``size`` is in bytes."""

    def __init__(self, image: bytes) -> None:
        self._image = image
        # FreeBSD has it at 64 KiB, NetBSD's makefs, which stands in for FreeBSD's, at 8 KiB.
        place = next(at for at in (65536, 8192) if self._int(at + 1372) == _MAGIC)
        self._inodes_at, self._block, self._fragment = (
            self._int(place + 16),
            self._int(place + 48),
            self._int(place + 52),
        )
        self._per_group, self._group = self._int(place + 184), self._int(place + 188)
        self.label = image[place + 680 : place + 712].rstrip(b"\0").decode()
        self.soft_updates = bool(self._int(place + 1312) & 2)
        self.size = struct.unpack_from("<q", image, place + 1080)[0] * self._fragment

    def _int(self, place: int) -> int:
        value: int = struct.unpack_from("<i", self._image, place)[0]
        return value

    def _inode(self, number: int) -> Inode:
        group, index = divmod(number, self._per_group)
        place = (group * self._group + self._inodes_at) * self._fragment + index * _INODE
        mode, _links, uid, gid, _size, size = struct.unpack_from("<HHIIIQ", self._image, place)
        mtime: int = struct.unpack_from("<q", self._image, place + 40)[0]
        if stat.S_ISLNK(mode) and size < 120:
            return Inode(mode, uid, gid, mtime, self._image[place + 112 : place + 112 + size])
        assert size <= 12 * self._block, "a larger file than this reader knows"
        content = b""
        for block in struct.unpack_from("<12q", self._image, place + 112):
            if len(content) < size:
                content += self._image[block * self._fragment : block * self._fragment + self._block]
        return Inode(mode, uid, gid, mtime, content[:size])

    def _entries(self, directory: Inode) -> Dict[str, int]:
        found: Dict[str, int] = {}
        place = 0
        while place < len(directory.content):
            number, length, _type, name = struct.unpack_from("<IHBB", directory.content, place)
            if number:
                found[directory.content[place + 8 : place + 8 + name].decode()] = number
            place += length
        return found

    def look(self, path: str) -> Inode:
        """A file or directory by its path; links are not followed. KeyError when it is not there."""
        inode = self._inode(_ROOT_INODE)
        for name in path.strip("/").split("/"):
            inode = self._inode(self._entries(inode)[name])
        return inode

    def names(self, path: str) -> Dict[str, int]:
        """What is in a directory."""
        return self._entries(self.look(path) if path.strip("/") else self._inode(_ROOT_INODE))
