"""A table as strict as DynamoDB in what the project uses: expressions are parsed, not recognised; names are reserved;
a wrong type is refused; reads have pages. It also does what emulators do not: its index may be stale, and it counts.

Only the operations and the grammar that are used exist; anything else is refused loudly.
"""

from __future__ import annotations

import copy
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

Item = dict[str, Any]
Request = dict[str, Any]

RESERVED = {"bytes", "owner", "key", "keys", "version", "shard", "claim", "name", "size", "state", "time", "values"}
WORDS = re.compile(r"\s*(#\w+|:\w+|<=|<|=|\(|\)|,|[A-Za-z_]+)")


class Refused(Exception):
    """An answer with an error: ``code`` as the service names it; ``item`` where it shows what is there."""

    def __init__(self, code: str, message: str = "", item: Item | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.item = code, message, item


def invalid(message: str) -> Refused:
    return Refused("ValidationException", message)


class Expression:
    """One expression with its names and values; every one given must be used, as DynamoDB wants it."""

    def __init__(self, text: str, request: Request, used: set[str]) -> None:
        self.words = self._split(text)
        self.names: dict[str, str] = request.get("ExpressionAttributeNames", {})
        self.values: Item = request.get("ExpressionAttributeValues", {})
        self.used = used
        self.at = 0

    @staticmethod
    def _split(text: str) -> list[str]:
        words, at = [], 0
        while at < len(text.rstrip()):
            match = WORDS.match(text, at)
            if match is None:
                raise invalid(f"syntax error at {text[at:]!r}")
            words.append(match[1])
            at = match.end()
        return words

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self, wanted: str = "") -> str:
        word = self.peek()
        if not word or (wanted and word != wanted):
            raise invalid(f"{wanted or 'a word'} expected, not {word!r}")
        self.at += 1
        return word

    def name(self) -> str:
        word = self.take()
        if word.startswith("#"):
            self.used.add(word)
            if word not in self.names:
                raise invalid(f"{word} is not defined")
            return self.names[word]
        if word.startswith(":") or word.lower() in RESERVED:
            raise invalid(f"{word} is a reserved word")
        return word

    def value(self) -> Item:
        word = self.take()
        self.used.add(word)
        if not word.startswith(":") or word not in self.values:
            raise invalid(f"{word} is not defined")
        value: Item = self.values[word]
        return value

    def condition(self, item: Item) -> bool:
        """``a OR b``, whole."""
        holds = self._or(item)
        if self.peek():
            raise invalid(f"unexpected {self.peek()!r}")
        return holds

    def _or(self, item: Item) -> bool:
        holds = self._and(item)
        while self.peek() == "OR":
            self.take()
            holds = self._and(item) or holds
        return holds

    def _and(self, item: Item) -> bool:
        holds = self._term(item)
        while self.peek() == "AND":
            self.take()
            holds = self._term(item) and holds
        return holds

    def _term(self, item: Item) -> bool:
        if self.peek() == "(":
            self.take()
            holds = self._or(item)
            self.take(")")
            return holds
        if self.peek() in {"attribute_exists", "attribute_not_exists"}:
            wanted = self.take() == "attribute_exists"
            self.take("(")
            name = self.name()
            self.take(")")
            return (name in item) == wanted
        name, sign, value = self.name(), self.take(), self.value()
        return compare(item.get(name), sign, value)

    def update(self, item: Item) -> Item:
        """SET and REMOVE."""
        after = dict(item)
        while self.peek():
            clause = self.take()
            while True:
                name = self.name()
                if name in {"pk", "sk"}:
                    raise invalid("a key cannot be updated")
                if clause == "SET":
                    self.take("=")
                    after[name] = self.value()
                elif clause == "REMOVE":
                    after.pop(name, None)
                else:
                    raise invalid(f"unknown clause {clause}")
                if self.peek() != ",":
                    break
                self.take()
        return after


