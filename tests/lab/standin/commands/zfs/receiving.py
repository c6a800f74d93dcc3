# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs receive."""

from __future__ import annotations

import sys
import tempfile
from typing import BinaryIO, Dict, List, NamedTuple, Optional, Sequence

from ...zfs import content, names, nodes, numbers, options, space, stream, values
from ...zfs.errors import UsageError, ZfsError
from ...zfs.model import Doc
from ...zfs.pools import new_dataset, new_snapshot
from ...zfs.session import Session, session
from .create import make_ancestors, mount_if_wanted

_FULL = "cannot receive new filesystem stream: "
_INCREMENTAL = "cannot receive incremental stream: "


class _NoRoom(Exception):
    """The pool ends before the stream does."""


class Wanted(NamedTuple):
    """The command line."""

    target: str
    naming: str  # "", "d" or "e"
    force: bool
    resumable: bool
    unmounted: bool
    verbose: bool
    dry: bool
    set_props: Dict[str, str]
    excluded: List[str]


def receive(argv: Sequence[str]) -> int:
    given, operands = options.parse(argv[2:], "o:x:dehMnuvFsA")
    letters = options.flags(given)
    if not operands:
        raise UsageError("missing snapshot argument")
    if len(operands) > 1:
        raise UsageError("too many arguments")
    if "A" in letters:
        with session(argv) as current:
            missing = current.model.item(operands[0]) is None
            if not missing:
                _abort(current, operands[0])
        if missing:
            raise UsageError(f"cannot open '{operands[0]}': dataset does not exist")
        return 0
    wanted = Wanted(
        operands[0],
        "d" if "d" in letters else "e" if "e" in letters else "",
        "F" in letters,
        "s" in letters,
        "u" in letters,
        "v" in letters,
        "n" in letters,
        dict(values.split_assignments(value for letter, value in given if letter == "o")),
        [value for letter, value in given if letter == "x"],
    )
    if sys.stdin.isatty():
        raise ZfsError("Error: Backup stream can not be read from a terminal.\nYou must redirect standard input.")
    with tempfile.TemporaryFile() as spool:
        # The whole stream first: the sender may be on this host and needs the state's lock too.
        while True:
            part = sys.stdin.buffer.read(1 << 20)
            if not part:
                break
            spool.write(part)
        spool.seek(0)
        if wanted.naming:
            with session(argv) as current:
                if current.model.find(names.split(wanted.target)[0]) is None:
                    raise ZfsError(f"cannot receive: specified fs ({wanted.target}) does not exist")
        if spool.read(len(stream.MAGIC)) != stream.MAGIC:
            raise ZfsError("cannot receive: failed to read from stream")
        with session(argv) as current:
            _receive(current, wanted, spool)
    return 0


def _abort(current: Session, name: str) -> None:
    item = current.model.item(name)
    if item is None or "resume" not in item.dataset:
        raise ZfsError(f"'{name}' does not have any resumable receive state to abort")
    partial = item.dataset.pop("resume")
    if partial["new"]:
        del current.model.pool_of(name)["datasets"][name]
        current.model.forget_names()
        content.destroy(item.dataset["object"])
    content.destroy(partial["object"])


def _receive(current: Session, wanted: Wanted, source: BinaryIO) -> None:
    begin: Optional[stream.Header] = None
    job: Optional[_Job] = None
    try:
        for record in stream.read(source):
            kind = record.header["kind"]
            if kind == "begin":
                begin = record.header
                job = _start(current, wanted, begin)
            elif kind == "end":
                if job is not None:
                    job.commit()
                job = None
            elif kind != "last" and job is not None:
                job.take(record)
    except _NoRoom:
        if job is not None and begin is not None:
            if wanted.resumable:
                job.save()
            else:
                job.drop()
            raise ZfsError((_INCREMENTAL if begin["from"] else _FULL) + "out of space") from None
    except stream.Truncated:
        if begin is None:
            raise ZfsError("cannot receive: failed to read from stream") from None
        prefix = _INCREMENTAL if begin["from"] else _FULL
        text = prefix + "incomplete stream"
        if job is not None and wanted.resumable:
            text = prefix + (
                "checksum mismatch or incomplete stream.\nPartially received snapshot is saved.\n"
                "A resuming stream can be generated on the sending system "
                f"by running:\n    zfs send -t {job.save()}"
            )
        elif job is not None:
            job.drop()
        raise ZfsError(text) from None


