# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user relies on whose machines boot by scripts of iPXE, each by its host name."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List

import pytest
from compare import unforetold
from harness import Modules
from standin.host import StandinHost

FOLDER = "/tftpboot/chainload"
TEXT = "#!ipxe\nkernel tftp://${next-server}/os/linux\nboot\n"
LOCAL = "#!ipxe\nexit\n"
DEBIAN: Dict[str, Any] = {"name": "debian", "content": TEXT, "files": ["os/linux"], "hosts": ["web1", "web2"]}


@pytest.fixture
def host(shared_host: StandinHost) -> Iterator[StandinHost]:
    """A host with a root that clients see, and a script of its administrator's."""
    shared_host.sh("mkdir -p /tftpboot/os", check=True)
    shared_host.write("/tftpboot/os/linux", "kernel\n", mode=0o644)
    shared_host.write(f"{FOLDER}/mine.ipxe", LOCAL, mode=0o644)
    yield shared_host
    shared_host.sh("rm -rf /tftpboot")


def shown(host: StandinHost) -> Dict[str, str]:
    """The directory: a file's text, or where a link leads."""
    names = host.sh(f"cd {FOLDER} && find . -type f -o -type l | sed 's,^[.]/,,' | sort").stdout.split()
    return {
        name: host.sh(f"readlink {FOLDER}/{name}").stdout.strip() or host.read(f"{FOLDER}/{name}") for name in names
    }


def test_check_mode_foretells_each_step_and_what_is_others_stays(host: StandinHost) -> None:
    modules, before = Modules(host), shown(host)
    story: List[Dict[str, Any]] = [
        DEBIAN,
        {
            "scripts": [
                {"name": "debian", "content": LOCAL, "hosts": ["web2"]},
                {"name": "db1.ipxe", "content": LOCAL},
                {"name": "rescue", "content": LOCAL, "hosts": ["web3"]},
            ]
        },
        {
            "scripts": [
                {"name": "debian", "content": TEXT, "hosts": []},
                {"name": "db1", "state": "absent"},
                {"name": "rescue", "content": TEXT, "hosts": ["web4"]},
            ]
        },
        {"scripts": [{"name": name, "state": "absent"} for name in ("debian", "rescue")]},
    ]
    wrong = unforetold(modules, "chainload_script", story)
    assert not wrong, "\n".join(wrong)
    assert shown(host) == before


def test_each_host_finds_its_script(host: StandinHost) -> None:
    modules = Modules(host)
    done = modules.good("chainload_script", DEBIAN)
    assert done["scripts"] == [{"name": "debian", "path": f"{FOLDER}/debian.ipxe", "state": "present"}]
    assert shown(host) == {
        "debian.ipxe": TEXT,
        "mine.ipxe": LOCAL,
        "web1.ipxe": "debian.ipxe",
        "web2.ipxe": "debian.ipxe",
    }
    assert host.read(f"{FOLDER}/web1.ipxe") == TEXT
    assert host.sh(f"stat -f %Lp {FOLDER} {FOLDER}/debian.ipxe").stdout.split() == ["755", "644"]
    changed = modules.good("chainload_script", {**DEBIAN, "content": LOCAL, "hosts": ["web1"]})
    assert changed["diff"] == [
        {
            "before_header": f"{FOLDER}/debian.ipxe",
            "after_header": f"{FOLDER}/debian.ipxe",
            "before": TEXT,
            "after": LOCAL,
        },
        {
            "before_header": f"{FOLDER}/web2.ipxe",
            "after_header": f"{FOLDER}/web2.ipxe",
            "before": "-> debian.ipxe\n",
            "after": "",
        },
    ]
    many = [{"name": f"node{number}", "content": LOCAL} for number in range(100)]
    modules.good("chainload_script", {"scripts": many})
    again = modules.good("chainload_script", {"scripts": many})
    assert not again["changed"] and again["commands_started"] == 0


def test_bad_input_is_one_error_and_changes_nothing(host: StandinHost) -> None:
    modules = Modules(host)
    host.sh(f"ln -s ./mine.ipxe {FOLDER}/guest1.ipxe", check=True)
    before = shown(host)
    for task, message in (
        ({**DEBIAN, "files": ["os/nosuch"]}, "/tftpboot/os/nosuch, which the script boots, is missing"),
        ({**DEBIAN, "files": ["../etc/passwd"]}, "is not below the root that clients see"),
        ({**DEBIAN, "content": "exit\n"}, "its first line has to be #!ipxe"),
        ({**DEBIAN, "name": "a/b"}, "is no name of a chainload script"),
        ({**DEBIAN, "hosts": ["a b"]}, "'a b' is no host name"),
        ({**DEBIAN, "hosts": ["mine"]}, "mine has a script of its own"),
        ({**DEBIAN, "hosts": ["guest1"]}, "guest1 is a guest of this host with a script of its own"),
        ({"name": "mine", "state": "absent"}, "guests of this host boot by it (pxe.script): guest1"),
        ({"scripts": [DEBIAN, {"name": "web1", "content": LOCAL}]}, "web1.ipxe is there twice"),
        ({**DEBIAN, "root": "tftpboot"}, "is not an absolute path"),
        ({**DEBIAN, "scripts": [DEBIAN]}, "scripts"),
    ):
        failed = modules.run("chainload_script", task)
        assert failed["failed"] and message in failed["msg"], failed["msg"]
        assert shown(host) == before


def test_what_cannot_be_written_keeps_nothing_else_from_being_done(host: StandinHost) -> None:
    """The module starts no command that could fail; a file that the kernel does not let go breaks it half-way."""
    modules, held = Modules(host), f"{FOLDER}/debian.ipxe"
    modules.good("chainload_script", DEBIAN)
    host.sh(f"/.linux/usr/bin/chattr +i {held}", check=True)
    task = {"scripts": [{"name": "rescue", "content": LOCAL}, {**DEBIAN, "content": LOCAL, "hosts": ["web3"]}]}
    try:
        failed = modules.run("chainload_script", task)
        assert failed["failed"] and f"cannot write {held}" in failed["msg"], failed
        assert failed["changes"][f"{FOLDER}/rescue.ipxe"] == [f"create {FOLDER}/rescue.ipxe"]
        assert host.read(held) == TEXT and host.read(f"{FOLDER}/web3.ipxe") == TEXT
    finally:
        host.sh(f"/.linux/usr/bin/chattr -i {held}", check=True)
    again = modules.good("chainload_script", task)
    assert again["changes"] == {held: [f"update {held}"]} and host.read(f"{FOLDER}/web3.ipxe") == LOCAL
    assert not modules.good("chainload_script", task)["changed"]
    left = host.sh(f"ls -A {FOLDER}").stdout.split()
    assert left == ["debian.ipxe", "mine.ipxe", "rescue.ipxe", "web3.ipxe"]
