# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base system's small tools (``standin.bsd``): one entry for all, which parses the command line."""

from __future__ import annotations

import sys

from ..bsd.index import places
from ..bsd.options import UsageError, getopt, not_built
from ..bsd.tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Sequence

PATHS = tuple(path for path, _unused in places().values())


def main(argv: Sequence[str]) -> int:
    """Refuse what FreeBSD's tool refuses, then let the tool's module do the rest."""
    name = argv[0]
    module = f"standin.bsd.{places()[name][1]}"
    __import__(module)
    tool: Tool = sys.modules[module].TOOLS[name]
    try:
        if tool.letters is None:
            return tool.work(name, [], list(argv[1:]))
        options, operands = getopt(name, argv[1:], tool.letters, tool.usage, tool.status, tool.longs)
        for letter, _unused in options:
            if letter in tool.unbuilt:
                not_built(name, f"-{letter}")
        if len(operands) < tool.operands:
            raise UsageError(tool.usage, tool.status)
        return tool.work(name, options, operands)
    except UsageError as error:
        sys.stdout.flush()
        sys.stderr.write(error.text + ("\n" if error.text else ""))
        return error.status
