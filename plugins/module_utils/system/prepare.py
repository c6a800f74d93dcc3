# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Planning a host that can run guests, and one that is as it was before."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import (
    CAPABILITIES,
    CONF,
    LINK,
    LOGS,
    MADE,
    NETWORK,
    NETWORK_RC_SCRIPT,
    NEWSYSLOG,
    RC_SCRIPT,
    RUNTIME,
    RUNTIME_PARTS,
    STATE,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system import lines, made, shutdown
from ansible_collections.apiary.bhyve.plugins.module_utils.system.capabilities import (
    DMESG_BOOT,
    VARIABLES,
    WriteCapabilities,
    check_host,
    read_capabilities,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.system.capabilities import render as render_capabilities
from ansible_collections.apiary.bhyve.plugins.module_utils.system.checkpoints import Checkpoints, from_json
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import (
    plan_directory,
    plan_edit,
    plan_file,
    plan_link,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.system.kld import (
    MODULE_PATH,
    LoadModule,
    check_modules,
    read_modules,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import Wanted, plan_variables, read_values
from ansible_collections.apiary.bhyve.plugins.module_utils.system.root import plan_root
from ansible_collections.apiary.bhyve.plugins.module_utils.system.sysctl import SetSysctl, check_name, read_sysctls

SYSCTL_CONF = "/etc/sysctl.conf"
LOADER_CONF = "/boot/loader.conf"

#: Without these no guest runs: the hypervisor, its null-modem consoles, bridges.
MODULES: Tuple[str, ...] = ("vmm", "nmdm", "if_bridge")
#: A tap that bhyve opens comes up by itself, so it passes frames.
SYSCTLS: Dict[str, str] = {"net.link.tap.up_on_open": "1"}

DEFAULT_ROOT = "/apiary"
DEFAULT_DATASET = "zroot/apiary"
FIRMWARE_CODE = "/usr/local/share/uefi-firmware/BHYVE_UEFI_CODE.fd"
FIRMWARE_VARS = "/usr/local/share/uefi-firmware/BHYVE_UEFI_VARS.fd"

_KEYS = ("apiary_root", "apiary_dataset", "apiary_firmware_code", "apiary_firmware_vars")
_DATASET = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*(?:/[A-Za-z0-9_.:-]+)+|")
_PATH = re.compile(r"(?:/[^/\s']+)+")


@dataclass(frozen=True)
class Files:
    """The texts of the runtime, its rc.d scripts and its newsyslog.conf(5) entry; None leaves a file as it is.

    The runtime's go by the names of its files.
    """

    runtime: Optional[Mapping[str, str]] = None
    rc_script: Optional[str] = None
    network_rc_script: Optional[str] = None
    newsyslog: Optional[str] = None


@dataclass(frozen=True)
class Wish:
    """What was asked for; None keeps what is there, or the default on a host that is new."""

    root: Optional[str] = None
    dataset: Optional[str] = None
    dataset_properties: Dict[str, str] = field(default_factory=dict)
    firmware_code: Optional[str] = None
    firmware_vars: Optional[str] = None
    kernel_modules: Optional[Tuple[str, ...]] = None
    sysctls: Dict[str, str] = field(default_factory=dict)
    loader_variables: Dict[str, str] = field(default_factory=dict)
    rc_variables: Dict[str, str] = field(default_factory=dict)
    shutdown_seconds: Optional[int] = None
    files: Files = field(default_factory=Files)


@dataclass(frozen=True)
class Prepared:
    """The host as it will be: the values of apiary.conf and what bhyve can do."""

    conf: Dict[str, str]
    capabilities: Dict[str, Any]


def check_wish(wish: Wish) -> None:
    """BadInput for what no host can be; needs no look at one."""
    for option, value in (
        ("root", wish.root),
        ("firmware_code", wish.firmware_code),
        ("firmware_vars", wish.firmware_vars),
    ):
        if value is not None and not _PATH.fullmatch(value):
            raise BadInput(f"{option}: {value!r} is not an absolute path without blanks, quotes and empty parts")
    if wish.dataset is not None and not _DATASET.fullmatch(wish.dataset):
        raise BadInput(
            f"dataset: {wish.dataset!r} is not the name of a dataset below a pool, such as {DEFAULT_DATASET}"
        )
    if "volmode" in wish.dataset_properties or "mountpoint" in wish.dataset_properties:
        raise BadInput("dataset_properties: mountpoint is set by root, and volmode is always dev; leave them out")
    for module in wish.kernel_modules or ():
        if not re.fullmatch(r"[A-Za-z0-9_-]+", module):
            raise BadInput(f"kernel_modules: {module!r} is not the name of a kernel module, such as vmm")
    if wish.shutdown_seconds is not None and not 1 <= wish.shutdown_seconds <= 86400:
        raise BadInput(f"shutdown_seconds: {wish.shutdown_seconds}; allowed are 1 to 86400")
    if wish.files.runtime is not None:
        _check_runtime(wish.files.runtime)
    for option, variables in (("sysctls", wish.sysctls), ("loader_variables", wish.loader_variables)):
        for name, value in variables.items():
            if option == "sysctls" or "." in name:
                check_name(name, option)
            elif not re.fullmatch(r"[A-Za-z0-9_-]+", name):
                raise BadInput(f"{option}: {name!r} is not the name of a loader variable, such as vmm_load")
            if re.search(r'["#\n]', value):
                raise BadInput(f"{option}: the value {value!r} of {name} has a quote, a # or a newline in it")


def _check_runtime(texts: Mapping[str, str]) -> None:
    """All files or none: parts of two releases do not go together."""
    names = [path.rpartition("/")[2] for path in (RUNTIME, *RUNTIME_PARTS, NETWORK)]
    if sorted(texts) != sorted(names):
        raise BadInput(
            f"runtime: it has the files {', '.join(sorted(texts)) or '(none)'}; needed are {', '.join(names)}"
        )


def plan_prepared(host: Host, plan: Plan, wish: Wish) -> Prepared:
    """Plan a host that can run guests: the same reads whatever there is to do."""
    check_wish(wish)
    sysctls = {**SYSCTLS, **wish.sysctls}
    names = [*VARIABLES, MODULE_PATH, shutdown.SYSCTL, *sysctls]
    variables = read_sysctls(host, list(dict.fromkeys(names)))
    check_host(variables, host.read(DMESG_BOOT))
    present = read_conf(host)
    conf = _conf(wish, present)
    _check_move(host, present, conf)
    record = made.read_made(host)
    noted = deepcopy(record)
    staged = Plan()
    now = {**shutdown.sysctl_now(variables.get(shutdown.SYSCTL), wish.shutdown_seconds), **sysctls}
    _plan_kernel(host, staged, _modules(wish), now, variables)
    if plan_root(host, staged, conf["apiary_root"], conf["apiary_dataset"], wish.dataset_properties):
        noted.dataset, noted.directory = conf["apiary_dataset"], conf["apiary_root"]
    for path, mode in ((STATE, 0o755), (LOGS, 0o700)):
        plan_directory(host, staged, path, mode)
    capabilities = read_capabilities(host, variables)
    _plan_files(host, staged, wish.files, render_conf(conf, from_json(capabilities["checkpoints"])))
    _plan_boot(host, staged, wish, sysctls, noted)
    _plan_capabilities(host, staged, capabilities)
    if noted != record:
        # Before anything that it is about, so that a run that breaks off can still be taken back.
        plan_directory(host, plan, STATE, 0o755)
        plan_file(host, plan, MADE, made.render(noted), 0o600)
    for change in staged.changes:
        if change not in plan.changes:
            plan.add(change)
    plan.before.update(staged.before)
    plan.after.update(staged.after)
    plan.needs.update(staged.needs)
    return Prepared(conf, capabilities)


def read_conf(host: Host) -> Dict[str, str]:
    """The values of apiary.conf; empty on a host that is new."""
    text = host.read(CONF)
    found: Dict[str, str] = {}
    for line in (text or "").splitlines():
        key, equals, value = line.partition("=")
        if equals and key in _KEYS:
            found[key] = value.strip().strip("'")
    return found


def render_conf(conf: Mapping[str, str], checkpoints: Checkpoints) -> str:
    """The text of apiary.conf: assignments that sh(1) and Python read alike."""
    # No value has a quote in it: check_wish sees to that.
    values = {**{key: conf[key] for key in _KEYS}, **checkpoints.variables()}
    assignments = "".join(f"{key}='{value}'\n" for key, value in values.items())
    return f"# Written by the Ansible module apiary.bhyve.bhyve_host; change its options instead.\n{assignments}"


def _conf(wish: Wish, current: Mapping[str, str]) -> Dict[str, str]:
    wanted = (wish.root, wish.dataset, wish.firmware_code, wish.firmware_vars)
    defaults = (DEFAULT_ROOT, DEFAULT_DATASET, FIRMWARE_CODE, FIRMWARE_VARS)
    return {
        key: current.get(key, default) if value is None else value
        for key, value, default in zip(_KEYS, wanted, defaults)
    }


def guests_in(host: Host, root: str) -> List[str]:
    """The names of the guests that have a record below ``root``."""
    return [name for name in host.listdir(root) or [] if host.stat(f"{root}/{name}/guest.json") is not None]


def _check_move(host: Host, present: Mapping[str, str], conf: Mapping[str, str]) -> None:
    """BadInput when guests would be left behind in another place."""
    for key in ("apiary_root", "apiary_dataset"):
        if key in present and present[key] != conf[key]:
            guests = guests_in(host, present["apiary_root"])
            if guests:
                raise BadInput(
                    f"{key[len('apiary_') :]}: guests live in {present[key]!r} ({', '.join(guests)}) and would not be "
                    f"found in {conf[key]!r}; move or remove them first"
                )


def _modules(wish: Wish) -> List[str]:
    return list(dict.fromkeys([*MODULES, *(wish.kernel_modules or ())]))


def _plan_kernel(
    host: Host, plan: Plan, modules: List[str], sysctls: Mapping[str, str], variables: Mapping[str, str]
) -> None:
    """Now: modules first, for they bring kernel variables with them."""
    loaded = read_modules(host)
    missing = [module for module in modules if module not in loaded]
    check_modules(host, missing, variables.get(MODULE_PATH, ""))
    for module in modules:
        if module in missing:
            plan.add(LoadModule(module))
            plan.before[module], plan.after[module] = "", "loaded\n"
    for name, value in sysctls.items():
        if value and variables.get(name) != value:
            plan.add(SetSysctl(name, value))
            plan.before[name], plan.after[name] = variables.get(name, ""), value


def _plan_boot(host: Host, plan: Plan, wish: Wish, sysctls: Mapping[str, str], noted: made.Made) -> None:
    """At boot: sysctl.conf, loader.conf, and rc.conf with kld_list."""
    for path, wanted, quoted, record in (
        (SYSCTL_CONF, sysctls, False, noted.sysctl),
        (LOADER_CONF, wish.loader_variables, True, noted.loader),
    ):
        text = host.read(path)
        if path == SYSCTL_CONF:
            line = lines.values(text or "").get(shutdown.SYSCTL)
            wanted = {**shutdown.sysctl_at_boot(line, wish.shutdown_seconds), **wanted}
        goal: Dict[str, Optional[str]] = {name: value or None for name, value in wanted.items()}
        made.note(record, dict(lines.values(text or "")), goal)
        new = lines.edit(text or "", goal, quoted)
        plan_edit(host, plan, path, text, new, lines.differences(text or "", goal))
    # What the kernel does not take now is not promised for the next boot.
    plan.needs[SYSCTL_CONF] = tuple(sysctls)
    modules = _modules(wish)
    current = read_values(host, list(dict.fromkeys(["kld_list", shutdown.RC_VARIABLE, *wish.rc_variables]))).values
    raised = shutdown.rc_variable(current[shutdown.RC_VARIABLE], wish.shutdown_seconds)
    wanted_rc = {**raised, **wish.rc_variables}
    listed = (current["kld_list"] or "").split()
    # What an earlier task added and this one no longer lists goes; what others put there stays.
    dropped = [] if wish.kernel_modules is None else [module for module in noted.kld_list if module not in modules]
    noted.kld_list = [module for module in noted.kld_list if module not in dropped]
    noted.kld_list += [module for module in modules if module not in [*listed, *noted.kld_list]]
    made.note(noted.rc, current, dict(wanted_rc))
    variables = [Wanted(name, value) for name, value in wanted_rc.items()]
    kld_list = [Wanted("kld_list", " ".join(dropped), "remove"), Wanted("kld_list", " ".join(modules), "append")]
    boot = Plan()
    plan_variables(host, boot, [*kld_list, *variables])
    for change in boot.changes:
        plan.add(change)
        # What cannot be loaded now is not promised for the next boot.
        plan.needs[change.subject] = tuple(modules)
    plan.before.update(boot.before)
    plan.after.update(boot.after)


def _plan_files(host: Host, plan: Plan, files: Files, conf: str) -> None:
    runtime = files.runtime or {}
    texts: List[Tuple[str, Optional[str], int]] = [
        (CONF, conf, 0o644),
        # The parts first: the runtime reads them.
        *((path, runtime.get(path.rpartition("/")[2]), 0o644) for path in RUNTIME_PARTS),
        *((path, runtime.get(path.rpartition("/")[2]), 0o755) for path in (RUNTIME, NETWORK)),
        (RC_SCRIPT, files.rc_script, 0o555),
        (NETWORK_RC_SCRIPT, files.network_rc_script, 0o555),
        (NEWSYSLOG, files.newsyslog, 0o644),
    ]
    for path, text, mode in texts:
        if text is not None:
            plan_directory(host, plan, path.rpartition("/")[0], 0o755)
            plan_file(host, plan, path, text.rstrip("\n") + "\n", mode)
    if files.runtime is not None:
        plan_directory(host, plan, LINK.rpartition("/")[0], 0o755)
        plan_link(host, plan, LINK, RUNTIME)


def _plan_capabilities(host: Host, plan: Plan, capabilities: Mapping[str, Any]) -> None:
    text, old = render_capabilities(capabilities), host.read(CAPABILITIES)
    if old != text:
        plan.add(WriteCapabilities(CAPABILITIES))
        plan.before[CAPABILITIES], plan.after[CAPABILITIES] = old or "", text
