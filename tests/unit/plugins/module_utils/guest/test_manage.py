# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of things: stop, change, start; what a failure of one guest means for the others."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.planning import SUBJECT
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import manage, options
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.plan import ReservationPlan
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan

Make = Callable[..., Dict[str, Any]]


class Stage(Host):
    """A host on which commands only are noted, answered by the test, and change the fleet as the runtime would."""

    def __init__(self, fleet: Any) -> None:
        super().__init__()
        self.fleet = fleet
        self.locked = False
        self.deeds: List[str] = []
        self.refuse: Dict[str, str] = {}
        self.started = "running"

    def run(self, argv: Sequence[str], *, what: str = "", **_options: Any) -> Result:
        self.commands.append(tuple(argv))
        line = " ".join(argv)
        if argv[0].endswith("/apiary"):
            assert not self.locked, "the runtime may take minutes: not under the host's lock"
            self.deeds.append(line.partition("/libexec/")[2])
            return Result(tuple(argv), 0, "".join(self.answer(argv[1], name) for name in argv[2:]), "")
        for part, stderr in self.refuse.items():
            if part in line:
                raise CommandError(what, argv, 1, "", stderr)
        self.deeds.append(line)
        return Result(tuple(argv), 0, "", "")

    def answer(self, verb: str, name: str) -> str:
        if f"{verb} {name}" in self.refuse:
            return f"{name}: failed: {self.refuse[f'{verb} {name}']}\n"
        guests = self.fleet.observed.guests
        if verb == "stop":
            guests[name] = replace(guests[name], pid=None, supervised=False, running=None)
            return f"{name}: stopped (acpi)\n"
        return f"{name}: {self.started}\n"

    @contextlib.contextmanager
    def lock(self, path: str, timeout: float) -> Iterator[None]:
        self.locked = True
        try:
            yield
        finally:
            self.locked = False

    def read(self, path: str) -> Optional[str]:
        return "content" if path.startswith("/fw/") else None

    def stat(self, path: str) -> Any:
        return None

    def write(self, path: str, content: str, **_options: Any) -> None:
        assert self.locked
        self.deeds.append(f"write {path}")

    def symlink(self, target: str, path: str) -> None:
        self.deeds.append(f"link {path} -> {target}")

    def mkdir(self, path: str, mode: int, parents: bool = False) -> None:
        self.deeds.append(f"mkdir {path}")

    def rmtree(self, path: str) -> None:
        self.deeds.append(f"rmtree {path}")

    def unlink(self, path: str, sync: bool = False) -> None:
        self.deeds.append(f"unlink {path}")


