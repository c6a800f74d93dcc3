# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of what preparing changed in files that are not ours, so that it can be taken back: made.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import MADE

SCHEMA = 1

#: For each name what we set it to and what it was before (None: it was not set).
Lines = Dict[str, Dict[str, Optional[str]]]


@dataclass
class Made:
    """Lines in sysctl.conf, loader.conf and rc.conf, items of kld_list, and whether the root dataset is ours."""

    sysctl: Lines = field(default_factory=dict)
    loader: Lines = field(default_factory=dict)
    rc: Lines = field(default_factory=dict)
    kld_list: List[str] = field(default_factory=list)
    dataset: str = ""
    directory: str = ""


def note(lines: Lines, current: Mapping[str, Optional[str]], wanted: Mapping[str, Optional[str]]) -> None:
    """Note what is about to be set; what a name was before its first time stays noted."""
    for name, value in wanted.items():
        if current.get(name) != value:
            before = lines[name]["before"] if name in lines else current.get(name)
            lines[name] = {"before": before, "set": value}


def take_back(lines: Lines, current: Mapping[str, Optional[str]]) -> Dict[str, Optional[str]]:
    """What to set to be as before; what somebody changed after us is left to them."""
    return {name: line["before"] for name, line in lines.items() if current.get(name) == line["set"]}


def read_made(host: Host) -> Made:
    """Read made.json; UnknownState for a newer schema or anything that is not it."""
    text = host.read(MADE)
    if text is None:
        return Made()
    try:
        data = json.loads(text)
        schema = data.pop("schema")
        if schema != SCHEMA:
            raise UnknownState(f"{MADE} has schema {schema}, this release knows {SCHEMA}; update the collection")
        return Made(**data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownState(f"{MADE} cannot be read: {error!r}; restore it, or remove it if this host is new") from error


def render(made: Made) -> str:
    """The text of made.json."""
    return json.dumps({"schema": SCHEMA, **vars(made)}, indent=2, sort_keys=True) + "\n"
