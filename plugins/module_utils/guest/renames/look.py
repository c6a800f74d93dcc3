# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the guests that a task renames, and shows the host to the planner as if they had their new names already.

So all else that the task asks of them is planned as ever; the renaming itself is a few steps before that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import moved as moved_allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.in_use import openers
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import with_eui64
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_guest_name, tap_description
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe_more
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import Renaming
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.state import Former
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset


def look_for_renames(host: Host, requests: Sequence[Mapping[str, Any]], observed: Observed) -> Observed:
    """The host as it is but for the names of the guests that the task renames. BadInput when one cannot be renamed."""
    renames = _wanted(requests, observed)
    if renames:
        observed = observe_more(host, observed, {"disks"})
        for new, old in renames.items():
            _check_unused(host, new, old, observed)
    formers = {new: _former(observed.guest(old), new, observed) for new, old in renames.items()}
    for request in requests:
        name = request["name"]
        old = _earlier(request, observed)
        if old and name not in formers:
            formers[name] = replace(_former(observed.guest(old), name, observed), record=None)
    return _as_renamed(observed, formers)


def _earlier(request: Mapping[str, Any], observed: Observed) -> str:
    """The former name, '' for none, of a guest that was renamed before: not all that goes by it may have followed."""
    name = request["name"]
    record = observed.guest(name).record
    if record is None:
        return ""
    noted = record.renaming
    old = noted.source if noted is not None and noted.target == name else request.get("rename_from")
    return old if old and old != name and observed.guest(old).record is None else ""


def _former(seen: ObservedGuest, new: str, observed: Observed) -> Former:
    return Former(
        name=seen.name,
        record=_noted(seen, new),
        taps=_old_taps(seen.name, observed),
        node=seen.node,
        ran=seen.ran,
        allocated=not observed.allocations.of(seen.name).empty,
    )


def _noted(seen: ObservedGuest, new: str) -> Optional[Record]:
    """The record with the note of where the guest is going, and with what derives from its former name."""
    record = seen.record
    if record is None:
        return None
    return replace(record, identity=with_eui64(record.identity, record.guest), renaming=Renaming(seen.name, new))


def _wanted(requests: Sequence[Mapping[str, Any]], observed: Observed) -> Dict[str, str]:
    """The guests to rename, new name to old, without those that were renamed before."""
    found: Dict[str, str] = {}
    names = [request["name"] for request in requests]
    for request in requests:
        new, old = request["name"], request.get("rename_from")
        if not old:
            continue
        at = f"guest {new}: rename_from: "
        check_guest_name(new)
        check_guest_name(old, f"{at.rstrip(': ')}")
        if request.get("state") == "absent" or request.get("clone_from"):
            raise BadInput(f"{at}goes neither with state: absent nor with clone_from")
        if old == new:
            raise BadInput(f"{at}{old} is its name already")
        source, target = observed.guest(old), observed.guest(new)
        for seen in (source, target):
            if seen.error is not None:
                raise seen.error
        if source.record is None and target.record is not None:
            continue
        if source.record is None:
            raise BadInput(f"{at}there is no guest {old} on this host, and no guest {new}")
        if target.record is not None:
            raise BadInput(
                f"{at}there is a guest {old} and a guest {new} as well; remove one of them, or choose another name"
            )
        if old in names or old in found.values():
            raise BadInput(f"{at}guest {old} is in this task once more; name it {new} everywhere")
        _check_place(new, old, at, observed)
        _check_guest(request, source, source.record, at, observed)
        found[new] = old
    return found


def _check_place(new: str, old: str, at: str, observed: Observed) -> None:
    layout = observed.conf.layout
    there = layout.guest_dataset(new) if observed.with_zfs else ""
    if there in observed.datasets or observed.guest(new).exists:
        where = there if there in observed.datasets else layout.directory(new)
        raise BadInput(f"{at}data of an earlier guest {new} is there ({where}); move it away or destroy it first")
    if observed.guest(new).checkpoints:
        raise BadInput(
            f"{at}checkpoints of an earlier guest {new} are there ({layout.checkpoints(new)}); remove them first "
            f"(module checkpoint, vm: {new}, name: all, state: absent)"
        )
    if observed.with_zfs and layout.guest_dataset(old) not in observed.datasets:
        raise BadInput(
            f"{at}{layout.directory(old)} is a plain directory, there is no dataset {layout.guest_dataset(old)}"
        )


