# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user relies on who exports directories by NFS: a real client reads them, or is refused."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List

import pytest
from compare import unforetold
from faults import Sweep
from harness import Modules
from polls import until
from standin.host import StandinHost

ROOT: Dict[str, Any] = {"name": "root", "paths": ["/export/root"], "network": "127.0.0.0/8", "maproot": "root"}
FILE = "# the administrator's\n/export/mine 192.0.2.7\n"


@pytest.fixture
def host(shared_host: StandinHost) -> Iterator[StandinHost]:
    """A host with a dataset to be exported, and an export of its administrator's."""
    rc_conf = shared_host.read("/etc/rc.conf")
    shared_host.sh(
        "zfs create -o mountpoint=/export zroot/export; mkdir -p /export/root /export/mine /export/other;"
        " echo hello > /export/root/file",
        check=True,
    )
    shared_host.write("/etc/exports", FILE)
    yield shared_host
    shared_host.sh("service nfsd onestop; service mountd onestop; service rpcbind onestop; zfs destroy -r zroot/export")
    shared_host.sh("rm -rf /export /etc/exports")
    shared_host.write("/etc/rc.conf", rc_conf)


def content(host: StandinHost, path: str) -> str:
    """What a client of NFSv3 reads."""
    return host.sh(f"/.linux/usr/bin/nfs-cat nfs://127.0.0.1{path} 2>&1").stdout


def test_check_mode_foretells_each_step_and_the_file_is_the_old_one_in_the_end(host: StandinHost) -> None:
    story: List[Dict[str, Any]] = [
        {
            "exports": [
                ROOT,
                {"name": "two", "paths": ["/export/other"], "clients": ["192.0.2.9"], "read_only": False},
            ],
            "enabled": True,
        },
        {"exports": [{"name": one, "state": "absent"} for one in ("root", "two")], "enabled": False},
    ]
    wrong = unforetold(Modules(host), "nfs_export", story)
    assert not wrong, "\n".join(wrong)
    assert host.read("/etc/exports") == FILE
    assert host.sh("service nfsd onestatus; service mountd onestatus").stdout == (
        "nfsd is not running.\nmountd is not running.\n"
    )


def test_a_client_reads_what_it_may(host: StandinHost) -> None:
    modules = Modules(host)
    modules.good("nfs_export", {**ROOT, "enabled": True})
    assert until(lambda: content(host, "/export/root/file") == "hello\n"), content(host, "/export/root/file")
    same = modules.good("nfs_export", {**ROOT, "enabled": True})
    assert not same["changed"] and same["commands_started"] == 4
    modules.good("nfs_export", {**ROOT, "network": "192.0.2.0/24"})
    assert until(lambda: "Permission denied" in content(host, "/export/root/file"))
    assert host.sh("sysrc -n nfs_server_enable mountd_enable rpcbind_enable").stdout.split() == ["YES"] * 3


def test_what_mountd_says_makes_the_task_fail(host: StandinHost) -> None:
    modules = Modules(host)
    host.write("/etc/exports", FILE + "/export/mine -nosuchoption 192.0.2.8\n")
    modules.good("nfs_export", {**ROOT, "enabled": True})
    nowhere = {
        **ROOT,
        "name": "nowhere",
        "network": None,
        "clients": ["no.such.host.invalid"],
        "paths": ["/export/other"],
    }
    failed = modules.run("nfs_export", nowhere)
    assert failed["failed"] and "bad host no.such.host.invalid, skipping" in failed["msg"]
    assert modules.good("nfs_export", {"name": "nowhere", "state": "absent"})["changed"]


def test_bad_input_is_one_error_and_changes_nothing(host: StandinHost) -> None:
    modules = Modules(host)
    for change, message in (
        ({"paths": ["/export/nosuch"]}, "/export/nosuch is no directory"),
        ({"paths": ["/export/root", "/home"]}, "they are on 2 file systems"),
        ({"maproot": "nosuchuser"}, "the host has no user nosuchuser"),
        ({"alldirs": True}, "/export/root is no mount point"),
        ({"network": None, "clients": ["192.0.2.7"]}, "/export/root and /export/mine are on one file system"),
    ):
        failed = modules.run("nfs_export", {**ROOT, **change, "enabled": True})
        assert failed["failed"] and message in failed["msg"], failed["msg"]
        assert host.read("/etc/exports") == FILE and "nfs_server" not in host.read("/etc/rc.conf")


class Begun(Sweep):
    """The first export of a host, whose servers do not run yet."""

    polls = True

    def __init__(self, modules: Modules) -> None:
        super().__init__(modules, "nfs_export", {**ROOT, "enabled": True})
        self.rc_conf = self.host.read("/etc/rc.conf")
        self.record()

    def begin(self) -> None:
        self.host.sh("service nfsd onestop; service mountd onestop")
        self.host.write("/etc/exports", FILE)
        self.host.write("/etc/rc.conf", self.rc_conf)

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        wrong = [] if self.host.read("/etc/exports").startswith(FILE) else ["the administrator's export is lost"]
        read = until(lambda: content(self.host, "/export/root/file") == "hello\n")
        return wrong if read else [*wrong, f"a client gets {content(self.host, '/export/root/file')}"]


def test_a_command_that_fails_and_power_that_goes(host: StandinHost) -> None:
    sweep = Begun(Modules(host))
    starts = [number for number, command in enumerate(sweep.commands, 1) if " onestart" in command]
    assert len(starts) == 2, sweep.commands
    sweep.go("fail", [1, *starts])
    sweep.go("cut", starts[:1])
