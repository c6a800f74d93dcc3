# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a transcript's commands in a stand-in host, one after the other, and judges each."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from types import ModuleType
from typing import Dict, List, Optional, Set, Tuple

from standin.base import LIBRARY
from standin.bsd.index import places
from standin.host import StandinHost
from standin.settings import Settings

from .normalise import normalise
from .transcript import Entry, load

KNOWN = os.path.join(LIBRARY, "replay", "known")
#: Seconds after which a command is taken to hang.
LIMIT = 30.0

#: What only sets the scene in a line: the line is counted for the first other tool in it.
_FILLERS = frozenset(
    (
        "printf",
        "echo",
        "cat",
        "cd",
        "sleep",
        "timeout",
        "sh",
        "for",
        "do",
        "done",
        "while",
        "until",
        "if",
        "then",
        "else",
        "fi",
        "true",
        "false",
        "test",
        "[",
        "rm",
        "kill",
        "mkdir",
        "touch",
        "exec",
        "eval",
        "set",
        "export",
        "local",
        "read",
        "wait",
        "trap",
        ":",
        "(",
        ")",
        "{",
        "}",
        "case",
        "esac",
        "in",
        "!",
        "env",
        "grep",
        "sed",
        "awk",
        "cut",
        "head",
        "tail",
        "sort",
        "tr",
        "wc",
        "ls",
        "/root/start",
        "/root/stop",
        "/root/run",
    )
)
_BUILTINS = frozenset(
    (
        "alias",
        "bg",
        "break",
        "builtin",
        "case",
        "cd",
        "command",
        "continue",
        "do",
        "done",
        "echo",
        "elif",
        "else",
        "esac",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "fc",
        "fg",
        "fi",
        "for",
        "getopts",
        "hash",
        "if",
        "in",
        "jobs",
        "kill",
        "local",
        "printf",
        "pwd",
        "read",
        "readonly",
        "return",
        "set",
        "shift",
        "test",
        "then",
        "times",
        "trap",
        "true",
        "type",
        "ulimit",
        "umask",
        "unalias",
        "unset",
        "until",
        "wait",
        "while",
        "let",
        ".",
        ":",
        "[",
        "!",
        "{",
        "}",
        "(",
        ")",
    )
)


@dataclass(frozen=True)
class Known:
    """A difference that is known: why, whether the command is better not run at all, and for how many seconds."""

    reason: str
    skip: bool = False
    limit: float = LIMIT


@dataclass(frozen=True)
class Verdict:
    """What became of one entry. ``outcome``: agree, differ, absent (its tool is not there yet) or skipped."""

    entry: Entry
    owner: str
    outcome: str
    exit: Optional[int] = None
    stdout: str = ""
    stderr: str = ""

    def difference(self) -> str:
        """Both sides, for a human."""
        parts = [f"line {self.entry.line}: $ {self.entry.command}"]
        if self.entry.exit != self.exit:
            parts.append(f"  exit: recorded {_status(self.entry.exit)}, here {_status(self.exit)}")
        for name in ("stdout", "stderr"):
            recorded, here = getattr(self.entry, name), getattr(self, name)
            if normalise(recorded) != normalise(here):
                parts += [f"  {name} recorded:", *_indent(recorded), f"  {name} here:", *_indent(here)]
        return "\n".join(parts)


def _status(status: Optional[int]) -> str:
    return "time limit" if status is None else str(status)


def _indent(text: str) -> List[str]:
    lines = text.split("\n")
    return [f"    | {line}" for line in (lines[:-1] if lines[-1] == "" else lines)]


def words(command: str) -> List[str]:
    """The names that a line of sh calls, roughly: the first word of each of its simple commands."""
    bare = re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "Q", command)
    found = []
    for part in re.split(r"\|\||&&|[|;&\n(`{]|\$\(", bare):
        parts = part.split()
        while parts and (
            re.match(r"\w+=", parts[0]) or parts[0] in ("do", "then", "else", "if", "while", "until", "!")
        ):
            parts.pop(0)
        if parts and not parts[0].startswith((">", "<", "Q", "$", "#", ")")):
            found.append(parts[0].lstrip("\\"))
    return found


