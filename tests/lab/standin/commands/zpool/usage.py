# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The usage texts of zpool(8)."""

from __future__ import annotations

from typing import List

from ...zfs.poolprops import help_table
from ...zfs.usage import Groups, Usage

_GROUPS: Groups = (
    (("version", ("version",)),),
    (
        (
            "create",
            (
                "create [-fnd] [-o property=value] ... ",
                "    [-O file-system-property=value] ... ",
                "    [-m mountpoint] [-R root] <pool> <vdev> ...",
            ),
        ),
        ("destroy", ("destroy [-f] <pool>",)),
    ),
    (
        ("add", ("add [-fgLnP] [-o property=value] <pool> <vdev> ...",)),
        ("remove", ("remove [-npsw] <pool> <device> ...",)),
    ),
    (("labelclear", ("labelclear [-f] <vdev>",)),),
    (("checkpoint", ("checkpoint [-d [-w]] <pool> ...",)),),
    (
        (
            "list",
            (
                "list [-gHLpPv] [-o property[,...]] [-T d|u] [pool] ... ",
                "    [interval [count]]",
            ),
        ),
        (
            "iostat",
            (
                "iostat [[[-c [script1,script2,...][-lq]]|[-rw]] [-T d | u] [-ghHLpPvy]",
                "    [[pool ...]|[pool vdev ...]|[vdev ...]] [[-n] interval [count]]",
            ),
        ),
        (
            "status",
            (
                "status [-c [script1,script2,...]] [-igLpPstvxD]  [-T d|u] [pool] ... ",
                "    [interval [count]]",
            ),
        ),
    ),
    (
        ("online", ("online [-e] <pool> <device> ...",)),
        ("offline", ("offline [-f] [-t] <pool> <device> ...",)),
        ("clear", ("clear [-nF] <pool> [device]",)),
        ("reopen", ("reopen [-n] <pool>",)),
    ),
    (
        ("attach", ("attach [-fsw] [-o property=value] <pool> <device> <new-device>",)),
        ("detach", ("detach <pool> <device>",)),
        ("replace", ("replace [-fsw] [-o property=value] <pool> <device> [new-device]",)),
        (
            "split",
            (
                "split [-gLnPl] [-R altroot] [-o mntopts]",
                "    [-o property=value] <pool> <newpool> [<device> ...]",
            ),
        ),
    ),
    (
        ("initialize", ("initialize [-c | -s] [-w] <pool> [<device> ...]",)),
        ("resilver", ("resilver <pool> ...",)),
        ("scrub", ("scrub [-s | -p] [-w] <pool> ...",)),
        ("trim", ("trim [-dw] [-r <rate>] [-c | -s] <pool> [<device> ...]",)),
    ),
    (
        (
            "import",
            (
                "import [-d dir] [-D]",
                "import [-o mntopts] [-o property=value] ... ",
                "    [-d dir | -c cachefile] [-D] [-l] [-f] [-m] [-N] [-R root] [-F [-n]] -a",
                "import [-o mntopts] [-o property=value] ... ",
                "    [-d dir | -c cachefile] [-D] [-l] [-f] [-m] [-N] [-R root] [-F [-n]]",
                "    [--rewind-to-checkpoint] <pool | id> [newpool]",
            ),
        ),
        ("export", ("export [-af] <pool> ...",)),
        (
            "upgrade",
            (
                "upgrade",
                "upgrade -v",
                "upgrade [-V version] <-a | pool ...>",
            ),
        ),
        ("reguid", ("reguid <pool>",)),
    ),
    (
        ("history", ("history [-il] [<pool>] ...",)),
        ("events", ("events [-vHf [pool] | -c]",)),
    ),
    (
        ("get", ('get [-Hp] [-o "all" | field[,...]] <"all" | property[,...]> <pool> ...',)),
        ("set", ("set <property=value> <pool> ",)),
        ("sync", ("sync [pool] ...",)),
    ),
    (("wait", ("wait [-Hp] [-T d|u] [-t <activity>[,...]] <pool> [interval]",)),),
)


def _properties() -> List[str]:
    head = ["", "the following properties are supported:", "", "\tPROPERTY             EDIT   VALUES", ""]
    return [
        *head,
        *help_table(),
        "",
        "The feature@ properties must be appended with a feature name.",
        "See zpool-features(7).",
    ]


USAGE = Usage(program="zpool", groups=_GROUPS, with_properties=("set", "get", "list"), properties=_properties)
