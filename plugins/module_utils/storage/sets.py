# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FreeBSD's distribution sets (release(7)): what a task says of them, their MANIFEST, and what an image of them holds.

Nothing here touches the host; set_image.py does.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple
from urllib.parse import urlsplit

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.rc_values import rc_value
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size, parse_size

#: The sets that every image has: a system and its kernel.
NEEDED = ("base", "kernel")
#: The file with the SHA-256 digest of each set, beside them (release/scripts/make-manifest.sh).
MANIFEST = "MANIFEST"
#: The architecture that bhyve's guests have on this host.
ARCHITECTURE = "amd64"
#: The root file system of FreeBSD's own virtual machine images (VMSIZE in release/Makefile.vm).
DEFAULT_SIZE = 5 << 30

_SITE = "https://download.freebsd.org"
_MIB = 1 << 20
_RELEASE = re.compile(r"(?P<major>[0-9]{1,2})\.[0-9]{1,2}-(?P<branch>RELEASE|RC[0-9]+|BETA[0-9]+|[A-Z]+[0-9]*)")
_SNAPSHOTS = re.compile(r"ALPHA[0-9]+|CURRENT|STABLE|PRERELEASE")
_RELEASES = re.compile(r"RELEASE|RC[0-9]+|BETA[0-9]+")
_SET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+,@/~-]*")
_RC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOADER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:%-]*")
_KEY = re.compile(r"[^\s#].*\S")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OSVERSION = re.compile(r"^#define\s+__FreeBSD_version\s+([0-9]+)", re.MULTILINE)


@dataclass(frozen=True)
class Sets:
    """An image made of distribution sets. ``size`` is that of the root file system in bytes.

    ``root_password`` is encrypted as crypt(3) does it, '' where none was given.
    """

    release: str
    names: Tuple[str, ...] = NEEDED
    size: int = DEFAULT_SIZE
    packages: Tuple[str, ...] = ()
    rc_conf: Tuple[Tuple[str, str], ...] = ()
    loader_conf: Tuple[Tuple[str, str], ...] = ()
    authorized_keys: Tuple[str, ...] = ()
    root_password: str = ""

    def key(self) -> Dict[str, Any]:
        """What the image is made of, as it is kept and compared: of the password only a digest."""
        secret = self.root_password
        return {
            "release": self.release,
            "architecture": ARCHITECTURE,
            "names": list(self.names),
            "size": format_size(self.size),
            "packages": list(self.packages),
            "rc_conf": dict(self.rc_conf),
            "loader_conf": dict(self.loader_conf),
            "authorized_keys": list(self.authorized_keys),
            "root_password": hashlib.sha256(secret.encode("utf-8")).hexdigest() if secret else "",
        }

    @property
    def abi(self) -> str:
        """What pkg(8) calls the system that the packages are for."""
        return f"FreeBSD:{self.release.partition('.')[0]}:{ARCHITECTURE}"


#: The parts of Sets.key() that a result shows.
SHOWN = ("release", "architecture", "names", "size", "packages")


def sets_options() -> Dict[str, Any]:
    """The argument specification of ``sets``."""
    return {
        "release": {"type": "str", "required": True},
        "architecture": {"type": "str", "default": ARCHITECTURE},
        "names": {"type": "list", "elements": "str", "default": list(NEEDED)},
        "source": {"type": "list", "elements": "str"},
        "size": {"type": "str", "default": format_size(DEFAULT_SIZE)},
        "packages": {"type": "list", "elements": "str", "default": []},
        "rc_conf": {"type": "dict", "default": {}},
        "loader_conf": {"type": "dict", "default": {}},
        "authorized_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "root_password": {"type": "str", "no_log": True},
    }