def compare(left: Item | None, sign: str, right: Item) -> bool:
    """Another type is not an error, and never less."""
    if left is None or left.keys() != right.keys():
        return False
    [(kind, a)], [(_, b)] = left.items(), right.items()
    x, y = (Decimal(a), Decimal(b)) if kind == "N" else (a, b)
    return bool({"=": x == y, "<": x < y, "<=": x <= y}[sign])


def check_value(name: str, value: Any) -> None:
    """What cannot be an attribute's value."""
    if not isinstance(value, dict) or len(value) != 1:
        raise invalid(f"{name} is not an attribute value")
    [(kind, content)] = value.items()
    if kind == "L":
        for each in content:
            check_value(name, each)
    elif kind == "N":
        try:
            finite = Decimal(content).is_finite()
        except InvalidOperation:
            finite = False
        if not finite:
            raise invalid(f"{name} is not a number")
    elif kind not in {"S", "SS", "BOOL", "NULL", "M"}:
        raise invalid(f"{name} has the unknown type {kind}")


def check_item(item: Item) -> None:
    """What DynamoDB refuses to store."""
    for name, value in item.items():
        check_value(name, value)
    for name, kind in (("pk", "S"), ("sk", "S"), ("shard", "S"), ("due_at", "N")):
        if (name in item or name in {"pk", "sk"}) and kind not in item.get(name, {}):
            raise invalid(f"{name} must be of type {kind}")
    if len(repr(item)) > 400_000:
        raise invalid("an item has at most 400 KB")


