# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pf(4) in the kernel (document ``pf``): whether it filters, the main rules, the anchors; kept in step with nft(8)."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional

from .. import state
from .rules import Ruleset


class Kernel:
    """What is loaded."""

    def __init__(self, document: Dict[str, Any]) -> None:
        self._document = document
        self.enabled = bool(document.get("enabled", False))
        #: When it was last switched on or off, in seconds since 1970; None: not since it was loaded.
        self.since: Optional[float] = document.get("since")
        self.main = Ruleset.from_json(document.get("main", {}))
        self.anchors = {path: Ruleset.from_json(rules) for path, rules in document.get("anchors", {}).items()}
        self.skip: List[str] = list(document.get("skip", []))

    def keep(self) -> None:
        """Write it back."""
        self.anchors = {path: rules for path, rules in self.anchors.items() if not rules.empty}
        self._document.update(
            enabled=self.enabled,
            since=self.since,
            main=self.main.to_json(),
            anchors={path: rules.to_json() for path, rules in self.anchors.items()},
            skip=self.skip,
        )

    def turn(self, enabled: bool) -> None:
        """Switch it on or off."""
        self.enabled, self.since = enabled, time.time()

    def names(self) -> List[str]:
        """All anchors that are there: those with rules, those above them, and those that a rule calls."""
        found = set()
        called = [name[:-2] if name.endswith("/*") else name for name in self.main.called()]
        for path in [*called, *(path for path, rules in self.anchors.items() if not rules.empty)]:
            parts = path.strip("/").split("/")
            found |= {"/".join(parts[: end + 1]) for end in range(len(parts))}
        return sorted(found - {""})

    def children(self, path: str) -> List[str]:
        """The anchors right below one ('': the main rules)."""
        prefix = f"{path}/" if path else ""
        return [name for name in self.names() if name.startswith(prefix) and "/" not in name[len(prefix) :]]


@contextmanager
def kernel() -> Iterator[Kernel]:
    """pf, under the state's lock; what is changed is kept, and made real, on a clean exit."""
    with state.kernel("pf") as document:
        found = Kernel(document)
        before = repr(sorted(document.items()))
        yield found
        found.keep()
        if repr(sorted(document.items())) != before:
            from . import translate

            translate.apply(found)


def look() -> Kernel:
    """pf as it is."""
    return Kernel(state.peek("kernel", "pf"))