def parse_sets(params: Mapping[str, Any], option: str) -> Tuple[Sets, Tuple[str, ...]]:
    """What a task says of sets, and the directories that they come from. BadInput."""
    release = str(params["release"])
    branch = _branch(release, f"{option}.release")
    architecture = params.get("architecture") or ARCHITECTURE
    if architecture not in (ARCHITECTURE, f"{ARCHITECTURE}/{ARCHITECTURE}"):
        raise BadInput(
            f"{option}.architecture: {architecture!r}; bhyve runs guests of its host's architecture only, "
            f"and this collection supports {ARCHITECTURE}"
        )
    names = _names(params.get("names"), f"{option}.names")
    directories = tuple(str(one).rstrip("/") or "/" for one in params.get("source") or ())
    for directory in directories:
        _check_directory(directory, f"{option}.source")
    if len(directories) > 1 and any(one.startswith("/") for one in directories):
        raise BadInput(f"{option}.source: several are mirrors, so all are URLs; a directory of the host stands alone")
    size = parse_size(params.get("size") or format_size(DEFAULT_SIZE), f"{option}.size")
    if size % _MIB:
        raise BadInput(f"{option}.size: {format_size(size)} is not a whole number of MiB")
    password = params.get("root_password") or ""
    if password and (not password.startswith(("$", "*")) or not password.isprintable() or set(password) & set(": ")):
        raise BadInput(
            f"{option}.root_password: give it encrypted, as crypt(3) does it and openssl passwd -6 prints it, "
            "or '*' for a root that has none and cannot log in by one"
        )
    sets = Sets(
        release=release,
        names=names,
        size=size,
        packages=_packages(params.get("packages") or (), f"{option}.packages"),
        rc_conf=_variables(params.get("rc_conf") or {}, f"{option}.rc_conf", _RC_NAME),
        loader_conf=_variables(params.get("loader_conf") or {}, f"{option}.loader_conf", _LOADER_NAME),
        authorized_keys=_keys(params.get("authorized_keys") or (), f"{option}.authorized_keys"),
        root_password=password,
    )
    _check_loader_values(sets.loader_conf, f"{option}.loader_conf")
    place = "releases" if _RELEASES.fullmatch(branch) else "snapshots"
    return sets, directories or (f"{_SITE}/{place}/{ARCHITECTURE}/{ARCHITECTURE}/{release}",)


def _branch(release: str, option: str) -> str:
    match = _RELEASE.fullmatch(release)
    if match is None or not (_RELEASES.fullmatch(match["branch"]) or _SNAPSHOTS.fullmatch(match["branch"])):
        hint = (
            "; there are no sets of patch levels, freebsd-update(8) brings the guest there" if "-p" in release else ""
        )
        raise BadInput(f"{option}: {release!r}; write it as uname(1) does without a patch level, 14.3-RELEASE{hint}")
    return match["branch"]


def _names(given: Any, option: str) -> Tuple[str, ...]:
    names = tuple(str(name) for name in (NEEDED if given is None else given))
    for name in names:
        if not _SET.fullmatch(name) or name.endswith((".txz", ".tar.xz")):
            raise BadInput(f"{option}: {name!r} is not the name of a set; write base for base.txz")
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise BadInput(f"{option}: {' and '.join(missing)} missing; no guest boots without {' and '.join(NEEDED)}")
    if len(set(names)) != len(names):
        raise BadInput(f"{option}: a set is there twice: {', '.join(names)}")
    return names


def _check_directory(directory: str, option: str) -> None:
    if directory.startswith("/"):
        return
    try:
        parts = urlsplit(directory)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError as error:
        raise BadInput(f"{option}: {directory!r} is not a URL: {error}") from error
    if not good or not directory.isprintable() or " " in directory:
        raise BadInput(
            f"{option}: {directory!r}; write the URL (http:// or https://) or the absolute path of the directory that "
            f"has the sets and their {MANIFEST}"
        )
    if parts.username is not None or parts.password is not None:
        raise BadInput(f"{option}: names and passwords in a URL would be shown and kept; fetch the sets by other means")


def _packages(given: Sequence[Any], option: str) -> Tuple[str, ...]:
    for name in given:
        if not _PACKAGE.fullmatch(str(name)):
            raise BadInput(f"{option}: {str(name)!r} is not the name of a package")
    return tuple(str(name) for name in given)


def _variables(given: Mapping[Any, Any], option: str, names: re.Pattern[str]) -> Tuple[Tuple[str, str], ...]:
    found: List[Tuple[str, str]] = []
    for name, value in given.items():
        if not names.fullmatch(str(name)):
            raise BadInput(f"{option}: {str(name)!r} is not the name of a variable")
        text = rc_value(value, f"{option}.{name}")
        if not text.isprintable():
            raise BadInput(f"{option}.{name}: the value has more than one line, or characters that cannot be printed")
        found.append((str(name), text))
    return tuple(sorted(found))


def _check_loader_values(variables: Sequence[Tuple[str, str]], option: str) -> None:
    for name, value in variables:
        if set(value) & set('"\\'):
            raise BadInput(f"{option}.{name}: loader.conf(5) cannot hold a value with a double quote or a backslash")


def _keys(given: Sequence[Any], option: str) -> Tuple[str, ...]:
    for key in given:
        if not _KEY.fullmatch(str(key)) or not str(key).isprintable():
            raise BadInput(f"{option}: {str(key)!r} is not a line of authorized_keys, such as ssh-ed25519 AAAA… user")
    return tuple(str(key) for key in given)


def parse_manifest(text: str, where: str) -> Dict[str, str]:
    """The SHA-256 digest of each file that a MANIFEST names; ApiaryError for a line that is none of its lines."""
    found: Dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split("\t")
        if len(fields) < 2 or not fields[0] or not _DIGEST.fullmatch(fields[1].lower()):
            raise ApiaryError(f"{where} is not the {MANIFEST} of distribution sets: line {number} is {line[:80]!r}")
        found[fields[0]] = fields[1].lower()
    return found


