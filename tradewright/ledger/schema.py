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
from tradewright.database.columns import NAMING_CONVENTION, identity, moment, text
from tradewright.model.command import CommandState
from tradewright.model.decision import Verdict
from tradewright.model.order import AttemptState

metadata = MetaData(naming_convention=NAMING_CONVENTION)

LIVE_STATES = tuple(state.value for state in AttemptState if not state.terminal)
UNSENT_STATES = (AttemptState.NOT_SENT.value, AttemptState.EXPIRED.value)
"""How an attempt ends that provably left no order behind: only then may its intent be tried again."""


def _event_seq() -> Column[int]:
    """The number of the event that says the same as the row; only a row inserted outside this program has none."""
    return Column("event_seq", Integer, unique=True, index=True)


def _mode() -> Column[str]:
    return Column("mode", String(8), nullable=False, server_default="sim")


intents = Table(
    "intents",
    metadata,
    Column("intent_id", String(28), primary_key=True),
    text("strategy"),
    Column("signal_id", Text, nullable=False, index=True),
    text("instrument"),
    Column("payload", Document, nullable=False),
    Column("sha256", String(64), nullable=False),
    moment("recorded_at"),
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
    moment("decided_at"),
    Column("expires_at", Moment, nullable=False, index=True),
    moment("recorded_at"),
    CheckConstraint(column("verdict").in_([verdict.value for verdict in Verdict]), name="verdict"),
    _event_seq(),
)

approvals = Table(
    "approvals",
    metadata,
    identity(),
    Column("decision_id", ForeignKey("decisions.decision_id"), nullable=False, index=True),
    Column("approved", Boolean, nullable=False),
    text("actor"),
    text("reason"),
    Column("decision_hash", String(64), nullable=False, server_default=""),
    moment("at"),
    _event_seq(),
)
"""``decision_hash`` is the hash of the decision that was answered; empty in rows older than v0003."""