def _target(wanted: Wanted, begin: stream.Header) -> tuple[str, str]:
    """Which dataset and snapshot a stream's snapshot becomes."""
    sent, _sign, snapshot = names.split(begin["name"])
    target, sign, given_snapshot = names.split(wanted.target)
    if wanted.naming == "d":
        tail = sent.partition("/")[2]
        return (target + "/" + tail if tail else target), snapshot
    if wanted.naming == "e":
        top = begin["top"].rpartition("/")[2]
        return target + "/" + top + sent[len(begin["top"]) :], snapshot
    return target + sent[len(begin["top"]) :], given_snapshot if sign else snapshot


class _Job:
    """One snapshot on its way in: written to an object of its own, put in place at its end."""

    def __init__(
        self,
        current: Session,
        wanted: Wanted,
        begin: stream.Header,
        name: str,
        snapshot: str,
        object_id: str,
        done: int,
    ) -> None:
        self.current = current
        self.wanted = wanted
        self.begin = begin
        self.name = name
        self.snapshot = snapshot
        self.object_id = object_id
        self.done = done
        self.applier = stream.Applier(object_id)
        self.room = space.room_in(current.model, name if current.model.find(name) else names.parent(name))

    def take(self, record: stream.Record) -> None:
        self.room -= len(record.data)
        if self.room < 0:
            raise _NoRoom
        self.applier.apply(record)
        self.done += 1

    def drop(self) -> None:
        content.destroy(self.object_id)

    def save(self) -> str:
        """Keep what came so far; the token that resumes it."""
        self.applier.finish()
        model = self.current.model
        token = stream.token(
            {
                "toname": self.begin["name"],
                "toguid": self.begin["guid"],
                "fromguid": self.begin["from"],
                "records": self.done,
            }
        )
        dataset = model.find(self.name)
        new = dataset is None
        if dataset is None:
            dataset = _new(self.current, self.begin, self.name, {})
        dataset["resume"] = {
            "token": token,
            "object": self.object_id,
            "records": self.done,
            "new": new,
            "guid": self.begin["guid"],
        }
        return token

    def commit(self) -> None:
        """All is there: make or update the dataset, and take the snapshot."""
        self.applier.finish()
        model = self.current.model
        dataset = model.find(self.name)
        fresh = dataset is None
        props = {name: value for name, value in self.begin["props"].items() if name not in self.wanted.excluded}
        if dataset is None:
            dataset = _new(self.current, self.begin, self.name, self.wanted.set_props)
        partial = dataset.pop("resume", None)
        if partial is not None and partial["object"] != self.object_id:
            content.destroy(partial["object"])
        if props:
            dataset["received"] = props
        if self.begin["volsize"]:
            dataset["props"]["volsize"] = self.begin["volsize"]
        content.restore(self.object_id, dataset["object"])
        content.destroy(self.object_id)
        pool = model.pool_of(self.name)
        point = new_snapshot(model, pool, dataset, self.snapshot, model.next_txg(pool))
        point["guid"] = self.begin["guid"]
        point["creation"] = self.begin["creation"]
        if self.wanted.verbose:
            size = content.size_of(content.kept_shape(point["object"]))
            print(f"received {numbers.nice(size)} stream in 1 seconds ({numbers.nice(size)}/sec)")
        self.current.log(names.pool_of(self.name))
        if dataset["type"] == "volume":
            nodes.stick(model, dataset, self.wanted.set_props.get("volmode", ""))
        elif (fresh or partial) and not self.wanted.unmounted:
            mount_if_wanted(model, self.name)


def _new(current: Session, begin: stream.Header, name: str, set_props: Dict[str, str]) -> Doc:
    model = current.model
    pool = model.pool_of(name)
    size = int(begin["volsize"]) if begin["volsize"] else None
    dataset = new_dataset(model, pool, name, begin["type"], size)
    if size is not None:
        dataset["props"]["volsize"] = str(size)
        if begin["block"]:
            dataset["props"]["volblocksize"] = begin["block"]
    dataset["props"].update(values.check_all(list(set_props.items()), begin["type"], True))
    return dataset


