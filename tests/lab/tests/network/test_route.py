# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""route(8): what it says and when it fails, and that routes go with the address that reached their gateway."""

from __future__ import annotations

import subprocess

import pytest
from networklab import Kernel


@pytest.fixture
def routed(kernel: Kernel) -> Kernel:
    """A bridge with an address."""
    kernel.ifconfig("bridge0", "create")
    kernel.ifconfig("bridge0", "inet", "10.0.2.15/24")
    return kernel


def route(kernel: Kernel, *words: str) -> subprocess.CompletedProcess[str]:
    """Run route(8)."""
    return kernel.run("route", *words)


def test_the_default_route_is_added_once(routed: Kernel) -> None:
    first = route(routed, "add", "default", "10.0.2.2")
    assert (first.returncode, first.stdout) == (0, "add net default: gateway 10.0.2.2\n")
    again = route(routed, "add", "default", "10.0.2.2")
    assert again.returncode == 1
    assert again.stdout == "add net default: gateway 10.0.2.2 fib 0: route already in table\n"
    quiet = route(routed, "-q", "add", "default", "10.0.2.2")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, "", "")
    assert "    gateway: 10.0.2.2\n" in route(routed, "-n", "get", "192.0.2.1").stdout


def test_a_gateway_must_be_reachable(routed: Kernel) -> None:
    done = route(routed, "add", "192.0.2.0/24", "172.31.0.1")
    assert done.returncode == 1
    assert done.stderr == "route: writing to routing socket: Network is unreachable\n"
    assert route(routed, "-n", "get", "192.0.2.1").returncode == 1


def test_deleting_what_is_not_there(routed: Kernel) -> None:
    done = route(routed, "delete", "192.0.2.0/24")
    assert (done.returncode, done.stdout) == (1, "delete net 192.0.2.0 fib 0: not in table\n")
    assert done.stderr == "route: route has not been found\n"


def test_the_default_route_goes_with_the_address(routed: Kernel) -> None:
    route(routed, "add", "default", "10.0.2.2")
    routed.ifconfig("bridge0", "inet", "10.0.2.15", "-alias")
    done = route(routed, "-n", "get", "default")
    assert (done.returncode, done.stderr) == (1, "route: route has not been found\n")


def test_a_network_of_the_hosts_own_is_reached_directly(routed: Kernel) -> None:
    shown = route(routed, "-n", "get", "10.0.2.9").stdout
    assert "destination: 10.0.2.0\n       mask: 255.255.255.0\n" in shown
    assert "  interface: bridge0\n" in shown
    assert "gateway" not in shown


def test_each_family_has_a_default_route(routed: Kernel) -> None:
    routed.ifconfig("bridge0", "inet6", "2001:db8::15/64")
    assert route(routed, "add", "default", "10.0.2.2").returncode == 0
    six = route(routed, "add", "-inet6", "default", "2001:db8::1")
    assert (six.returncode, six.stdout) == (0, "add net default: gateway 2001:db8::1\n")
    assert "    gateway: 2001:db8::1\n" in route(routed, "-n", "get", "-inet6", "default").stdout
    assert route(routed, "delete", "-inet6", "default").returncode == 0
    assert "    gateway: 10.0.2.2\n" in route(routed, "-n", "get", "default").stdout
    assert route(routed, "-n", "get", "-inet6", "default").returncode == 1
