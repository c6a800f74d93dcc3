# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""getopt(3) and getopt_long(3) as FreeBSD's libc has them: where they stop, and what they say."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List, NoReturn, Optional, Sequence, Tuple

Options = list[tuple[str, str]]


class UsageError(Exception):
    """The command line was refused: ``text`` goes to stderr, ``status`` is the exit status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


def fail(name: str, message: str, status: int = 1) -> NoReturn:
    """errx(3): one line on stderr, and out."""
    sys.stdout.flush()
    sys.stderr.write(f"{name}: {message}\n")
    raise SystemExit(status)


def warn(name: str, what: str, error: Optional[OSError] = None) -> int:
    """warn(3): what, and the system's reason; always 1, the exit status that follows from it."""
    sys.stdout.flush()
    sys.stderr.write(f"{name}: {what}" + (f": {error.strerror}" if error is not None else "") + "\n")
    return 1


def has(options: Options, letters: str) -> bool:
    """Whether one of these letters was given."""
    return any(letter in letters for letter, _unused in options)


def say(options: Options, line: str) -> None:
    """With -v: tell what was done."""
    if has(options, "v"):
        print(line)


def not_built(name: str, what: str) -> NoReturn:
    """FreeBSD has it, the lab has not: fail loudly."""
    sys.stderr.write(f"STANDIN: {name}: {what} is not built\n")
    raise SystemExit(99)


def getopt(
    name: str, words: Sequence[str], letters: str, usage: str, status: int = 1, longs: Optional[Dict[str, str]] = None
) -> Tuple[Options, List[str]]:
    """Split ``words`` into options and operands; it stops at the first operand, as POSIX says.

    ``letters`` is a getopt string ("I::" takes what follows in the same word). ``longs`` (long option -> letter,
    ``"name="`` with an argument) makes it getopt_long(3), whose complaints differ. UsageError: text and status as the
    tool gives them.
    """
    takes = {letter: letters[index + 1 : index + 2] == ":" for index, letter in enumerate(letters)}
    optional = {letter for index, letter in enumerate(letters) if letters[index + 1 : index + 3] == "::"}
    takes.pop(":", None)
    wrong = "illegal" if longs is None else "invalid"
    found: Options = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        if longs is not None and word.startswith("--"):
            found.append(_long(name, word, rest, longs, usage, status))
            continue
        index = 1
        while index < len(word):
            letter = word[index]
            index += 1
            if letter not in takes:
                raise UsageError(f"{name}: {wrong} option -- {letter}\n{usage}", status)
            if letter in optional:
                found.append((letter, word[index:]))
                break
            if not takes[letter]:
                found.append((letter, ""))
                continue
            if index == len(word):
                if not rest:
                    raise UsageError(f"{name}: option requires an argument -- {letter}\n{usage}", status)
                found.append((letter, rest.pop(0)))
            else:
                found.append((letter, word[index:]))
            break
    return found, rest


def _long(name: str, word: str, rest: List[str], longs: Dict[str, str], usage: str, status: int) -> Tuple[str, str]:
    """One long option (exact names only) as its letter and value; ``rest`` gives up a separate argument."""
    key, equals, value = word[2:].partition("=")
    if key in longs and not equals:
        return longs[key], ""
    if key + "=" in longs:
        if equals:
            return longs[key + "="], value
        if rest:
            return longs[key + "="], rest.pop(0)
        raise UsageError(f"{name}: option `--{key}' requires an argument\n{usage}", status)
    if key + "?" in longs:
        return longs[key + "?"], value
    raise UsageError(f"{name}: unrecognized option `{word}'\n{usage}", status)
