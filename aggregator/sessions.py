"""Which records of which sessions of one partition were folded, and when a session is old enough to be forgotten.

Whether a session has left is decided by log times at each record, not by when batches end: so it does not matter how
the log is split into batches.
"""

from aggregator.batches import SessionState
from aggregator.records import Source
from common.identity import started_ms
from common.seen import Seen

DAY_MS = 24 * 3600 * 1000
SESSION_LIFE_MS = 60 * DAY_MS  # a session leaves when the log is this far past its last record
OLDEST_START_MS = 45 * DAY_MS  # an unknown session that began earlier may be one that has left: never to the totals


class Sessions:
    """The sessions of one partition; remembers which of them a batch has changed."""

    def __init__(self, states: dict[str, SessionState]) -> None:
        self.states = states
        self._touched: dict[str, SessionState] = {}
        self._left: list[str] = []

    def has_seen(self, source: Source) -> bool:
        state = self.states.get(source.session)
        return state is not None and source.seq in state.seen

    def may_have_left(self, session: str, log_ms: int) -> bool:
        """Whether a session is unknown and so old at `log_ms` that its records may have been folded long ago."""
        if session in self.states:
            return False
        began = started_ms(session)
        return began is not None and began < log_ms - OLDEST_START_MS

    def remember(self, source: Source, log_ms: int) -> None:
        state = self.states.get(source.session)
        if state is None:
            state = self.states[source.session] = SessionState(Seen(), log_ms)
        state.seen.add(source.seq)
        if log_ms > state.log_ms:  # noqa: PLR1730  # for each record: a call costs more than the comparison
            state.log_ms = log_ms
        self._touched[source.session] = state

    def with_(self, source: Source, log_ms: int) -> SessionState:
        """What a session's state will be once `source` is applied too; nothing is changed."""
        state = self.states.get(source.session)
        future = SessionState(Seen(), log_ms) if state is None else state.copy()
        future.seen.add(source.seq)
        future.log_ms = max(future.log_ms, log_ms)
        return future

    def let_go(self, session: str, log_ms: int) -> None:
        """Forget a session if it has left, the log being at `log_ms`."""
        state = self.states.get(session)
        if state is not None and state.log_ms < log_ms - SESSION_LIFE_MS:
            del self.states[session]
            self._touched.pop(session, None)
            self._left.append(session)

    def take(self, log_ms: int) -> tuple[dict[str, SessionState], list[str]]:
        """What has changed since the last call, and which sessions have left; both for the batch that is written now."""
        for session in list(self.states):
            self.let_go(session, log_ms)
        changed = {name: state.copy() for name, state in self._touched.items()}
        left = [name for name in self._left if name not in changed]  # one that came back is written, not removed
        self._touched, self._left = {}, []
        return changed, left

    def drop_changes(self) -> None:
        """The batch will never be written."""
        self._touched, self._left = {}, []
