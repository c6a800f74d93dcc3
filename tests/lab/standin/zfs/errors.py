# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a zfs(8) or zpool(8) command ends when it does not succeed."""

from __future__ import annotations


class ZfsError(Exception):
    """The command failed: its text goes to standard error, `status` is the exit status (1 for most, 255 for some)."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


class UsageError(Exception):
    """The command line is wrong: the text, then the usage of the sub-command, exit status 2."""


class NotBuilt(Exception):
    """FreeBSD has it, this stand-in does not: exit status 99, so that a test notices."""


def invalid_option(letter: str) -> UsageError:
    return UsageError(f"invalid option '{letter}'")
