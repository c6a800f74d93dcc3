# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ngctl.txt: three virtio cards, the last one attached late; netgraph in use for a while; the tiny guest at hand."""

from __future__ import annotations

import json
import os
from typing import Any, Dict

from standin.host import StandinHost

from replay.network import cards
from replay.start import _bhyve

SETTINGS = {**_bhyve.SETTINGS, "uplinks": {"vtnet0": "wire0", "vtnet1": "wire1", "vtnet2": "wire2"}}
#: What the recorder had loaded before ng_ether, and the numbers that modules and nodes had reached.
_MODULES = ("vmm", "nmdm", "if_epair", "netgraph")
_FIRST, _NEXT = 10, 13
_NODES = {"vtnet0": 0x1, "vtnet1": 0x2, "vtnet2": 0x8D}
_LAST_NODE = 0x96


def prepare(host: StandinHost) -> None:
    cards(host, "vtnet0", "vtnet1", "vtnet2")
    host.sh("ifconfig vtnet0 inet 10.0.2.15/24; ifconfig vtnet1 up; ifconfig vtnet2 up", check=True)
    _bhyve.modules(host, *_MODULES)
    _bhyve.tiny(host)
    _set(host, "kld", {"last": _FIRST - 1})
    for module in ("ng_ether", "ng_eiface", "ng_socket"):
        host.run(["kldload", module], check=True)
    _set(host, "kld", {"last": _NEXT})
    host.run(["ngctl", "list"], check=True)
    _renumber(host)
    _bhyve.settling_sleep(host)


def _path(host: StandinHost, name: str) -> str:
    return os.path.join(host.directory, "kernel", name + ".json")


def _read(host: StandinHost, name: str) -> Dict[str, Any]:
    with open(_path(host, name), encoding="utf-8") as stream:
        document: Dict[str, Any] = json.load(stream)
    return document


def _set(host: StandinHost, name: str, changes: Dict[str, Any]) -> None:
    document = {**_read(host, name), **changes}
    with open(_path(host, name), "w", encoding="utf-8") as stream:
        json.dump(document, stream)


def _renumber(host: StandinHost) -> None:
    """The nodes of the cards get the recorder's numbers; its third card came after lo0."""
    nodes: Dict[str, Any] = {}
    for node in _read(host, "netgraph")["nodes"].values():
        if node["name"] in _NODES:
            node["id"] = _NODES[node["name"]]
            nodes[str(node["id"])] = node
    _set(host, "netgraph", {"nodes": nodes, "last": _LAST_NODE})
    network = _read(host, "ifnet")
    late = next(entry["index"] for entry in network["interfaces"].values() if entry["name"] == "vtnet2")
    _set(host, "ifnet", {"order": [index for index in network["order"] if index != late] + [late]})
