# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images that bhyve_image makes of FreeBSD's distribution sets. The sets are small ones, that boot nothing.

So what is looked at is the disk: its partitions, the loader in the EFI system partition, the files of the root file
system.
"""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest
from faults import tried
from harness import ROOT, Modules, Playbooks
from images import STORE, Mirror, content_of, leftovers, sha256, the
from sets import (
    BASE,
    GPTBOOT,
    HASH,
    KERNEL,
    LOADER,
    MADE,
    MIB,
    PMBR,
    SETS,
    archive,
    image,
    manifest,
    part,
    partitions_of,
    put,
    root_of,
)
from standin.host import StandinHost
from ufs import Ufs2


@pytest.fixture
def other_mirror(host: StandinHost) -> Iterator[Mirror]:
    """A second mirror on this test's own host."""
    made = Mirror(host, "/var/www2")
    try:
        yield made
    finally:
        made.stop()


def test_check_apply_again_and_absent(host: StandinHost, modules: Modules, mirror: Mirror, tmp_path: Path) -> None:
    task = image(put(mirror))
    told = modules.good("bhyve_image", task, check=True)
    assert told["changed"] and the(told)["state"] == "present"
    assert not host.exists_in("/apiary/.images") and mirror.requests() == []

    done = modules.good("bhyve_image", task)
    made = the(done)
    assert made["changes"] == the(told)["changes"] and done["diff"] == told["diff"]
    assert "of the distribution sets base, kernel of 14.3-RELEASE from" in made["changes"][-1]
    assert (made["state"], made["kind"], made["format"], made["progress"]) == ("present", "zvol", "sets", 100)
    assert made["sets"] == {
        "release": "14.3-RELEASE",
        "architecture": "amd64",
        "names": ["base", "kernel"],
        "size": "24M",
        "packages": [],
    }
    assert made["origin"] == mirror.url("pub")
    assert made["sha256"] == sha256(manifest(SETS))[7:]
    assert [entry["path"] for entry in mirror.requests()] == ["/pub/MANIFEST", "/pub/base.txz", "/pub/kernel.txz"]
    assert leftovers(host) == []
    assert host.sh(f"zfs list -H -o name {STORE}/web@golden").returncode == 0

    disk = host.read_bytes(made["path"])
    assert len(disk) == made["size"] == made["virtual_size"], "the second partition table is at the volume's end"
    boot, esp, root = partitions_of(disk, tmp_path)
    assert [one["name"] for one in (boot, esp, root)] == ["bootfs", "efiesp", "rootfs"]
    assert [one["start"] % 2048 for one in (boot, esp, root)] == [0, 0, 0]
    assert disk[:446] == PMBR[:446] and part(disk, boot)[: len(GPTBOOT)] == GPTBOOT
    assert esp["type"] == "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
    assert root["type"] == "516E7CB6-6ECF-11D6-8FF8-00022D09712B"
    assert root["size"] * 512 == 24 * MIB
    (tmp_path / "esp").write_bytes(part(disk, esp))
    copied = subprocess.run(
        ["mcopy", "-i", str(tmp_path / "esp"), "::EFI/BOOT/BOOTX64.EFI", "-"], capture_output=True, check=True
    )
    assert copied.stdout == LOADER
    files = Ufs2(part(disk, root))
    assert (files.label, files.soft_updates, files.size) == ("rootfs", True, 24 * MIB)
    assert files.look("boot/kernel/kernel").content == KERNEL[0][2]
    su = files.look("usr/bin/su")
    assert (stat.S_IMODE(su.mode), su.uid, su.gid, su.mtime) == (0o4555, 66, 66, MADE)
    assert "/dev/gpt/rootfs\t/\tufs\trw\t1\t1" in files.look("etc/fstab").content.decode()
    assert files.look("etc/rc.conf").content.decode().splitlines() == [
        'ifconfig_DEFAULT="DHCP inet6 accept_rtadv"',
        'growfs_enable="YES"',
    ]
    assert b'boot_serial="YES"' in files.look("boot/loader.conf").content
    assert files.look("firstboot").content == b""
    assert stat.S_ISDIR(files.look("boot/efi").mode)
    assert ".ssh" not in files.names("root")

    mirror.stop()
    again = modules.good("bhyve_image", task)
    assert not again["changed"] and again["commands_started"] == 2
    gone = {"name": "web", "state": "absent"}
    assert the(modules.good("bhyve_image", gone))["state"] == "absent"
    assert host.sh(f"zfs list -H -r -o name {STORE}").stdout.split() == [STORE]


