# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages that a stand-in host can have, and those that it has (document ``pkg``)."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import time
from typing import Any, Dict, List, NamedTuple, Tuple

from .. import paths, state
from . import cli

_TREES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "packages")
_SAMPLE = ".sample"
_OVMF = "/usr/share/OVMF"
_IPXE = "/usr/local/share/ipxe"
#: Unpacked by tests/tools/setup-packages: Debian's package ipxe of the release after this one's.
_IPXE_FILES = "/packages/ipxe/usr/lib/ipxe"
_EDK2 = "/usr/local/share/edk2-bhyve"
_FIRMWARE = "/usr/local/share/uefi-firmware"


class Package(NamedTuple):
    """A package of the catalogue: ``copies`` are (file of Debian's, path here), ``links`` (target, path here).

    ``tree`` says that it has files of its own, which lie as they will below ``standin/packages/NAME``. A file
    ``X.sample`` among them becomes ``X`` too, unless there is one. ``folders`` are (directory, mode),
    ``users`` (name, number, full name), each with a group of its name; they stay when the package goes.
    """

    name: str
    version: str
    origin: str
    comment: str
    mib: int
    needs: Tuple[str, ...] = ()
    copies: Tuple[Tuple[str, str], ...] = ()
    links: Tuple[Tuple[str, str], ...] = ()
    tree: bool = False
    folders: Tuple[Tuple[str, int], ...] = ()
    users: Tuple[Tuple[str, int, str], ...] = ()

    def files(self) -> List[str]:
        others = [path for _source, path in self.copies] + [path for _target, path in self.links]
        return [*others, *self.own()]

    def own(self) -> List[str]:
        """The paths of its tree's files on the host."""
        top = os.path.join(_TREES, self.name)
        return sorted(
            os.path.join(folder, name)[len(top) :]
            for folder, _folders, names in (os.walk(top) if self.tree else ())
            for name in names
        )


_FIRMWARE_FILES = ("BHYVE_UEFI.fd", "BHYVE_UEFI_CODE.fd", "BHYVE_UEFI_VARS.fd")
CATALOGUE: Dict[str, Package] = {
    package.name: package
    for package in (
        Package("pkg", "1.21.3", "ports-mgmt/pkg", "Package manager", 47),
        Package("python311", "3.11.11", "lang/python311", "Interpreted object-oriented programming language", 200),
        Package(
            "edk2-bhyve",
            "g202308_6",
            "sysutils/edk2@bhyve",
            "EDK2 Firmware for bhyve",
            12,
            copies=(
                (f"{_OVMF}/OVMF_CODE_4M.fd", f"{_EDK2}/BHYVE_UEFI.fd"),
                (f"{_OVMF}/OVMF_CODE_4M.fd", f"{_EDK2}/BHYVE_UEFI_CODE.fd"),
                (f"{_OVMF}/OVMF_VARS_4M.fd", f"{_EDK2}/BHYVE_UEFI_VARS.fd"),
            ),
            links=tuple((f"../edk2-bhyve/{name}", f"{_FIRMWARE}/{name}") for name in _FIRMWARE_FILES),
        ),
        Package(
            "qemu-tools",
            "9.2.2",
            "emulators/qemu@tools",
            "QEMU CPU Emulator - tools",
            33,
            links=(("/usr/libdata/standin/qemu-img", "/usr/local/bin/qemu-img"),),
        ),
        Package(
            "ipxe",
            "1.21.1",
            "net/ipxe",
            "Open source network boot firmware",
            5,
            copies=(
                (f"{_IPXE_FILES}/ipxe-amd64.efi", f"{_IPXE}/ipxe.efi-x86_64"),
                *((f"{_IPXE_FILES}/{name}", f"{_IPXE}/{name}") for name in ("ipxe.lkrn", "ipxe.pxe", "undionly.kpxe")),
            ),
        ),
        Package(
            "isc-dhcp44-server",
            "4.4.3P1_5",
            "net/isc-dhcp44-server",
            "ISC Dynamic Host Configuration Protocol server",
            7,
            links=(
                ("/usr/libdata/standin/dhcpd", "/usr/local/sbin/dhcpd"),
                ("isc-dhcpd", "/usr/local/etc/rc.d/isc-dhcpd6"),
            ),
            tree=True,
            users=(("dhcpd", 136, "ISC DHCP daemon"),),
        ),
        Package(
            "dnsmasq",
            "2.90_4,1",
            "dns/dnsmasq",
            "Lightweight DNS forwarder, DHCP, and TFTP server",
            1,
            links=(("/usr/libdata/standin/dnsmasq", "/usr/local/sbin/dnsmasq"),),
            tree=True,
        ),
        Package(
            "kea",
            "2.2.0",
            "net/kea",
            "Alternative DHCP implementation by ISC",
            39,
            links=(
                ("/usr/libdata/standin/kea-dhcp4", "/usr/local/sbin/kea-dhcp4"),
                ("/usr/libdata/standin/kea-dhcp6", "/usr/local/sbin/kea-dhcp6"),
                # Debian's Kea has it compiled in as the directory of the leases.
                ("/var/db/kea", "/var/lib/kea"),
            ),
            tree=True,
            folders=(("/var/db/kea", 0o750), ("/var/log/kea", 0o750), ("/var/run/kea", 0o750)),
        ),
        Package(
            "nginx",
            "1.26.3,3",
            "www/nginx",
            "Robust and small WWW server",
            2,
            links=(
                ("/usr/libdata/standin/nginx", "/usr/local/sbin/nginx"),
                ("/usr/libdata/standin/nginx.rc", "/usr/local/etc/rc.d/nginx"),
                ("/usr/libdata/standin/nginx.conf", "/usr/local/etc/nginx/nginx.conf"),
            ),
        ),
    )
}
#: What a host has before anybody asked for anything.
_INITIAL = ("pkg", "python311")


