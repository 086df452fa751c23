"""Fills the marked places of a page: `<!-- study: NAME -->` … `<!-- study end -->`, within a line or between lines."""

import re
from collections.abc import Callable

_PLACE = re.compile(r"<!-- study: ([a-z0-9-]+) -->(.*?)<!-- study end -->", re.DOTALL)


def fill(page: str, content: Callable[[str], str]) -> str:
    """`content` gets a name. In a line, the sentence gets its full stop here, unless the page goes on with one."""

    def filled(place: re.Match[str]) -> str:
        text = content(place[1]).strip()
        if place[2].startswith("\n"):
            text = f"\n{text}\n"
        else:
            text += "" if page.startswith(".", place.end()) else "."
            text = text[0].upper() + text[1:] if page.endswith("\n", 0, place.start()) else text
        return f"<!-- study: {place[1]} -->{text}<!-- study end -->"

    return _PLACE.sub(filled, page)


def names(page: str) -> list[str]:
    return [place[1] for place in _PLACE.finditer(page)]


def table(heads: list[str], rows: list[list[str]], words: int = 1) -> str:
    """The first columns are words, the others are numbers."""
    lines = [heads, [*["---"] * words, *["---:"] * (len(heads) - words)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
