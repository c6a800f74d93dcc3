# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual functions: what a device says of them, and the iovctl.conf(5) that is written."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import SrIov, parse_pciconf
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.iov_options import (
    Request,
    check_parameters,
    render,
    requests_of,
)

#: As pciconf(8) prints it of an X710, but for what nobody reads.
CARD = """\
ixl0@pci0:1:0:1:\tclass=0x020000 rev=0x02 hdr=0x00 vendor=0x8086 device=0x1572 subvendor=0x8086 subdevice=0x0000
    cap 11[70] = MSI-X supports 129 messages, enabled
                 Table in map 0x1c[0x0], PBA in map 0x1c[0x1000]
    ecap 0010[160] = SR-IOV 1 IOV disabled, Memory Space disabled, ARI enabled
                     0 VFs configured out of 64 supported
                     First VF RID Offset 0x0010, VF RID Stride 0x0001
                     VF Device ID 0x154c
"""
SCHEMA = """\
The following configuration parameters may be configured on the PF:
\tnum_vfs : uint16_t (required)
\tdevice : string (required)

The following configuration parameters may be configured on a VF:
\tpassthrough : bool (default = false)
\tmac-addr : unicast-mac (optional)
\tallow-set-mac : bool (default = false)
\tnum-queues : uint16_t (default = 4)
"""


def test_where_virtual_functions_are() -> None:
    card = parse_pciconf(CARD)["1/0/1"]
    assert card.sr_iov and card.virtual == SrIov(0, 64, 0x10, 1)
    assert card.virtual_places(3) == ["1/0/17", "1/0/18", "1/0/19"]
    made = parse_pciconf(CARD.replace("0 VFs", "8 VFs"))["1/0/1"]
    assert made.virtual.now == 8
    # Numbered through beyond the 8 functions of a slot.
    ari = parse_pciconf(CARD.replace("0x0010", "0x0100").replace("pci0:1:0:1", "pci0:1:0:0"))["1/0/0"]
    assert ari.virtual_places(1) == ["2/0/0"]


def test_the_file() -> None:
    request = Request("ix0", True, 3, (("allow-set-mac", "true"), ("name", "a b"), ("num-queues", "2")))
    assert render(request).splitlines()[1:] == [
        "PF {",
        '\tdevice : "ix0";',
        "\tnum_vfs : 3;",
        "}",
        "",
        "DEFAULT {",
        "\tpassthrough : true;",
        "\tallow-set-mac : true;",
        '\tname : "a b";',
        "\tnum-queues : 2;",
        "}",
    ]
    assert request.path == "/etc/iov/ix0.conf"


def test_parameters_are_those_of_the_driver() -> None:
    check_parameters(Request("ixl0", True, 1, (("num-queues", "2"),)), SCHEMA)
    with pytest.raises(BadInput, match="its driver has no num_vfs; it has mac-addr, allow-set-mac, num-queues"):
        check_parameters(Request("ixl0", True, 1, (("num_vfs", "2"),)), SCHEMA)
    for key, text, allowed in (
        ("num-queues", "many", "0 to 65535"),
        ("num-queues", "65536", "0 to 65535"),
        ("allow-set-mac", "yes", "true or false"),
        ("mac-addr", "01:00:5e:00:00:01", "the address of one NIC, such as 5a:00:00:00:00:01"),
        ("mac-addr", "5a-00-00-00-00-01", "the address of one NIC"),
    ):
        with pytest.raises(BadInput, match=f"device ixl0: parameters: {key}: '{text}'; allowed is {allowed}"):
            check_parameters(Request("ixl0", True, 1, ((key, text),)), SCHEMA)
    check_parameters(Request("ixl0", True, 1, (("allow-set-mac", "true"), ("mac-addr", "5a:0:0:0:0:1"))), SCHEMA)
    with pytest.raises(UnknownState, match="iovctl -S -d ixl0"):
        check_parameters(Request("ixl0"), "")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"device": "pci0:1:0:0", "num_vfs": 1}, "device: 'pci0:1:0:0' is not the name of a device"),
        ({"device": "../x0", "num_vfs": 1}, "is not the name of a device"),
        ({"device": "ix0"}, "device ix0: num_vfs: it is needed"),
        ({"device": "ix0", "num_vfs": 0}, "device ix0: num_vfs: 0; how many"),
        ({"device": "ix0", "num_vfs": 1, "parameters": {"passthrough": False}}, "parameters: passthrough: all virtual"),
        ({"device": "ix0", "num_vfs": 1, "parameters": {"a b": 1}}, "'a b' is no key of iovctl.conf"),
        ({"device": "ix0", "num_vfs": 1, "parameters": {"a": [1]}}, "neither a text, a number nor"),
        ({"device": "ix0", "num_vfs": 1, "parameters": {"a": 'x"; }'}}, "cannot stand in iovctl.conf"),
        ({"device": "ix0", "num_vfs": 2, "parameters": {"mac-addr": "02::1"}}, "would have the same address"),
        ({"devices": [{"device": "ix0", "num_vfs": 1}, {"device": "ix0", "num_vfs": 2}]}, "ix0 is there twice"),
        ({}, "give one device by device, or many by devices"),
    ],
)
def test_bad_input(params: Dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        requests_of(params)


def test_what_is_asked_for() -> None:
    (one,) = requests_of({"device": "ix0", "num_vfs": 2, "parameters": {"b": True, "a": 5}})
    assert one == Request("ix0", True, 2, (("a", "5"), ("b", "true")))
    assert requests_of({"devices": [{"device": "ix0", "state": "absent", "num_vfs": 3}]}) == [Request("ix0", False)]
