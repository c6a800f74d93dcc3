# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A move that waits is confirmed once, or the old state is told to be back; and the program does as it is told."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import List, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Moved, Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import state as uplink_state
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.moves import Move
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.program import Gateways, program

pytestmark = pytest.mark.usefixtures("files_of_anybody")
LAN = Switch("lan", "bridge1000", uplink="em0", mac="00:11:22:33:44:55", moved=Moved(("192.0.2.10/24",)))
MOVE = Move("lan", LAN, Interface("em0", ("UP",), 1500, ether=LAN.mac, inet=("192.0.2.10/24",)), None)


class Machine(Host):
    """A host on which commands are only noted; files are real."""

    def __init__(self) -> None:
        super().__init__()
        self.told: List[Sequence[str]] = []

    def run(self, argv: Sequence[str], **_options: object) -> Result:
        self.told.append(argv)
        return Result(tuple(argv), 0, "", "")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files of a move are."""
    monkeypatch.setattr(uplink_state, "MOVE", str(tmp_path / "move"))
    return tmp_path / "move"


def begun(place: Path) -> str:
    """A move that was started and waits; by what it is confirmed."""
    machine = Machine()
    waiting = uplink_state.start(machine, [MOVE], Gateways(), 60)
    assert machine.told == [["daemon", "-f", f"{place}/program"]] and os.access(place / "program", os.X_OK)
    (place / "moving").rename(place / "waiting")
    return waiting.identity


def test_a_move_that_waits_is_confirmed_and_keeps_others_away(place: Path) -> None:
    uplink_state.refuse_beside_another(Machine())
    identity = begun(place)
    with pytest.raises(BadInput, match="move 192.0.2.10/24 from em0 to bridge1000"):
        uplink_state.refuse_beside_another(Machine())
    # Twice, for the connection may break behind the first.
    for _time in range(2):
        assert uplink_state.confirm(Machine(), identity) == {"lan": [MOVE.describe()]}
    assert (place / "confirmed").exists() and not (place / "waiting").exists()
    uplink_state.refuse_beside_another(Machine())


def test_what_was_put_back_or_is_not_known_is_no_success(place: Path) -> None:
    with pytest.raises(ApiaryError, match="the host has been booted since"):
        uplink_state.confirm(Machine(), "x")
    identity = begun(place)
    with pytest.raises(ApiaryError, match="another task has moved them"):
        uplink_state.confirm(Machine(), "x")
    (place / "waiting").rename(place / "reverted")
    (place / "reason").write_text("no link\n")
    with pytest.raises(ApiaryError, match=r"the old state was put back: no link \("):
        uplink_state.confirm(Machine(), identity)


def test_one_that_was_left_behind_keeps_nobody_away_for_ever(place: Path) -> None:
    begun(place)
    note = json.loads((place / "move.json").read_text())
    (place / "move.json").write_text(json.dumps({**note, "until": time.time() - 1}))
    uplink_state.refuse_beside_another(Machine())


@pytest.mark.parametrize(("confirmed", "state"), [(True, "confirmed"), (False, "reverted")])
def test_the_program_waits_and_then_has_decided(tmp_path: Path, confirmed: bool, state: str) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("ifconfig", "route", "service"):
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\necho "status: active"\n')
        (tools / name).chmod(0o755)
    text = program([MOVE], Gateways("192.0.2.1"), str(tmp_path), 2**22 + 1, 30 if confirmed else 1)
    path = tmp_path / "program"
    path.write_text(text.replace("PATH=/sbin", f"PATH={tools}:/sbin"))
    (tmp_path / "moving").touch()
    with subprocess.Popen(["sh", str(path)]) as process:
        while confirmed and process.poll() is None:
            try:
                (tmp_path / "waiting").rename(tmp_path / "confirmed")
            except FileNotFoundError:
                time.sleep(0.05)
            else:
                break
        assert process.wait(timeout=60) == 0
    assert (tmp_path / state).exists() and not (tmp_path / "waiting").exists()
    calls = (tmp_path / "calls").read_text()
    assert "ifconfig bridge1000 inet 192.0.2.10/24 alias" in calls
    assert ("ifconfig em0 inet 192.0.2.10/24 alias" in calls) is not confirmed
