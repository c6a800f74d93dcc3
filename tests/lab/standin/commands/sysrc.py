# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sysrc(8), version 7.2: reads rc.conf(5) files by sh(1), edits their lines by text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import List, Optional, Sequence, Tuple

from ..system import cli, rcconf

PATHS = ("/usr/sbin/sysrc",)
_VERSION = "7.2 Jun-16,2018"
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_]")


class Request:
    """What the options ask for."""

    def __init__(self, defaults: str) -> None:
        self.flags = ""
        self.confs: Optional[List[str]] = None  # -f, -D, -s: instead of rc_conf_files
        self.service = ""
        self.defaults = defaults
        self.names: List[str] = []

    def has(self, letter: str) -> bool:
        return letter in self.flags

    def files(self) -> List[str]:
        return rcconf.conf_files(self.defaults) if self.confs is None else self.confs

    def get(self, expression: str) -> Optional[str]:
        return rcconf.expand([expression], self.confs, self.defaults)[0]

    def find(self, name: str) -> Optional[str]:
        return rcconf.find(name, self.files(), self.defaults)


def _usage() -> int:
    cli.flush()
    print("Usage: sysrc [OPTIONS] {name[[+|-]=value] ... | -a | -A | -l | -L [name ...]}", file=sys.stderr)
    print("Try `sysrc --help' for more information.", file=sys.stderr)
    return 1


def _service_files(name: str) -> List[str]:
    """rc.conf.d's files for a service, there or not."""
    found = []
    for directory in ["/etc", *(rcconf.expand(["local_startup"])[0] or "").split()]:
        directory = directory[: -len("/rc.d")] if directory.endswith("/rc.d") else directory
        path = f"{directory}/rc.conf.d/{name}"
        if os.path.isdir(path):
            found += [f"{path}/{entry}" for entry in sorted(os.listdir(path))]
        else:
            found.append(path)
    return found


def _parse(argv: Sequence[str]) -> Request:
    request = Request(defaults=os.environ.get("RC_DEFAULTS", rcconf.DEFAULTS))
    if os.environ.get("RC_CONFS") is not None:
        request.confs = os.environ["RC_CONFS"].split()
    try:
        options, request.names = cli.getopt(argv, "aAcdDeEf:Fhij:lLnNqR:s:vxX")
    except cli.OptionError as error:
        what, letter = str(error).split(" -- ")
        illegal = what.startswith("illegal")
        print(f"Illegal option -{letter}" if illegal else f"No arg for -{letter} option", file=sys.stderr)
        raise SystemExit(_usage()) from None
    for letter, value in options:
        if letter == "h":
            raise SystemExit(_usage())
        if letter in "jRs" and not value:
            cli.fail("sysrc", f"Missing or null argument to `-{letter}' flag")
        if letter == "D":
            request.confs = []
        elif letter == "f":
            kept = request.confs if request.confs and not request.has("D") else []
            request.confs = [*kept, *value.split()]
        elif letter == "j":
            _in_jail(value)
        elif letter == "R":
            _in_root(value)
        elif letter == "s":
            request.service = value
        request.flags += letter
    return request


def _in_jail(name: str) -> None:
    if not os.path.exists("/usr/sbin/jexec"):
        cli.fail("jexec", f'jail "{name}" not found')
    cli.not_built("sysrc", "-j")


def _in_root(directory: str) -> None:
    if not os.path.isdir(directory):
        cli.fail("chroot", f"{directory}: No such file or directory")
    cli.not_built("sysrc", "-R")


def _syntax_is_right(paths: Sequence[str]) -> bool:
    """sh -n of each file that is there; the shell says what is wrong."""
    cli.flush()
    for path in paths:
        if os.path.exists(path) and subprocess.run(["/bin/sh", "-n", path], check=False).returncode:
            return False
    return True


# --- changing a file -------------------------------------------------------------------------------------------


def _awk_escapes(text: str) -> str:
    """What awk -v makes of backslashes in a value."""
    known = dict(zip('nt\\"/abfrv', '\n\t\\"/\a\b\f\r\v'))
    return re.sub(r"\\(.)", lambda match: known.get(match.group(1), match.group(0)), text)


def replaced(line: str, name: str, value: str) -> Optional[str]:
    """The assignment's line with the new value; None: not of a form that sysrc edits (`` ` ``, ``$``, ``\\`` first)."""
    match = re.match(r"^[ \t]*" + re.escape(name) + "=", line)
    assert match is not None
    head, rest = line[: match.end()], line[match.end() :]
    first = rest[:1]
    opening = closing = first
    if first and first in "`$\\":
        return None
    if first == "'":
        rest = re.sub(r"^'[^']*", "", rest)
        closing, rest = ("", rest) if not rest else (closing, rest[1:])
    elif first == '"':
        rest = re.sub(r'^"(.*\\+")*[^"]*', "", rest)
        closing, rest = ("", rest) if not rest else (closing, rest[1:])
    elif first:
        opening = closing = '"'
        if first not in " \t;":
            rest = re.sub(r"^\S*", "", rest)
    return f"{head}{opening}{_awk_escapes(value)}{closing}{rest}"


