"""The tables of the ledger. Facts are appended; the few mutable tables are named in ``MUTABLE``."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    column,
)

from tradewright.database.column_types import Document, Exact, Moment
from tradewright.model.command import CommandState
from tradewright.model.decision import Verdict
from tradewright.model.order import AttemptState

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LIVE_STATES = tuple(state.value for state in AttemptState if not state.terminal)
UNSENT_STATES = (AttemptState.NOT_SENT.value, AttemptState.EXPIRED.value)
"""How an attempt ends that provably left no order behind: only then may its intent be tried again."""


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _moment(name: str) -> Column[object]:
    return Column(name, Moment, nullable=False)


def _event_seq() -> Column[int]:
    """The number of the event that says the same as the row; only a row inserted outside this program has none."""
    return Column("event_seq", Integer, unique=True, index=True)


def _mode() -> Column[str]:
    return Column("mode", String(8), nullable=False, server_default="sim")


def _text(name: str, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


intents = Table(
    "intents",
    metadata,
    Column("intent_id", String(28), primary_key=True),
    _text("strategy"),
    Column("signal_id", Text, nullable=False, index=True),
    _text("instrument"),
    Column("payload", Document, nullable=False),
    Column("sha256", String(64), nullable=False),
    _moment("recorded_at"),
    _event_seq(),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", String(64), primary_key=True),
    Column("intent_id", ForeignKey("intents.intent_id"), nullable=False, index=True),
    Column("verdict", String(8), nullable=False),
    Column("payload", Document, nullable=False),
    Column("sha256", String(64), nullable=False),
    _moment("decided_at"),
    Column("expires_at", Moment, nullable=False, index=True),
    _moment("recorded_at"),
    CheckConstraint(column("verdict").in_([verdict.value for verdict in Verdict]), name="verdict"),
    _event_seq(),
)

approvals = Table(
    "approvals",
    metadata,
    _id(),
    Column("decision_id", ForeignKey("decisions.decision_id"), nullable=False, index=True),
    Column("approved", Boolean, nullable=False),
    _text("actor"),
    _text("reason"),
    Column("decision_hash", String(64), nullable=False, server_default=""),
    _moment("at"),
    _event_seq(),
)
"""``decision_hash`` is the hash of the decision that was answered; empty in rows older than v0003."""

approved_orders = Table(
    "approved_orders",
    metadata,
    Column("decision_id", ForeignKey("decisions.decision_id"), primary_key=True),
    Column("intent_id", ForeignKey("intents.intent_id"), nullable=False, index=True),
    _text("strategy"),
    _text("account"),
    Column("terms", Document, nullable=False),
    Column("protective", Document, nullable=False, server_default="[]"),
    Column("expires_at", Moment, nullable=False, index=True),
    _text("rule_set_hash"),
    Column("payload_hash", String(64), nullable=False),
    _moment("recorded_at"),
    _event_seq(),
)

attempts = Table(
    "attempts",
    metadata,
    Column("ref", String(32), primary_key=True),
    Column("intent_id", ForeignKey("intents.intent_id"), nullable=False),
    Column("decision_id", ForeignKey("decisions.decision_id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("leg", String(2), nullable=False, server_default=""),
    _text("strategy"),
    _text("account"),
    _text("instrument"),
    Column("side", String(4), nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("tif", String(3), nullable=False),
    Column("payload_hash", String(64), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    _text("holder"),
    _text("session", ""),
    Column("order_id", BigInteger),
    _moment("claimed_at"),
    Column("sending_at", Moment, index=True),
    Column("spent", Boolean, nullable=False),
    UniqueConstraint("intent_id", "number", "leg"),
    CheckConstraint(column("state").in_([state.value for state in AttemptState]), name="state"),
    _event_seq(),
)
"""``state`` is a view of ``attempt_events`` kept in the transaction that appends the event; a replay gives the same.

