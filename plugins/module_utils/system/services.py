# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of the host as service(8) tells of them."""

from __future__ import annotations

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host


def is_running(host: Host, name: str) -> bool:
    """Whether the daemon of a service of the base system runs, enabled or not. CommandError."""
    return host.run(["service", name, "onestatus"], what=f"cannot ask for {name}", accept=(0, 1)).rc == 0