def _write(path: str, text: str) -> bool:
    """Put the text in the file's place, if sh would take it; mode and owner stay."""
    temporary = f"/tmp/sysrc.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
    if not _syntax_is_right([temporary]):
        print("sysrc: Exiting due to previous syntax errors", file=sys.stderr)
        os.unlink(temporary)
        return False
    found = os.stat(path)
    os.unlink(temporary)
    replacement = f"{path}.sysrc.{os.getpid()}"
    with open(replacement, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
    os.chmod(replacement, found.st_mode & 0o7777)
    os.chown(replacement, found.st_uid, found.st_gid)
    os.rename(replacement, path)
    return True


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read()


def _set(request: Request, name: str, value: str) -> bool:
    """Change the last assignment where it stands, or append one to the first file."""
    if not name:
        return False
    path = request.find(name)
    if path is None or path == request.defaults:
        path = (request.files() or [""])[0]
        try:
            with open(path, "a", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(f'{name}="{value}"\n')
        except OSError as error:
            cli.flush()
            print(f"/usr/sbin/sysrc: cannot create {path}: {cli.strerror(error)}", file=sys.stderr)
            return False
        return True
    if not os.access(path, os.W_OK):
        cli.warn("sysrc", f"cannot create {path}: permission denied")
        return False
    # sysrc turns the file round and keeps it in a shell variable: empty lines at its beginning get lost.
    lines = _read(path).lstrip("\n").rstrip("\n").split("\n")
    pattern = re.compile(r"^[ \t]*" + re.escape(name) + "=")
    last = max(index for index, line in enumerate(lines) if pattern.match(line))
    changed = replaced(lines[last], name, value)
    if changed is None:
        lines.append(f'{name}="{value}"')
    else:
        lines[last] = changed
    return _write(path, "\n".join(lines) + "\n")


def _delete(request: Request, name: str) -> bool:
    """Remove every assignment of the name, in every file."""
    pattern = re.compile(r"^[ \t]*" + re.escape(name) + "=")
    for path in request.files():
        if not os.path.exists(path):
            continue
        lines = _read(path).splitlines()
        kept = [line for line in lines if not pattern.match(line)]
        if len(kept) != len(lines) and not _write(path, "".join(line + "\n" for line in kept)):
            return False
    return True


# --- the words of the command line -----------------------------------------------------------------------------


def _split_list(text: str, delimiter: str) -> List[str]:
    return [word for word in (text.split() if delimiter == " " else text.split(delimiter)) if word]


def edited_list(before: str, operator: str, words: str) -> str:
    """``NAME+=words`` and ``NAME-=words``: the list with the words added (once), or without them.

    A first character that is no letter, digit, dot, slash or blank is the list's delimiter.
    """
    first = words[:1]
    delimiter = " " if not first or first.isspace() or re.match(r"[A-Za-z0-9./]", first) else first
    have, wanted = _split_list(before, delimiter), _split_list(words, delimiter)
    if operator == "-":
        return delimiter.join(word for word in have if word not in wanted)
    new = before
    for word in wanted:
        if word not in have:
            new = f"{new}{delimiter}{word}"
    return new[len(delimiter) :] if new.startswith(delimiter) else new


def _operands(word: str) -> Tuple[str, str, str]:
    """NAME, operator ("", "+", "-"), value."""
    name, _equals, value = word.partition("=")
    if name[-1:] in ("+", "-"):
        return name[:-1], name[-1], value
    return name, "", value


def _check(request: Request, name: str, value: str) -> int:
    """-c with a value: 0 when the variable is set and has it. (7.2 takes ``+=``'s words for the value.)"""
    current = request.get(name + "?")
    where = request.find(name)
    if current is None:
        if request.has("v"):
            print(f"{name}: not currently set")
        return 1
    if current == value:
        if request.has("v"):
            print(f"{where}: {name}: already set to `{current}'")
        return 0
    if request.has("v"):
        print(f"{where}: {name}: would change from `{current}' to `{value}'")
    return 1


def _place(request: Request, name: str) -> str:
    """Where a change of the name will land (what -v shows)."""
    path = request.find(name)
    if path is None or path == request.defaults:
        return (request.get("rc_conf_files") or "").split(" ")[0]
    return path


def _assign(request: Request, word: str) -> int:
    name, operator, value = _operands(word)
    equals = request.has("e") and not request.has("n") and not request.has("F") and not request.has("N")
    if request.has("v") and not request.has("c"):
        print(f": {_place(request, name)}; " if equals else f"{_place(request, name)}: ", end="")
    if request.has("x") or request.has("X"):
        return 0 if _delete(request, name) else 1
    before = request.get(name) or ""
    new = edited_list(before, operator, value) if operator else value
    if request.has("c"):
        return _check(request, name, value)
    shown = request.find(name) or "" if request.has("F") else before
    if request.has("N"):
        print(name)
        return 0 if _set(request, name, new) else 1
    if not _set(request, name, new):
        return 1
    after = (request.find(name) if request.has("F") else request.get(name)) or ""
    head = "" if request.has("n") else name + ('="' if equals else ": ")
    quote = '"' if equals else ""
    print(f"{head}{shown}{quote + ' #' if equals else ''} -> {quote}{after}{quote}")
    return 0


def _show(request: Request, name: str) -> int:
    value = request.get(name + "?")
    if value is None:
        if not (request.has("i") or request.has("q")):
            cli.warn("sysrc", f"unknown variable '{name}'")
        return 1
    if request.has("c") or request.has("d"):
        return 0
    if request.has("x") or request.has("X"):
        return 0 if _delete(request, name) else 1
    where = request.find(name) or ""
    if request.has("F"):
        print(where if request.has("n") else f"{name}: {where}")
        return 0
    _print_value(request, name, value, where)
    return 0


def _print_value(request: Request, name: str, value: str, where: str) -> None:
    equals = request.has("e") and not request.has("n") and not request.has("N")
    if request.has("v"):
        print(f": {where}; " if equals else f"{where}: ", end="")
    if request.has("N"):
        print(name)
    elif request.has("n"):
        print(value)
    elif equals:
        print(f'{name}="{value}"')
    else:
        print(f"{name}: {value}")


def _show_all(request: Request) -> int:
    if request.has("x") or request.has("c"):
        letter = "x" if request.has("x") else "c"
        more = " (use `-X' to override)" if letter == "x" else ""
        print(f"sysrc: `-{letter}' option incompatible with `-a'/`-A' options{more}", file=sys.stderr)
        return 1
    for name, value in rcconf.variables(request.confs, request.has("A"), request.defaults).items():
        if request.has("d"):
            print(f"{name}: {rcconf.description(name, request.defaults)}")
        elif request.has("F"):
            print(("" if request.has("n") else f"{name}: ") + (request.find(name) or ""))
        elif request.has("X"):
            _delete(request, name)
        else:
            _print_value(request, name, value, request.find(name) or "")
    return 0


def _list_service_files(request: Request) -> int:
    """-L: the files of rc.conf.d, and without names rc_conf_files before them."""
    found = [] if request.names else list(request.files())
    services = request.names or sorted(os.listdir("/etc/rc.d"))
    for service in services:
        found += [path for path in _service_files(service) if path not in found]
    if request.has("E"):
        found = [path for path in found if os.path.isfile(path)]
    print(" ".join(found))
    return 0


def main(argv: Sequence[str]) -> int:
    if len(argv) == 1:
        return _usage()
    if "--version" in argv:
        print(_VERSION)
        return 1
    if "--help" in argv:
        cli.not_built("sysrc", "--help")
    request = _parse(argv)
    if request.has("L"):
        return _list_service_files(request)
    for word in request.names:
        name = re.split(r":[+=-]", word, maxsplit=1)[0]
        name = re.split(r"[%#+=-]", name, maxsplit=1)[0]
        if _FORBIDDEN.search(name):
            cli.fail("sysrc", f"{name}: name contains characters not allowed in shell")
    if request.service and request.confs is None:
        request.confs = [*rcconf.conf_files(request.defaults), *_service_files(request.service)]
    if request.has("E"):
        request.confs = [path for path in request.files() if os.path.isfile(path)]
    if request.has("l"):
        if request.names:
            return _usage()
        print(request.defaults if request.has("D") else " ".join(request.files()))
        return 0
    if not request.names and not (request.has("a") or request.has("A")):
        return _usage()
    checked = request.confs if request.confs is not None else [request.defaults, *request.files()]
    if not _syntax_is_right(checked):
        print("sysrc: Exiting due to previous syntax errors", file=sys.stderr)
        return 1
    if request.has("a") or request.has("A"):
        return _show_all(request)
    status = 0
    for word in request.names:
        if request.has("d"):
            print(f"{_operands(word)[0]}: {rcconf.description(_operands(word)[0], request.defaults)}")
        status |= _assign(request, word) if "=" in word else _show(request, word)
    return status
