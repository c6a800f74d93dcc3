# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chainload scripts: what a task says of them."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import SUFFIX, script_name
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once

STATES = ("present", "absent")
FIRST_LINE = "#!ipxe"
#: With the suffix no longer than a file's name can be (255).
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,248}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Script:
    """One script. None of ``hosts``: the links that lead to it stay as they are."""

    name: str
    content: str = ""
    hosts: Optional[Tuple[str, ...]] = None
    files: Tuple[str, ...] = ()
    present: bool = True

    @property
    def file(self) -> str:
        return script_name(self.name)

    @property
    def links(self) -> Tuple[str, ...]:
        """The names of its links; a host of the script's own name needs none."""
        return tuple(f"{host}{SUFFIX}" for host in self.hosts or () if f"{host}{SUFFIX}" != self.file)


@dataclass(frozen=True)
class Task:
    """What a task asks for; ``root`` is where the files of its scripts are."""

    directory: str
    root: str
    scripts: Tuple[Script, ...]


def script_options() -> Dict[str, Any]:
    """The argument specification of one script."""
    return {
        "name": {"type": "str", "required": True},
        "content": {"type": "str"},
        "hosts": {"type": "list", "elements": "str"},
        "files": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": list(STATES), "default": "present"},
    }


_FORM = Form("scripts", "script", script_options())


def module_options() -> Dict[str, Any]:
    """The argument specification of the module."""
    return {**_FORM.spec(), "directory": {"type": "path"}, "root": {"type": "path", "default": "/tftpboot"}}


def task_of(params: Mapping[str, Any]) -> Task:
    """What a task asks for. BadInput, naming the option."""
    root = _folder("root", params.get("root") or "/tftpboot")
    directory = _folder("directory", params.get("directory") or f"{root}/chainload")
    scripts = [_script(element) for element in _FORM.elements(params)]
    check_once([one.file for one in scripts], "scripts")
    made = [one.file for one in scripts if one.present]
    links = [link for one in scripts if one.present for link in one.links]
    check_once([*made, *links], "scripts and their hosts")
    return Task(directory, root, tuple(scripts))


def _folder(option: str, path: str) -> str:
    if not path.startswith("/") or posixpath.normpath(path) != path or path == "/":
        raise BadInput(f"{option}: {path!r} is not an absolute path of a directory, without .. and / at its end")
    return path


def _script(element: Mapping[str, Any]) -> Script:
    name = str(element["name"])
    script_name(name)
    hosts = element.get("hosts")
    if element.get("state") == "absent":
        return Script(name, present=False)
    content = element.get("content") or ""
    if content.split("\n", 1)[0].rstrip() != FIRST_LINE:
        raise BadInput(f"{name}: content: its first line has to be {FIRST_LINE}, or iPXE takes it for something else")
    for host in hosts or ():
        if not _HOST.fullmatch(host):
            raise BadInput(f"{name}: hosts: {host!r} is no host name: letters, digits, - and . within")
    files = tuple(_file(name, one) for one in element.get("files") or ())
    text = content if content.endswith("\n") else content + "\n"
    return Script(name, text, None if hosts is None else tuple(dict.fromkeys(hosts)), files)


def _file(name: str, path: str) -> str:
    clean = path.lstrip("/")
    if not clean or ".." in clean.split("/"):
        raise BadInput(f"{name}: files: {path!r} is not below the root that clients see")
    return clean
