"""Says what is wrong with a text that is no JSON, in the words of Go's decoder, which clients get to see as a 400."""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING_PART: Final = re.compile(rb"[^\"\\\x00-\x1f]*")
_HEXADECIMAL: Final = frozenset(b"0123456789abcdefABCDEF")
_LITERALS: Final = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_CLOSING: Final = {ord("{"): ord("}"), ord("["): ord("]")}
_Step: TypeAlias = Callable[[], "_Step | None"]


class _FaultError(Exception):
    """The text stops being JSON here."""


def complaint(raw: bytes) -> str | None:
    """None for well-formed JSON, else the decoder's complaint; `EOF` where there is nothing at all."""
    if _SPACE.fullmatch(raw):
        return "EOF"
    try:
        _Scanner(raw).document()
    except _FaultError as found:
        return str(found)
    return None


class _Scanner:
    """Walks a document step by step, each step naming the next, so that no depth of nesting can hurt."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._open: list[int] = []

    def document(self) -> None:
        step: _Step | None = self._value
        while step is not None:
            step = step()

    def _value(self) -> "_Step":
        char = self._next_char()
        if char in _CLOSING:
            self._at += 1
            self._open.append(char)
            return self._first
        if char == ord('"'):
            self._string()
        elif char in _LITERALS:
            self._literal(_LITERALS[char])
        elif char == ord("-") or ord("0") <= char <= ord("9"):
            self._number()
        else:
            raise self._unexpected("looking for beginning of value")
        return self._after

    def _first(self) -> "_Step":
        """Just inside a container."""
        if self._next_char() == _CLOSING[self._open[-1]]:
            return self._close()
        return self._member()

    def _member(self) -> "_Step":
        if self._open[-1] == ord("{"):
            self._key()
        return self._value

    def _after(self) -> "_Step | None":
        """Just behind a value."""
        if not self._open:
            self._skip_space()
            if self._at < len(self._raw):
                raise self._unexpected("after top-level value")
            return None
        container = self._open[-1]
        char = self._next_char()
        if char == _CLOSING[container]:
            return self._close()
        if char != ord(","):
            raise self._unexpected("after object key:value pair" if container == ord("{") else "after array element")
        self._at += 1
        return self._member()

    def _close(self) -> "_Step":
        self._at += 1
        self._open.pop()
        return self._after

    def _key(self) -> None:
        if self._next_char() != ord('"'):
            raise self._unexpected("looking for beginning of object key string")
        self._string()
        if self._next_char() != ord(":"):
            raise self._unexpected("after object key")
        self._at += 1

    def _string(self) -> None:
        self._at += 1
        while True:
            self._at = _end(_STRING_PART, self._raw, self._at)
            char = self._char()
            if char == ord('"'):
                self._at += 1
                return
            if char != ord("\\"):
                raise self._unexpected("in string literal")
            self._at += 1
            self._escape()

    def _escape(self) -> None:
        char = self._char()
        if char == ord("u"):
            for _ in range(4):
                self._at += 1
                if self._char() not in _HEXADECIMAL:
                    raise self._unexpected("in \\u hexadecimal character escape")
        elif char not in b'"\\/bfnrt':
            raise self._unexpected("in string escape code")
        self._at += 1

    def _literal(self, word: bytes) -> None:
        for expected in word:
            if self._char() != expected:
                raise self._unexpected(f"in literal {word.decode()} (expecting {chr(expected)!r})")
            self._at += 1

    def _number(self) -> None:
        end = _end(_NUMBER, self._raw, self._at)
        if end == self._at:  # a minus sign and no digit
            self._at += 1
            self._char()
            raise self._unexpected("in numeric literal")
        number, rest = self._raw[self._at : end].lower(), self._raw[end : end + 2].lower()
        self._at = end
        if rest[:1] == b"." and b"." not in number and b"e" not in number:
            self._at += 1
            self._char()
            raise self._unexpected("after decimal point in numeric literal")
        if rest[:1] == b"e" and b"e" not in number:
            self._at += 2 if rest[1:] in {b"+", b"-"} else 1
            self._char()
            raise self._unexpected("in exponent of numeric literal")

    def _skip_space(self) -> None:
        self._at = _end(_SPACE, self._raw, self._at)

    def _next_char(self) -> int:
        self._skip_space()
        return self._char()

    def _char(self) -> int:
        if self._at >= len(self._raw):
            raise _FaultError("unexpected EOF")
        return self._raw[self._at]

    def _unexpected(self, where: str) -> _FaultError:
        return _FaultError(f"invalid character {_quoted(self._raw[self._at])} {where}")


def _end(pattern: re.Pattern[bytes], raw: bytes, start: int) -> int:
    found = pattern.match(raw, start)
    return found.end() if found else start


def _quoted(char: int) -> str:
    if char == ord("'"):
        return r"'\''"
    if char == ord('"'):
        return "'\"'"
    return repr(chr(char))
