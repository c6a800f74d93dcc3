# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rc.conf(5) may say of a server beside what is wanted."""

from __future__ import annotations

from typing import Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq.backend import check_flags_text
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.backend import Isc, check_chroot
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput


@pytest.mark.parametrize(
    ("enable", "includes", "right"),
    [
        (None, None, True),
        ("NO", None, True),
        ("YES", "/usr/local/etc/apiary", True),
        ("yes", "/usr/local/etc/", True),
        ("YES", None, False),
        ("on", "/usr/local/etc/apiary.d", False),
        ("1", "/", False),
    ],
)
def test_a_chroot_needs_a_copy_of_our_file(enable: Optional[str], includes: Optional[str], right: bool) -> None:
    for daemon, name in zip(Isc().daemons(), ("dhcpd", "dhcpd6")):
        values = {f"{name}_chroot_enable": enable, f"{name}_includedir": includes}
        if right:
            check_chroot(values, daemon)
        else:
            with pytest.raises(BadInput, match=f'only copied with {name}_includedir="/usr/local/etc/apiary"; say so'):
                check_chroot(values, daemon)


@pytest.mark.parametrize("flags", ["-C /x", "-q --conf-file=/x", "-C/x", "--conf-dir=/x,*.conf"])
def test_flags_that_name_another_configuration(flags: str) -> None:
    with pytest.raises(BadInput, match="conf: dnsmasq_flags of rc.conf names another configuration"):
        check_flags_text(flags)


def test_other_flags() -> None:
    check_flags_text(None)
    check_flags_text("-q --cache-size=1000")
