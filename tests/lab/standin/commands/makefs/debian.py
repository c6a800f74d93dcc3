# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types that Debian's makefs has: what it lacks is done to its image, and its words become FreeBSD's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import List, Tuple

from ... import paths
from ...bsd.native import program
from ...system import cli
from .options import USAGE, Request, UsageError

_FFS = {
    *("avgfilesize", "avgfpdir", "bsize", "density", "extent", "fsize", "label", "maxbpcg", "maxbpg", "minfree"),
    *("optimization", "softupdates", "version"),
}
#: Offsets in a superblock (struct fs of sys/ufs/ffs/fs.h), and where it may lie.
_VOLUME_NAME, _FLAGS, _MAGIC = 680, 1312, 1372
_PLACES = (65536, 8192)
_UFS = ((0x19540119).to_bytes(4, "little"), (0x011954).to_bytes(4, "little"))
_SOFT_UPDATES = 0x02
_CD9660 = """
cd9660 specific options:
"""
_CD9660_OPTIONS = (
    *(("l", "isolevel", "ISO Level"), ("v", "verbose", "Turns on verbose output"), ("h", "help", "Show help message")),
    *(("S", "follow-symlinks", "Resolve symlinks in pathnames"), ("R", "rockridge", "Enable Rock-Ridge extensions")),
    *(("C", "chrp-boot", "Enable CHRP boot"), ("K", "keep-bad-images", "Keep bad images")),
    ("D", "allow-deep-trees", "Allow trees more than 8 levels"),
    ("a", "allow-max-name", "Allow 37 char filenames (unimplemented)"),
    ("i", "allow-illegal-chars", "Allow illegal characters in filenames"),
    ("m", "allow-multidot", "Allow multiple periods in filenames"),
    ("o", "omit-trailing-period", "Omit trailing periods in filenames"),
    ("", "allow-lowercase", "Allow lowercase characters in filenames"),
    *(("", "archimedes", "Enable Archimedes structure"), ("", "no-trailing-padding", "Include padding areas")),
    *(("A", "applicationid", "Application Identifier"), ("P", "publisher", "Publisher Identifier")),
    *(("p", "preparer", "Preparer Identifier"), ("L", "label", "Disk Label")),
    *(("V", "volumeid", "Volume Set Identifier"), ("B", "bootimage", "Boot image parameter")),
    *(("G", "generic-bootimage", "Generic boot image param"), ("", "bootimagedir", "Boot image directory")),
    *(("", "no-emul-boot", "No boot emulation"), ("", "no-boot", "No boot support")),
    *(("", "hard-disk-boot", "Boot from hard disk"), ("", "boot-load-segment", "Boot load segment")),
    ("", "platformid", "Section Header Platform ID"),
)


def _run(request: Request, words: List[str], tree: str) -> Tuple[int, str, str]:
    argv = ["makefs", "-t", request.type, *words, paths.root(request.image), tree]
    done = subprocess.run(argv, executable=program("makefs"), capture_output=True, text=True, check=False)
    said = done.stderr.partition("usage: makefs ")[0]
    return done.returncode, done.stdout, said


def _sizes(request: Request) -> List[str]:
    words = []
    if request.minimum:
        words += ["-M", str(request.minimum)]
    if request.maximum:
        words += ["-m", str(request.maximum)]
    return words


def ffs(request: Request) -> int:
    """UFS1 or UFS2. FreeBSD's defaults are blocks of 32 KiB in fragments of 4 KiB."""
    if request.time is not None:
        cli.not_built("makefs", "-T of an ffs")
    given = {"bsize": "32768", "fsize": "4096"}
    for option in request.options:
        name, equals, value = option.partition("=")
        if not equals:
            cli.warn("makefs", f"Option `{name}' doesn't contain a value")
            raise UsageError()
        if name not in _FFS:
            cli.warn("makefs", f"Unknown option `{name}'")
            raise UsageError()
        given[name] = value
    label, soft = given.pop("label", ""), given.pop("softupdates", "0")
    words = [*request.words, *_sizes(request)]
    for name, value in given.items():
        words += ["-o", f"{name}={value}"]
    status, printed, said = _run(request, words, paths.root(request.tree))
    if status == 0:
        _mark(paths.root(request.image), label, soft == "1")
        if request.sparse:
            subprocess.run([program("fallocate"), "--dig-holes", paths.root(request.image)], check=False)
    sys.stdout.write(printed.replace("(for fsck -b #)", "(for fsck_ffs -b #)"))
    cli.flush()
    sys.stderr.write(said)
    return status


