"""D7, D9: sizes are bounded before any work is done for them, and an address is told without its password."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from app.commands.order_args import parse_order_terms
from app.operations.actors import LONGEST_NAME, LONGEST_REASON, actor_name, checked_reason
from conf.compose import compose
from conf.overrides import grid
from conf.problems import ConfigProblems
from conf.schema.research import MOST_SETS, StrategySettings
from tests.app.conftest import say
from tradewright.database.column_types import Exact
from tradewright.database.engine import Database
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
from tradewright.model.command import CommandKind
from tradewright.model.errors import ConfigError, LedgerError
from tradewright.model.order import Position

ENDLESS = ["1e-999999999", "1e999999999", "9" * 5000, "0." + "0" * 5000 + "1", "1e41", "1E-41"]


@pytest.mark.parametrize("text", ENDLESS)
def test_a_quantity_with_endless_digits_is_refused_before_it_is_written_out(text: str) -> None:
    tracemalloc.start()
    with pytest.raises(ConfigError, match="too many digits") as caught:
        parse_order_terms("AAPL", "BUY", text)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(str(caught.value)) < 200
    assert most < 1_000_000, "thousands of millions of digits were written out"


@pytest.mark.parametrize(
    "value", [*ENDLESS[:4], "1e401", "1E-401", 10**60, Decimal("1e-999999999"), Decimal(10) ** 5000]
)
def test_no_value_of_the_money_path_has_endless_digits(value: object) -> None:
    with pytest.raises(ValueError, match=r"digits|places|finite"):
        Position.model_validate({"account": "A", "instrument": "B", "quantity": value, "average_price": 1})


def test_the_numbers_of_every_venue_are_taken() -> None:
    for text in ("0.000000000000000001", "1" * 28, "123456789012.123456789012", "-1e-30", "0"):
        made = Position(account="A", instrument="B", quantity=Decimal(text), average_price=Decimal(1))
        assert made.quantity == Decimal(text)


def test_no_number_is_written_out_over_a_thousand_places() -> None:
    for value in (Decimal("1e-999999999"), Decimal("1e999999")):
        with pytest.raises(ValueError, match="places"):
            Exact().process_bind_param(value, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words",
    [
        ("strategy.fast=range(1,1000000000)",),
        ("strategy.fast=range(1,100000)", "strategy.slow=range(1,100000)"),
        ("strategy.fast=range(0,1,0.000000001)",),
    ],
)
def test_a_sweep_of_thousands_of_millions_of_sets_is_counted_before_it_is_made(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BasicSweeper, "split_arguments", lambda *_: pytest.fail("the sets were made"))
    with pytest.raises(ConfigProblems, match=f"at most {MOST_SETS:,} are tried at once"):
        grid(words)


def test_a_grid_of_a_file_is_counted_before_it_is_made() -> None:
    many = {f"p{number}": tuple(float(value) for value in range(100)) for number in range(12)}
    made = StrategySettings.model_construct(grid=many)
    with pytest.raises(ConfigError, match="at most"):
        made.grid_sets()


def test_a_reason_is_text_of_a_bounded_length() -> None:
    assert checked_reason("a\x00b\x1b[31m\udcff") == "a b [31m?"
    with pytest.raises(ConfigError, match="too long"):
        checked_reason("x" * (LONGEST_REASON + 1))
    assert len(actor_name("x" * 10**6)) < LONGEST_NAME + 100
    with pytest.raises(ConfigError, match="reason"):
        checked_reason("\x00\x00")


def test_a_key_of_a_command_is_bounded(tmp_path: Path) -> None:
    with (
        Ledger.create(f"sqlite:///{tmp_path / 'l.db'}", SystemClock()) as ledger,
        pytest.raises(LedgerError, match="at most 128 characters"),
    ):
        ledger.commands.enqueue(CommandKind.SEND, "A", {}, "ann", "test", "k" * 129)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2@127.0.0.1:1/name",  # pragma: allowlist secret
        "postgresql://127.0.0.1:1/name?user=u&password=hunter2",
        "postgresql+psycopg2://u@127.0.0.1:1/name?sslpassword=hunter2&connect_timeout=1",
        "postgresql://u:hunter2@host:noport/name",  # pragma: allowlist secret
        "mysql://u@h/n?password=hunter2",
    ],
)
def test_an_address_is_told_without_its_password(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LedgerError) as caught:  # noqa: PT012
        database = Database(url, SystemClock(), 1)
        assert "hunter2" not in database.where
        with database.read():
            raise AssertionError
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("POSTGRES_URL", url)
    for command in (("orders",), ("kill", "--reason", "a test")):
        said = say(*command, "storage=postgres", f"storage.root={tmp_path}")
        assert said.status == 1
        assert "hunter2" not in said.out + said.err
        assert "Traceback" not in said.err


@pytest.mark.parametrize("name", ["a/../../x", "a/..", "a//b", "a/./b", "a/"])
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="leads out of its folder"):
        Position.model_validate({"account": "A", "instrument": name, "quantity": 1, "average_price": 1})
    with pytest.raises(ConfigProblems, match=r"strategy\.name"):
        compose((f"strategy.name={name}",))


def test_a_name_of_parts_stays() -> None:
    made = Position(account="A", instrument="BTC/USD.p", quantity=Decimal(1), average_price=Decimal(1))
    assert made.instrument == "BTC/USD.p"
