# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distribution sets for the tests: small ones, that boot nothing, and looks at the disk that is made of them."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import random
import struct
import subprocess
import tarfile
from pathlib import Path
from typing import Any, Dict, List, Tuple, Union

from images import Mirror
from standin.host import StandinHost
from ufs import Ufs2

MIB = 1 << 20
LOADER = random.Random(7).randbytes(300_000)
PMBR = random.Random(8).randbytes(512)
GPTBOOT = random.Random(9).randbytes(70_000)
HASH = "$6$salt$" + "x" * 86
MADE = 1_700_000_000

BASE: List[Tuple[str, int, bytes]] = [
    ("etc/", 0o755, b""),
    ("etc/master.passwd", 0o600, b"root::0:0::0:0:Charlie &:/root:/bin/sh\ntoor:*:0:0::0:0:Bourne-again:/root:\n"),
    ("boot/", 0o755, b""),
    ("boot/loader.efi", 0o555, LOADER),
    ("boot/pmbr", 0o444, PMBR),
    ("boot/gptboot", 0o444, GPTBOOT),
    ("root/", 0o755, b""),
    ("usr/include/sys/param.h", 0o444, b"#define __FreeBSD_version 1403000\t/* Master */\n"),
    ("usr/bin/su", 0o4555, b"su"),
    ("usr/lib/libc.a", 0o444, random.Random(11).randbytes(380_000)),
    ("usr/lib/libm.a", 0o444, random.Random(12).randbytes(380_000)),
    ("var/cache/", 0o755, b""),
]
KERNEL: List[Tuple[str, int, bytes]] = [("boot/kernel/kernel", 0o555, random.Random(10).randbytes(200_000))]


def archive(members: List[Tuple[str, int, bytes]]) -> bytes:
    """A set: name, mode and content of each file; a name that ends in a slash is a directory's."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, mode, content in members:
            info = tarfile.TarInfo("./" + name.rstrip("/"))
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.mode, info.size, info.mtime = mode, len(content), MADE
            info.uid, info.gid = (66, 66) if name == "usr/bin/su" else (0, 0)
            tar.addfile(info, io.BytesIO(content))
    return lzma.compress(buffer.getvalue())


SETS = {"base.txz": archive(BASE), "kernel.txz": archive(KERNEL)}


def manifest(files: Dict[str, bytes]) -> bytes:
    lines = [
        f'{name}\t{hashlib.sha256(content).hexdigest()}\t7\t{name[:-4]}\t"The set {name[:-4]}"\ton\n'
        for name, content in files.items()
    ]
    return "".join(lines).encode()


def put(mirror: Mirror, **other: bytes) -> str:
    """A mirror's directory with the sets; its URL. ``other``: files that are not as they should be."""
    for name, content in {"MANIFEST": manifest(SETS), **SETS}.items():
        mirror.put(name, other.get(name.partition(".")[0], content))
    return mirror.url("pub")


def image(mirrors: Union[str, List[str]], **sets: Any) -> Dict[str, Any]:
    """A task; several sources are mirrors."""
    wanted = {"release": "14.3-RELEASE", "source": mirrors, "size": "24M", **sets}
    return {"name": "web", "retries": 0, "timeout": 5, "sets": wanted}


def partitions_of(disk: bytes, scratch: Path) -> List[Dict[str, Any]]:
    """The partitions, by a tool that is not ours."""
    path = scratch / "disk.raw"
    path.write_bytes(disk)
    verified = subprocess.run(["/usr/sbin/sfdisk", "--verify", str(path)], capture_output=True, text=True, check=False)
    assert "No errors detected" in verified.stdout, verified.stdout + verified.stderr
    dump = subprocess.run(["/usr/sbin/sfdisk", "--json", str(path)], capture_output=True, text=True, check=True)
    found: List[Dict[str, Any]] = json.loads(dump.stdout)["partitiontable"]["partitions"]
    return found


def part(disk: bytes, partition: Dict[str, Any]) -> bytes:
    start, size = int(partition["start"]) * 512, int(partition["size"]) * 512
    return disk[start : start + size]


def root_of(host: StandinHost, path: str) -> Ufs2:
    """The root file system of an image: what is behind the other partitions."""
    disk = host.read_bytes(path)
    (start,) = struct.unpack_from("<Q", disk, 2 * 512 + 2 * 128 + 32)  # the third partition's
    return Ufs2(disk[start * 512 :])