def _mark(image: str, label: str, soft_updates: bool) -> None:
    """Write into the superblock what Debian's program knows nothing of."""
    with open(image, "r+b") as file:
        for place in _PLACES:
            file.seek(place + _MAGIC)
            if file.read(4) not in _UFS:
                continue
            file.seek(place + _VOLUME_NAME)
            file.write(label.encode("utf-8")[:32].ljust(32, b"\0"))
            file.seek(place + _FLAGS)
            flags = int.from_bytes(file.read(4), "little") | (_SOFT_UPDATES if soft_updates else 0)
            file.seek(place + _FLAGS)
            file.write(flags.to_bytes(4, "little"))
            return
    cli.not_built("makefs", "an ffs whose superblock cannot be found")


def cd9660(request: Request) -> int:
    """An ISO image. With ``-T`` a copy of the tree has that time, and so has the volume."""
    words = [word for option in request.options for word in ("-o", option)]
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(paths.root(request.image)))) as scratch:
        tree = paths.root(request.tree)
        if request.time is not None:
            tree = os.path.join(scratch, "tree")
            shutil.copytree(paths.root(request.tree), tree, symlinks=True)
            at_time(tree, request.time)
            words += ["-T", str(request.time)]
        status, printed, said = _run(request, words, tree)
    if status == 0 and request.time is not None:
        _set_volume_time(paths.root(request.image), request.time)
    sys.stdout.write(printed)
    cli.flush()
    sys.stderr.write(said)
    if status and said.startswith("makefs: error: "):
        rows = (f"\t{letter + ',' if letter else '':<2}{name:>20}\t{text}\n" for letter, name, text in _CD9660_OPTIONS)
        sys.stderr.write(USAGE + _CD9660 + "".join(rows))
    return status


def at_time(tree: str, seconds: int) -> None:
    """Give everything in a tree the same time."""
    for folder, _folders, files in os.walk(tree, topdown=False):
        for name in (*files, ""):
            os.utime(os.path.join(folder, name), (seconds, seconds), follow_symlinks=False)


def _set_volume_time(image: str, seconds: int) -> None:
    """Set all dates to one: those of the volume (ECMA-119, 8.4.26 to 8.4.29), of the files, and of their inodes."""
    moment = time.gmtime(seconds)
    text = time.strftime("%Y%m%d%H%M%S00", moment).encode("ascii") + b"\0"
    short = bytes((moment.tm_year - 1900, *moment[1:6], 0))
    with open(image, "rb") as file:
        content = bytearray(file.read())
    volume = 16 * 2048
    if content[volume : volume + 6] != b"\x01CD001":
        cli.not_built("makefs", "an ISO image without a primary volume descriptor")
    for place in (813, 830, 864):
        content[volume + place : volume + place + 17] = text
    content[volume + 156 + 18 : volume + 156 + 25] = short
    _set_record_times(content, volume + 156, short)
    with open(image, "wb") as file:
        file.write(content)


def _set_field_times(content: bytearray, place: int, end: int, short: bytes) -> None:
    """The time stamps in a system use area, and in what continues it elsewhere (SUSP: CE)."""
    while place + 4 <= end:
        size = content[place + 2]
        if size < 4:
            return
        if content[place : place + 2] == b"TF":
            content[place + 5 : place + size] = (short * 3)[: size - 5]
        elif content[place : place + 2] == b"CE":
            block, offset, length = (
                int.from_bytes(content[place + at : place + at + 4], "little") for at in (4, 12, 20)
            )
            start = block * 2048 + offset
            _set_field_times(content, start, start + length, short)
        place += size


def _set_record_times(content: bytearray, record: int, short: bytes) -> None:
    """The dates of the files in the directory of a directory record, and in those below (ECMA-119, 9.1; RRIP, TF)."""
    place = int.from_bytes(content[record + 2 : record + 6], "little") * 2048
    end = place + int.from_bytes(content[record + 10 : record + 14], "little")
    number = 0
    while place < end:
        length = content[place]
        if not length:
            place += 2048 - place % 2048  # no record crosses a sector
            continue
        content[place + 18 : place + 25] = short
        name = content[place + 32]
        _set_field_times(content, place + 33 + name + (1 - name % 2), place + length, short)
        if content[place + 25] & 2 and number > 1:  # a directory, and neither . nor ..
            _set_record_times(content, place, short)
        number += 1
        place += length
