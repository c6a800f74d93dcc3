# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Native encryption, as far as keys decide what can be mounted: no content is encrypted here (zfs-load-key(8))."""

from __future__ import annotations

import hashlib
import sys
from typing import Dict, List, Optional, Sequence, Tuple

from .. import paths
from . import names
from .errors import ZfsError
from .model import Doc, Item, Model

SHORTEST = 8
LONGEST = 512
_ITERATIONS = "350000"


def ask(props: Dict[str, str]) -> Optional[str]:
    """Read the key that a new encryption root needs, before the state is locked: from standard input for 'prompt'."""
    if props.get("encryption", "off") == "off" or "keyformat" not in props:
        return None
    return read(props.get("keylocation", "prompt"))


def read(location: str) -> str:
    """The key's text from its location, without the line end."""
    if location == "prompt":
        return sys.stdin.readline().rstrip("\n")
    if location.startswith("file://"):
        try:
            with open(paths.root(location[len("file://") :]), encoding="utf-8", errors="surrogateescape") as stream:
                return stream.readline().rstrip("\n")
        except OSError as error:
            raise ZfsError(f"Failed to open key material file: {error.strerror}") from None
    raise ZfsError(f"Key material at '{location}' cannot be had here")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def check_format(secret: str, keyformat: str) -> None:
    if keyformat == "passphrase" and len(secret) < SHORTEST:
        raise ZfsError(f"Passphrase too short (min {SHORTEST}).")
    if keyformat == "passphrase" and len(secret) > LONGEST:
        raise ZfsError(f"Passphrase too long (max {LONGEST}).")
    if keyformat == "hex" and len(secret) != 64:
        raise ZfsError("Hex key too {} (expected 64).".format("short" if len(secret) < 64 else "long"))


def for_new(model: Model, name: str, props: Dict[str, str], secret: Optional[str]) -> Optional[Doc]:
    """The key record of a new encryption root; None for a dataset that is none.

    A ZfsError's text is the reason alone.
    """
    encryption = props.get("encryption")
    parent = model.find(names.parent(name)) or {}
    if encryption in (None, "off"):
        for prop in ("keyformat", "keylocation", "pbkdf2iters"):
            if prop in props and not parent.get("keyroot"):
                raise ZfsError(f"'{prop}' must be given with 'encryption'")
        if encryption == "off" and parent.get("keyroot"):
            raise ZfsError("encryption may not be turned off for a child of an encrypted dataset")
        if parent.get("keyroot") and parent["keyroot"] not in model.kernel["keys"]:
            raise ZfsError("encryption root's key is not loaded or provided")
        return None
    if "keyformat" not in props or secret is None:
        raise ZfsError("Keyformat required for new encryption root.")
    check_format(secret, props["keyformat"])
    return {
        "encryption": encryption,
        "keyformat": props["keyformat"],
        "keylocation": props.get("keylocation", "prompt"),
        "pbkdf2iters": props.get("pbkdf2iters", _ITERATIONS if props["keyformat"] == "passphrase" else "0"),
        "digest": _digest(secret),
    }


def attach(model: Model, name: str, dataset: Doc, key: Optional[Doc]) -> None:
    """Tie a new dataset to its own key, or to its parent's encryption root."""
    parent = model.find(names.parent(name)) or {}
    if key is not None:
        dataset["key"] = key
        dataset["keyroot"] = name
        model.kernel["keys"].append(name)
    elif parent.get("keyroot"):
        dataset["keyroot"] = parent["keyroot"]


def roots(model: Model, wanted: Sequence[Item]) -> List[Tuple[str, Doc]]:
    """The encryption roots among the items, each once."""
    found: Dict[str, Doc] = {}
    for item in wanted:
        if "key" in item.dataset:
            found[item.name] = item.dataset
    return list(found.items())


def fits(dataset: Doc, secret: str) -> bool:
    return bool(dataset["key"]["digest"] == _digest(secret))


def renew(dataset: Doc, secret: str, changes: Dict[str, str]) -> None:
    dataset["key"].update(changes)
    check_format(secret, dataset["key"]["keyformat"])
    dataset["key"]["digest"] = _digest(secret)


def rename_roots(model: Model, old: str, new: str, pool: Doc) -> None:
    """An encryption root was renamed: its children and the loaded keys follow."""

    def moved(name: str) -> str:
        return new + name[len(old) :] if name == old or name.startswith(old + "/") else name

    for dataset in pool["datasets"].values():
        if "keyroot" in dataset:
            dataset["keyroot"] = moved(dataset["keyroot"])
    model.kernel["keys"] = [moved(name) for name in model.kernel["keys"]]
