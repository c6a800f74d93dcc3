# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that processes have wired, machines' memory among it, and how much of it the kernel allows."""

from __future__ import annotations

from typing import Any, Dict

PAGE = 4096


def wired(vmm: Dict[str, Any]) -> int:
    """Bytes of all machines with wired memory in the kernel document ``vmm``."""
    return sum(node["memory"] for node in vmm.get("nodes", {}).values() if node["wired"])


def limit() -> int:
    """vm.max_user_wired, in bytes."""
    # Here, for the table of variables itself asks what is wired.
    from .system import sysctl

    return int(sysctl.value("vm.max_user_wired") or "0") * PAGE
