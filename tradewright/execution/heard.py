"""From when on the venue is to be heard: what is finished, recorded and compared need not be told again (F1)."""

from __future__ import annotations

from collections.abc import Iterator

from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import Broker, BrokerSnapshot
from tradewright.model.errors import LedgerError
from tradewright.model.order import AttemptState

_IN_DOUBT = frozenset({AttemptState.SENDING, AttemptState.UNKNOWN})


async def snapshot_since(broker: Broker, session: str) -> BrokerSnapshot:
    """A snapshot from a session on; of everything without one, or where the venue cannot be asked like that.

    Raises:
        BrokerError: when it is not complete.
    """
    return await (broker.snapshot(session) if session and broker.capabilities.sessions else broker.snapshot())


def heard_session(ledger: Ledger, account: str) -> str:
    """The session from whose beginning on the venue is to be heard; empty when everything is to be heard.

    It is the session of the newest comparison on record, so that a ledger that was restored from a backup hears all
    that it misses. A comparison is recorded after complete snapshots of its session were absorbed: what the venue had
    done before that session is in this ledger. Everything is asked for before the first comparison, after one with a
    difference, while an order is in doubt, while the venue knows an order that was judged not sent, and when one of
    the rows that tell all this is damaged: those who act on such a row refuse it themselves.
    """
    try:
        last = ledger.broker_journal.last_reconciliation(account)
        is_settled = last is not None and last.clean and not any(_unsettled(ledger, account))
    except LedgerError:
        return ""
    return last.session if last is not None and is_settled else ""


def _unsettled(ledger: Ledger, account: str) -> Iterator[Attempt]:
    yield from (attempt for attempt in ledger.attempts.live(account) if attempt.state in _IN_DOUBT)
    yield from ledger.attempts.known_unsent(account)
