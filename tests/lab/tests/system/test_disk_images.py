# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""makefs(8), mkimg(1), and what works on a tree that becomes an image: pw -R and pkg -r."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from standin.host import StandinHost

_TREE = "/var/tmp/tree"


def _tree(host: StandinHost) -> None:
    host.sh(f"rm -rf {_TREE}; mkdir -p {_TREE}/etc", check=True)
    host.write(f"{_TREE}/etc/master.passwd", "root::0:0::0:0:Charlie &:/root:/bin/sh\n", mode=0o600)


def test_partitions_begin_at_multiples_of_the_block_size(host: StandinHost, tmp_path: Path) -> None:
    host.sh("cd /var/tmp && truncate -s 70000 boot && truncate -s 3M root && printf %512s x > pmbr", check=True)
    words = "-s gpt -P 1M -b pmbr -p freebsd-boot/bootfs:=boot -p- -p freebsd-ufs/rootfs:=root -o disk"
    host.sh(f"cd /var/tmp && mkimg {words}", check=True)
    disk = tmp_path / "disk"
    disk.write_bytes(host.read_bytes("/var/tmp/disk"))
    assert disk.stat().st_size == 6 << 20
    assert disk.read_bytes()[:446] == b" " * 446
    dump = subprocess.run(["/usr/sbin/sfdisk", "--json", str(disk)], capture_output=True, text=True, check=True)
    partitions = json.loads(dump.stdout)["partitiontable"]["partitions"]
    found = [(one["node"][-1], one["start"], one["size"], one["name"]) for one in partitions]
    assert found == [("1", 2048, 137, "bootfs"), ("3", 4096, 6144, "rootfs")]


def test_mkimg_refuses_what_freebsd_s_refuses(host: StandinHost) -> None:
    host.sh("cd /var/tmp && truncate -s 600 code && truncate -s 1M root", check=True)
    for words, status, said in (
        ("-s gpt -p nosuch:=root", 65, "mkimg: partition 1: Invalid argument\n"),
        ("-s gpt -p efi", 65, "mkimg: partition: Invalid argument\n"),
        ("-s gpt -b code -p efi:=root", 65, "mkimg: boot code: File too large\n"),
        ("-s gpt -b nosuch -p efi:=root", 69, "mkimg: nosuch: No such file or directory\n"),
        ("-s gpt -P 3000 -p efi:=root", 65, "mkimg: physical sector size: Invalid argument\n"),
        ("-s gpt -f nosuch -p efi:=root", 65, "mkimg: format: Invalid argument\n"),
        ("-p efi:=root", 64, "mkimg: error: no scheme\n"),
        ("-s gpt", 64, "mkimg: error: no partitions\n"),
    ):
        done = host.sh(f"cd /var/tmp && mkimg {words} -o disk")
        assert (done.returncode, done.stderr[: len(said)]) == (status, said), words


def test_a_ufs_has_its_label_and_one_that_is_too_small_is_refused(host: StandinHost) -> None:
    _tree(host)
    host.sh(f"dd if=/dev/random of={_TREE}/big bs=64k count=20", check=True)
    ffs = "makefs -t ffs -B little -Z -o label=rootfs -o version=2 -o softupdates=1"
    done = host.sh(f"{ffs} -s 16m /var/tmp/root.ufs {_TREE}", check=True)
    assert done.stdout.endswith("Populating `/var/tmp/root.ufs'\nImage `/var/tmp/root.ufs' complete\n")
    assert b"rootfs\0" in host.read_bytes("/var/tmp/root.ufs")[:80000]
    assert int(host.sh("stat -f %b /var/tmp/root.ufs").stdout) * 512 < 16 << 20
    small = host.sh(f"{ffs} -s 1m /var/tmp/small.ufs {_TREE}")
    assert small.returncode == 1 and "is larger than the maxsize of 1048576." in small.stderr
    unknown = host.sh(f"makefs -o nosuch=1 /var/tmp/x {_TREE}")
    assert unknown.returncode == 1 and unknown.stderr.startswith("makefs: Unknown option `nosuch'\nUsage: makefs")


def test_pw_sets_a_password_in_another_root(host: StandinHost) -> None:
    _tree(host)
    host.sh(f"echo '$6$x$y' | pw -R {_TREE} usermod root -H 0", check=True)
    assert host.read_bytes(f"{_TREE}/etc/master.passwd") == b"root:$6$x$y:0:0::0:0:Charlie &:/root:/bin/sh\n"
    missing = host.sh(f"echo x | pw -R {_TREE} usermod nobody -H 0")
    assert (missing.returncode, missing.stderr) == (67, "pw: no such user `nobody'\n")


def test_pkg_installs_into_another_root_and_the_host_knows_nothing_of_it(host: StandinHost) -> None:
    _tree(host)
    host.sh(f"pkg -r {_TREE} -o ABI=FreeBSD:14:amd64 install -y pkg edk2-bhyve", check=True)
    firmware = "/usr/local/share/uefi-firmware/BHYVE_UEFI_CODE.fd"
    assert host.sh(f"test -e {_TREE}{firmware} -a ! -e {firmware}").returncode == 0
    assert host.run(["pkg", "info", "-e", "edk2-bhyve"]).returncode == 1


_PARTITION = "makefs -t msdos -T 1000000000 -o fat_type=12 -o sectors_per_cluster=1 -o volume_id=1 -s 2000k"


def test_a_manifest_says_what_is_in_a_fat_and_in_which_order(host: StandinHost) -> None:
    host.sh("rm -rf /var/tmp/m; mkdir /var/tmp/m; cd /var/tmp/m; echo one > a; echo two > b", check=True)
    lines = (". type=dir", "./EFI type=dir mode=0755", "./EFI/x.efi type=file contents=/var/tmp/m/b")
    host.write("/var/tmp/m/spec", "#mtree\n" + "".join(f"{line}\n" for line in (*lines, "./b contents=/var/tmp/m/a")))
    host.sh(f"cd /var/tmp/m && {_PARTITION} one.img spec && touch a b && {_PARTITION} two.img spec", check=True)
    assert host.sh("cd /var/tmp/m && cmp one.img two.img").returncode == 0
    listed = host.sh("/.linux/usr/bin/mdir -b -/ -i /var/tmp/m/one.img ::").stdout.split()
    assert listed == ["::/EFI/", "::/b", "::/EFI/x.efi"]
    assert host.sh("/.linux/usr/bin/mtype -i /var/tmp/m/one.img ::/EFI/x.efi").stdout == "two\n"


def test_a_manifest_with_something_wrong_makes_no_image(host: StandinHost) -> None:
    host.sh("rm -rf /var/tmp/m; mkdir /var/tmp/m", check=True)
    host.write("/var/tmp/m/spec", ". type=dir\n./a type=file contents=/nosuch\n./a type=dir\n")
    done = host.sh(f"cd /var/tmp/m && {_PARTITION} one.img spec")
    assert done.returncode == 1
    assert done.stderr == (
        "spec:2: error: a: contents file '/nosuch' not found\n"
        "spec:3: error: duplicate definition of a\n"
        "makefs: 2 error(s) and 0 warning(s) in mtree manifest\n"
    )
    assert not host.exists_in("/var/tmp/m/one.img")
