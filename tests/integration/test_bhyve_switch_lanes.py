# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges that filter VLANs, and bridges that reach over hosts: what is done, what it looks like, where frames go."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

import pytest
from compare import comparable, differences, fingerprint
from frames import crosses, heard
from harness import Modules
from standin.host import StandinHost
from standin.settings import Settings
from test_bhyve_switch import lan, network, refusal, stays_over_restart_and_boot, the

FIFTEEN = "15.0-RELEASE"


def tried(host: StandinHost, modules: Modules, story: List[Dict[str, Any]]) -> List[str]:
    """What is wrong with tasks that each change something: in check mode, applied, and applied again."""
    wrong: List[str] = []
    for number, task in enumerate(story):
        untouched = fingerprint(host)
        predicted = modules.good("bhyve_switch", task, check=True)
        wrong += [f"{number}: check mode changed the host"] if fingerprint(host) != untouched else []
        applied = modules.good("bhyve_switch", task)
        wrong += [f"{number}: not changed"] if not applied["changed"] else []
        wrong += [f"{number}{line}" for line in differences(comparable(predicted), comparable(applied))]
        wrong += [f"{number}: no diff"] if all(part["before"] == part["after"] for part in applied["diff"]) else []
        again = modules.good("bhyve_switch", task)
        wrong += [f"{number}: changed again: {again['switches']}"] if again["changed"] else []
    return wrong


def put_right(host: StandinHost, modules: Modules, task: Dict[str, Any], spoilers: List[str]) -> List[str]:
    """What a second run leaves wrong of what somebody has changed by hand."""
    good, wrong = network(host), []
    for what in spoilers:
        host.sh(what, check=True)
        told = modules.good("bhyve_switch", task, check=True)
        wrong += [f"{what}: not seen"] if not told["changed"] or not told["diff"] else []
        modules.good("bhyve_switch", task)
        wrong += [f"{what}: {line}" for line in set(network(host).splitlines()) ^ set(good.splitlines())]
    return wrong


@pytest.fixture
def fifteen(bare_host: Callable[..., StandinHost]) -> StandinHost:
    """A host with FreeBSD 15; two of its cards are on one wire."""
    cards = {"em0": "office", "em1": "wire", "em2": "wire"}
    return bare_host(Settings("fifteen1", release=FIFTEEN, zfs=False, uplinks=cards), name="fifteen1")


def test_a_switch_that_filters_vlans(fifteen: StandinHost) -> None:
    modules = Modules(fifteen).install()
    before = fifteen.run(["ifconfig", "-l"]).stdout
    trunk = lan(uplink="em1", vlan_filter=True, uplink_tagged=["10-20", "30"], uplink_untagged="1")
    wrong = tried(
        fifteen,
        modules,
        [
            lan(vlan_filter=True),
            lan(uplink="em1"),
            {"switches": [lan(vlan_filter=False), lan("far", uplink="em2", vlan_filter=True, stp=True)]},
            lan(vlan_filter=True, uplink_tagged=[]),
            trunk,
        ],
    )
    assert not wrong, "\n".join(wrong)
    shown = the(modules.good("bhyve_switch", lan()))
    assert (shown["vlan_filter"], shown["uplink_tagged"], shown["uplink_untagged"]) == (True, ["10-20", "30"], "1")
    wrong = put_right(
        fifteen,
        modules,
        trunk,
        [
            "ifconfig bridge1000 -vlanfilter",
            "ifconfig bridge1000 iftagged em1 11 -ifuntagged em1",
            "ifconfig bridge1000 destroy",
        ],
    )
    wrong += stays_over_restart_and_boot(fifteen)
    assert not wrong, "\n".join(wrong)
    fifteen.sh(
        "for n in 1 2 3 4; do ifconfig tap$n create; done; ifconfig bridge1000 addm tap1 untagged 10", check=True
    )
    fifteen.sh("ifconfig bridge1001 addm tap2 untagged 10 addm tap3 untagged 11 addm tap4 tagged 10,12", check=True)
    assert heard(fifteen, "tap1", "tap2", "tap3", "tap4") == {("tap2", -1), ("tap4", 10)}
    assert heard(fifteen, "tap4", "tap1", "tap2", "tap3", vlan=12) == set()
    fifteen.sh("for n in 1 2 3 4; do ifconfig tap$n destroy; done", check=True)
    gone = {"switches": [lan(state="absent"), lan("far", state="absent")]}
    assert modules.good("bhyve_switch", gone)["changed"] and not modules.good("bhyve_switch", gone)["changed"]
    assert fifteen.run(["ifconfig", "-l"]).stdout == before


