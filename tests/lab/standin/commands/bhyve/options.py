# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve's command line: every switch sets configuration variables (bhyve(8)).

What exists depends on the release: ``-A`` is in the usage text up to 14.x, ``-f`` came with 14.0, ``-r`` is there only
where bhyve was built with snapshots. The texts are those of each release's sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, NoReturn, Optional, Sequence, Tuple

from ...vmm import Hardware
from . import devices
from .errors import EX_USAGE, FAILED, Exit, errx, say
from .tree import Config, option

if TYPE_CHECKING:
    from .snapshot import Checkpoint

_RELEASE_15 = 1500000
_CPU_SETSIZE = 1024
_COM_PORTS = ("com1", "com2", "com3", "com4")

#: letter, text, first and last osreldate (None: any), only with snapshots
_HELP: Tuple[Tuple[str, str, Optional[int], Optional[int], bool], ...] = (
    ("A", "create ACPI tables", None, _RELEASE_15, False),
    ("a", "local apic is in xAPIC mode (deprecated)", None, None, False),
    ("C", "include guest memory in core file", None, None, False),
    ("c", "number of CPUs and/or topology specification", None, None, False),
    ("D", "destroy on power-off", None, None, False),
    ("e", "exit on unhandled I/O access", None, None, False),
    ("G", "start a debug server", None, None, False),
    ("H", "vmexit from the guest on HLT", None, None, False),
    ("h", "help", None, None, False),
    ("k", "key=value flat config file", None, None, False),
    ("K", "PS2 keyboard layout", None, None, False),
    ("l", "LPC device configuration", None, None, False),
    ("m", "memory size", None, None, False),
    ("o", "set config 'var' to 'value'", None, None, False),
    ("P", "vmexit from the guest on pause", None, None, False),
    ("p", "pin 'vcpu' to 'hostcpu'", None, None, False),
    ("r", "path to checkpoint file", None, None, True),
    ("S", "guest memory cannot be swapped", None, None, False),
    ("s", "<slot,driver,configinfo> PCI slot config", None, None, False),
    ("U", "UUID", None, None, False),
    ("u", "RTC keeps UTC time", None, None, False),
    ("W", "force virtio to use single-vector MSI", None, None, False),
    ("w", "ignore unimplemented MSRs", None, None, False),
    ("x", "local APIC is in x2APIC mode", None, None, False),
    ("Y", "disable MPtable generation", None, None, False),
)


def usage_text(host: Hardware) -> str:
    """What ``bhyve -h`` prints on such a host."""
    flags = "[-AaCDeHhPSuWwxY]" if host.osreldate < _RELEASE_15 else "[-aCDeHhPSuWwxY]"
    lines = [
        f"Usage: bhyve {flags}",
        "             [-c [[cpus=]numcpus][,sockets=n][,cores=n][,threads=n]]",
        "             [-G port] [-k config_file] [-l lpc] [-m mem] [-o var=value]",
        "             [-p vcpu:hostcpu] [-r file] [-s pci] [-U uuid] vmname",
    ]
    for letter, text, since, until, snapshot in _HELP:
        if since is not None and host.osreldate < since or until is not None and host.osreldate >= until:
            continue
        if not snapshot or "bhyve" in host.snapshot:
            lines.append(f"       -{letter}: {text}")
    return "\n".join(lines)


def usage(host: Hardware, status: int) -> NoReturn:
    """Print the usage text and end."""
    say(usage_text(host))
    raise Exit(status)


def defaults(host: Hardware) -> Config:
    """What is set before the command line is read."""
    config = Config()
    config.set_bool("acpi_tables", False)
    if not host.recorded:
        config.set_bool("acpi_tables_in_memory", True)
    config.set("memory.size", "256M")
    config.set_bool("x86.strictmsr", True)
    if not host.recorded:
        config.set("lpc.fwcfg", "bhyve")
    return config


def getopt(words: List[str], letters: str, host: Hardware) -> Iterator[Tuple[str, str]]:
    """getopt(3) as FreeBSD's: stops at the first word that is no option; a bad letter ends with the usage text.

    Takes what it yields off ``words``: what is left at the end are the operands.
    """
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            return
        at = 1
        while at < len(word):
            letter = word[at]
            at += 1
            where = letters.find(letter) if letter != ":" else -1
            if where < 0:
                say(f"bhyve: illegal option -- {letter}")
                usage(host, 1)
            if not letters.startswith(":", where + 1):
                yield letter, ""
                continue
            if at == len(word) and not words:
                say(f"bhyve: option requires an argument -- {letter}")
                usage(host, 1)
            yield letter, word[at:] if at < len(word) else words.pop(0)
            break


def _topology(config: Config, text: str) -> None:
    if not text:
        for name in ("sockets", "cores", "threads", "cpus"):
            config.set(name, "1")
        return
    for word in text.split(","):
        name, equals, value = word.partition("=")
        if equals and name not in ("cpus", "sockets", "cores", "threads"):
            errx(EX_USAGE, f"invalid cpu topology '{text}'")
        config.set(name if equals else "cpus", value if equals else word)


