# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties of datasets (zfsprops(7)) as data, in the order in which `zfs get all` prints them."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

READONLY = "readonly"
DEFAULT = "default"  # settable, not inherited by children
INHERIT = "inherit"
ONETIME = "onetime"  # given at creation only
ONETIME_DEFAULT = "onetime default"

NUMBER = "number"
INDEX = "index"
STRING = "string"

TYPE_LETTERS = {"filesystem": "f", "volume": "v", "snapshot": "s", "bookmark": "b"}


class Property(NamedTuple):
    name: str
    kind: str
    value: str
    types: str
    default: str
    column: str
    values: str

    def applies_to(self, dataset_type: str) -> bool:
        return TYPE_LETTERS[dataset_type] in self.types

    @property
    def width(self) -> int:
        """The least width of its column, as zfs(8) lays it out."""
        width = len(self.column)
        if self.value == NUMBER:
            return max(width, 5)
        if self.value == INDEX:
            return max([width] + [len(word) for word in index_values(self.name)])
        return width

    @property
    def fixed(self) -> bool:
        """Whether the column keeps its width whatever the values are."""
        return self.value != STRING and self.name != "creation"


TABLE: Tuple[Property, ...] = (
    Property("type", READONLY, INDEX, "fvsb", "", "TYPE", "filesystem | volume | snapshot | bookmark"),
    Property("creation", READONLY, NUMBER, "fvsb", "", "CREATION", "<date>"),
    Property("used", READONLY, NUMBER, "fvs", "", "USED", "<size>"),
    Property("available", READONLY, NUMBER, "fv", "", "AVAIL", "<size>"),
    Property("referenced", READONLY, NUMBER, "fvsb", "", "REFER", "<size>"),
    Property("compressratio", READONLY, NUMBER, "fvs", "", "RATIO", "<1.00x or higher if compressed>"),
    Property("mounted", READONLY, INDEX, "f", "", "MOUNTED", "yes | no"),
    Property("origin", READONLY, STRING, "fv", "", "ORIGIN", "<snapshot>"),
    Property("quota", DEFAULT, NUMBER, "f", "0", "QUOTA", "<size> | none"),
    Property("reservation", DEFAULT, NUMBER, "fv", "0", "RESERV", "<size> | none"),
    Property("volsize", DEFAULT, NUMBER, "vs", "0", "VOLSIZE", "<size>"),
    Property("volblocksize", ONETIME, NUMBER, "v", "16384", "VOLBLOCK", "512 to 128k, power of 2"),
    Property("recordsize", INHERIT, NUMBER, "f", "131072", "RECSIZE", "512 to 1M, power of 2"),
    Property("mountpoint", INHERIT, STRING, "f", "", "MOUNTPOINT", "<path> | legacy | none"),
    Property("sharenfs", INHERIT, STRING, "f", "off", "SHARENFS", "on | off | NFS share options"),
    Property(
        "checksum",
        INHERIT,
        INDEX,
        "fv",
        "on",
        "CHECKSUM",
        "on | off | fletcher2 | fletcher4 | sha256 | sha512 | skein | edonr | blake3",
    ),
    Property(
        "compression",
        INHERIT,
        INDEX,
        "fv",
        "on",
        "COMPRESS",
        "on | off | lzjb | gzip | gzip-[1-9] | zle | lz4 | "
        "zstd | zstd-[1-19] | zstd-fast | zstd-fast-[1-10,20,30,40,50,60,70,80,90,100,500,1000]",
    ),
    Property("atime", INHERIT, INDEX, "f", "on", "ATIME", "on | off"),
    Property("devices", INHERIT, INDEX, "fs", "on", "DEVICES", "on | off"),
    Property("exec", INHERIT, INDEX, "fs", "on", "EXEC", "on | off"),
    Property("setuid", INHERIT, INDEX, "fs", "on", "SETUID", "on | off"),
    Property("readonly", INHERIT, INDEX, "fv", "off", "RDONLY", "on | off"),
    Property("jailed", INHERIT, INDEX, "f", "off", "JAILED", "on | off"),
    Property("snapdir", INHERIT, INDEX, "f", "hidden", "SNAPDIR", "hidden | visible"),
    Property("aclmode", INHERIT, INDEX, "f", "discard", "ACLMODE", "discard | groupmask | passthrough | restricted"),
    Property(
        "aclinherit",
        INHERIT,
        INDEX,
        "f",
        "restricted",
        "ACLINHERIT",
        "discard | noallow | restricted | passthrough | passthrough-x",
    ),
    Property("createtxg", READONLY, NUMBER, "fvsb", "", "CREATETXG", "<uint64>"),
    Property("canmount", DEFAULT, INDEX, "f", "on", "CANMOUNT", "on | off | noauto"),
    Property("xattr", INHERIT, INDEX, "fs", "on", "XATTR", "on | off | dir | sa"),
    Property("copies", INHERIT, INDEX, "fv", "1", "COPIES", "1 | 2 | 3"),
    Property("version", DEFAULT, NUMBER, "fs", "5", "VERSION", "1 | 2 | 3 | 4 | 5 | current"),
    Property("utf8only", ONETIME, INDEX, "fs", "off", "UTF8ONLY", "on | off"),
    Property("normalization", ONETIME, INDEX, "fs", "none", "NORMALIZATION", "none | formC | formD | formKC | formKD"),
    Property("casesensitivity", ONETIME, INDEX, "fs", "sensitive", "CASE", "sensitive | insensitive | mixed"),
    Property("vscan", INHERIT, INDEX, "f", "off", "VSCAN", "on | off"),
    Property("nbmand", INHERIT, INDEX, "fs", "off", "NBMAND", "on | off"),
    Property("sharesmb", INHERIT, STRING, "f", "off", "SHARESMB", "on | off | SMB share options"),
    Property("refquota", DEFAULT, NUMBER, "f", "0", "REFQUOTA", "<size> | none"),
    Property("refreservation", DEFAULT, NUMBER, "fv", "0", "REFRESERV", "<size> | none"),
    Property("guid", READONLY, NUMBER, "fvsb", "", "GUID", "<uint64>"),
    Property("primarycache", INHERIT, INDEX, "fvs", "all", "PRIMARYCACHE", "all | none | metadata"),
    Property("secondarycache", INHERIT, INDEX, "fvs", "all", "SECONDARYCACHE", "all | none | metadata"),
    Property("usedbysnapshots", READONLY, NUMBER, "fv", "", "USEDSNAP", "<size>"),
    Property("usedbydataset", READONLY, NUMBER, "fv", "", "USEDDS", "<size>"),
    Property("usedbychildren", READONLY, NUMBER, "fv", "", "USEDCHILD", "<size>"),
    Property("usedbyrefreservation", READONLY, NUMBER, "fv", "", "USEDREFRESERV", "<size>"),
    Property("defer_destroy", READONLY, INDEX, "s", "", "DEFER_DESTROY", "yes | no"),
    Property("userrefs", READONLY, NUMBER, "s", "", "USERREFS", "<count>"),
    Property("logbias", INHERIT, INDEX, "fv", "latency", "LOGBIAS", "latency | throughput"),
    Property("objsetid", READONLY, NUMBER, "fvs", "", "OBJSETID", "<uint64>"),
    Property(
        "dedup",
        INHERIT,
        INDEX,
        "fv",
        "off",
        "DEDUP",
        "on | off | verify | sha256[,verify] | sha512[,verify] | skein[,verify] | edonr,verify | blake3[,verify]",
    ),
    Property("mlslabel", INHERIT, STRING, "fvs", "none", "MLSLABEL", "<sensitivity label>"),
    Property("sync", INHERIT, INDEX, "fv", "standard", "SYNC", "standard | always | disabled"),
    Property("dnodesize", INHERIT, INDEX, "f", "legacy", "DNODESIZE", "legacy | auto | 1k | 2k | 4k | 8k | 16k"),
    Property("refcompressratio", READONLY, NUMBER, "fvs", "", "REFRATIO", "<1.00x or higher if compressed>"),
    Property("written", READONLY, NUMBER, "fvs", "", "WRITTEN", "<size>"),
    Property("clones", READONLY, STRING, "s", "", "CLONES", "<dataset>[,...]"),
    Property("logicalused", READONLY, NUMBER, "fv", "", "LUSED", "<size>"),
    Property("logicalreferenced", READONLY, NUMBER, "fvsb", "", "LREFER", "<size>"),
    Property("volmode", INHERIT, INDEX, "fv", "default", "VOLMODE", "default | full | geom | dev | none"),
    Property("filesystem_limit", DEFAULT, NUMBER, "f", "none", "FSLIMIT", "<count> | none"),
    Property("snapshot_limit", DEFAULT, NUMBER, "fv", "none", "SSLIMIT", "<count> | none"),
    Property("filesystem_count", READONLY, NUMBER, "f", "", "FSCOUNT", "<count>"),
    Property("snapshot_count", READONLY, NUMBER, "fv", "", "SSCOUNT", "<count>"),
    Property("snapdev", INHERIT, INDEX, "fv", "hidden", "SNAPDEV", "hidden | visible"),
    Property("acltype", INHERIT, INDEX, "fs", "nfsv4", "ACLTYPE", "off | nfsv4 | posix"),
    Property("context", DEFAULT, STRING, "fvs", "none", "CONTEXT", "<selinux context>"),
    Property("fscontext", DEFAULT, STRING, "fvs", "none", "FSCONTEXT", "<selinux fscontext>"),
    Property("defcontext", DEFAULT, STRING, "fvs", "none", "DEFCONTEXT", "<selinux defcontext>"),
    Property("rootcontext", DEFAULT, STRING, "fvs", "none", "ROOTCONTEXT", "<selinux rootcontext>"),
    Property("relatime", INHERIT, INDEX, "f", "off", "RELATIME", "on | off"),
    Property("redundant_metadata", INHERIT, INDEX, "fv", "all", "REDUND_MD", "all | most"),
    Property("overlay", INHERIT, INDEX, "f", "on", "OVERLAY", "on | off"),
    Property("receive_resume_token", READONLY, STRING, "fv", "", "RESUMETOK", "<string token>"),
    Property(
        "encryption",
        ONETIME,
        INDEX,
        "fvs",
        "off",
        "ENCRYPTION",
        "on | off | aes-128-ccm | aes-192-ccm | aes-256-ccm | aes-128-gcm | aes-192-gcm | aes-256-gcm",
    ),
    Property(
        "keylocation", DEFAULT, STRING, "fv", "none", "KEYLOCATION", "prompt | <file URI> | <https URL> | <http URL>"
    ),
    Property("keyformat", ONETIME_DEFAULT, INDEX, "fv", "none", "KEYFORMAT", "none | raw | hex | passphrase"),
    Property("pbkdf2iters", ONETIME_DEFAULT, NUMBER, "fv", "0", "PBKDF2ITERS", "<iters>"),
    Property("encryptionroot", READONLY, STRING, "fvs", "", "ENCROOT", "<filesystem | volume>"),
    Property("keystatus", READONLY, INDEX, "fvs", "", "KEYSTATUS", "none | unavailable | available"),
    Property(
        "special_small_blocks", INHERIT, NUMBER, "f", "0", "SPECIAL_SMALL_BLOCKS", "zero or 512 to 1M, power of 2"
    ),
    Property("redact_snaps", READONLY, STRING, "fvs", "", "RSNAPS", "<snapshot>[,...]"),
)

