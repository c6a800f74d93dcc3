# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MAC addresses: check, normalise, derive."""

from __future__ import annotations

import hashlib
import re

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

_MAC = re.compile(r"[0-9A-Fa-f]{1,2}([:-][0-9A-Fa-f]{1,2}){5}")


def normalise_mac(text: str, option: str) -> str:
    """The address as ``5a:00:0b:0c:0d:0e``: lower case, two digits, colons.

    BadInput, naming ``option``, when it is no address that one NIC can have: malformed, multicast, or all zero
    (bhyve(8) refuses the last two as "Invalid MAC").
    """
    if not _MAC.fullmatch(text):
        raise BadInput(
            f"{option}: {text!r} is not a MAC address; write six hexadecimal bytes, such as 5a:00:00:00:00:01"
        )
    octets = [int(octet, 16) for octet in re.split("[:-]", text)]
    mac = ":".join(f"{octet:02x}" for octet in octets)
    if octets[0] & 1:
        raise BadInput(f"{option}: {mac} is a multicast address, which no NIC can have; the first byte must be even")
    if not any(octets):
        raise BadInput(f"{option}: {mac} is not an address that a NIC can have")
    return mac


def derive_mac(uuid: str, nic: str) -> str:
    """A locally administered address that belongs to this guest and NIC wherever the guest runs.

    ``5a`` and 40 bits of a hash of the UUID and the NIC's name: enough for a fleet, unlike the 20 bits of FreeBSD's own
    58:9c:fc range.
    """
    digest = hashlib.sha256(f"{uuid.lower()}/{nic}".encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x5A, *digest[:5]))
