# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers as ZFS writes and reads them: 1.02G, 24K, 1.5G, 64k (libzfs's nicenum and nicestrtonum)."""

from __future__ import annotations

from .errors import ZfsError

SUFFIXES = "BKMGTPE"


def nice(number: int) -> str:
    """A size as `zfs list` shows it: at most five characters, as many decimals as fit."""
    index = 0
    scaled = number
    while scaled >= 1024 and index < len(SUFFIXES) - 1:
        scaled //= 1024
        index += 1
    unit = SUFFIXES[index]
    if index == 0:
        return f"{number}B"
    divisor = 1 << (10 * index)
    if number % divisor == 0:
        return f"{scaled}{unit}"
    for decimals in (2, 1, 0):
        text = "{:.{}f}{}".format(number / divisor, decimals, unit)
        if len(text) <= 5:
            return text
    return f"{scaled}{unit}"


def nice_count(number: int) -> str:
    """The same for a count: no letter for units."""
    return str(number) if number < 1024 else nice(number)


def parse(text: str) -> int:
    """A size as the user writes it; units are powers of 1024 and letters count in both cases.

    Raises ZfsError with the text libzfs gives as the reason.
    """
    position = 0
    while position < len(text) and (text[position].isdigit() or text[position] == "."):
        position += 1
    digits, suffix = text[:position], text[position:]
    if not digits or digits[0] == ".":
        raise ZfsError(f"bad numeric value '{text}'")
    shift = 0
    if suffix:
        letter = suffix[0].upper()
        rest = suffix[1:].upper()
        valid = letter in SUFFIXES and (rest == "" or (letter != "B" and rest in ("B", "IB")))
        if not valid:
            raise ZfsError(f"invalid numeric suffix '{suffix}'")
        shift = 10 * SUFFIXES.index(letter)
    if "." in digits:
        try:
            value = int(float(digits) * (1 << shift))
        except ValueError:
            raise ZfsError(f"bad numeric value '{text}'") from None
    else:
        value = int(digits) << shift
    if value >= 1 << 64:
        raise ZfsError("numeric value is too large")
    return value


def is_power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0
