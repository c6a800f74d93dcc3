# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netif-restart.txt: three virtio cards; a bridge in rc.conf with its member and address in ifconfig_bridge1000."""

from __future__ import annotations

from standin.host import StandinHost

from replay.network import cards

SETTINGS = {"release": "14.0-CURRENT", "uplinks": {"vtnet0": "wire0", "vtnet1": "wire1", "vtnet2": "wire2"}}
_RC_CONF = """\
hostname="bhyve0"
zfs_enable="YES"
ifconfig_vtnet0="inet 10.0.2.15/24"
ifconfig_vtnet1="up"
cloned_interfaces="bridge1000"
ifconfig_bridge1000="inet 10.99.0.1/24 addm vtnet1 descr apiary:lan up"
"""


def prepare(host: StandinHost) -> None:
    """The first card has its address, the others are down. The recorder's got its address by DHCP."""
    host.write("/etc/rc.conf", _RC_CONF)
    cards(host, "vtnet0", "vtnet1", "vtnet2")
    host.sh("ifconfig vtnet0 inet 10.0.2.15/24; ifconfig vtnet1 down; ifconfig vtnet2 down", check=True)


#: 49: the tap of a guest. 165: the bridge has become sticky, the tap is back. 215: the bridge that is renamed joins.
#: 409: autobridge.
UNRECORDED = {
    49: "ifconfig tap1000 create descr apiary:web1:lan group apiary up",
    165: 'sysrc cloned_interfaces="bridge1000:sticky"; ifconfig bridge1000 addm tap1000',
    215: 'sysrc cloned_interfaces="bridge1000:sticky bridge1001" ifconfig_bridge1001_name=lan'
    ' ifconfig_lan="inet 10.98.0.1/24"',
    409: 'sysrc autobridge_interfaces=bridge1000 autobridge_bridge1000="vtnet1 tap*"',
}
