# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that the collection writes for itself are JSON, and say by which schema; a newer one is left alone."""

from __future__ import annotations

import json
from typing import Any, Dict

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState


def parse(text: str, newest: int, path: str) -> Dict[str, Any]:
    """What such a file says, whose schema is at most ``newest``.

    UnknownState for a newer one. ValueError, KeyError and TypeError for what is no such file at all: whoever reads on
    meets the same, and says what to do about it.
    """
    data: Dict[str, Any] = json.loads(text)
    if int(data["schema"]) > newest:
        raise UnknownState(f"{path} has schema {data['schema']}: update the collection on the controller")
    return data
