# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The small parts: what the runtime answers, who lives, how long, what waits, how long a shutdown takes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Callable, Dict, List, Sequence, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import info, runtime
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.allocator import Allocator
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import parse_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Alive, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.order import FORCED, shutdown_seconds
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import Process

Make = Callable[..., Dict[str, Any]]
BORN = "Sat Nov 21 09:42:29 2026"


class Answering(Host):
    """A host whose every command gives the same answer."""

    def __init__(self, stdout: str, rc: int = 0, stderr: str = "") -> None:
        super().__init__()
        self.answer = (rc, stdout, stderr)

    def run(self, argv: Sequence[str], **_options: Any) -> Result:
        self.commands.append(tuple(argv))
        rc, stdout, stderr = self.answer
        return Result(tuple(argv), rc, stdout, stderr)


def test_one_call_starts_all_and_each_has_its_own_fate() -> None:
    said = "web1: running\nweb10: failed: bhyve could not start: it exited 4\nnoise\nweb2: already running\n"
    host = Answering(said, 1)
    answer = runtime.start(host, ["web1", "web10", "web2", "web3"])
    assert len(host.commands) == 1
    assert sorted(answer.said) == ["web1", "web2"]
    assert "it exited 4 (see /var/log/apiary/web10.log)" in str(answer.failed["web10"])
    assert "did not say what became of it" in str(answer.failed["web3"])


def test_the_stage_that_ended_a_guest_is_told() -> None:
    answer = runtime.stop(Answering("a: stopped (acpi)\nb: stopped (poweroff)\nc: not running\n"), ["a", "b", "c"])
    assert answer.said == {"a": "acpi", "b": "poweroff", "c": "not running"}
    assert not answer.failed


def test_nobody_to_start_is_no_command() -> None:
    host = Answering("")
    runtime.start(host, [])
    runtime.stop(host, [])
    assert host.commands == []


def test_a_process_is_the_same_by_pid_and_start_or_by_title() -> None:
    supervisor = "/bin/sh /usr/local/libexec/apiary run web1"
    alive = Alive(
        [
            Process(10, BORN, "bhyve: web10 (bhyve)"),
            Process(11, BORN, f"{supervisor} 77.1"),
            Process(12, BORN, "bhyveload -m 1G web1"),
        ]
    )
    assert alive.bhyve("web1") is None and alive.bhyve("web10") is not None
    assert alive.noted(f"12 {BORN}\n", "web1")
    assert not alive.noted("12 Sat Nov 21 09:42:30 2026\n", "web1")
    assert alive.noted("11 Sat Nov 21 09:42:30 2026\n", "web1")
    assert not alive.noted("11 Sat Nov 21 09:42:30 2026\n", "web")
    assert not alive.noted(None, "web1") and not alive.noted("junk", "web1")


def test_uptime_is_counted_from_the_start_of_the_process() -> None:
    now = time.mktime((2026, 11, 21, 10, 42, 30, 0, 0, -1))
    assert info.uptime(BORN, now) == 3601
    assert info.uptime("-", now) is None


def test_guests_of_other_tools_are_told_and_marked(fleet: Any) -> None:
    fleet.make(memory="1G", running=True)
    processes: List[Process] = [*fleet.observed.processes, Process(9, BORN, "bhyve: web (bhyve)")]
    fleet.observed.processes.append(processes[-1])
    told = info.entries(fleet.observed, None, time.time())
    assert [(one["name"], one["status"]["foreign"], one["status"]["pid"]) for one in told] == [
        ("web1", False, 4000),
        ("web", True, 9),
    ]
    assert [one["name"] for one in info.entries(fleet.observed, ["web"], time.time())] == ["web"]


def test_a_tap_is_ours_by_its_tag() -> None:
    tagged = Interface("tap1003", (), 1500, description="apiary:web1:lan", groups=("tap",))
    stranger = Interface("tap1000", (), 1500, description="apiary:web10:lan", groups=("tap",))
    interfaces = {one.name: one for one in (tagged, stranger)}

    def taps(known: Dict[str, int], nic: str) -> Dict[str, int]:
        return Allocator(allocations.Allocations(known), interfaces).taps("web1", [nic])

    assert taps({}, "lan") == {"web1/lan": 1003}
    assert taps({"a/b": 1001}, "x") == {"web1/x": 1002}
    # A number that somebody took while we were away is given up.
    assert taps({"web1/x": 1000}, "x") == {"web1/x": 1001}


