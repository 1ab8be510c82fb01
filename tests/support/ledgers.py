"""Ledgers for tests: fresh ones on either engine, and the seal-true way to fill them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Table, create_engine, func, select

from tests.support import postgres
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.schema import decisions, intents
from tradewright.ledger.seal import END_FILE, keys_folder
from tradewright.model.approved import ApprovedOrder
from tradewright.model.clock import Clock, ManualClock
from tradewright.model.decision import Decision, Reason, Verdict
from tradewright.model.intent import Intent
from tradewright.model.order import LimitOrder, MarketOrder, OrderTerms, Side, StopOrder
from tradewright.policy.approval import approve

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
ACCOUNT = "DU100"


def copied(source: Path, target: Path) -> Path:
    """A copy of a ledger for a test that goes back to it again and again: its noted end goes back with it.

    Anyone else who copies a ledger back over a newer one is stopped by that very end (``docs/safety.md``).
    """
    shutil.copy(source, target)
    gone_back(target)
    return target


def gone_back(file: Path) -> None:
    """Note the end of a ledger as it is in its file, an earlier one than that which is noted."""
    _note_end_of(f"sqlite:///{file}")


def _note_end_of(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        ledger_id, *end = connection.exec_driver_sql("SELECT ledger_id, seq, hash FROM event_head").one()
    engine.dispose()
    note = keys_folder() / str(ledger_id) / END_FILE
    if note.is_file():
        note.write_text(json.dumps(dict(zip(("seq", "hash"), end, strict=True))))


def _nothing(_ledger: Ledger) -> None:
    """The schema alone."""


def new_url(engine: str, folder: Path, name: str = "ledger.db", prepare: Callable[[Ledger], object] = _nothing) -> str:
    """The URL of a ledger of one's own as ``prepare`` leaves a new one.

    The schema is migrated and ``prepare``, a function of a module, is run once for all tests of the process; each
    caller gets a copy.
    """
    if engine == "sqlite":
        (folder / name).write_bytes(_sqlite_template(prepare))
        url = f"sqlite:///{folder / name}"
    else:
        url = postgres.new_database(_postgres_template(prepare))
    if prepare is not _nothing:
        _note_end_of(url)
    return url


@cache
def _postgres_template(prepare: Callable[[Ledger], object]) -> str:
    url = postgres.new_database()
    with Ledger.create(url, ManualClock(START)) as made:
        prepare(made)
    return url.rsplit("/", 1)[1]


@cache
def _sqlite_template(prepare: Callable[[Ledger], object]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        with Ledger.create(f"sqlite:///{path}", ManualClock(START)) as made:
            prepare(made)
        return path.read_bytes()


@dataclass
class Proposer:
    """Makes intents, decisions and approved orders, one after the other, through the gate's own functions."""

    ledger: Ledger
    clock: Clock
    account: str = ACCOUNT
    made: list[ApprovedOrder] = field(default_factory=list)
    rule_set_hash: str = "r" * 64

    def _count(self, table: Table) -> int:
        with self.ledger._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def intent(self, instrument: str = "AAPL", quantity: str = "10", side: Side = Side.BUY, **fields: object) -> Intent:
        """A new intent, recorded."""
        number = self._count(intents) + 1
        limit, stop = fields.pop("limit", None), fields.pop("stop_price", None)
        trail = fields.pop("trailing_order", None)
        resting = trail or (StopOrder.model_validate({"stop_price": stop}) if stop else MarketOrder())
        terms = OrderTerms(
            instrument=instrument,
            side=side,
            quantity=Decimal(quantity),
            order=LimitOrder.model_validate({"limit_price": limit}) if limit else resting,
        )
        values: dict[str, object] = {
            "intent_id": f"intent{number:04d}",
            "strategy": "trend",
            "signal_id": f"signal-{number}",
            "terms": terms,
            "confidence": 0.7,
            "size_pct": 0.01,
            "reference_price": Decimal(100),
            "decided_at": self.clock.now(),
            "account": self.account,
            "provenance": {"data_hash": "d" * 64, "config_hash": "c" * 64},
        }
        intent = Intent.model_validate(values | fields)
        self.ledger.decisions.record_intent(intent)
        return intent

    def decide(self, intent: Intent, verdict: Verdict = Verdict.APPROVE, seconds: float = 600) -> Decision:
        """A recorded decision on an intent."""
        number = self._count(decisions) + 1
        reasons = () if verdict is Verdict.APPROVE else (Reason(code="LOW_CONFIDENCE", verdict=verdict, text="0.5"),)
        decision = Decision(
            decision_id=f"decision-{number}",
            intent_id=intent.intent_id,
            verdict=verdict,
            reasons=reasons,
            approved_quantity=Decimal(0) if verdict is Verdict.REJECT else intent.terms.quantity,
            approved_size_pct=0.01,
            decided_at=self.clock.now(),
            expires_at=self.clock.now() + timedelta(seconds=seconds),
            rule_set_hash=self.rule_set_hash,
            snapshot_hash="s" * 64,
        )
        self.ledger.decisions.record_decision(decision)
        return decision

    def bracket(self, instrument: str = "AAPL", quantity: str = "10", **fields: object) -> ApprovedOrder:
        """An approved entry with a stop loss at 95 and a take profit at 110, in the outbox."""
        prices = {"stop": Decimal(95), "take_profit": Decimal(110), "protective_orders": True}
        return self.order(instrument, quantity, **prices | fields)  # type: ignore[arg-type]

    def order(
        self, instrument: str = "AAPL", quantity: str = "10", seconds: float = 600, **fields: object
    ) -> ApprovedOrder:
        """An approved order, in the outbox."""
        intent = self.intent(instrument, quantity, **fields)  # type: ignore[arg-type]
        order = approve(intent, self.decide(intent, seconds=seconds), self.account)
        self.ledger.outbox.put(order)
        self.made.append(order)
        return order
