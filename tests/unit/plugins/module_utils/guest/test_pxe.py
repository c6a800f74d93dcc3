# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests that boot from the network: the options, the disk with iPXE, when it is there, the link to their script."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Server, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, config, rcfile, record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.state import Chainload
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.state import HostDhcp
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import Image

Make = Callable[..., Dict[str, Any]]
ROOT = {"name": "root", "size": "1G", "controller": "virtio-blk"}
LAN = {"name": "lan", "switch": "bridge0"}
IMAGE = "/apiary/.images/ipxe.img"
NEW: Dict[str, Any] = {"memory": "1G", "rng": False, "disks": [ROOT], "nics": [LAN]}
SCRIPTS = "/tftpboot/chainload"


def image(name: str, kind: str = "file") -> Image:
    built = {"kind": "ipxe"} if kind == "file" else {}
    return Image(name, kind, (), "", "", {}, "built", 2 << 20, 2 << 20, 0, built=built)


@pytest.fixture
def host(fleet: Any) -> Any:
    """A host with an image of iPXE, and one that is a volume."""
    images = {"ipxe": image("ipxe"), "other": image("other"), "golden": image("golden", "zvol")}
    fleet.observed = replace(fleet.observed, images=images)
    return fleet


def serving(host: Any, **links: str) -> Any:
    """The host serves boot scripts, files and links."""
    names = {f"{name}.ipxe": to for name, to in {"installer": "", "menu": "", **links}.items()}
    host.observed = replace(host.observed, chainload=Chainload(SCRIPTS, names))
    return host


def files_of(plan: Any) -> Dict[str, Any]:
    written = next(one for one in plan.plan().changes if isinstance(one, changes.WriteGeneration))
    return {"keys": config.parse(written.conf), "rc": rcfile.parse(written.rc)}


def install_of(variables: Dict[str, str]) -> Dict[str, str]:
    words = shlex.split(variables["install_args"])
    assert set(words[::2]) <= {"-o"}
    return dict(word.split("=", 1) for word in words[1::2])


def scripts_of(plan: Any) -> List[str]:
    return [one.describe() for one in plan.plan().changes if "chainload" in one.describe()]


def test_once_is_for_as_long_as_the_first_disk_has_no_signature(host: Any, request_of: Make) -> None:
    files = files_of(host.plan(request_of(**NEW, pxe={})))
    assert not [key for key in files["keys"] if "bootindex" in key or key.startswith("pci.0.4.") or "fwcfg" in key]
    assert files["rc"]["install_disk"] == "/dev/zvol/zroot/apiary/web1/root"
    assert install_of(files["rc"]) == {
        "pci.0.4.0.device": "nvme",
        "pci.0.4.0.path": IMAGE,
        "pci.0.4.0.ro": "true",
        "pci.0.4.0.bootindex": "0",
        "lpc.fwcfg": "qemu",
        "pci.0.2.0.bootindex": "1",
    }
    assert IMAGE not in files["rc"]["disks"], "it is no disk of the guest's that must be there"


def test_always_is_in_the_configuration(host: Any, request_of: Make) -> None:
    files = files_of(host.plan(request_of(**NEW, pxe={"when": "always", "image": "other"})))
    keys = files["keys"]
    assert keys["pci.0.4.0.path"] == "/apiary/.images/other.img" and keys["pci.0.4.0.bootindex"] == "0"
    assert keys["lpc.fwcfg"] == "qemu" and keys["pci.0.2.0.bootindex"] == "1"
    assert files["rc"]["install_args"] == files["rc"]["install_disk"] == ""


def test_a_guest_without_a_disk_boots_so_each_time(host: Any, request_of: Make) -> None:
    diskless = {**NEW, "disks": []}
    with pytest.raises(BadInput, match="pxe.when: once lasts as long as the guest's first disk has no boot signature"):
        host.plan(request_of(**diskless, pxe={}))
    keys = files_of(host.plan(request_of(**diskless, pxe={"when": "always"})))["keys"]
    assert [value for key, value in keys.items() if key.endswith("bootindex")] == ["0"]


@pytest.mark.parametrize(
    ("controllers", "expected"),
    [(["virtio-blk"], "nvme"), (["nvme"], "ahci"), (["ahci-hd", "nvme"], "virtio-blk"), (["ahci-cd"], "nvme")],
)
def test_the_guest_counts_its_disks_as_without_it(
    host: Any, request_of: Make, controllers: List[str], expected: str
) -> None:
    disks = [{"name": f"d{number}", "controller": one} for number, one in enumerate(controllers)]
    disks = [{**disk, **({} if disk["controller"] == "ahci-cd" else {"size": "1G"})} for disk in disks]
    keys = files_of(host.plan(request_of(**{**NEW, "disks": disks}, pxe={"when": "always"})))["keys"]
    place = next(key.rpartition(".path")[0] for key, value in keys.items() if value == IMAGE)
    assert keys[f"{place.partition('.port')[0]}.device"] == expected
    assert (keys.get(f"{place}.type") == "hd") == (expected == "ahci")
    assert keys[f"{place}.bootindex"] == "0"


