"""A flame graph says what it shows, not how it was made."""

from bench.profile import titled


def test_the_command_line_is_no_title() -> None:
    picture = '<svg><text id="title" x="50%">/somewhere/py-spy record --pid 1</text><text id="details"> </text></svg>'
    assert titled(picture, "The proxy's <time>") == (
        '<svg><text id="title" x="50%">The proxy&#x27;s &lt;time&gt;</text><text id="details"> </text></svg>'
    )
