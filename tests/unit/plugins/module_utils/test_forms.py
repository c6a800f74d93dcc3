# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One object by a module's own options, or many by a list: alike for every module."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import options
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import options as checkpoint_options
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks import tasks as disk_tasks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports import options as export_options
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots import options as snapshot_options
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import image_options

Reader = Callable[[Dict[str, Any]], List[Any]]

#: The list of each module, its argument specification, what reads its options, and an element of the list.
FORMS: List[Tuple[str, Dict[str, Any], Reader, Dict[str, Any]]] = [
    ("vms", options.module_options(), options.requests_of, {"name": "web1"}),
    ("disks", disk_tasks.DISKS.module_options(), disk_tasks.DISKS.tasks_of, {"vm": "web1", "name": "root"}),
    ("snapshots", snapshot_options.module_options(), snapshot_options.wanted_of, {"vm": "web1", "name": "daily"}),
    ("checkpoints", checkpoint_options.module_options(), checkpoint_options.wanted_of, {"vm": "web1", "name": "daily"}),
    ("images", image_options.module_options(), image_options.requests_of, {"name": "debian"}),
    ("exports", export_options.export_options(), export_options.exports_of, {"vm": "web1", "path": "/b/x"}),
    ("imports", export_options.import_options(), export_options.imports_of, {"path": "/b/x", "name": "web1"}),
]
IDS = [form[0] for form in FORMS]

#: A value for an option of each type; where there are choices, the last of them.
VALUES: Dict[str, Any] = {"bool": False, "int": 7, "list": [], "path": "/b/y", "raw": "x", "str": "x"}
#: What goes with both forms.
COMMON = {("disks", "restart")}


def some_value(option: Dict[str, Any]) -> Any:
    """A value that the option takes."""
    if option["type"] == "dict":
        below = option.get("options", {})
        return {name: some_value(one) for name, one in below.items() if one.get("required")}
    return option.get("choices", [VALUES[option["type"]]])[-1]


def validated(spec: Dict[str, Any], given: Dict[str, Any]) -> Dict[str, Any]:
    """The options as AnsibleModule hands them over, with defaults."""
    result = ArgumentSpecValidator(spec).validate(given)
    assert not result.error_messages
    parameters: Dict[str, Any] = result.validated_parameters
    return parameters


@pytest.mark.parametrize(("plural", "spec", "read", "element"), FORMS, ids=IDS)
def test_each_option_beside_the_list_is_refused(
    plural: str, spec: Dict[str, Any], read: Reader, element: Dict[str, Any]
) -> None:
    single = [name for name in spec if name != plural and (plural, name) not in COMMON]
    assert len(single) > 3
    for name in single:
        with pytest.raises(BadInput, match=f"^{plural}: {name} beside it; with {plural} every option"):
            read(validated(spec, {plural: [element], name: some_value(spec[name])}))


@pytest.mark.parametrize(("plural", "spec", "read", "element"), FORMS, ids=IDS)
def test_both_forms_mean_the_same(plural: str, spec: Dict[str, Any], read: Reader, element: Dict[str, Any]) -> None:
    assert read(validated(spec, {plural: []})) == []
    many = read(validated(spec, {plural: [element]}))
    assert len(many) == 1 and read(validated(spec, element)) == many


@pytest.mark.parametrize(("plural", "spec", "read", "element"), FORMS[1:], ids=IDS[1:])
def test_what_is_there_twice_is_named_by_its_places(
    plural: str, spec: Dict[str, Any], read: Reader, element: Dict[str, Any]
) -> None:
    other = {name: f"{value}2" for name, value in element.items()}
    with pytest.raises(BadInput, match=f"^{plural}: .* is there twice, as element 1 and as element 3"):
        read(validated(spec, {plural: [dict(element), other, dict(element)]}))


@pytest.mark.parametrize(("plural", "spec", "read", "element"), FORMS, ids=IDS)
def test_neither_form(plural: str, spec: Dict[str, Any], read: Reader, element: Dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=rf": give one \w+ by .*, or many by {plural}$"):
        read(validated(spec, {}))


def test_a_module_may_have_something_to_do_without_an_element() -> None:
    form = Form("ports", "port", {"name": {"type": "str", "required": True}, "speed": {"type": "int"}})
    assert form.elements_if_any(validated(form.spec(), {})) == []
    assert form.elements_if_any(validated(form.spec(), {"ports": []})) == []
    assert form.elements_if_any(validated(form.spec(), {"name": "em0"})) == [{"name": "em0", "speed": None}]
    with pytest.raises(BadInput, match="^speed: of which port[?] name it by name, or several by ports$"):
        form.elements_if_any(validated(form.spec(), {"speed": 7}))
    with pytest.raises(BadInput, match="^ports: speed beside it; with ports every option of a port stands in its"):
        form.elements_if_any(validated(form.spec(), {"ports": [], "speed": 7}))
