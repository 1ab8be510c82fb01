"""Commands on strategy packages and saved strategies: ``tradewright package``."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Json, Overrides, desk_settings_of, named, settings_of
from app.output import DONE, FAILED, Output, run_operation

if TYPE_CHECKING:
    from app.operations.package_certificates import ShownCertificate
    from app.operations.packages import Imported, KeyReply, Shown, Verified
    from app.operations.saved_strategies import Comparison, SavedReply
    from conf.schema.settings import Settings
    from tradewright.catalog.saved_strategies import SavedStrategy

commands = typer.Typer()
package = typer.Typer(
    help="Strategies that travel: signed packages, keys, verification, import; the saved versions of strategies.",
    no_args_is_help=True,
)
commands.add_typer(package, name="package")

StrategyArgument = Annotated[str, typer.Argument(callback=named, help="a document of conf/strategy, by its name")]
PackageFile = Annotated[Path, typer.Argument(help="a package", metavar="FILE")]
Unsigned = Annotated[bool, typer.Option("--allow-unsigned", help="take a package that nobody has signed")]
Untrusted = Annotated[bool, typer.Option("--allow-untrusted", help="take one whose key packages.trusted does not list")]
OwnKey = Annotated[
    Path | None, typer.Option("--key", help="your own private key, whose packages are yours; else the variable's")
]


def _operations() -> ModuleType:
    from tradewright.packages.fault import demand_libraries

    demand_libraries()
    from app.operations import packages

    return packages


def what_trades(name: str) -> str:
    """Whether a file of ``conf/strategy`` is traded from now on, as the person who imported it is told."""
    from conf.strategy_kinds import is_allocation_file

    if is_allocation_file(name):
        return "it is an allocation, which makes no signals: it is backtested, and not traded"
    return "tradewright trade and the schedules trade every strategy of conf/strategy, this one too"


def _settings(strategy: str, overrides: list[str] | None) -> Settings:
    return settings_of([*(overrides or ()), f"strategy={strategy}"])


@package.command()
def key(
    file: Annotated[Path, typer.Argument(help="a new file, outside of the storage folder and the YAML files")],
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Make a private key that signs packages, for your eyes alone, and print its public half."""

    def act(_output: Output) -> KeyReply:
        made: KeyReply = _operations().make_key(desk_settings_of(overrides), file)
        return made

    def show(output: Output, made: KeyReply) -> object:
        output.line(f"private key: {made.file}; back it up where no one else reads it")
        output.line(f"public key:  {made.public_key}")
        output.line("whoever takes your packages lists it under packages.trusted in conf/packages/default.yaml")
        output.line(f"TRADEWRIGHT_PACKAGE_KEY_FILE={made.file} in .env signs yours, and knows them as yours")
        return made

    run_operation(as_json, act, show)


@package.command()
def export(
    strategy: StrategyArgument,
    file: Annotated[Path, typer.Argument(help="the package to write, NAME.hsp")],
    overrides: Overrides = None,
    key: Annotated[Path | None, typer.Option(help="the private key; TRADEWRIGHT_PACKAGE_KEY when left out")] = None,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="without a signature")] = False,
    as_json: Json = False,
) -> None:
    """Backtest a document and write it with its evidence into a signed package."""

    def act(_output: Output) -> Shown:
        operations = _operations()
        made: Shown = operations.export(_settings(strategy, overrides), file, key, unsigned=unsigned)
        return made

    def show(output: Output, made: Shown) -> object:
        _show(output, made)
        own = ["--key", str(key)] if key and not unsigned else ["--allow-unsigned"] if unsigned else []
        output.next("prove what it says", "package", "verify", str(file), *own)
        return made

    run_operation(as_json, act, show)


@package.command()
def verify(
    file: PackageFile,
    overrides: Overrides = None,
    allow_unsigned: Unsigned = False,
    allow_untrusted: Untrusted = False,
    key: OwnKey = None,
    as_json: Json = False,
) -> None:
    """Check hashes and signature, compile the document, backtest it again; exit 1 when anything differs."""

    def act(_output: Output) -> Verified:
        operations = _operations()
        admitted = operations.Admission(allow_unsigned, allow_untrusted, key)
        found: Verified = operations.verify(desk_settings_of(overrides), file, admitted)
        return found

    def show(output: Output, found: Verified) -> object:
        _show(output, found.package)
        rows = [(row.part, row.name, row.said, row.found, row.why) for row in found.differences]
        if rows:
            output.table("differences", ("part", "of", "the package says", "found here", "why"), rows)
        output.line("verified: it gives here what it says" if found.holds else "NOT verified: see the differences")
        return found

    run_operation(as_json, act, show, lambda found: DONE if found.holds else FAILED)


@package.command(name="import")
def import_(
    file: PackageFile,
    overrides: Overrides = None,
    as_name: Annotated[str, typer.Option("--as", help="another name for the strategy")] = "",
    allow_unsigned: Unsigned = False,
    allow_untrusted: Untrusted = False,
    key: OwnKey = None,
    as_json: Json = False,
) -> None:
    """Write the document of a package into conf/strategy, after every check but the backtest; none is overwritten."""

    def act(_output: Output) -> Imported:
        operations = _operations()
        admitted = operations.Admission(allow_unsigned, allow_untrusted, key)
        done: Imported = operations.import_package(desk_settings_of(overrides), file, admitted, as_name)
        return done

    def show(output: Output, done: Imported) -> object:
        output.line(f"{done.file}: {'written' if done.is_written else 'is there already, the same'}")
        output.line(what_trades(done.name))
        said = (("--allow-unsigned", allow_unsigned), ("--allow-untrusted", allow_untrusted))
        admitted = [option for option, is_given in said if is_given] + (["--key", str(key)] if key else [])
        output.next("prove what it says", "package", "verify", str(file), *admitted)
        return done

    run_operation(as_json, act, show)


