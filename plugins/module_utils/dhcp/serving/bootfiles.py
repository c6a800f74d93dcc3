# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot files by what a machine says that it is: option 93 of its request, and its user class if it runs iPXE (pure).

Source: RFC 4578, section 2.1, and IANA's "Processor Architecture Types"; firmware of x64 says 7 or 9.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.statements import quoted
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

ARCHITECTURES: Dict[str, Tuple[int, ...]] = {
    "bios": (0,),
    "uefi": (7, 9),
    "uefi_ia32": (6,),
    "uefi_arm64": (11,),
}
IPXE = "ipxe"
_USER_CLASS = "iPXE"
_CLASS = "apiary-{}".format

#: Kinds and their files, in the order of :data:`ARCHITECTURES`; that of iPXE, if there is one, comes first.
BootFiles = Sequence[Tuple[str, str]]


def boot_file_options() -> Dict[str, Dict[str, Any]]:
    """Argument specification."""
    return {name: {"type": "str"} for name in (IPXE, *ARCHITECTURES)}


def boot_files_of(given: Mapping[str, Any]) -> BootFiles:
    """What a task says. BadInput."""
    found = tuple((name, str(given[name])) for name in (IPXE, *ARCHITECTURES) if given.get(name))
    for name, path in found:
        if not path.isprintable() or not path.isascii() or len(path) > 127:
            raise BadInput(f"boot_files: {name}: {path!r}; a boot file has up to 127 letters, of ASCII")
    return found


def isc_lines(files: BootFiles) -> List[str]:
    """Statements of dhcpd.conf(5), for all subnets: what is said of a host holds before them."""
    if not files:
        return []
    told = dict(files)
    lines = [f"if option user-class = {quoted(_USER_CLASS)} {{", *_filename(told.get(IPXE, ""))]
    for name, codes in ARCHITECTURES.items():
        if name in told:
            test = " or ".join(f"option pxe-system-type = 00:{code:02x}" for code in codes)
            lines += [f"}} elsif {test} {{", *_filename(told[name])]
    return [*lines, "}"]


def kea_classes(files: BootFiles) -> List[Dict[str, str]]:
    """Client classes of Kea."""
    if not files:
        return []
    told = dict(files)
    ipxe = {"name": _CLASS(IPXE), "test": f"option[77].hex == '{_USER_CLASS}'"}
    found = [{**ipxe, "boot-file-name": told[IPXE]} if IPXE in told else ipxe]
    for name, codes in ARCHITECTURES.items():
        if name in told:
            test = " or ".join(f"option[93].hex == 0x{code:04x}" for code in codes)
            test = f"not member('{_CLASS(IPXE)}') and ({test})"
            found.append({"name": _CLASS(name), "test": test, "boot-file-name": told[name]})
    return found


def dnsmasq_lines(files: BootFiles) -> List[str]:
    """Options of dnsmasq(8), by tags."""
    if not files:
        return []
    lines = [f"dhcp-userclass=set:{_CLASS(IPXE)},{_USER_CLASS}"]
    for name, path in files:
        lines += [f"dhcp-match=set:{_CLASS(name)},option:client-arch,{code}" for code in ARCHITECTURES.get(name, ())]
        other = "" if name == IPXE else f"tag:!{_CLASS(IPXE)},"
        lines.append(f"dhcp-option=tag:{_CLASS(name)},{other}option:bootfile-name,{quoted(path)}")
    return lines


def _filename(path: str) -> List[str]:
    return [f"\tfilename {quoted(path)};"] if path else []