def test_what_the_first_boot_finds(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    task = image(
        put(mirror),
        rc_conf={"hostname": "golden", "growfs_enable": False, "motd": 'say "$HOME"'},
        loader_conf={"autoboot_delay": 2},
        authorized_keys=["ssh-ed25519 AAAA admin@example.org"],
        root_password=HASH,
        packages=["edk2-bhyve"],
    )
    result = modules.good("bhyve_image", task)
    made = the(result)
    assert HASH not in json.dumps(result) and HASH not in host.sh("cat /apiary/.images/web.json").stdout
    assert not [call for call in host.commands() if any(HASH in word for word in call.argv)]
    files = root_of(host, made["path"])
    assert files.look("etc/rc.conf").content.decode().splitlines() == [
        'ifconfig_DEFAULT="DHCP inet6 accept_rtadv"',
        'growfs_enable="NO"',
        'sshd_enable="YES"',
        'sshd_flags="-o PermitRootLogin=prohibit-password"',
        'hostname="golden"',
        'motd="say \\"\\$HOME\\""',
    ]
    assert files.look("boot/loader.conf").content.decode().splitlines()[-1] == 'autoboot_delay="2"'
    keys = files.look("root/.ssh/authorized_keys")
    assert (keys.content, stat.S_IMODE(keys.mode)) == (b"ssh-ed25519 AAAA admin@example.org\n", 0o600)
    assert stat.S_IMODE(files.look("root/.ssh").mode) == 0o700
    assert files.look("etc/master.passwd").content.decode().startswith(f"root:{HASH}:0:0:")
    assert json.loads(files.look("var/db/pkg/standin.json").content) == {"pkg": "1.21.3", "edk2-bhyve": "g202308_6"}
    assert files.names("var/cache").keys() == {".", ".."}, "what was fetched for the packages stays out of the image"
    (install,) = [call.argv for call in host.commands() if call.argv[:2] == ("pkg", "-r")]
    assert "ABI=FreeBSD:14:amd64" in install and "OSVERSION=1403000" in install
    assert not modules.good("bhyve_image", task)["changed"]

    for change, difference in (
        ({"release": "14.2-RELEASE"}, "sets.release is 14.3-RELEASE, wanted is 14.2-RELEASE"),
        ({"size": "32M"}, "sets.size is 24M, wanted is 32M"),
        ({"names": ["base", "kernel", "lib32"]}, "sets.names is base, kernel, wanted is base, kernel, lib32"),
        ({"root_password": HASH[::-1].replace(HASH[-1], "$", 1)}, "sets.root_password is another one"),
        ({"packages": []}, "sets.packages is edk2-bhyve, wanted is empty"),
        ({"loader_conf": {}}, "sets.loader_conf is autoboot_delay=2, wanted is empty"),
    ):
        refused = modules.run("bhyve_image", {**task, "sets": {**task["sets"], **change}})
        assert "was made otherwise" in refused["msg"] and difference in refused["msg"], (change, refused["msg"])
    elsewhere = {**task, "sets": {**task["sets"], "source": "http://192.0.2.1/elsewhere"}}
    assert not modules.good("bhyve_image", elsewhere)["changed"], "the same sets are the same image"


def test_an_image_of_a_source_is_not_one_of_sets(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    host.write("/var/tmp/disk.raw", LOADER[: 512 * 100])
    by_source = {"name": "web", "source": "/var/tmp/disk.raw"}
    by_sets = image(put(mirror))
    modules.good("bhyve_image", by_source)
    refused = modules.run("bhyve_image", by_sets)
    assert "source is /var/tmp/disk.raw, wanted are the distribution sets of 14.3-RELEASE" in refused["msg"]
    anew = the(modules.good("bhyve_image", {**by_sets, "force": True}))
    assert anew["format"] == "sets" and leftovers(host) == []
    assert "wanted is /var/tmp/disk.raw" in modules.run("bhyve_image", by_source)["msg"]
    assert not modules.good("bhyve_image", {"name": "web"})["changed"]


def test_sets_of_the_host_become_a_file(host: StandinHost, modules: Modules) -> None:
    for name, content in {"MANIFEST": manifest(SETS), **SETS}.items():
        host.write(f"/usr/freebsd-dist/{name}", content)
    task = {**image("/usr/freebsd-dist/"), "kind": "file", "checksum": sha256(manifest(SETS))}
    made = the(modules.good("bhyve_image", task))
    assert (made["path"], made["origin"]) == ("/apiary/.images/web.img", "/usr/freebsd-dist")
    assert root_of(host, made["path"]).look("boot/loader.efi").content == LOADER
    assert int(host.sh(f"stat -f %b {made['path']}").stdout) * 512 < made["size"], "what is zero takes no space"
    assert host.sh("ls /usr/freebsd-dist").stdout.split() == ["MANIFEST", "base.txz", "kernel.txz"]
    assert not modules.good("bhyve_image", task)["changed"]
    changed = {**task, "checksum": "sha256:" + "0" * 64}
    assert "checksum is sha256:" in modules.run("bhyve_image", changed)["msg"]


BAD: List[Any] = [
    ({"release": "14.3"}, "write it as uname(1) does without a patch level"),
    ({"release": "14.3-RELEASE-p2"}, "there are no sets of patch levels"),
    ({"architecture": "arm64"}, "sets.architecture: 'arm64'; bhyve runs guests of its host's architecture only"),
    ({"names": []}, "base and kernel missing"),
    ({"names": ["kernel"]}, "base missing"),
    ({"names": ["base", "kernel", "../x"]}, "'../x' is not the name of a set"),
    ({"names": ["base.txz", "kernel"]}, "write base for base.txz"),
    ({"names": ["base", "kernel", "base"]}, "a set is there twice"),
    ({"size": "24"}, "has no unit"),
    ({"size": "1025K"}, "not a whole number of MiB"),
    ({"source": "ftp://example.org/pub"}, "write the URL"),
    ({"source": "http://user:secret@example.org/pub"}, "names and passwords in a URL"),
    ({"source": ["http://example.org/pub", "/usr/freebsd-dist"]}, "a directory of the host stands alone"),
    ({"source": "/nowhere"}, "the file /nowhere/MANIFEST does not exist on the host"),
    ({"packages": ["-y"]}, "'-y' is not the name of a package"),
    ({"rc_conf": {"a b": "c"}}, "'a b' is not the name of a variable"),
    ({"rc_conf": {"a": "b\nc"}}, "more than one line"),
    ({"loader_conf": {"a": 'b"c'}}, "cannot hold a value with a double quote"),
    ({"authorized_keys": ["# a comment"]}, "is not a line of authorized_keys"),
    ({"root_password": "secret"}, "give it encrypted"),
]


def test_bad_input_changes_nothing(host: StandinHost, modules: Modules) -> None:
    tasks = [({**image("http://example.org/pub", **options)}, reason) for options, reason in BAD]
    good = image("http://example.org/pub")
    tasks += [
        ({**good, "source": "http://example.org/x"}, "an image comes from a source or is made of distribution sets"),
        ({**good, "kind": "iso"}, "of distribution sets a disk is made, not an ISO image"),
        ({"images": [{"name": "a"}], "sets": good["sets"]}, "sets beside it"),
    ]
    for task, reason in tasks:
        result = modules.run("bhyve_image", task)
        assert result.get("failed") and not result["changed"], task
        assert reason in result["msg"], (task, result["msg"])
    host.sh("mv /usr/bin/mkimg /usr/bin/mkimg.away", check=True)
    missing = modules.run("bhyve_image", good)
    assert "sets: /usr/bin/mkimg of FreeBSD's base system missing on the host" in missing["msg"]
    assert not host.exists_in("/apiary/.images")


def test_what_is_wrong_with_the_sets_is_said_and_nothing_is_left(
    host: StandinHost, modules: Modules, mirror: Mirror
) -> None:
    wrong = manifest({**SETS, "base.txz": b"other"})
    link = archive([("boot/", 0o755, b""), ("etc/", 0o755, b"")])
    unbootable = archive([one for one in BASE if one[0] != "boot/loader.efi"])
    cases: List[Any] = [
        ({"MANIFEST": wrong}, {}, f"wrong checksum: {mirror.url('pub/base.txz')} has sha256:"),
        ({"MANIFEST": b"<html>not found</html>\n"}, {}, "is not the MANIFEST of distribution sets: line 1 is"),
        ({}, {"names": ["base", "kernel", "lib32"]}, "MANIFEST has no set lib32; it has: base, kernel"),
        ({"base": link, "MANIFEST": manifest({**SETS, "base.txz": link})}, {}, "the sets hold no directory /root"),
        (
            {"base": unbootable, "MANIFEST": manifest({**SETS, "base.txz": unbootable})},
            {},
            "the sets hold no file /boot/loader.efi, so no guest would boot from the image",
        ),
        (
            {"base": b"no archive", "MANIFEST": manifest({**SETS, "base.txz": b"no archive"})},
            {},
            "cannot extract the set base: `tar -x -p",
        ),
        ({}, {"size": "1M"}, "If the sets do not fit, give a larger sets.size"),
        ({}, {"packages": ["nosuch"]}, "matching 'nosuch' have been found in the repositories"),
    ]
    for files, options, reason in cases:
        result = modules.run("bhyve_image", image(put(mirror, **files), **options))
        assert reason in result["msg"], (reason, result["msg"])
        assert the(result)["state"] == "absent"
        assert leftovers(host) == [], reason
    checked = {**image(put(mirror)), "checksum": "sha256:" + "0" * 64}
    assert "wrong checksum: " in modules.run("bhyve_image", checked)["msg"]
    assert leftovers(host) == []


def test_a_set_that_one_mirror_lacks_comes_from_the_next(
    host: StandinHost, modules: Modules, mirror: Mirror, other_mirror: Mirror
) -> None:
    first, second = put(mirror), put(other_mirror)
    host.sh("rm /var/www/base.txz", check=True)
    host.sh("printf damaged > /var/www/kernel.txz", check=True)
    made = the(modules.good("bhyve_image", image([first, second])))
    assert [entry["path"] for entry in other_mirror.requests()] == ["/pub/base.txz", "/pub/kernel.txz"]
    assert root_of(host, made["path"]).look("boot/loader.efi").content == LOADER


def test_a_download_that_breaks_off_goes_on_in_the_next_run(
    host: StandinHost, modules: Modules, mirror: Mirror
) -> None:
    put(mirror)
    some = 150_000  # of each set, the first time
    assert some < min(map(len, SETS.values()))
    task = image(mirror.url(f"once-{some}"))
    result = modules.run("bhyve_image", task)
    assert f"base.txz: cannot download it: {mirror.url(f'once-{some}')}/base.txz: it broke off" in result["msg"]
    assert the(result)["state"] == "interrupted" and the(result)["phase"] == "downloading"
    mirror.requests()
    again = modules.run("bhyve_image", task)
    assert "kernel.txz: cannot download it" in again["msg"]
    requests = mirror.requests()
    assert [(entry["path"].rpartition("/")[2], entry["range"]) for entry in requests] == [
        ("MANIFEST", None),
        ("base.txz", f"bytes={some}-"),
        ("kernel.txz", None),
    ]
    modules.good("bhyve_image", task)
    assert [entry["path"].rpartition("/")[2] for entry in mirror.requests()] == ["MANIFEST", "kernel.txz"]
    assert leftovers(host) == []


def test_a_full_pool_is_one_error_with_the_numbers_and_leaves_nothing(
    host: StandinHost, modules: Modules, mirror: Mirror
) -> None:
    task = image(put(mirror))
    host.sh(f"zfs create {STORE} && zfs set quota=3M {STORE}", check=True)
    result = modules.run("bhyve_image", task)
    reason = "not enough space: image web: what is in the sets, a file system and a disk of it take 3.9 MiB"
    assert reason in result["msg"], result["msg"]
    assert leftovers(host) == [] and the(result)["state"] == "absent"


@pytest.mark.parametrize("mode", ["fail", "half"])
def test_a_failure_at_every_command(host: StandinHost, modules: Modules, mirror: Mirror, mode: str) -> None:
    task = image(put(mirror), root_password=HASH, packages=["edk2-bhyve"])
    gone = {"name": "web", "state": "absent"}
    host.clear_commands()
    modules.good("bhyve_image", task)
    names = [call.argv[0] for call in host.commands()]
    assert [name for name in names if name != "zfs"] == ["tar", "tar", "pw", "pkg", "makefs", "makefs", "mkimg"]
    for k in tried(len(names)):
        modules.good("bhyve_image", gone)
        host.set_faults([{"match": ["*"], "kth": k, "mode": mode, "exit": 1, "stderr": "it failed"}])
        modules.run("bhyve_image", task)
        fired = host.fired_faults()
        host.set_faults([])
        assert fired, k
        where = f"{mode} {k} {fired[0]['argv']}"
        again = modules.run("bhyve_image", task)
        assert not again.get("failed"), (where, again["msg"])
        assert not modules.good("bhyve_image", task)["changed"], where
        assert leftovers(host) == [], where
        assert root_of(host, the(again)["path"]).look("boot/loader.efi").content == LOADER, where


def test_a_power_cut_costs_no_more_than_time(host: StandinHost, modules: Modules) -> None:
    for name, content in {"MANIFEST": manifest(SETS), **SETS}.items():
        host.write(f"/usr/freebsd-dist/{name}", content)
    task = image("/usr/freebsd-dist")
    host.set_faults([{"match": ["mkimg"], "kth": 1, "mode": "cut"}])
    modules.start("bhyve_image", task).communicate(timeout=60)
    assert host.fired_faults()
    host.wait_off()
    host.set_faults([])
    host.boot()
    left = modules.good("bhyve_image_info", {"names": ["web"]})["images"][0]
    assert (left["state"], left["phase"]) == ("interrupted", "building")
    made = the(modules.good("bhyve_image", task))
    assert root_of(host, made["path"]).look("boot/loader.efi").content == LOADER
    assert leftovers(host) == []


def test_what_is_left_of_a_build_goes_with_the_image(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    put(mirror)
    modules.run("bhyve_image", image(mirror.url("once-5000")))
    assert leftovers(host) == [".partial-web.json", ".partial-web.sets"]
    modules.good("bhyve_image", {"name": "web", "state": "absent"})
    assert leftovers(host) == []


def test_a_guest_s_disk_is_a_clone_of_it(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    made = the(modules.good("bhyve_image", image(put(mirror))))
    disks = [{"name": "root", "image": "web", "size": "128M"}]
    modules.good("bhyve_vm", {"name": "vm1", "memory": "64M", "disks": disks})
    whole = content_of(host, made["path"], made["size"])
    assert content_of(host, "/dev/zvol/zroot/apiary/vm1/root", made["size"]) == whole


def test_a_host_without_zfs_has_files(bare_host: Callable[..., StandinHost], tmp_path: Path) -> None:
    from standin.settings import Settings

    host = bare_host(Settings("plain1", zfs=False), name="plain1")
    prepared = Playbooks(host, tmp_path).play(
        str(ROOT / "tests" / "integration" / "prepare.yml"), extra={"bhyve_host_dataset": ""}
    )
    assert prepared.rc == 0, prepared.output
    modules = Modules(host).install()
    for name, content in {"MANIFEST": manifest(SETS), **SETS}.items():
        host.write(f"/usr/freebsd-dist/{name}", content)
    task = image("/usr/freebsd-dist")
    made = the(modules.good("bhyve_image", task))
    assert (made["kind"], made["path"]) == ("file", "/apiary/.images/web.img")
    assert root_of(host, made["path"]).look("boot/loader.efi").content == LOADER
    assert host.sh("ls -A /apiary/.images").stdout.split() == ["web.img", "web.json"]
    assert not modules.good("bhyve_image", task)["changed"]
