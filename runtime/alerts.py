"""Telling alerts: each channel follows the sequence of events with a cursor of its own.

The ``alerts`` sensor of ``make dev``, ``tradewright watch`` and every command that acts on an account call
:func:`tell_alerts`. A failure is logged and told again at the next call; it never reaches the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from brokers.alerts.channels import Channel
from brokers.alerts.sinks import AlertSink, sink
from conf.environment import ALERT_WEBHOOK, environment
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.execution.alerts import TOPICS, alert_of
from tradewright.ledger.events import Event
from tradewright.model.alert import Alert
from tradewright.model.errors import TradewrightError
from tradewright.store.artefacts import NoArtefact
from tradewright.store.files import exclusive

LOG = logging.getLogger("tradewright.alerts")
AT_FIRST = timedelta(days=1)
"""A channel that starts to follow tells the alerts of so long before."""
MOST = 100
"""Alerts that one call tells on a channel, so that a flood delays nobody for long."""
_TURN = 1.0
_STEP = 1000
"""Events after which a cursor moves on although none of them was an alert."""


def tell_alerts(settings: Settings) -> int:
    """Tell what is new on every channel, and return how many alerts were told; 0 while alerts are off.

    One process at a time tells; another one leaves it to that one.
    """
    if not settings.observability.alerts.enabled:
        return 0
    told = 0
    with Container(settings) as house:
        try:
            with exclusive(house.root / "alerts.lock", timeout=_TURN):
                for channel in settings.observability.alerts.channels:
                    told += _follow(house, channel)
        except (TradewrightError, OSError, ValueError) as error:  # ValueError: an event whose payload is damaged
            LOG.error("alerts are told later: %s", error)
    return told


def waiting(house: Container, channel: Channel) -> int:
    """How many alerts a channel has not told, at the most ``MOST``.

    Raises:
        LedgerError, StoreError: when ledger or cursor cannot be read.
    """
    return sum(alert is not None for _, alert in islice(_new(house, _cursor(house, channel)), MOST))


def _follow(house: Container, channel: Channel) -> int:
    """Tell one channel's new alerts in their order; it stops at the first that does not arrive."""
    try:
        to = sink(channel, house.root, environment(ALERT_WEBHOOK))
        return _tell(house, channel, to)
    except TradewrightError as error:
        LOG.error("channel %s: %s", channel, error)
        return 0


def _tell(house: Container, channel: Channel, to: AlertSink) -> int:
    seq, told = _cursor(house, channel), 0
    for event, alert in _new(house, seq):
        if alert is not None:
            to.deliver(alert)
            told += 1
            LOG.warning("told on %s: %s", channel, alert.text)
        if alert is not None or event.seq - seq >= _STEP:
            seq = event.seq
            # After the delivery: an alert whose cursor is lost is told again, none is lost.
            house.progress.write_json(("alerts", channel), {"seq": event.seq, "hash": event.hash})
        if told == MOST:
            break
    return told


def _new(house: Container, seq: int) -> Iterator[tuple[Event, Alert | None]]:
    """The events behind a cursor that may be alerts, each with its alert."""
    while found := house.ledger.events.after(seq, TOPICS, limit=_STEP):
        yield from ((event, alert_of(event)) for event in found)
        seq = found[-1].seq


def _cursor(house: Container, channel: Channel) -> int:
    """The number of the last event that a channel has passed.

    Where there is no cursor, or the event that it names is another one (the ledger was replaced), the channel starts
    with the alerts of the last day.
    """
    try:
        kept = house.progress.read_json(("alerts", channel))
    except NoArtefact:
        kept = None
    if kept is not None:
        at = house.ledger.events.after(kept["seq"] - 1, limit=1)
        if at and at[0].hash == kept["hash"]:
            return int(kept["seq"])
    since = house.clock.now() - AT_FIRST
    return next((event.seq - 1 for event, _ in _new(house, 0) if event.at >= since), house.ledger.events.last_seq())
