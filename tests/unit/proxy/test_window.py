"""The window under any order of acknowledgements, failures and late writes: nothing forgotten, deletes alone."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from proxy.spool_record import Removal, SpoolRecord
from proxy.window import READ_AHEAD_BYTES, Parcel, Window

OLD, YOUNG = 0, 100


def record(name: str, partition: int = 0, *, is_delete: bool = False, occurred_ms: int = YOUNG) -> SpoolRecord:
    return SpoolRecord(partition, "key", name.encode(), occurred_ms, is_delete)


def send_all(window: Window, oldest_ms: int = 0) -> list[Parcel]:
    sent = []
    while (parcel := window.next(oldest_ms)) is not None:
        window.sent()
        sent.append(parcel)
    return sent


def names(parcels: list[Parcel]) -> list[str]:
    return [parcel.record.value.decode() for parcel in parcels]


def test_records_leave_in_the_order_of_the_spool() -> None:
    window = Window()
    window.load(1, [record("a", 1), record("b", 0)])
    window.load(2, [record("c", 1)])

    assert names(send_all(window)) == ["a", "b", "c"]
    assert window.on_way == window.unsettled == 3
    assert window.loaded_to == 2


def test_a_group_may_be_removed_once_every_record_of_it_is_acknowledged() -> None:
    window = Window()
    window.load(7, [record("a"), record("b")])
    a, b = send_all(window)

    assert window.acknowledged(b, window.generation)
    assert window.take_removals() == []
    assert window.acknowledged(a, window.generation)
    assert window.take_removals() == [Removal(7)]
    assert window.take_removals() == []
    assert window.unsettled == 0


def test_no_more_records_are_on_their_way_than_the_window_allows() -> None:
    window = Window(max_records=2)
    window.load(1, [record("a"), record("b"), record("c")])
    a, _ = send_all(window)

    window.acknowledged(a, window.generation)
    assert names(send_all(window)) == ["c"]


def test_no_more_bytes_are_on_their_way_than_the_window_allows() -> None:
    window = Window(max_bytes=5)
    window.load(1, [record("aa"), record("bbb"), record("c")])

    assert names(send_all(window)) == ["aa", "bbb"]


def test_a_record_larger_than_the_window_travels_alone() -> None:
    window = Window(max_bytes=5)
    window.load(1, [record("larger than five"), record("b")])

    assert names(send_all(window)) == ["larger than five"]


def test_it_asks_for_more_until_it_has_read_ahead_enough() -> None:
    window = Window(max_records=3)
    assert window.wants_more()
    window.load(1, [record("a"), record("b")])
    assert window.wants_more()
    window.load(2, [record("c")])
    assert not window.wants_more()

    window = Window()
    window.load(1, [SpoolRecord(0, "key", bytes(READ_AHEAD_BYTES), YOUNG)])
    assert not window.wants_more()


def test_a_delete_waits_until_its_partition_is_empty_and_holds_up_what_follows() -> None:
    window = Window()
    window.load(1, [record("a"), record("other", 1), record("delete", is_delete=True), record("b"), record("c", 1)])
    a, other = send_all(window)

    window.acknowledged(other, window.generation)
    assert window.next(0) is None
    window.acknowledged(a, window.generation)
    (delete,) = send_all(window)
    assert names([delete]) == ["delete"]
    window.acknowledged(delete, window.generation)
    assert names(send_all(window)) == ["b", "c"]


def test_records_of_other_partitions_pass_while_a_delete_is_on_its_way() -> None:
    window = Window()
    window.load(1, [record("delete", is_delete=True), record("other", 1), record("b")])

    assert names(send_all(window)) == ["delete", "other"]


def test_after_a_failure_what_was_not_acknowledged_is_sent_again_before_the_rest() -> None:
    window = Window(max_records=3)
    window.load(1, [record(name) for name in "abcd"])
    _, b, _ = send_all(window)
    window.acknowledged(b, window.generation)

    window.rewind()
    assert window.on_way == 0
    assert names(send_all(window)) == ["a", "c", "d"]


def test_a_delete_that_failed_is_sent_again_alone() -> None:
    window = Window()
    window.load(1, [record("delete", is_delete=True), record("b")])
    send_all(window)

    window.rewind()
    assert names(send_all(window)) == ["delete"]


def test_the_word_of_a_producer_that_was_given_up_means_nothing() -> None:
    window = Window()
    window.load(1, [record("a")])
    (a,) = send_all(window)
    before = window.generation

    window.rewind()
    assert not window.acknowledged(a, before)
    assert names(send_all(window)) == ["a"]
    assert window.take_removals() == []


def test_records_that_are_too_old_are_set_aside_and_never_sent() -> None:
    window = Window()
    window.load(1, [record("old", occurred_ms=OLD), record("young"), record("old too", occurred_ms=OLD)])
    window.load(2, [record("ancient", occurred_ms=OLD)])
    (young,) = send_all(window, oldest_ms=YOUNG)

    assert names([young]) == ["young"]
    assert window.take_removals() == [Removal(2, (record("ancient", occurred_ms=OLD),))]
    window.acknowledged(young, window.generation)
    aside = (record("old", occurred_ms=OLD), record("old too", occurred_ms=OLD))
    assert window.take_removals() == [Removal(1, aside)]


def test_a_record_that_grew_old_on_its_way_is_set_aside_after_a_failure() -> None:
    window = Window()
    window.load(1, [record("a", occurred_ms=OLD)])
    send_all(window)

    window.rewind()
    assert send_all(window, oldest_ms=YOUNG) == []
    assert [len(removal.aside) for removal in window.take_removals()] == [1]


class AnyOrder(RuleBasedStateMachine):
    """A spool, a window, and a log that takes a copy of what was sent at any time, or never, and may not say so."""

    copies = Bundle("copies")  # (parcel, generation) as handed to some producer

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(max_records=6, max_bytes=40)
        self.spool: dict[int, list[SpoolRecord]] = {}
        self.loaded = 0
        self.appended: list[SpoolRecord] = []
        self.log: list[SpoolRecord] = []
        self.first_sends: list[SpoolRecord] = []
        self.on_way: dict[bytes, SpoolRecord] = {}
        self.acknowledged: set[bytes] = set()
        self.aside: set[bytes] = set()
        self.oldest_ms = OLD

    @rule(
        group=st.lists(
            st.tuples(st.integers(0, 2), st.booleans(), st.booleans(), st.sampled_from([OLD, YOUNG])),
            min_size=1,
            max_size=4,
        )
    )
    def append_and_load(self, group: list[tuple[int, bool, bool, int]]) -> None:
        records: list[SpoolRecord] = []
        for partition, one, two, occurred_ms in group:
            name = f"record {len(self.appended) + len(records)}"
            records.append(record(name, partition, is_delete=one and two, occurred_ms=occurred_ms))
        self.appended += records
        self.loaded += 1
        self.spool[self.loaded] = records
        self.window.load(self.loaded, records)

    @rule(target=copies)
    @precondition(lambda self: self.window.unsettled)
    def send_next(self) -> tuple[Parcel, int] | None:
        parcel = self.window.next(self.oldest_ms)
        if parcel is None:
            return None
        sent = parcel.record
        same = [other for other in self.on_way.values() if other.partition == sent.partition]
        assert not any(other.is_delete for other in same), "followed a delete that was not acknowledged"
        assert not (sent.is_delete and same), "a delete did not wait"
        assert sent.occurred_ms >= self.oldest_ms
        self.window.sent()
        self.on_way[sent.value] = sent
        if sent not in self.first_sends:
            self.first_sends.append(sent)
        return parcel, self.window.generation

    @rule(copy=copies)
    def write_without_a_word(self, copy: tuple[Parcel, int] | None) -> None:
        """Kafka takes a copy, and the answer is late or lost; also a copy of a producer that was given up."""
        if copy is not None and copy[0].record.value not in self.aside:
            self.log.append(copy[0].record)

    @rule(copy=consumes(copies))
    def acknowledge(self, copy: tuple[Parcel, int] | None) -> None:
        if copy is None:
            return
        parcel, generation = copy
        counts = generation == self.window.generation
        if counts:
            self.log.append(parcel.record)
            self.acknowledged.add(parcel.record.value)
            del self.on_way[parcel.record.value]
        assert self.window.acknowledged(parcel, generation) == counts

    @rule()
    def fail(self) -> None:
        self.window.rewind()
        self.on_way.clear()

    @rule()
    def grow_old(self) -> None:
        self.oldest_ms = YOUNG

    @invariant()
    def the_spool_lets_go_of_settled_groups_only(self) -> None:
        for removal in self.window.take_removals():
            group = self.spool.pop(removal.group)
            self.aside |= {old.value for old in removal.aside}
            assert {one.value for one in group} <= self.acknowledged | self.aside

    @invariant()
    def the_window_is_never_exceeded(self) -> None:
        assert self.window.on_way == len(self.on_way) <= 6
        assert sum(len(name) for name in self.on_way) <= 40

    def teardown(self) -> None:
        """Kafka is well again: send what is left, and look at what reached the log."""
        self.fail()
        while self.window.unsettled:
            sent = send_all(self.window, self.oldest_ms)
            assert sent or not self.window.unsettled
            for parcel in sent:
                self.log.append(parcel.record)
                self.acknowledged.add(parcel.record.value)
                if parcel.record not in self.first_sends:
                    self.first_sends.append(parcel.record)
                self.window.acknowledged(parcel, self.window.generation)
        self.the_spool_lets_go_of_settled_groups_only()
        assert not self.spool
        assert self.acknowledged | self.aside == {one.value for one in self.appended}
        self.first_sends_were_in_order()
        self.deletes_cleared_what_came_before_and_nothing_else()

    def first_sends_were_in_order(self) -> None:
        order = [one for one in self.appended if one in self.first_sends]
        assert self.first_sends == order

    def deletes_cleared_what_came_before_and_nothing_else(self) -> None:
        """Counting the first copy of each record, as the aggregator does."""
        first = {one.value: at for at, one in reversed(list(enumerate(self.log)))}
        sent = [one for one in self.appended if one.value in self.acknowledged]
        for at, delete in enumerate(sent):
            if delete.is_delete:
                same = [(i, one) for i, one in enumerate(sent) if one.partition == delete.partition]
                assert all((i < at) == (first[one.value] < first[delete.value]) for i, one in same if i != at)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
