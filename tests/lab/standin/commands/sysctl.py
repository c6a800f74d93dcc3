# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sysctl(8)."""

from __future__ import annotations

import errno
import os
import struct
import sys
from typing import List, Optional, Sequence, Set

from ..system import cli, sysctl, sysctl_values
from ..system.sysctl_table import Variable

PATHS = ("/sbin/sysctl",)
_TYPES = {
    "int": "integer", "uint": "unsigned integer", "long": "long integer", "ulong": "unsigned long",
    "u64": "uint64_t", "str": "string", "struct": "opaque",
}  # fmt: skip
_BITS = {"int": 32, "uint": 32, "long": 64, "ulong": 64, "u64": 64}
_PACK = {"int": "i", "uint": "I", "long": "q", "ulong": "Q", "u64": "Q"}


def _usage() -> int:
    print("usage: sysctl [-bdehiNnoqTtWx] [ -B <bufsize> ] [-f filename] name[=value] ...", file=sys.stderr)
    print("       sysctl [-bdehNnoqTtWx] [ -B <bufsize> ] -a", file=sys.stderr)
    return 1


def wrapped(number: int, kind: str) -> int:
    """A number cut to the variable's size, as the kernel's integer has it."""
    bits = _BITS[kind]
    number &= (1 << bits) - 1
    return number - (1 << bits) if kind in ("int", "long") and number >> (bits - 1) else number


class Session:
    """One call: its options, and how much went wrong."""

    def __init__(self, flags: Set[str]) -> None:
        self.flags = flags
        self.failures = 0

    def _warn(self, text: str, line: Optional[int]) -> None:
        self.failures += 1
        if "q" not in self.flags:
            cli.warn("sysctl", text + (f" at line {line}" if line else ""))

    def word(self, text: str, line: Optional[int] = None) -> None:
        """NAME or NAME=VALUE."""
        name, equals, value = text.partition("=")
        name = name.strip()
        found = sysctl.find(name)
        if found is None:
            if "i" not in self.flags:
                self._warn(f"unknown oid '{name}'", line)
            return
        if not equals:
            for variable in found:
                self.show(variable)
            return
        if found[0].name != name:
            self._warn(f"oid '{name}' isn't a leaf node", line)
            return
        self.assign(found[0], _unquoted(value) if line else value, line)

    def assign(self, variable: Variable, text: str, line: Optional[int]) -> None:
        name = variable.name
        if not variable.writable:
            if variable.tunable:
                self._warn(f"oid '{name}' is a read only tunable", line)
                cli.warn("sysctl", "Tunable values are set in /boot/loader.conf")
            else:
                self._warn(f"oid '{name}' is read only", line)
            return
        if variable.type in _BITS:
            if not text.strip():
                self._warn("empty numeric value", line)
                return
            number, rest = cli.strtol(text.strip(), 0)
            if rest:
                self._warn(f"invalid {_TYPES[variable.type]} '{text}'", line)
                return
            text = str(wrapped(number, variable.type))
        before = sysctl.read(variable)
        if os.geteuid() != 0:
            self._name(name)
            print(before)
            self._warn(f"{name}={text}: Operation not permitted", line)
            return
        if name in ("hw.vmm.create", "hw.vmm.destroy"):
            self._machine(name, text, before, line)
            return
        sysctl.write(variable, text)
        self._name(name)
        print(f"{before} -> {text}")

    def _machine(self, name: str, text: str, before: str, line: Optional[int]) -> None:
        """hw.vmm.create and destroy: requests to vmm(4); the value stays what it was."""
        from .. import vmm

        self._name(name)
        try:
            if name == "hw.vmm.create":
                vmm.create(text)
            elif vmm.exists(text):
                vmm.destroy(text)
            else:
                raise OSError(errno.EINVAL, text)
        except OSError as error:
            print(before)
            self._warn(f"{name}={text}: {os.strerror(error.errno or 0)}", line)
            return
        print(f"{before} -> {before}")

    def _name(self, name: str) -> None:
        if "n" not in self.flags:
            print(name, end="=" if "e" in self.flags else ": ")

    def show(self, variable: Variable) -> None:
        flags = self.flags
        if ("T" in flags and not variable.tunable) or ("W" in flags and not variable.writable):
            return
        if "N" in flags:
            print(variable.name)
            return
        if "d" in flags or "t" in flags:
            parts = [_TYPES[variable.type]] if "t" in flags else []
            if "d" in flags:
                parts.append(variable.description)
            self._name(variable.name)
            print(": ".join(parts))
            return
        if "b" in flags:
            sys.stdout.flush()
            sys.stdout.buffer.write(_raw(variable))
            sys.stdout.buffer.flush()
            return
        self._name(variable.name)
        print(self._text(variable))

    def _text(self, variable: Variable) -> str:
        text = sysctl.read(variable)
        if "x" in self.flags and variable.type in _BITS:
            bits = _BITS[variable.type]
            return f"0x{int(text) & ((1 << bits) - 1):0{bits // 4}x}"
        return text


def _raw(variable: Variable) -> bytes:
    """The value as the kernel has it in memory (-b)."""
    if variable.name == "kern.boottime":
        return struct.pack("@qq", sysctl_values.boot_time(), 590580)
    if variable.type == "struct":
        cli.not_built("sysctl", f"-b {variable.name}")
    text = sysctl.read(variable)
    return struct.pack("@" + _PACK[variable.type], int(text)) if variable.type in _PACK else text.encode() + b"\0"


def _unquoted(text: str) -> str:
    """A value of a file: a comment behind it goes, and the quotes around it."""
    text = text.strip()
    for quote in "\"'":
        if text.startswith(quote) and text.find(quote, 1) > 0:
            return text[1 : text.find(quote, 1)]
    return text.partition("#")[0].strip()


def _lines(path: str) -> List[str]:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().splitlines()
    except OSError as error:
        cli.fail("sysctl", f"{path}: {cli.strerror(error)}")


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "AabB:def:hiNnoqTtwWxX", _usage)
    flags = {letter for letter, _value in options}
    files = [value for letter, value in options if letter == "f"]
    if "n" in flags and "N" in flags:
        return _usage()
    session = Session(flags)
    if "a" in flags or "A" in flags or "X" in flags:
        if words:
            return _usage()
        for variable in sysctl.known().values():
            session.show(variable)
        return 0
    if not words and not files:
        return _usage()
    for path in files:
        for number, line in enumerate(_lines(path), 1):
            text = line.strip()
            if text and not text.startswith("#"):
                session.word(text, number)
    for word in words:
        session.word(word)
    return session.failures