SPECIAL_ROWS: Tuple[Tuple[str, bool, str], ...] = (
    ("userused@...", False, "<size>"),
    ("groupused@...", False, "<size>"),
    ("projectused@...", False, "<size>"),
    ("userobjused@...", False, "<size>"),
    ("groupobjused@...", False, "<size>"),
    ("projectobjused@...", False, "<size>"),
    ("userquota@...", True, "<size> | none"),
    ("groupquota@...", True, "<size> | none"),
    ("projectquota@...", True, "<size> | none"),
    ("userobjquota@...", True, "<size> | none"),
    ("groupobjquota@...", True, "<size> | none"),
    ("projectobjquota@...", True, "<size> | none"),
    ("written@<snap>", False, "<size>"),
    ("written#<bookmark>", False, "<size>"),
)

BY_NAME: Dict[str, Property] = {entry.name: entry for entry in TABLE}
_BY_COLUMN: Dict[str, Property] = {entry.column.lower(): entry for entry in TABLE}

_COMPRESSION: Tuple[str, ...] = (
    ("on", "off", "lzjb", "gzip", "zle", "lz4", "zstd", "zstd-fast")
    + tuple(f"gzip-{level}" for level in range(1, 10))
    + tuple(f"zstd-{level}" for level in range(1, 20))
    + tuple(f"zstd-fast-{level}" for level in (*range(1, 11), 20, 30, 40, 50, 60, 70, 80, 90, 100, 500, 1000))
)
_DEDUP: Tuple[str, ...] = ("on", "off", "verify", "edonr,verify") + tuple(
    name + tail for name in ("sha256", "sha512", "skein", "blake3") for tail in ("", ",verify")
)


