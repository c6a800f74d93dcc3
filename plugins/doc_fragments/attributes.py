# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of this collection have in common: how they behave, and what they need on the host."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragments; see the modules for how they are used."""

    DOCUMENTATION: str = r"""
options: {}
notes:
  - The module runs on the FreeBSD host itself and needs Python 3.9 or later there, from its standard library only.
  - It must run as root; use C(become=true) when you log in as somebody else.
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what it would do without doing it.
    support: full
    details:
      - What it tells and what it does come from one plan.
  diff_mode:
    description: Returns what differs when in C(diff_mode).
    support: full
  idempotent:
    description: Does nothing, and says so, when run again with the same options.
    support: full
"""

    INFO: str = r"""
options: {}
notes:
  - The module runs on the FreeBSD host itself and needs Python 3.9 or later there, from its standard library only.
  - It must run as root; use C(become=true) when you log in as somebody else.
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what it would do without doing it.
    support: full
    details:
      - This module does not change anything.
  diff_mode:
    description: Returns what differs when in C(diff_mode).
    support: N/A
    details:
      - This module does not change anything.
  idempotent:
    description: Does nothing, and says so, when run again with the same options.
    support: full
    details:
      - This module does not change anything.
"""

    ACTION_GROUP: str = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/apiary.bhyve.bhyve) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - apiary.bhyve.bhyve
"""
