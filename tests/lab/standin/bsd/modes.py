# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""chmod, chown, chgrp."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat

from .options import Options, UsageError, fail, getopt, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Callable, List, Optional, Tuple

_CHMOD = "usage: chmod [-fhv] [-R [-H | -L | -P]] mode file ..."
_CHOWN = """usage: chown [-fhvx] [-R [-H | -L | -P]] owner[:group] file ...
       chown [-fhvx] [-R [-H | -L | -P]] :group file ..."""
_CHGRP = "usage: chgrp [-fhvx] [-R [-H | -L | -P]] group file ..."
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111}
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007, "a": 0o7777}


def parse_mode(text: str, old: int, directory: bool) -> Optional[int]:
    """setmode(3): octal or symbolic, applied to the mode ``old``; None when it is neither."""
    if re.fullmatch("[0-7]{1,5}", text):
        return int(text, 8)
    umask = os.umask(0)
    os.umask(umask)
    mode = old
    for clause in text.split(","):
        match = re.fullmatch("([ugoa]*)((?:[-+=][rwxXstugo]*)+)", clause)
        if match is None:
            return None
        who = 0
        for letter in match.group(1):
            who |= _WHO[letter]
        for operator, permissions in re.findall("([-+=])([rwxXstugo]*)", match.group(2)):
            bits = _permissions(permissions, mode, directory)
            bits &= who if who else 0o7777 & ~umask
            if operator == "+":
                mode |= bits
            elif operator == "-":
                mode &= ~bits
            else:
                mode = (mode & ~(who or 0o777)) | bits
    return mode


def _permissions(letters: str, mode: int, directory: bool) -> int:
    bits = 0
    for letter in letters:
        if letter in _BITS:
            bits |= _BITS[letter]
        elif letter == "X":
            bits |= 0o111 if directory or mode & 0o111 else 0
        elif letter == "s":
            bits |= 0o6000
        elif letter == "t":
            bits |= 0o1000
        else:
            shift = {"u": 6, "g": 3, "o": 0}[letter]
            bits |= ((mode >> shift) & 7) * 0o111
    return bits


def _walk(paths: List[str], recursive: bool) -> List[str]:
    found = []
    for path in paths:
        found.append(path)
        if recursive and os.path.isdir(path) and not os.path.islink(path):
            for folder, folders, files in os.walk(path):
                found += [os.path.join(folder, name) for name in sorted(folders + files)]
    return found


def _each(name: str, options: Options, paths: List[str], change: Callable[[str], bool]) -> int:
    """Apply ``change`` to every path (it says whether it changed something); the exit status."""
    letters = {letter for letter, _unused in options}
    status = 0
    for path in _walk(paths, "R" in letters):
        try:
            if change(path) and "v" in letters:
                print(path)
        except OSError as error:
            if "f" not in letters:
                status |= warn(name, path, error)
    return status


def _chmod(name: str, options: Options, operands: List[str]) -> int:
    text, paths = operands[0], operands[1:]
    if parse_mode(text, 0, False) is None:
        fail("chmod", f"invalid file mode: {text}")

    def change(path: str) -> bool:
        facts = os.stat(path)
        old = stat.S_IMODE(facts.st_mode)
        new = parse_mode(text, old, stat.S_ISDIR(facts.st_mode))
        assert new is not None  # it was parsed above
        os.chmod(path, new)
        return new != old

    return _each(name, options, paths, change)


def _chmod_words(name: str, options: Options, words: List[str]) -> int:
    """chmod's own loop over its words: ``-w`` is a mode, not an option."""
    index = 0
    while index < len(words) and re.fullmatch("-[HLPRfhv]+", words[index]):
        index += 1
    rest = words[index:]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    elif rest and rest[0].startswith("-") and not re.fullmatch("-[rwxXstugo,+=-]*", rest[0]):
        getopt(name, rest, "HLPRfhv", _CHMOD)
    if len(rest) < 2:
        raise UsageError(_CHMOD, 1)
    given, _unused = getopt(name, words[:index], "HLPRfhv", _CHMOD)
    return _chmod(name, given, rest)


def user_id(name: str, text: str) -> int:
    """A user by name or number; chown's complaint otherwise."""
    try:
        return pwd.getpwnam(text).pw_uid
    except KeyError:
        if text.isdigit():
            return int(text)
    fail(name, f"{text}: illegal user name")


def group_id(name: str, text: str) -> int:
    """A group by name or number; chgrp's complaint otherwise."""
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        if text.isdigit():
            return int(text)
    fail(name, f"{text}: illegal group name")


def _owner(name: str, text: str) -> Tuple[int, int]:
    user, _unused, group = text.partition(":")
    return (user_id(name, user) if user else -1, group_id(name, group) if group else -1)


def _change_owner(name: str, options: Options, paths: List[str], uid: int, gid: int) -> int:
    follow = not any(letter == "h" for letter, _unused in options)

    def change(path: str) -> bool:
        facts = os.stat(path, follow_symlinks=follow)
        os.chown(path, uid, gid, follow_symlinks=follow)
        return uid not in (-1, facts.st_uid) or gid not in (-1, facts.st_gid)

    return _each(name, options, paths, change)


def _chown(name: str, options: Options, operands: List[str]) -> int:
    uid, gid = _owner(name, operands[0])
    return _change_owner(name, options, operands[1:], uid, gid)


def _chgrp(name: str, options: Options, operands: List[str]) -> int:
    return _change_owner(name, options, operands[1:], -1, group_id(name, operands[0]))


TOOLS = {
    "chmod": Tool(_chmod_words, None, _CHMOD),
    "chown": Tool(_chown, "HLPRfhvx", _CHOWN, operands=2),
    "chgrp": Tool(_chgrp, "HLPRfhvx", _CHGRP, operands=2),
}
