# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of rc.conf(5) as YAML has them."""

from __future__ import annotations

from typing import Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput


def is_yes(value: Optional[str]) -> bool:
    """Whether a variable says yes, as checkyesno of rc.subr(8) takes it; None: it is not set."""
    return (value or "").lower() in ("yes", "true", "on", "1")


def rc_value(value: object, name: str) -> str:
    """The text for a value as YAML has it: booleans as YES and NO, lists as their items with blanks between them.

    BadInput for anything that is no text.
    """
    if isinstance(value, bool):
        return "YES" if value else "NO"
    if isinstance(value, (str, int, float)):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(rc_value(item, name) for item in value)
    raise BadInput(f"{name}: a value is a text, a number, a boolean or a list of these, not {value!r}")
