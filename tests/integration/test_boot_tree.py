# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user relies on who has boot trees made of installation media."""

from __future__ import annotations

from typing import Any, Dict, Iterator

import pytest
from compare import unforetold
from harness import Modules
from images import Mirror
from standin.host import StandinHost

TREE = "/tftpboot/os"
TASK: Dict[str, Any] = {"path": TREE, "source": "/tmp/medium.iso"}


@pytest.fixture
def host(shared_host: StandinHost) -> Iterator[StandinHost]:
    """A host with an ISO image and a root that a medium of it would have."""
    shared_host.sh(
        "mkdir -p /tmp/medium/boot/kernel /tmp/medium/etc; echo kernel > /tmp/medium/boot/kernel/kernel;"
        " echo loader > /tmp/medium/boot/loader.efi; echo secret > /tmp/medium/etc/shadow;"
        " chmod 600 /tmp/medium/etc/shadow; chmod 700 /tmp/medium/boot;"
        " makefs -t cd9660 -o rockridge /tmp/medium.iso /tmp/medium",
        check=True,
    )
    yield shared_host
    shared_host.sh("rm -rf /tftpboot /tmp/medium /tmp/medium.iso")


def listing(host: StandinHost) -> str:
    return host.sh(f"cd {TREE} && find . -type f -o -type d | sort | xargs ls -ld | awk '{{print $1, $NF}}'").stdout


def test_a_tree_is_made_once_and_again_when_it_is_made_of_something_else(host: StandinHost) -> None:
    modules = Modules(host)
    digest = host.sh("sha256 -q /tmp/medium.iso").stdout.strip()
    story = [
        TASK,
        {"trees": [{**TASK, "paths": ["boot"], "checksum": f"sha256:{digest}"}, {**TASK, "path": "/tftpboot/two"}]},
        {"trees": [{"path": TREE, "state": "absent"}, {"path": "/tftpboot/two", "state": "absent"}]},
    ]
    wrong = unforetold(modules, "boot_tree", story)
    assert not wrong, "\n".join(wrong)
    assert host.sh("ls -A /tftpboot").stdout == ""
    done = modules.good("boot_tree", TASK)
    assert done["trees"] == [{"path": TREE, "state": "present", "source": "/tmp/medium.iso"}]
    assert done["commands_started"] == 1 and modules.good("boot_tree", TASK)["commands_started"] == 0
    assert "-rw-r--r-- ./etc/shadow\n" in listing(host) and "drwxr-xr-x ./boot\n" in listing(host)
    assert host.read(f"{TREE}/boot/loader.efi") == "loader\n"
    modules.good("boot_tree", {**TASK, "keep_modes": True})
    assert "-rw------- ./etc/shadow\n" in listing(host)
    host.sh("touch -d 2020-01-01T00:00:00 /tmp/medium.iso", check=True)
    assert modules.good("boot_tree", {**TASK, "keep_modes": True})["changed"], "the file is another one"


def test_a_failure_leaves_the_old_tree_and_the_next_run_makes_the_new_one(host: StandinHost) -> None:
    modules = Modules(host)
    modules.good("boot_tree", {**TASK, "paths": ["boot"]})
    before = listing(host)
    for mode in ({"mode": "fail", "exit": 1, "stderr": "tar: I/O error\n"}, {"mode": "half", "exit": 1}):
        host.set_faults([{"match": ["tar"], "kth": 1, **mode}])
        failed = modules.run("boot_tree", TASK)
        assert failed["failed"] and "cannot extract /tmp/medium.iso" in failed["msg"] and listing(host) == before
    host.set_faults([])
    missing = modules.run("boot_tree", {**TASK, "paths": ["nosuch"]})
    assert missing["failed"] and "Not found in archive" in missing["msg"] and listing(host) == before
    assert modules.good("boot_tree", TASK)["changed"] and "./etc/shadow" in listing(host)
    assert host.sh("ls -A /tftpboot").stdout == "os\n"


def test_a_download_is_verified(host: StandinHost) -> None:
    modules, mirror = Modules(host), Mirror(host)
    try:
        host.sh(f"cp /tmp/medium.iso {mirror.directory}/medium.iso", check=True)
        url = mirror.url("medium.iso")
        wrong = modules.run("boot_tree", {**TASK, "source": url, "checksum": "sha256:" + "00" * 32})
        assert wrong["failed"] and "wrong checksum" in wrong["msg"] and not host.exists_in(TREE)
        assert host.sh("ls -A /tftpboot").stdout == ""
        digest = host.sh("sha256 -q /tmp/medium.iso").stdout.strip()
        task = {**TASK, "source": url, "checksum": f"sha256:{digest}"}
        modules.good("boot_tree", task)
        assert host.read(f"{TREE}/boot/loader.efi") == "loader\n"
        assert not modules.good("boot_tree", task)["changed"]
        gone = modules.run("boot_tree", {**task, "path": "/tftpboot/two", "source": mirror.url("nosuch.iso")})
        assert gone["failed"] and "HTTP 404" in gone["msg"]
    finally:
        mirror.stop()


def test_what_is_no_boot_tree_is_not_touched(host: StandinHost) -> None:
    host.write(f"{TREE}/mine", "x")
    for task in (TASK, {"path": TREE, "state": "absent"}):
        failed = Modules(host).run("boot_tree", task)
        assert failed["failed"] and "is there and no boot tree" in failed["msg"]
    missing = Modules(host).run("boot_tree", {"path": "/tftpboot/x", "source": "/tmp/nosuch.iso"})
    assert missing["failed"] and "/tmp/nosuch.iso does not exist on the host" in missing["msg"]
    assert host.read(f"{TREE}/mine") == "x" and host.sh("ls -A /tftpboot").stdout == "os\n"
