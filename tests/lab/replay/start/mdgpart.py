# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mdgpart.txt: nothing was there before. What is replayed are makefs(8) and mkimg(1)."""

from __future__ import annotations

from standin.host import StandinHost

SETTINGS = {"release": "14.0-CURRENT", "zfs": False}


def prepare(host: StandinHost) -> None:
    """Nothing."""
