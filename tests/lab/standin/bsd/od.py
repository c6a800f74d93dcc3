# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""od: FreeBSD's widths (od is hexdump there) differ from GNU's, and scripts read its output."""

from __future__ import annotations

import re
import sys

from .options import fail, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Callable, List

    from .options import Options

    #: What one block of 16 bytes looks like in one format, without the address.
    Format = Callable[[bytes], str]

_USAGE = """usage: od [-aBbcDdeFfHhIiLlOosvXx] [-A base] [-j skip] [-N length] [-t type]
          [[+]offset[.][Bb]] [file ...]"""
_PADDING = " " * 9
_BLOCK = 16
_LETTERS = {
    **{"B": "o2", "o": "o2", "b": "o1", "c": "c", "d": "u2", "D": "u4", "H": "x4", "X": "x4", "h": "x2", "x": "x2"},
    **{"I": "d8", "L": "d8", "l": "d8", "i": "d4", "O": "o4", "s": "d2"},
}
_SIZES = {"C": 1, "S": 2, "I": 4, "L": 8}
_ESCAPES = {0: "\\0", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}


def _character(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"{byte:03o}"


def _characters(block: bytes) -> str:
    text = "".join(f"{_character(byte):>3} " for byte in block)
    return text.ljust(4 * _BLOCK)[:-1]


def _integers(kind: str, size: int) -> Format:
    digits = 2 * size if kind == "x" else -(-8 * size // 3) + (kind == "d")

    def show(block: bytes) -> str:
        words = []
        for at in range(0, len(block), size):
            number = int.from_bytes(block[at : at + size].ljust(size, b"\0"), "little", signed=kind == "d")
            text = {"o": f"{number:0{digits}o}", "x": f"{number:0{digits}x}"}.get(kind, f"{number:{digits}d}")
            words.append(text.rjust(4 * size))
        return "".join(words).ljust(4 * _BLOCK)

    return show


def _formats(text: str) -> List[Format]:
    """A -t argument: letters with sizes, one format each."""
    found: List[Format] = []
    index = 0
    while index < len(text):
        match = re.match(r"c|([doux])([CSIL]|\d+)?", text[index:])
        if match is None:
            fail("od", f"{text[index]}: unrecognised format character")
        index += match.end()
        if match.group(0) == "c":
            found.append(_characters)
            continue
        size = match.group(2) or "I"
        number = int(size) if size.isdigit() else _SIZES[size]
        if number not in (1, 2, 4, 8):
            fail("od", f"unsupported int size {number}")
        found.append(_integers(match.group(1), number))
    return found


def _skip(text: str) -> int:
    match = re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)([bkm]?)", text)
    if match is None:
        fail("od", f"{text}: invalid skip amount")
    number = match.group(1)
    base = 16 if number[:2] in ("0x", "0X") else 8 if number.startswith("0") else 10
    return int(number, base) * {"": 1, "b": 512, "k": 1024, "m": 1048576}[match.group(2)]


def _od(name: str, options: Options, operands: List[str]) -> int:
    address = "o"
    skip = 0
    length = None
    formats: List[Format] = []
    every = False
    for letter, value in options:
        if letter == "A":
            address = value[:1]
            if address not in ("d", "o", "x", "n"):
                fail(name, f"{value}: invalid address base")
        elif letter == "j":
            skip = _skip(value)
        elif letter == "N":
            length = int(value) if value.isdigit() and int(value) else fail(name, f"{value}: invalid length")
        elif letter == "t":
            formats += _formats(value)
        elif letter == "v":
            every = True
        else:
            formats += _formats(_LETTERS[letter])
    data, status = _read(operands, skip, length)
    if data is None:
        return 1
    _dump(data, skip, address, formats or _formats("o2"), every)
    return status


def _read(operands: List[str], skip: int, length: int | None) -> tuple[bytes | None, int]:
    """The bytes wanted, of all files together, and the status."""
    status = 0
    content = b""
    wanted = None if length is None else skip + length
    for path in operands or ["-"]:
        try:
            with sys.stdin.buffer if path == "-" else open(path, "rb") as stream:
                content += stream.read(-1 if wanted is None else max(0, wanted - len(content)))
        except OSError as error:
            status = warn("od", path, error)
    if operands and status and not content:
        return None, status
    if skip > len(content):
        fail("od", "cannot skip past end of input")
    return content[skip:wanted], status


def _dump(data: bytes, start: int, address: str, formats: List[Format], every: bool) -> None:
    previous = None
    squeezed = False
    for at in range(0, len(data), _BLOCK):
        block = data[at : at + _BLOCK]
        if not every and block == previous and len(block) == _BLOCK:
            if not squeezed:
                print("*")
            squeezed = True
            continue
        previous, squeezed = block, False
        for index, show in enumerate(formats):
            first = index == 0 and address != "n"
            print((f"{_address(start + at, address)}  " if first else _PADDING) + show(block))
    if address != "n" and data:
        print(_address(start + len(data), address))


def _address(number: int, base: str) -> str:
    return {"d": f"{number:07d}", "o": f"{number:07o}", "x": f"{number:07x}"}[base]


TOOLS = {"od": Tool(_od, "A:aBbcDdeFfHhIij:LlN:Oost:vXx", _USAGE, unbuilt="aeFf")}
