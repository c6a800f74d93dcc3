# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FAT file systems: laid out as sbin/newfs_msdos does it, made by mkfs.fat, filled by mtools."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence

from ... import paths
from ...bsd.native import program
from ...system import cli
from .debian import at_time
from .options import Node, Request

_SECTOR = 512
#: The first moment that FAT can hold: 1980.
_FIRST = 315532800
_FATS = 2
_ROOT_ENTRIES = 512
_RESERVED_CLUSTERS = 2
_FEWEST = {12: 1, 16: 0xFF5, 32: 0xFFF5}
_MOST = {12: 0xFF4, 16: 0xFFF4, 32: 0xFFFFFF4}
_LABEL = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz !#$%&'()-@^_`{}~")
_KNOWN = {"fat_type", "sectors_per_cluster", "volume_id", "volume_label", "OEM_string"}
_UNBUILT = {
    *("backup_sector", "block_size", "bootstrap", "bytes_per_sector", "create_size", "directory_entries"),
    *("drive_heads", "floppy", "hidden_sectors", "info_sector", "media_descriptor", "num_FAT", "offset"),
    *("reserved_sectors", "sectors_per_fat", "sectors_per_track", "size"),
}


@dataclass
class _Layout:
    """What a boot sector says, in sectors."""

    type: int
    sectors: int
    cluster: int
    reserved: int
    fat: int
    clusters: int

    def lines(self, name: str) -> str:
        """What newfs_msdos and makefs print of it."""
        count = self.clusters * self.cluster
        size = self.cluster * _SECTOR
        first = f"{name}: {count} sectors in {self.clusters} FAT{self.type} clusters ({size} bytes/cluster)"
        small = self.sectors <= 0xFFFF
        fields = [f"BytesPerSec={_SECTOR} SecPerClust={self.cluster} ResSectors={self.reserved} FATs={_FATS}"]
        if self.type != 32:
            fields.append(f"RootDirEnts={_ROOT_ENTRIES}")
        if small:
            fields.append(f"Sectors={self.sectors}")
        fields.append("Media=0xf0")
        if self.type != 32:
            fields.append(f"FATsecs={self.fat}")
        fields.append("SecPerTrack=63 Heads=255 HiddenSecs=0")
        if not small:
            fields.append(f"HugeSectors={self.sectors}")
        if self.type == 32:
            fields.append(f"FATsecs={self.fat} RootCluster=2 FSInfo=1 Backup=2")
        return f"{first}\n{' '.join(fields)}\n"


def _default_cluster(sectors: int) -> int:
    for limit, cluster in ((6000, 1), (1 << 17, 8), (1 << 19, 16), (1 << 21, 32)):
        if sectors <= limit:
            return cluster
    return 64


def _type_for(sectors: int, cluster: int) -> int:
    """The type by the size: FAT16 from where there are enough clusters for it, FAT32 from where there are too many."""
    if sectors < 1 + _fat_sectors(16, _FEWEST[16]) * _FATS + 32 + _FEWEST[16] * cluster:
        return 12
    return 16 if sectors < 1 + _fat_sectors(16, _MOST[16]) * _FATS + 32 + (_MOST[16] + 1) * cluster else 32


