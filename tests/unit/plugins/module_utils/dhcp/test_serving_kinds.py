# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dhcp_server writes for Kea and dnsmasq."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq.backend import Dnsmasq
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.backend import Kea
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.conf import read_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.declared import Declared, Scope, Served
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.dnsmasq import DnsmasqServer
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.kea import KeaServer
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.kind import HEAD
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

LAB = Subnet("10.10.0.0/24", "lab", (Range("10.10.0.100", "10.10.0.199"),), (), ("10.10.0.1",))
LAN = Subnet("198.51.100.0/24", "lan", (Range("198.51.100.100", "198.51.100.110"),))
MORE = Subnet("10.12.0.0/24", "lan")
SIX = Subnet("fd00:10::/64", "lab")
EVERYWHERE = Scope(
    domain_name="lab",
    domain_name_servers=("10.10.0.1", "fd00:10::1"),
    filename="boot.efi",
    next_server="10.10.0.2",
    max_lease_time=900,
    options=(("interface-mtu", "1400"), ("root-path", "10.10.0.2:/r")),
)
DECLARED = Declared(
    EVERYWHERE,
    True,
    (
        Served(LAB, "bridge1000", Scope(), known_only=False, shared=False, dns=True),
        Served(LAN, "bridge1001", Scope(domain_name="lan", default_lease_time=300), known_only=True, shared=True),
        Served(MORE, "bridge1001", Scope(), known_only=True, shared=True),
        Served(SIX, "bridge1000", Scope(), known_only=False, shared=False, dns=True),
    ),
)


def kea(number: int) -> Dict[str, Any]:
    """The map of a daemon as it reads it, and that ours is in it and stays so."""
    daemon = Kea().daemons()[number]
    text = KeaServer().render(DECLARED, daemon)
    assert text.startswith(HEAD)
    conf = read_conf(text, daemon, lambda path: None)
    assert conf.hooked and conf.with_hook() == text
    assert conf.socket == f"/var/run/kea/kea{daemon.family}-ctrl-socket"
    assert [one.ranges for one in conf.subnets() if one.subnet == "10.10.0.0/24"] == [LAB.ranges] * (1 - number)
    found: Dict[str, Any] = _plain(conf.server)
    return found


def _plain(node: Any) -> Any:
    if node.fields is not None:
        return {key: _plain(value) for key, value in node.fields.items()}
    return node.value if node.items is None else [_plain(item) for item in node.items]


def test_kea_for_ipv4() -> None:
    server = kea(0)
    assert server["interfaces-config"] == {"interfaces": ["bridge1000", "bridge1001"]}
    assert server["option-data"] == [
        {"name": "domain-name", "data": "lab"},
        {"name": "domain-name-servers", "data": "10.10.0.1"},
        {"code": 26, "data": "1400"},
        {"code": 17, "data": "10.10.0.2:/r"},
    ]
    assert [server[key] for key in ("boot-file-name", "next-server", "valid-lifetime", "max-valid-lifetime")] == [
        "boot.efi",
        "10.10.0.2",
        900,
        900,
    ]
    (lab,) = server["subnet4"]
    assert lab["authoritative"] and lab["pools"] == [{"pool": "10.10.0.100 - 10.10.0.199"}]
    assert lab["option-data"] == [{"name": "routers", "data": "10.10.0.1"}]
    (wire,) = server["shared-networks"]
    lan, more = wire["subnet4"]
    assert wire["name"] == "bridge1001" and not lan["authoritative"]
    assert lan["pools"] == [{"pool": "198.51.100.100 - 198.51.100.110", "client-class": "KNOWN"}]
    assert lan["valid-lifetime"] == 300 and "pools" not in more
    numbers = {one["id"] for one in (lab, lan, more)}
    assert len(numbers) == 3 and all(0 < number < 2**32 - 1 for number in numbers)


def test_kea_for_ipv6() -> None:
    server = kea(1)
    assert server["interfaces-config"] == {"interfaces": ["bridge1000"]}
    assert server["option-data"] == [
        {"name": "domain-search", "data": "lab"},
        {"name": "dns-servers", "data": "fd00:10::1"},
    ]
    assert [(one["subnet"], one["interface"]) for one in server["subnet6"]] == [("fd00:10::/64", "bridge1000")]
    assert "boot-file-name" not in server


def test_dnsmasq() -> None:
    (daemon,) = Dnsmasq().daemons()
    text = DnsmasqServer().render(DECLARED, daemon)
    assert text.startswith(HEAD) and Dnsmasq().hooked(text, daemon, {}) == text
    assert text[len(HEAD) : text.index("# Reservations")].splitlines() == [
        "bind-interfaces",
        "interface=bridge1000",
        "interface=bridge1001",
        "auth-server=none.invalid,bridge1001",
        "domain-needed",
        "bogus-priv",
        "domain=lab",
        "local=/lab/",
        "expand-hosts",
        "dhcp-option=option:dns-server,10.10.0.1",
        "dhcp-option=option6:dns-server,[fd00:10::1]",
        'dhcp-option=option:bootfile-name,"boot.efi"',
        "dhcp-option=option:server-ip-address,10.10.0.2",
        "dhcp-option=26,05:78",
        'dhcp-option=17,"10.10.0.2:/r"',
        "dhcp-range=set:subnet-10.10.0.0,10.10.0.100,10.10.0.199,255.255.255.0,900",
        "dhcp-option=tag:subnet-10.10.0.0,option:router,10.10.0.1",
        "dhcp-range=tag:known,set:subnet-198.51.100.0,198.51.100.100,198.51.100.110,255.255.255.0,300",
        "dhcp-option=tag:subnet-198.51.100.0,option:router",
        "domain=lan,198.51.100.0/24",
        "dhcp-range=set:subnet-10.12.0.0,10.12.0.0,static,255.255.255.0,900",
        "dhcp-option=tag:subnet-10.12.0.0,option:router",
        "dhcp-range=set:subnet-fd00:10::,fd00:10::,static,64,900",
        "# What the role apiary.bhyve.pxe_server may have it serve by TFTP, in tftp.dnsmasq.",
        "conf-dir=/usr/local/etc,*.dnsmasq",
    ]
    alone = Declared(Scope(), True, DECLARED.subnets[:1])
    assert "dhcp-authoritative\n" in DnsmasqServer().render(alone, daemon)


@pytest.mark.parametrize("kind", [KeaServer(), DnsmasqServer()], ids=lambda kind: str(kind.name))
@pytest.mark.parametrize(
    ("scope", "says"),
    [
        (Scope(statements=("x;",)), "statements: words of dhcpd.conf"),
        (Scope(next_server="boot.lab"), "next_server: 'boot.lab'"),
        (Scope(options=(("no-such", "1"),)), "options: no-such: "),
        (Scope(options=(("domain-name", "lab"),)), "options: domain-name: there is domain_name for that"),
    ],
)
def test_what_they_cannot_be_told_is_refused(kind: Any, scope: Scope, says: str) -> None:
    for declared in (
        Declared(scope, True, ()),
        Declared(Scope(), True, (Served(LAB, "bridge0", scope, known_only=False, shared=False),)),
    ):
        with pytest.raises(BadInput) as error:
            kind.check(declared)
        assert says in str(error.value)
