# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host answers is data: before Ansible reads an answer, all that could be more than that is taken out of it.

Two steps. ``plain_answer`` works on the text that came from the host, whichever module wrote it. ``filtered`` keeps what
the module's schema has (_schemas.py), and refuses what has another type, length or spelling.
"""

from __future__ import annotations

import ipaddress
import json
import re
import typing as t

MOST = 8_000_000  # characters of an answer
PROSE = 20_000  # characters of a message
DEEPEST = 40
_LARGEST = 2**64
# Control characters (also those of terminals), line separators, text direction marks, and halves of characters
_CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
# A sequence of a terminal goes as a whole
_ESCAPE = re.compile(rf"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_a-z])?|[{_CONTROL}]")
# What Ansible acts on in a module's result, or takes for more than data
_TYPED = "__ansible_type"
_ACTED_ON = ("warnings", "deprecations", "exception", "invocation", "add_host", "add_group", "results", "skipped")

Check = t.Callable[[t.Any, str], t.Any]


class MalformedAnswer(Exception):
    """What no honest module answers; the text names the part."""


def printable(text: str) -> str:
    """A text without what a terminal would act on; lines and tabs stay."""
    return _ESCAPE.sub("", text.replace("\r\n", "\n"))


def printable_parts(value: t.Any) -> t.Any:
    """The same in all parts; a text that needs nothing stays the one that it is, with what Ansible knows of it."""
    if isinstance(value, str):
        return printable(value) if _ESCAPE.search(value) else value
    if isinstance(value, dict):
        return {name: printable_parts(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable_parts(item) for item in value]
    return value


def prose(value: t.Any, at: str = "") -> str:
    """A message: never refused, only cut."""
    said = printable(value if isinstance(value, str) else json.dumps(value, default=str))
    return said if len(said) <= PROSE else said[:PROSE] + " …"


# -- the text that came from a host


def plain_answer(
    result: t.Mapping[str, t.Any],
    schema: t.Mapping[str, Check] | None = None,
    renamed: t.Mapping[str, str] | None = None,
) -> dict[str, t.Any]:
    """The outcome of a module's command, in which its answer is data alone.

    What is no answer at all stays a text, of which Ansible makes a failure. ``schema``: checked here already, since
    Ansible fills in what an answer lacks (from 2.21 on). ``renamed``: keys that Ansible would act on, with those under
    which they are kept.
    """
    out, err = _text(result.get("stdout")), _text(result.get("stderr"))
    if len(out) > MOST:
        raise MalformedAnswer(f"it has {len(out)} characters")
    answer = _object_in(out)
    plain = None if answer is None else _plain(answer, renamed or {})
    if plain is not None and schema is not None:
        filtered(plain, schema)
    stdout, stderr = prose(out) if plain is None else json.dumps(plain), prose(err)
    lines = {"stdout_lines": stdout.splitlines(), "stderr_lines": stderr.splitlines()}
    return {**result, "stdout": stdout, "stderr": stderr, **lines}


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) else ""


def _object_in(text: str) -> dict[str, t.Any] | None:
    """The JSON object between what a login shell may print before and after it."""
    begin = re.search(r"^\s*\{", text, re.MULTILINE)
    if not begin:
        return None
    try:
        found = json.loads(text[begin.start() : text.rfind("}") + 1], parse_constant=_no_constant)
    except ValueError:
        return None
    except RecursionError:
        raise MalformedAnswer("it is nested too deep") from None
    return found if isinstance(found, dict) else None


def _no_constant(name: str) -> t.NoReturn:
    raise MalformedAnswer(f"it has {name} for a number")


def _plain(answer: dict[str, t.Any], renamed: t.Mapping[str, str]) -> dict[str, t.Any]:
    kept = {
        renamed.get(key, key): value
        for key, value in answer.items()
        if key in renamed or not (key in _ACTED_ON or key.startswith(("_ansible", "ansible_")))
    }
    found: dict[str, t.Any] = _cleaned(kept, "", 0)
    warnings = _messages_of(answer.get("warnings"))
    if warnings:
        found["warnings"] = warnings[:50]
    trouble = answer.get("exception")
    # A module that broke off: from 2.19 on its message is in there alone.
    if answer.get("failed") and trouble and not answer.get("msg"):
        found["msg"] = "\n".join(_messages_of(trouble)[:5]) or "The module broke off"
    return found


def _cleaned(value: t.Any, at: str, depth: int) -> t.Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        if depth > DEEPEST or _TYPED in value:
            raise MalformedAnswer(f"{at[:80] or 'it'} is nested too deep, or has {_TYPED}")
        return {
            printable(key): _cleaned(item, f"{at}.{key}".lstrip(".")[:200], depth + 1) for key, item in value.items()
        }
    if isinstance(value, list):
        if depth > DEEPEST:
            raise MalformedAnswer(f"{at[:80] or 'it'} is nested too deep")
        return [_cleaned(item, at, depth + 1) for item in value]
    if isinstance(value, (int, float)) and abs(value) > _LARGEST:
        raise MalformedAnswer(f"{at} is too large a number")
    return value


def _messages_of(said: t.Any, depth: int = 0) -> list[str]:
    """The texts of warnings or of an exception, which are objects from 2.19 on."""
    if isinstance(said, str):
        return [prose(said)]
    if depth > DEEPEST or not isinstance(said, (dict, list)):
        return []
    if isinstance(said, list):
        return [text for one in said for text in _messages_of(one, depth + 1)]
    own = said.get("msg")
    inner = [one for key, one in said.items() if isinstance(one, (dict, list))]
    return ([prose(own)] if isinstance(own, str) else []) + _messages_of(inner, depth + 1)


# -- what a schema is made of


def text(most: int = 100_000, like: str = ".*") -> Check:
    pattern = re.compile(like, re.DOTALL)

    def check(value: t.Any, at: str) -> str:
        if not isinstance(value, str):
            raise MalformedAnswer(f"{at} is not a text")
        if len(value) > most or not pattern.fullmatch(value):
            raise MalformedAnswer(f"{at} is {shown(value)}")
        return value

    return check


def shown(value: str) -> str:
    return repr(value if len(value) <= 80 else value[:80] + "…")


def address(value: t.Any, at: str) -> str:
    try:
        ipaddress.ip_address(text(100)(value, at))
    except ValueError:
        raise MalformedAnswer(f"{at} is {shown(value)}, which is not an IP address") from None
    return str(value)


def flag(value: t.Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise MalformedAnswer(f"{at} is neither true nor false")
    return value


def whole(value: t.Any, at: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedAnswer(f"{at} is not a whole number")
    return value


def number(value: t.Any, at: str) -> float:
    return value if isinstance(value, float) else whole(value, at)


def anything(value: t.Any, at: str) -> t.Any:
    return value


def maybe(check: Check) -> Check:
    return lambda value, at: None if value is None else check(value, at)


def either(*allowed: t.Any) -> Check:
    def check(value: t.Any, at: str) -> t.Any:
        for one in allowed:
            # True equals 1. Before ansible-core 2.19, a text is of a class of its own.
            if value == one and isinstance(value, type(one)) and isinstance(value, bool) == isinstance(one, bool):
                return one
        raise MalformedAnswer(f"{at} is not one of {', '.join(map(str, allowed))}")

    return check


def many(check: Check, most: int = 10_000) -> Check:
    def checked(value: t.Any, at: str) -> list[t.Any]:
        if not isinstance(value, list):
            raise MalformedAnswer(f"{at} is not a list")
        if len(value) > most:
            raise MalformedAnswer(f"{at} has {len(value)} items")
        return [check(item, f"{at}[{place}]") for place, item in enumerate(value)]

    return checked


def table(check: Check = anything, key: Check | None = None, most: int = 10_000) -> Check:
    key = key or text(4_000)

    def checked(value: t.Any, at: str) -> dict[str, t.Any]:
        if not isinstance(value, dict):
            raise MalformedAnswer(f"{at} is not a dictionary")
        if len(value) > most:
            raise MalformedAnswer(f"{at} has {len(value)} items")
        return {key(name, f"a key of {at}"): check(item, f"{at}.{name}"[:200]) for name, item in value.items()}

    return checked


def fields(known: t.Mapping[str, Check]) -> Check:
    """A dictionary of these; a name that ends in ``?`` may be missing. What else is in it is left out."""

    def checked(value: t.Any, at: str) -> dict[str, t.Any]:
        if not isinstance(value, dict):
            raise MalformedAnswer(f"{at or 'it'} is not a dictionary")
        found = {}
        for name, check in known.items():
            key, place = name.rstrip("?"), f"{at}.{name.rstrip('?')}".lstrip(".")
            if key in value:
                found[key] = check(value[key], place)
            elif not name.endswith("?"):
                raise MalformedAnswer(f"{place} is missing")
        return found

    return checked


# What each result can have; stdout and stderr are those of a module that did not come to an answer
COMMON: dict[str, Check] = {
    "failed?": flag,
    "changed?": flag,
    "rc?": whole,
    "msg?": prose,
    "module_stdout?": prose,
    "module_stderr?": prose,
    "warnings?": many(prose, 50),
}


def filtered(answer: dict[str, t.Any], schema: t.Mapping[str, Check]) -> dict[str, t.Any]:
    """The answer by its module's schema. Of a failure, what it has to have may be missing."""
    failed = bool(answer.get("failed")) or answer.get("rc", 0) not in (0, None)
    known = {**COMMON, **schema}
    known = {name.rstrip("?") + "?": check for name, check in known.items()} if failed else known
    found: dict[str, t.Any] = fields(known)(answer, "")
    return found