def _fat_sectors(kind: int, clusters: int) -> int:
    nibbles = (_RESERVED_CLUSTERS + clusters) * (kind // 4)
    return -(-nibbles // (_SECTOR * 2))


def _lay_out(sectors: int, kind: int, cluster: int) -> Optional[_Layout]:
    """The layout, or None after a word on stderr."""
    cluster = cluster or _default_cluster(sectors)
    kind = kind or _type_for(sectors, cluster)
    reserved = 32 if kind == 32 else 1
    root = 0 if kind == 32 else _ROOT_ENTRIES * 32 // _SECTOR
    data = sectors - reserved - root - _FATS
    if data < 0:
        cli.warn("makefs", "meta data exceeds file system size")
        return None
    most = data * _SECTOR * 2 // (cluster * _SECTOR * 2 + kind // 4 * _FATS)
    fat = _fat_sectors(kind, min(most, _MOST[kind]))
    clusters = min((sectors - reserved - root - fat * _FATS) // cluster, fat * _SECTOR * 2 // (kind // 4) - 2)
    if clusters < _FEWEST[kind]:
        need = _FEWEST[kind]
        cli.warn("makefs", f"{clusters} clusters too few clusters for FAT{kind}, need {need}")
        return None
    return _Layout(kind, sectors, cluster, reserved, fat, min(clusters, _MOST[kind]))


def _options(request: Request) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for option in request.options:
        name, _equals, value = option.partition("=")
        if name in _UNBUILT:
            cli.not_built("makefs", f"-o {name}")
        if name in _KNOWN:
            found[name] = value
        else:
            # Not the end: it goes on without.
            cli.warn("makefs", f"Unknown option `{name}'")
    return found


def make(request: Request) -> int:
    """An image; what goes wrong before the tree is looked at is a word on stderr and exit status 0, as on FreeBSD."""
    given = _options(request)
    if not request.maximum:
        cli.not_built("makefs", "-t msdos without -s")
    print(f"Creating `{request.image}'")
    image = paths.root(request.image)
    with open(image, "wb") as file:
        file.truncate(request.maximum)
    label = given.get("volume_label", "")
    if len(label) > 11 or set(label) - _LABEL:
        cli.warn("makefs", f"{label}: bad volume label")
        return 0
    kind, cluster = int(given.get("fat_type", "0")), int(given.get("sectors_per_cluster", "0"))
    layout = _lay_out(request.maximum // _SECTOR, kind, cluster)
    if layout is None:
        return 0
    print(layout.lines(request.image), end="")
    serial = int(given["volume_id"], 0) if "volume_id" in given else _serial(request.time)
    _format(image, layout, label, serial, request.time)
    print(f"Populating `{request.image}'")
    if not _populate(request, image, layout):
        cli.warn("makefs", f"Image file `{request.image}' not created.")
        return 1
    print(f"Image `{request.image}' complete")
    return 0


def _serial(seconds: Optional[int]) -> int:
    """The volume id follows from the time."""
    moment = time.gmtime(seconds)
    fraction = 0 if seconds is not None else time.time_ns() // 10_000 % 100_000
    upper = (moment.tm_mon << 8 | moment.tm_mday) + (moment.tm_sec << 8 | fraction)
    lower = moment.tm_year + (moment.tm_hour << 8 | moment.tm_min)
    return (upper << 16 | lower) & 0xFFFFFFFF


def _environment(seconds: Optional[int]) -> Dict[str, str]:
    environment = {"LC_ALL": "C", "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null"}
    return environment if seconds is None else {**environment, "SOURCE_DATE_EPOCH": str(max(seconds, _FIRST))}


def _format(image: str, layout: _Layout, label: str, serial: int, seconds: Optional[int]) -> None:
    argv = ["mkfs.fat", "-a", "-F", str(layout.type), "-s", str(layout.cluster), "-R", str(layout.reserved)]
    argv += ["-f", str(_FATS), "-S", str(_SECTOR), "-M", "0xf0", "-g", "255/63", "-i", f"{serial:08x}"]
    argv += [] if layout.type == 32 else ["-r", str(_ROOT_ENTRIES)]
    argv += ["-n", label] if label else []
    # The label has a time of its own, which mkfs.fat lets be the present or one fixed moment.
    argv += [] if seconds is None else ["--invariant"]
    done = subprocess.run(
        [*argv, image],
        executable=program("mkfs.fat"),
        env=_environment(seconds),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        cli.not_built("makefs", f"what mkfs.fat refuses: {done.stderr.strip()}")
    with open(image, "r+b") as file:
        file.seek(3)
        file.write(b"BSD4.4  ")


def _populate(request: Request, image: str, layout: _Layout) -> bool:
    free = layout.clusters - (1 if layout.type == 32 else 0)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(image))) as scratch:
        source, name = paths.root(request.tree), request.tree
        # As the directory has them, or the manifest.
        names = os.listdir(source) if request.nodes is None else _top(request.nodes)
        if request.time is not None or request.nodes is not None:
            source = os.path.join(scratch, "tree")
            if request.nodes is None:
                shutil.copytree(paths.root(request.tree), source, symlinks=True)
            else:
                _stage(request.nodes, source)
                name = "."
            if request.time is not None:
                at_time(source, max(request.time, _FIRST))
        if not _fits(source, name, layout.cluster * _SECTOR, free):
            return False
        if not names:
            return True
        argv = ["mcopy", "-s", "-Q", "-m", "-i", image, *(os.path.join(source, one) for one in names), "::"]
        done = subprocess.run(
            argv,
            executable=program("mcopy"),
            env=_environment(request.time),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        cli.not_built("makefs", f"what mcopy refuses: {done.stderr.strip()}")
    return True


def _stage(nodes: Sequence[Node], top: str) -> None:
    """Put together what a manifest names."""
    os.mkdir(top)
    for node in nodes:
        place = os.path.join(top, node.path)
        if node.contents:
            shutil.copyfile(paths.root(node.contents), place)
        else:
            os.mkdir(place)


def _top(nodes: Sequence[Node]) -> List[str]:
    """The names in the root directory, in order; below it mcopy keeps to the order of the directory."""
    below = [node.path.rpartition("/")[0] for node in nodes if "/" in node.path]
    if len(set(below)) != len(below):
        cli.not_built("makefs", "a manifest with several entries in a directory that is not the root")
    return [node.path for node in nodes if "/" not in node.path]


def _fits(tree: str, name: str, cluster: int, free: int) -> bool:
    """Whether all files have room; if not, the words that end at the first that has none."""
    used = 0
    failed: List[str] = []
    for folder, folders, files in os.walk(tree):
        folders.sort()
        used += 0 if folder == tree else 1
        for file in sorted(files):
            used += -(-os.path.getsize(os.path.join(folder, file)) // cluster)
            if used > free:
                inside = os.path.relpath(os.path.join(folder, file), tree).split("/")
                failed = ["/".join([name, *inside[: len(inside) - up]]) for up in range(len(inside))]
                break
        if failed:
            break
    for number_of, path in enumerate(failed):
        who = "msdosfs_mkfile" if number_of == 0 else "msdos_populate_dir"
        cli.warn("makefs", f"{who} {path}: No space left on device")
    return not failed
