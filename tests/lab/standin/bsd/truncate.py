# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""truncate."""

from __future__ import annotations

import os

from .options import Options, UsageError, fail, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List

_TRUNCATE = """usage: truncate [-c] -s [+|-|%|/]size[K|k|M|m|G|g|T|t] file ...
       truncate [-c] -r rfile file ...
       truncate [-c] -d [-o offset[K|k|M|m|G|g|T|t]] -l length[K|k|M|m|G|g|T|t] file ..."""
_UNITS = {"k": 10, "m": 20, "g": 30, "t": 40}


def _size(text: str) -> int:
    """expand_number(3), with the sign that truncate(1) takes."""
    digits = text.lstrip("+-%/")
    unit = digits[-1:].lower()
    number = digits[:-1] if unit in _UNITS else digits
    if not number.isdigit():
        fail("truncate", f"invalid size argument `{text}'")
    return int(number) << _UNITS.get(unit, 0)


def _truncate(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    if not operands or not ({"s", "r"} & set(values) or {"d", "l"} <= set(values)):
        raise UsageError(_TRUNCATE, 1)
    status = 0
    for path in operands:
        if "c" in values and not os.path.exists(path):
            continue
        try:
            _resize(path, values)
        except OSError as error:
            status |= warn("truncate", str(error.filename or path), error)
    return status


def _resize(path: str, values: Dict[str, str]) -> None:
    flags = os.O_RDWR | (0 if "c" in values else os.O_CREAT)
    fd = os.open(path, flags, 0o666)
    try:
        old = os.fstat(fd).st_size
        if "d" in values:
            start = min(old, _size(values.get("o", "0")))
            length = min(old - start, _size(values["l"]))
            os.pwrite(fd, b"\0" * length, start)
            return
        os.ftruncate(fd, os.stat(values["r"]).st_size if "r" in values else _new_size(values["s"], old))
    finally:
        os.close(fd)


def _new_size(text: str, old: int) -> int:
    size = _size(text)
    if text[:1] == "+":
        return old + size
    if text[:1] == "-":
        return max(0, old - size)
    if text[:1] == "%":
        return -(-old // size) * size
    if text[:1] == "/":
        return old // size * size
    return size


TOOLS = {
    "truncate": Tool(_truncate, "cdl:o:r:s:", _TRUNCATE),
}
