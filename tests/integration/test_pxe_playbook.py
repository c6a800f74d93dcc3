# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbook pxe, and what playbook guest knows of it, through real Ansible on a host that nobody prepared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from harness import Playbooks
from standin.host import StandinHost

PXE = "apiary.bhyve.pxe"
LAB = {"name": "lab", "addresses": ["10.10.0.1/24"]}
NODE: Dict[str, Any] = {
    "name": "node7",
    "memory": "512M",
    "state": "present",
    "disks": [{"name": "root", "size": "64M"}],
    "nics": [{"name": "lab", "switch": "lab", "ip": "10.10.0.17"}],
    "pxe": {"script": "disk"},
}
DECLARED: Dict[str, Any] = {
    "bhyve_switches": [LAB],
    "dhcp_server_subnets": [{"subnet": "10.10.0.0/24", "switch": "lab"}],
    "pxe_server_tftp_address": "10.10.0.1",
    "pxe_server_scripts": [{"name": "disk", "kind": "local"}],
    "bhyve_guests": [NODE],
}
#: A second network with a guest, and a script for it.
ADDED: Dict[str, Any] = {
    "bhyve_switches": [LAB, {"name": "test", "addresses": ["10.20.0.1/24"]}],
    "dhcp_server_subnets": [*DECLARED["dhcp_server_subnets"], {"subnet": "10.20.0.0/24", "switch": "test"}],
    "pxe_server_scripts": [*DECLARED["pxe_server_scripts"], {"name": "other", "kind": "local"}],
    "bhyve_guests": [
        NODE,
        {
            **NODE,
            "name": "node8",
            "nics": [{"name": "lab", "switch": "test", "ip": "10.20.0.18"}],
            "pxe": {"script": "other"},
        },
    ],
}


def test_what_is_missing_is_told_before_anything_is_made(bare_host: Callable[..., StandinHost], tmp_path: Path) -> None:
    bare = Playbooks(bare_host(), tmp_path)
    nameless = {**NODE, "nics": [{"name": "lab", "switch": "lab"}]}
    for change, message in (
        ({"bhyve_guests": [], "pxe_server_scripts": []}, "Nothing of bare1 boots from the network"),
        ({"dhcp_server_subnets": []}, "Who serves DHCP to node7?"),
        ({"bhyve_guests": [nameless]}, "Guest node7 has pxe, but its NIC lab neither ip nor hostname"),
    ):
        run = bare.play(PXE, variables={**DECLARED, **change})
        assert run.rc != 0 and message in " ".join(run.output.split()), run.output
    assert bare.host.sh("ls /usr/local/etc/apiary.conf /var/db/apiary").stdout == ""


@pytest.mark.early
def test_from_a_bare_host_to_a_guest_that_boots_from_the_network(
    bare_host: Callable[..., StandinHost], tmp_path: Path
) -> None:
    bare = Playbooks(bare_host(), tmp_path)
    host = bare.host
    told = bare.play(PXE, variables=DECLARED, check=True)
    assert told.rc == 0 and told.stats[host.name]["changed"], told.output
    assert host.sh("ls /usr/local/etc/apiary.conf /var/db/apiary /tftpboot").stdout == ""

    applied = bare.play(PXE, variables=DECLARED)
    assert applied.rc == 0, applied.output
    assert host.sh("readlink /tftpboot/chainload/node7.ipxe").stdout == "./disk.ipxe\n"
    assert "fixed-address 10.10.0.17" in host.read("/usr/local/etc/apiary/dhcpd.hosts")
    assert host.exists_in("/apiary/.images/ipxe.img")

    # Check mode minds nothing that this run would have made before: a switch, its network, a script.
    told = bare.play(PXE, variables=ADDED, check=True)
    assert told.rc == 0, told.output

    # The flat variables of a survey.
    host.sh("cp /tftpboot/chainload/disk.ipxe /tftpboot/chainload/other.ipxe", check=True)
    flat = {"guest_host": host.name, "guest_name": "node7", "guest_state": "present", "guest_pxe_script": "other"}
    changed = bare.play("apiary.bhyve.guest", extra={**flat, "guest_pxe_when": "always"})
    assert changed.rc == 0, changed.output
    assert host.sh("readlink /tftpboot/chainload/node7.ipxe").stdout == "./other.ipxe\n"
    gone = bare.play("apiary.bhyve.guest", extra={**flat, "guest_pxe": False})
    assert gone.rc == 0 and not host.exists_in("/tftpboot/chainload/node7.ipxe"), gone.output
