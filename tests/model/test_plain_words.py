"""A person reads sentences, never the regular expression behind a rule."""

from __future__ import annotations

import re

from conf.environment import SOURCE
from tradewright.model.plain_words import plain_rule

_PATTERN = re.compile(r'pattern=r"([^"]+)"')


def test_every_pattern_of_a_model_is_told_as_a_sentence() -> None:
    folders = ("tradewright", "conf", "brokers", "runtime", "app", "strategies", "assets")
    texts = [path.read_text() for folder in folders for path in (SOURCE / folder).rglob("*.py")]
    patterns = {found for text in texts for found in _PATTERN.findall(text)}
    assert r"^[A-Z]{3}$" in patterns
    for pattern in patterns:
        told = plain_rule({"type": "string_pattern_mismatch", "input": "x", "ctx": {"pattern": pattern}, "msg": ""})
        assert told.startswith("must "), pattern
        assert re.search(r"[\^$\\\[\]{}]", told) is None, told
