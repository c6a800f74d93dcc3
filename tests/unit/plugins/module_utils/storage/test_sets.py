# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FreeBSD's distribution sets: the options, the MANIFEST, what is written into an image; the size of an .xz file."""

from __future__ import annotations

import json
import lzma
import os
import shlex
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import set_image, sets
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_options import Request, parse_request
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_plan import differences
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import Image, dump_image, load_image
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.making import Wanted
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sets import Sets, parse_manifest, parse_sets
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.xz import uncompressed_size

A, B = "a1" * 32, "b2" * 32
#: As release/scripts/make-manifest.sh writes it.
MANIFEST = (
    f'base.txz\t{A}\t26471\tbase\t"Base system (MANDATORY)"\ton\n'
    f'kernel.txz\t{B.upper()}\t906\tkernel\t"Kernel (MANDATORY)"\ton\n'
)
SETS = Sets("14.3-RELEASE")
MADE = 1763730000


def parsed(**given: Any) -> Tuple[Sets, Tuple[str, ...]]:
    return parse_sets({"release": "14.3-RELEASE", **given}, "sets")


@pytest.mark.parametrize(
    ("release", "place"),
    [
        ("14.3-RELEASE", "releases"),
        ("15.1-RC2", "releases"),
        ("15.0-BETA1", "releases"),
        ("15.0-ALPHA4", "snapshots"),
        ("15.0-STABLE", "snapshots"),
        ("16.0-CURRENT", "snapshots"),
        ("15.1-PRERELEASE", "snapshots"),
    ],
)
def test_a_release_is_at_its_place_of_freebsd_s_site(release: str, place: str) -> None:
    _sets, (directory,) = parsed(release=release)
    assert directory == f"https://download.freebsd.org/{place}/amd64/amd64/{release}"


@pytest.mark.parametrize(
    "release",
    ["", "14", "14.3", "14.3-RELEASE-p1", "FreeBSD-14.3-RELEASE", "14.3-release", "14.3-FINAL", "../14.3-RELEASE"],
)
def test_anything_else_is_no_release(release: str) -> None:
    with pytest.raises(BadInput, match=r"sets\.release: "):
        parsed(release=release)


