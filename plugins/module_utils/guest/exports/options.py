# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of bhyve_export and bhyve_import, and what a task asks for once they are checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
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
    "vm": {"type": "str", "required": True},
    "path": {"type": "path", "required": True},
    "snapshot": {"type": "str"},
    "format": {"type": "str", "choices": [AUTO, "stream", "image"]},
    "force": {"type": "bool"},
    "skip_paths": {"type": "bool"},
}
_IMPORT: Dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "name": {"type": "str"},
    "keep_identity": {"type": "bool"},
    "backing": {"type": "str", "choices": [*ZVOL, *FILE]},
}
_EXPORTS = Form("exports", "export", _EXPORT)
_IMPORTS = Form("imports", "import", _IMPORT)


def export_options() -> Dict[str, Any]:
    """The argument specification of bhyve_export: flat, and as a list."""
    return _EXPORTS.spec()


def import_options() -> Dict[str, Any]:
    """The argument specification of bhyve_import: flat, and as a list."""
    return _IMPORTS.spec()


def exports_of(params: Mapping[str, Any]) -> List[Export]:
    """What a task of bhyve_export asks for; BadInput for options that do not fit together."""
    wanted = []
    for one in _EXPORTS.elements(params):
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
    check_once([one.path for one in wanted], "exports")
    return wanted


def imports_of(params: Mapping[str, Any]) -> List[Import]:
    """What a task of bhyve_import asks for; BadInput for options that do not fit together."""
    wanted = []
    for one in _IMPORTS.elements(params):
        path = _absolute(one["path"], "")
        name = check_guest_name(one["name"], "name") if one.get("name") else ""
        keep = one.get("keep_identity")
        wanted.append(Import(path, name, keep is None or bool(keep), one.get("backing") or ""))
    check_once([one.name for one in wanted], "imports")
    return wanted


def _absolute(path: str, where: str) -> str:
    if not path.startswith("/") or path.endswith("/") or not path.isprintable():
        raise BadInput(f"{where}path: {path!r} is not the absolute path of a file on the host")
    return os.path.normpath(path)
