# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The boot scripts that this host's TFTP server has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping


@dataclass(frozen=True)
class Chainload:
    """The directory of boot scripts, and the names there: where each leads, '' for a file."""

    directory: str
    links: Mapping[str, str] = field(default_factory=dict)
