# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernel modules are there, for those who only depend on one (kldload(8) and kldstat(8) are ``system.klds``)."""

from __future__ import annotations


def loaded(name: str) -> bool:
    """Whether the file of that name (without .ko) is in the kernel."""
    from .system import klds

    return klds.loaded(name)


def load(name: str) -> None:
    """What a kldload(2) from within a library does; nothing if the file is there."""
    from .system import klds

    if not klds.loaded(name):
        klds.load(name)
        if name == "vmm":
            from .pci import bus

            bus.driver_added()
