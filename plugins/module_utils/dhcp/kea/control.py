# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands to a running Kea, by its unix control socket.

Source: Kea Administrator Reference Manual, "Management API", "Host Commands".
"""

from __future__ import annotations

import json
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.hosts import entry
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: Seconds. A reload of 10 000 reservations takes a fifth of one.
_PATIENCE = 60.0
_DONE, _UNSUPPORTED, _NOTHING = 0, 2, 3
#: Where global reservations are, as far as commands go.
_GLOBAL = {"subnet-id": 0, "operation-target": "memory"}
_HOST_COMMANDS = frozenset(("reservation-add", "reservation-del", "reservation-get-all"))
#: More changes than that are told by one reload.
_FEW = 50


class Control:
    """The control socket of one daemon."""

    def __init__(self, host: Host, path: str, service: str) -> None:
        self._host, self._path, self._service = host, path, service

    def commands(self) -> FrozenSet[str]:
        """The names of the commands that it knows. ApiaryError when nobody answers there."""
        answer = self._ask("list-commands")
        if answer["result"] != _DONE or not isinstance(answer.get("arguments"), list):
            raise self._refused("list-commands", answer)
        return frozenset(str(name) for name in answer["arguments"])

    def reload(self) -> None:
        """Have it read its configuration again, its process stays; ApiaryError when it minds what it reads."""
        answer = self._ask("config-reload")
        if answer["result"] != _DONE:
            raise self._refused("config-reload", answer)

    def amend(self, before: Sequence[Reservation], after: Sequence[Reservation], family: int) -> bool:
        """Tell it only of the reservations that differ; says whether it now has all of ``after``.

        It has not where it lacks host_cmds, where it had others than ``before``, or would not take one of them, and
        where a reload is as good.
        """
        old, new = ({one.mac: entry(one, family) for one in all_of} for all_of in (before, after))
        gone = [mac for mac in old if old[mac] != new.get(mac)]
        added = [mac for mac in new if new[mac] != old.get(mac)]
        if not 0 < len(gone) + len(added) <= _FEW or not self.commands() >= _HOST_COMMANDS:
            return False
        if self._all() != _comparable(old.values()):
            return False
        for mac in gone:
            arguments = {**_GLOBAL, "identifier-type": "hw-address", "identifier": mac}
            if self._ask("reservation-del", arguments)["result"] not in (_DONE, _NOTHING):
                return False
        for mac in added:
            arguments = {"reservation": {"subnet-id": 0, **new[mac]}, "operation-target": "memory"}
            if self._ask("reservation-add", arguments)["result"] != _DONE:
                return False
        return True

    def _all(self) -> Optional[List[str]]:
        """The global reservations that it has, in a form to compare; None when it does not tell."""
        answer = self._ask("reservation-get-all", _GLOBAL)
        if answer["result"] == _NOTHING:
            return []
        hosts = answer["arguments"].get("hosts") if isinstance(answer.get("arguments"), dict) else None
        return _comparable(hosts) if answer["result"] == _DONE and isinstance(hosts, list) else None

    def _ask(self, command: str, arguments: Optional[Mapping[str, object]] = None) -> Dict[str, Any]:
        what = f"cannot give {self._service} the command {command}"
        request = {"command": command, **({"arguments": dict(arguments)} if arguments else {})}
        text = self._host.ask(self._path, json.dumps(request), what=what, timeout=_PATIENCE, complete=_is_json)
        try:
            answer: Dict[str, Any] = json.loads(text)
            int(answer["result"])
        except (ValueError, KeyError, TypeError) as error:
            raise UnknownState(f"{what}: it answered {text[:200]!r}") from error
        return answer

    def _refused(self, command: str, answer: Mapping[str, Any]) -> ApiaryError:
        return ApiaryError(
            f"{self._service} refused {command} with result {answer['result']}: {answer.get('text', '')}"
        )


def _is_json(text: str) -> bool:
    """Whether an answer has come as a whole."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _comparable(entries: Any) -> List[str]:
    """Reservations as sorted texts: what is empty or for readers only is left out, and options are their numbers."""
    found = []
    for one in entries:
        fields = {
            key: value
            for key, value in one.items()
            if value not in ("", [], None, "0.0.0.0") and key not in ("subnet-id", "user-context")
        }
        if "option-data" in fields:
            fields["option-data"] = sorted((option.get("code"), option.get("data")) for option in one["option-data"])
        found.append(json.dumps(fields, sort_keys=True))
    return sorted(found)
