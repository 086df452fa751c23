"""How a command says no: what was asked would break the promise, or cannot be decided; nothing was changed."""

from common.errors import EXIT_CANNOT_START, PackstatsError


class RefusalError(PackstatsError):
    """The text says why, and what to do instead."""

    exit_code = EXIT_CANNOT_START
