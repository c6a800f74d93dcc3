# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ngctl(8): nodes of netgraph(4) are made, connected, named, asked and shown."""

from __future__ import annotations

import os
import sys
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

from ... import notes
from ...ifnet.errors import NotBuilt, Refused
from ...netgraph.graph import Graph
from ...system import cli

PATHS = ("/usr/sbin/ngctl",)
_USAGE = 64
_NO_INPUT = 66
_OS_ERROR = 71
_QUIT = -1


class _Command(NamedTuple):
    usage: str
    call: Optional[Callable[[Graph, List[str]], int]]
    aliases: Tuple[str, ...] = ()


class _Failed(Exception):
    """A command that failed, with what ngctl says of it."""


def _sent(error: Refused) -> _Failed:
    return _Failed(f"send msg: {error}")


def _mkpeer(found: Graph, words: List[str]) -> int:
    if len(words) not in (3, 4):
        return _USAGE
    path, kind, hook, peerhook = words if len(words) == 4 else [".", *words]
    found.mkpeer(found.path(path), kind, hook, peerhook)
    return 0


def _connect(found: Graph, words: List[str]) -> int:
    if len(words) not in (3, 4):
        return _USAGE
    path, relpath, hook, peerhook = words if len(words) == 4 else [".", *words]
    found.connect(found.path(path), hook, relpath, peerhook)
    return 0


def _name(found: Graph, words: List[str]) -> int:
    from ...netgraph.types import NAME_MAX

    if len(words) != 2:
        return _USAGE
    found.name(found.path(words[0]), words[1][:NAME_MAX])
    return 0


def _rmhook(found: Graph, words: List[str]) -> int:
    if len(words) not in (1, 2):
        return _USAGE
    path, hook = words if len(words) == 2 else [".", *words]
    found.disconnect(found.path(path), hook)
    return 0


def _shutdown(found: Graph, words: List[str]) -> int:
    if len(words) != 1:
        return _USAGE
    try:
        found.shutdown(found.path(words[0]))
    except Refused as error:
        raise _Failed(f"shutdown: {error}") from None
    return 0


def _msg(found: Graph, words: List[str]) -> int:
    from . import messages

    if len(words) < 2:
        return _USAGE
    node = found.path(words[0])
    answer = messages.send(found, node, words[1], " ".join(words[2:]))
    if answer is not None:
        print(f'Rec\'d response "{words[1]}" ({answer.number}) from "[{node["id"]:x}]:":\nArgs:\t{answer.text}')
    return 0


def _no_text(what: str) -> Callable[[Graph, List[str]], int]:
    """No node type that is built has a text to tell."""

    def call(found: Graph, words: List[str]) -> int:
        if not words:
            return _USAGE
        if len(words) > 1:
            raise NotBuilt(f"{what} {' '.join(words)}")
        found.path(words[0])
        print(f'No {what} available for "{words[0]}"')
        return 0

    return call


def _list(found: Graph, words: List[str]) -> int:
    from . import show

    return show.listing(found, words, _USAGE)


def _show(found: Graph, words: List[str]) -> int:
    from . import show

    return show.node(found, words, _USAGE)


def _types(found: Graph, words: List[str]) -> int:
    from . import show

    if words:
        return _USAGE
    show.types(found)
    return 0


def _quit(_found: Graph, _words: List[str]) -> int:
    return _QUIT


#: In ngctl's order; those without a function are FreeBSD's that are not built.
_COMMANDS = (
    _Command("config <path> [arguments]", _no_text("config")),
    _Command("connect [path] <relpath> <hook> <peerhook>", _connect),
    _Command("debug [level]", None),
    _Command("dot [path]", None),
    _Command("help [command]", None, ("?",)),
    _Command("list [-ln]", _list, ("ls",)),
    _Command("mkpeer [path] <type> <hook> <peerhook>", _mkpeer),
    _Command("msg path command [args ... ]", _msg, ("cmd",)),
    _Command("name <path> <name>", _name),
    _Command("read <filename>", None, ("source", ".")),
    _Command("rmhook [path] <hook>", _rmhook, ("disconnect",)),
    _Command("show [-n] <path>", _show, ("inquire", "info")),
    _Command("shutdown <path>", _shutdown, ("kill",)),
    _Command("status <path>", _no_text("status")),
    _Command("types", _types),
    _Command("write hook < -f file | byte [ byte ... ] >", None, ("w",)),
    _Command("quit", _quit, ("exit",)),
)


def _find(word: str) -> _Command:
    """By the beginning of a command's name or alias; one that begins two commands is ambiguous."""
    low = word.lower()
    found = [
        command
        for command in _COMMANDS
        if any(name.startswith(low) for name in (command.usage.split()[0], *command.aliases))
    ]
    if len(found) > 1:
        raise _Failed(f'"{word}": ambiguous command')
    if not found:
        raise _Failed(f'"{word}": unknown command')
    return found[0]


def _do(found: Graph, words: List[str]) -> int:
    if not words or not words[0]:
        return 0
    try:
        command = _find(words[0])
        if command.call is None:
            raise NotBuilt(words[0])
        status = command.call(found, words[1:])
    except Refused as error:
        cli.warn("ngctl", str(_sent(error)))
        return _OS_ERROR
    except _Failed as failure:
        cli.warn("ngctl", str(failure))
        return _OS_ERROR
    if status == _USAGE:
        cli.warn("ngctl", f"usage: {command.usage}")
    return status


def _read(path: str) -> Optional[List[str]]:
    if path == "-":
        return sys.stdin.read().splitlines()
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().splitlines()
    except OSError:
        cli.warn("ngctl", f"{path}: No such file or directory")
        return None


def _script(found: Graph, lines: List[str]) -> int:
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        status = _do(found, line.split())
        if status:
            cli.warn("ngctl", f"line {number}: error in file")
            return status
    return 0


def _usage(message: str = "") -> int:
    if message:
        cli.warn("ngctl", message)
    cli.warn("ngctl", "usage: ngctl [-d] [-f file] [-n name] [command ...]")
    return _USAGE


def main(argv: Sequence[str]) -> int:
    """ngctl(8): one command, or those of a file."""
    try:
        options, words = cli.getopt(argv, "df:n:")
    except cli.OptionError as error:
        cli.warn("ngctl", str(error))
        return _usage()
    given = dict(options)
    lines: Optional[List[str]] = None
    if "f" in given:
        lines = _read(given["f"])
        if lines is None:
            return _NO_INPUT
    if os.geteuid() != 0:
        cli.warn("ngctl", "can't create node: Operation not permitted")
        return _OS_ERROR
    if not words and lines is None:
        return _usage("no command specified")
    missing: List[str] = []
    status = _run(given.get("n") or f"ngctl{notes.pid()}", words, lines, missing)
    if missing:
        cli.not_built("ngctl", missing[0])
    return 0 if status == _QUIT else status


def _run(name: str, words: List[str], lines: Optional[List[str]], missing: List[str]) -> int:
    """What is not built goes into ``missing``; what was done before it stays done."""
    from ...netgraph import sockets
    from ...netgraph.store import graph

    with graph() as found:
        try:
            found.here = sockets.control(found, notes.pid(), name)
        except Refused as error:
            cli.warn("ngctl", f"can't create node: {error}")
            return _OS_ERROR
        try:
            return _do(found, words) if words or lines is None else _script(found, lines)
        except NotBuilt as error:
            missing.append(str(error))
            return cli.NOT_BUILT
        finally:
            found.remove(found.here)