def owner_of(command: str) -> str:
    """The tool that a line is counted for."""
    called = words(command)
    named = [os.path.basename(word) for word in called if word not in _FILLERS and word not in _BUILTINS]
    return named[0] if named else os.path.basename(called[0]) if called else "sh"


def start_module(name: str) -> Optional[ModuleType]:
    """The module with a transcript's start state, or None when it has none (its commands are not there yet)."""
    module = "replay.start." + name.replace("-", "_")
    if importlib.util.find_spec(module) is None:
        return None
    return importlib.import_module(module)


def known_differences(name: str) -> Dict[int, Known]:
    """The known differences of a transcript: line -> why."""
    path = os.path.join(KNOWN, name + ".json")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as stream:
        groups = json.load(stream)
    found: Dict[int, Known] = {}
    for group in groups:
        for line in group["lines"]:
            if line in found:
                raise ValueError(f"{path}: line {line} is listed twice")
            found[line] = Known(group["reason"], group.get("skip", False), group.get("limit", LIMIT))
    return found


def served(host: StandinHost) -> Set[str]:
    """The names of all programs that the host has."""
    script = "for d in /bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin; do ls $d; done"
    return set(host.sh(script, check=True).stdout.split()) | set(places())


def replay(name: str, directory: Optional[str] = None) -> List[Verdict]:
    """Replay one transcript in a new host (destroyed afterwards)."""
    module = start_module(name)
    entries = load(name)
    if module is None:
        return [Verdict(entry, owner_of(entry.command), "absent") for entry in entries]
    settings = Settings(**{"hostname": "bhyve0", "strict": False, **getattr(module, "SETTINGS", {})})
    top = directory or os.path.join(tempfile.gettempdir(), "standin-replay")
    host = StandinHost(f"replay-{name}", os.path.join(top, f"replay-{name}"), settings)
    host.destroy()
    host.up()
    try:
        module.prepare(host)
        between: Dict[int, str] = getattr(module, "UNRECORDED", {})
        return run(host, entries, known_differences(name), getattr(module, "CWD", "/root"), between)
    finally:
        host.destroy()


def run(
    host: StandinHost, entries: List[Entry], known: Dict[int, Known], cwd: str, between: Dict[int, str]
) -> List[Verdict]:
    """Run the entries in order and judge each. ``between``: line -> what the recorder did before it off the record."""
    programs = served(host)
    verdicts = []
    for entry in entries:
        owner = owner_of(entry.command)
        if entry.line in between:
            host.sh(between[entry.line], check=True)
        if entry.line in known and known[entry.line].skip:
            verdicts.append(Verdict(entry, owner, "skipped"))
            continue
        limit = known[entry.line].limit if entry.line in known else LIMIT
        status, out, err = _execute(host, entry, cwd, limit if entry.exit is not None else 3.0)
        if _equal(entry, status, out, err):
            outcome = "agree"
        elif _absent(entry, programs, err):
            outcome = "absent"
        else:
            outcome = "differ"
        verdicts.append(Verdict(entry, owner, outcome, status, out, err))
    return verdicts


def _equal(entry: Entry, status: Optional[int], out: str, err: str) -> bool:
    pairs = ((entry.stdout, out), (entry.stderr, err))
    return entry.exit == status and all(_told(entry, then) == _told(entry, now) for then, now in pairs)


def _told(entry: Entry, text: str) -> str:
    """The text, normalised; the order in which find(1) meets files is that of the file system."""
    told = normalise(text)
    return "\n".join(sorted(told.split("\n"))) if "find" in words(entry.command) else told


def _absent(entry: Entry, programs: Set[str], err: str) -> bool:
    """Whether the difference comes from a tool that the stand-in has not (or says that it has only in part)."""
    if "STANDIN: " in err:
        return True
    called = [word for word in words(entry.command) if word not in _BUILTINS and not word.startswith(("/root/", "./"))]
    return any(os.path.basename(word) not in programs and "." not in word for word in called)


def _execute(host: StandinHost, entry: Entry, cwd: str, limit: float) -> Tuple[Optional[int], str, str]:
    """One command as the recorder ran it: ``sh -c``, no input, outputs to files (a job in the background may stay)."""
    line = f'cd {cwd} && exec sh -c "$1"'
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            host.enter(["sh", "-c", line, "sh", entry.command]),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        status: Optional[int]
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "surrogateescape"))
    return status, texts[0], texts[1]
