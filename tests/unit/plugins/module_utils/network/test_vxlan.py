# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A vxlan as the uplink of a switch: its options, its words, what the kernel shows of it."""

from __future__ import annotations

from typing import Any, Dict, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import (
    Vxlan,
    on_carrier,
    parse_vxlan,
    vxlan_from_json,
    vxlan_to_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Vxlan as Ends

REMOTE: Dict[str, Any] = {"id": 42, "local": "192.0.2.1", "remote": "192.0.2.2"}
GROUP: Dict[str, Any] = {"id": 43, "group": "FF0E::42", "dev": "em0", "port": 8472}


def parsed(options: Optional[Dict[str, Any]]) -> Vxlan:
    """The option, which must be given."""
    found = parse_vxlan(options, "switch lan: ")
    assert found is not None
    return found


def test_what_is_not_said_and_what_unsets() -> None:
    assert parse_vxlan(None, "") is None
    assert not parsed({}) and not parsed({"id": None, "local": None, "remote": ""})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (REMOTE, "vxlanid 42 vxlanlocal 192.0.2.1 vxlanremote 192.0.2.2"),
        (GROUP, "vxlanid 43 vxlangroup ff0e::42 vxlandev em0 vxlanlocalport 8472 vxlanremoteport 8472"),
    ],
)
def test_the_words_that_make_it(options: Dict[str, Any], words: str) -> None:
    assert " ".join(parsed(options).create_args) == words


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 0},
        {"id": 1 << 24},
        {"id": None},
        {"port": 0},
        {"port": 65535},
        {"remote": None},
        {"group": "239.0.0.1", "dev": "em0"},
        {"remote": None, "group": "239.0.0.1"},
        {"remote": None, "group": "192.0.2.2", "dev": "em0"},
        {"remote": "239.0.0.1"},
        {"remote": "0.0.0.0"},
        {"remote": "192.0.2.1"},
        {"remote": "host2"},
        {"remote": "2001:db8::2"},
        {"local": "192.0.2.1/24"},
        {"dev": "em0"},
    ],
)
def test_bad_input_names_the_switch_and_the_option(changed: Dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="^switch lan: vxlan: (id|port|local|remote|group|dev)"):
        parsed({**REMOTE, **changed})


@pytest.mark.parametrize("options", [REMOTE, GROUP])
def test_its_record_says_all(options: Dict[str, Any]) -> None:
    vxlan = on_carrier(Vxlan(**{**vars(parsed(options)), "interface": "vxlan1000"}), {})
    assert vxlan_from_json(vxlan_to_json(vxlan)) == vxlan
    assert not vxlan_from_json(None)


@pytest.mark.parametrize(("options", "below", "mtu"), [(REMOTE, 1500, 1450), (REMOTE, 1400, 1350), (GROUP, 9000, 1430)])
def test_its_mtu_is_what_fits_into_a_packet(options: Dict[str, Any], below: int, mtu: int) -> None:
    em0 = Interface("em0", ("UP",), below, inet=("192.0.2.1/24",))
    assert on_carrier(parsed(options), {"em0": em0}).mtu == mtu


def test_whether_the_kernel_has_the_same_ends() -> None:
    live = Interface("vxlan1000", ("UP", "RUNNING"), 1450, vxlan=Ends(42, "192.0.2.1", "192.0.2.2", 4789))
    assert parsed(REMOTE).is_live(live)
    for other in ({"id": 43}, {"local": ""}, {"remote": "192.0.2.3"}, {"port": 8472}):
        assert not parsed({**REMOTE, **other}).is_live(live)
    assert not parsed(REMOTE).is_live(Interface("vxlan1000", (), 1450))
