# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports run one way, as docs/architecture.md says."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterator, Set, Tuple

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
PREFIX = "ansible_collections.apiary.bhyve.plugins."

HELPERS = {"allocations", "errors", "forms", "places", "rc_values", "schemas", "sizes", "waiting"}
DOING = {"host", "locks", "plan", "pipes", "processes", *HELPERS}
MAY_USE: Dict[str, Set[str]] = {
    **{name: HELPERS for name in HELPERS},
    "host": HELPERS,
    "locks": {"host", *HELPERS},
    "plan": {"host", *HELPERS},
    "pipes": {"host", *HELPERS},
    "processes": {"host", *HELPERS},
    "results": {"plan", *HELPERS},
    "module": {"results", *DOING},
    "network": {"system", "results", *DOING},
    "boot": {"storage", "system", "results", *DOING},
    "passthru": {"network", "storage", "system", "results", *DOING},
    "dhcp": {"network", "system", "results", *DOING},
    "storage": DOING,
    "system": {"storage", *DOING},
    "guest": {"storage", "network", "passthru", "dhcp", "boot", "system", "results", *DOING},
    "filter": {"dhcp"},
    "modules": {"guest", "boot", "dhcp", "network", "passthru", "storage", "system", "module", "results", *DOING},
}


def part_of(name: str) -> str:
    """The part that a module, by its name below plugins, belongs to."""
    words = name.split(".")
    return words[1] if words[0] == "module_utils" else words[0]


def imports() -> Iterator[Tuple[Path, str, str]]:
    """Each import of ours: the file, its part, and the part that it uses."""
    for path in sorted(PLUGINS.rglob("*.py")):
        mine = part_of(".".join(path.relative_to(PLUGINS).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(PREFIX):
                continue
            module = str(node.module)[len(PREFIX) :]
            for name in [module] if module != "module_utils" else [f"{module}.{one.name}" for one in node.names]:
                yield path, mine, part_of(name)


def test_imports_run_downwards() -> None:
    found = list(imports())
    assert len(found) > 300
    wrong = {
        f"{path.relative_to(PLUGINS)} uses {other}"
        for path, mine, other in found
        if other != mine and other not in MAY_USE[mine]
    }
    assert wrong == set()


def test_only_what_modules_share_knows_ansible() -> None:
    knows = {
        str(path.relative_to(PLUGINS))
        for path in (PLUGINS / "module_utils").rglob("*.py")
        if "\nfrom ansible." in path.read_text() or "\nimport ansible" in path.read_text()
    }
    assert knows == {"module_utils/module.py"}