Each leg of a group is an attempt of its own, under the number of its entry; ``leg`` is empty for the entry.
"""

one_live_attempt = Index(
    "one_live_attempt",
    attempts.c.intent_id,
    attempts.c.leg,
    unique=True,
    sqlite_where=attempts.c.state.in_(LIVE_STATES),
    postgresql_where=attempts.c.state.in_(LIVE_STATES),
)

attempt_events = Table(
    "attempt_events",
    metadata,
    _id(),
    Column("ref", ForeignKey("attempts.ref"), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    _text("reason"),
    _moment("at"),
    _event_seq(),
)

perm_ids = Table(
    "perm_ids",
    metadata,
    Column("ref", ForeignKey("attempts.ref"), primary_key=True),
    Column("perm_id", BigInteger, primary_key=True, index=True, autoincrement=False),
    _moment("at"),
    _event_seq(),
)

executions = Table(
    "executions",
    metadata,
    Column("exec_id", String(128), primary_key=True),
    Column("base_id", String(128), nullable=False, index=True),
    Column("ref", ForeignKey("attempts.ref"), index=True),
    Column("perm_id", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("side", String(4), nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("price", Exact, nullable=False),
    _moment("time"),
    Column("quarantined", Boolean, nullable=False),
    _moment("recorded_at"),
    Index("ix_executions_account_instrument", "account", "instrument"),
    Index("ix_executions_account_time", "account", "time"),
    Index("ix_executions_account_recorded_at", "account", "recorded_at"),
    _event_seq(),
)
"""``ref`` is empty for an order that is not ours. ``quarantined`` marks a correction: it counts only by a ruling."""

rulings = Table(
    "rulings",
    metadata,
    _id(),
    Column("exec_id", ForeignKey("executions.exec_id"), nullable=False, index=True),
    Column("counts", Boolean, nullable=False),
    _text("reason"),
    _moment("at"),
    _event_seq(),
)

fees = Table(
    "fees",
    metadata,
    _id(),
    Column("exec_id", String(128), nullable=False, index=True),
    Column("fee", Exact, nullable=False),
    _text("currency", ""),
    _moment("at"),
    _event_seq(),
)
"""No foreign key: a fee may arrive before its execution. Of several fees of one execution the newest counts."""

raw_events = Table(
    "raw_events",
    metadata,
    _id(),
    _text("session"),
    Column("kind", String(8), nullable=False),
    Column("payload", Document, nullable=False),
    _moment("at"),
    _event_seq(),
)

adjustments = Table(
    "adjustments",
    metadata,
    _id(),
    _text("account"),
    _text("instrument"),
    Column("quantity", Exact, nullable=False),
    Column("price", Exact, nullable=False),
    _text("actor"),
    _text("reason"),
    _moment("at"),
    _event_seq(),
)

external_orders = Table(
    "external_orders",
    metadata,
    Column("key", String(96), primary_key=True),
    _text("account"),
    _text("instrument"),
    Column("payload", Document, nullable=False),
    _moment("at"),
    _event_seq(),
)

freezes = Table(
    "freezes",
    metadata,
    _id(),
    _text("account"),
    _text("instrument"),
    Column("code", String(32), nullable=False),
    _text("ref"),
    Column("frozen", Boolean, nullable=False),
    _text("actor"),
    _text("text"),
    _moment("at"),
    Index("ix_freezes_account_instrument", "account", "instrument"),
    _mode(),
    _event_seq(),
)

switches = Table(
    "switches",
    metadata,
    _id(),
    Column("scope", Text, nullable=False, index=True),
    Column("stopped", Boolean, nullable=False),
    _text("actor"),
    _text("reason"),
    _moment("at"),
    _mode(),
    _event_seq(),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    _text("holder"),
    _text("host", ""),
    Column("pid", Integer, nullable=False, server_default="0"),
    _text("started", ""),
    _moment("expires_at"),
)

commands = Table(
    "commands",
    metadata,
    _id(),
    Column("key", String(128), nullable=False, unique=True),
    Column("kind", String(24), nullable=False),
    Column("mode", String(8), nullable=False),
    _text("account"),
    Column("payload", Document, nullable=False),
    Column("payload_hash", String(64), nullable=False),
    _text("actor"),
    _text("reason"),
    Column("state", String(16), nullable=False),
    _text("holder"),
    Column("result", Document),
    _moment("created_at"),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Index("ix_commands_account_state", "account", "state"),
    CheckConstraint(column("state").in_([state.value for state in CommandState]), name="state"),
)
"""The inbox of each account; ``state``, ``holder``, ``result`` and the two later moments change, nothing else does."""

sessions = Table(
    "sessions",
    metadata,
    _id(),
    _text("session"),
    _text("venue"),
    _text("account"),
    _text("holder"),
    _moment("at"),
    _event_seq(),
)

reconciliations = Table(
    "reconciliations",
    metadata,
    _id(),
    _text("session"),
    Column("account", Text, nullable=False, index=True),
    Column("clean", Boolean, nullable=False),
    Column("differences", Document, nullable=False),
    _moment("at"),
    _mode(),
    _event_seq(),
)

absences = Table(
    "absences",
    metadata,
    _id(),
    Column("ref", ForeignKey("attempts.ref"), nullable=False, index=True),
    _text("session"),
    _moment("first_at"),
    _moment("second_at"),
    _event_seq(),
)
"""Two complete broker snapshots that did not know an UNKNOWN order: what a person may confirm (R5)."""

checks = Table(
    "checks",
    metadata,
    _id(),
    Column("input", Text, nullable=False, index=True),
    Column("passed", Boolean, nullable=False),
    Column("detail", Document, nullable=False),
    _moment("at"),
    _event_seq(),
)

equity_marks = Table(
    "equity_marks",
    metadata,
    _id(),
    _text("account"),
    Column("equity", Exact, nullable=False),
    Column("cash", Exact, nullable=False),
    _moment("at"),
    Index("ix_equity_marks_account_at", "account", "at"),
    _mode(),
    _event_seq(),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("payload_hash", String(64), nullable=False),
    Column("response", Document, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _moment("at"),
    Column("topic", String(64), nullable=False, index=True),
    Column("subject", Text, nullable=False, index=True),
    Column("mode", String(8), nullable=False),
    _text("account"),
    _text("actor"),
    _text("payload"),
    Column("payload_hash", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
"""Every fact, in the order of its commit. ``payload`` is canonical JSON and is stored as the text that was hashed."""

event_head = Table(
    "event_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""The end of the chain, so that cutting its tail is found out."""

MUTABLE = frozenset({"attempts", "leases", "commands", "idempotency_keys", "event_head"})
"""Every other table refuses UPDATE and DELETE by a trigger; ``attempts`` refuses DELETE."""


def fact_tables() -> dict[str, Table]:
    """The tables whose every row has an event, by name."""
    tables = metadata.tables
    return {name: tables[name] for name in tables if "event_seq" in tables[name].c and name not in MUTABLE}
