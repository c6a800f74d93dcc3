# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve-exit.txt: the tiny guest, a terminal."""

from __future__ import annotations

from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = _bhyve.SETTINGS


def prepare(host: StandinHost) -> None:
    """The tiny guest and what loads it."""
    _bhyve.modules(host)
    _bhyve.tiny(host)
    _bhyve.terminals(host, "nmdm0")
    _bhyve.quick_sleep(host)
