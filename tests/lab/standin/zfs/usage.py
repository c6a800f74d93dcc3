# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How zfs(8) and zpool(8) print their usage."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Sequence, Tuple

#: Sub-commands with their lines, in the groups between which the whole usage has an empty line.
Groups = Tuple[Tuple[Tuple[str, Tuple[str, ...]], ...], ...]


class Usage(NamedTuple):
    """The texts of one program."""

    program: str
    groups: Groups
    #: Sub-commands whose usage goes on with the properties, and the lines of that.
    with_properties: Sequence[str]
    properties: Callable[[], List[str]]
    #: What the usage of the other sub-commands goes on with.
    hints: Sequence[str] = ()
    #: The end of the whole usage.
    closing: Sequence[str] = ()

    def of_command(self, name: str) -> List[str]:
        """What follows a wrong call of one sub-command."""
        lines = ["usage:"]
        for group in self.groups:
            for command, texts in group:
                if command == name:
                    lines.extend("\t" + text for text in texts)
        return lines + (self.properties() if name in self.with_properties else list(self.hints))

    def of_all(self) -> List[str]:
        """What follows a call without a sub-command, or with one that there is not."""
        lines = [f"usage: {self.program} command args ...", "where 'command' is one of the following:"]
        for group in self.groups:
            lines.append("")
            for _command, texts in group:
                lines.extend("\t" + text for text in texts)
        return lines + list(self.closing)