@pytest.fixture
def stage(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(manage, "read_conf", lambda host: fleet.observed.conf)
    monkeypatch.setattr(manage, "observe", lambda host: fleet.observed)
    monkeypatch.setattr(manage, "observe_more", lambda host, observed, needs: observed)
    monkeypatch.setattr(manage, "check_disks", lambda *_given: None)
    return Stage(fleet)


def test_check_mode_does_nothing_at_all(stage: Stage, fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", running=True)
    requests = [request_of(state="restarted"), request_of(name="web2", memory="1G", state="started")]
    report = manage.manage(stage, requests, check_mode=True)
    result = manage.result_of(stage, report, check_mode=True, with_diff=True)
    assert stage.deeds == [] and stage.commands == []
    assert result["changed"] and [one["changes"][-1] for one in result["vms"]] == ["start", "start"]


def test_a_restart_stops_changes_and_starts_each_by_one_call(stage: Stage, fleet: Any, request_of: Make) -> None:
    for name in ("web1", "web2"):
        fleet.make(name=name, memory="1G", running=True)
    requests = [request_of(name=name, memory="2G", restart="if_needed") for name in ("web1", "web2")]
    report = manage.manage(stage, requests, check_mode=False)
    calls = [deed for deed in stage.deeds if deed.startswith("apiary")]
    assert calls == ["apiary stop web1 web2", "apiary start web1 web2"]
    between = stage.deeds[1:-1]
    assert stage.deeds[0] == calls[0] and stage.deeds[-1] == calls[1]
    assert "link /apiary/web1/boot -> boot.2" in between and "link /apiary/web2/boot -> boot.2" in between
    assert report.stages == {"web1": "acpi", "web2": "acpi"} and not report.outcome.failed


def test_a_guest_that_does_not_stop_is_left_alone_and_the_others_go_on(
    stage: Stage, fleet: Any, request_of: Make
) -> None:
    for name in ("web1", "web2"):
        fleet.make(name=name, memory="1G", running=True)
    stage.refuse = {"stop web1": "it is being watched"}
    requests = [request_of(name=name, state="absent") for name in ("web1", "web2")]
    report = manage.manage(stage, requests, check_mode=False)
    result = manage.result_of(stage, report, check_mode=False, with_diff=False)
    assert not [deed for deed in stage.deeds if "/apiary/web1" in deed]
    assert "unlink /apiary/web2/guest.json" in stage.deeds
    assert result["failed"] and result["changed"]
    assert [one["name"] for one in result["failures"]] == ["web1"]
    assert "it is being watched" in result["msg"]
    assert result["failures"][0]["done"] == [] and result["failures"][0]["not_done"]


def test_a_guest_stopped_for_its_restart_is_started_though_its_change_failed(
    stage: Stage, fleet: Any, request_of: Make
) -> None:
    fleet.make(memory="1G", running=True)
    stage.refuse = {"zfs create -V": "out of space"}
    disks = [{"name": "new", "size": "1G"}]
    report = manage.manage(stage, [request_of(state="restarted", disks=disks)], check_mode=False)
    assert "out of space" in str(report.outcome.failed["web1"])
    assert stage.deeds[-1] == "apiary start web1"


def test_a_guest_that_could_not_be_made_is_not_started(stage: Stage, fleet: Any, request_of: Make) -> None:
    stage.refuse = {"zfs create -V": "out of space"}
    requests = [
        request_of(memory="1G", state="started", disks=[{"name": "root", "size": "1G"}]),
        request_of(name="web2", memory="1G", state="started"),
    ]
    report = manage.manage(stage, requests, check_mode=False)
    result = manage.result_of(stage, report, check_mode=False, with_diff=False)
    assert stage.deeds[-1] == "apiary start web2"
    assert list(report.outcome.failed) == ["web1"]
    assert "start" in result["failures"][0]["not_done"]
    assert "write record /apiary/web1/guest.json" in result["failures"][0]["done"]


GONE = {"state": "absent", "destroy": True}


@pytest.fixture
def cloned(fleet: Any) -> None:
    """web2 is a clone of web1, web3 has nothing to do with them."""
    for name in ("web1", "web2", "web3"):
        fleet.make(name=name, memory="1G", running=True, disks=[{"name": "root", "size": "1G"}])
    volume = fleet.observed.datasets["zroot/apiary/web2/root"]
    props = {**volume.props, "origin": ("zroot/apiary/web1/root@gold", "-")}
    datasets = {**fleet.observed.datasets, volume.name: replace(volume, props=props)}
    fleet.observed = replace(fleet.observed, datasets=datasets)


@pytest.mark.parametrize("refused", ["stop web2", "zfs destroy -r zroot/apiary/web2"])
def test_a_source_stays_when_its_clone_could_not_be_removed(
    stage: Stage, cloned: None, request_of: Make, refused: str
) -> None:
    stage.refuse = {refused: "it is being watched"}
    requests = [request_of(name=name, **GONE) for name in ("web1", "web2", "web3")]
    report = manage.manage(stage, requests, check_mode=False)
    result = manage.result_of(stage, report, check_mode=False, with_diff=False)
    assert {one["name"]: one["msg"] for one in result["failures"]}.keys() == {"web1", "web2"}
    assert str(report.outcome.failed["web1"]) == "left as it is, since web2 failed"
    destroyed = [deed for deed in stage.deeds if deed.startswith("zfs destroy")]
    assert [deed.rpartition("/")[2] for deed in destroyed if refused not in deed] == ["web3"]
    assert [vm["name"] for vm in result["vms"]] == ["web1", "web2", "web3"]


def test_a_start_that_fails_is_a_failure_of_that_guest(stage: Stage, fleet: Any, request_of: Make) -> None:
    for name in ("web1", "web2"):
        fleet.make(name=name, memory="1G")
    stage.refuse = {"start web2": "bhyve could not start: it exited 4"}
    requests = [request_of(name=name, state="started") for name in ("web1", "web2")]
    report = manage.manage(stage, requests, check_mode=False)
    assert report.outcome.done == {"web1": ["start"]}
    assert "it exited 4" in str(report.outcome.failed["web2"])


class Tell(Change):
    """The server is told of a reservation."""

    def describe(self) -> str:
        return "restart isc-dhcpd"

    def apply(self, host: Host) -> None:
        host.run(["service", "isc-dhcpd", "onerestart"], what="cannot restart isc-dhcpd")


@pytest.fixture
def reserving(monkeypatch: pytest.MonkeyPatch) -> None:
    """web1 wants a reservation that it has not."""

    def add(_host: Host, plan: Any, _desired: Any, _observed: Any) -> None:
        plan.reservations = ReservationPlan(plan=Plan([Tell(SUBJECT)]), steps={"web1": ["make the reservation"]})
        for one in plan.guests:
            one.reservations = plan.reservations.steps.get(one.name, [])

    monkeypatch.setattr(manage, "add_reservations", add)


@pytest.mark.usefixtures("reserving")
def test_the_server_is_told_between_the_changes_and_the_starts(stage: Stage, fleet: Any, request_of: Make) -> None:
    requests = [request_of(name=name, memory="1G", state="started") for name in ("web1", "web2")]
    foretold = manage.result_of(stage, manage.manage(stage, requests, True), check_mode=True, with_diff=False)
    report = manage.manage(stage, requests, check_mode=False)
    result = manage.result_of(stage, report, check_mode=False, with_diff=False)
    assert stage.deeds[-2:] == ["service isc-dhcpd onerestart", "apiary start web1 web2"]
    assert result["vms"][0]["changes"][-2:] == ["make the reservation", "start"]
    assert [one["changes"] for one in foretold["vms"]] == [one["changes"] for one in result["vms"]]
    assert foretold["reservations"] == result["reservations"] == ["restart isc-dhcpd"]


@pytest.mark.usefixtures("reserving")
def test_a_guest_without_its_reservation_is_not_started(stage: Stage, request_of: Make) -> None:
    stage.refuse = {"isc-dhcpd": "it does not start"}
    requests = [request_of(name=name, memory="1G", state="started") for name in ("web1", "web2")]
    report = manage.manage(stage, requests, check_mode=False)
    result = manage.result_of(stage, report, check_mode=False, with_diff=False)
    assert stage.deeds[-1] == "apiary start web2"
    assert [one["name"] for one in result["failures"]] == [SUBJECT, "web1"]
    assert "it does not start" in result["failures"][0]["msg"]
    assert result["failures"][1]["not_done"] == ["make the reservation", "start"]


def test_a_task_that_changes_nothing_starts_nothing(stage: Stage, fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", running=True)
    report = manage.manage(stage, [request_of(state="started")], check_mode=False)
    result = manage.result_of(stage, report, check_mode=False, with_diff=True)
    assert stage.deeds == [] and not result["changed"] and result["diff"] == []


def test_both_forms_in_one_task_are_refused(request_of: Make) -> None:
    single = request_of()
    assert [one["name"] for one in options.requests_of({**single, "vms": None})] == ["web1"]
    with pytest.raises(BadInput, match="memory, name beside it"):
        options.requests_of({**single, "memory": "1G", "vms": [request_of()]})
    with pytest.raises(BadInput, match="give one guest by name, or many by vms"):
        options.requests_of({**single, "name": None, "vms": None})
    assert options.requests_of({**{key: None for key in single}, "vms": []}) == []


@pytest.fixture
def starting(fleet: Any) -> None:
    """web1 has a supervisor and no bhyve yet."""
    fleet.make(memory="1G", running=True)
    fleet.observed.guests["web1"] = replace(fleet.observed.guests["web1"], pid=None, running=None)


@pytest.mark.usefixtures("starting")
@pytest.mark.parametrize(("said", "changes"), [("already running", []), ("running", ["start"])])
def test_a_guest_that_somebody_else_starts_is_waited_for(
    stage: Stage, request_of: Make, said: str, changes: List[str]
) -> None:
    """It is a step of this task only if that came to nothing, and the guest was started by this task after all."""
    stage.started = said
    report = manage.manage(stage, [request_of(state="started")], check_mode=False)
    result = manage.result_of(stage, report, check_mode=False, with_diff=False)
    assert stage.deeds == ["apiary start web1"]
    assert result["vms"][0]["changes"] == changes and result["changed"] == bool(changes)


@pytest.mark.usefixtures("starting")
def test_a_guest_that_somebody_else_starts_and_that_fails_is_no_success(stage: Stage, request_of: Make) -> None:
    stage.refuse = {"start web1": "bhyveload exited 1"}
    report = manage.manage(stage, [request_of(state="started")], check_mode=False)
    assert "bhyveload exited 1" in str(report.outcome.failed["web1"])


@pytest.mark.usefixtures("starting")
def test_nobody_waits_for_a_guest_of_which_no_state_is_asked(stage: Stage, request_of: Make) -> None:
    manage.manage(stage, [request_of()], check_mode=False)
    manage.manage(stage, [request_of(state="started")], check_mode=True)
    assert stage.deeds == []
