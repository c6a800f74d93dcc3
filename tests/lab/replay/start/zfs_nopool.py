# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zfs-nopool.txt: the same host; its first pool is called "bad name", and there is never a pool tank."""

from __future__ import annotations

from .zfs import SETTINGS, prepare

__all__ = ["SETTINGS", "prepare"]
