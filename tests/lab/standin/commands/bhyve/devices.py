# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PCI device models: their names, and what ``-s`` makes of its old comma form (pci_emul.c, legacy_config)."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
from typing import Callable, Dict, List, NoReturn, Tuple

from ...vmm import Hardware
from .errors import FAILED, Exit, fail, say
from .tree import Config

#: The models in the order of ``-s help``.
MODELS = (
    "ahci",
    "ahci-hd",
    "ahci-cd",
    "e1000",
    "dummy",
    "hda",
    "fbuf",
    "amd_hostbridge",
    "hostbridge",
    "lpc",
    "nvme",
    "passthru",
    "virtio-9p",
    "virtio-blk",
    "virtio-console",
    "virtio-input",
    "virtio-net",
    "virtio-rnd",
    "virtio-scsi",
    "uart",
    "xhci",
)
#: Names of the old form only: what they are today.
ALIASES = {"ahci-hd": "ahci", "ahci-cd": "ahci", "amd_hostbridge": "hostbridge"}
_CONSOLE_PORTS = 16


class DeviceError(Exception):
    """A device that cannot be had: what was said about it is printed, errno goes into bhyve's last line."""

    def __init__(self, errno: int, *lines: str) -> None:
        super().__init__(errno)
        self.errno = errno
        for line in lines:
            say(line)


def die(number: int) -> NoReturn:
    """End by a signal, as a process that dies by it does, without a core file."""
    sys.stdout.flush()
    sys.stderr.flush()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    raise Exit(128 + number)


def abort(condition: str, function: str, file: str, line: int) -> NoReturn:
    """assert(3) that failed."""
    say(f"Assertion failed: {condition}, function {function}, file /usr/src/{file}, line {line}.")
    die(signal.SIGABRT)


def list_text(host: Hardware) -> str:
    """``-s help``."""
    return "".join(name + "\n" for name in MODELS)


def _slot_usage(text: str) -> NoReturn:
    fail(f'Invalid PCI slot info field "{text}"')


def _address(text: str, whole: str) -> Tuple[int, int, int]:
    """``[bus:]slot[:function]``, read as sscanf(3) does: what follows the last number is not looked at."""
    for pattern, build in (
        (r"\s*(-?\d+):\s*(-?\d+):\s*(-?\d+)", lambda n: (n[0], n[1], n[2])),
        (r"\s*(-?\d+):\s*(-?\d+)", lambda n: (0, n[0], n[1])),
        (r"\s*(-?\d+)", lambda n: (0, n[0], 0)),
    ):
        found = re.match(pattern, text)
        if found:
            bus, slot, function = build([int(group) for group in found.groups()])
            if 0 <= bus < 256 and 0 <= slot < 32 and 0 <= function < 8:
                return bus, slot, function
            break
    _slot_usage(whole)


def parse_slot(config: Config, text: str) -> None:
    """``-s slot,model[,config]``: makes the device's node; the slot must be free."""
    where, comma, rest = text.partition(",")
    if not comma:
        _slot_usage(text)
    model, comma, opts = rest.partition(",")
    bus, slot, function = _address(where, text)
    if model not in MODELS:
        fail(f'pci slot {bus}:{slot}:{function}: unknown device "{model}"')
    node = f"pci.{bus}.{slot}.{function}"
    if config.node(node) is not None:
        fail(f"pci slot {bus}:{slot}:{function} already occupied!")
    config.set(f"{node}.device", ALIASES.get(model, model))
    legacy = _LEGACY.get(model)
    if legacy is not None:
        legacy(config, node, opts if comma else "")
    elif comma:
        config.parse_list(node, opts)


def _leading(config: Config, node: str, key: str, opts: str) -> None:
    """The first option is a value without its key."""
    if not opts:
        return
    value, comma, rest = opts.partition(",")
    config.set(f"{node}.{key}", value)
    if comma:
        config.parse_list(node, rest)


def _block(config: Config, node: str, opts: str) -> None:
    _leading(config, node, "path", opts)


def _nvme(config: Config, node: str, opts: str) -> None:
    if opts.startswith("ram="):
        config.parse_list(node, opts)
    else:
        _block(config, node, opts)


