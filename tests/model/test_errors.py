"""Errors say what, where and what to do, and stay whole on their way through processes and threads."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from conf.problems import ConfigProblems, Problem
from tradewright.indicators.arrays import IndicatorArguments, UnknownIndicator
from tradewright.model import errors
from tradewright.model.errors import TradewrightError

KINDS = [
    errors.TradewrightError,
    errors.ConfigError,
    errors.DataError,
    errors.StoreError,
    errors.LedgerError,
    errors.NotApproved,
    errors.BrokerError,
    UnknownIndicator,
    IndicatorArguments,
]


@pytest.mark.parametrize(
    ("where", "remedy", "text"),
    [
        ("", "", "fast = 0"),
        ("strategy sma", "", "strategy sma: fast = 0"),
        ("", "give 1 or more", "fast = 0 (give 1 or more)"),
        ("strategy sma", "give 1 or more", "strategy sma: fast = 0 (give 1 or more)"),
    ],
)
def test_the_text_has_what_is_there_and_no_empty_brackets(where: str, remedy: str, text: str) -> None:
    error = TradewrightError("fast = 0", where=where, remedy=remedy)
    assert str(error) == text
    assert error.args == (text,)
    assert (error.what, error.where, error.remedy) == ("fast = 0", where, remedy)


def test_the_code_is_that_of_the_class_or_the_one_that_is_given() -> None:
    assert errors.LedgerError("x").code == "LEDGER_ERROR"
    assert errors.NotApproved("x").code == "NOT_APPROVED"
    error = errors.LedgerError("x", code="OTHER_CODE")
    assert (error.code, pickle.loads(pickle.dumps(error)).code) == ("OTHER_CODE", "OTHER_CODE")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_one_of_ours_and_survives_copy_and_pickle(kind: type[TradewrightError]) -> None:
    error = kind("näh", where="file.csv:3", remedy="mend it")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert isinstance(again, TradewrightError)
        assert (again.what, again.where, again.remedy) == ("näh", "file.csv:3", "mend it")
        assert str(again) == str(error) == "file.csv:3: näh (mend it)"


@pytest.mark.parametrize("kind", KINDS)
def test_where_and_remedy_are_named(kind: type[TradewrightError]) -> None:
    with pytest.raises(TypeError):
        kind("what", "where")  # type: ignore[misc]


def test_an_error_comes_out_of_a_thread_as_it_went_in() -> None:
    def fail() -> None:
        raise errors.LedgerError("locked", where="ledger.sqlite3", remedy="close the other process")

    with ThreadPoolExecutor(1) as pool, pytest.raises(errors.LedgerError) as caught:
        pool.submit(fail).result()
    assert caught.value.remedy == "close the other process"


def test_errors_of_one_situation_are_not_those_of_another() -> None:
    with pytest.raises(errors.DataError):
        raise errors.DataError("x")
    for kind in KINDS[2:7]:
        assert not issubclass(kind, errors.ConfigError)
    assert issubclass(UnknownIndicator, errors.ConfigError)


def test_a_configurations_problems_survive_the_way_between_processes() -> None:
    found = ConfigProblems([Problem("conf/a.yaml", 3, "a.b", "7", "must be 1"), Problem("c", 0, "", "", "is wrong")])
    again = pickle.loads(pickle.dumps(found))
    assert isinstance(again, errors.ConfigError)
    assert again.problems == found.problems
    assert str(again) == str(found) == "conf/a.yaml:3: a.b: must be 1 (got 7)\nc: is wrong"
