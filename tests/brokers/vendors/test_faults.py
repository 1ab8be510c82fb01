"""What a vendor can do wrong: it is waited for, or refused with a reason, and no bar of it is given."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from brokers.vendors.http_client import VendorRefused
from tests.support.feeds_under_test import M1, VENDORS, Place, Subject, same
from tests.support.histories import NOON
from tests.support.vendor_server import Answer
from tradewright.model.errors import DataError

AFTER = pd.Timestamp(NOON) - pd.Timedelta(minutes=30)


@pytest.fixture(params=VENDORS)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with VENDORS[request.param]() as made:
        yield made


def without_library(subject: Subject) -> None:
    if subject.feed.name == "yahoo":
        pytest.skip("yfinance repeats and follows by itself, and tells columns: test_yahoo.py")


def fetch(subject: Subject) -> pd.DataFrame:
    return subject.feed.fetch(subject.instrument, M1, AFTER)


def refusal(subject: Subject) -> DataError:
    with pytest.raises(DataError) as caught:
        fetch(subject)
    assert subject.key == "" or subject.key not in str(caught.value)
    return caught.value


def whole(subject: Subject) -> pd.DataFrame:
    table = subject.market.tables[M1]
    return table[(table["ts"] > AFTER) & (table["ts"] < pd.Timestamp(NOON))]


def put(place: Place, value: object) -> Callable[[Any], Any]:
    """Changes one value of a row."""

    def change(row: Any) -> Any:
        changed = inner = copy.deepcopy(row)
        for part in place[:-1]:
            inner = inner[part]
        inner[place[-1]] = value
        return changed

    return change


def without(place: Place) -> Callable[[Any], Any]:
    """Leaves one value of a row out; of a row without names, all behind it too."""

    def change(row: Any) -> Any:
        changed = inner = copy.deepcopy(row)
        for part in place[:-1]:
            inner = inner[part]
        if isinstance(inner, list):
            del inner[place[-1] :]
        else:
            del inner[place[-1]]
        return changed

    return change


def at(number: int, change: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    """Changes one row of an answer."""
    return lambda rows: [change(row) if index == number else row for index, row in enumerate(rows)]


def test_an_overloaded_vendor_and_torn_connections_are_waited_for(subject: Subject) -> None:
    without_library(subject)
    subject.server.script = [  # type: ignore[union-attr]
        Answer({"message": "slow down"}, 429, {"Retry-After": "7"}),
        Answer(b"<html>", 502, kind="text/html"),
        Answer(silent=True),
        Answer({"a": "b" * 100}, cut=20),
    ]
    before = subject.clock.monotonic()
    same(fetch(subject), whole(subject))
    assert subject.clock.monotonic() - before == 7 + 2 + 4 + 8


def test_a_vendor_that_stays_away_is_told_and_left_alone(subject: Subject) -> None:
    without_library(subject)
    subject.server.wrap = lambda _: Answer(b"down", 503)  # type: ignore[union-attr]
    for _ in range(3):
        assert "it answers 503 Service Unavailable: down (6 attempts)" in str(refusal(subject))
    asked = len(subject.server.asked)  # type: ignore[union-attr]
    assert "left alone" in refusal(subject).what
    assert len(subject.server.asked) == asked == 18  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_told_once_and_never_repeated(subject: Subject, status: int) -> None:
    without_library(subject)
    text = {"message": f"the key {subject.key} is unknown"}
    subject.server.wrap = lambda _: Answer(text, status)  # type: ignore[union-attr]
    problem = refusal(subject)
    assert isinstance(problem, VendorRefused)
    assert f"it answers {status}: the key" in problem.what
    assert "check the key" in problem.remedy
    assert len(subject.server.asked) == 1  # type: ignore[union-attr]


def test_a_redirect_is_not_followed(subject: Subject) -> None:
    without_library(subject)
    address = subject.server.address.replace("127.0.0.1", "localhost")  # type: ignore[union-attr]
    subject.server.wrap = lambda _: Answer(status=307, headers={"Location": f"{address}/else"})  # type: ignore[union-attr]
    assert "on to localhost, where the key does not go" in refusal(subject).what
    assert len(subject.server.asked) == 1  # type: ignore[union-attr]


BODIES = (b"<html>Maintenance</html>", b"", b"null", b"3", b'"text"', b"[[]]", b"[3]", b'{"results": 3}', b"{}",
          b'{"status": "OK", "results": {"t": 1}}', b'{"candles": [3]}', b'{"bars": 3}')  # fmt: skip


def test_an_answer_of_another_form_is_refused(subject: Subject) -> None:
    for body in BODIES:
        subject.server.wrap = lambda _, body=body: Answer(body)  # type: ignore[misc,union-attr]
        assert "nothing was stored" in refusal(subject).remedy, body


def test_a_document_that_is_cut_is_refused(subject: Subject) -> None:
    subject.server.wrap = lambda answer: Answer(answer.content[:-40])  # type: ignore[union-attr]
    assert "no JSON document" in refusal(subject).what


def test_an_endless_answer_is_refused(subject: Subject) -> None:
    subject.server.wrap = lambda answer: Answer(answer.content + b" " * 33 * 2**20)  # type: ignore[union-attr]
    assert "larger than 32 MiB" in refusal(subject).what


def test_a_bar_without_a_field_is_refused(subject: Subject) -> None:
    without_library(subject)
    for place in (subject.time, *subject.prices):
        subject.spoil(at(11, without(place)))  # type: ignore[misc]
        assert str(place[-1]) in refusal(subject).what or "lacks" in refusal(subject).what


def test_a_value_that_is_no_number_is_refused(subject: Subject) -> None:
    for value in (None, "many", True, [], {}, "nan", "1e999"):
        for place in (subject.time, subject.prices[1]):
            subject.spoil(at(11, put(place, value)))  # type: ignore[misc]
            problem = refusal(subject)
            assert "is no number" in problem.what or "is no time" in problem.what, (place, value)
            assert "nothing was stored" in problem.remedy


def test_a_number_of_json_that_is_none_is_refused(subject: Subject) -> None:
    def spoilt(answer: Answer) -> Answer:
        price = r'(?<=[:\[,] )("?)\d+\.\d+\1(?=[,}\]])'
        text, count = re.subn(price, "NaN", answer.content.decode(), count=1)
        assert count == 1
        return Answer(text.encode())

    subject.server.wrap = spoilt  # type: ignore[union-attr]
    assert "NaN is no number" in refusal(subject).what


@pytest.mark.parametrize(
    ("prices", "rule"),
    [((0,), "a price is positive"), ((-1,), "a price is positive"), ((1e6, 1e7, 1.0, 1.0), "the high is not below")],
)
def test_a_price_that_cannot_be_is_refused(subject: Subject, prices: tuple[float, ...], rule: str) -> None:
    change = put(subject.prices[2], str(prices[0]) if _is_text(subject) else prices[0])
    if rule.startswith("the high"):
        change = put(subject.prices[1], "0.01" if _is_text(subject) else 0.01)
    subject.spoil(at(11, change))  # type: ignore[misc]
    assert rule in refusal(subject).what


def _is_text(subject: Subject) -> bool:
    """Whether the prices of a vendor are texts."""
    return isinstance(subject.prices[0][0], int) or len(subject.prices[0]) > 1


def test_times_in_another_unit_are_refused(subject: Subject) -> None:
    """Seconds in the place of milliseconds are of January 1970, and so on."""

    def moved(rows: list[Any]) -> list[Any]:
        def other(value: object) -> object:
            return value // 1000 if isinstance(value, int) else str(value).replace("2026", "1996")

        def inner(row: Any) -> Any:
            return row[subject.time[0]]

        return [put(subject.time, other(inner(row)))(row) for row in rows]

    subject.spoil(moved)  # type: ignore[misc]
    assert "of other times than were asked for" in refusal(subject).what


def test_a_bar_off_the_grid_is_refused(subject: Subject) -> None:
    def moved(row: Any) -> Any:
        value = row[subject.time[0]]
        return put(subject.time, value + 7000 if isinstance(value, int) else value.replace(":00Z", ":07Z").replace(
            ":00.0", ":07.0"))(row)  # fmt: skip

    subject.spoil(at(11, moved))  # type: ignore[misc]
    assert "a bar starts on the grid of 1m" in refusal(subject).what
