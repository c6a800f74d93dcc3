# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In a running stand-in host: frames really pass, and networks from rc.conf behave as recorded."""

from __future__ import annotations

import re
from typing import List

import pytest
from standin.host import StandinHost

#: Opens two taps and says whether a frame written to the first is read from the second within a second.
_FRAMES = """
import os, select, sys
sys.path.insert(0, "/.standin/lib")
from standin.taps import open_tap
first, second = (open_tap(name, os.getpid()) for name in sys.argv[1:3])
frame = bytes.fromhex("ffffffffffff" "5a0000000001" "88b5") + b"apiary".ljust(46, b"\\0")
os.set_blocking(second, False)
seen = False
for _attempt in range(20):
    os.write(first, frame)
    if select.select([second], [], [], 0.05)[0]:
        seen = os.read(second, 2000)[-46:] == frame[-46:]
        if seen:
            break
print("passed" if seen else "nothing")
"""


def frames(host: StandinHost, first: str, second: str) -> str:
    """Whether frames pass from one tap to the other."""
    done = host.run(["/.linux/usr/bin/python3", "-IS", "-c", _FRAMES, first, second], check=True)
    return done.stdout.strip()


def members(host: StandinHost, bridge: str) -> List[str]:
    """The members of a bridge, newest first."""
    return re.findall(r"member: (\S+)", host.run(["ifconfig", bridge], check=True).stdout)


def test_frames_pass_between_the_taps_of_a_bridge_only(host: StandinHost) -> None:
    host.sh("ifconfig bridge5 create up; ifconfig bridge6 create up", check=True)
    host.sh("for n in 51 52 61; do ifconfig tap$n create; done", check=True)
    host.sh("ifconfig bridge5 addm tap51 addm tap52; ifconfig bridge6 addm tap61", check=True)
    assert frames(host, "tap51", "tap52") == "passed"
    assert frames(host, "tap51", "tap61") == "nothing"


def test_private_members_do_not_hear_each_other(host: StandinHost) -> None:
    host.sh("ifconfig bridge7 create up; ifconfig tap71 create; ifconfig tap72 create", check=True)
    host.sh("ifconfig bridge7 addm tap71 private tap71 addm tap72 private tap72", check=True)
    assert frames(host, "tap71", "tap72") == "nothing"
    host.sh("ifconfig bridge7 -private tap72", check=True)
    assert frames(host, "tap71", "tap72") == "passed"


def test_a_member_does_without_offloads_while_another_has_none(host: StandinHost) -> None:
    def capabilities() -> List[str]:
        return re.findall("TXCSUM|TSO4|LRO", host.run(["ifconfig", "em0"], check=True).stdout)

    host.sh("ifconfig em0 txcsum tso4 lro; ifconfig bridge8 create; ifconfig tap83 create", check=True)
    assert capabilities() == ["TXCSUM", "TSO4", "LRO"]
    host.sh("ifconfig bridge8 addm em0", check=True)
    assert capabilities() == ["TXCSUM", "TSO4"]
    host.sh("ifconfig bridge8 addm tap83", check=True)
    assert capabilities() == []
    host.sh("ifconfig tap83 destroy", check=True)
    assert capabilities() == ["TXCSUM", "TSO4"]
    host.sh("ifconfig bridge8 destroy", check=True)
    assert capabilities() == ["TXCSUM", "TSO4", "LRO"]
    host.sh("ifconfig em0 -tso -lro", check=True)


def test_the_device_of_a_tap(host: StandinHost) -> None:
    host.sh("ifconfig tap81 create name guest81", check=True)
    assert host.sh("test -c /dev/tap81 && readlink /dev/guest81").stdout == "tap81\n"
    host.sh("ifconfig guest81 destroy", check=True)
    assert host.sh("ls /dev | grep -e tap81 -e guest81").stdout == ""


def test_a_real_device_that_a_killed_command_left_is_in_nobodys_way(host: StandinHost) -> None:
    host.sh("/.linux/usr/bin/ip link add name bridge91 type bridge", check=True)
    host.sh("ifconfig bridge91 create up && ifconfig tap91 create && ifconfig bridge91 addm tap91", check=True)
    host.sh("/.linux/usr/bin/ip link del dev bridge91", check=True)
    host.sh("ifconfig bridge91 destroy && ifconfig tap91 destroy", check=True)


STICKY = """\
ifconfig_em0="up"
cloned_interfaces="bridge1000:sticky"
create_args_bridge1000="addm em0 descr apiary:lan"
ifconfig_bridge1000="inet 10.99.0.1/24 up"
"""
CLONED = """\
ifconfig_em0="up"
cloned_interfaces="bridge1000"
ifconfig_bridge1000="inet 10.99.0.1/24 addm em0 up"
"""


@pytest.fixture
def rc_conf(host: StandinHost) -> StandinHost:
    """A host whose networks rc.conf alone will describe; a guest's tap is there."""
    host.sh("for i in $(ifconfig -g bridge) $(ifconfig -g tap); do ifconfig $i destroy; done", check=True)
    host.sh("ifconfig tap1000 create group apiary descr apiary:web1:lan", check=True)
    return host


