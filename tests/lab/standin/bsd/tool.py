# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every small tool says about itself: its options, its usage, who does its work."""

from __future__ import annotations

from .options import Options

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional

    #: Called with the tool's name, its options in order, its operands; gives the exit status.
    Work = Callable[[str, Options, List[str]], int]


def default_signals() -> None:
    """Before becoming another program: Python ignores SIGPIPE, and what is ignored stays so across execve(2)."""
    import signal

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


class Tool:
    """One tool. ``letters`` is its getopt string (None: it parses its own words and gets them as operands);
    ``unbuilt`` are FreeBSD's letters that the lab has not."""

    def __init__(
        self,
        work: Work,
        letters: Optional[str],
        usage: str,
        status: int = 1,
        unbuilt: str = "",
        longs: Optional[Dict[str, str]] = None,
        operands: int = 0,
    ) -> None:
        self.work = work
        self.letters = letters
        self.usage = usage
        self.status = status
        self.unbuilt = unbuilt
        self.longs = longs
        #: With fewer operands the usage is printed.
        self.operands = operands
