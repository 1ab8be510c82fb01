"""What a package says beside what was found where it is verified, and why the two differ."""

from __future__ import annotations

from collections.abc import Iterator

from tradewright.evaluation.certificate import ScenarioCertificate
from tradewright.model.base import FrozenModel
from tradewright.model.certify_limits import CertifyLimits, DeclaredLimits
from tradewright.packages.manifest import DataFingerprint, Engine, Expected, Manifest


class PackageDifference(FrozenModel):
    """One thing that is not as the package says.

    Args:
        part: ``engine``, ``code``, ``data``, ``orders``, ``metrics`` or ``certificate``.
        name: of the value, the instrument or the figure.
        said, found: as text.
        why: the reason in words.
    """

    part: str
    name: str
    said: str
    found: str
    why: str


def differences(
    manifest: Manifest, engine: Engine, data: tuple[DataFingerprint, ...], found: Expected
) -> tuple[PackageDifference, ...]:
    """All that differs; causes (engine, data) come before what they can explain (orders, metrics).

    Args:
        engine, data, found: of the backtest that was run again.
    """
    causes = (*_engines(manifest.engine, engine), *_data(manifest.data, data))
    code = _codes(manifest.expected, found) if not causes else ()
    why = _because(causes)
    return (*causes, *code, *_orders(manifest.expected, found, why), *_metrics(manifest.expected, found, why))


def _text(value: object) -> str:
    """A value as text, whatever the order of its keys: a text that was read has them sorted."""
    return str(dict(sorted(value.items())) if isinstance(value, dict) else value)


def certificate_differences(
    said: ScenarioCertificate, found: ScenarioCertificate, declared: DeclaredLimits, engine: str
) -> tuple[PackageDifference, ...]:
    """All that differs between the certificate of a package and the one that was made again.

    Args:
        found: of the scenarios that are defined here, under the limits of the package.
        declared: the limits of the document, which no certificate of it may leave out.
        engine: the digest of the engine of the package's backtest, whose certificate was made with it too.
    """
    why = "another engine" if said.engine != found.engine else "the package does not tell what it was made of"
    rows = []
    here = {each.scenario: each for each in found.scenarios}
    for each in said.scenarios:
        other = here.get(each.scenario)
        if other == each:
            continue
        if other is None:
            told, reason = "none", "there is no scenario of that name here; ask for its file of conf/scenario"
        elif other.scenario_hash != each.scenario_hash:
            told, reason = other.scenario_hash[:16], "the scenario of that name is another one here"
        else:
            told, reason = f"{other.trades} trades, {other.total_return!r}, bars {other.data_hash[:16]}", why
        mine = f"{each.trades} trades, {each.total_return!r}, bars {each.data_hash[:16]}"
        one = each.scenario_hash[:16] if other is None or other.scenario_hash != each.scenario_hash else mine
        rows.append(PackageDifference(part="certificate", name=each.scenario, said=one, found=told, why=reason))
    same = {each.scenario for each in said.scenarios if here.get(each.scenario) == each}
    values = {(row.scenario, row.figure): row.value for row in found.rows}
    for row in said.rows:
        value = values.get((row.scenario, row.figure))
        if row.scenario in same and value != row.value:
            name = f"{row.scenario}, {row.figure}"
            one, two = repr(row.value), repr(value)
            rows.append(PackageDifference(part="certificate", name=name, said=one, found=two, why=why))
    names = ["version", "kind", "parameters", "look_ahead", "terms"]
    names += ["stated"] if said.stated else []  # one of before has no words
    names += ["identity", "code"] if said.engine == found.engine else []  # which are of the engine too
    for name in names:
        one, two = (_text(getattr(each, name)) for each in (said, found))
        if one != two:
            rows.append(PackageDifference(part="certificate", name=name, said=one, found=two, why=why))
    if said.engine != engine:
        reason = "the certificate is of another engine than the backtest of the same package"
        rows.append(PackageDifference(part="certificate", name="engine", said=said.engine, found=engine, why=reason))
    return (*rows, *_limits(said.limits, declared))


def _limits(said: CertifyLimits, declared: DeclaredLimits) -> Iterator[PackageDifference]:
    for name, limit in declared.model_dump(exclude_none=True).items():
        if (one := getattr(said, name)) != limit:
            why = "the document declares another limit"
            yield PackageDifference(part="certificate", name=name, said=repr(one), found=repr(limit), why=why)


