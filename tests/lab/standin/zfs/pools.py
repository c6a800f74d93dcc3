# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making pools and datasets in the model."""

from __future__ import annotations

import time
from typing import Optional, Sequence

from . import content
from .model import Doc, Model

FEATURES = (
    ("async_destroy", "enabled"),
    ("empty_bpobj", "enabled"),
    ("lz4_compress", "active"),
    ("multi_vdev_crash_dump", "enabled"),
    ("spacemap_histogram", "active"),
    ("enabled_txg", "active"),
    ("hole_birth", "active"),
    ("extensible_dataset", "active"),
    ("embedded_data", "active"),
    ("bookmarks", "enabled"),
    ("filesystem_limits", "enabled"),
    ("large_blocks", "enabled"),
    ("large_dnode", "enabled"),
    ("sha512", "enabled"),
    ("skein", "enabled"),
    ("edonr", "enabled"),
    ("userobj_accounting", "active"),
    ("encryption", "enabled"),
    ("project_quota", "active"),
    ("device_removal", "enabled"),
    ("obsolete_counts", "enabled"),
    ("zpool_checkpoint", "enabled"),
    ("spacemap_v2", "active"),
    ("allocation_classes", "enabled"),
    ("resilver_defer", "enabled"),
    ("bookmark_v2", "enabled"),
    ("redaction_bookmarks", "enabled"),
    ("redacted_datasets", "enabled"),
    ("bookmark_written", "enabled"),
    ("log_spacemap", "active"),
    ("livelist", "enabled"),
    ("device_rebuild", "enabled"),
    ("zstd_compress", "enabled"),
    ("draid", "enabled"),
    ("zilsaxattr", "enabled"),
    ("head_errlog", "active"),
    ("blake3", "enabled"),
)


def new_pool(model: Model, name: str, vdevs: Sequence[Doc]) -> Doc:
    """A pool with its root dataset, imported."""
    guid = model.unique("pool")
    for vdev in vdevs:
        _give_guids(model, vdev)
    pool: Doc = {
        "name": name,
        "guid": guid,
        "load_guid": model.unique("load"),
        "state": "active",
        "txg": 4,
        "objset": 54,
        "created": int(time.time()),
        "props": {},
        "vdevs": list(vdevs),
        "history": [],
        "datasets": {},
    }
    model.disk["pools"][str(guid)] = pool
    model.kernel["imported"].append(str(guid))
    root = new_dataset(model, pool, name, "filesystem")
    root.update(createtxg=1, objset=54)
    return pool


def _give_guids(model: Model, vdev: Doc) -> None:
    vdev["guid"] = model.unique("vdev")
    for child in vdev.get("children", ()):
        _give_guids(model, child)


def new_dataset(model: Model, pool: Doc, name: str, kind: str, size: Optional[int] = None, content_of: str = "") -> Doc:
    """A file system, or a volume of `size` bytes; content_of: the object that a clone starts from."""
    object_id = model.new_object("fs" if kind == "filesystem" else "vol")
    if content_of:
        content.copy(content_of, object_id)
    elif kind == "filesystem":
        content.create_filesystem(object_id)
    else:
        content.create_volume(object_id, size or 0)
    pool["objset"] = int(pool["objset"]) + 5
    dataset: Doc = {
        "type": kind,
        "guid": model.unique("dataset"),
        "createtxg": model.next_txg(pool),
        "creation": int(time.time()),
        "objset": pool["objset"],
        "object": object_id,
        "props": {},
        "snapshots": [],
        "bookmarks": [],
    }
    pool["datasets"][name] = dataset
    model.forget_names()
    return dataset


def new_snapshot(model: Model, pool: Doc, dataset: Doc, name: str, txg: int) -> Doc:
    """A snapshot of what the dataset holds now."""
    object_id = model.new_object("snap")
    content.copy(dataset["object"], object_id)
    content.keep_shape(object_id, content.shape(dataset["object"]))
    point: Doc = {
        "name": name,
        "guid": model.unique("snapshot"),
        "createtxg": txg,
        "creation": int(time.time()),
        "objset": int(dataset["objset"]) + 1,
        "object": object_id,
        "props": {},
        "holds": {},
        "preinstalled": dataset.get("preinstalled", 0),
    }
    if dataset["type"] == "volume":
        point["props"]["volsize"] = dataset["props"]["volsize"]
    dataset["snapshots"].append(point)
    return point
