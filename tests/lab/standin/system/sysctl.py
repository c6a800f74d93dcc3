# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of sysctl variables: names, values, changes."""

from __future__ import annotations

from typing import Dict, List, Optional

from .. import forwarding, state
from . import boot, klds, sysctl_table, sysctl_values
from .sysctl_table import Variable


def _present(variable: Variable) -> bool:
    return not variable.module or klds.loaded(variable.module)


def known() -> Dict[str, Variable]:
    """The variables that the kernel has now: those of its own and of its modules."""
    boot.start()
    return {name: variable for name, variable in sysctl_table.variables().items() if _present(variable)}


def find(name: str) -> Optional[List[Variable]]:
    """The variable of that name, or all below a node of it; None: unknown."""
    table = known()
    if name in table:
        return [table[name]]
    below = [variable for key, variable in table.items() if key.startswith(name.rstrip(".") + ".")]
    return below or None


def value(name: str) -> Optional[str]:
    """The value as text; None: there is no such variable."""
    variable = known().get(name)
    return None if variable is None else read(variable)


def read(variable: Variable) -> str:
    """The variable's value as text."""
    changed = state.peek("kernel", "sysctl").get("values", {})
    if variable.name in changed:
        return str(changed[variable.name])
    return sysctl_values.compute(variable.value[1:]) if variable.value.startswith("@") else variable.value


def write(variable: Variable, text: str) -> None:
    """Change the value; what Linux's kernel must know as well is told to it."""
    if variable.name == "kern.hostname":
        import socket

        socket.sethostname(text)
        return
    with state.kernel("sysctl") as doc:
        doc.setdefault("values", {})[variable.name] = text
    if variable.name in forwarding.VARIABLES:
        forwarding.tell(variable.name, text)
    if variable.name.startswith("net.link.bridge.pfil_"):
        from ..pf import kernel, translate

        translate.apply(kernel.look())
    if variable.name.startswith("net.inet.ip.fw."):
        from .. import ipfw

        ipfw.apply(ipfw.look())