def test_bad_input_about_vlans(fifteen: StandinHost) -> None:
    modules = Modules(fifteen).install()
    modules.good("bhyve_switch", lan("own", addresses=["10.20.0.1/24"]))
    before, wrong = fingerprint(fifteen), []
    for says, task in {
        "uplink_tagged: '0'": lan(uplink="em1", vlan_filter=True, uplink_tagged=[0]),
        "uplink_tagged: '4095'": lan(uplink="em1", vlan_filter=True, uplink_tagged=["1-3", 4095]),
        "uplink_tagged: '20-10'": lan(uplink="em1", vlan_filter=True, uplink_tagged=["20-10"]),
        "uplink_untagged: 4095": lan(uplink="em1", vlan_filter=True, uplink_untagged=4095),
        "uplink_tagged: 5; without vlan_filter": lan(uplink="em1", uplink_tagged=[5]),
        "uplink_untagged: 5; the switch has no uplink": lan(vlan_filter=True, uplink_untagged=5),
        "vlan: 82; with vlan_filter the uplink itself": lan(uplink="em1", vlan_filter=True, vlan=82),
        "filters VLANs has no address": lan("own", vlan_filter=True),
        "vlan_filter: not with manual: true": lan(manual=True, interface="bridge1000", vlan_filter=True),
    }.items():
        told = refusal(modules, task)
        wrong += [f"{says!r} is not in {told!r}"] if says not in told else []
    assert not wrong and fingerprint(fifteen) == before, "\n".join(wrong)


def test_freebsd_14_has_no_bridges_that_filter_vlans(cards_host: StandinHost) -> None:
    modules = Modules(cards_host)
    before = fingerprint(cards_host)
    for check in (True, False):
        said = refusal(modules, {"switches": [lan("a"), lan(uplink="em1", vlan_filter=True)]}, check=check)
        assert "switch lan: vlan_filter: the bridges of this FreeBSD (14, kern.osreldate 1403000) know no VLANs" in said
        assert "one switch for each VLAN, with uplink and vlan" in said
    assert fingerprint(cards_host) == before


def vxlan(number: int, **options: Any) -> Dict[str, Any]:
    """A switch between two hosts, as the one with this number has it."""
    return lan(vxlan={"id": 42, "local": f"192.0.2.{number}", "remote": f"192.0.2.{3 - number}", **options})


def test_a_switch_between_hosts(bare_host: Callable[..., StandinHost]) -> None:
    near, far = (
        bare_host(Settings(f"v{number}", zfs=False, uplinks={"em0": "vx", "em1": "spare"}), name=f"v{number}")
        for number in (1, 2)
    )
    for number, host in enumerate((near, far), start=1):
        host.sh(f"sysrc ifconfig_em0='inet 192.0.2.{number}/24' && service netif start em0", check=True)
    modules, others = Modules(near).install(), Modules(far).install()
    before = near.run(["ifconfig", "-l"]).stdout
    far.sh("ifconfig tap1 create", check=True)
    wrong = tried(near, modules, [vxlan(1)])
    assert others.good("bhyve_switch", {"switches": [vxlan(2)]})["changed"]
    shown = the(modules.good("bhyve_switch", lan()))
    assert (shown["members"], shown["mtu"]) == (["vxlan1000"], 1450)
    assert shown["vxlan"] == {"id": 42, "local": "192.0.2.1", "remote": "192.0.2.2", "port": 4789}
    spoilers = ["ifconfig vxlan1000 down vxlanid 43 up; ifconfig bridge1000 mtu 1400", "ifconfig vxlan1000 destroy"]
    wrong += put_right(near, modules, vxlan(1), spoilers)
    wrong += stays_over_restart_and_boot(near)
    near.sh("ifconfig tap1 create", check=True)
    for host in (near, far):
        host.sh("ifconfig bridge1000 addm tap1", check=True)
    assert crosses(near, "tap1", far, "tap1")
    # Another network takes its place, with the guests in it.
    group = {"id": 44, "group": "239.0.0.44", "dev": "em0"}
    wrong += tried(near, modules, [lan(vxlan=group)])
    assert the(modules.good("bhyve_switch", lan()))["members"] == ["tap1", "vxlan1001"]
    others.good("bhyve_switch", lan(vxlan=group))
    assert crosses(near, "tap1", far, "tap1")
    given = modules.good("bhyve_switch", lan(mtu=1500))
    assert "mtu: 1500 is more than the 1450 that fit into a packet of em0" in str(given["warnings"])
    near.sh("ifconfig tap1 destroy", check=True)
    wrong += tried(near, modules, [lan(mtu=0, vxlan={}, uplink="em1"), lan(state="absent")])
    assert not wrong and near.run(["ifconfig", "-l"]).stdout == before, "\n".join(wrong)
    assert "vxlan" not in str(near.read("/etc/rc.conf"))


