# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong, each kind with what a user needs to act on it."""

from __future__ import annotations

import shlex
from typing import Sequence, Tuple


class ApiaryError(Exception):
    """Anything a module reports to the user; ``str(error)`` is the message shown."""


class BadInput(ApiaryError):
    """What was asked for cannot be: found before the first change, so nothing was changed."""


class UnknownState(ApiaryError):
    """Something on the host could not be read or parsed; unknown is not absent, so nothing was changed."""


class FileError(ApiaryError):
    """A file or directory could not be changed: says which, how, and the system's reason."""

    def __init__(self, what: str, path: str, error: OSError) -> None:
        super().__init__(f"cannot {what} {path}: {error.strerror or error}")
        self.path = path
        self.errno = error.errno


class CommandError(ApiaryError):
    """A command ended otherwise than it should have.

    ``rc`` is the exit status; 127 when the program is not there, 124 when it had to be killed for taking too long,
    negative (minus the signal's number) when a signal ended it.
    """

    def __init__(
        self, what: str, argv: Sequence[str], rc: int, stdout: str = "", stderr: str = "", hint: str = ""
    ) -> None:
        self.argv: Tuple[str, ...] = tuple(argv)
        self.rc = rc
        self.stdout = stdout
        self.stderr = stderr
        said = stderr.strip() or stdout.strip() or "it said nothing"
        ended = f"was ended by signal {-rc}" if rc < 0 else f"exited {rc}"
        message = f"{what}: `{shlex.join(self.argv)}` {ended}: {said}"
        super().__init__(f"{message.rstrip('.')}. {hint}" if hint else message)