def test_what_is_left_out_has_a_default_and_the_architecture_has_two_names() -> None:
    assert parsed()[0] == parsed(architecture="amd64/amd64")[0] == SETS
    assert SETS.key()["size"] == "5G" and SETS.abi == "FreeBSD:14:amd64"
    assert parsed(source=["http://a.example.org/x/", "https://b.example.org/"])[1] == (
        "http://a.example.org/x",
        "https://b.example.org",
    )
    assert parsed(source=["/usr/freebsd-dist/"])[1] == ("/usr/freebsd-dist",)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"architecture": "i386"}, "supports amd64"),
        ({"names": ["base"]}, "kernel missing"),
        ({"names": ["base", "kernel", "a/b"]}, "not the name of a set"),
        ({"names": ["base", "kernel", ".."]}, "not the name of a set"),
        ({"source": ["example.org/x"]}, "write the URL"),
        ({"source": ["http://example.org/x?y"]}, "write the URL"),
        ({"source": ["http://[::1"]}, "is not a URL"),
        ({"size": "1G1"}, "is not a size"),
        ({"packages": ["a b"]}, "not the name of a package"),
        ({"rc_conf": {"sshd.enable": "YES"}}, "not the name of a variable"),
        ({"rc_conf": {"x": {"y": 1}}}, "a value is a text"),
        ({"loader_conf": {"x": "back\\slash"}}, "cannot hold"),
        ({"authorized_keys": ["two\nlines"]}, "not a line of authorized_keys"),
        ({"root_password": "plain"}, "give it encrypted"),
        ({"root_password": "$6$a:b"}, "give it encrypted"),
    ],
)
def test_bad_options_are_named_with_the_reason(given: Dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        parsed(**given)
    assert str(caught.value).startswith(f"sets.{next(iter(given))}")


def test_what_an_image_is_made_of_keeps_no_password_and_tells_two_apart() -> None:
    first, second = replace(SETS, root_password="$6$a$b"), replace(SETS, root_password="$6$a$c")
    assert "$6$" not in str(first.key())
    assert first.key() != second.key() != SETS.key()


IMAGE = Image(
    name="web",
    kind="zvol",
    sources=("https://a.example.org/14.3-RELEASE",),
    origin="https://a.example.org/14.3-RELEASE",
    checksum="",
    digests={"sha256": A},
    format="sets",
    size=6 << 20,
    virtual_size=6 << 20,
    made=MADE,
    sets=SETS.key(),
)


def request(**given: Any) -> Request:
    return parse_request({"name": "web", **given})


def wanted(**given: Any) -> Request:
    return request(sets={"release": "14.3-RELEASE", **given})


def test_the_record_of_an_image_keeps_its_sets_and_an_older_record_has_none() -> None:
    text = dump_image(IMAGE)
    assert load_image(text, "x") == IMAGE
    older = json.loads(text)
    del older["sets"]
    assert load_image(json.dumps(older), "x") == replace(IMAGE, sets={})
    assert "sets" not in replace(IMAGE, sets={}).declared and IMAGE.declared["sets"] == SETS.key()


def test_an_image_is_what_it_is_made_of_and_not_where_that_came_from() -> None:
    assert differences(wanted(), IMAGE) == []
    assert differences(wanted(source=["http://b.example.org/x"]), IMAGE) == []
    assert differences(request(), IMAGE) == []
    by_checksum = request(sets={"release": "14.3-RELEASE"}, checksum=f"sha256:{A}")
    assert differences(by_checksum, IMAGE) == []
    other = request(sets={"release": "14.3-RELEASE"}, checksum=f"sha256:{B}")
    assert differences(other, IMAGE) == [f"checksum is sha256:{A}, wanted is sha256:{B}"]
    assert differences(wanted(size="6G", rc_conf={"sshd_enable": True}), IMAGE) == [
        "sets.size is 5G, wanted is 6G",
        "sets.rc_conf is empty, wanted is sshd_enable=YES",
    ]
    assert differences(wanted(root_password="$6$a$b"), IMAGE) == ["sets.root_password is another one"]
    assert differences(request(source=["/var/tmp/x"]), IMAGE) == [
        "source is https://a.example.org/14.3-RELEASE, wanted is /var/tmp/x"
    ]
    assert differences(wanted(), replace(IMAGE, sets={}, origin="/var/tmp/x")) == [
        "source is /var/tmp/x, wanted are the distribution sets of 14.3-RELEASE"
    ]


def test_the_work_of_an_earlier_run_is_of_use_only_for_the_same_image() -> None:
    first = Wanted("web", "zvol", IMAGE.sources, sets=SETS)
    assert json.loads(json.dumps(first.key())) == first.key() == IMAGE.declared
    assert first.key() != replace(first, sets=replace(SETS, size=1 << 30)).key()
    assert "sets" not in replace(first, sets=None).key()


def test_sets_become_a_disk_whatever_the_directory_is_called() -> None:
    assert wanted(source=["http://example.org/x.iso"]).default_kind(True) == "zvol"
    assert not wanted(source=["http://example.org/x.qcow2"]).needs_qemu_img
    for given, reason in (
        ({"source": ["http://example.org/x"]}, "sets: source beside it"),
        ({"kind": "iso"}, "kind: of distribution sets a disk is made"),
    ):
        with pytest.raises(BadInput, match=f"image web: {reason}"):
            request(sets={"release": "14.3-RELEASE"}, **given)


def test_the_manifest_has_a_digest_for_each_set() -> None:
    found = parse_manifest(MANIFEST, "x")
    assert found == {"base.txz": A, "kernel.txz": B}
    assert sets.digest_of(found, "kernel", "x") == B
    with pytest.raises(ApiaryError, match="x has no set lib32; it has: base, kernel"):
        sets.digest_of(found, "lib32", "x")


@pytest.mark.parametrize("line", ["", "<html>", "base.txz\t", f"base.txz {A}", f"\t{A}", f"base.txz\t{A[1:]}"])
def test_what_is_no_manifest_is_refused_with_the_line(line: str) -> None:
    with pytest.raises(ApiaryError, match="x is not the MANIFEST of distribution sets: line 3"):
        parse_manifest(MANIFEST + line + "\n", "x")


def test_the_system_tells_its_version() -> None:
    header = "#undef __FreeBSD_version\n#define __FreeBSD_version 1403000\t/* Master, propagated to newvers */\n"
    assert sets.osversion_of(header, "x") == 1403000
    with pytest.raises(ApiaryError, match="x does not say which version"):
        sets.osversion_of("#define __NetBSD_Version__ 1\n", "x")


def test_rc_conf_is_read_by_sh_as_it_was_meant() -> None:
    values = {"a": 'say "hi"', "b": "$HOME `id` \\", "c": "it's", "growfs_enable": "NO"}
    text = sets.rc_conf(replace(SETS, rc_conf=tuple(values.items()), authorized_keys=("ssh-ed25519 AAAA x",)))
    names = [*values, "ifconfig_DEFAULT", "sshd_flags"]
    script = text + "".join(f'printf "%s\\n" "${name}"\n' for name in names)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    expected = [*values.values(), "DHCP inet6 accept_rtadv", "-o PermitRootLogin=prohibit-password"]
    assert done.stdout.splitlines() == expected


def test_the_root_file_system_is_the_last_partition_and_named_as_fstab_has_it() -> None:
    argv = sets.make_disk("d", "t", "e", "r")
    partitions = [argv[at + 1] for at, word in enumerate(argv) if word == "-p"]
    labels = [word.partition(":")[0].partition("/")[2] for word in partitions]
    assert labels == ["bootfs", "efiesp", "rootfs"]
    for label in labels[1:]:
        assert f"/dev/gpt/{label}\t" in sets.fstab()
    assert shlex.join(sets.make_root("i", "t", 1 << 30)).startswith("makefs -t ffs -B little -Z -o label=rootfs ")


def test_pkg_is_installed_with_the_packages_and_once() -> None:
    argv = sets.install("/t", replace(SETS, packages=("pkg", "sudo")), 1403000)
    assert argv[:3] == ["pkg", "-r", "/t"] and argv[argv.index("install") :] == ["install", "-y", "pkg", "sudo"]


@pytest.mark.parametrize("size", [0, 1, 100_000, 3 << 20])
def test_an_xz_file_tells_how_large_it_is_uncompressed(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.xz"
    path.write_bytes(lzma.compress(os.urandom(min(size, 1000)) + bytes(max(size - 1000, 0))))
    assert uncompressed_size(str(path)) == size


def test_what_is_no_xz_file_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x"
    whole = lzma.compress(b"x" * 1000)
    for content in (b"", b"YZ", bytes(100), whole[:-1], b"x" * 90 + b"YZ", whole[:-20] + b"\0" * 8 + whole[-12:]):
        path.write_bytes(content)
        assert uncompressed_size(str(path)) is None, content
    with pytest.raises(FileError, match="nothing"):
        uncompressed_size(str(tmp_path / "nothing"))


def test_file_flags_are_taken_off_before_a_tree_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree" / "lib").mkdir(parents=True)
    (tmp_path / "tree" / "lib" / "libc.so.7").write_text("x")
    (tmp_path / "tree" / "link").symlink_to("/nowhere")
    flagged = {str(tmp_path / "tree" / "lib" / "libc.so.7"), str(tmp_path / "tree" / "lib")}
    taken: List[str] = []
    plain = os.lstat

    class Status:
        def __init__(self, path: str) -> None:
            self.st_mode = plain(path).st_mode
            self.st_flags = stat.SF_IMMUTABLE if path in flagged else 0

    def chflags(path: str, flags: int, follow_symlinks: bool = True) -> None:
        assert (flags, follow_symlinks) == (0, False)
        taken.append(path)

    monkeypatch.setattr(os, "lstat", Status)
    monkeypatch.setattr(os, "chflags", chflags, raising=False)
    set_image._clear_flags(str(tmp_path / "tree"))
    assert set(taken) == flagged