def test_a_sticky_bridge_with_members_in_create_args_survives_a_restart(rc_conf: StandinHost) -> None:
    rc_conf.write("/etc/rc.conf", 'hostname="net1"\n' + STICKY)
    rc_conf.sh("service netif start bridge1000 && ifconfig bridge1000 addm tap1000", check=True)
    for _restart in range(2):
        assert rc_conf.sh("service netif restart").stderr == ""
        assert members(rc_conf, "bridge1000") == ["tap1000", "em0"]
        assert "inet 10.99.0.1 netmask 0xffffff00" in rc_conf.run(["ifconfig", "bridge1000"]).stdout


def test_a_bridge_that_is_not_sticky_loses_the_taps(rc_conf: StandinHost) -> None:
    rc_conf.write("/etc/rc.conf", 'hostname="net1"\n' + CLONED)
    rc_conf.sh("service netif start bridge1000 && ifconfig bridge1000 addm tap1000", check=True)
    rc_conf.sh("service netif restart", check=True)
    assert members(rc_conf, "bridge1000") == ["em0"]


def test_members_beside_the_address_cost_the_address(rc_conf: StandinHost) -> None:
    rc_conf.write("/etc/rc.conf", 'hostname="net1"\n' + CLONED.replace('"bridge1000"', '"bridge1000:sticky"'))
    rc_conf.sh("service netif start bridge1000", check=True)
    restarted = rc_conf.sh("service netif restart bridge1000")
    assert restarted.stderr == "ifconfig: BRDGADD em0: File exists\n"
    assert "inet " not in rc_conf.run(["ifconfig", "bridge1000"]).stdout


def test_autobridge_takes_in_a_tap_that_appears_later(rc_conf: StandinHost) -> None:
    auto = 'autobridge_interfaces="bridge1000"\nautobridge_bridge1000="em0 tap*"\n'
    rc_conf.write("/etc/rc.conf", 'hostname="net1"\nifconfig_em0="up"\ncloned_interfaces="bridge1000"\n' + auto)
    rc_conf.sh("service netif start bridge1000; service bridge start", check=True)
    rc_conf.sh("ifconfig tap1001 create", check=True)
    wait = "i=0; until ifconfig bridge1000 | grep -q 'member: tap1001'; do i=$((i+1)); [ $i -lt 100 ] || exit 1; done"
    rc_conf.sh(wait, check=True)
    assert sorted(members(rc_conf, "bridge1000")) == ["em0", "tap1000", "tap1001"]


def test_networks_are_back_after_a_power_cut(rc_conf: StandinHost) -> None:
    route = 'defaultrouter="10.99.0.254"\n'
    rc_conf.write("/etc/rc.conf", 'hostname="net1"\n' + STICKY + route + 'vlans_em0="82"\nifconfig_em0_82="up"\n')
    rc_conf.power_cut()
    rc_conf.boot()
    assert members(rc_conf, "bridge1000") == ["em0"]
    names = rc_conf.run(["ifconfig", "-l"]).stdout.split()
    assert names == ["em0", "lo0", "bridge1000", "em0.82"]
    assert "interface: bridge1000" in rc_conf.run(["route", "-n", "get", "default"], check=True).stdout


def test_who_is_not_root_may_look_only(host: StandinHost) -> None:
    before = host.run(["ifconfig"]).stdout
    user = "su -m nobody -c '{}'"
    assert host.sh(user.format("ifconfig")).stdout == before
    for words, refusal in (
        ("tap create", "SIOCIFCREATE2: Operation not permitted"),
        ("em0 down", "down: permission denied"),
        ("em0 inet 10.1.1.1/24", "ioctl (SIOCDIFADDR): permission denied"),
        ("em0 name wan", "ioctl SIOCSIFNAME (set name): Operation not permitted"),
    ):
        done = host.sh(user.format(f"ifconfig {words}"))
        assert (done.returncode, done.stderr) == (1, f"ifconfig: {refusal}\n")
    assert host.run(["ifconfig"]).stdout == before


def test_dhclient_goes_on_without_a_lease_and_is_not_started_for_others(host: StandinHost) -> None:
    host.write("/etc/dhclient.conf", "timeout 1;\nreboot 1; # as short as it gets\n")
    host.sh("ifconfig bridge8 create up", check=True)
    refused = host.sh("service dhclient start bridge8")
    assert (refused.returncode, refused.stdout) == (1, "'bridge8' is not a DHCP-enabled interface\n")
    started = host.sh("service dhclient forcestart bridge8")
    assert started.returncode == 0 and "No DHCPOFFERS received." in started.stderr
    assert "inet 0.0.0.0 " in host.sh("ifconfig bridge8").stdout
    assert "dhclient already running" in host.sh("dhclient bridge8").stderr
    host.sh("service dhclient forcestop bridge8", check=True)
    assert "dhclient: bridge8" not in host.sh("ps ax").stdout
