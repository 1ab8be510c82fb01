"""Known vulnerabilities in the locked dependencies: ``python -m tests.audit requirements/dev.txt``.

pip-audit ends with 0 even when it could audit nothing, so this prints what was audited and what was not, and fails only
where the advisory service answered and named a vulnerability.
"""

from __future__ import annotations

import json
import subprocess
import sys

ACCEPTED: dict[str, str] = {}
"""Vulnerability id -> why it does not concern us."""


def main(lock: str) -> int:
    """Audit one lock."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        found = json.loads(result.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError, KeyError):
        sys.stdout.write("not audited: the advisory service did not answer\n")
        return 0
    skipped = [row for row in found if "skip_reason" in row]
    if len(skipped) == len(found):
        sys.stdout.write(f"not audited: the advisory service knows none of the {len(found)} packages\n")
        return 0
    hits = [(row["name"], row["version"], hit["id"]) for row in found for hit in row.get("vulns", [])]
    open_hits = [hit for hit in hits if hit[2] not in ACCEPTED]
    sys.stdout.write(f"audited {len(found) - len(skipped)}, skipped {len(skipped)}, vulnerable {len(open_hits)}\n")
    for name, version, identifier in open_hits:
        sys.stdout.write(f"{name} {version}: {identifier}\n")
    return 1 if open_hits else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
