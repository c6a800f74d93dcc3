# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VLANs of a member of a bridge that filters them."""

from __future__ import annotations

from typing import List, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import (
    Lanes,
    changes,
    check_release,
    parse_vlans,
)


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        ([], ""),
        (["30", "10-20"], "10-20,30"),
        (["10", "11", "12-14", "13"], "10-14"),
        (["1-4094"], "1-4094"),
        (["all"], "1-4094"),
        (["5, 7-8", "6"], "5-8"),
    ],
)
def test_a_set_is_written_as_ifconfig_writes_it(texts: List[str], written: str) -> None:
    assert parse_vlans(texts, "tagged") == written


@pytest.mark.parametrize("text", ["0", "4095", "-1", "20-10", "10-", "x", "", "1-4095", "none", "1 2"])
def test_what_is_no_vlan_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadInput, match="^nic lan: tagged: "):
        parse_vlans(["3", text], "nic lan: tagged")


def test_words_for_a_new_member() -> None:
    assert Lanes().words == []
    assert Lanes(20, "10-19,30").words == ["untagged", "20", "tagged", "10-19,30"]


@pytest.mark.parametrize(
    ("wanted", "live", "words"),
    [
        (Lanes(20, "30"), Lanes(20, "30"), ""),
        (Lanes(20, "30"), None, "ifuntagged em0 20 iftagged em0 30"),
        (Lanes(), Lanes(20, "30"), "-ifuntagged em0 iftagged em0 none"),
        (Lanes(20), Lanes(21), "ifuntagged em0 20"),
    ],
)
def test_words_for_what_differs(wanted: Lanes, live: Optional[Lanes], words: str) -> None:
    assert " ".join(changes("em0", wanted, live)) == words


def test_releases_whose_bridges_know_no_vlans() -> None:
    check_release(1500068, "switch lan: vlan_filter")
    with pytest.raises(BadInput, match=r"switch lan: vlan_filter: .* \(14, kern.osreldate 1403000\) know no VLANs"):
        check_release(1403000, "switch lan: vlan_filter")
