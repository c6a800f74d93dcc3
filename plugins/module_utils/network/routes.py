# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The default route, by route(8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

_ROUTE = ("route", "-n", "get", "default")
_ROUTE6 = ("route", "-n", "get", "-inet6", "default")


@dataclass(frozen=True)
class DefaultRoute:
    """Where packets go that no other route takes; ``gateway`` is '' for a route without one."""

    interface: str
    gateway: str


def read_default_route(host: Host) -> Optional[DefaultRoute]:
    """The default route, None when there is none. CommandError, UnknownState."""
    return _read(host, _ROUTE, "cannot read the default route")


def read_default_route6(host: Host) -> Optional[DefaultRoute]:
    """The same for IPv6."""
    return _read(host, _ROUTE6, "cannot read the default route for IPv6")


def _read(host: Host, argv: Sequence[str], what: str) -> Optional[DefaultRoute]:
    result = host.run(argv, what=what, accept=(0, 1))
    if result.rc == 1:
        if "has not been found" in result.stderr:
            return None
        raise UnknownState(f"{what}: `{' '.join(argv)}` exited 1: {result.stderr.strip() or 'it said nothing'}")
    return parse_route(result.stdout)


def parse_route(text: str) -> DefaultRoute:
    """What ``route get`` prints. UnknownState when it names no interface."""
    pairs = (line.partition(":") for line in text.splitlines())
    fields = {name.strip(): value.strip() for name, _colon, value in pairs}
    if not fields.get("interface"):
        raise UnknownState(f"`{' '.join(_ROUTE)}` exited 0 and named no interface: {text!r}")
    return DefaultRoute(fields["interface"], fields.get("gateway", ""))
