"""Results of the checks of data: evidence that the gate and the sender read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from tradewright.database.engine import Database
from tradewright.ledger.events import Events
from tradewright.ledger.facts import Scope, newest_told
from tradewright.ledger.schema import checks, events
from tradewright.model.topic import Topic


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check of an input.

    Args:
        detail: findings, or a mapping that also names what was checked.
    """

    input: str
    passed: bool
    detail: object
    at: datetime

    def about(self, key: str) -> str:
        """A text of the detail by its key; empty where it holds none."""
        found = self.detail.get(key, "") if isinstance(self.detail, Mapping) else ""
        return str(found)

    def listed(self, key: str) -> list[object]:
        """A list of the detail by its key; empty where it holds none."""
        found = self.detail.get(key) if isinstance(self.detail, Mapping) else None
        return list(found) if isinstance(found, list | tuple) else []


class CheckResults:
    """Check results of all inputs."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._events = database, events

    def record(self, name: str, passed: bool, detail: object = None) -> CheckResult:
        """Record the result of checking an input (a table, a feed, a file)."""
        result = CheckResult(name, passed, detail, self._database.clock.now())
        row = {"input": name, "passed": passed, "detail": detail, "at": result.at}
        self._events.record(checks, row, Topic.CHECK_RECORDED, name)
        return result

    def newest(self, names: Sequence[str] | None = None) -> dict[str, CheckResult]:
        """The newest result for every input that was ever checked; only for some inputs where they are named."""
        of_names = () if names is None else (checks.c.input.in_(names),)
        told = () if names is None else (events.c.subject.in_(names),)
        newest = select(func.max(checks.c.id)).where(*of_names).group_by(checks.c.input)
        with self._database.read() as connection:
            newest_events = newest_told(connection, checks, *told)
            scope = Scope(checks, (checks.c.id.in_(newest),), (events.c.seq.in_(newest_events),))
            self._events.facts.check(connection, scope)
            rows = connection.execute(select(checks).where(checks.c.id.in_(newest)).order_by(checks.c.input)).all()
        return {row.input: CheckResult(row.input, row.passed, row.detail, row.at) for row in rows}

    def history(self, name: str, most: int) -> list[CheckResult]:
        """The newest results of one check, newest first.

        Args:
            most: how many.
        """
        newest = select(checks.c.id).where(checks.c.input == name).order_by(checks.c.id.desc()).limit(most)
        with self._database.read() as connection:
            ids = list(connection.execute(newest).scalars())
            self._events.facts.check(connection, Scope(checks, (checks.c.id.in_(ids),), None))
            rows = connection.execute(select(checks).where(checks.c.id.in_(ids)).order_by(checks.c.id.desc())).all()
        return [CheckResult(row.input, row.passed, row.detail, row.at) for row in rows]
