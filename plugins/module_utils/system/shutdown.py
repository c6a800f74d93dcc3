# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long the host waits for its guests when it shuts down: rc.shutdown(8) and, beyond it, init(8). Only raised."""

from __future__ import annotations

from typing import Dict, Optional

#: Seconds that /etc/rc.shutdown may take in all (rc.conf(5)).
RC_VARIABLE = "rcshutdown_timeout"
#: Seconds after which init(8) ends /etc/rc.shutdown itself.
SYSCTL = "kern.init_shutdown_timeout"
#: What init(8) gives beyond rc.shutdown.
BEYOND = 30

# What the kernel has where nobody sets it.
_KERNEL_DEFAULT = "120"


def at_least(current: Optional[str], seconds: int) -> str:
    """``current``, or ``seconds`` where it is less or no number."""
    enough = current is not None and current.isdigit() and int(current) >= seconds
    return current if current is not None and enough else str(seconds)


def sysctl_now(current: Optional[str], seconds: Optional[int]) -> Dict[str, str]:
    """The kernel variable to have now when guests need ``seconds``; {} when nobody says what they need."""
    return {} if seconds is None else {SYSCTL: at_least(current, seconds + BEYOND)}


def sysctl_at_boot(line: Optional[str], seconds: Optional[int]) -> Dict[str, str]:
    """The line of sysctl.conf(5) to have; {} when the one that is there, or the kernel's default, is enough."""
    if seconds is None:
        return {}
    value = at_least(_KERNEL_DEFAULT if line is None else line, seconds + BEYOND)
    return {} if line is None and value == _KERNEL_DEFAULT else {SYSCTL: value}


def rc_variable(current: Optional[str], seconds: Optional[int]) -> Dict[str, str]:
    """The variable of rc.conf(5) to have; {} when nobody says what the guests need."""
    return {} if seconds is None else {RC_VARIABLE: at_least(current, seconds)}