def test_a_boot_order_of_the_guest_s_own_comes_after_it(host: Any, request_of: Make) -> None:
    disks = [ROOT, {**ROOT, "name": "data", "boot_order": 1}]
    keys = files_of(host.plan(request_of(**{**NEW, "disks": disks}, pxe={"when": "always"})))["keys"]
    order = {key: value for key, value in keys.items() if key.endswith(".bootindex")}
    assert order == {"pci.0.3.0.bootindex": "1", "pci.0.5.0.bootindex": "0"}


def test_no_device_moves_when_it_comes_and_goes(host: Any, request_of: Make) -> None:
    made = host.make(request_of(**NEW))
    with_it = host.desired(request_of(pxe={}))[0]
    assert with_it.identity.slots == {**made.identity.slots, "pxe": "0.4.0"}
    host.make(request_of(pxe={}))
    without = host.desired(request_of(pxe={"state": "absent"}))[0]
    assert without.identity.slots == made.identity.slots and without.guest.pxe is None


def test_what_is_left_out_stays_and_what_is_told_is_valid_input(host: Any, request_of: Make) -> None:
    given = {"image": "other", "nic": "lan", "script": "installer", "when": "always"}
    made = host.make(request_of(**NEW, pxe=given))
    assert record.load(record.dump(made), "x", "web1") == made
    entry = host.plan(request_of()).guests[0].entry
    assert entry["pxe"] == {"state": "present", **given}
    assert not host.plan(request_of(**entry)).changed
    changed = host.desired(request_of(pxe={"when": "once", "script": "", "nic": ""}))[0].guest.pxe
    assert (changed.image, changed.nic, changed.script, changed.when) == ("other", "", "", "once")


