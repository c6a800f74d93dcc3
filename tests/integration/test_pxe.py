# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is declared of guests that boot from the network: their boot files, and the links to their scripts."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import NOTE, Note, dump
from faults import Sweep
from guests import record, the
from harness import Modules
from standin.host import StandinHost

CHAINLOAD = "/tftpboot/chainload"
NODE: Dict[str, Any] = {
    "name": "node7",
    "memory": "128M",
    "rng": False,
    "disks": [{"name": "root", "size": "16M", "controller": "virtio-blk"}],
    "nics": [{"name": "lab", "switch": "bridge0"}],
}
INSTALLER = {**NODE, "pxe": {"script": "installer"}}


@pytest.fixture(scope="module")
def serving(shared_host: StandinHost) -> Modules:
    """A host with an image of iPXE and boot scripts, one of them somebody's by a guest's name."""
    shared_host.sh("pkg install -y ipxe", check=True)
    for name in ("installer", "menu", "mine"):
        shared_host.write(f"{CHAINLOAD}/{name}.ipxe", "#!ipxe\n", mode=0o644)
    shared_host.write(NOTE, dump(Note("/tftpboot", CHAINLOAD)))
    modules = Modules(shared_host)
    modules.good("ipxe_image", {"name": "ipxe"})
    return modules


def links(host: StandinHost) -> Dict[str, str]:
    found = host.sh(f"cd {CHAINLOAD} && for one in *; do [ ! -L $one ] || echo $one $(readlink $one); done").stdout
    return dict(line.split() for line in found.splitlines())


def boot_file(host: StandinHost, name: str) -> str:
    return host.read(f"/apiary/node7/boot/{name}")


def test_check_apply_again_change_rename_and_absent(serving: Modules) -> None:
    modules, host = serving, serving.host
    told = modules.good("bhyve_vm", INSTALLER, check=True)
    assert told["changed"] and links(host) == {}
    done = modules.good("bhyve_vm", INSTALLER)
    made = the(done, "node7")
    assert made["changes"] == the(told, "node7")["changes"]
    assert f"link {CHAINLOAD}/node7.ipxe to installer.ipxe" in made["changes"]
    assert made["pxe"] == {"state": "present", "image": "ipxe", "nic": "", "script": "installer", "when": "once"}
    assert links(host) == {"node7.ipxe": "./installer.ipxe"}
    assert record(host, "node7")["declared"]["pxe"]["image"] == "ipxe"
    assert "install_disk='/dev/zvol/zroot/apiary/node7/root'" in boot_file(host, "guest.rc")
    assert "ipxe.img" in boot_file(host, "guest.rc") and "ipxe.img" not in boot_file(host, "bhyve.conf")
    again = modules.good("bhyve_vm", INSTALLER)
    assert not again["changed"]
    assert the(modules.good("bhyve_vm_info", {"names": ["node7"]}), "node7")["pxe"] == made["pxe"]

    used = modules.run("ipxe_image", {"name": "ipxe", "state": "absent"})
    assert "these use it as it is: guest node7 pxe" in used["msg"]
    shown = next(one for one in modules.good("ipxe_image", {"name": "ipxe"})["images"])
    assert shown["users"] == ["guest node7 pxe"]

    always = modules.good("bhyve_vm", {"name": "node7", "pxe": {"script": "menu", "when": "always"}})
    assert '"when": "always"' in always["diff"][0]["after"] and links(host) == {"node7.ipxe": "./menu.ipxe"}
    assert "pci.0.4.0.path=/apiary/.images/ipxe.img\n" in boot_file(host, "bhyve.conf")
    modules.good("bhyve_vm", {"name": "node8", "rename_from": "node7"})
    assert links(host) == {"node8.ipxe": "./menu.ipxe"}
    modules.good("bhyve_vm", {"vms": [{"name": "node8", "state": "absent", "destroy": True}]})
    assert links(host) == {} and host.exists_in(f"{CHAINLOAD}/menu.ipxe")


def test_bad_input_changes_nothing(serving: Modules) -> None:
    modules, host = serving, serving.host
    for given, said in (
        ({"pxe": {"script": "nosuch"}}, f"there is no {CHAINLOAD}/nosuch.ipxe on this host; there are: installer.ipxe"),
        (
            {"pxe": {"image": "nosuch"}},
            "pxe.image: there is no image 'nosuch' on this host; with iPXE there are: ipxe.",
        ),
        ({"pxe": {"nic": "wan"}}, "pxe.nic: the guest has no NIC 'wan'; it has: lab"),
        ({"name": "mine", "pxe": {"script": "menu"}}, f"{CHAINLOAD}/mine.ipxe, by which the guest asks for its script"),
        ({"disks": [], "pxe": {}}, "pxe.when: once lasts as long as the guest's first disk"),
    ):
        refused = modules.run("bhyve_vm", {"vms": [{**NODE, **given}]})
        assert said in refused["msg"] and not refused["changed"], refused["msg"]
    assert links(host) == {} and not host.exists_in("/apiary/node7")


def test_a_guest_of_another_host_keeps_its_way_to_boot_and_what_lacks_here_is_told(serving: Modules) -> None:
    modules, host = serving, serving.host
    modules.good("bhyve_vm", INSTALLER)
    modules.good("bhyve_export", {"vm": "node7", "path": "/var/tmp/node7.apiary"})
    modules.good("bhyve_vm", {"name": "node7", "state": "absent", "destroy": True})
    task = {"path": "/var/tmp/node7.apiary"}
    away = f"mv /apiary/.images/ipxe.json /var/tmp; mv {CHAINLOAD}/installer.ipxe /var/tmp"
    host.sh(away, check=True)
    for check in (True, False):
        said = str(modules.good("bhyve_import", task, check=check)["warnings"])
        assert "guest node7: pxe.image: there is no image 'ipxe' on this host" in said
        assert f"guest node7: pxe.script: there is no {CHAINLOAD}/installer.ipxe on this host" in said
    assert links(host) == {} and record(host, "node7")["declared"]["pxe"]["script"] == "installer"
    modules.good("bhyve_vm", {"name": "node7", "state": "absent", "destroy": True})
    host.sh(f"mv /var/tmp/ipxe.json /apiary/.images; mv /var/tmp/installer.ipxe {CHAINLOAD}", check=True)
    assert modules.good("bhyve_import", task).get("warnings", []) == []
    assert links(host) == {"node7.ipxe": "./installer.ipxe"}
    modules.good("bhyve_vm", {"name": "node7", "state": "absent", "destroy": True})


class Change(Sweep):
    """A guest that boots from its disk only gets a script, with a further disk."""

    def begin(self) -> None:
        self.modules.good("bhyve_vm", {"name": "node7", "state": "absent", "destroy": True})
        self.modules.good("bhyve_vm", NODE)

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        found = links(self.host)
        return [] if found == {"node7.ipxe": "./installer.ipxe"} else [f"the links are {found}"]


def test_a_failure_before_and_after_the_link(serving: Modules) -> None:
    sweep = Change(serving, "bhyve_vm", {**INSTALLER, "disks": [*NODE["disks"], {"name": "data", "size": "16M"}]})
    sweep.record()
    makes = [number for number, command in enumerate(sweep.commands, 1) if command.startswith("zfs create")]
    sweep.go("fail", [*makes, len(sweep.commands)])
    serving.good("bhyve_vm", {"name": "node7", "state": "absent", "destroy": True})
    assert links(serving.host) == {}
