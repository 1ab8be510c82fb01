"""A part of the bars of a panel, with the bars before it as history and nothing of those after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tradewright.backtest.panel.book import PanelMarket
from tradewright.backtest.panel.panel import Panel, has_ended, life_of
from tradewright.backtest.span import span_spec


def panel_span(panel: Panel, start: int, stop: int, cash: float) -> Panel:
    """The rows ``[start, stop)``, begun flat with ``cash`` and ended flat.

    The panel has the rows from 0 to ``stop``, so that indicators are warm at ``start`` and know nothing of later bars;
    the first decision is that of bar ``start``, and what is open at an instrument's last bar is closed at its close.
    Every instrument keeps its place, also one without a bar before ``stop``, which is not there to be held.

    Args:
        panel: of all bars, as :func:`~tradewright.backtest.panel.panel.panel_of` makes it.
    """
    counts = [int(np.searchsorted(places, stop)) for places in panel.rows]
    rows = tuple(places[:count] for places, count in zip(panel.rows, counts, strict=True))
    specs = tuple(
        replace(span_spec(spec, 0, count), first_bar=start, cash=cash)
        for spec, count in zip(panel.specs, counts, strict=True)
    )
    bars = tuple(table.head(count) for table, count in zip(panel.bars, counts, strict=True))
    last = int(panel.ts[stop - 1])
    ended = tuple(
        name
        for name, places in zip(panel.names, rows, strict=True)
        if len(places) and places[-1] >= start and has_ended(panel.ts[places], last)
    )
    return replace(
        panel,
        bars=bars,
        rows=rows,
        ts=panel.ts[:stop],
        ended=ended,
        specs=specs,
        market=_market_until(panel.market, stop),
        life=life_of(panel.names, rows, (), stop, close_at_end=True),
    )


def _market_until(market: PanelMarket, stop: int) -> PanelMarket:
    """The first bars of a market; what has no rows keeps none."""
    cut = {name: values[:stop] for name, values in market._asdict().items()}
    return PanelMarket(**{**cut, "actions": market.actions[market.actions[:, 0] < stop]})
