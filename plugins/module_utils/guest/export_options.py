# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of bhyve_export and bhyve_import, and what a task asks for once they are checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_guest_name
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, ZVOL

AUTO = "auto"


@dataclass(frozen=True)
class Export:
    """An element of bhyve_export. ``format`` is auto, stream or image."""

    vm: str
    path: str
    snapshot: str = ""
    format: str = AUTO
    force: bool = False
    skip_paths: bool = False


@dataclass(frozen=True)
class Import:
    """An element of bhyve_import. ``backing`` is '' for what the guest had."""

    path: str
    name: str = ""
    keep_identity: bool = True
    backing: str = ""


_EXPORT: Dict[str, Any] = {
    "path": {"type": "path"},
    "snapshot": {"type": "str"},
    "format": {"type": "str", "choices": [AUTO, "stream", "image"]},
    "force": {"type": "bool"},
    "skip_paths": {"type": "bool"},
}
_IMPORT: Dict[str, Any] = {
    "name": {"type": "str"},
    "keep_identity": {"type": "bool"},
    "backing": {"type": "str", "choices": [*ZVOL, *FILE]},
}


def export_options() -> Dict[str, Any]:
    """The argument specification of bhyve_export: flat, and as a list."""
    path = {"path": {"type": "path", "required": True}}
    element = {"vm": {"type": "str", "required": True}, **_EXPORT, **path}
    return {"vm": {"type": "str"}, **_EXPORT, "exports": {"type": "list", "elements": "dict", "options": element}}


def import_options() -> Dict[str, Any]:
    """The argument specification of bhyve_import: flat, and as a list."""
    element = {"path": {"type": "path", "required": True}, **_IMPORT}
    return {"path": {"type": "path"}, **_IMPORT, "imports": {"type": "list", "elements": "dict", "options": element}}


def exports_of(params: Mapping[str, Any]) -> List[Export]:
    """What a task of bhyve_export asks for; BadInput for options that do not fit together."""
    wanted = []
    for one in _elements(params, "exports", ("vm", "path"), ("vm", *_EXPORT)):
        vm = check_guest_name(one["vm"], "vm")
        path = _absolute(one["path"], f"guest {vm}: ")
        wanted.append(
            Export(
                vm,
                path,
                one.get("snapshot") or "",
                one.get("format") or AUTO,
                bool(one.get("force")),
                bool(one.get("skip_paths")),
            )
        )
    _check_once([one.path for one in wanted], "exports: the file")
    return wanted


def imports_of(params: Mapping[str, Any]) -> List[Import]:
    """What a task of bhyve_import asks for; BadInput for options that do not fit together."""
    wanted = []
    for one in _elements(params, "imports", ("path",), ("path", *_IMPORT)):
        path = _absolute(one["path"], "")
        name = check_guest_name(one["name"], "name") if one.get("name") else ""
        keep = one.get("keep_identity")
        wanted.append(Import(path, name, keep is None or bool(keep), one.get("backing") or ""))
    _check_once([one.name for one in wanted if one.name], "imports: the guest")
    return wanted


def _elements(
    params: Mapping[str, Any], plural: str, needed: Sequence[str], single: Sequence[str]
) -> List[Mapping[str, Any]]:
    given = [key for key in single if params.get(key) is not None]
    if params.get(plural) is not None:
        if given:
            raise BadInput(f"{plural}: {', '.join(given)} beside it; with {plural} every option stands in its element")
        elements: List[Mapping[str, Any]] = params[plural]
        return elements
    missing = [key for key in needed if not params.get(key)]
    if missing:
        raise BadInput(f"{' and '.join(missing)}: needed, unless {plural} is given")
    return [params]


def _absolute(path: str, where: str) -> str:
    if not path.startswith("/") or path.endswith("/") or not path.isprintable():
        raise BadInput(f"{where}path: {path!r} is not the absolute path of a file on the host")
    return os.path.normpath(path)


def _check_once(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"{what} {name} is there twice")
