# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MAC addresses."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import derive_mac, normalise_mac

UUID = "5f6c8f3e-0d5a-4b7e-9d7e-1f2a3b4c5d6e"


@pytest.mark.parametrize("text", ["5A:00:0b:0C:0d:0e", "5a-0-b-c-d-e", "5a:0:b:c:d:e"])
def test_one_spelling_for_one_address(text: str) -> None:
    assert normalise_mac(text, "mac") == "5a:00:0b:0c:0d:0e"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("01:00:5e:00:00:01", "multicast"),
        ("00:00:00:00:00:00", "not an address that a NIC can have"),
        ("5a:00:00:00:00", "not a MAC address"),
        ("5a:00:00:00:00:zz", "not a MAC address"),
        ("5a0000000001", "not a MAC address"),
    ],
)
def test_what_no_nic_can_have_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        normalise_mac(text, "nics[0].mac of web1")


def test_a_derived_address_is_stable_valid_and_differs_by_guest_and_nic() -> None:
    mac = derive_mac(UUID, "lan")
    assert mac == derive_mac(UUID.upper(), "lan")
    assert normalise_mac(mac, "mac") == mac
    assert mac.startswith("5a:")
    assert len({mac, derive_mac(UUID, "lab"), derive_mac(UUID.replace("5", "6"), "lan")}) == 3