def _engines(said: Engine, found: Engine) -> Iterator[PackageDifference]:
    names = ("program", "python", "numpy", "numba")
    versions = [(name, getattr(said, name), getattr(found, name)) for name in names]
    for name, one, other in versions:
        if one != other:
            why = f"the package was made with {name} {one}, here it is {other}"
            yield PackageDifference(part="engine", name=name, said=one, found=other, why=why)
    if said.digest != found.digest:
        why = "the code of the engine or a version under it is another one, and may round or fill otherwise"
        yield PackageDifference(part="engine", name="digest", said=said.digest, found=found.digest, why=why)


def _codes(said: Expected, found: Expected) -> Iterator[PackageDifference]:
    if said.code != found.code:
        why = "the document is lowered to other code with the same engine and meaning"
        yield PackageDifference(part="code", name="code", said=said.code, found=found.code, why=why)


def _data(said: tuple[DataFingerprint, ...], found: tuple[DataFingerprint, ...]) -> Iterator[PackageDifference]:
    here = {(row.use, row.instrument, row.timeframe): row for row in found}
    there = {(row.use, row.instrument, row.timeframe): row for row in said}
    for key, row in there.items():
        other = here.get(key)
        if other != row:
            told = "none" if other is None else _told(other)
            name = f"{row.instrument} {row.timeframe} ({row.use})"
            yield PackageDifference(part="data", name=name, said=_told(row), found=told, why=_why(row, other))
    for key, row in here.items():
        if key not in there:
            name = f"{row.instrument} {row.timeframe} ({row.use})"
            why = f"the backtest reads {row.instrument} here, and the package says nothing of it"
            yield PackageDifference(part="data", name=name, said="none", found=_told(row), why=why)


def _told(row: DataFingerprint) -> str:
    span = f"{row.first:%Y-%m-%dT%H:%M}Z to {row.last:%Y-%m-%dT%H:%M}Z" if row.first and row.last else "no span"
    return f"{row.bars} bars, {span}, {row.sha256[:16]}"


def _why(said: DataFingerprint, found: DataFingerprint | None) -> str:
    of = f"{said.instrument} {said.timeframe}"
    if found is None or not found.bars:
        return f"there are no bars of {of} here"
    if said.first is not None and found.first is not None and found.first != said.first:
        return f"the bars of {of} begin at another time here"
    if found.last != said.last:
        return f"the bars of {of} end at another time here"
    if found.bars != said.bars:
        return f"within the same span {of} has {found.bars} bars here and {said.bars} in the package"
    return f"bars of {of} at the same times have other values here: another source, or a correction"


def _because(causes: tuple[PackageDifference, ...]) -> str:
    parts = {row.part for row in causes}
    if parts == {"data"}:
        return "the bars differ"
    if parts == {"engine"}:
        return "the engine differs"
    if parts:
        return "the bars and the engine differ"
    return "bars, engine, document and settings are the same: the package does not tell what it was made of"


def _orders(said: Expected, found: Expected, why: str) -> Iterator[PackageDifference]:
    here = {row.instrument: row for row in found.orders}
    for row in said.orders:
        other = here.pop(row.instrument, None)
        if other != row:
            one = f"{row.orders} orders, {row.fills} fills, {row.sha256[:16]}"
            two = "none" if other is None else f"{other.orders} orders, {other.fills} fills, {other.sha256[:16]}"
            yield PackageDifference(part="orders", name=row.instrument, said=one, found=two, why=why)
    for name, other in here.items():
        two = f"{other.orders} orders, {other.fills} fills, {other.sha256[:16]}"
        yield PackageDifference(part="orders", name=name, said="none", found=two, why=why)


def _metrics(said: Expected, found: Expected, why: str) -> Iterator[PackageDifference]:
    one, two = {**said.metrics, "currency": said.currency}, {**found.metrics, "currency": found.currency}
    for name in {**one, **two}:
        if name not in one or name not in two or one[name] != two[name]:
            told = [str(each[name]) if name in each else "none" for each in (one, two)]
            yield PackageDifference(part="metrics", name=name, said=told[0], found=told[1], why=why)
