"""The part of MongoDB's query and update language that the aggregator speaks, on documents in memory."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any

from bson import Decimal128, Int64, MaxKey, MinKey
from bson.decimal128 import create_decimal128_context
from pymongo.errors import WriteError

from common.mongo import Document

Key = Any  # an `_id` that can be a dict key


def copied(value: Any) -> Any:
    """A copy whose parts can be changed; what is neither document nor array never is."""
    if isinstance(value, dict):
        return {name: copied(part) for name, part in value.items()}
    return [copied(part) for part in value] if isinstance(value, list) else value


def frozen(value: Any) -> Key:
    return tuple((name, frozen(part)) for name, part in value.items()) if isinstance(value, dict) else value


def get(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def matches(document: Document, query: Mapping[str, Any]) -> bool:
    return all(_matches(get(document, path), wanted) for path, wanted in query.items())


def _matches(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict) or not all(name.startswith("$") for name in wanted):
        return bool(value == wanted)
    at, tests = order_of(value), []
    for operator, operand in wanted.items():
        if operator == "$in":
            tests.append(value in operand)
        else:
            limit = order_of(operand)
            tests.append({"$gte": at >= limit, "$lte": at <= limit, "$lt": at < limit, "$gt": at > limit}[operator])
    return all(tests)


_RANKS: list[type | UnionType] = [MinKey, NoneType, int | float | Decimal, str, dict, bytes, datetime, MaxKey]


def order_of(value: Any) -> tuple[Any, ...]:
    """The order that the database has between values of any types."""
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    rank = next(rank for rank, kind in enumerate(_RANKS) if isinstance(value, kind))
    if isinstance(value, MinKey | MaxKey | NoneType):
        return (rank,)
    if isinstance(value, dict):
        return (rank, tuple((order_of(part)[0], name, order_of(part)) for name, part in value.items()))
    return (rank, value)


def updated(document: Document, update: Any, *, is_new: bool) -> Document:
    """The document after an update, which is the same object; a list is a pipeline of `$set` stages."""
    if isinstance(update, list):
        for stage in update:
            for path, expression in stage["$set"].items():
                put_at(document, path, evaluated(document, expression))
        return document
    _apply(document, update, is_new=is_new)
    return document


def _apply(document: Document, update: Document, *, is_new: bool) -> None:
    for operator, fields in update.items():
        for path, value in fields.items():
            now = get(document, path)
            if operator == "$unset":
                remove_at(document, path)
            elif operator == "$inc":
                put_at(document, path, added(now, value))
            elif operator == "$set" or (operator == "$setOnInsert" and is_new) or _is_better(operator, value, now):
                put_at(document, path, value)


def _is_better(operator: str, value: Any, now: Any) -> bool:
    if operator not in {"$min", "$max"}:
        return False
    if now is None:
        return True
    return order_of(value) < order_of(now) if operator == "$min" else order_of(value) > order_of(now)


def added(now: Any, by: Any) -> Any:
    if isinstance(now, Decimal128) or isinstance(by, Decimal128):
        return Decimal128(str(_integer(now) + _integer(by)))
    return Int64(_integer(now) + _integer(by))


def _integer(value: Any) -> int:
    return int(value.to_decimal()) if isinstance(value, Decimal128) else int(value or 0)


def put_at(document: Document, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    if "" in [*parents, last]:
        raise WriteError(f"The update path '{path}' contains an empty field name, which is not allowed.", 56)
    if any(name.startswith("$") for name in [*parents, last]):
        raise WriteError(f"The dollar ($) prefixed field in '{path}' is not valid for storage.", 52)
    for name in parents:
        document = document.setdefault(name, {})
    document[last] = value


def remove_at(document: Document, path: str) -> None:
    *parents, last = path.split(".")
    for name in parents:
        document = document.get(name, {})
    document.pop(last, None)


def evaluated(document: Document, expression: Any) -> Any:
    """Just what the mean latency needs."""
    if isinstance(expression, str):
        return get(document, expression.removeprefix("$"))
    if not isinstance(expression, dict):
        return expression
    [(operator, operands)] = expression.items()
    values = [evaluated(document, operand) for operand in operands]
    if operator == "$cond":
        return values[1] if values[0] else values[2]
    if operator == "$gt":
        return order_of(values[0]) > order_of(values[1])
    assert operator == "$divide"
    if not values[1]:
        return None  # the branch that is not taken
    divide = create_decimal128_context().divide  # to 34 digits, as the database does
    return Decimal128(divide(values[0].to_decimal(), Decimal(values[1])))
