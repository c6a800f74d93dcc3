# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user of bhyve_image relies on, on a prepared stand-in host with a mirror of its own."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from typing import Any, List

from harness import Modules
from images import DATA, DISK, MIB, STORE, Mirror, content_of, image, info, leftovers, qcow2_of, sha256, the, zstd_of
from polls import until
from standin.host import StandinHost


def test_check_apply_again_and_absent(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    packed = lzma.compress(DISK)
    url = mirror.put("disk.raw.xz", packed)
    sums = mirror.put("CHECKSUM.SHA256", f"SHA256 (disk.raw.xz) = {sha256(packed)[7:]}\n".encode())
    task = image(source=url, checksum=f"sha256:{sums}")

    told = modules.good("bhyve_image", task, check=True)
    assert told["changed"] and the(told)["state"] == "present"
    assert not host.exists_in("/apiary/.images") and mirror.requests() == []

    done = modules.good("bhyve_image", task)
    made = the(done)
    assert made["changes"] == the(told)["changes"]
    assert done["diff"] == told["diff"]
    assert (made["state"], made["kind"], made["format"], made["progress"]) == ("present", "zvol", "raw.xz", 100)
    assert (made["virtual_size"], made["size"]) == (len(DISK), 6 * MIB)
    assert made["path"] == f"/dev/zvol/{STORE}/web"
    assert content_of(host, made["path"], len(DISK)) == sha256(DISK)
    assert host.sh(f"zfs list -H -o name {STORE}/web@golden").returncode == 0
    assert host.sh(f"zfs get -Hp -o value,source volmode {STORE}/web").stdout.startswith("dev\tinherited")
    assert leftovers(host) == []
    assert [entry["path"] for entry in mirror.requests()] == ["/CHECKSUM.SHA256", "/disk.raw.xz"]

    mirror.stop()
    again = modules.good("bhyve_image", task)
    assert not again["changed"] and again["commands_started"] == 2
    assert info(modules) == [{key: value for key, value in the(again).items() if key not in ("changed", "changes")}]

    gone = {"name": "web", "state": "absent"}
    assert modules.good("bhyve_image", gone, check=True)["changed"]
    assert the(modules.good("bhyve_image", gone))["state"] == "absent"
    assert host.sh(f"zfs list -H -r -o name {STORE}").stdout.split() == [STORE]
    assert not modules.good("bhyve_image", gone)["changed"]
    assert info(modules) == []


def test_every_format_becomes_the_same_disk(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    qcow2 = qcow2_of(host, DISK)
    forms = {
        "raw": DISK,
        "raw.xz": lzma.compress(DISK),
        "raw.gz": gzip.compress(DISK),
        "raw.bz2": bz2.compress(DISK),
        "raw.zst": zstd_of(host, DISK),
        "qcow2": qcow2,
        "qcow2.xz": lzma.compress(qcow2),
    }
    images = []
    for number, (form, content) in enumerate(forms.items()):
        host.write(f"/var/tmp/images/{number}", content)
        url = mirror.put(f"file{number}", content)
        digest = sha256(content)
        images.append({"name": f"url-{form}".replace(".", "-"), "source": url, "checksum": digest})
        images.append({"name": f"local-{form}".replace(".", "-"), "source": f"/var/tmp/images/{number}"})
        images.append({"name": f"file-{form}".replace(".", "-"), "source": url, "kind": "file", "checksum": digest})
    result = modules.good("bhyve_image", {"images": images})
    again = modules.good("bhyve_image", {"images": images})
    assert not again["changed"] and again["commands_started"] == 2
    assert leftovers(host) == []
    for one in result["images"]:
        assert one["format"].replace(".", "-") == one["name"].partition("-")[2]
        assert one["virtual_size"] == len(DISK)
        assert content_of(host, one["path"], len(DISK)) == sha256(DISK), one["name"]
        if one["kind"] == "file":
            assert one["path"] == f"/apiary/.images/{one['name']}.img"
            # 512-byte blocks; half of the disk is zero
            assert int(host.sh(f"stat -f %b {one['path']}").stdout) * 512 < 3 * MIB


def test_an_iso_image_is_a_file_that_a_guest_uses_and_keeps(host: StandinHost, modules: Modules) -> None:
    host.write("/var/tmp/Setup-1.0.ISO", DISK)
    made = the(modules.good("bhyve_image", image(source="/var/tmp/Setup-1.0.ISO")))
    assert (made["kind"], made["path"]) == ("iso", "/apiary/.images/web.iso")
    disks = [{"name": "cd", "controller": "ahci-cd", "path": made["path"]}]
    modules.good("bhyve_vm", {"name": "vm1", "memory": "64M", "disks": disks})
    refused = modules.run("bhyve_image", image(state="absent"))
    assert "these use it as it is: guest vm1 disk cd" in refused["msg"]
    modules.good("bhyve_vm", {"name": "vm1", "state": "absent", "destroy": True})
    modules.good("bhyve_image", image(state="absent"))
    assert not host.exists_in(made["path"])


def test_an_image_with_clones_stays(host: StandinHost, modules: Modules) -> None:
    host.write("/var/tmp/disk.raw", DISK)
    host.write("/var/tmp/new.raw", DATA)
    task = image(source="/var/tmp/disk.raw")
    modules.good("bhyve_image", task)
    host.sh(f"zfs create zroot/other && zfs clone {STORE}/web@golden zroot/other/root", check=True)
    assert info(modules)[0]["clones"] == ["zroot/other/root"]
    refused = modules.run("bhyve_image", image(state="absent"))
    assert refused["failed"] and "these are clones of it: zroot/other/root" in refused["msg"]
    new = image(source="/var/tmp/new.raw")
    assert (
        "was made otherwise: source is /var/tmp/disk.raw, wanted is /var/tmp/new.raw"
        in modules.run("bhyve_image", new)["msg"]
    )
    assert "it cannot be made anew while these are clones" in modules.run("bhyve_image", dict(new, force=True))["msg"]
    host.sh("zfs destroy zroot/other/root", check=True)
    anew = the(modules.good("bhyve_image", dict(new, force=True)))
    assert content_of(host, anew["path"], len(DATA)) == sha256(DATA)
    assert not modules.good("bhyve_image", dict(new, force=True))["changed"]
    as_file = modules.good("bhyve_image", dict(new, force=True, kind="file"))
    assert the(as_file)["path"] == "/apiary/.images/web.img"
    assert host.sh(f"zfs list -H -r -o name {STORE}").stdout.split() == [STORE]
    assert leftovers(host) == []


def test_the_same_checksum_is_the_same_image(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    url = mirror.put("disk.raw", DISK)
    modules.good("bhyve_image", image(source=url))
    for same in (
        {"source": [mirror.url("elsewhere"), url]},
        {"source": "/var/tmp/other", "checksum": sha256(DISK)},
        {},
        {"checksum": sha256(DISK).upper().replace("SHA", "sha")},
    ):
        assert not modules.good("bhyve_image", image(**same))["changed"], same
    for other in ({"checksum": sha256(DATA)}, {"checksum": "sha512:" + "0" * 128}, {"source": mirror.url("elsewhere")}):
        assert "was made otherwise" in modules.run("bhyve_image", image(**other))["msg"], other


BAD: List[Any] = [
    ({"source": "/nowhere"}, "the file /nowhere does not exist on the host"),
    ({"source": "/var/tmp"}, "/var/tmp is not a file"),
    ({}, "there is no such image on this host; to make it, give its source"),
    ({"source": "ftp://example.org/x"}, "write a URL"),
    ({"source": "relative"}, "write a URL"),
    ({"source": "http://user:secret@example.org/x"}, "names and passwords in a URL"),
    ({"source": "http://example.org/dir/"}, "names a directory"),
    ({"source": ["http://example.org/x", "/var/tmp/x"]}, "all are URLs"),
    ({"source": "http://example.org/x", "checksum": "md5:0"}, "checksum: "),
    ({"source": "http://example.org/x", "checksum": "sha256:/nowhere"}, "the file /nowhere does not exist"),
    ({"source": "http://example.org/x.qcow2"}, "install the package qemu-tools"),
    ({"source": "http://example.org/x", "retries": -1}, "allowed are 0 to 100"),
    ({"source": "http://example.org/x", "timeout": 0}, "allowed are 1 to 3600"),
    ({"source": "http://example.org/x", "volblocksize": "5K"}, "not a power of two"),
    ({"source": "http://example.org/x", "volblocksize": "8K", "kind": "file"}, "volblocksize is for kind: zvol"),
    ({"name": "web.iso", "source": "http://example.org/x"}, "leave the ending out"),
    ({"name": ".web", "source": "http://example.org/x"}, "cannot be an image's name"),
    ({"name": None}, "give one image by name, or many by images"),
    ({"images": [{"name": "a"}]}, "beside it"),
    ({"source": "/var/tmp/vmdk"}, "a VMDK image"),
    ({"source": "/var/tmp/backed"}, "backing file"),
    ({"source": "/var/tmp/empty"}, "is empty"),
]


def test_bad_input_changes_nothing(host: StandinHost, modules: Modules) -> None:
    host.write("/var/tmp/vmdk", b"KDMV" + bytes(600))
    host.write("/var/tmp/backed", b"QFI\xfb\0\0\0\3" + bytes(7) + b"\x68" + bytes(600))
    host.write("/var/tmp/empty", b"")
    for options, reason in BAD:
        result = modules.run("bhyve_image", image(**options))
        assert result.get("failed") and not result["changed"], options
        assert reason in result["msg"], (options, result["msg"])
    assert not host.exists_in("/apiary/.images")


def test_one_bad_image_of_a_list_keeps_all_from_being_made(host: StandinHost, modules: Modules) -> None:
    host.write("/var/tmp/disk.raw", DISK)
    good = {"name": "good", "source": "/var/tmp/disk.raw"}
    for bad in ({"name": "bad", "source": "/nowhere"}, {"name": "good", "source": "/var/tmp/disk.raw"}):
        assert modules.run("bhyve_image", {"images": [good, bad]})["failed"]
        assert not host.exists_in("/apiary/.images")


def test_one_that_fails_does_not_keep_the_others_from_being_made(
    host: StandinHost, modules: Modules, mirror: Mirror
) -> None:
    url = mirror.put("disk.raw", DISK)
    result = modules.run(
        "bhyve_image",
        {
            "images": [
                image(name="missing", source=mirror.url("nothing")),
                image(name="good", source=url),
                image(name="damaged", source=url, checksum=sha256(DATA)),
            ]
        },
    )
    assert result["failed"] and result["changed"]
    assert [one["state"] for one in result["images"]] == ["absent", "present", "absent"]
    assert "nothing: HTTP 404 Not Found" in the(result, "missing")["failed"]
    assert "wrong checksum" in the(result, "damaged")["failed"]
    assert [failure["name"] for failure in result["failures"]] == ["missing", "damaged"]
    assert leftovers(host) == []


CUT = lzma.compress(DISK)[:-2000]
FAILING: List[Any] = [
    ("cut.xz", CUT, {}, "cut.xz is cut off: the compressed data ends too early"),
    ("page.raw", b"<!DOCTYPE html><html></html>", {}, "is a web page"),
    ("odd.raw", DISK + b"x", {}, "no whole number of 512-byte sectors"),
    ("twice.gz", gzip.compress(gzip.compress(DISK)), {}, "compressed twice"),
    ("x.raw", DISK, {"checksum": sha256(DATA)}, "wrong checksum: http://127.0.0.1"),
    ("x.raw", DISK, {"checksum": "sha256:/var/tmp/SUMS"}, "has no sha256 digest for x.raw; it has y.raw"),
]


def test_what_is_wrong_with_a_source_is_said_and_nothing_is_left(
    host: StandinHost, modules: Modules, mirror: Mirror
) -> None:
    host.write("/var/tmp/SUMS", f"{sha256(DISK)[7:]}  y.raw\n")
    for name, content, options, reason in FAILING:
        result = modules.run("bhyve_image", image(source=mirror.put(name, content), **options))
        assert reason in result["msg"], (name, result["msg"])
        assert the(result)["state"] == "absent"
        assert leftovers(host) == [], name


def test_a_truncated_qcow2_image_is_no_disk_of_zeros(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    whole = qcow2_of(host, DISK)
    url = mirror.put("disk.qcow2", whole[: len(whole) - MIB])
    result = modules.run("bhyve_image", image(source=url))
    assert "disk.qcow2 is cut off or damaged; qemu-img check found" in result["msg"]
    assert leftovers(host) == []
    mirror.put("disk.qcow2", whole)
    assert content_of(host, the(modules.good("bhyve_image", image(source=url)))["path"], len(DISK)) == sha256(DISK)


def test_a_damaged_mirror_is_left_for_the_next(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    bad, good = mirror.put("bad.raw", DISK[::-1]), mirror.put("good.raw", DISK)
    made = the(modules.good("bhyve_image", image(source=[bad, good], checksum=sha256(DISK))))
    assert made["origin"] == good
    assert content_of(host, made["path"], len(DISK)) == sha256(DISK)


def test_a_download_that_breaks_off_goes_on_in_the_next_run(
    host: StandinHost, modules: Modules, mirror: Mirror
) -> None:
    mirror.put("disk.raw", DISK)
    url = mirror.url(f"cut-{MIB}/disk.raw")
    task = image(source=url, checksum=sha256(DISK), retries=0)
    for number in range(1, 5):
        result = modules.run("bhyve_image", task)
        assert f"{number * MIB} bytes are kept" in result["msg"]
        assert (the(result)["state"], the(result)["progress"]) == ("interrupted", number * MIB * 100 // len(DISK))
        assert not host.exists_in(f"/dev/zvol/{STORE}/web")
    made = the(modules.good("bhyve_image", dict(task, retries=1)))
    assert content_of(host, made["path"], len(DISK)) == sha256(DISK)
    assert [entry["range"] for entry in mirror.requests()][1] == f"bytes={MIB}-"
    assert leftovers(host) == []


def test_a_second_task_sees_how_far_the_first_is_and_takes_over_when_it_is_killed(
    host: StandinHost, modules: Modules, mirror: Mirror
) -> None:
    content = random.Random(5).randbytes(8 * MIB)
    mirror.put("disk.raw", content)
    task = image(source=mirror.url("slow-500/disk.raw"))
    process = modules.start("bhyve_image", task)
    seen = until(lambda: [one for one in info(modules) if one["progress"]])
    assert (seen[0]["state"], seen[0]["phase"]) == ("making", "downloading")
    assert 0 < seen[0]["progress"] < 100
    refused = modules.run("bhyve_image", image(state="absent"))
    assert "another task is making it now (downloading, " in refused["msg"]
    other = modules.run("bhyve_image", task)
    assert other["failed"] and "another task is at work" in other["msg"]
    host.sh("pkill -9 -f 'runner(.py)? bhyve_image'")
    process.communicate(timeout=60)
    left = info(modules)[0]
    assert (left["state"], left["phase"]) == ("interrupted", "downloading")
    assert left["progress"] >= seen[0]["progress"]
    mirror.requests()
    made = the(modules.good("bhyve_image", task))
    (request,) = mirror.requests()
    assert (request["status"], int(request["range"][6:-1]) * 100 // len(content)) == (206, left["progress"])
    assert content_of(host, made["path"], len(content)) == sha256(content)
    host.write("/apiary/.images/.partial-web.raw", b"left")
    cleared = modules.good("bhyve_image", task)
    assert the(cleared)["changes"] == ["clear away what an interrupted task left of image web"]
    assert leftovers(host) == []


def test_what_is_not_ours_is_left_alone(host: StandinHost, modules: Modules) -> None:
    host.write("/var/tmp/disk.raw", DISK)
    host.write("/apiary/.images/mine.iso", DATA)
    task = image(source="/var/tmp/disk.raw")
    refused = modules.run("bhyve_image", task)
    assert "/apiary/.images is a directory with something in it and not the dataset" in refused["msg"]
    host.sh(f"mv /apiary/.images/mine.iso /var/tmp && zfs create {STORE} && zfs create -V 1M {STORE}/web", check=True)
    refused = modules.run("bhyve_image", task)
    assert f"{STORE}/web is there and belongs to no image" in refused["msg"]
    assert not modules.good("bhyve_image", image(state="absent"))["changed"]
    host.sh(f"zfs destroy {STORE}/web && mv /var/tmp/mine.iso /apiary/.images/web.img", check=True)
    assert "web.img is there and belongs to no image" in modules.run("bhyve_image", dict(task, kind="file"))["msg"]
    host.sh(f"rm /apiary/.images/web.img && zfs unmount {STORE}", check=True)
    assert "is not mounted" in modules.run("bhyve_image", task)["msg"]


def test_a_full_pool_is_one_error_with_the_numbers_and_leaves_nothing(
    host: StandinHost, modules: Modules, mirror: Mirror
) -> None:
    url = mirror.put("disk.raw", DISK)
    host.sh(f"zfs create {STORE} && zfs set quota=1M {STORE}", check=True)
    result = modules.run("bhyve_image", image(source=url))
    assert "not enough space: the download of image web takes 5.0 MiB" in result["msg"], result["msg"]
    assert leftovers(host) == [] and the(result)["state"] == "absent"
    host.sh(f"zfs set quota=none {STORE}", check=True)
    modules.good("bhyve_image", image(source=url))


def test_a_power_cut_costs_no_more_than_time(host: StandinHost, modules: Modules, mirror: Mirror) -> None:
    host.write("/var/tmp/disk.raw.gz", gzip.compress(DISK))
    task = image(source="/var/tmp/disk.raw.gz")
    host.set_faults([{"match": ["zfs"], "kth": 6, "mode": "cut"}])
    modules.start("bhyve_image", task).communicate(timeout=60)
    assert host.fired_faults()
    host.wait_off()
    host.set_faults([])
    host.boot()
    made = the(modules.good("bhyve_image", task))
    assert content_of(host, made["path"], len(DISK)) == sha256(DISK)
    assert leftovers(host) == []


def test_a_host_without_zfs_has_files(plain_host: StandinHost) -> None:
    host, modules = plain_host, Modules(plain_host)
    host.write("/var/tmp/disk.raw", DISK)
    task = image(source="/var/tmp/disk.raw")
    assert "zvol needs ZFS" in modules.run("bhyve_image", dict(task, kind="zvol"))["msg"]
    told = modules.good("bhyve_image", task, check=True)
    made = the(modules.good("bhyve_image", task))
    assert made["changes"] == the(told)["changes"]
    assert (made["kind"], made["path"]) == ("file", "/apiary/.images/web.img")
    assert content_of(host, made["path"], len(DISK)) == sha256(DISK)
    again = modules.good("bhyve_image", task)
    assert (again["changed"], again["commands_started"]) == (False, 0)
    modules.good("bhyve_image", image(state="absent"))
    assert host.sh("ls -A /apiary/.images").stdout == ""
