"""What a made-up instrument is like: its price, its volatility, its volume, and how it moves with the others."""

from __future__ import annotations

from tradewright.model.base import FrozenModel


class Profile(FrozenModel):
    """The character of one instrument in a scenario.

    Args:
        price: the usual level, around which the price wanders (months away from it, by up to a factor of a few).
        volatility: standard deviation of a year's log returns (0.6 = 60 %).
        common: the share of variance that comes from the market that all instruments share, in [0, 1].
        volume: median units per minute.
    """

    price: float
    volatility: float
    common: float
    volume: float


PROFILES: dict[str, Profile] = {
    "BTC": Profile(price=64_000.0, volatility=0.55, common=0.35, volume=9.0),
    "ETH": Profile(price=3_200.0, volatility=0.70, common=0.35, volume=110.0),
    "AAPL": Profile(price=215.0, volatility=0.28, common=0.40, volume=120_000.0),
    "NAS100": Profile(price=19_500.0, volatility=0.22, common=0.55, volume=450.0),
    "XAUUSD": Profile(price=2_400.0, volatility=0.16, common=0.10, volume=900.0),
}
"""The instruments of the embedded default bars."""
