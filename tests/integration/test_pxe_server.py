# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role pxe_server through real Ansible on a host that nobody prepared: what its clients fetch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot import note
from harness import Modules, Playbooks
from standin.host import StandinHost

TREE = "/tftpboot/os"
FILES = (
    "boot/loader.efi",
    "casper/initrd",
    "casper/vmlinuz",
    "images/pxeboot/initrd.img",
    "images/pxeboot/vmlinuz",
    "linux",
    "initrd.gz",
    "EFI/BOOT/BOOTX64.EFI",
    "memtest.efi",
)
WEB = "http://192.0.2.1"
SCRIPTS: List[Dict[str, Any]] = [
    {
        "name": "debian",
        "kind": "debian",
        "tree": "os",
        "kernel": "linux",
        "initrd": ["initrd.gz"],
        "answers": "answers/debian.cfg",
        "arguments": "-- quiet",
        "hosts": ["web1", "web2"],
    },
    {"name": "ubuntu", "kind": "ubuntu", "tree": "os", "medium": "u.iso", "answers": "a/web3", "url": WEB},
    {"name": "alma", "kind": "redhat", "tree": "os", "answers": "answers/alma.ks", "url": WEB},
    {"name": "freebsd", "kind": "freebsd", "tree": "os"},
    {"name": "openbsd", "kind": "openbsd", "tree": "os"},
    {"name": "memtest", "kind": "efi", "tree": "os"},
    {"name": "tiny", "kind": "linux", "tree": "os", "kernel": "linux", "arguments": "quiet"},
    {"name": "db1", "kind": "local"},
    {"name": "own", "content": "#!ipxe\necho mine\n"},
    {
        "name": "menu",
        "kind": "menu",
        "title": "Hives",
        "timeout": 10,
        "default": "db1",
        "entries": [{"script": "debian", "text": "Install Debian"}, {"script": "db1"}],
    },
]
RENDERED = {
    "debian": """\
#!ipxe
set base tftp://${next-server}
kernel ${base}/os/linux initrd=initrd.gz auto=true priority=critical preseed/url=${base}/answers/debian.cfg -- quiet
initrd ${base}/os/initrd.gz
boot
""",
    "ubuntu": """\
#!ipxe
set base http://192.0.2.1
kernel ${base}/os/casper/vmlinuz initrd=initrd ip=dhcp url=${base}/u.iso autoinstall ds=nocloud-net;s=${base}/a/web3/
initrd ${base}/os/casper/initrd
boot
""",
    "alma": """\
#!ipxe
set base http://192.0.2.1
kernel ${base}/os/images/pxeboot/vmlinuz initrd=initrd.img ip=dhcp inst.repo=${base}/os inst.ks=${base}/answers/alma.ks
initrd ${base}/os/images/pxeboot/initrd.img
boot
""",
    "freebsd": """\
#!ipxe
# The loader asks DHCP for root-path itself; iPXE cannot hand it one.
chain tftp://${next-server}/os/boot/loader.efi
""",
    "openbsd": """\
#!ipxe
# BOOTX64.EFI reads /etc/boot.conf on the TFTP server.
chain tftp://${next-server}/os/EFI/BOOT/BOOTX64.EFI
""",
    "memtest": "#!ipxe\nchain tftp://${next-server}/os/memtest.efi\n",
    "tiny": "#!ipxe\nset base tftp://${next-server}\nkernel ${base}/os/linux quiet\nboot\n",
    "db1": "#!ipxe\n# The next disk in the firmware's boot order.\nexit\n",
    "own": "#!ipxe\necho mine\n",
    "menu": """\
#!ipxe
:start
menu Hives
item debian Install Debian
item db1 db1
item shell Shell of iPXE
choose --timeout 10000 --default db1 choice || goto start
iseq ${choice} shell && goto shell ||
chain tftp://${next-server}/chainload/${choice}.ipxe && exit || goto start
:shell
shell
goto start
""",
}


@pytest.fixture
def bare(bare_host: Callable[..., StandinHost], tmp_path: Path) -> Playbooks:
    """A host with a medium, and a dataset for what is served."""
    host = bare_host()
    host.sh("zfs create -o mountpoint=/tftpboot zroot/tftpboot", check=True)
    for name in FILES:
        host.write(f"/tmp/medium/{name}", f"{name}\n")
    host.sh("makefs -t cd9660 -o rockridge /tmp/medium.iso /tmp/medium", check=True)
    return Playbooks(host, tmp_path)


def role(**variables: Any) -> List[Dict[str, Any]]:
    """A play of the role."""
    return [{"ansible.builtin.include_role": {"name": "apiary.bhyve.pxe_server"}, "vars": variables}]


def fetched(host: StandinHost, path: str, address: str = "127.0.0.1") -> str:
    """What curl gets by TFTP."""
    return host.sh(f"/.linux/usr/bin/curl -s -m 10 tftp://{address}/{path}").stdout


