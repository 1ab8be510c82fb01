"""Materialize assets of research in this process: ``python -m assets.materialize bars features --partition BTC``.

The run is recorded in Dagster's history of the project; one line is printed for each asset.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from assets.home import keep_outputs_in_memory, open_instance
from assets.metadata import SUMMARY
from assets.runs import execute
from conf.environment import code_location_overrides, load_environment
from tradewright.model.errors import DataError, TradewrightError

JOB = "__ASSET_JOB"
"""Dagster's own job of all assets of a location."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run to the end; 1 when a step failed or an asset is unknown."""
    parser = argparse.ArgumentParser(prog="python -m assets.materialize", description=__doc__)
    parser.add_argument("assets", nargs="+", metavar="ASSET", help="bars, features, strategy/NAME/signals, ...")
    parser.add_argument("--partition", help="the instrument of bars and features")
    given = parser.parse_args(arguments)
    try:
        load_environment()
        for line in materialize(given.assets, given.partition):
            sys.stdout.write(f"{line}\n")
    except TradewrightError as error:
        sys.stderr.write(f"error: {error.where}: {error.what}\n  what to do: {error.remedy}\n")
        return 1
    return 0


def materialize(names: Sequence[str], partition: str | None = None) -> list[str]:
    """Materialize assets of research; one line of each.

    Raises:
        DataError: for an unknown asset, or one that needs another partition.
        RunFailed: when a step failed.
    """
    import dagster as dg

    from assets.research.definitions import research_definitions  # loads the kernels

    keep_outputs_in_memory()
    definitions = research_definitions(code_location_overrides())
    graph = definitions.resolve_asset_graph()
    known = {key.to_user_string(): key for key in graph.executable_asset_keys}
    for name in names:
        if name not in known:
            raise DataError("is no asset", where=name, remedy=f"take one of: {', '.join(sorted(known))}")
        parts = graph.get(known[name]).partitions_def
        keys = parts.get_partition_keys() if parts else [None]
        if partition not in keys:
            listed = f"--partition with one of: {', '.join(map(str, keys))}" if parts else "leave --partition out"
            raise DataError(
                f"has no partition {partition}" if partition else "needs a partition", where=name, remedy=listed
            )
    with open_instance() as instance:
        chosen: list[dg.AssetKey] = [known[name] for name in names]
        made = execute(definitions, JOB, instance, partition_key=partition, assets=chosen)
    events = made.get_asset_materialization_events()
    return [
        f"{event.materialization.asset_key.to_user_string()}: {event.materialization.metadata[SUMMARY].value}"
        for event in events
    ]


if __name__ == "__main__":
    raise SystemExit(main())
