# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What FreeBSD's base commands have in common: getopt(3), err(3), text of errors."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from typing import Callable, List, Mapping, NoReturn, Optional, Sequence, Tuple

#: FreeBSD's sysexits(3).
EX_USAGE, EX_DATAERR, EX_NOUSER, EX_UNAVAILABLE, EX_SOFTWARE = 64, 65, 67, 69, 70
EX_OSERR, EX_OSFILE, EX_CANTCREAT, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 71, 72, 73, 75, 77, 78
#: What a stand-in exits with when FreeBSD would do a thing that is not built here.
NOT_BUILT = 99

Options = List[Tuple[str, str]]


class OptionError(Exception):
    """An option that the command does not have, or one without its argument: getopt(3)'s text."""


def getopt(argv: Sequence[str], letters: str) -> Tuple[Options, List[str]]:
    """getopt(3): the options of argv[1:] up to the first word that is none, and the words that are left.

    ``letters`` is getopt's string (``"af:"``). Raises OptionError with the text that getopt(3) prints after the
    command's name.
    """
    found: Options = []
    index = 1
    while index < len(argv):
        word = argv[index]
        if word == "--":
            index += 1
            break
        if len(word) < 2 or word[0] != "-":
            break
        index += 1
        rest = word[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            place = letters.find(letter)
            if place < 0 or letter == ":":
                raise OptionError(f"illegal option -- {letter}")
            if letters[place + 1 : place + 2] != ":":
                found.append((letter, ""))
                continue
            if rest:
                found.append((letter, rest))
            elif index < len(argv):
                found.append((letter, argv[index]))
                index += 1
            else:
                raise OptionError(f"option requires an argument -- {letter}")
            break
    return found, list(argv[index:])


def options_or_usage(argv: Sequence[str], letters: str, usage: Callable[[], int]) -> Tuple[Options, List[str]]:
    """getopt(3) as most commands use it: a wrong option prints its text and the usage, and ends the command."""
    try:
        return getopt(argv, letters)
    except OptionError as error:
        warn(argv[0], str(error))
        raise SystemExit(usage()) from None


def flush() -> None:
    """Keep the order of what was printed on stdout and what comes on stderr."""
    sys.stdout.flush()


def warn(program: str, text: str) -> None:
    """warnx(3): a line on stderr behind the command's name."""
    flush()
    print(f"{program}: {text}", file=sys.stderr)


def fail(program: str, text: str, status: int = 1) -> NoReturn:
    """errx(3)."""
    warn(program, text)
    raise SystemExit(status)


def not_built(program: str, what: str) -> NoReturn:
    """FreeBSD has it, this stand-in has not: say so in a way that no test takes for an answer."""
    flush()
    print(f"STANDIN: {program}: {what} is not built", file=sys.stderr)
    raise SystemExit(NOT_BUILT)


def become(program: str, words: Sequence[str], environment: Optional[Mapping[str, str]] = None) -> NoReturn:
    """execvp(3) with the signals as a C program would hand them on; what cannot be run is told, and the exit is 1."""
    flush()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    try:
        os.execvpe(words[0], list(words), os.environ if environment is None else environment)
    except OSError as error:
        os.write(2, f"{program}: {words[0]}: {strerror(error)}\n".encode("utf-8", "surrogateescape"))
    os._exit(1)


def strerror(error: OSError) -> str:
    """strerror(3) with FreeBSD's words where Linux has others."""
    number = error.errno or 0
    return _FREEBSD_WORDS.get(number) or os.strerror(number)


_FREEBSD_WORDS = {
    errno.EBUSY: "Device busy",
    errno.ENXIO: "Device not configured",
    errno.ELOOP: "Too many levels of symbolic links",
    errno.EAGAIN: "Resource temporarily unavailable",
    errno.ENOTSUP: "Operation not supported",
}


def strtol(text: str, base: int = 10) -> Tuple[int, str]:
    """strtol(3): the number at the beginning of ``text`` (0 without one) and what follows it."""
    digits = r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*" if base == 0 else r"[0-9]+"
    match = re.match(r"\s*([+-]?)(" + digits + ")", text)
    if match is None:
        return 0, text
    sign, number = match.groups()
    if base == 0 and number[:2].lower() == "0x":
        value = int(number, 16)
    elif base == 0 and len(number) > 1 and number[0] == "0":
        value = int(number, 8)
    else:
        value = int(number, 10)
    return (-value if sign == "-" else value), text[match.end() :]
