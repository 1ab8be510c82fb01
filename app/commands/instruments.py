"""``instruments list | show | add | update | remove``: what can be traded, as ``conf/instruments`` declares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Json, Overrides, in_force, named, settings_of
from app.output import Output, run_command
from tradewright.model.errors import ConfigError

if TYPE_CHECKING:
    from app.operations.instruments import ChangedRegistry, ShownInstrumentRow

commands = typer.Typer()
instruments = typer.Typer(
    help="What can be traded: list it, show one, add a row to conf/instruments, change or remove one.",
    no_args_is_help=True,
)
commands.add_typer(instruments, name="instruments")
Symbol = Annotated[str, typer.Argument(callback=named, help="our name of it, such as MYCO")]
Class = Annotated[str, typer.Option("--class", help="stock, etf, index, forex, crypto, future, cfd or metal")]
Currency = Annotated[str | None, typer.Option(help="in which it is quoted; USD, when it is left out")]
Exchange = Annotated[str | None, typer.Option(help="where Interactive Brokers routes it; SMART")]
Calendar = Annotated[str | None, typer.Option(help="its hours: XNYS, XLON, 24/7, 24/5; XNYS")]
Tick = Annotated[str | None, typer.Option(help="the smallest step of a price; 0.01")]
Lot = Annotated[str | None, typer.Option(help="the smallest step of a quantity; 1")]
Multiplier = Annotated[str | None, typer.Option(help="money per unit and point; 1")]
Spread = Annotated[str | None, typer.Option(help="the spread assumed where bars have none; 1")]
Shortable = Annotated[bool | None, typer.Option("--shortable/--not-shortable", help="it may be sold short; not")]
Illiquid = Annotated[bool | None, typer.Option("--illiquid/--liquid", help="the gate's wide price collar; liquid")]
Venues = Annotated[list[str] | None, typer.Option("--venue", help="its name at a venue or vendor: ibkr=ES-CME-202612")]
OwnFeed = Annotated[str | None, typer.Option(help="its own file of conf/feed; the feed in force")]


@instruments.command("list")
def list_(overrides: Overrides = None, as_json: Json = False) -> None:
    """Every instrument in force: class, currency, hours, steps, and the file that declares it."""

    def act(output: Output) -> None:
        from app.operations.instruments import list_instruments

        found = list_instruments(settings_of(overrides))
        header = ("instrument", "class", "currency", "calendar", "tick", "lot", "universe", "file")
        rows = []
        for each in found:
            row, chosen = each.instrument, "yes" if each.in_universe else ""
            steps = f"{row.tick_size:f}", f"{row.lot_size:f}"
            rows.append(
                (row.symbol, row.asset_class, row.currency, row.calendar, *steps, chosen, ", ".join(each.files))
            )
        output.table("instruments", header, rows)
        output.result({"instruments": found})

    run_command(as_json, act)


@instruments.command()
def show(symbol: Symbol, overrides: Overrides = None, as_json: Json = False) -> None:
    """One instrument with every key, where it is declared, its hours of today and the fees in force."""

    def act(output: Output) -> None:
        from app.operations.instruments import show_instrument

        found = show_instrument(settings_of(overrides), symbol)
        rows = [
            (key, "" if value is None else str(value), "its row" if key in found.own else "default")
            for key, value in found.instrument.model_dump(mode="json", exclude={"symbol", "hours"}).items()
        ]
        output.table(symbol, ("key", "value", "from"), rows)
        for line in _facts(found):
            output.line(line)
        output.next("its stored bars", "data", "show", symbol)
        output.result(found)

    run_command(as_json, act)


def _facts(found: ShownInstrumentRow) -> list[str]:
    spans = ", ".join(f"{span.start:%H:%M} to {span.end:%H:%M}" for span in found.today) or "closed all day"
    state = "open" if found.is_open else "closed"
    return [
        f"declared in {', '.join(found.places) or 'the command line'}",
        f"in the universe: {'yes' if found.in_universe else 'no: universe.instruments does not name it'}",
        f"{found.at:%Y-%m-%d} UTC: {spans}; now {state}",
        f"fees (backtest/costs): {', '.join(f'{key} {value}' for key, value in found.fees.items())}",
    ]


@instruments.command()
def add(
    symbol: Symbol,
    overrides: Overrides = None,
    asset_class: Class = "",
    currency: Currency = None,
    exchange: Exchange = None,
    calendar: Calendar = None,
    tick: Tick = None,
    lot: Lot = None,
    multiplier: Multiplier = None,
    spread_bps: Spread = None,
    shortable: Shortable = None,
    illiquid: Illiquid = None,
    venue: Venues = None,
    feed: OwnFeed = None,
    collection: Annotated[str, typer.Option("--file", help="the file of conf/instruments, without .yaml")] = "own",
    as_json: Json = False,
) -> None:
    """Add a row to a file of conf/instruments and list the file in all.yaml; nothing is written over.

    The whole configuration is checked with the row in it first; where anything is wrong, nothing is written.
    """
    market = {"asset_class": asset_class, "currency": currency, "exchange": exchange, "calendar": calendar}
    steps = {"tick_size": tick, "lot_size": lot, "multiplier": multiplier, "default_spread_bps": spread_bps}

    def act(output: Output) -> None:
        from app.operations.instruments import add_instrument

        keys = {**market, **steps, **_more(shortable, illiquid, venue, feed)}
        _tell(output, "added", add_instrument(symbol, keys, collection, in_force(overrides)))
        output.line(f"trade it: name it in universe.instruments; bars: tradewright import ... --instrument {symbol}")
        output.next("look at it", "instruments", "show", symbol)

    run_command(as_json, act)


@instruments.command()
def update(
    symbol: Symbol,
    overrides: Overrides = None,
    asset_class: Class = "",
    currency: Currency = None,
    exchange: Exchange = None,
    calendar: Calendar = None,
    tick: Tick = None,
    lot: Lot = None,
    multiplier: Multiplier = None,
    spread_bps: Spread = None,
    shortable: Shortable = None,
    illiquid: Illiquid = None,
    venue: Venues = None,
    feed: OwnFeed = None,
    as_json: Json = False,
) -> None:
    """Change keys of an instrument's row; what is not named stays as it is.

    The whole configuration is checked with the change in it first; where anything is wrong, nothing is written.
    """
    market = {"asset_class": asset_class or None, "currency": currency, "exchange": exchange, "calendar": calendar}
    steps = {"tick_size": tick, "lot_size": lot, "multiplier": multiplier, "default_spread_bps": spread_bps}

    def act(output: Output) -> None:
        from app.operations.instruments import update_instrument

        keys = {**market, **steps, **_more(shortable, illiquid, venue, feed)}
        _tell(output, "changed row", update_instrument(symbol, keys, in_force(overrides)))
        output.next("look at it", "instruments", "show", symbol)

    run_command(as_json, act)


@instruments.command()
def remove(symbol: Symbol, overrides: Overrides = None, as_json: Json = False) -> None:
    """Remove the row of an instrument that nothing else names; its stored bars stay."""

    def act(output: Output) -> None:
        from app.operations.instruments import remove_instrument

        _tell(output, "removed", remove_instrument(symbol, in_force(overrides)))

    run_command(as_json, act)


def _more(
    shortable: bool | None, illiquid: bool | None, venue: list[str] | None, feed: str | None
) -> dict[str, object]:
    liquid = None if illiquid is None else not illiquid
    return {"shortable": shortable, "liquid": liquid, "venue_symbols": _venues(venue or []), "feed": feed}


def _venues(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if wrong := [text for text, (name, _, value) in zip(given, pairs, strict=True) if not (name and value)]:
        raise ConfigError(f"{wrong[0]!r} names no venue", where="--venue", remedy="say --venue ibkr=EUR.USD")
    return {name: value for name, _, value in pairs}


def _tell(output: Output, what: str, done: ChangedRegistry) -> None:
    output.line(f"{what}: {done.place}: {done.row}")
    output.line(f"changed: {', '.join(done.changed)}")
    output.result(done)
