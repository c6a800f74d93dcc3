# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dnsmasq(8) and Kea as their ports have them: where things are, how rc(8) starts, reloads and stops them."""

from __future__ import annotations

from typing import Iterator

import pytest
from polls import until
from standin.host import StandinHost

_DNSMASQ = "/usr/local/etc/dnsmasq.conf"
_KEA = "/usr/local/etc/kea/kea-dhcp4.conf"


@pytest.fixture(autouse=True)
def _clean(host: StandinHost) -> Iterator[None]:
    """A host that has had neither server yet, also for a second attempt."""
    yield
    host.sh(
        "service dnsmasq onestop; pkg delete -y dnsmasq; sysrc -x dnsmasq_enable; ifconfig bridge0 destroy;"
        f"rm -f {_DNSMASQ} /usr/local/etc/more.conf /var/db/dnsmasq.leases"
    )
    host.sh("service kea onestop > /dev/null 2>&1; pwait -t 30 $(pgrep -f /usr/local/sbin/kea-dhcp4)")
    host.sh("pkg delete -y kea; sysrc -x kea_enable; rm -rf /usr/local/etc/kea /var/db/kea /var/log/kea")


def _until(host: StandinHost, script: str) -> bool:
    return until(lambda: host.sh(script).returncode == 0)


def test_dnsmasq_is_reloaded_and_restarted_when_its_configuration_is_newer(host: StandinHost) -> None:
    host.run(["pkg", "install", "-y", "dnsmasq"], check=True)
    assert host.read(_DNSMASQ) == host.read(_DNSMASQ + ".sample")
    host.sh("ifconfig bridge0 create; ifconfig bridge0 inet 10.10.0.1/24 up", check=True)
    host.write(_DNSMASQ, "port=0\ninterface=bridge0\nbind-interfaces\ndhcp-range=10.10.0.0,static\n")
    assert "Set dnsmasq_enable to YES" in host.sh("service dnsmasq start").stdout
    host.sh("sysrc dnsmasq_enable=YES && service dnsmasq start", check=True)
    pid = host.read("/var/run/dnsmasq.pid").strip()
    shown = host.run(["ps", "-o", "user,command", "-p", pid]).stdout
    assert shown.splitlines()[1].split()[:2] == ["nobody", "/usr/local/sbin/dnsmasq"]
    assert host.exists_in("/var/db/dnsmasq.leases")
    host.sh("service dnsmasq reload", check=True)
    assert host.read("/var/run/dnsmasq.pid").strip() == pid
    host.sh(f"touch {_DNSMASQ} && service dnsmasq reload", check=True)
    assert host.read("/var/run/dnsmasq.pid").strip() != pid
    host.sh("service dnsmasq stop", check=True)

    # Without inotify, as on FreeBSD, it starts with none of the directories that are watched; its test does not tell.
    host.sh(
        f"echo dhcp-hostsdir=/var/tmp > /usr/local/etc/more.conf; echo conf-file=/usr/local/etc/more.conf >> {_DNSMASQ}"
    )
    assert host.run(["dnsmasq", "--test", "-C", _DNSMASQ]).returncode == 0
    refused = host.run(["dnsmasq", "-C", _DNSMASQ])
    assert refused.returncode == 1
    assert "dhcp-hostsdir, dhcp-optsdir and hostsdir are not supported on this platform" in refused.stderr

    host.run(["pkg", "delete", "-y", "dnsmasq"], check=True)
    assert host.exists_in(_DNSMASQ) and not host.exists_in(_DNSMASQ + ".sample")


def test_kea_is_run_by_keactrl(host: StandinHost) -> None:
    host.run(["pkg", "install", "-y", "kea"], check=True)
    pid_file = "/var/run/kea/kea-dhcp4.kea-dhcp4.pid"
    host.sh("sysrc -f /usr/local/etc/kea/keactrl.conf dhcp6=no; sysrc kea_enable=YES", check=True)
    # keactrl leaves the servers its own output, so whoever waits for the end of that waits for theirs.
    host.sh("service kea start > /dev/null 2>&1", check=True)
    assert _until(host, "service kea status | grep 'DHCPv4 server: active' && test -S /var/run/kea/kea4-ctrl-socket")
    assert "DHCPv6 server: inactive" in host.sh("service kea status").stdout
    pid = host.read(pid_file).strip()
    shown = host.run(["ps", "-o", "command", "-p", pid]).stdout.splitlines()[1]
    assert shown == f"/usr/local/sbin/kea-dhcp4 -c {_KEA}"
    assert host.exists_in("/var/db/kea/kea-leases4.csv")
    host.sh("service kea reload", check=True)
    assert _until(host, "grep -q 'DHCP4_DYNAMIC_RECONFIGURATION_SUCCESS\\|SIGHUP' /var/log/kea/kea-dhcp4.log")
    assert host.read(pid_file).strip() == pid
    host.sh("service kea stop", check=True)
    assert _until(host, "service kea status | grep 'DHCPv4 server: inactive'")

    host.write(_KEA, host.read(_KEA).replace("/var/run/kea/kea4", "/tmp/kea4"))
    refused = host.run(["kea-dhcp4", "-t", _KEA])
    assert refused.returncode == 1
    assert "invalid path specified: '/tmp', supported path is '/var/run/kea'" in refused.stdout
