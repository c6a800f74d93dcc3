# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""iovctl(8): virtual functions for guests, by files of iovctl.conf(5)."""

from __future__ import annotations

import os
import re
from typing import Dict, List, NamedTuple, NoReturn, Sequence, Tuple

from .. import paths
from ..pci import bus
from ..system import cli

PATHS = ("/usr/sbin/iovctl",)
#: What the PF has, and a VF of an ix(4): name, type, and how the schema ends its line.
_PF = (("num_vfs", "uint16_t", "required"), ("device", "string", "required"))
_VF = (
    ("passthrough", "bool", "default = false"),
    ("mac-addr", "unicast-mac", "optional"),
    ("mac-anti-spoof", "bool", "default = true"),
    ("allow-set-mac", "bool", "default = false"),
    ("allow-promisc", "bool", "default = false"),
)
_SECTION = re.compile(r"\s*([A-Za-z0-9-]+)\s*\{([^}]*)\}", re.DOTALL)
_PAIR = re.compile(r"\s*([A-Za-z0-9_-]+)\s*[:=\s]\s*(?:\"([^\"]*)\"|([^;\n\"]+?))\s*(?:;|\n|$)")
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Value(NamedTuple):
    """A value of a file; libucl takes one in quotation marks for a text, never for a number, true or false."""

    text: str
    quoted: bool


Sections = Dict[str, Dict[str, Value]]
_NONE, _NO = Value("0", False), Value("false", False)


def _usage() -> NoReturn:
    cli.warn("iovctl", "Usage: iovctl -C -f <config file> [-n]")
    cli.warn("iovctl", "       iovctl -D [-d <PF device> | -f <config file>] [-n]")
    cli.warn("iovctl", "       iovctl -S [-d <PF device> | -f <config file>]")
    raise SystemExit(1)


def _read(path: str) -> Sections:
    """The file's sections, by their names in capitals."""
    try:
        with open(paths.root(path), encoding="utf-8") as stream:
            text = re.sub(r"#.*", "", stream.read())
    except OSError as error:
        cli.fail("iovctl", f"Could not open '{path}' for reading: {cli.strerror(error)}")
    found: Sections = {}
    rest = text
    while rest.strip():
        match = _SECTION.match(rest)
        if match is None:
            cli.not_built("iovctl", f"reading {rest.strip()!r}")
        pairs: List[Tuple[str, Value]] = []
        body = match.group(2)
        while body.strip():
            pair = _PAIR.match(body)
            if pair is None:
                cli.not_built("iovctl", f"reading {body.strip()!r}")
            quoted = pair.group(2) is not None
            pairs.append((pair.group(1), Value(pair.group(2) if quoted else pair.group(3), quoted)))
            body = body[pair.end() :]
        found[match.group(1).upper()] = dict(pairs)
        rest = rest[match.end() :]
    return found


def _device(sections: Sections) -> str:
    """The device that a file is about."""
    found = sections.get("PF", {}).get("device")
    if found is None:
        cli.fail("iovctl", "Config file does not specify device")
    return found.text


def _pf(name: str) -> str:
    """The address of a device by its name; ends the program where /dev/iov has none."""
    table = bus.devices()
    at = bus.find(name, table)
    if at is None or not table[at]["attached"] or not bus.function(at).vfs or table[at]["driver"] == bus.PPT:
        cli.fail("iovctl", f"Could not open device '/dev/iov/{name}': No such file or directory")
    if os.geteuid() != 0:
        cli.fail("iovctl", f"Could not open device '/dev/iov/{name}': Permission denied")
    return at


def _check(section: str, given: Dict[str, Value], schema: Sequence[Tuple[str, str, str]]) -> None:
    types = {name: kind for name, kind, _end in schema}
    for key, value in given.items():
        if key not in types:
            cli.fail("iovctl", f"{section}: Invalid config key '{key}'")
        kind = types[key]
        number = not value.quoted and value.text.isdigit() and int(value.text) < 1 << 16
        mac = re.fullmatch(r"[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}", value.text)
        word = not value.quoted and value.text in _WORDS
        right = {"bool": word, "uint16_t": number, "unicast-mac": mac, "string": True}
        if not right[kind]:
            cli.fail("iovctl", f"Value '{value.text}' of key '{key}' is not of type {kind}")
        if kind == "unicast-mac" and int(value.text.split(":")[0], 16) & 1:
            cli.fail("iovctl", f"Value '{value.text}' of key '{key}' is a multicast address")


def _configure(path: str, dry: bool) -> int:
    sections = _read(path)
    at = _pf(_device(sections))
    for section, given in sections.items():
        if section not in ("PF", "DEFAULT"):
            if re.fullmatch(r"VF-(0|[1-9]\d*)", section):
                cli.not_built("iovctl", "a section for one VF")
            cli.fail("iovctl", f"Unexpected top-level node: {section}")
        _check(section, given, _PF if section == "PF" else _VF)
    if not int(sections["PF"].get("num_vfs", _NONE).text):
        cli.fail("iovctl", "PF.num_vfs must be at least 1")
    if not _WORDS[sections.get("DEFAULT", {}).get("passthrough", _NO).text]:
        cli.not_built("iovctl", "VFs that are not passed through")
    if dry:
        cli.not_built("iovctl", "-n")
    try:
        bus.make_virtual(at, int(sections["PF"]["num_vfs"].text))
    except OSError as error:
        cli.fail("iovctl", f"Failed to configure SR-IOV: {cli.strerror(error)}")
    return 0


def _delete(name: str) -> int:
    try:
        bus.delete_virtual(_pf(name))
    except OSError as error:
        cli.fail("iovctl", f"Failed to delete VFs: {cli.strerror(error)}")
    return 0


def _schema(name: str) -> int:
    _pf(name)
    for what, schema in (("the PF", _PF), ("a VF", _VF)):
        print(f"{'' if schema is _PF else chr(10)}The following configuration parameters may be configured on {what}:")
        for key, kind, end in schema:
            print(f"\t{key} : {kind} ({end})")
    return 0


def main(argv: Sequence[str]) -> int:
    try:
        options, _words = cli.getopt(argv, "Cd:Df:nS")
    except cli.OptionError as error:
        cli.warn("iovctl", str(error))
        _usage()
    given = dict(options)
    actions = [letter for letter, _value in options if letter in "CDS"]
    if len(actions) > 1:
        cli.warn("iovctl", "Only one action may be specified")
    if "d" in given and "f" in given:
        cli.warn("iovctl", "Only one of the -d and -f flags may be specified")
    if len(actions) != 1 or ("d" in given) == ("f" in given) or (actions == ["C"] and "f" not in given):
        _usage()
    if actions == ["C"]:
        return _configure(given["f"], "n" in given)
    name = given.get("d") or _device(_read(given["f"]))
    return (_delete if actions == ["D"] else _schema)(name.rpartition("/")[2])
