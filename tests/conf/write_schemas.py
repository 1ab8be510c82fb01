"""Write the schemas of ``conf/schemas`` anew: ``python -m tests.conf.write_schemas``."""

from __future__ import annotations

import json

from conf.environment import SOURCE
from conf.group_schemas import group_schema, groups, schema_file

FOLDER = SOURCE / "conf" / "schemas"
BESIDE = frozenset({"scenario"})
"""Groups whose schema lies beside their files."""


def texts() -> dict[str, str]:
    """Every file of the folder by its name, as ``tradewright schema GROUP FILE`` writes it."""
    made = {schema_file(group): group_schema(group) for group in groups() if group not in BESIDE}
    return {name: f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n" for name, schema in made.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
