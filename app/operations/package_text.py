"""Packages and saved versions in words, as the commands and the strategy lab tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.strategy_kinds import is_allocation_file

if TYPE_CHECKING:
    from app.operations.package_certificates import ShownCertificate
    from app.operations.packages import Shown, Verified
    from app.operations.saved_strategies import Comparison, SavedReply


def package_rows(found: Shown) -> list[tuple[str, object]]:
    """What a package says of itself, and who signed it, by name."""
    told, done = found.manifest, found.manifest.evaluation
    signed = {
        "TRUSTED": f"by {found.signer}",
        "OWN": f"with your own key, {found.public_key}",
        "UNTRUSTED": f"with {found.public_key}, a key that is not trusted",
    }
    rows: list[tuple[str, object]] = [
        ("strategy", f"{told.name}, version {told.version}"),
        ("package", told.id),
        ("made", f"{told.created_at:%Y-%m-%d %H:%M:%S} UTC by version {told.engine.program}"),
        ("signed", signed.get(found.trust.value, "no")),
        ("meaning", told.ir_hash),
        ("settings", told.configuration_hash),
        *(
            (f"bars {row.use}", f"{row.instrument} {row.timeframe}, {row.bars} bars, {row.sha256[:16]}")
            for row in told.data
        ),
        *((f"orders {row.instrument}", f"{row.orders}, {row.fills} fills") for row in told.expected.orders),
        ("net_profit", _money(told.expected.metrics.get("net_profit"), told.expected.currency)),
        ("max_drawdown", told.expected.metrics.get("max_drawdown")),
        ("trials", f"{done.trials}, as told by who made it"),
        ("verdict", f"{done.verdict}, as told by who made it: {done.text}"),
        ("certificate", _certificate_text(found.certificate)),
    ]
    if found.certificate is not None and found.certificate.terms:
        stated = found.certificate.terms
        rows.append(("certified at", "; ".join(f"{name}: {text}" for name, text in stated.items())))
    return rows


def _money(value: object, currency: str) -> str:
    return f"{value:,.4f} {currency}" if isinstance(value, float) else f"{value} {currency}"


def _certificate_text(certificate: ShownCertificate | None) -> str:
    if certificate is None:
        return "none"
    on = f"on {certificate.scenarios} synthetic markets with {certificate.trades} trades"
    told = f"passed {on}, under its own limits"
    if not certificate.passed:
        told = f"FAILED {on}: {'; '.join(certificate.beyond) or 'it looks ahead'}"
    if certificate.beyond_here:
        told += f". BEYOND the limits of this project: {'; '.join(certificate.beyond_here)}"
    return f"{told}. LEFT OUT: {', '.join(certificate.left_out)}" if certificate.left_out else told


def verified_text(found: Verified) -> str:
    """What verification found, in one line."""
    return "verified: it gives here what it says" if found.holds else "NOT verified: see the differences"


def saved_text(done: SavedReply) -> str:
    """What saving did, in one line."""
    told = "a new version" if done.is_new else "the same meaning as before, with new figures"
    return f"saved {done.item.name}@{done.item.version}: {told}"


def comparison_lines(found: Comparison) -> list[str]:
    """How close two saved versions are, and whether their figures compare."""
    same = "the same meaning" if found.same_meaning else f"{found.similarity:.0%} of their expressions in common"
    lines = [f"{found.one} and {found.other}: {same}"]
    if not found.same_settings:
        lines.append("their backtests ran under other settings or another span, so figures do not compare alone")
    return lines


def shortened(one: str, other: str) -> tuple[str, str]:
    """Two different texts; where both are numbers that six digits tell apart, in so many."""
    try:
        short = (f"{float(one):.6g}", f"{float(other):.6g}")
    except ValueError:
        return one, other
    return short if short[0] != short[1] else (one, other)


def what_trades(name: str) -> str:
    """Whether a file of ``conf/strategy`` is traded from now on, as the person who imported it is told."""
    if is_allocation_file(name):
        return "it is an allocation: tradewright trade and the schedules trade it where backtest.account=shared"
    return "tradewright trade and the schedules trade every strategy of conf/strategy, this one too"
