# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ISC's dhcpd as its port has it: where things are, how rc(8) tests, starts, restarts and stops it."""

from __future__ import annotations

from typing import Iterator

import pytest
from standin.host import StandinHost

_CONF = "/usr/local/etc/dhcpd.conf"
_PID = "/var/run/dhcpd/dhcpd.pid"


@pytest.fixture(autouse=True)
def _clean(host: StandinHost) -> Iterator[None]:
    """A host that has not had the server yet, also for a second attempt."""
    yield
    host.sh(
        "service isc-dhcpd onestop; service isc-dhcpd6 onestop; pkg delete -y isc-dhcp44-server;"
        "sysrc -x dhcpd_enable; sysrc -x dhcpd_ifaces; sysrc -x dhcpd6_enable; sysrc -x dhcpd6_ifaces;"
        f"ifconfig bridge0 destroy; rm -rf {_CONF} /usr/local/etc/dhcpd6.conf /var/db/dhcpd /var/db/dhcpd6"
    )


def test_dhcpd_is_run_by_its_rc_script(host: StandinHost) -> None:
    host.run(["pkg", "install", "-y", "isc-dhcp44-server"], check=True)
    assert host.read(_CONF) == host.read(f"{_CONF}.sample")
    host.sh("ifconfig bridge0 create; ifconfig bridge0 inet 10.10.0.1/24 up; sysrc dhcpd_ifaces=bridge0", check=True)
    host.write(_CONF, "subnet 10.10.0.0 netmask 255.255.255.0 { range 10.10.0.100 10.10.0.110; }\n")
    assert "Set dhcpd_enable to YES" in host.sh("service isc-dhcpd start").stdout
    host.sh("sysrc dhcpd_enable=YES && service isc-dhcpd start", check=True)
    pid = host.read(_PID).strip()
    assert host.sh("service isc-dhcpd status", check=True).stdout == f"dhcpd is running as pid {pid}.\n"
    shown = host.run(["ps", "-o", "user,command", "-p", pid]).stdout.splitlines()[1]
    assert shown.split(None, 1) == [
        "dhcpd",
        f"/usr/local/sbin/dhcpd -cf {_CONF} -lf /var/db/dhcpd/dhcpd.leases -pf {_PID} -user dhcpd -group dhcpd bridge0",
    ]
    assert f"dhcpd    dhcpd      {pid:>5}" in host.sh("sockstat -4l -p 67", check=True).stdout
    assert host.run(["service", "-e"]).stdout.count("isc-dhcpd\n") == 1

    # A configuration that is wrong is told, and does not end the server that runs.
    host.write(_CONF, "subnet 10.10.0.0 {}\n")
    for verb in ("configtest", "restart"):
        refused = host.sh(f"service isc-dhcpd {verb}")
        assert refused.returncode == 1
        assert "Configuration file errors encountered -- exiting" in refused.stderr
        assert "ERROR: Configuration file sanity check failed" in refused.stderr
    assert host.read(_PID).strip() == pid
    host.sh("service isc-dhcpd stop", check=True)
    assert host.sh("service isc-dhcpd status").returncode == 1
    assert host.sh("service isc-dhcpd start").returncode == 1


def test_dhcpd6_is_the_same_script_by_another_name(host: StandinHost) -> None:
    host.run(["pkg", "install", "-y", "isc-dhcp44-server"], check=True)
    host.sh("ifconfig bridge0 create; ifconfig bridge0 inet6 fd00:10::1/64 up", check=True)
    host.write("/usr/local/etc/dhcpd6.conf", "subnet6 fd00:10::/64 { }\n")
    host.sh("sysrc dhcpd6_enable=YES dhcpd6_ifaces=bridge0 && service isc-dhcpd6 start", check=True)
    pid = host.read("/var/run/dhcpd6/dhcpd6.pid").strip()
    assert " -6 -cf /usr/local/etc/dhcpd6.conf " in host.run(["ps", "-o", "command", "-p", pid]).stdout
    assert host.sh("service isc-dhcpd onestatus").returncode == 1
    host.sh("service isc-dhcpd6 restart", check=True)
    host.sh("service isc-dhcpd6 stop", check=True)
