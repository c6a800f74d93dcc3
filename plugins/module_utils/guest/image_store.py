# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of images read of the host: images, their clones, and the guests that use them."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import not_prepared, read_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import GUEST_NAME, Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.device import image_path
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_plan import Seen, entry
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_read import read_images, read_snapshots
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import Store
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset, read_datasets

_PROPERTIES = ("type", "mounted", "volmode", "origin")


def see(host: Host) -> Seen:
    """Read the images of the host, with one command or two. BadInput when it is not prepared, UnknownState."""
    layout = read_conf(host).layout
    store = Store(layout.root, layout.dataset)
    datasets: Dict[str, Dataset] = {}
    if layout.dataset:
        datasets = read_datasets(host, layout.dataset, _PROPERTIES)
        if layout.dataset not in datasets:
            raise not_prepared(f"the dataset {layout.dataset} does not exist")
        if not datasets[layout.dataset].mounted:
            raise UnknownState(
                f"the dataset {layout.dataset} is not mounted, so its images cannot be seen; "
                f"mount it (zfs mount {layout.dataset}) and try again"
            )
    elif host.listdir(layout.root) is None:
        raise not_prepared(f"the directory {layout.root} is missing")
    snapshots: Optional[Mapping[str, Sequence[str]]] = None
    if store.dataset and store.dataset in datasets:
        snapshots = read_snapshots(host, store)
    return Seen(store, datasets, read_images(host, store, datasets, snapshots), _users(host, layout))


def _users(host: Host, layout: Layout) -> Dict[str, List[str]]:
    """For each file that is a disk or medium of some guest by its path, whose it is."""
    users: Dict[str, List[str]] = {}
    for name in host.listdir(layout.root) or ():
        if not GUEST_NAME.fullmatch(name):
            continue
        text = host.read(layout.record(name))
        if text is None:
            continue
        guest = record.load(text, layout.record(name), name).guest
        for disk in guest.disks:
            if disk.path:
                users.setdefault(disk.path, []).append(f"guest {name} disk {disk.name}")
        if guest.pxe is not None:
            users.setdefault(image_path(guest.pxe.image, layout), []).append(f"guest {name} pxe")
    return users


def carry_out(host: Host, plan: Plan, seen: Seen, check_mode: bool) -> Tuple[Optional[Outcome], Optional[Seen]]:
    """Apply a plan, but in check mode, and look at the images again: None where only the plan can tell how they are."""
    if check_mode:
        return None, None if plan.changed else seen
    outcome = plan.apply(host)
    return outcome, see(host) if plan.changed else seen


def results(
    names: Sequence[str], seen: Seen, plan: Plan, outcome: Optional[Outcome], after: Optional[Seen]
) -> List[Dict[str, Any]]:
    """The images of a task for its result: as they are ``after``, or, without that, as the plan has them."""
    found: List[Dict[str, Any]] = []
    outcome = outcome or Outcome(plan.descriptions())
    for name in names:
        if after is not None:
            one = entry(name, after)
        else:
            wanted = plan.after.get(name)
            one = {**entry(name, seen), **(wanted if isinstance(wanted, dict) else {})}
            if outcome.done.get(name):
                one["state"] = "present" if wanted else "absent"
        found.append(entry_of(one, name, outcome))
    return found
