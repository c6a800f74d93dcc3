# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A manifest in place of a directory (usr.sbin/makefs/mtree.c): full paths with directories and files, in its order."""

from __future__ import annotations

import os
import sys
from typing import Dict, List, Tuple

from ... import paths
from ...system import cli
from .options import Node

#: Keywords that say nothing which a FAT file system keeps, or, as mode, nothing that is looked at here.
_UNSEEN = {"mode", "uid", "gid", "uname", "gname", "time", "flags", "tags"}


def read(path: str) -> List[Node]:
    """What a manifest says; ends the program when it is wrong."""
    with open(paths.root(path), encoding="utf-8") as file:
        lines = file.read().splitlines()
    found: Dict[str, Node] = {}
    errors: List[str] = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if line.startswith("/") or words[0] == ".." or any(character in line for character in "\\'\"`"):
            cli.not_built("makefs", f"this line of a manifest: {line}")
        name = os.path.normpath(words[0])
        node, trouble = _node(name, dict(word.partition("=")[::2] for word in words[1:]))
        if name in found:
            trouble = f"duplicate definition of {os.path.basename(name)}"
        for directory in _parents(name):
            found.setdefault(directory, Node(directory, ""))
        if trouble:
            errors.append(f"{path}:{number}: error: {trouble}")
        found.setdefault(name, node)
    if errors:
        cli.flush()
        for text in errors:
            print(text, file=sys.stderr)
        cli.fail("makefs", f"{len(errors)} error(s) and 0 warning(s) in mtree manifest")
    return [node for name, node in found.items() if name != "."]


def _node(name: str, keywords: Dict[str, str]) -> Tuple[Node, str]:
    """The entry, and what is wrong with it."""
    base = os.path.basename(name)
    unknown = set(keywords) - _UNSEEN - {"type", "contents"}
    if unknown:
        cli.not_built("makefs", f"the keyword {sorted(unknown)[0]} of a manifest")
    kind = keywords.get("type", "file" if "contents" in keywords else "dir")
    if kind == "link":
        cli.not_built("makefs", "a link in a manifest")
    if kind not in ("dir", "file"):
        return Node(name, ""), f"type: invalid value '{kind}'"
    if kind == "dir":
        return Node(name, ""), f"{base}: file type and defined keywords to not match" if "contents" in keywords else ""
    contents = keywords.get("contents", name)
    trouble = "" if os.path.exists(paths.root(contents)) else f"{base}: contents file '{contents}' not found"
    return Node(name, contents), trouble


def _parents(name: str) -> List[str]:
    """The directories above a path, the outermost first."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
