"""``docs/scenarios.md`` names every family, event, limit and scenario with its keys, and its documents are sound."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import yaml

from conf.scenarios import scenarios
from tradewright.model.certify_limits import CertifyLimits, DeclaredLimits
from tradewright.scenarios.document import AnyScenario, ScenarioFile
from tradewright.scenarios.events import AnyEvent

SOURCE = Path(__file__).resolve().parents[2]
PAGE = (SOURCE / "docs" / "scenarios.md").read_text(encoding="utf-8")
ROWS = {
    found[1]: set(re.findall(r"`(\w+)`", found[2])) for found in re.finditer(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.M)
}


def test_every_family_has_a_row_with_its_parameters() -> None:
    for each in get_args(get_args(AnyScenario)[0]):
        (family,) = get_args(each.model_fields["family"].annotation)
        assert ROWS[family.value] == set(each.model_fields["params"].annotation.model_fields)


def test_every_event_has_a_row_with_its_keys() -> None:
    for each in get_args(get_args(AnyEvent)[0]):
        (kind,) = get_args(each.model_fields["kind"].annotation)
        assert ROWS[kind] == set(each.model_fields) - {"kind", "only"}


def test_every_limit_and_every_scenario_has_a_row() -> None:
    assert set(CertifyLimits.model_fields) <= ROWS.keys()
    named = {name for name in ROWS if name.startswith("scenario_")}
    assert named == {each.id for each in scenarios(folder=SOURCE / "conf")}


def test_the_documents_of_the_page_are_sound() -> None:
    document, declared = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
    shipped = next(each for each in scenarios(folder=SOURCE / "conf") if each.id == document["id"])
    assert ScenarioFile.model_validate(document).root.scenario_hash == shipped.scenario_hash
    assert DeclaredLimits(**declared["certify"]).max_loss == 0.05
