# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""qemu-img(1), the very same program: on the host once the package qemu-tools, which links to it, is installed."""

from __future__ import annotations

from ..bsd.native import become

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Sequence

#: Not where programs are looked for: the package has a link to it.
PATHS = ("/usr/libdata/standin/qemu-img",)


def main(argv: Sequence[str]) -> int:
    become("qemu-img", argv[1:])
