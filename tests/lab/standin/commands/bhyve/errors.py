# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the stand-in for bhyve(8) ends: err(3), errx(3), perror(3) and plain texts, with the exit status of each."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

#: Exit statuses (sysexits(3), and bhyve's own 4).
EX_USAGE = 64
EX_OSERR = 71
FAILED = 4

#: strerror(3) where FreeBSD's text is not Linux's.
_TEXTS = {
    0: "No error: 0",
    6: "Device not configured",
    16: "Device busy",
    22: "Invalid argument",
    99: "Can't assign requested address",
}


class Exit(Exception):
    """Ends the program with a status. What it has to say is printed already."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def strerror(errno: int) -> str:
    """The text of an errno (Linux's number) as FreeBSD prints it."""
    return _TEXTS.get(errno) or os.strerror(errno)


def say(text: str) -> None:
    """A line on stderr."""
    sys.stderr.write(text + "\n")


def errx(status: int, text: str, program: str = "bhyve") -> NoReturn:
    """errx(3): the program's name and the text, then exit."""
    say(f"{program}: {text}")
    raise Exit(status)


def err(status: int, text: str, errno: int, program: str = "bhyve") -> NoReturn:
    """err(3): as errx with the error's text behind it."""
    errx(status, f"{text}: {strerror(errno)}", program)


def fail(text: str, status: int = FAILED) -> NoReturn:
    """A bare text on stderr, then exit."""
    say(text)
    raise Exit(status)
