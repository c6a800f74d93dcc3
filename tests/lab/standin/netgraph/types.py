# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the document ``kernel("netgraph")``, and what netgraph(4) holds names to."""

from __future__ import annotations

from typing import Dict, List, TypedDict

#: NG_NODESIZ - 1 and NG_HOOKSIZ - 1: names beyond are cut.
NAME_MAX = 31
#: Node type -> kernel module.
MODULES = {"bridge": "ng_bridge", "socket": "ng_socket", "eiface": "ng_eiface", "ether": "ng_ether"}


class Hook(TypedDict):
    """One end of an edge: its name, the node at the other end and that end's name."""

    name: str
    peer: int
    peerhook: str


class _Required(TypedDict):
    id: int
    type: str
    name: str
    hooks: List[Hook]


class Node(_Required, total=False):
    """A node; hooks stand newest first, as the kernel keeps them.

    ``interface``: index of the interface of an ether or eiface node, ``label`` its name when it was looked at last;
    ``unit`` of an eiface's. ``pid`` and ``started``: who has a socket's node; ``data``: it passes frames. ``base``: by
    hook, what was counted when the statistics of a bridge were cleared last.
    """

    interface: int
    label: str
    unit: int
    persistent: bool
    promisc: bool
    autosrc: bool
    pid: int
    started: int
    data: bool
    base: Dict[str, List[int]]


class Document(TypedDict):
    """``last``: the number given last; ``mask``: of the kernel's hash of numbers, by which nodes are listed.

    ``ports``: Linux device -> Linux bridge, as it was made real last; ``bridges``: those bridges; ``split``: indexes of
    the interfaces whose wire and whose host's side are two devices.
    """

    last: int
    mask: int
    nodes: Dict[str, Node]
    ports: Dict[str, str]
    bridges: List[str]
    split: List[int]
