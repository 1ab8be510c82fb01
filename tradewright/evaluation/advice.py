"""Why each finding matters, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Advice(NamedTuple):
    """Why a finding matters, and what to do; a sentence each."""

    why: str
    remedy: str


ADVICE: Mapping[str, Advice] = {
    "LOOK_AHEAD": Advice(
        "No one can trade on a value that is not known yet.", "Correct the feature or the decision that it names."
    ),
    "LOOK_AHEAD_UNTESTED": Advice(
        "A strategy that knows the future looks best of all.", "Run the backtest by its command, which tests it."
    ),
    "RUINED": Advice(
        "A broker closes such an account, and nothing after that happens.", "Trade smaller, or stop losses earlier."
    ),
    "NO_TRADES": Advice(
        "Without a fill there is no result.", "Check the signals, the size against the lot, and the period."
    ),
    "LOSS": Advice("Past costs were not earned.", "Do not trade it."),
    "FEES_EAT_PROFIT": Advice(
        "What is left is small against an error in the costs.", "Trade less often, or where it costs less."
    ),
    "PROFIT_NEEDS_LOW_FEES": Advice(
        "Fees are raised, and small accounts pay more.", "Trade less often, or ask for more per trade."
    ),
    "PROFIT_NEEDS_LOW_COSTS": Advice(
        "Spread and slippage of a real market are guesses, and wider when it matters.",
        "Set costs and slippage from own fills, and look at tradewright montecarlo.",
    ),
    "PROFIT_NEEDS_QUICK_FILLS": Advice(
        "An edge that is gone after one bar is lost to any delay.", "Test on shorter bars, or decide on slower signals."
    ),
    "LARGE_MARKET_SHARE": Advice(
        "An order that is much of a bar's volume moves the price, which no backtest sees.",
        "Trade a smaller account, a more liquid instrument, or longer bars.",
    ),
    "SHARPE_TOO_GOOD": Advice(
        "A ratio so high is more often an error than an edge.", "Look at the largest trades on the price chart."
    ),
    "SHARPE_MAY_BE_LUCK": Advice(
        "A strategy without skill shows as much in one of twenty cases or more.", "Test on more bars."
    ),
    "DEFLATED_SHARPE": Advice(
        "The best of many worthless settings looks good.", "Try fewer settings, each for a reason, on more bars."
    ),
    "TRACK_RECORD_TOO_SHORT": Advice(
        "On so few returns, skill and luck look alike.", "Test on more bars, or trade it in SIM until there are."
    ),
    "BACKTEST_TOO_SHORT": Advice(
        "Each further trial makes luck likelier, and only more years make it rarer.",
        "Test on more years; trying less from now on takes no trial back.",
    ),
    "FEW_TRADES": Advice("A few trades more or less would change every average.", "Test on more bars or instruments."),
    "MANY_PARAMETERS": Advice(
        "With enough parameters any past can be fitted.", "Fix or remove parameters, or test on more bars."
    ),
    "ONE_TRADE_CARRIES": Advice(
        "That trade may not come again.", "Judge the strategy by what is left without it; see tradewright montecarlo."
    ),
    "ONE_MONTH_CARRIES": Advice("Such a month may not come again.", "Look at what happened in it."),
    "ONE_YEAR_CARRIES": Advice("Such a year may not come again.", "Look at what happened in it."),
    "ONE_REGIME_CARRIES": Advice(
        "When the market changes, the profit stops.", "Trade it in that regime alone, or expect long waits."
    ),
    "BENCHMARK_NOT_BEATEN": Advice(
        "Holding is cheaper, simpler and was as good.", "Hold, or compare the risk: drawdown and exposure."
    ),
    "BENCHMARK_BEATEN": Advice("It is the least to ask of rules.", "The verdict tells whether it was skill."),
    "DEEP_DRAWDOWN": Advice("Few people keep to their rules in such a fall.", "Trade smaller."),
    "LONG_DRAWDOWN": Advice("Few people wait so long.", "Think of what you would have done in that time."),
    "POSITION_LEFT_OPEN": Advice(
        "A profit on paper has not paid its costs of leaving.", "Set backtest.close_at_end=true to see it closed."
    ),
    "LOW_EXPOSURE": Advice(
        "Few bars decide the result, and the cash lies idle.", "Add instruments, or count the yield of cash."
    ),
    "LONG_FLAT_STRETCH": Advice("The result says nothing of that time.", "Check that the signals work there."),
    "FEW_DAYS": Advice("Returns within one day are no sample of days.", "Test on more days."),
    "DATA_GAPS": Advice("Missing bars hide moves and fills.", "Fetch them; tradewright data findings has the places."),
    "SUSPICIOUS_BARS": Advice(
        "Profits made of wrong prices are none.", "Repair or quarantine them; see tradewright data findings."
    ),
    "PARAMETER_SPIKE": Advice(
        "Neighbouring settings do worse, so the best one is likely a fit to noise.",
        "Choose a set in the middle of a good region, or none.",
    ),
    "MARGIN_CALL": Advice(
        "A broker closes such an account at its own prices.", "Hold fewer shorts, or smaller positions."
    ),
    "INSTRUMENT_ENDED": Advice(
        "A delisting in distress may pay less than the last close, or nothing.", "Look up what became of it."
    ),
    "BORROWED_UNITS": Advice(
        "The rate is assumed, and some units cannot be borrowed at all.", "Ask your broker for the rates of these."
    ),
    "PARAMETER_PLATEAU": Advice(
        "A result that a step of a parameter does not change is less likely a fit.", "Look at the verdict all the same."
    ),
}
"""By the code of the finding."""