def digest_of(manifest: Mapping[str, str], name: str, where: str) -> str:
    """The digest of a set. ApiaryError, naming those that there are, when it is not there."""
    digest = manifest.get(f"{name}.txz")
    if digest is None:
        there = ", ".join(sorted(file.rpartition(".txz")[0] or file for file in manifest)) or "none"
        raise ApiaryError(f"{where} has no set {name}; it has: {there}")
    return digest


def osversion_of(header: str, where: str) -> int:
    """__FreeBSD_version of a system, from its sys/param.h."""
    match = _OSVERSION.search(header)
    if match is None:
        raise ApiaryError(f"{where} does not say which version of FreeBSD it is of (__FreeBSD_version)")
    return int(match[1])


def fstab() -> str:
    """fstab(5) of the image: the partitions by the names that partitions() gives them."""
    return (
        "# Device\tMountpoint\tFStype\tOptions\tDump\tPass#\n"
        "/dev/gpt/rootfs\t/\tufs\trw\t1\t1\n"
        "/dev/gpt/efiesp\t/boot/efi\tmsdosfs\trw\t2\t2\n"
    )


def rc_conf(sets: Sets) -> str:
    """rc.conf(5) of the image: the network by DHCP, the root file system grows at the first boot, then the user's."""
    variables = {"ifconfig_DEFAULT": "DHCP inet6 accept_rtadv", "growfs_enable": "YES"}
    if sets.authorized_keys:
        variables.update(sshd_enable="YES", sshd_flags="-o PermitRootLogin=prohibit-password")
    variables.update(sets.rc_conf)
    quoted = {name: re.sub(r'([\\"$`])', r"\\\1", value) for name, value in variables.items()}
    return "".join(f'{name}="{value}"\n' for name, value in quoted.items())


def loader_conf(sets: Sets) -> str:
    """loader.conf(5) of the image: the kernel has both consoles, the serial one first; then the user's."""
    variables = {"boot_multicons": "YES", "boot_serial": "YES", **dict(sets.loader_conf)}
    return "".join(f'{name}="{value}"\n' for name, value in variables.items())


def authorized_keys(sets: Sets) -> str:
    """root's authorized_keys."""
    return "".join(f"{key}\n" for key in sets.authorized_keys)


#: The size of the EFI system partition, the least that is FAT32 (fat32min in tools/boot/install-boot.sh), in KiB.
ESP_KIB = 33292
#: Each partition begins on a multiple of this, and the image ends on one: a volume has the second GPT at its end.
ALIGNMENT = _MIB


def extract(archive: str, tree: str) -> List[str]:
    """tar(1): all that is in a set, with owners by number, modes, and file flags."""
    return ["tar", "-x", "-p", "--numeric-owner", "-f", archive, "-C", tree]


def set_password(tree: str) -> List[str]:
    """pw(8): root's password in a tree; encrypted, on stdin."""
    return ["pw", "-R", tree, "usermod", "root", "-H", "0"]


def install(tree: str, sets: Sets, osversion: int) -> List[str]:
    """pkg(8): install packages for the tree's release into it, and pkg itself."""
    options = [f"ABI={sets.abi}", f"OSVERSION={osversion}", "IGNORE_OSVERSION=yes", "ASSUME_ALWAYS_YES=yes"]
    words = [word for option in options for word in ("-o", option)]
    return ["pkg", "-r", tree, *words, "install", "-y", "pkg", *(one for one in sets.packages if one != "pkg")]


def make_esp(image: str, tree: str) -> List[str]:
    """makefs(8): the EFI system partition."""
    options = ["fat_type=32", "sectors_per_cluster=1", "volume_label=EFISYS"]
    words = [word for option in options for word in ("-o", option)]
    return ["makefs", "-t", "msdos", *words, "-s", f"{ESP_KIB}k", image, tree]


def make_root(image: str, tree: str, size: int) -> List[str]:
    """makefs(8): the root file system, UFS2 with soft updates, in a file with holes."""
    options = ["label=rootfs", "version=2", "softupdates=1"]
    words = [word for option in options for word in ("-o", option)]
    return ["makefs", "-t", "ffs", "-B", "little", "-Z", *words, "-s", str(size), image, tree]


def make_disk(disk: str, tree: str, esp: str, root: str) -> List[str]:
    """mkimg(1): the disk, for UEFI and for BIOS, the root file system last so that it can grow."""
    partitions = [f"freebsd-boot/bootfs:={tree}/boot/gptboot", f"efi/efiesp:={esp}", f"freebsd-ufs/rootfs:={root}"]
    words = [word for partition in partitions for word in ("-p", partition)]
    return ["mkimg", "-s", "gpt", "-f", "raw", "-P", str(ALIGNMENT), "-b", f"{tree}/boot/pmbr", *words, "-o", disk]
