# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of an uplink in rc.conf: found, taken out, put back."""

from __future__ import annotations

from typing import Dict, List, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import (
    Moved,
    Switch,
    on_its_way,
    switch_to_json,
    switches_from_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.rc_lines import (
    names,
    read,
    with_addresses,
    without_addresses,
)

AT = "switch lan: uplink_address: "


def rc(main: Optional[str] = None, **others: str) -> Dict[str, Optional[str]]:
    """What was read of em0: its main variable, and others by what follows ``ifconfig_em0``."""
    found: Dict[str, Optional[str]] = dict.fromkeys([*names("em0"), switch_rc.DEFAULT])
    found["ifconfig_em0"] = main
    found.update(
        {
            name.replace("em0_", "ifconfig_em0_") if name.startswith("em0_") else name: value
            for name, value in others.items()
        }
    )
    return found


@pytest.mark.parametrize(
    ("values", "addresses", "dhcp", "rest"),
    [
        (rc("inet 192.0.2.10/24"), ["192.0.2.10/24"], False, ""),
        (rc("inet 192.0.2.10 netmask 255.255.255.0 up"), ["192.0.2.10/24"], False, "up"),
        (rc("inet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255 -tso"), ["192.0.2.10/24"], False, "-tso"),
        (rc("192.0.2.10/24 media 1000baseT mediaopt full-duplex"), ["192.0.2.10/24"], False,
         "media 1000baseT mediaopt full-duplex"),
        (rc("ether 00:11:22:33:44:55 inet 192.0.2.10/24"), ["192.0.2.10/24"], False, "ether 00:11:22:33:44:55"),
        (rc("DHCP"), [], True, ""),
        (rc("SYNCDHCP -lro"), [], True, "-lro"),
        (rc(ifconfig_DEFAULT="SYNCDHCP"), [], True, ""),
        (rc("up", em0_ipv6="inet6 2001:db8::10 prefixlen 64"), ["2001:db8::10/64"], False, "up"),
        (rc("DHCP", em0_alias0="inet 192.0.2.11 netmask 255.255.255.255"), ["192.0.2.11/32"], True, ""),
        (rc("up", em0_aliases="inet 192.0.2.10/24 inet6 2001:DB8::1/64"), ["192.0.2.10/24", "2001:db8::1/64"], False,
         "up"),
        (rc("up", ipv4_addrs_em0="192.0.2.10/24 192.0.2.11/32"), ["192.0.2.10/24", "192.0.2.11/32"], False, "up"),
    ],
)  # fmt: skip
def test_addresses_are_found_and_the_other_words_stay(
    values: Dict[str, Optional[str]], addresses: List[str], dhcp: bool, rest: str
) -> None:
    moved = read("em0", values, AT)
    assert moved is not None and (list(moved.addresses), moved.dhcp) == (addresses, dhcp)
    bare = without_addresses("em0", values)
    assert bare.pop("ifconfig_em0") == rest and set(bare.values()) <= {None}
    # What is put back says the same, and what was written there since stays.
    later = {**values, **without_addresses("em0", values), "ifconfig_em0": f"{rest} -txcsum".strip()}
    assert read("em0", {**later, switch_rc.DEFAULT: None}, AT) is None
    back = {**later, **with_addresses("em0", later, moved), switch_rc.DEFAULT: None}
    again = read("em0", back, AT)
    assert again is not None and (again.addresses, again.dhcp) == (moved.addresses, moved.dhcp)
    assert str(back["ifconfig_em0"]).endswith("-txcsum")


@pytest.mark.parametrize("values", [rc(), rc("up"), rc("up -lro mtu 1500"), rc("")])
def test_an_interface_without_addresses_has_none(values: Dict[str, Optional[str]]) -> None:
    assert read("em0", values, AT) is None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (rc("inet 192.0.2.10"), "has no prefix length"),
        (rc("inet 192.0.2.300/24"), "is not an address"),
        (rc("inet6 accept_rtadv"), "behind inet6 comes accept_rtadv"),
        (rc("up", em0_ipv6="inet6 accept_rtadv"), "behind inet6 comes accept_rtadv"),
        (rc("inet"), "behind inet comes nothing"),
        (rc("inet vhid 1 pass secret alias 192.0.2.9/32"), "behind inet comes vhid"),
        (rc("inet 192.0.2.10/24 vhid 1"), "vhid is carp(4)"),
        (rc("inet 192.0.2.10/24 fib 1"), "a routing table of its own"),
        (rc("WPA SYNCDHCP"), "WPA is wireless"),
        (rc("inet $address"), "signs of the shell"),
        (rc("up", ipv4_addrs_em0="192.0.2.5-9/24"), "192.0.2.5-9/24 is no static address"),
        (rc("inet 192.0.2.10/24", ipv6_defaultrouter="fe80::1%em0"), "names em0"),
        (rc("inet 192.0.2.10/24", static_routes="a b:em0"), "names em0"),
        (rc("up", **{f"em0_alias{number}": f"inet 192.0.2.{number + 1}/32" for number in range(32)}), "32 aliases"),
    ],
)
def test_what_cannot_be_moved_is_refused(values: Dict[str, Optional[str]], says: str) -> None:
    with pytest.raises(BadInput) as error:
        read("em0", values, AT)
    assert str(error.value).startswith(AT) and says in str(error.value)


def test_a_bridge_has_the_addresses_of_its_uplink_in_rc_conf() -> None:
    lan = Switch("lan", "bridge1000", uplink="em0", mac="00:11:22:33:44:55", addresses=("10.0.0.1/24",))
    static = Switch(**{**vars(lan), "moved": Moved(("192.0.2.10/24", "192.0.2.11/32", "2001:db8::10/64"))})
    assert switch_rc.lines(static) == {
        "create_args_bridge1000": "ether 00:11:22:33:44:55 descr apiary:lan addm em0",
        "ifconfig_bridge1000": "inet 192.0.2.10/24 up",
        "ifconfig_bridge1000_ipv6": "inet6 2001:db8::10/64",
        "ifconfig_bridge1000_aliases": "inet 192.0.2.11/32 inet 10.0.0.1/24",
    }
    dynamic = Switch(**{**vars(lan), "moved": Moved(dhcp=True, lines=(("ifconfig_IF", "DHCP"),))})
    lines = switch_rc.lines(dynamic)
    assert (lines["ifconfig_bridge1000"], lines["ifconfig_bridge1000_aliases"]) == ("SYNCDHCP", "inet 10.0.0.1/24")
    for switch in (static, dynamic, lan):
        assert switches_from_json({"lan": switch_to_json(switch)}, "host.json") == {"lan": switch}
    # Until it is all put back, what has to be put back is known.
    assert on_its_way(dynamic, lan).moved == dynamic.moved
