"""Corrected hours: the sessions of a known calendar with the changes that ``conf/calendars`` declares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradewright.calendars.session_table import DAY, Days, SessionTable, local_instants, session_table
from tradewright.model.bars import Times
from tradewright.model.errors import DataError
from tradewright.model.market_hours import WEEKDAYS, HoursRule, MarketHours

Mask = npt.NDArray[np.bool_]
_DAY = pd.Timedelta(days=1)


def corrected(name: str, base: SessionTable, hours: MarketHours) -> SessionTable:
    """The sessions of ``base`` with the corrections of ``hours``.

    Args:
        name: of the calendar, for messages.

    Raises:
        DataError: when a session would close before it opens, or after the next one has opened.
    """
    zone = hours.zone or base.zone
    table = _on_dates(base, hours)
    is_early = table.closes - table.opens < base.regular
    opens, closes, cuts = table.opens.copy(), table.closes.copy(), [table.cuts]
    for rule in hours.hours:
        rows = _rows(table.days, rule)
        if rule.open is not None:
            opens[rows] = local_instants(table.days[rows], _opening(rule, base), zone)
        if rule.close is not None:
            told = local_instants(table.days[rows], _offset(rule.close), zone)
            closes[rows] = np.where(is_early[rows], np.minimum(closes[rows], told), told)
        cuts += [_break(table.days[rows], opens[rows], text, zone) for text in rule.breaks]
    for special in hours.early_closes:
        rows = _dated(table.days, special.dates)
        closes[rows] = local_instants(table.days[rows], _offset(special.at), zone)
    for special in hours.late_opens:
        rows = _dated(table.days, special.dates)
        opens[rows] = local_instants(table.days[rows], _offset(special.at), zone)
    _refuse_impossible(name, table.days, opens, closes)
    return _with_nominal_times(
        session_table(
            table.days,
            opens,
            closes,
            np.concatenate(cuts),
            utc_days=_has_utc_days(base, hours),
            zone=base.zone,
            nominal_open=base.nominal_open,
            nominal_close=base.nominal_close,
        ),
        base,
        hours,
    )


def _on_dates(base: SessionTable, hours: MarketHours) -> SessionTable:
    """Holidays left out, then further sessions put in at their usual times."""
    kept = ~_dated(base.days, hours.holidays)
    span = np.arange(base.days[0], base.days[-1] + DAY)
    more = np.setdiff1d(span[_dated(span, hours.sessions)], base.days[kept])
    days = np.concatenate([base.days[kept], more])
    usual = (base.nominal_open, base.nominal_close)
    opens, closes = (
        np.concatenate([old[kept], local_instants(more, offset, base.zone)])
        for old, offset in zip((base.opens, base.closes), usual, strict=True)
    )
    order = np.argsort(days)
    return replace(base, days=days[order], opens=opens[order], closes=closes[order])


def _rows(days: Days, rule: HoursRule) -> Mask:
    """The sessions that a rule is about."""
    rows = np.ones(len(days), np.bool_)
    if rule.since is not None:
        rows &= days >= np.datetime64(rule.since, "D")
    if rule.until is not None:
        rows &= days <= np.datetime64(rule.until, "D")
    if rule.weekdays:
        rows &= np.isin(pd.DatetimeIndex(days).day_of_week, [WEEKDAYS.index(day) for day in rule.weekdays])
    return rows


def _dated(days: Days, dates: Iterable[str]) -> Mask:
    """Which of ``days`` are among dates and days of every year."""
    texts = days.astype("datetime64[D]").astype(str)
    yearly = np.array([text[5:] for text in texts.tolist()])
    named = list(dates)
    return np.isin(texts, named) | np.isin(yearly, named)


def _offset(text: str) -> pd.Timedelta:
    hour, minute = text.split(":")
    return pd.Timedelta(hours=int(hour), minutes=int(minute))


def _opening(rule: HoursRule, base: SessionTable) -> pd.Timedelta:
    """When a session opens, from the midnight that begins its date: on the evening before unless before its close."""
    told = _offset(rule.open or "00:00")
    closing = base.nominal_close if rule.close is None else _offset(rule.close)
    return told - _DAY if told >= closing else told


def _break(days: Days, opens: Times, text: str, zone: str) -> Times:
    """A break in each of these sessions: on their date, or on the evening before where they are open then."""
    start, end = (_offset(each) for each in text.split("-"))
    today, before = (
        np.column_stack([local_instants(days, each - shift, zone) for each in (start, end)])
        for shift in (pd.Timedelta(0), _DAY)
    )
    return np.where((before[:, :1] >= opens[:, None]), before, today)


def _refuse_impossible(name: str, days: Days, opens: Times, closes: Times) -> None:
    remedy = "correct the calendar in conf/calendars"
    wrong = np.flatnonzero(closes <= opens)
    if len(wrong):
        raise DataError(f"the session of {days[wrong[0]]} closes before it opens", where=name, remedy=remedy)
    wrong = np.flatnonzero(opens[1:] < closes[:-1])
    if len(wrong):
        what = f"the session of {days[wrong[0] + 1]} opens before that of {days[wrong[0]]} has closed"
        raise DataError(what, where=name, remedy=remedy)


def _has_utc_days(base: SessionTable, hours: MarketHours) -> bool:
    """As declared; sessions of own hours are no UTC days."""
    if hours.days is not None:
        return hours.days == "utc"
    return base.utc_days and not any(rule.open or rule.close for rule in hours.hours)


def _with_nominal_times(table: SessionTable, base: SessionTable, hours: MarketHours) -> SessionTable:
    """The usual times of today: those of the last rule without an end that is about all weekdays."""
    zone, lasting = hours.zone or base.zone, [rule for rule in hours.hours if not (rule.until or rule.weekdays)]
    for rule in lasting:
        if rule.open is not None:
            table = replace(table, nominal_open=_opening(rule, base), zone=zone)
        if rule.close is not None:
            table = replace(table, nominal_close=_offset(rule.close))
    return table
