# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user relies on who has inetd(8) start services: lines of its file, and that they are served."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List

import pytest
from compare import unforetold
from harness import Modules
from polls import until
from standin.host import StandinHost

TFTP: Dict[str, Any] = {"name": "tftp", "program": "/usr/libexec/tftpd", "arguments": ["-l", "-s", "/tftpboot"]}
LINE = "tftp\tdgram\tudp\twait\troot\t/usr/libexec/tftpd\ttftpd -l -s /tftpboot\n"


@pytest.fixture
def host(shared_host: StandinHost) -> Iterator[StandinHost]:
    """A host whose inetd is as FreeBSD has it, and has a file to hand out."""
    before = shared_host.read("/etc/inetd.conf"), shared_host.read("/etc/rc.conf")
    shared_host.write("/tftpboot/file", "hello\n")
    yield shared_host
    shared_host.sh("service inetd onestop; rm -rf /tftpboot")
    shared_host.write("/etc/inetd.conf", before[0])
    shared_host.write("/etc/rc.conf", before[1])


def fetched(host: StandinHost, address: str = "127.0.0.1") -> str:
    """What a client gets that waits for a second."""
    return host.sh(f"rm -f /tmp/f; printf 'rexmt 1\\nget file /tmp/f\\n' | timeout 2 tftp {address}; cat /tmp/f").stdout


STORY: List[Dict[str, Any]] = [
    {**TFTP, "enabled": True},
    {"services": [{**TFTP, "arguments": ["-s", "/tftpboot"]}, {**TFTP, "protocol": "udp6"}]},
    {"services": [{"name": "tftp", "state": "absent"}, {"name": "tftp", "protocol": "udp6", "state": "absent"}]},
    {"enabled": False},
]


def test_check_mode_foretells_each_step_and_the_file_is_the_old_one_in_the_end(host: StandinHost) -> None:
    modules, before = Modules(host), host.read("/etc/inetd.conf")
    wrong = unforetold(modules, "inetd_service", STORY)
    assert not wrong, "\n".join(wrong)
    assert host.read("/etc/inetd.conf") == before
    assert host.sh("service inetd onestatus").returncode == 1


def test_files_are_served_at_the_address_that_was_asked_for(host: StandinHost) -> None:
    modules = Modules(host)
    done = modules.good("inetd_service", {**TFTP, "enabled": True})
    assert done["services"][0]["line"] + "\n" == LINE and LINE in host.read("/etc/inetd.conf")
    assert fetched(host).endswith("hello\n") and not fetched(host, "::1").endswith("hello\n")
    modules.good("inetd_service", {**TFTP, "address": "127.0.0.1"})
    assert host.sh("sysrc -n inetd_flags").stdout == "-wW -C 60 -a 127.0.0.1\n"
    assert "127.0.0.1:69" in host.sh("sockstat -4lq -P udp -p 69").stdout
    same = modules.good("inetd_service", {**TFTP, "enabled": True, "address": "127.0.0.1"})
    assert not same["changed"] and same["commands_started"] == 3
    assert fetched(host).endswith("hello\n")


def test_what_inetd_does_not_serve_is_told_again(host: StandinHost) -> None:
    modules = Modules(host)
    modules.good("inetd_service", {"enabled": True})
    with_line = host.read("/etc/inetd.conf") + LINE
    host.write("/etc/inetd.conf", with_line)
    mended = modules.good("inetd_service", TFTP)
    assert mended["changes"] == {"inetd": ["reload inetd"]} and host.read("/etc/inetd.conf") == with_line
    assert fetched(host).endswith("hello\n")


def test_a_reload_that_fails_is_told_and_made_up_for(host: StandinHost) -> None:
    modules = Modules(host)
    modules.good("inetd_service", {"enabled": True})
    host.set_faults([{"match": ["service"], "kth": 2, "mode": "fail", "exit": 1, "stderr": "no such pid\n"}])
    failed = modules.run("inetd_service", TFTP)
    assert failed["failed"] and "cannot reload inetd" in failed["msg"] and "no such pid" in failed["msg"]
    assert failed["changes"]["/etc/inetd.conf"] == ["add tftp/udp in /etc/inetd.conf"]
    host.set_faults([])
    assert modules.good("inetd_service", TFTP)["changes"] == {"inetd": ["reload inetd"]}
    assert not modules.good("inetd_service", TFTP)["changed"]


def test_bad_input_is_one_error_and_changes_nothing(host: StandinHost) -> None:
    modules, before = Modules(host), (host.read("/etc/inetd.conf"), host.read("/etc/rc.conf"))

    def refused(task: Dict[str, Any]) -> str:
        failed = modules.run("inetd_service", task)
        assert failed["failed"] and host.read("/etc/rc.conf") == before[1]
        return str(failed["msg"])

    for change, message in (
        ({"program": "/usr/libexec/nosuch"}, "/usr/libexec/nosuch does not exist on the host"),
        ({"user": "nosuch"}, "the host has no user nosuch"),
        ({"name": "nosuch"}, "services has no nosuch/udp"),
        ({"address": "192.0.2.99"}, "the host has no address 192.0.2.99"),
        ({"path": "/etc/nosuch.conf"}, "/etc/nosuch.conf does not exist"),
    ):
        assert message in refused({**TFTP, **change})
    host.sh("(nc -u -l 69 >/dev/null 2>&1 & echo $! > /tmp/nc.pid)", check=True)
    assert until(lambda: "*:69" in host.sh("sockstat -4lq -P udp -p 69").stdout)
    taken = refused({**TFTP, "enabled": True})
    host.sh("kill `cat /tmp/nc.pid`; rm /tmp/nc.pid", check=True)
    assert re.search(r"tftp/udp \(udp4 port 69\): nc \(pid \d+\) has that port", taken), taken
    assert host.read("/etc/inetd.conf") == before[0]
    host.sh("printf 'finger stream tcp\\n' >> /etc/inetd.conf", check=True)
    assert "'finger stream tcp' has 3 fields of 6" in refused(TFTP)
