# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernel modules are there, for those who depend on one or bring one in (see ``system/klds``)."""

from __future__ import annotations

from .system import klds


def loaded(name: str) -> bool:
    """Whether the module's file (its name without .ko) is in the kernel."""
    return klds.loaded(name)


def load(name: str) -> None:
    """What a kldload(2) from within a library does: the file and what it needs; nothing if it is there."""
    if not klds.in_kernel(name):
        klds.load(name)