@pytest.mark.early
def test_check_apply_again_and_what_clients_get(bare: Playbooks) -> None:
    host = bare.host
    play = role(
        pxe_server_tftp_address="127.0.0.1",
        pxe_server_trees=[{"path": TREE, "source": "/tmp/medium.iso"}],
        pxe_server_files=[{"dest": "answers/debian.cfg", "content": "d-i answers\n"}],
        pxe_server_scripts=SCRIPTS,
        pxe_server_nfs_exports=[{"name": "root", "paths": [TREE], "network": "127.0.0.0/8", "maproot": "root"}],
        pxe_server_nfs_root=TREE,
        pxe_server_url="tftp://${next-server}",
        pxe_server_http=True,
        pxe_server_http_address="127.0.0.1",
        pxe_server_http_port=8080,
    )
    told = bare.tasks(play, check=True)
    assert told.rc == 0 and told.stats[host.name]["changed"], told.output
    assert host.sh("ls -A /tftpboot; ls /usr/local/etc/apiary /etc/exports 2> /dev/null").stdout == ""
    applied = bare.tasks(play)
    assert applied.rc == 0, applied.output
    again = bare.tasks(play)
    assert again.rc == 0 and again.stats[host.name]["changed"] == 0, again.output
    for name, text in RENDERED.items():
        assert host.read(f"/tftpboot/chainload/{name}.ipxe") == text
    assert fetched(host, "chainload/web1.ipxe") == RENDERED["debian"]
    assert fetched(host, "os/linux") == "linux\n" and fetched(host, "answers/debian.cfg") == "d-i answers\n"
    assert "127.0.0.1:69" in host.sh("sockstat -4lq -P udp -p 69").stdout
    curl = "/.linux/usr/bin/curl -s -m 10 -w '%{http_code}' http://127.0.0.1:8080"
    assert host.sh(f"{curl}/os/linux").stdout == "linux\n200"
    assert host.sh(f"{curl}/chainload/nosuch -o /dev/null").stdout == "404"
    reading = host.sh(f"/.linux/usr/bin/nfs-cat nfs://127.0.0.1{TREE}/boot/loader.efi")
    assert reading.stdout == "boot/loader.efi\n", reading.stderr
    left = note.load(host.read(note.NOTE))
    assert left is not None and (left.chainload, left.nfs_root) == ("/tftpboot/chainload", TREE)
    assert left.http_url == "http://127.0.0.1:8080"
    assert json.loads(host.read(note.NOTE)) == json.loads(note.dump(left))


def test_what_cannot_be_is_refused_before_anything_is_made(bare: Playbooks) -> None:
    host = bare.host
    refused: List[Dict[str, Any]] = [
        {"pxe_server_scripts": [{"name": "x", "kind": "solaris"}]},
        {"pxe_server_scripts": [{"name": "x", "kind": "ubuntu", "tree": "os", "medium": "x.iso"}]},
        {"pxe_server_files": [{"dest": "../etc/rc.conf", "content": "x"}]},
        {"pxe_server_tftp": "dnsmasq", "pxe_server_tftp_address": "127.0.0.1"},
        {"pxe_server_scripts": [{"name": "memtest", "kind": "efi", "tree": "os"}]},
    ]
    # One run of Ansible for all: each is refused, which its block gets over.
    run = bare.tasks([{"block": role(**one), "rescue": [_nothing_is_made()]} for one in refused])
    assert run.rc == 0 and run.stats[host.name]["rescued"] == len(refused), run.output
    for message in (
        "value of kind must be one of",
        "fetches only by HTTP",
        "below it, without ..",
        "is for inetd",
        "/tftpboot/os/memtest.efi, which the script boots, is missing",
    ):
        assert message in run.output, run.output


def _nothing_is_made() -> Dict[str, Any]:
    script = '[ -z "$(ls -A /tftpboot)" ]'
    return {"ansible.builtin.shell": script, "changed_when": False}


@pytest.mark.early
def test_dnsmasq_serves_the_root_beside_dhcp_until_inetd_does(
    host: StandinHost, modules: Modules, playbooks: Playbooks
) -> None:
    variables = {"pxe_server_scripts": [{"name": "own", "content": "#!ipxe\necho mine\n"}]}
    play = role(pxe_server_tftp="dnsmasq", **variables)
    refused = playbooks.tasks(play)
    assert refused.rc != 0 and "no dnsmasq is enabled on this host" in refused.output, refused.output
    assert not host.exists_in("/tftpboot")

    host.sh("pkg install -y dnsmasq", check=True)
    modules.good("bhyve_switch", {"name": "lab", "addresses": ["10.10.0.1/24"]})
    dhcp = {"backend": "dnsmasq", "subnets": [{"subnet": "10.10.0.0/24", "switch": "lab", "next_server": "10.10.0.1"}]}
    modules.good("dhcp_server", dhcp)
    applied = playbooks.tasks(play)
    assert applied.rc == 0, applied.output
    assert fetched(host, "chainload/own.ipxe", "10.10.0.1") == "#!ipxe\necho mine\n"
    assert not modules.good("dhcp_server", dhcp)["changed"], "each leaves the other's alone"
    again = playbooks.tasks(play)
    assert again.rc == 0 and again.stats[host.name]["changed"] == 0, again.output
    told = modules.good("dhcpd_host", {"name": "web1", "mac": "5a:00:00:00:00:01", "filename": "nosuch.efi"})
    assert "/tftpboot/nosuch.efi, the boot file on this host's TFTP server, is missing" in str(told["warnings"])

    moved = playbooks.tasks(role(**variables))
    assert moved.rc == 0, moved.output
    assert fetched(host, "chainload/own.ipxe", "10.10.0.1") == "#!ipxe\necho mine\n"
    listening = host.sh("sockstat -4lq -P udp -p 69").stdout
    assert "inetd" in listening and "dnsmasq" not in listening
    assert not modules.good("dhcp_server", dhcp)["changed"]
