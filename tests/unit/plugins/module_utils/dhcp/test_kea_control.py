# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands to Kea by its socket: a reload, or only what differs where it has host_cmds."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.control import Control
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.hosts import entry
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

HOST_COMMANDS = ["reservation-add", "reservation-del", "reservation-get-all"]


def reservation(number: int, address: str, **more: Any) -> Reservation:
    return Reservation(f"web{number}", "dhcpd_host", f"5a:00:00:00:00:{number:02x}", ip=(address,), **more)


class Kea:
    """A Kea as far as its commands for reservations go: 3.0 with host_cmds has them, others do not."""

    def __init__(self, path: Path, *reservations: Reservation, commands: List[str]) -> None:
        self.path = str(path)
        self.asked: List[str] = []
        self.known = ["config-reload", "list-commands", *commands]
        # As host_cmds tells them: with the fields that are not set.
        self.hosts: Dict[str, Dict[str, Any]] = {
            one.mac: {
                "boot-file-name": "",
                "client-classes": [],
                "next-server": "0.0.0.0",
                "subnet-id": 0,
                **entry(one, 4),
            }
            for one in reservations
        }
        self.refuses: List[str] = []

    def answer(self, request: Dict[str, Any]) -> Dict[str, Any]:
        command, arguments = request["command"], request.get("arguments", {})
        self.asked.append(command)
        if command not in self.known:
            return {"result": 2, "text": f"'{command}' command not supported."}
        if command in self.refuses:
            return {"result": 1, "text": "no"}
        if command == "list-commands":
            return {"result": 0, "arguments": self.known}
        if command == "reservation-get-all":
            assert arguments == {"subnet-id": 0, "operation-target": "memory"}
            return {"result": 0 if self.hosts else 3, "arguments": {"hosts": list(self.hosts.values())}}
        if command == "reservation-del":
            assert arguments["identifier-type"] == "hw-address"
            return {"result": 3 if self.hosts.pop(arguments["identifier"], None) is None else 0}
        if command == "reservation-add":
            assert arguments["operation-target"] == "memory"
            self.hosts[arguments["reservation"]["hw-address"]] = arguments["reservation"]
        return {"result": 0}

    @contextlib.contextmanager
    def serving(self) -> Iterator[Control]:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path)
            listener.listen()
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
            yield Control(Host(), self.path, "kea-dhcp4")

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _unused = listener.accept()
                with wire:
                    text = json.dumps(self.answer(json.loads(wire.recv(65536)))).encode()
                    for place in range(0, len(text), 100):
                        wire.sendall(text[place : place + 100])


class Mute(Kea):
    """One that says nothing that means anything."""

    def answer(self, request: Dict[str, Any]) -> Dict[str, Any]:
        return {"text": "?"}


BEFORE = [reservation(1, "10.0.0.1", options=(("domain-name", "lab"),)), reservation(2, "10.0.0.2")]
AFTER = [reservation(1, "10.0.0.11", options=(("domain-name", "lab"),)), reservation(3, "10.0.0.3")]


def test_with_host_cmds_it_is_told_what_differs_only(tmp_path: Path) -> None:
    kea = Kea(tmp_path / "s", *BEFORE, commands=HOST_COMMANDS)
    with kea.serving() as control:
        assert control.amend(BEFORE, AFTER, 4)
    assert sorted((mac, host["ip-address"]) for mac, host in kea.hosts.items()) == [
        ("5a:00:00:00:00:01", "10.0.0.11"),
        ("5a:00:00:00:00:03", "10.0.0.3"),
    ]
    assert "config-reload" not in kea.asked


def test_without_host_cmds_there_is_nothing_to_amend(tmp_path: Path) -> None:
    kea = Kea(tmp_path / "s", *BEFORE, commands=[])
    with kea.serving() as control:
        assert not control.amend(BEFORE, AFTER, 4)
        control.reload()
    assert kea.asked == ["list-commands", "config-reload"]


@pytest.mark.parametrize("refused", HOST_COMMANDS)
def test_what_it_refuses_is_left_to_a_reload(tmp_path: Path, refused: str) -> None:
    kea = Kea(tmp_path / "s", *BEFORE, commands=HOST_COMMANDS)
    kea.refuses.append(refused)
    with kea.serving() as control:
        assert not control.amend(BEFORE, AFTER, 4)


def test_one_that_has_others_than_it_should_is_not_amended(tmp_path: Path) -> None:
    kea = Kea(tmp_path / "s", BEFORE[0], commands=HOST_COMMANDS)
    with kea.serving() as control:
        assert not control.amend(BEFORE, AFTER, 4)
    assert list(kea.hosts) == [BEFORE[0].mac]


def test_many_differences_are_left_to_a_reload(tmp_path: Path) -> None:
    kea = Kea(tmp_path / "s", commands=HOST_COMMANDS)
    with kea.serving() as control:
        assert not control.amend([], [reservation(number, f"10.0.0.{number}") for number in range(1, 100)], 4)
    assert not kea.asked


def test_its_reason_for_refusing_a_reload_is_told(tmp_path: Path) -> None:
    kea = Kea(tmp_path / "s", commands=[])
    kea.refuses.append("config-reload")
    with (
        kea.serving() as control,
        pytest.raises(ApiaryError, match="kea-dhcp4 refused config-reload with result 1: no"),
    ):
        control.reload()


def test_a_socket_at_which_nobody_listens_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "dead"):
        if path.name == "dead":
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(path))
        with pytest.raises(ApiaryError) as error:
            Control(Host(), str(path), "kea-dhcp4").commands()
        assert f"cannot give kea-dhcp4 the command list-commands: {path}: " in str(error.value)


def test_an_answer_that_is_none_is_unknown_state(tmp_path: Path) -> None:
    kea = Mute(tmp_path / "s", commands=[])
    with kea.serving() as control, pytest.raises(UnknownState, match="it answered"):
        control.reload()