@package.command(name="show")
def show_(file: PackageFile, overrides: Overrides = None, key: OwnKey = None, as_json: Json = False) -> None:
    """What a package says of itself and who signed it; nothing of it is run."""

    def act(_output: Output) -> Shown:
        found: Shown = _operations().show(desk_settings_of(overrides), file, key)
        return found

    run_operation(as_json, act, _show)


def _money(value: object, currency: str) -> str:
    return f"{value:,.4f} {currency}" if isinstance(value, float) else f"{value} {currency}"


def _told(certificate: ShownCertificate | None) -> str:
    if certificate is None:
        return "none"
    on = f"on {certificate.scenarios} synthetic markets with {certificate.trades} trades"
    told = f"passed {on}, under its own limits"
    if not certificate.passed:
        told = f"FAILED {on}: {'; '.join(certificate.beyond) or 'it looks ahead'}"
    if certificate.beyond_here:
        told += f". BEYOND the limits of this project: {'; '.join(certificate.beyond_here)}"
    return f"{told}. LEFT OUT: {', '.join(certificate.left_out)}" if certificate.left_out else told


def _show(output: Output, found: Shown) -> object:
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
        ("certificate", _told(found.certificate)),
    ]
    if found.certificate is not None and found.certificate.terms:
        stated = found.certificate.terms
        rows.append(("certified at", "; ".join(f"{name}: {text}" for name, text in stated.items())))
    if done.void:
        output.line(f"VOID: {done.void}")
    output.table(found.file, ("what", "value"), rows)
    return found


@package.command()
def save(strategy: StrategyArgument, overrides: Overrides = None, as_json: Json = False) -> None:
    """Backtest a document and save it; its version rises when its meaning has changed."""

    def act(_output: Output) -> SavedReply:
        from app.operations import saved_strategies

        return saved_strategies.save(_settings(strategy, overrides))

    def show(output: Output, done: SavedReply) -> object:
        item = done.item
        told = "a new version" if done.is_new else "the same meaning as before, with new figures"
        output.line(f"saved {item.name}@{item.version}: {told}")
        return done

    run_operation(as_json, act, show)


@package.command(name="list")
def list_(overrides: Overrides = None, as_json: Json = False) -> None:
    """Every saved version of every strategy, with its meaning's hash and figures."""

    def act(_output: Output) -> tuple[SavedStrategy, ...]:
        from app.operations import saved_strategies

        return saved_strategies.saved_strategies(desk_settings_of(overrides))

    def show(output: Output, found: tuple[SavedStrategy, ...]) -> object:
        rows = [
            (row.id, row.name, row.version, row.ir_hash[:16], f"{row.saved_at:%Y-%m-%d %H:%M}",
             row.metrics.get("net_profit"), row.metrics.get("sharpe"), row.metrics.get("max_drawdown"), row.verdict)
            for row in found
        ]  # fmt: skip
        header = ("id", "name", "version", "meaning", "saved", "net_profit", "sharpe", "max_drawdown", "verdict")
        output.table("saved strategies", header, rows)
        if not found:
            output.line("none is saved yet: tradewright package save STRATEGY")
        return {"saved": found}

    run_operation(as_json, act, show)


def _shortened(one: str, other: str) -> tuple[str, str]:
    """Two different texts; where both are numbers that six digits tell apart, in so many."""
    try:
        short = (f"{float(one):.6g}", f"{float(other):.6g}")
    except ValueError:
        return one, other
    return short if short[0] != short[1] else (one, other)


@package.command()
def compare(
    one: Annotated[str, typer.Argument(callback=named, help="NAME@VERSION, or NAME for its newest")],
    other: Annotated[str, typer.Argument(callback=named, help="another one")],
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """How two saved versions differ in rules, parameters and figures."""

    def act(_output: Output) -> Comparison:
        from app.operations import saved_strategies

        return saved_strategies.compare(desk_settings_of(overrides), one, other)

    def show(output: Output, found: Comparison) -> object:
        same = "the same meaning" if found.same_meaning else f"{found.similarity:.0%} of their expressions in common"
        output.line(f"{found.one} and {found.other}: {same}")
        if not found.same_settings:
            output.line("their backtests ran under other settings or another span, so figures do not compare alone")
        for title in ("rules", "parameters", "figures"):
            rows = [(row.name, row.one, row.other) for row in getattr(found, title)]
            if title == "rules" and rows:
                sides = [(found.one if mine else found.other, rule) for rule, mine, _ in rows]
                output.table(title, ("only in", "rule"), sides)
            elif rows:
                short = [(name, *_shortened(one, two)) for name, one, two in rows]
                output.table(title, (title, found.one, found.other), short)
        return found

    run_operation(as_json, act, show)
