# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Apiary's own files are on a host (hier(7)); what belongs to one guest is in guest/names."""

from __future__ import annotations

#: What the role bhyve_host decided for the others; sh(1) can read it.
CONF = "/usr/local/etc/apiary.conf"

#: What is known of this host and stays when it boots.
STATE = "/var/db/apiary"
CAPABILITIES = f"{STATE}/capabilities.json"
#: The numbers and names of this host that its guests have.
ALLOCATIONS = f"{STATE}/host.json"
#: What of the host's own configuration was made by bhyve_host.
MADE = f"{STATE}/made.json"

#: What is gone when the host boots: locks, pids, how guests run.
RUN = "/var/run/apiary"
HOST_LOCK = f"{RUN}/host.lock"
#: Of guests that are exported or imported: locks, and how far that is.
WORK = f"{RUN}/.work"
#: Of addresses that move between an uplink and its bridge.
MOVE = f"{RUN}/.move"

#: The host's DHCP server, as dhcp_server has set it up, and which reservations there are.
DHCP_NOTE = "/usr/local/etc/apiary/dhcp.json"
RESERVATIONS = f"{STATE}/reservations.json"
#: A file for each DHCP daemon whose files have changed and that has not been told yet.
DHCP_OWED = f"{RUN}/.dhcp"

LOGS = "/var/log/apiary"

#: The runtime: what is called, and the files that it reads.
RUNTIME = "/usr/local/libexec/apiary"
RUNTIME_PARTS = (f"{RUNTIME}.subr", f"{RUNTIME}.checkpoint", f"{RUNTIME}.supervisor")
#: The runtime where an administrator's shell finds it.
LINK = "/usr/local/sbin/apiary"
RC_SCRIPT = "/usr/local/etc/rc.d/apiary"
#: What makes of switches what rc.conf cannot; at boot that is called by a script of rc(8).
NETWORK = f"{RUNTIME}.network"
NETWORK_RC_SCRIPT = "/usr/local/etc/rc.d/apiary_network"
#: What it reads: a file for each switch that needs it, as sh variables.
SWITCHES = "/usr/local/etc/apiary/switches"
#: Their rules for pf(4), a file each.
PF = "/usr/local/etc/apiary/pf"
NEWSYSLOG = "/usr/local/etc/newsyslog.conf.d/apiary.conf"


def guest_log(guest: str) -> str:
    """What a guest's supervisor and its bhyve have printed."""
    return f"{LOGS}/{guest}.log"