def _start(current: Session, wanted: Wanted, begin: stream.Header) -> Optional[_Job]:
    """Check where the snapshot goes; None: it is there already."""
    model = current.model
    name, snapshot = _target(wanted, begin)
    values.check_all(list(wanted.set_props.items()), begin["type"], True)
    if wanted.verbose or wanted.dry:
        print(
            "{} {} stream of {} into {}@{}".format(
                "would receive" if wanted.dry else "receiving",
                "incremental" if begin["from"] else "full",
                begin["name"],
                name,
                snapshot,
            )
        )
    dataset = model.find(name)
    partial = dataset.get("resume") if dataset is not None else None
    if partial is not None and begin["skip"]:
        if partial["guid"] != begin["guid"] or partial["records"] != begin["skip"]:
            raise ZfsError(f"{_FULL}kernel modules must be upgraded to receive this stream.")
        return _Job(current, wanted, begin, name, snapshot, partial["object"], partial["records"])
    if begin["from"] and begin["replication"] and dataset is None:
        return _clone_like(current, wanted, begin, name, snapshot)
    if begin["from"]:
        if _check_incremental(current, wanted, begin, name, snapshot) is None or wanted.dry:
            return None
    else:
        _check_full(current, wanted, begin, name)
    if wanted.dry:
        return None
    object_id = model.new_object("recv")
    if begin["from"] and dataset is not None:
        content.copy(_base(dataset, begin)["object"], object_id)
    elif begin["type"] == "volume":
        content.create_volume(object_id, int(begin["volsize"]))
    else:
        content.create_filesystem(object_id)
    return _Job(current, wanted, begin, name, snapshot, object_id, 0)


def _clone_like(current: Session, wanted: Wanted, begin: stream.Header, name: str, snapshot: str) -> _Job:
    """A clone in a replication stream: it begins as its origin, which the stream brought before."""
    model = current.model
    for holder in model.names():
        for point in (model.find(holder) or {}).get("snapshots", []):
            if point["guid"] == begin["from"]:
                object_id = model.new_object("recv")
                content.copy(point["object"], object_id)
                dataset = _new(current, begin, name, wanted.set_props)
                dataset["origin"] = "{}@{}".format(holder, point["name"])
                return _Job(current, wanted, begin, name, snapshot, object_id, 0)
    raise ZfsError(f"{_FULL}local origin for clone {name} does not exist")


def _base(dataset: Doc, begin: stream.Header) -> Doc:
    found: Doc = [point for point in dataset["snapshots"] if point["guid"] == begin["from"]][0]
    return found


def _check_full(current: Session, wanted: Wanted, begin: stream.Header, name: str) -> None:
    model = current.model
    parent = names.parent(name)
    dataset = model.find(name)
    if dataset is None and wanted.naming and model.find(names.split(wanted.target)[0]) is not None:
        make_ancestors(current, name)
    if dataset is None:
        missing = parent or name
        if model.find(missing) is None:
            raise ZfsError(f"cannot open '{missing}': dataset does not exist\n{_FULL}unable to restore to destination")
        least = int(begin["volsize"] or 0) if "refreservation" in begin["props"] else 0
        if space.room_in(model, parent) < space.FILESYSTEM_BASE or least > space.room_in(model, parent):
            raise ZfsError(_FULL + "out of space")
        problem = names.complaint(name)
        if problem:
            raise ZfsError(f"cannot receive: {problem}")
        return
    if not wanted.force or "resume" in dataset:
        raise ZfsError(f"{_FULL}destination '{name}' exists\nmust specify -F to overwrite it")
    if dataset["snapshots"]:
        raise ZfsError(
            "{}destination has snapshots (eg. {}@{})\nmust destroy them to overwrite it".format(
                _FULL, name, dataset["snapshots"][0]["name"]
            )
        )
    if dataset["type"] != begin["type"]:
        raise ZfsError(f"{_FULL}destination '{name}' is of another type")


def _check_incremental(
    current: Session, wanted: Wanted, begin: stream.Header, name: str, snapshot: str
) -> Optional[Doc]:
    model = current.model
    dataset = model.find(name)
    if dataset is None:
        raise ZfsError(f"{_INCREMENTAL}destination '{name}' does not exist")
    for point in dataset["snapshots"]:
        if point["guid"] == begin["guid"]:
            return None
        if point["name"] == snapshot and not wanted.force:
            raise ZfsError(f"{_INCREMENTAL}destination '{name}@{snapshot}' exists")
    guids = [point["guid"] for point in dataset["snapshots"]]
    if begin["from"] not in guids or (guids[-1] != begin["from"] and not wanted.force):
        raise ZfsError(f"{_INCREMENTAL}most recent snapshot of {name} does not\nmatch incremental source")
    last = dataset["snapshots"][-1]
    if not wanted.force and content.size_of(content.shape(dataset["object"]), content.kept_shape(last["object"])):
        raise ZfsError(f"{_INCREMENTAL}destination {name} has been modified\nsince most recent snapshot")
    if wanted.force:
        _cut_back(dataset, begin)
    return dataset


def _cut_back(dataset: Doc, begin: stream.Header) -> None:
    """-F: what is newer than the incremental source goes."""
    while dataset["snapshots"][-1]["guid"] != begin["from"]:
        content.destroy(dataset["snapshots"].pop()["object"])