def bootstrapped() -> bool:
    """Whether pkg(8) itself is installed."""
    return "pkg" in installed()


def _document(doc: Dict[str, Any]) -> Dict[str, str]:
    """Name -> version; a new host's packages if the document is new."""
    found: Dict[str, str] = doc.setdefault("installed", {name: CATALOGUE[name].version for name in _INITIAL})
    return found


def installed() -> Dict[str, str]:
    return dict(sorted(_document(state.peek("disk", "pkg")).items()))


def repository() -> bool:
    """Whether the host reaches a repository (``Settings.repository``)."""
    return bool(state.peek("disk", "host").get("repository", True))


def wanted_with_needs(names: List[str]) -> List[Package]:
    """The packages and what they need, that first, as far as they are not installed."""
    have = installed()
    found: List[Package] = []
    for name in names:
        package = CATALOGUE[name]
        for one in [*wanted_with_needs(list(package.needs)), package]:
            if one.name not in have and one not in found:
                found.append(one)
    return found


def _add_line(path: str, name: str, line: str) -> None:
    """Append a user's or a group's line unless there is one of that name."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if any(one.startswith(f"{name}:") for one in file):
                return
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def _put(package: Package, top: str) -> None:
    for name, number, full in package.users:
        rest = f"{full}:/nonexistent:/usr/sbin/nologin"
        _add_line(f"{top}/etc/group", name, f"{name}:*:{number}:")
        _add_line(f"{top}/etc/passwd", name, f"{name}:*:{number}:{number}:{rest}")
        _add_line(f"{top}/etc/master.passwd", name, f"{name}:*:{number}:{number}::0:0:{rest}")
    for source, path in package.copies:
        if not os.path.exists(paths.LINUX + source):
            cli.not_built("pkg", f"{package.name} without {source} (tests/tools/setup-packages lab fetches it)")
        os.makedirs(os.path.dirname(top + path), exist_ok=True)
        shutil.copyfile(paths.LINUX + source, top + path)
    for target, path in package.links:
        real = top + path
        os.makedirs(os.path.dirname(real), exist_ok=True)
        if os.path.lexists(real):
            os.unlink(real)
        os.symlink(target, real)
    for folder, mode in package.folders:
        os.makedirs(top + folder, exist_ok=True)
        os.chmod(top + folder, mode)
    for path in package.own():
        os.makedirs(os.path.dirname(top + path), exist_ok=True)
        shutil.copy(_TREES + "/" + package.name + path, top + path)
        if path.endswith(_SAMPLE) and not os.path.lexists(top + path[: -len(_SAMPLE)]):
            shutil.copy(top + path, top + path[: -len(_SAMPLE)])


def install_below(top: str, package: Package) -> None:
    """Install into another root (pkg -r), which has a database and a cache of its own."""
    _put(package, top)
    database, cache = f"{top}/var/db/pkg/standin.json", f"{top}/var/cache/pkg"
    have: Dict[str, str] = {}
    if os.path.exists(database):
        with open(database, encoding="utf-8") as file:
            have = json.load(file)
    os.makedirs(os.path.dirname(database), exist_ok=True)
    os.makedirs(cache, exist_ok=True)
    with open(database, "w", encoding="utf-8") as file:
        json.dump({**have, package.name: package.version}, file)
    with open(f"{cache}/{package.name}-{package.version}.pkg", "w", encoding="ascii") as file:
        file.write("")


def install(package: Package) -> None:
    """Put the package's files in their places and note it."""
    _put(package, paths.root(""))
    with state.disk("pkg") as doc:
        _document(doc)[package.name] = package.version
        doc.setdefault("times", {})[package.name] = int(time.time())


def remove(name: str) -> None:
    """Take the package's files away and forget it; what was made of a sample and changed since stays."""
    for path in CATALOGUE[name].own():
        made = paths.root(path[: -len(_SAMPLE)])
        if path.endswith(_SAMPLE) and os.path.isfile(made) and filecmp.cmp(paths.root(path), made, shallow=False):
            os.unlink(made)
    for path in CATALOGUE[name].files():
        if os.path.lexists(paths.root(path)):
            os.unlink(paths.root(path))
    with state.disk("pkg") as doc:
        _document(doc).pop(name, None)
