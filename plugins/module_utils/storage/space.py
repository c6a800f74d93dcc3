# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a step takes from a pool or file system, and whether all steps of a task fit together.

Only what is promised counts: space that ZFS reserves or that is written ahead. What is thin takes nothing beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import volume_reservation

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


@dataclass(frozen=True)
class Need:
    """Bytes that somebody's step takes: ``who`` is for the message, such as "guest web1: disk root"."""

    who: str
    size: int


def thick_volume(size: int, block: int) -> int:
    """Bytes that a volume which is not sparse takes when it is made, or when a clone or a sparse one is made thick."""
    return volume_reservation(size, block)


def grown_volume(before: int, after: int, block: int, reserved: int) -> int:
    """Bytes that growing a volume takes; ``reserved`` is its refreservation, which grows only if it covers it all."""
    if after <= before or reserved < before:
        return 0
    return volume_reservation(after, block) - volume_reservation(before, block)


def more_reserved(wanted: int, reserved: int, held: int) -> int:
    """Bytes that a larger refreservation takes of a dataset that holds ``held`` bytes by itself (usedbydataset)."""
    return max(max(wanted, held) - max(reserved, held), 0)


def snapshot(held: int, reserved: int) -> int:
    """Bytes that a snapshot takes: ``held`` (usedbydataset) moves out of the refreservation, which has to fit again."""
    return min(held, reserved)


def written_file(before: int, after: int) -> int:
    """Bytes that a file which is not sparse takes when it grows from ``before`` (0: it is made) to ``after``."""
    return max(after - before, 0)


def check_room(needs: Sequence[Need], free: int, place: str, advice: str) -> None:
    """BadInput, with the numbers, when ``needs`` together are more than ``free`` bytes in ``place``."""
    total = sum(need.size for need in needs)
    if total <= free:
        return
    parts = [f"{need.who} {readable(need.size)}" for need in needs if need.size]
    shown = ", ".join(parts[:5]) + (f", and {len(parts) - 5} more" if len(parts) > 5 else "")
    together = f", {readable(total)} together" if len(parts) > 1 else ""
    raise BadInput(f"not enough space: {shown}{together}, and {place} has {readable(free)} free; {advice}")


def readable(size: int) -> str:
    """A number of bytes for humans, rounded: 20.0 GiB."""
    number, unit = float(size), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit else f"{size} bytes"
