"""Commands on strategy packages and saved strategies: ``tradewright package``."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Json, Overrides, desk_settings_of, named, settings_of
from app.output import DONE, FAILED, Output, run_operation

if TYPE_CHECKING:
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
        from app.operations.package_text import verified_text

        _show(output, found.package)
        rows = [(row.part, row.name, row.said, row.found, row.why) for row in found.differences]
        if rows:
            output.table("differences", ("part", "of", "the package says", "found here", "why"), rows)
        output.line(verified_text(found))
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
        from app.operations.package_text import what_trades

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


def _show(output: Output, found: Shown) -> object:
    from app.operations.package_text import package_rows

    if void := found.manifest.evaluation.void:
        output.line(f"VOID: {void}")
    output.table(found.file, ("what", "value"), package_rows(found))
    return found


@package.command()
def save(strategy: StrategyArgument, overrides: Overrides = None, as_json: Json = False) -> None:
    """Backtest a document and save it; its version rises when its meaning has changed."""

    def act(_output: Output) -> SavedReply:
        from app.operations import saved_strategies

        return saved_strategies.save(_settings(strategy, overrides))

    def show(output: Output, done: SavedReply) -> object:
        from app.operations.package_text import saved_text

        output.line(saved_text(done))
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
        from app.operations.package_text import comparison_lines, shortened

        for line in comparison_lines(found):
            output.line(line)
        for title in ("rules", "parameters", "figures"):
            rows = [(row.name, row.one, row.other) for row in getattr(found, title)]
            if title == "rules" and rows:
                sides = [(found.one if mine else found.other, rule) for rule, mine, _ in rows]
                output.table(title, ("only in", "rule"), sides)
            elif rows:
                short = [(name, *shortened(one, two)) for name, one, two in rows]
                output.table(title, (title, found.one, found.other), short)
        return found

    run_operation(as_json, act, show)
