"""What the API refuses, in its own words: every refusal is one body, `{"code", "message", "details"}`.

ApiError    raised anywhere between the bytes and the packing; the edge turns it into an answer
"""

from common.errors import PackstatsError

MESSAGES = {
    400: "bad request",
    401: "invalid API key",
    404: "not found",
    405: "method not allowed",
    408: "request timeout",
    413: "request body too large",
    422: "invalid input",
    429: "rate limited: without an API key only a few unique requests are allowed per day",
    500: "unexpected error",
    502: "bad gateway",
    503: "service unavailable",
    504: "gateway timeout",
}


class ApiError(PackstatsError):
    """An answer other than 200."""

    def __init__(self, code: int, message: str = "", details: str = "") -> None:
        self.code = code
        self.message = message or MESSAGES.get(code, "error")
        self.details = details
        super().__init__(f"{code} {self.message} {details}".rstrip())

    def body(self) -> dict[str, object]:
        """Status, message and, where there is more to say, details."""
        shown: dict[str, object] = {"code": self.code, "message": self.message}
        if self.details:
            shown["details"] = self.details
        return shown