def _pin(config: Config, text: str) -> None:
    vcpu, colon, cpu = text.partition(":")
    problem = ""
    if not colon or not vcpu.lstrip("-").isdigit() or not cpu.lstrip("-").isdigit():
        problem = f"invalid format: {text}"
    elif int(vcpu) < 0:
        problem = f"invalid vcpu '{int(vcpu)}'"
    elif not 0 <= int(cpu) < _CPU_SETSIZE:
        problem = f"hostcpu '{int(cpu)}' outside valid range from 0 to {_CPU_SETSIZE - 1}"
    if problem:
        say(problem)
        errx(EX_USAGE, f"invalid vcpu pinning configuration '{text}'")
    name = f"vcpu.{int(vcpu)}.cpuset"
    before = config.get(name)
    config.set(name, f"{before},{int(cpu)}" if before is not None else str(int(cpu)))


def _debug_server(config: Config, text: str) -> None:
    if text.startswith("w"):
        config.set_bool("gdb.wait", True)
        text = text[1:]
    address, colon, port = text.rpartition(":")
    if colon:
        config.set("gdb.address", address)
    config.set("gdb.port", port)


def _lpc(config: Config, text: str) -> None:
    name, comma, rest = text.partition(",")
    low = name.lower()
    if low == "bootrom":
        if not comma:
            errx(FAILED, f'invalid bootrom option "{text}"')
        rom, comma, variables = rest.partition(",")
        config.set("lpc.bootrom", rom)
        if comma:
            config.set("lpc.bootvars", variables.partition(",")[0])
    elif low in _COM_PORTS:
        if not comma:
            devices.abort("(nvl->nvl_error == 0)", "nvlist_find", "sys/contrib/libnv/nvlist.c", 388)
        config.set(f"lpc.{low}.path", rest)
    elif low == "pc-testdev":
        config.set_bool("lpc.pc-testdev", True)
    elif low == "fwcfg" and comma:
        config.set("lpc.fwcfg", rest)
    elif low == "tpm" and rest.count(",") >= 1:
        kind, _unused, more = rest.partition(",")
        path, comma, options = more.partition(",")
        config.set("tpm.type", kind)
        config.set("tpm.path", path)
        if comma:
            config.parse_list("tpm", options)
    else:
        errx(EX_USAGE, f"invalid lpc device configuration '{text}'")


def _lpc_names(host: Hardware) -> str:
    names = ["bootrom", *_COM_PORTS]
    if not host.recorded:
        names += ["tpm", "fwcfg"]
    return "\n".join([*names, "pc-testdev"]) + "\n"


def _flag(name: str, value: bool) -> Callable[[Config, str], None]:
    return lambda config, text: config.set_bool(name, value)


def _variable(name: str) -> Callable[[Config, str], None]:
    return lambda config, text: config.set(name, text)


_ACTIONS: Dict[str, Callable[[Config, str], None]] = {
    "A": _flag("acpi_tables", True),
    "a": _flag("x86.x2apic", False),
    "C": _flag("memory.guest_in_core", True),
    "c": _topology,
    "D": _flag("destroy_on_poweroff", True),
    "e": _flag("x86.strictio", True),
    "f": lambda config, text: None,
    "G": _debug_server,
    "H": _flag("x86.vmexit_on_hlt", True),
    "I": lambda config, text: None,
    "K": _variable("keyboard.layout"),
    "k": lambda config, text: config.parse_file(text),
    "l": _lpc,
    "m": _variable("memory.size"),
    "o": option,
    "P": _flag("x86.vmexit_on_pause", True),
    "p": _pin,
    "r": lambda config, text: None,
    "S": _flag("memory.wired", True),
    "s": devices.parse_slot,
    "U": _variable("uuid"),
    "u": _flag("rtc.use_localtime", False),
    "W": _flag("virtio_msix", False),
    "w": _flag("x86.strictmsr", False),
    "x": _flag("x86.x2apic", True),
    "Y": _flag("x86.mptable", False),
}


class CommandLine:
    """What the command line says: the configuration, the files it came from, what to restore."""

    def __init__(self, config: Config, files: List[str], restore: Optional[Checkpoint]) -> None:
        self.config = config
        self.files = files
        self.restore = restore


def parse(argv: Sequence[str], host: Hardware) -> CommandLine:
    """Read bhyve's arguments (without its own name). Ends the program for -h, help lists and errors."""
    letters = "aehuwxACDHIPSWYk:o:p:G:c:s:m:l:K:U:"
    letters += "f:" if not host.recorded else ""
    letters += "r:" if "bhyve" in host.snapshot else ""
    config = defaults(host)
    files: List[str] = []
    restore: Optional[str] = None
    words = list(argv)
    for letter, text in getopt(words, letters, host):
        if letter == "h":
            usage(host, 0)
        if letter in "ls" and text and "help".startswith(text):
            print(_lpc_names(host) if letter == "l" else devices.list_text(host), end="")
            raise Exit(0)
        if letter == "k":
            files.append(text)
        elif letter == "r":
            restore = text
        _ACTIONS[letter](config, text)
    if len(words) > 1:
        usage(host, 1)
    checkpoint = None
    if restore is not None:
        from .snapshot import Checkpoint

        checkpoint = Checkpoint(restore)
        name = checkpoint.basic("vmname")
        if name is not None:
            config.set("name", str(name))
    if words:
        config.set("name", words[0])
    if config.get("name") is None:
        usage(host, 1)
    return CommandLine(config, files, checkpoint)
