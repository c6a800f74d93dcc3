# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""getopt(3) as zfs(8) and zpool(8) use it: options end at the first operand."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from .errors import UsageError, invalid_option


def parse(
    argv: Sequence[str], letters: str, missing: str = "missing argument for '%s' option"
) -> Tuple[List[Tuple[str, str]], List[str]]:
    """Split into options, in their order, and operands. An unknown letter is a UsageError."""
    found: List[Tuple[str, str]] = []
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == "--":
            return found, list(argv[index + 1 :])
        if len(word) < 2 or word[0] != "-":
            break
        index += 1
        position = 1
        while position < len(word):
            letter = word[position]
            position += 1
            where = letters.find(letter) if letter != ":" else -1
            if where < 0:
                raise invalid_option(letter)
            if letters[where + 1 : where + 2] != ":":
                found.append((letter, ""))
                continue
            if position < len(word):
                value = word[position:]
            elif index < len(argv):
                value = argv[index]
                index += 1
            else:
                raise UsageError(missing % letter if "%" in missing else missing)
            found.append((letter, value))
            break
    return found, list(argv[index:])


def flags(options: Sequence[Tuple[str, str]]) -> str:
    """The letters that were given, each once."""
    return "".join(sorted({letter for letter, _value in options}))
