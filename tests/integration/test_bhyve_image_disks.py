# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks of guests that are made from images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

from guests import tiny
from harness import Modules, Playbooks
from images import DISK, MIB, STORE, content_of, sha256
from standin.host import StandinHost


def disk_of(result: Dict[str, Any], name: str = "root") -> Dict[str, Any]:
    """A disk of the only guest of a result."""
    found: Dict[str, Any] = next(disk for disk in result["vms"][0]["disks"] if disk["name"] == name)
    return found


def test_guests_disks_are_clones_and_copies_of_images(host: StandinHost, modules: Modules) -> None:
    host.write("/var/tmp/disk.raw", DISK)
    images = [{"name": name, "source": "/var/tmp/disk.raw", "kind": name} for name in ("zvol", "file", "iso")]
    modules.good("bhyve_image", {"images": images})
    disks = [
        {"name": "root", "image": "zvol", "size": "32M"},
        {"name": "same", "image": "zvol", "backing": "sparse-zvol", "properties": {"compression": "off"}},
        {"name": "copy", "image": "file", "backing": "sparse-file", "size": "16M"},
    ]
    task = tiny("vm1", disks=disks)
    told = modules.good("bhyve_vm", task, check=True)
    done = modules.good("bhyve_vm", task)
    assert told["vms"][0]["changes"] == done["vms"][0]["changes"]
    assert [disk_of(done, name)["size"] for name in ("root", "same", "copy")] == ["32M", "6M", "16M"]
    places = {
        "root": "/dev/zvol/zroot/apiary/vm1/root",
        "same": "/dev/zvol/zroot/apiary/vm1/same",
        "copy": "/apiary/vm1/copy.img",
    }
    for path in places.values():
        assert content_of(host, path, len(DISK)) == sha256(DISK), path
    assert host.sh("stat -f %z /apiary/vm1/copy.img").stdout.strip() == str(16 * MIB)
    props = host.sh("zfs get -Hp -o value volsize,origin zroot/apiary/vm1/root").stdout.split()
    assert props == [str(32 * MIB), f"{STORE}/zvol@golden"]
    reserved = host.sh("zfs get -Hp -o value refreservation zroot/apiary/vm1/root zroot/apiary/vm1/same").stdout.split()
    assert int(reserved[0]) >= 32 * MIB and reserved[1] == "0"
    again = modules.good("bhyve_vm", task)
    assert not again["changed"]
    found = {one["name"]: one for one in modules.good("bhyve_image_info", {})["images"]}
    assert found["zvol"]["clones"] == ["zroot/apiary/vm1/root", "zroot/apiary/vm1/same"]
    refused = modules.run("bhyve_image", {"name": "zvol", "state": "absent"})
    assert "clones of it: zroot/apiary/vm1/root, zroot/apiary/vm1/same" in refused["msg"]
    modules.good("bhyve_image", {"name": "file", "state": "absent"})
    # An image counts when a disk is made, and never again.
    assert not modules.good("bhyve_vm", task)["changed"]
    other = modules.run("bhyve_vm", tiny("vm1", disks=[{"name": "root", "image": "other"}]))
    assert "the disk is made from image zvol and cannot become other" in other["msg"]


def test_a_disk_that_cannot_be_made_from_an_image_is_refused(host: StandinHost, modules: Modules) -> None:
    host.write("/var/tmp/disk.raw", DISK)
    disk = {"name": "root", "image": "zvol", "size": "32M"}
    missing = modules.run("bhyve_vm", tiny("vm1", disks=[disk]))
    assert "there is no image 'zvol' on this host; there are: none" in missing["msg"]
    images = [{"name": name, "source": "/var/tmp/disk.raw", "kind": name} for name in ("zvol", "file", "iso")]
    modules.good("bhyve_image", {"images": images})
    for change, reason in (
        ({"image": "other"}, "there is no image 'other' on this host; there are: file, iso, zvol"),
        ({"size": "4M"}, "size: 4M is less than the image zvol has, 6M"),
        (
            {"image": "iso"},
            "iso is an ISO image, not a disk; use controller: ahci-cd and path: /apiary/.images/iso.iso",
        ),
        ({"image": "file"}, "use backing: file or sparse-file"),
        ({"backing": "file"}, "use backing: zvol or sparse-zvol"),
        ({"volblocksize": "64K"}, "a clone of image zvol has its block size, 16K, not 64K"),
        ({"properties": {"encryption": "on"}}, "encryption: those of a clone are its image's"),
    ):
        refused = modules.run("bhyve_vm", tiny("vm1", disks=[dict(disk, **change)]))
        assert refused.get("failed") and reason in refused["msg"], (change, refused["msg"])
    assert not host.exists_in("/apiary/vm1")


def test_the_role_makes_images_before_guests(host: StandinHost, playbooks: Playbooks, tmp_path: Path) -> None:
    host.write("/var/tmp/disk.raw", DISK)
    variables = {
        "bhyve_guests_images": [{"name": "web", "source": "/var/tmp/disk.raw"}],
        "bhyve_guests_vms": [tiny("vm1", state="present", disks=[{"name": "root", "image": "web"}])],
    }
    play = [{"hosts": "hives", "gather_facts": False, "roles": ["apiary.bhyve.bhyve_guests"], "vars": variables}]
    (tmp_path / "role.json").write_text(json.dumps(play))
    told = playbooks.play(str(tmp_path / "role.json"), check=True)
    assert told.rc == 0, told.output
    assert not host.exists_in("/apiary/.images")
    done = playbooks.play(str(tmp_path / "role.json"))
    assert done.rc == 0, done.output
    assert content_of(host, "/dev/zvol/zroot/apiary/vm1/root", len(DISK)) == sha256(DISK)
    again = playbooks.play(str(tmp_path / "role.json"))
    assert again.stats[host.name]["changed"] == 0, again.output
