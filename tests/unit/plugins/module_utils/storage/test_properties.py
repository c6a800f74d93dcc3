# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of volumes: written by users in many ways, printed by zfs(8) in one."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import properties

GIB = 1 << 30


@pytest.mark.parametrize(
    "name, declared, printed, same",
    [
        ("compression", "lz4", "lz4", True),
        ("compression", "gzip-6", "gzip", True),
        ("compression", "gzip", "gzip-6", True),
        ("compression", "zstd-3", "zstd", True),
        ("compression", "on", "lz4", False),
        ("copies", "2", "2", True),
        ("copies", "2", "1", False),
        ("refreservation", "10G", str(10 * GIB), True),
        ("refreservation", "10240M", str(10 * GIB), True),
        ("refreservation", "none", "0", True),
        ("refreservation", "auto", str(GIB + (1 << 20)), True),
        ("refreservation", "auto", "0", False),
        ("reservation", "1G", str(2 * GIB), False),
        ("snapshot_limit", "none", "none", True),
        ("encryption", "on", "aes-256-gcm", True),
        ("encryption", "off", "aes-256-gcm", False),
        ("org.example:note", "gzip-6", "gzip", False),
    ],
)
def test_two_spellings_of_one_value_are_the_same(name: str, declared: str, printed: str, same: bool) -> None:
    assert properties.same(name, declared, printed, GIB) is same


@pytest.mark.parametrize(
    "given, text",
    [
        ({"volsize": "1G"}, "use the option size"),
        ({"volblocksize": "8K"}, "use the option volblocksize"),
        ({"volmode": "dev"}, "inherited from the guest's dataset"),
        ({"used": "1"}, "read-only"),
        ({"mountpoint": "/x"}, "property of file systems"),
        ({"Compression": "on"}, "not the name of a property"),
        ({"refreservation": "10"}, "has no unit"),
        ({"org.example:a": "x\ny"}, "line break"),
        ({"encryption": "on", "keyformat": "passphrase"}, "needs a keylocation"),
        ({"encryption": "on", "keyformat": "passphrase", "keylocation": "prompt"}, "needs a keylocation"),
    ],
)
def test_what_cannot_be_is_said_before_zfs_is_asked(given: dict[str, str], text: str) -> None:
    with pytest.raises(BadInput) as caught:
        properties.check_properties(given, "guest web1: disk root: ")
    assert text in str(caught.value) and str(caught.value).startswith("guest web1: disk root: properties")


def test_sizes_go_to_zfs_in_bytes() -> None:
    assert properties.for_command("refreservation", "1G") == str(GIB)
    assert properties.for_command("refreservation", "0") == "none"
    assert properties.for_command("compression", "zstd") == "zstd"


def test_what_is_declared_no_longer_is_inherited_where_it_can_be() -> None:
    assert properties.without("compression", thick=True) is None
    assert properties.without("reservation", thick=True) == "none"
    assert properties.without("refreservation", thick=True) == "auto"
    assert properties.without("refreservation", thick=False) == "none"
