# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checksums of images: how they are declared, files of them (SHA256SUMS, CHECKSUM.SHA256), and computing them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Sequence, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, FileError

_DIGITS = {"sha256": 64, "sha512": 128}
_GNU = re.compile(r"\\?(?P<digest>[0-9A-Fa-f]{64}|[0-9A-Fa-f]{128})(?:[ \t]+\*?(?P<name>\S.*?))?\s*")
_BSD = re.compile(r"(?P<algorithm>SHA256|SHA512) ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9A-Fa-f]+)\s*")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Checksum:
    """A declared checksum: ``value`` is the digest in lower case, or where a file of digests is (a URL or a path)."""

    algorithm: str
    value: str

    @property
    def by_file(self) -> bool:
        return ":" in self.value or self.value.startswith("/")

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


def parse_checksum(text: str, option: str) -> Checksum:
    """``sha256:HEX``, ``sha512:HEX``, or either with the URL or path of a file of digests; else BadInput."""
    algorithm, colon, value = text.strip().partition(":")
    algorithm = algorithm.lower()
    if not colon or algorithm not in _DIGITS:
        raise BadInput(f"{option}: {text!r}; write sha256: or sha512: and the digest, or the URL of a file of digests")
    if value.startswith(("http://", "https://", "/")):
        return Checksum(algorithm, value)
    if not re.fullmatch(r"[0-9A-Fa-f]*", value) or len(value) != _DIGITS[algorithm]:
        raise BadInput(
            f"{option}: {value!r} is not a {algorithm} digest of {_DIGITS[algorithm]} hexadecimal digits, "
            "nor a URL (http, https) or absolute path of a file of digests"
        )
    return Checksum(algorithm, value.lower())


def find_digest(text: str, algorithm: str, names: Iterable[str], where: str) -> str:
    """The digest of the first of ``names`` that a file of digests has, as sha256sum(1) or sha256(1) print it.

    Names may be paths: of several files of one name, that counts which the path ends with. A file that is one digest
    and nothing else is that of any name. ApiaryError when there is none, or two that differ.
    """
    found: Dict[str, List[Tuple[str, str]]] = {}
    for line in text.splitlines():
        bsd, gnu = _BSD.fullmatch(line.strip()), _GNU.fullmatch(line.strip())
        match = bsd or gnu
        if match is None or len(match["digest"]) != _DIGITS[algorithm]:
            continue
        if bsd is not None and bsd["algorithm"].lower() != algorithm:
            continue
        path = match["name"] or ""
        found.setdefault(_base(path), []).append((path, match["digest"].lower()))
    wanted = list(names)
    for name in wanted if list(found) != [""] else [""]:
        digests = _of_path(name, found.get(_base(name), ()))
        if len(digests) > 1:
            raise ApiaryError(f"{where} has more than one {algorithm} digest for {_base(name) or 'the image'}")
        if digests:
            return digests.pop()
    known = ", ".join(sorted(found)[:5]) or f"no {algorithm} digest at all"
    raise ApiaryError(f"{where} has no {algorithm} digest for {' or '.join(map(_base, wanted))}; it has {known}")


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _of_path(wanted: str, found: Iterable[Tuple[str, str]]) -> Set[str]:
    """The digests of files of one name; where they differ, of the longest path that the wanted one ends with."""
    entries = [(re.sub(r"^(\./|/)+", "", path), digest) for path, digest in found]
    digests = {digest for _path, digest in entries}
    if len(digests) < 2:
        return digests
    longest = max((path for path, _digest in entries if f"/{wanted}".endswith(f"/{path}")), key=len, default=None)
    return digests if longest is None else {digest for path, digest in entries if path == longest}


def digests_of(path: str, algorithms: Sequence[str], note: Callable[[int], None]) -> Dict[str, str]:
    """The digests of a file, in hexadecimal, by algorithm; ``note`` is told how many bytes were read. FileError."""
    sums = {name: hashlib.new(name) for name in algorithms}
    done = 0
    try:
        with open(path, "rb") as file:
            while True:
                chunk = file.read(_CHUNK)
                if not chunk:
                    return {name: one.hexdigest() for name, one in sums.items()}
                for one in sums.values():
                    one.update(chunk)
                done += len(chunk)
                note(done)
    except OSError as error:
        raise FileError("read", path, error) from error
