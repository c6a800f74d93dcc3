# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FreeBSD's commands: one module (or package) a command or family, with PATHS and main(argv) -> exit status."""

from __future__ import annotations

TYPE_CHECKING = False  # every command imports this package: nothing here that only the discovery needs
if TYPE_CHECKING:
    from typing import Dict


def discover() -> Dict[str, str]:
    """Every path of a command, with the name of the module that serves it. Two modules for one path are an error."""
    import importlib
    import pkgutil

    found: Dict[str, str] = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = f"{__name__}.{info.name}"
        for path in importlib.import_module(module).PATHS:
            if path in found:
                raise ValueError(f"{path} is served by {found[path]} and by {module}")
            found[path] = module
    return found
