# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netif-recipes.txt: three virtio cards, a guest's tap; forms of rc.conf for bridges that survive a restart."""

from __future__ import annotations

from standin.host import StandinHost

from replay.network import cards

SETTINGS = {"release": "14.0-CURRENT", "uplinks": {"vtnet0": "wire0", "vtnet1": "wire1", "vtnet2": "wire2"}}
_RC_CONF = """\
hostname="bhyve0"
zfs_enable="YES"
ifconfig_vtnet0="inet 10.0.2.15/24"
ifconfig_vtnet1="up"
cloned_interfaces="bridge1000:sticky"
create_args_bridge1000="addm vtnet1 descr apiary:lan"
ifconfig_bridge1000="inet 10.99.0.1/24 up"
"""


def prepare(host: StandinHost) -> None:
    """The recorder's first card got its address by DHCP."""
    host.write("/etc/rc.conf", _RC_CONF)
    cards(host, "vtnet0", "vtnet1", "vtnet2")
    host.sh("ifconfig vtnet0 inet 10.0.2.15/24; ifconfig vtnet1 down; ifconfig vtnet2 down", check=True)
    host.sh("ifconfig tap1000 create descr apiary:web1:lan group apiary", check=True)


#: Each section has an rc.conf of its own.
UNRECORDED = {
    71: 'sysrc cloned_interfaces="bridge1000:sticky bridge1002" create_args_bridge1002="descr apiary:x addm nosuch0"',
    96: "ifconfig bridge1002 destroy; ifconfig bridge1000 deletem tap1000 deletem vtnet1;"
    ' sysrc autobridge_interfaces=bridge1000 autobridge_bridge1000="vtnet1 tap1000 tap1001"',
    121: "ifconfig bridge1000 destroy; sysrc -x autobridge_interfaces autobridge_bridge1000;"
    ' sysrc cloned_interfaces=bridge1003:sticky create_args_bridge1003="addm vtnet1.82 descr apiary:y" vlans_vtnet1=82',
}