def index_values(name: str) -> Tuple[str, ...]:
    """Every word that a property with a fixed set of values takes."""
    if name == "compression":
        return _COMPRESSION
    if name == "dedup":
        return _DEDUP
    if name == "defer_destroy":
        return ("on", "off")
    return tuple(BY_NAME[name].values.split(" | "))


def lookup(name: str) -> Optional[Property]:
    """A property by its name or by its column's name (`refer`, `avail`), None when there is none of that name."""
    return BY_NAME.get(name) or _BY_COLUMN.get(name.lower())


def help_table() -> List[str]:
    """The lines of the table that a usage message ends with: read-only ones first, then by name."""
    lines = []
    readonly = sorted(entry for entry in TABLE if entry.kind == READONLY)
    others = sorted(entry for entry in TABLE if entry.kind != READONLY)
    for entry in readonly + others:
        lines.append(
            _help_row(entry.name, entry.kind in (DEFAULT, INHERIT), entry.kind in (INHERIT, ONETIME), entry.values)
        )
    lines.extend(_help_row(name, editable, False, values) for name, editable, values in SPECIAL_ROWS)
    return lines


def _help_row(name: str, editable: bool, inherited: bool, values: str) -> str:
    words = ("YES" if editable else " NO", "YES" if inherited else " NO")
    return f"\t{name:<15} {words[0]}      {words[1]}   {values}"
