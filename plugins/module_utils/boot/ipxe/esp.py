# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An EFI system partition with iPXE, and a disk of it: layout and command lines. The same content, the same bytes."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import List

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

_SECTOR = 512
#: The time of all files, and the serial number of the file system, which makefs(8) would make of the time of day.
_TIME, _VOLUME_ID = 1000000000, 0x41504941
#: The FAT12 of FreeBSD's own boot images (release/amd64/mkisoimages.sh), and how many files' sectors it has room for.
_SMALL_KIB, _SMALL_SECTORS = 2000, 3900
#: FAT16 begins at 2100 KiB and ends at 65524 clusters, which are sectors here.
_LARGE_LEAST_KIB, _LARGE_SECTORS = 2500, 60000
_DIRECTORIES = 2
_PLAIN = re.compile(r"/[A-Za-z0-9._,@+/-]+")
_AMD64 = 0x8664
_AUTOEXEC = b"autoexec.ipxe"


@dataclass(frozen=True)
class Layout:
    """The file system: its FAT type (makefs(8), fat_type) and size."""

    fat_type: int
    kib: int


def check_program(data: bytes, path: str, option: str) -> None:
    """BadInput unless a file is iPXE as an EFI program for amd64, of a version that reads autoexec.ipxe."""
    at = struct.unpack_from("<I", data, 0x3C)[0] if data[:2] == b"MZ" and len(data) >= 0x40 else len(data)
    if data[at : at + 4] != b"PE\0\0":
        raise BadInput(f"{option}: {path} is no EFI program; give iPXE's, such as ipxe.efi-x86_64")
    machine = int.from_bytes(data[at + 4 : at + 6], "little")
    if machine != _AMD64:
        raise BadInput(
            f"{option}: {path} is an EFI program for another machine ({machine:#x}) than a guest's, amd64 ({_AMD64:#x})"
        )
    if _AUTOEXEC not in data:
        raise BadInput(
            f"{option}: {path} does not read {_AUTOEXEC.decode()}: it is no iPXE, or one from before 2021; "
            "install a newer package ipxe, or give the path of one of your own"
        )


def check_plain(path: str, option: str) -> None:
    """BadInput unless a path can stand in a manifest of makefs(8) as it is."""
    if not _PLAIN.fullmatch(path):
        raise BadInput(f"{option}: {path!r}; allowed is an absolute path of letters, digits and . _ - + @ , /")


def layout(program: int, script: int, option: str) -> Layout:
    """The least file system that has room for files of these sizes in bytes. BadInput if none of ours has."""
    sectors = -(-program // _SECTOR) + -(-script // _SECTOR) + _DIRECTORIES
    if sectors <= _SMALL_SECTORS:
        return Layout(12, _SMALL_KIB)
    if sectors > _LARGE_SECTORS:
        raise BadInput(f"{option}: {program} bytes; iPXE has about one million, and there is room for thirty")
    # A cluster takes two bytes in each of the two tables; the root directory 16 KiB.
    return Layout(16, max(-(-sectors * (_SECTOR + 4) // 1024) + 100, _LARGE_LEAST_KIB))


def manifest(program: str, script: str) -> str:
    """What is on the partition, in the order in which makefs(8) puts it there: a directory's order is its host's."""
    return (
        "#mtree\n"
        ". type=dir mode=0755\n"
        "./EFI type=dir mode=0755\n"
        "./EFI/BOOT type=dir mode=0755\n"
        f"./EFI/BOOT/BOOTX64.EFI type=file mode=0644 contents={program}\n"
        f"./autoexec.ipxe type=file mode=0644 contents={script}\n"
    )


def make_esp(image: str, spec: str, wanted: Layout) -> List[str]:
    """makefs(8): the partition. The time comes first, for it counts for the options behind it."""
    options = [
        f"fat_type={wanted.fat_type}",
        "sectors_per_cluster=1",
        f"volume_id={_VOLUME_ID}",
        "volume_label=EFISYS",
    ]
    words = [word for option in options for word in ("-o", option)]
    return ["makefs", "-t", "msdos", "-T", str(_TIME), *words, "-s", f"{wanted.kib}k", image, spec]


def make_disk(disk: str, partition: str) -> List[str]:
    """mkimg(1): the disk, with identifiers that are the same each time."""
    return ["mkimg", "-y", "-s", "gpt", "-f", "raw", "-p", f"efi/efiesp:={partition}", "-o", disk]