class Counting(Dict[str, Interface]):
    """Interfaces that count how often they are looked at."""

    looks = 0

    def __contains__(self, key: object) -> bool:
        self.looks += 1
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)


def test_what_allocation_costs_grows_with_the_guests_and_not_faster() -> None:
    def looks(count: int) -> int:
        strangers = {f"tap{number}": Interface(f"tap{number}", (), 1500) for number in range(1000, 1000 + count)}
        interfaces = Counting(strangers)
        allocator = Allocator(allocations.Allocations(), interfaces)
        numbers = [allocator.taps(f"g{number}", ["lan"])[f"g{number}/lan"] for number in range(count)]
        assert numbers == list(range(1000 + count, 1000 + 2 * count))
        return interfaces.looks

    assert looks(400) <= 4 * looks(100)


def test_allocations_of_a_name_are_not_those_of_a_longer_one() -> None:
    known = allocations.Allocations({"web1/lan": 1000, "web10/lan": 1001}, {"web1": 5900, "web10": 5901})
    assert known.of("web1") == allocations.Allocations({"web1/lan": 1000}, {"web1": 5900})
    rest = known.replaced("web1", allocations.Allocations())
    assert rest == allocations.Allocations({"web10/lan": 1001}, {"web10": 5901})
    assert allocations.load(allocations.dump(known), "p") == known
    assert allocations.load(None, "p").empty


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": 4, "taps": {}, "vnc": {}}', '{"schema": 1, "taps": {"a": "x"}, "vnc": {}}']
)
def test_allocations_that_cannot_be_read_are_not_none(text: str) -> None:
    with pytest.raises(UnknownState):
        allocations.load(text, "/var/db/apiary/host.json")


def test_the_hosts_configuration_is_sh() -> None:
    text = "# a comment\n\napiary_root='/apiary'\napiary_dataset=''\napiary_x='it'\\''s'\n"
    assert parse_conf(text) == {"apiary_root": "/apiary", "apiary_dataset": "", "apiary_x": "it's"}
    with pytest.raises(UnknownState, match="cannot be read"):
        parse_conf("apiary_root='/apiary\n")


def test_a_shutdown_takes_as_long_as_its_waves(fleet: Any) -> None:
    declared: Tuple[Tuple[str, int, int, List[str]], ...] = (
        ("a", 60, 10, []),
        ("b", 100, 10, []),
        ("c", 30, 10, ["a"]),
        ("d", 5, 50, []),
    )
    guests = {
        name: fleet.make(name=name, memory="1G", stop_timeout=timeout, boot={"order": order, "after": after}).guest
        for name, timeout, order, after in declared
    }
    assert shutdown_seconds(guests) == (100 + FORCED) + (30 + FORCED) + (5 + FORCED)
    assert shutdown_seconds({}) == 0
    saved = replace(guests["d"], boot=replace(guests["d"].boot, shutdown="suspend"))
    assert shutdown_seconds({"d": saved}) == (120 + 128) + (5 + FORCED)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        # What the kernel does not run does not run, whatever is left of it: a node, a file that says running.
        ({"node": True, "status": {"state": "running"}}, "stopped"),
        ({"status": {"state": "preserved"}}, "stopped"),
        ({"node": True, "status": {"state": "preserved"}}, "preserved"),
        ({"status": {"state": "failed"}}, "failed"),
        ({"pid": 7, "status": {"state": "stopped"}}, "running"),
        ({"pid": 7, "supervised": True, "stop_asked": True}, "stopping"),
        ({"pid": 7, "stop_asked": True}, "running"),
        ({"supervised": True}, "starting"),
    ],
)
def test_the_kernel_tells_the_run_state(seen: Dict[str, Any], expected: str) -> None:
    assert ObservedGuest("web1", **seen).state == expected
