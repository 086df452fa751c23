"""What commands have in common: an absent server ends them with one line, and a person sees how far they are."""

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.progress import Progress

from admin.topic_log import LogMovedError
from admin.waiting import reason_of
from common.errors import StartupError


@contextmanager
def required(consequence: str = "nothing was changed") -> Iterator[None]:
    """Raises StartupError where Kafka or MongoDB does not do as asked inside."""
    try:
        yield
    except KafkaException as error:
        raise StartupError(f"Kafka: {reason_of(error)}; {consequence}") from error
    except PyMongoError as error:
        raise StartupError(f"MongoDB: {reason_of(error)}; {consequence}") from error
    except LogMovedError as error:
        raise StartupError(f"Kafka: records went away while they were read ({error}); {consequence}") from error


def progress_bar() -> Progress:
    """Progress for a person who waits: beside the output, and only where somebody looks."""
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def whoever() -> str:
    """Who decides here, for the record."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