def _network(config: Config, node: str, opts: str) -> None:
    _leading(config, node, "backend", opts)


def _ahci_ports(config: Config, node: str, opts: str) -> None:
    for number, part in enumerate(re.split(r",(?=hd:|cd:)", opts) if opts else []):
        kind, colon, rest = part.partition(":")
        if not colon or kind not in ("hd", "cd"):
            kind, rest = "hd", part
        config.set(f"{node}.port.{number}.type", kind)
        _block(config, f"{node}.port.{number}", rest)


def _ahci_one(kind: str) -> Callable[[Config, str, str], None]:
    def legacy(config: Config, node: str, opts: str) -> None:
        config.set(f"{node}.port.0.type", kind)
        _block(config, f"{node}.port.0", opts)

    return legacy


def _amd(config: Config, node: str, opts: str) -> None:
    from ...vmm import hardware

    if not hardware().recorded:
        config.set(f"{node}.pcireg.vendor", "0x1022")
        config.set(f"{node}.pcireg.device", "0x7432")
    else:
        config.set(f"{node}.vendor", "0x1022")
        config.set(f"{node}.devid", "0x7432")


def _share(config: Config, node: str, opts: str) -> None:
    for word in opts.split(",") if opts else []:
        name, equals, path = word.partition("=")
        if not equals:
            config.set_bool(f"{node}.{word}", True)
        elif config.get(f"{node}.sharename") is not None:
            fail("virtio-9p: more than one share name given")
        else:
            config.set(f"{node}.sharename", name)
            config.set(f"{node}.path", path)


def _console(config: Config, node: str, opts: str) -> None:
    words: List[str] = opts.split(",") if opts else []
    for number, word in enumerate(words):
        name, equals, path = word.partition("=")
        if not equals:
            fail(f"vtcon: port {name} requires a path")
        if number >= _CONSOLE_PORTS:
            fail("vtcon: too many ports")
        config.set(f"{node}.port.{number}.name", name)
        config.set(f"{node}.port.{number}.path", path)


def _input(config: Config, node: str, opts: str) -> None:
    if not opts:
        raise Exit(FAILED)
    config.set(f"{node}.path", opts.partition(",")[0])


def _scsi(config: Config, node: str, opts: str) -> None:
    if opts:
        path, comma, rest = opts.partition(",")
        config.set(f"{node}.dev", path)
        if comma:
            config.parse_list(node, rest)


def _passthru(config: Config, node: str, opts: str) -> None:
    place, comma, rest = opts.partition(",")
    found = re.match(r"(\d+)/(\d+)/(\d+)$", place) or re.match(r"pci\d*:?(\d+):(\d+):(\d+)$", place)
    if found:
        for name, value in zip(("bus", "slot", "func"), found.groups()):
            config.set(f"{node}.{name}", value)
    elif re.match(r"ppt\d+$", place):
        config.set(f"{node}.pptdev", place)
    else:
        fail(f'passthru: invalid options "{opts}"')
    if comma:
        config.parse_list(node, rest)


def _usb(config: Config, node: str, opts: str) -> None:
    for number, word in enumerate(opts.split(",") if opts else [], 1):
        device, _unused, rest = word.partition("=")
        config.set(f"{node}.slot.{number}.device", device)
        if rest:
            config.parse_list(f"{node}.slot.{number}", rest)


def _path(config: Config, node: str, opts: str) -> None:
    if opts:
        config.set(f"{node}.path", opts)


_LEGACY: Dict[str, Callable[[Config, str, str], None]] = {
    "ahci": _ahci_ports,
    "ahci-hd": _ahci_one("hd"),
    "ahci-cd": _ahci_one("cd"),
    "amd_hostbridge": _amd,
    "e1000": _network,
    "nvme": _nvme,
    "passthru": _passthru,
    "uart": _path,
    "virtio-9p": _share,
    "virtio-blk": _block,
    "virtio-console": _console,
    "virtio-input": _input,
    "virtio-net": _network,
    "virtio-scsi": _scsi,
    "xhci": _usb,
}
