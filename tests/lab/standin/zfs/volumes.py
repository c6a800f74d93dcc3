# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of volumes: sizes, block sizes, what a thick one reserves."""

from __future__ import annotations

from typing import Dict

from . import numbers
from .errors import ZfsError
from .model import Doc

DEFAULT_BLOCK = 16384
LARGEST_BLOCK = 128 << 10
_POINTERS_PER_BLOCK = 1024
_INDIRECT_BLOCK = 128 << 10


def reservation(size: int, block: int) -> int:
    """What a volume that is not sparse reserves: its size, and the metadata of every block written (zfs-create(8))."""
    blocks = size // block
    indirect = 7
    while blocks > 1:
        blocks = (blocks + _POINTERS_PER_BLOCK - 1) // _POINTERS_PER_BLOCK
        indirect += blocks
    return size + indirect * 2 * _INDIRECT_BLOCK


def check_size(size: int, block: int) -> None:
    """Raise a ZfsError whose text is the reason alone."""
    if size == 0:
        raise ZfsError("'volsize' cannot be zero")
    if size % block:
        raise ZfsError(f"'volsize' must be a multiple of volume block size ({numbers.nice(block)})")


def check_block(block: int) -> None:
    if block > LARGEST_BLOCK:
        raise ZfsError("volume block size must be power of 2 from 512B to 128K")


def block_of(props: Dict[str, str]) -> int:
    return int(props.get("volblocksize", DEFAULT_BLOCK))


def is_thick(dataset: Doc) -> bool:
    """Whether its refreservation is the one that fits its size, so that it follows a new size."""
    props = dataset["props"]
    return int(props.get("refreservation", "0")) == reservation(int(props["volsize"]), block_of(props))