def test_a_bridge_carries_the_vxlan_of_another_now_and_at_boot(cards_host: StandinHost) -> None:
    modules = Modules(cards_host)
    over = lan("over", vxlan={"id": 7, "local": "10.5.0.1", "remote": "10.5.0.2"})
    back = lan("back", addresses=["10.5.0.1/24"], mtu=1400)
    wrong = tried(
        cards_host,
        modules,
        [{"switches": [over, back]}, lan("back", uplink="em1", vlan=82, mtu=0), lan("back", vlan=83)],
    )
    shown = the(modules.good("bhyve_switch", lan("over")), "over")
    assert (shown["members"], shown["mtu"]) == (["vxlan1000"], 1450)
    assert "RUNNING" in cards_host.run(["ifconfig", "vxlan1000"]).stdout
    wrong += stays_over_restart_and_boot(cards_host)
    assert not wrong, "\n".join(wrong)
    said = refusal(modules, lan("back", state="absent"))
    assert "state: absent, and the vxlan of the switch over goes by bridge1001; make that switch absent first" in said
    modules.good("bhyve_switch", {"switches": [lan("back", state="absent"), lan("over", state="absent")]})


BAD_ENDS: Dict[str, Dict[str, Any]] = {
    "id: 0; a VXLAN has a network identifier from 1 to 16777215": {"id": 0},
    "id: 16777216;": {"id": 16777216},
    "id: none is given": {"id": None},
    "port: 65535;": {"port": 65535},
    "both are given": {"group": "239.0.0.42", "dev": "em0"},
    "neither is given": {"remote": None},
    "remote: 239.0.0.42 is not the address of a host": {"remote": "239.0.0.42"},
    "group: 192.0.2.2 is no multicast address": {"remote": None, "group": "192.0.2.2", "dev": "em0"},
    "dev: group needs the interface": {"remote": None, "group": "239.0.0.42"},
    "dev: em9 does not exist": {"remote": None, "group": "239.0.0.42", "dev": "em9"},
    "dev: the interface is for a group": {"dev": "em0"},
    "local: 192.0.2.9 is not an address of this host": {"local": "192.0.2.9"},
    "have to be both IPv4 or both IPv6": {"remote": "2001:db8::2"},
    "'em0' is not an IP address": {"local": "em0"},
    "remote: 192.0.2.1 is the address of this host": {"remote": "192.0.2.1"},
    "local: 198.51.100.1 of em1 comes by DHCP": {"local": "198.51.100.1"},
    "duplicate address detection": {"local": "2001:db8::1", "remote": "2001:db8::2"},
    "dev: em2 has no IPv4 address": {"remote": None, "local": None, "group": "239.0.0.42", "dev": "em2"},
    "dev: the address of em1 comes by DHCP": {"remote": None, "local": None, "group": "239.0.0.42", "dev": "em1"},
    "id: 5 is that of the switch taken": {"id": 5},
    "id: 7 is that of vxlan7 already": {"id": 7},
}


def test_bad_input_about_vxlans(cards_host: StandinHost) -> None:
    modules = Modules(cards_host)
    cards_host.sh("ifconfig em0 inet 192.0.2.1/24; ifconfig em1 inet 198.51.100.1/24", check=True)
    cards_host.sh("ifconfig em0 inet6 2001:db8::1/64 no_dad", check=True)
    cards_host.sh("sysrc ifconfig_em1=DHCP; ifconfig vxlan7 create vxlanid 7 vxlanremote 192.0.2.7 up", check=True)
    own = lan("own", uplink="em2", addresses=["10.20.0.1/24"])
    modules.good("bhyve_switch", {"switches": [own, {**vxlan(1, id=5), "name": "taken"}]})
    before, wrong = fingerprint(cards_host), []
    for says, options in BAD_ENDS.items():
        told = refusal(modules, vxlan(1, **options))
        wrong += [f"{says!r} is not in {told!r}"] if says not in told else []
    for says, task in {
        "not with uplink": {**vxlan(1), "uplink": "em1"},
        "not with vlan": {**vxlan(1), "vlan": 82},
        "say uplink: '' too": {**vxlan(1), "name": "own"},
        "say vxlan: {} too": lan("taken", uplink="em1"),
        "is of this very switch": {**vxlan(1, local="10.20.0.1"), "name": "own", "uplink": ""},
        "vxlan: not with manual: true": {**vxlan(1), "manual": True, "interface": "bridge0"},
    }.items():
        told = refusal(modules, task)
        wrong += [f"{says!r} is not in {told!r}"] if says not in told else []
    assert not wrong and fingerprint(cards_host) == before, "\n".join(wrong)
