"""Group ``packages``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from conf.schema.config_model import ConfigModel
from tradewright.model.base import Name

PublicKey = Annotated[str, Field(pattern=r"^ed25519:[A-Za-z0-9+/]{43}=$")]


class PackagesSettings(ConfigModel):
    """``packages``: the level of compression, and the public keys of those whose packages are taken, by name."""

    level: Annotated[int, Field(ge=1, le=19)] = 19
    trusted: dict[Name, PublicKey] = Field(default_factory=dict)
