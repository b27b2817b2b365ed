"""JSON to the generated types, and back.

Fields that a type does not know are kept in its ``extra``: a newer gateway may say more, and never breaks an older client.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import sys
import typing
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Literal, Type, TypeVar, Union, cast

from ._errors import UnexpectedAnswerError

T = TypeVar("T")
_PLAIN: Dict[Any, Any] = {str: str, bool: bool, int: int, float: (int, float)}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)")


def decode(kind: Type[T], value: Any, where: str) -> T:
    """``value`` as a ``kind``; ``where`` is what an error calls it."""
    return cast(T, _decode(kind, value, where))


def decode_json(body: Union[bytes, str], where: str) -> Any:
    """JSON, or an error that says so."""
    try:
        return json.loads(body)
    except ValueError:
        head = body[:80] if isinstance(body, str) else body[:80].decode("utf-8", "replace")
        raise UnexpectedAnswerError(f"{where} is no JSON: {head!r}") from None


def encode(value: Any) -> Any:
    """``value`` as :mod:`json` takes it. What is ``None`` in a dataclass is left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.name != "extra"]
        said = {name: getattr(value, name) for name in names}
        return encode({**getattr(value, "extra", {}), **{k: v for k, v in said.items() if v is not None}})
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, dict):
        return {key: encode(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(inner) for inner in value]
    return value


def to_json_line(value: Any) -> str:
    """A line of the exchange format, which ``gateway memory import`` takes: JSON and a line end."""
    return json.dumps(encode(value), ensure_ascii=False) + "\n"


def format_time(time: Union[datetime, str]) -> str:
    """RFC 3339. A ``datetime`` without a zone is in local time, as everywhere in Python."""
    if isinstance(time, str):
        return time
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """RFC 3339, which ``datetime.fromisoformat`` reads in whole only from Python 3.11 on."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone in "Zz" else zone
    micros = int((fraction or "")[:6].ljust(6, "0"))
    return datetime.fromisoformat(f"{day}T{clock}{offset}") + timedelta(microseconds=micros)


def _decode(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if hint is Any or origin is Literal:
        # A word that this version does not know yet is passed on as it is.
        return value
    if origin is Union:
        return _decode_union(typing.get_args(hint), value, where)
    if origin is list:
        items = _expect(list, value, where)
        return [_decode(typing.get_args(hint)[0], item, f"{where}[{at}]") for at, item in enumerate(items)]
    if origin is dict:
        return _expect(dict, value, where)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _decode_object(hint, _expect(dict, value, where), where)
    if hint is datetime:
        try:
            return parse_time(_expect(str, value, where))
        except ValueError:
            raise UnexpectedAnswerError(f"{where} is no time: {value!r}") from None
    if hint in _PLAIN:
        if isinstance(value, bool) and hint is not bool:
            raise _mismatch("a number" if hint is not str else "a text", value, where)
        return float(value) if hint is float and isinstance(value, int) else _expect(_PLAIN[hint], value, where)
    raise TypeError(f"{where}: {hint!r} is no type that can be read from JSON")


def _decode_object(kind: Any, value: Dict[str, Any], where: str) -> Any:
    known: Dict[str, Any] = {}
    for name, hint, required in _fields(kind):
        if name in value:
            known[name] = _decode(hint, value[name], f"{where}.{name}")
        elif required:
            raise UnexpectedAnswerError(f"{where} has no `{name}`")
    extra = {name: inner for name, inner in value.items() if name not in known}
    return kind(**known, extra=extra)


def _decode_union(hints: typing.Tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in hints:
        return None
    candidates = [hint for hint in hints if hint is not type(None)]
    fitting = [hint for hint in candidates if _fits(hint, value)]
    return _decode((fitting or candidates)[0], value, where)


def _fits(hint: Any, value: Any) -> bool:
    """Whether ``value`` looks like a ``hint``: objects are told apart by their fields, and by those that name a kind."""
    if not isinstance(hint, type) or not dataclasses.is_dataclass(hint):
        plain = _PLAIN.get(hint, typing.get_origin(hint))
        return not isinstance(plain, type) or isinstance(value, plain)
    if not isinstance(value, dict):
        return False
    for name, inner, required in _fields(hint):
        if required and name not in value:
            return False
        words = typing.get_args(inner) if typing.get_origin(inner) is Literal else ()
        if len(words) == 1 and name in value and value[name] != words[0]:
            return False
    return True


@functools.lru_cache(maxsize=None)
def _fields(kind: type) -> List[typing.Tuple[str, Any, bool]]:
    """Name, type and whether it is required, of the fields of a dataclass."""
    hints = typing.get_type_hints(kind, vars(sys.modules[kind.__module__]))
    return [
        (
            field.name,
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
        if field.name != "extra"
    ]


def _expect(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        names = {list: "a list", dict: "an object", str: "a text", bool: "a yes or no"}
        raise _mismatch(names.get(kind, "a number"), value, where)
    return value


def _mismatch(expected: str, value: Any, where: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(f"{where} should be {expected}, not {type(value).__name__}")
