# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that serves DHCP on two bridges, by ISC's dhcpd, and has a note of it."""

from __future__ import annotations

import json

from standin.host import StandinHost

CONF = "/usr/local/etc/dhcpd.conf"
HOSTS = "/usr/local/etc/apiary/dhcpd.hosts"
NOTE = "/usr/local/etc/apiary/dhcp.json"
RECORD = "/var/db/apiary/reservations.json"

#: The subnets by switch, each with its range for auto; nothing is dynamic.
SUBNETS = {"bridge0": "10.10.0", "bridge1": "10.20.0"}


def serve(host: StandinHost) -> None:
    """Let the host serve DHCP on bridge0 and bridge1 by ISC's dhcpd, with a note of it."""
    host.run(["pkg", "install", "-y", "isc-dhcp44-server"], check=True)
    host.sh(
        "sysrc cloned_interfaces='bridge0 bridge1' ifconfig_bridge0='inet 10.10.0.1/24 up'"
        " ifconfig_bridge1='inet 10.20.0.1/24 up' dhcpd_enable=YES dhcpd_ifaces='bridge0 bridge1'"
        " && service netif start bridge1; ifconfig bridge0 inet 10.10.0.1/24",
        check=True,
    )
    conf = "".join(f"subnet {net}.0 netmask 255.255.255.0 {{ option routers {net}.1; }}\n" for net in SUBNETS.values())
    host.write(CONF, f"default-lease-time 600;\n{conf}")
    subnets = [
        {
            "switch": switch,
            "subnet": f"{net}.0/24",
            "ranges": [],
            "auto": [[f"{net}.20", f"{net}.199"]],
            "routers": [f"{net}.1"],
        }
        for switch, net in SUBNETS.items()
    ]
    daemon = {"conf": CONF, "hosts_file": HOSTS, "service": "isc-dhcpd", "socket": "", "family": 4}
    note = {"schema": 1, "backend": "isc", "domain": "lab", **daemon, "subnets": subnets}
    host.write(NOTE, json.dumps(note))
    host.sh("service isc-dhcpd start", check=True)
