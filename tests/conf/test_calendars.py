"""The group ``calendars``: each mistake told with its place, and each declaration in force."""

from __future__ import annotations

from pathlib import Path

from conf.compose import compose, examine
from conf.table_rules import broken_tables
from tradewright.model.market_hours import MarketHours

MISTAKES = (
    ("hours: [{close: '25:00'}]", "hours.0.close", "must be a time of day such as 16:00"),
    ("hours: [{clse: '16:00'}]", "hours.0.clse", "is not a key here"),
    ("hours: [{weekdays: [mon]}]", "hours.0", "must say open, close or breaks"),
    ("hours: [{weekdays: [monday], close: '16:00'}]", "hours.0.weekdays.0", "must be one of mon"),
    ("hours: [{breaks: ['16:00']}]", "hours.0.breaks.0", "must be two times of day"),
    ("hours: [{breaks: ['16:00-15:00']}]", "hours.0.breaks.0", "must start before it ends"),
    (
        "hours: [{since: '2025-01-01', until: '2024-01-01', close: '16:00'}]",
        "hours.0",
        "since must not be after until",
    ),
    ("zone: Mars/X", "zone", "must be a time zone of the IANA database"),
    ("holidays: [02-30]", "holidays.0", "must be a date such as 2026-06-19"),
    ("holidays: ['2026-13-01']", "holidays.0", "must be a date such as 2026-06-19"),
    ("early_closes: [{at: '12:00', dates: []}]", "early_closes.0.dates", "must not be empty"),
)


def test_every_mistake_is_told_at_once_with_its_key() -> None:
    overrides = [f"+calendars.C{number}={{base: 24/5, {text}}}" for number, (text, _, _) in enumerate(MISTAKES)]
    told = {problem.key: problem.rule for problem in examine(overrides)[1]}
    assert len(told) == len(MISTAKES)
    for number, (_, key, rule) in enumerate(MISTAKES):
        assert rule in told[f"calendars.C{number}.{key}"]


def test_a_calendar_corrects_one_that_is_known() -> None:
    own = {
        "MINE": MarketHours(holidays=("12-25",)),
        "OTHER": MarketHours(base="XNYSE"),
        "GOOD": MarketHours(base="XLON"),
    }
    found = list(broken_tables(compose().model_copy(update={"calendars": own}), ["calendars"]))
    assert [row.key for row in found] == [("calendars", "MINE"), ("calendars", "OTHER", "base")]
    assert "say the one that it corrects" in found[0].rule
    assert found[1].near == "XNYS"


def test_hours_stand_in_no_row_of_an_instrument() -> None:
    [found] = examine(["+instruments.BTC.hours={holidays: [12-25]}"])[1]
    assert (found.key, "conf/calendars" in found.rule) == ("instruments.BTC.hours", True)


def test_a_mistake_in_the_file_is_told_with_its_line(conf_copy: Path) -> None:
    path = conf_copy / "calendars" / "default.yaml"
    lines = path.read_text().splitlines()
    row = next(number for number, line in enumerate(lines, 1) if 'close: "16:30"' in line)
    path.write_text(path.read_text().replace('close: "16:30"', "close: 16.30"))
    assert f"conf/calendars/default.yaml:{row}" in {f"{found.file}:{found.line}" for found in examine((), conf_copy)[1]}


def test_a_calendar_of_ones_own_reaches_its_instruments(conf_copy: Path) -> None:
    path = conf_copy / "calendars" / "default.yaml"
    path.write_text(path.read_text() + "\nVENUE: {base: 24/7, holidays: [12-25]}\n")
    settings = compose(("instruments.BTC.calendar=VENUE",), conf_copy)
    hours = settings.instruments["BTC"].hours
    assert hours is not None
    assert (hours.base, hours.holidays) == ("24/7", ("12-25",))
    assert settings.instruments["ETH"].hours is None
    assert settings.config_hash != compose((), conf_copy).config_hash


def test_a_project_without_the_group_works(conf_copy: Path) -> None:
    """Folders that were made before calendars could be corrected have no such file."""
    root = conf_copy / "config.yaml"
    root.write_text("".join(line for line in root.read_text().splitlines(True) if "calendars:" not in line))
    (conf_copy / "calendars" / "default.yaml").unlink()
    assert compose((), conf_copy).instruments["ES"].hours is None
