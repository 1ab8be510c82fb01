"""Why a composition failed, in plain words: what Hydra and OmegaConf say names their own classes and syntax."""

from __future__ import annotations

import re
from pathlib import Path

from hydra.plugins.config_source import ConfigLoadError

from conf.environment import ROOT, display_path, groups, options, yaml_files
from conf.problems import Problem, nearest
from tradewright.model.errors import ConfigError

_REFERENCE = re.compile(r"Interpolation key '([^']+)' not found")
_CHOICE = re.compile(r"Could not find '([^']+)/([^/']+)'")
_REASONS = (
    (_REFERENCE.pattern, "refers to a key that is not there; write the whole key, as in ${base.tz}"),
    (r"Environment variable '([^']+)' not found", r"\1 is not set in the environment: write ${oc.env:\1,DEFAULT}"),
    ("Recursive interpolation|Interpolation to parent node", "refers to itself; write the value"),
    ("raised while resolving", "refers to what is no value; write the value, or ${oc.env:NAME,default}"),
    (r"Could not load '([^']+)'", r"names \1 in its defaults, and there is no such file; remove it, or make the file"),
    ("Could not append|Multiple values for|appears more than once", "is there already: KEY=VALUE changes it"),
    ("Could not delete", "has another value, and is not removed; KEY=VALUE changes it"),
    ("Error merging|Error setting", "takes no value of this form; write one as its file does"),
)
_ELSE = "cannot be composed; see the form of this key in its file"


def option_problem(folder: Path, group: str, option: str, error: Exception) -> Problem:
    """A file that does not compose: a reference to nothing, a choice that is not there, else Hydra's first line."""
    path = folder / group / f"{option}.yaml"
    if unread := secret_problem(error):
        return unread
    if found := _REFERENCE.search(str(error)):
        return _reference_problem(folder, found[1])
    if found := _CHOICE.search(str(error)):
        return _choice_problem(folder, found[1], found[2])
    return Problem(display_path(path, folder), 0, "", "", plain_reason(error))


def secret_problem(error: BaseException) -> Problem | None:
    """The problem of a secret whose file cannot be taken, where that is behind an error."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, ConfigError):
            return Problem(behind.where, 0, "", "", f"{behind.what}; {behind.remedy}")
        behind = behind.__cause__ or behind.__context__
    return None


def _reference_problem(folder: Path, name: str) -> Problem:
    """A ``${...}`` whose key is not there, with the line of the first file that has it."""
    for path in yaml_files(folder):
        for line, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if f"${{{name}}}" in text.replace(" ", ""):
                rule = "refers to a key that is not there; write the value, or the whole key as in ${base.tz}"
                return Problem(display_path(path, folder), line, "", f"${{{name}}}", rule)
    return Problem(f"{ROOT}.yaml", 0, "", f"${{{name}}}", "refers to a key that is not there")


def _choice_problem(folder: Path, group: str, option: str) -> Problem:
    """An entry of the root file's defaults list that chooses a group or a file which is not there."""
    path = folder / f"{ROOT}.yaml"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    written = re.compile(rf"-\s*[\"']?{re.escape(group)}\b")
    line = next((row for row, text in enumerate(lines, 1) if written.search(text)), 0)
    shown = display_path(path, folder)
    if group in (known := groups(folder)):
        files = options(group, folder)
        return Problem(shown, line, group, option, f"must be one of {', '.join(files)}", nearest(option, files))
    rule = f"is no group of settings; the groups are {', '.join(known)}"
    return Problem(shown, line, group, "", rule, nearest(group, known))


def plain_reason(error: Exception) -> str:
    """The reason of an error of a composition, in our words where they are known."""
    said = first_line(error)
    if isinstance(error, ConfigLoadError):  # of our own reader of files
        return said
    for pattern, words in _REASONS:
        if found := re.search(pattern, said):
            return found.expand(words)
    return _ELSE


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return str(error).strip().splitlines()[0]
