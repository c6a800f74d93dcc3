# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of volumes as users write them and as zfs(8) prints them (zfsprops(7))."""

from __future__ import annotations

import re
from typing import Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import parse_size

_NAME = re.compile(r"[a-z0-9][a-z0-9:+._-]{0,254}")

#: Given at creation and never again.
FIXED = frozenset(("encryption", "keyformat", "pbkdf2iters"))

#: Counted in bytes, none or 0 for nothing.
_SIZES = frozenset(("reservation", "refreservation"))

#: Not inherited by children: `zfs inherit` refuses them, this is what they are without a value of their own.
_NOT_INHERITED = {"reservation": "none", "refreservation": "none", "snapshot_limit": "none"}

_ELSEWHERE = {
    "volsize": "use the option size",
    "volblocksize": "use the option volblocksize",
    "volmode": "it is dev, inherited from the guest's dataset: a volume that is made with it may never get its device",
}

_READ_ONLY = frozenset(
    (
        "available",
        "clones",
        "compressratio",
        "createtxg",
        "creation",
        "defer_destroy",
        "encryptionroot",
        "filesystem_count",
        "guid",
        "keystatus",
        "logicalreferenced",
        "logicalused",
        "mounted",
        "name",
        "objsetid",
        "origin",
        "receive_resume_token",
        "redact_snaps",
        "refcompressratio",
        "referenced",
        "snapshot_count",
        "snapshots_changed",
        "type",
        "used",
        "usedbychildren",
        "usedbydataset",
        "usedbyrefreservation",
        "usedbysnapshots",
        "userrefs",
        "written",
    )
)

_OF_FILE_SYSTEMS = frozenset(
    (
        "aclinherit",
        "aclmode",
        "acltype",
        "atime",
        "canmount",
        "casesensitivity",
        "defaultgroupquota",
        "defaultuserquota",
        "devices",
        "direct",
        "dnodesize",
        "exec",
        "filesystem_limit",
        "jailed",
        "longname",
        "mountpoint",
        "nbmand",
        "normalization",
        "overlay",
        "quota",
        "recordsize",
        "refquota",
        "relatime",
        "setuid",
        "sharenfs",
        "sharesmb",
        "snapdir",
        "version",
        "vscan",
        "xattr",
        "zoned",
    )
)

# One value by two names: zfs(8) prints the first.
_SYNONYMS = {
    ("compression", "gzip-6"): "gzip",
    ("compression", "zstd-3"): "zstd",
    ("compression", "zstd-fast-1"): "zstd-fast",
    ("encryption", "on"): "aes-256-gcm",
}


def is_user_property(name: str) -> bool:
    """Whether it is one of the user's own, which ZFS keeps and does not look at."""
    return ":" in name


def check_properties(properties: Mapping[str, str], at: str) -> None:
    """BadInput for names and values that can be seen to be wrong without ZFS; ``at`` names guest and disk."""
    for name, value in properties.items():
        where = f"{at}properties: {name}"
        if not _NAME.fullmatch(name):
            raise BadInput(f"{where} is not the name of a property: lower-case letters, digits, '_', '-', '.', ':'")
        if name in _ELSEWHERE:
            raise BadInput(f"{where} cannot be given here: {_ELSEWHERE[name]}")
        if name in _READ_ONLY:
            raise BadInput(f"{where} is read-only, ZFS tells it (zfsprops(7))")
        if name in _OF_FILE_SYSTEMS:
            raise BadInput(f"{where} is a property of file systems, and the disk is a volume (zfsprops(7))")
        if not value.isprintable():
            raise BadInput(f"{where}: the value holds a line break or another control character")
        if name in _SIZES and value not in ("none", "auto", "0"):
            parse_size(value, where)
    if "keyformat" in properties and not properties.get("keylocation", "").startswith(("file://", "http")):
        raise BadInput(f"{at}properties: keyformat needs a keylocation that is a URL; nobody is there to type a key")


def normalised(name: str, value: str) -> str:
    """A value as ``zfs get -p`` prints it."""
    if name in _SIZES:
        if value in ("none", "0"):
            return "0"
        return value if value == "auto" or value.isdigit() else str(parse_size(value, name))
    if name == "snapshot_limit" and value.isdigit():
        return value.lstrip("0") or "0"
    return _SYNONYMS.get((name, value), value)


def same(name: str, declared: str, actual: str, volsize: int) -> bool:
    """Whether a volume has a property as declared. ``actual`` is what ``zfs get -p`` prints."""
    wanted, now = normalised(name, declared), normalised(name, actual)
    if name == "refreservation" and wanted == "auto":
        return now.isdigit() and int(now) >= volsize
    return wanted == now


def for_command(name: str, value: str) -> str:
    """A value as zfs(8) takes it: sizes in bytes."""
    normal = normalised(name, value)
    return "none" if name in _SIZES and normal == "0" else normal


def without(name: str, thick: bool) -> Optional[str]:
    """What a property is set to when it is declared no longer; None: it is inherited."""
    if name == "refreservation" and thick:
        return "auto"
    return _NOT_INHERITED.get(name)