def _check_guest(request: Mapping[str, Any], seen: ObservedGuest, record: Record, at: str, observed: Observed) -> None:
    if record.owner != observed.hostuuid:
        raise BadInput(f"{at}guest {seen.name} belongs to another host (kern.hostuuid {record.owner})")
    if seen.active:
        raise BadInput(
            f"{at}guest {seen.name} runs; stop it first (state: stopped): its disks would lose their names under it"
        )
    if seen.state == "preserved":
        raise BadInput(f"{at}guest {seen.name} is preserved for inspection; end that first (apiary stop {seen.name})")
    if seen.rollback:
        raise BadInput(
            f"{at}a rollback of guest {seen.name} to {seen.rollback} was interrupted; run that task of bhyve_snapshot "
            "again first"
        )
    if seen.checkpoints:
        raise BadInput(
            f"{at}guest {seen.name} has checkpoints, in which it has its name: {', '.join(seen.checkpoints)}; remove "
            f"them first (module checkpoint, vm: {seen.name}, name: all, state: absent)"
        )
    if record.guest.protected and request.get("protected") is not False:
        raise BadInput(f"{at}guest {seen.name} is protected; set protected: false in the same task to rename it")


def _check_unused(host: Host, new: str, old: str, observed: Observed) -> None:
    """Nobody has a disk of the guest open: ZFS renames it all the same, and destroys it then under whoever has."""
    layout = observed.conf.layout
    prefix = f"{layout.guest_dataset(old)}/"
    paths = [one.node for one in observed.datasets.values() if one.is_volume and one.name.startswith(prefix)]
    paths += [layout.image(old, name) for name in observed.guest(old).file_sizes]
    for path in paths:
        for opener in openers(host, path, observed):
            raise BadInput(
                f"guest {new}: rename_from: {path} of guest {old} is in use by {opener.command} (pid {opener.pid}); "
                "end that first"
            )


def _as_renamed(observed: Observed, formers: Mapping[str, Former]) -> Observed:
    guests, datasets = dict(observed.guests), dict(observed.datasets)
    interfaces, allocations = dict(observed.interfaces), observed.allocations
    layout = observed.conf.layout
    for new, former in formers.items():
        for name in former.taps:
            interfaces.pop(name, None)
        if former.allocated:
            allocations = moved_allocations(allocations, former.name, new)
        if former.record is None:
            continue
        guest = replace(former.record.guest, name=new)
        seen = guests.pop(former.name)
        guests[new] = replace(
            seen, name=new, record=replace(former.record, guest=guest), status={}, node=False, ran=False, generation=""
        )
        if observed.with_zfs:
            datasets = _datasets_as_renamed(datasets, layout.guest_dataset(former.name), layout.guest_dataset(new))
    return replace(
        observed,
        guests=guests,
        datasets=datasets,
        interfaces=interfaces,
        allocations=allocations,
        formers=dict(formers),
    )


def _datasets_as_renamed(datasets: Mapping[str, Dataset], old: str, new: str) -> Dict[str, Dataset]:
    """Datasets by their names to be, also where one of them is a clone's origin."""
    result: Dict[str, Dataset] = {}
    for one in datasets.values():
        props = dict(one.props)
        if "origin" in props:
            origin, source = props["origin"]
            props["origin"] = (_moved(origin, old, new), source)
        name = _moved(one.name, old, new)
        result[name] = replace(one, name=name, props=props)
    return result


def _moved(name: str, old: str, new: str) -> str:
    rest = name[len(old) :]
    return f"{new}{rest}" if name.startswith(old) and rest[:1] in ("", "/", "@") else name


def _old_taps(old: str, observed: Observed) -> Tuple[str, ...]:
    """The taps with the tags of a guest's former name, which nobody has open."""
    tags = {tap_description(old, key.partition("/")[2]) for key in observed.allocations.of(old).taps}
    return tuple(
        one.name
        for one in observed.interfaces.values()
        if one.is_tap and one.description in tags and one.opened_by is None
    )
