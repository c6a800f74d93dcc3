# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernel modules are there: what kldload(8) and kldstat(8) keep (document ``kld``), for those who depend on one."""

from __future__ import annotations

from . import state


def loaded(name: str) -> bool:
    """Whether the module (its file's name without .ko) is in the kernel."""
    return name in state.peek("kernel", "kld").get("modules", {})


def load(name: str) -> None:
    """What a kldload(2) from within a library does; nothing if the module is there."""
    with state.kernel("kld") as doc:
        modules = doc.setdefault("modules", [])
        if name not in modules:
            modules.append(name)
