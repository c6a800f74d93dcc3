# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes: the user's text to bytes and back."""

from __future__ import annotations

import re

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

_UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(?P<number>[0-9]+)(?P<unit>[A-Za-z]*)")


def parse_size(text: str, option: str) -> int:
    """Bytes meant by ``10M``, ``4G``, ``1T``; K, M, G, T are powers of 1024 in either case, B is bytes.

    BadInput, naming ``option``, for anything else. A bare number is refused: bhyve(8) takes ``-m 8`` as 8 MiB but
    ``memory.size=8`` as 8 bytes, zfs(8) takes ``-V 8`` as 8 bytes, and a user may well mean GiB.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise BadInput(
            f"{option}: {text!r} is not a size; write a whole number and a unit, K, M, G or T, such as 512M or 20G"
        )
    number, unit = int(match["number"]), match["unit"].upper()
    if not unit:
        raise BadInput(
            f"{option}: {text!r} has no unit, and bhyve and zfs disagree on what a bare number means; "
            f"write {number}M for MiB or {number}G for GiB"
        )
    if unit not in _UNITS:
        raise BadInput(
            f"{option}: {text!r} has the unknown unit {match['unit']!r}; allowed are K, M, G and T (powers of 1024)"
        )
    if number == 0:
        raise BadInput(f"{option}: {text!r} is nothing; write a size above zero")
    return number * _UNITS[unit]


def format_size(size: int) -> str:
    """The shortest exact text that :func:`parse_size` reads back: 20G, 10M, 1536K, 512B."""
    for unit in ("T", "G", "M", "K"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return f"{size}B"


def rough_size(size: int) -> str:
    """A size for humans, to a tenth of its unit: 897.4G; not for :func:`parse_size`."""
    for unit in ("T", "G", "M", "K"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.1f}".removesuffix(".0") + unit
    return f"{size}B"
