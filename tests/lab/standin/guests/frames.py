# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a light guest sends and hears on its networks: frames that a test can follow."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Iterator, List, Sequence

from ..commands.bhyve.nets import Nic

#: IEEE Std 802, local experimental use.
_ETHERTYPE = b"\x88\xb5"
_BROADCAST = b"\xff" * 6
_LEAST, _MOST = 60, 65536


def call(nics: Sequence[Nic], text: str) -> None:
    """Send a text to everybody, on every network."""
    for nic in nics:
        frame = _BROADCAST + bytes.fromhex(nic.mac.replace(":", "")) + _ETHERTYPE + text.encode()
        if nic.fd is not None:
            # A guest does not notice that its cable is out.
            with suppress(OSError):
                os.write(nic.fd, frame.ljust(_LEAST, b"\0"))


def hear(nics: Sequence[Nic]) -> List[str]:
    """The texts that have come since, on any network."""
    return [text for nic in nics if nic.fd is not None for text in _pending(nic.fd)]


def _pending(fd: int) -> Iterator[str]:
    os.set_blocking(fd, False)
    while True:
        try:
            frame = os.read(fd, _MOST)
        except OSError:
            return
        if frame[12:14] == _ETHERTYPE:
            yield frame[14:].rstrip(b"\0").decode()
