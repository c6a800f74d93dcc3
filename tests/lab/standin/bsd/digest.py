# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""md5, sha1, sha256 … as BSD has them, and md5sum … as GNU has them: FreeBSD carries both."""

from __future__ import annotations

import hashlib
import os
import re
import sys

from .options import Options, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List, Optional

_NAMES = {"md5": "MD5", "sha1": "SHA1", "sha224": "SHA224", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}


def _sum(algorithm: str, path: Optional[str]) -> str:
    digest = hashlib.new(algorithm)
    with sys.stdin.buffer if path is None else open(path, "rb") as stream:
        while True:
            data = stream.read(1 << 20)
            if not data:
                return digest.hexdigest()
            digest.update(data)


def _bsd(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    label = _NAMES[name]
    if "s" in values:
        text = hashlib.new(name, os.fsencode(values["s"])).hexdigest()
        print(text if "q" in values else _line(values, label, f"({values['s']})", text))
        return 0
    if not operands:
        print(_sum(name, None))
        return 0
    status = 0
    for path in operands:
        try:
            text = _sum(name, path)
        except OSError as error:
            status |= warn(name, path, error)
            continue
        line = text if "q" in values else _line(values, label, f"({path})", text)
        if "c" in values and text != values["c"].lower():
            line, status = line + " [ Failed ]", 2
        print(line)
    return status


def _line(values: Dict[str, str], label: str, subject: str, text: str) -> str:
    return f"{text} {subject[1:-1]}" if "r" in values else f"{label} {subject} = {text}"


def _gnu(name: str, options: Options, operands: List[str]) -> int:
    algorithm = name[: -len("sum")]
    values = dict(options)
    status = 0
    if "c" in values:
        return max([_check(name, algorithm, path) for path in operands])
    for path in operands or ["-"]:
        try:
            print(f"{_sum(algorithm, None if path == '-' else path)}  {path}")
        except OSError as error:
            status |= warn(name, path, error)
    return status


def _check(name: str, algorithm: str, listing: str) -> int:
    failed = 0
    try:
        with open(listing, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except OSError as error:
        return warn(name, listing, error)
    for line in lines:
        match = re.fullmatch(r"([0-9a-fA-F]+) [ *](.*)", line)
        if match is None:
            continue
        good = os.path.exists(match.group(2)) and _sum(algorithm, match.group(2)) == match.group(1).lower()
        failed += not good
        print(f"{match.group(2)}: {'OK' if good else 'FAILED'}")
    if failed:
        sys.stdout.flush()
        sys.stderr.write(f"{name}: WARNING: {failed} computed checksums did NOT match\n")
        return 2
    return 0


def _usage(name: str) -> str:
    return f"usage: {name} [-pqrtx] [-c string] [-s string] [file ...]"


TOOLS = {
    **{name: Tool(_bsd, "c:pqrs:tx", _usage(name), unbuilt="ptx") for name in _NAMES},
    **{name + "sum": Tool(_gnu, "bctwz", _usage(name + "sum"), longs={"check": "c"}) for name in _NAMES},
}