class Table:
    """One table with the index ``by_due``. ``calls`` counts requests by operation, ``read`` items that reads went
    through. ``freeze_index()``: queries answer from what was there then."""

    PAGE = 1_500  # items in a megabyte

    def __init__(self, name: str = "images") -> None:
        self.name = name
        self.items: dict[tuple[str, str], Item] = {}
        self.calls: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.frozen: list[Item] | None = None
        self.unprocessed = 0  # of how many requests in a batch the next batches leave one

    def freeze_index(self) -> None:
        self.frozen = [copy.deepcopy(item) for item in self.items.values()]

    def thaw_index(self) -> None:
        self.frozen = None

    def ask(self, operation: str, request: Request) -> Item:
        """Do one request, atomically.

        Raises:
            Refused
        """
        act: Callable[[Request], Item] | None = getattr(self, f"_{operation}", None)
        if act is None:
            raise Refused("UnknownOperationException", operation)
        named = request.get("TableName") or next(iter(request.get("RequestItems", {})), "")
        if named != self.name:
            raise Refused("ResourceNotFoundException", named)
        with self.lock:
            self.calls[operation] += 1
            return act(request)

    # --- operations

    def _PutItem(self, request: Request) -> Item:
        item = request["Item"]
        check_item(item)
        self._require(request, item)
        self.items[self._place(item)] = item
        return {}

    def _UpdateItem(self, request: Request) -> Item:
        used: set[str] = set()
        before = self._require(request, request["Key"], used)
        change = Expression(request["UpdateExpression"], request, used)
        after = change.update(before or dict(request["Key"]))
        self._all_used(request, used)
        check_item(after)
        self.items[self._place(after)] = after
        return {}

    def _DeleteItem(self, request: Request) -> Item:
        self._require(request, request["Key"])
        self.items.pop(self._place(request["Key"]), None)
        return {}

    def _GetItem(self, request: Request) -> Item:
        found = self.items.get(self._place(request["Key"]))
        return {} if found is None else {"Item": found}

    def _BatchGetItem(self, request: Request) -> Item:
        keys = request["RequestItems"][self.name]["Keys"]
        if len(keys) > 100 or len({self._place(key) for key in keys}) != len(keys):
            raise invalid("at most 100 keys, each once")
        done, left = self._leave(keys)
        found = [self.items[self._place(key)] for key in done if self._place(key) in self.items]
        unprocessed = {self.name: request["RequestItems"][self.name] | {"Keys": left}} if left else {}
        return {"Responses": {self.name: found}, "UnprocessedKeys": unprocessed}

    def _BatchWriteItem(self, request: Request) -> Item:
        requests = request["RequestItems"][self.name]
        if not 0 < len(requests) <= 25:
            raise invalid("1 to 25 requests")
        done, left = self._leave(requests)
        for each in done:
            self.items.pop(self._place(each["DeleteRequest"]["Key"]), None)
        return {"UnprocessedItems": {self.name: left} if left else {}}

    def _Query(self, request: Request) -> Item:
        if request.get("IndexName") != "by_due" or request.get("ConsistentRead"):
            raise invalid("no such index, or a consistent read of it")
        used: set[str] = set()
        held = []
        for item in list(self.items.values()) if self.frozen is None else self.frozen:
            condition = Expression(request["KeyConditionExpression"], request, used)
            if "shard" in item and "due_at" in item and condition.condition(item):
                held.append(item)
        if not held:
            Expression(request["KeyConditionExpression"], request, used).condition({})
        self._all_used(request, used)
        held.sort(key=lambda item: (Decimal(item["due_at"]["N"]), self._place(item)))
        return self._page(request, held, lambda item: (Decimal(item["due_at"]["N"]), self._place(item)))

    def _Scan(self, request: Request) -> Item:
        return self._page(request, sorted(self.items.values(), key=self._place), self._place)

    def _DescribeTable(self, request: Request) -> Item:
        return {"Table": {"TableName": self.name, "ItemCount": len(self.items), "TableStatus": "ACTIVE"}}

    # --- parts

    def _page(self, request: Request, items: list[Item], order: Callable[[Item], Any]) -> Item:
        start = request.get("ExclusiveStartKey")
        if start is not None:
            items = [item for item in items if order(item) > order(start)]
        size = min(request.get("Limit", self.PAGE), self.PAGE)
        page = items[:size]
        answer: Item = {"Count": len(page), "ScannedCount": len(page)}
        if request.get("Select") != "COUNT":
            answer["Items"] = page
        if len(page) == size:  # as DynamoDB: a full page has a next one, which may be empty
            names = {"pk", "sk", "shard", "due_at"} if "IndexName" in request else {"pk", "sk"}
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in sorted(names)}
        return answer

    def _leave(self, requests: list[Any]) -> tuple[list[Any], list[Any]]:
        if self.unprocessed > 0:
            self.unprocessed -= 1
            return requests[:-1], requests[-1:]
        return requests, []

    def _require(self, request: Request, key: Item, used: set[str] | None = None) -> Item | None:
        """The item under ``key``, once its condition holds."""
        there = self.items.get(self._place(key))
        names = set() if used is None else used
        text = request.get("ConditionExpression")
        holds = text is None or Expression(text, request, names).condition(there or {})
        if used is None:
            self._all_used(request, names)
        if not holds:
            shown = there if request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else None
            raise Refused("ConditionalCheckFailedException", "The conditional request failed", shown)
        return there

    @staticmethod
    def _all_used(request: Request, used: set[str]) -> None:
        given = {*request.get("ExpressionAttributeNames", {}), *request.get("ExpressionAttributeValues", {})}
        if given - used:
            raise invalid(f"{sorted(given - used)} are not used")

    @staticmethod
    def _place(item: Item) -> tuple[str, str]:
        try:
            return item["pk"]["S"], item["sk"]["S"]
        except KeyError:
            raise invalid("the key is not whole") from None

    @property
    def records(self) -> dict[tuple[str, str], Item]:
        """Everything but what site and sweep remember."""
        return {where: item for where, item in list(self.items.items()) if where[0] != "STATE"}

    def images(self) -> Iterator[Item]:
        """Items of images."""
        return (item for (_, sort), item in list(self.items.items()) if sort.startswith("IMAGE#"))
