"""The resolved settings behind a configuration hash, kept once per hash so that an order can be walked back to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from runtime.container import Container
from tradewright.store.artefacts import Key, NoArtefact


class KeptSettings(NamedTuple):
    """Resolved settings, secrets masked, and the folder that holds them."""

    settings: dict[str, Any]
    folder: Path


def keep_settings(house: Container) -> None:
    """Keep the settings in force, unless those of their hash are kept already.

    Raises:
        StoreError: when they cannot be written.
    """
    key = _key(house.settings.config_hash)
    if not house.artefacts.exists(key):
        house.artefacts.write_json(key, house.settings.model_dump(mode="json"))


def kept_settings(house: Container, config_hash: str) -> KeptSettings | None:
    """The settings of a hash; None where none were kept in this storage folder.

    Raises:
        StoreError: when they are damaged.
    """
    key = _key(config_hash)
    try:
        return KeptSettings(house.artefacts.read_json(key), house.artefacts.folder(key))
    except NoArtefact:
        return None


def _key(config_hash: str) -> Key:
    return "settings", config_hash