approved_orders = Table(
    "approved_orders",
    metadata,
    Column("decision_id", ForeignKey("decisions.decision_id"), primary_key=True),
    Column("intent_id", ForeignKey("intents.intent_id"), nullable=False, index=True),
    text("strategy"),
    text("account"),
    Column("terms", Document, nullable=False),
    Column("protective", Document, nullable=False, server_default="[]"),
    Column("expires_at", Moment, nullable=False, index=True),
    text("rule_set_hash"),
    Column("payload_hash", String(64), nullable=False),
    moment("recorded_at"),
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
    text("strategy"),
    text("account"),
    text("instrument"),
    Column("side", String(4), nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("tif", String(3), nullable=False),
    Column("payload_hash", String(64), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    text("holder"),
    text("session", ""),
    Column("order_id", BigInteger),
    moment("claimed_at"),
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
    identity(),
    Column("ref", ForeignKey("attempts.ref"), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    text("reason"),
    moment("at"),
    _event_seq(),
)

perm_ids = Table(
    "perm_ids",
    metadata,
    Column("ref", ForeignKey("attempts.ref"), primary_key=True),
    Column("perm_id", BigInteger, primary_key=True, index=True, autoincrement=False),
    moment("at"),
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
    moment("time"),
    Column("quarantined", Boolean, nullable=False),
    moment("recorded_at"),
    Index("ix_executions_account_instrument", "account", "instrument"),
    Index("ix_executions_account_time", "account", "time"),
    Index("ix_executions_account_recorded_at", "account", "recorded_at"),
    _event_seq(),
)
"""``ref`` is empty for an order that is not ours. ``quarantined`` marks a correction: it counts only by a ruling."""

rulings = Table(
    "rulings",
    metadata,
    identity(),
    Column("exec_id", ForeignKey("executions.exec_id"), nullable=False, index=True),
    Column("counts", Boolean, nullable=False),
    text("reason"),
    moment("at"),
    _event_seq(),
)

fees = Table(
    "fees",
    metadata,
    identity(),
    Column("exec_id", String(128), nullable=False, index=True),
    Column("fee", Exact, nullable=False),
    text("currency", ""),
    moment("at"),
    _event_seq(),
)
"""No foreign key: a fee may arrive before its execution. Of several fees of one execution the newest counts."""

raw_events = Table(
    "raw_events",
    metadata,
    identity(),
    text("session"),
    Column("kind", String(8), nullable=False),
    Column("payload", Document, nullable=False),
    moment("at"),
    _event_seq(),
)

adjustments = Table(
    "adjustments",
    metadata,
    identity(),
    text("account"),
    text("instrument"),
    Column("quantity", Exact, nullable=False),
    Column("price", Exact, nullable=False),
    text("actor"),
    text("reason"),
    moment("at"),
    _event_seq(),
)

external_orders = Table(
    "external_orders",
    metadata,
    Column("key", String(96), primary_key=True),
    text("account"),
    text("instrument"),
    Column("payload", Document, nullable=False),
    moment("at"),
    _event_seq(),
)

freezes = Table(
    "freezes",
    metadata,
    identity(),
    text("account"),
    text("instrument"),
    Column("code", String(32), nullable=False),
    text("ref"),
    Column("frozen", Boolean, nullable=False),
    text("actor"),
    text("text"),
    moment("at"),
    Index("ix_freezes_account_instrument", "account", "instrument"),
    _mode(),
    _event_seq(),
)

switches = Table(
    "switches",
    metadata,
    identity(),
    Column("scope", Text, nullable=False, index=True),
    Column("stopped", Boolean, nullable=False),
    text("actor"),
    text("reason"),
    moment("at"),
    _mode(),
    _event_seq(),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    text("holder"),
    text("host", ""),
    Column("pid", Integer, nullable=False, server_default="0"),
    text("started", ""),
    moment("expires_at"),
)

commands = Table(
    "commands",
    metadata,
    identity(),
    Column("key", String(128), nullable=False, unique=True),
    Column("kind", String(24), nullable=False),
    Column("mode", String(8), nullable=False),
    text("account"),
    Column("payload", Document, nullable=False),
    Column("payload_hash", String(64), nullable=False),
    text("actor"),
    text("reason"),
    Column("state", String(16), nullable=False),
    text("holder"),
    Column("result", Document),
    moment("created_at"),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Index("ix_commands_account_state", "account", "state"),
    CheckConstraint(column("state").in_([state.value for state in CommandState]), name="state"),
)
"""The inbox of each account; ``state``, ``holder``, ``result`` and the two later moments change, nothing else does."""

sessions = Table(
    "sessions",
    metadata,
    identity(),
    text("session"),
    text("venue"),
    text("account"),
    text("holder"),
    moment("at"),
    _event_seq(),
)

reconciliations = Table(
    "reconciliations",
    metadata,
    identity(),
    text("session"),
    Column("account", Text, nullable=False, index=True),
    Column("clean", Boolean, nullable=False),
    Column("differences", Document, nullable=False),
    moment("at"),
    _mode(),
    _event_seq(),
)

absences = Table(
    "absences",
    metadata,
    identity(),
    Column("ref", ForeignKey("attempts.ref"), nullable=False, index=True),
    text("session"),
    moment("first_at"),
    moment("second_at"),
    _event_seq(),
)
"""Two complete broker snapshots that did not know an UNKNOWN order: what a person may confirm (R5)."""

checks = Table(
    "checks",
    metadata,
    identity(),
    Column("input", Text, nullable=False, index=True),
    Column("passed", Boolean, nullable=False),
    Column("detail", Document, nullable=False),
    moment("at"),
    _event_seq(),
)

equity_marks = Table(
    "equity_marks",
    metadata,
    identity(),
    text("account"),
    Column("equity", Exact, nullable=False),
    Column("cash", Exact, nullable=False),
    moment("at"),
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
    moment("at"),
    Column("topic", String(64), nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("mode", String(8), nullable=False),
    text("account"),
    text("actor"),
    text("payload"),
    Column("payload_hash", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("mac", String(64), nullable=False, server_default=""),
    Index("ix_events_topic_seq", "topic", "seq", "subject", "account", "mode", "at"),
)
"""Every fact, in the order of its commit. ``payload`` is canonical JSON and is stored as the text that was hashed.

``mac`` is the keyed hash (``seal``); empty where the event was written without the key. The index of topics holds all
that is asked of the events of a topic as a whole."""

event_head = Table(
    "event_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("ledger_id", String(32), nullable=False, server_default=""),
)
"""The end of the chain, so that cutting its tail is found out."""

MUTABLE = frozenset({"attempts", "leases", "commands", "idempotency_keys", "event_head"})
"""Every other table refuses UPDATE and DELETE by a trigger; ``attempts`` refuses DELETE."""


def fact_tables() -> dict[str, Table]:
    """The tables whose every row has an event, by name."""
    tables = metadata.tables
    return {name: tables[name] for name in tables if "event_seq" in tables[name].c and name not in MUTABLE}
