# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task about switches of several kinds: which kind each is of, and what is refused whatever the kind."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import check_uplinks_apart
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.task import (
    KINDS,
    asked_of,
    elements_of,
    module_options,
)

_BRIDGE = {"type": "bridge", "interface": "bridge1000", "uplink": "em0"}


def test_a_list_names_what_is_there_twice() -> None:
    with pytest.raises(BadInput, match="switches: lan is there twice, as element 1 and as element 3"):
        elements_of({"switches": [{"name": "lan"}, {"name": "b"}, {"name": "lan"}]})


def test_a_switch_is_what_it_was_made_as_and_else_a_bridge() -> None:
    records = {"old": {"type": "vale", "interface": "vale0"}}
    with pytest.raises(BadInput, match="switch old: type: bridge; it is a switch of type vale, .* absent first"):
        asked_of([{"name": "old", "type": "bridge", "state": "absent"}], records)
    new = asked_of([{"name": "new"}], records)[0]
    assert (new.type, new.present) == ("bridge", True)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_option_means_the_same_for_every_kind_that_has_it(kind: str) -> None:
    for other in KINDS.values():
        for name, spec in other.options().items():
            assert KINDS[kind].options().get(name, spec) == spec, name


def test_an_uplink_is_in_switches_of_one_kind() -> None:
    vale: Dict[str, Any] = {"type": "vale", "interface": "vale0", "uplink": "em0"}
    with pytest.raises(BadInput, match="switch new: uplink: em0 is the uplink of the bridge switch old"):
        check_uplinks_apart({"old": _BRIDGE, "new": vale}, ["new"])
    check_uplinks_apart({"old": _BRIDGE, "new": {**vale, "uplink": ""}}, ["new"])


def test_only_bridges_have_what_moves_addresses() -> None:
    assert {"move_timeout", "move_confirm", "uplink_address"} <= set(module_options())
    assert not {"move_timeout", "move_confirm", "uplink_address"} & set(module_options("vale"))
    for kind in ("vale", "netgraph"):
        with pytest.raises(BadInput, match=f"switch a: uplink_address: a switch of type {kind} has no such option"):
            asked_of([{"name": "a", "type": kind, "uplink_address": "move"}], {})
