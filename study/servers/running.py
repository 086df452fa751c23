"""What a started database server is to those who use it, whichever server it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has been started; `pids` are its processes, whose memory is the database's."""

    url: str  # for STUDY_DATABASE
    pids: tuple[int, ...]