def test_a_record_without_it_is_as_before(host: Any, request_of: Make) -> None:
    made = host.make(request_of(**NEW))
    assert '"pxe"' not in record.dump(made)
    assert host.plan(request_of()).guests[0].entry["pxe"] is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"nics": []}, "pxe: the guest has no NIC to boot by"),
        ({"pxe": {"nic": "wan"}}, "pxe.nic: the guest has no NIC 'wan'; it has: lan"),
        ({"pxe": {"image": "a/b"}}, "pxe.image: 'a/b' cannot be an image's name"),
        (
            {"pxe": {"image": "nosuch"}},
            "pxe.image: there is no image 'nosuch' on this host; with iPXE there are: ipxe, other",
        ),
        ({"pxe": {"image": "golden"}}, "pxe.image: golden is an image of kind zvol, not a file"),
        ({"pxe": {"script": "../x"}}, "pxe.script: '../x' is no name of a chainload script"),
        ({"firmware": "bhyveload", "loader": {"host_path": "/t"}}, "pxe: iPXE is a program for the UEFI firmware"),
        ({"options": {"lpc.fwcfg": "bhyve"}}, "options: lpc.fwcfg is 'qemu' by pxe, and cannot be 'bhyve'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(host: Any, request_of: Make, given: Dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        host.plan(request_of(**{**NEW, "pxe": {}, **given}))


def test_an_image_that_is_gone_is_no_matter_for_other_tasks(host: Any, request_of: Make) -> None:
    host.make(request_of(**NEW, pxe={}))
    host.observed = replace(host.observed, images={})
    assert not host.plan(request_of()).changed


def test_the_link_to_the_script_comes_changes_and_goes(host: Any, request_of: Make) -> None:
    link = f"link {SCRIPTS}/web1.ipxe to"
    request = request_of(**NEW, pxe={"script": "installer"})
    assert scripts_of(serving(host).plan(request)) == [f"{link} installer.ipxe"]
    host.make(request)
    assert scripts_of(serving(host, web1="./installer.ipxe").plan(request_of())) == []
    assert scripts_of(serving(host).plan(request_of())) == [f"{link} installer.ipxe"], (
        "what somebody removed comes back"
    )
    other = request_of(pxe={"script": "menu.ipxe"})
    assert scripts_of(serving(host, web1="./installer.ipxe").plan(other)) == [f"{link} menu.ipxe"]
    gone = f"remove the link {SCRIPTS}/web1.ipxe to installer.ipxe"
    for last in ({"pxe": {"script": ""}}, {"pxe": {"state": "absent"}}, {"state": "absent"}):
        assert scripts_of(serving(host, web1="./installer.ipxe").plan(request_of(**last))) == [gone]


def test_the_guest_asks_by_the_host_name_of_its_nic(host: Any, request_of: Make) -> None:
    nics = [LAN, {**LAN, "name": "boot", "hostname": "node7"}]
    request = request_of(**{**NEW, "nics": nics}, pxe={"script": "installer", "nic": "boot"})
    assert scripts_of(serving(host).plan(request)) == [f"link {SCRIPTS}/node7.ipxe to installer.ipxe"]
    host.make(request)
    serving(host, node7="./installer.ipxe")
    moved = host.plan(request_of(nics=[{"name": "boot", "hostname": "node8"}]))
    assert scripts_of(moved) == [
        f"remove the link {SCRIPTS}/node7.ipxe to installer.ipxe",
        f"link {SCRIPTS}/node8.ipxe to installer.ipxe",
    ]
    mine = {**LAN, "hostname": "node7", "mac": "5a:00:00:00:00:07"}
    other = request_of(**{**NEW, "nics": [mine]}, name="web2", pxe={"script": "menu"})
    with pytest.raises(BadInput, match=r"node7\.ipxe is by what guest web1 asks for its own"):
        host.plan(other)
    with pytest.raises(
        BadInput, match="asks for its script by its host name, and a_b is none; give the NIC a hostname"
    ):
        host.plan(request_of(**{**NEW, "nics": [{**mine, "hostname": ""}]}, name="a_b", pxe={"script": "menu"}))


def test_what_is_not_ours_stays(host: Any, request_of: Make) -> None:
    request = request_of(**NEW, pxe={"script": "installer"})
    for somebody in ("", "menu.ipxe", "/elsewhere/web1.ipxe"):
        with pytest.raises(BadInput, match=r"chainload/web1\.ipxe, by which the guest asks for its script, is there"):
            serving(host, web1=somebody).plan(request)
    own = request_of(**NEW, pxe={"script": "web1"})
    assert scripts_of(serving(host, web1="").plan(own)) == []
    host.make(own)
    assert scripts_of(serving(host, web1="").plan(request_of(state="absent"))) == []


def test_a_script_that_is_gone_is_no_matter_for_other_tasks(host: Any, request_of: Make) -> None:
    host.make(serving(host) and request_of(**NEW, pxe={"script": "installer"}))
    host.observed = replace(host.observed, chainload=Chainload(SCRIPTS, {"web1.ipxe": "./installer.ipxe"}))
    assert not host.plan(request_of()).changed
    host.observed = replace(host.observed, chainload=Chainload(SCRIPTS, {}))
    assert not host.plan(request_of()).changed


def test_a_script_that_is_missing_is_named_with_those_that_are_there(host: Any, request_of: Make) -> None:
    with pytest.raises(
        BadInput, match=r"no /tftpboot/chainload/nosuch\.ipxe on this host; there are: installer\.ipxe, m"
    ):
        serving(host, web7="./installer.ipxe").plan(request_of(**NEW, pxe={"script": "nosuch"}))
    with pytest.raises(BadInput, match=r"no /tftpboot/chainload/web1\.ipxe on this host"):
        serving(host).plan(request_of(**NEW, pxe={"script": "web1"}))


def test_a_host_that_serves_no_scripts_says_who_needs_what(host: Any, request_of: Make) -> None:
    plan = host.plan(request_of(**NEW, pxe={"script": "installer"}))
    assert scripts_of(plan) == []
    assert "the server that does needs installer.ipxe as chainload/web1.ipxe" in plan.warnings[0]
    host.make(request_of(**NEW, pxe={"script": "installer"}))
    assert host.plan(request_of()).warnings == []


def test_a_nic_that_dhcp_does_not_know_is_told(host: Any, request_of: Make) -> None:
    server = Server("isc", (), "", (Subnet("10.10.0.0/24", "bridge0"),))
    host.observed = replace(serving(host).observed, dhcp=HostDhcp(server))
    request = request_of(**NEW, pxe={"script": "installer"})
    assert "nic lan declares nothing that this host's DHCP server could tell it" in host.plan(request).warnings[0]
    named = request_of(**{**NEW, "nics": [{**LAN, "ip": "10.10.0.17"}]}, pxe={"script": "installer"})
    assert host.plan(named).warnings == []
    host.make(request)
    assert host.plan(request_of()).warnings == []
