"""What every `Cache` must do. Subclass `CacheConformance` in a test module, and pytest runs it.

class TestMine(CacheConformance):
    @pytest.fixture
    def cache(self): ...

    def let_pass(self, cache, seconds): ...  # time, without waiting for it
"""

import sys
import threading
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qianxun.caches.memory import MAX_VALUE_BYTES

KEYS = [bytes([number]) * 32 for number in range(40)]


class CacheConformance:
    """At least 64 of these small values must fit into `cache`."""

    # Lets so many seconds pass for the cache. A test module says how, without waiting.
    let_pass: Callable[..., None]
    max_value_bytes = MAX_VALUE_BYTES

    def test_values_come_back_in_the_order_of_the_keys(self, cache: Any) -> None:
        cache.set({KEYS[0]: b"zero", KEYS[1]: "年假 ２０２５".encode(), KEYS[2]: b"\x00\xff\n"})
        assert cache.get([KEYS[2], KEYS[0], KEYS[1]]) == [b"\x00\xff\n", b"zero", "年假 ２０２５".encode()]

    def test_what_was_never_kept_is_none(self, cache: Any) -> None:
        cache.set({KEYS[0]: b"here"})
        assert cache.get([KEYS[1], KEYS[0], KEYS[2]]) == [None, b"here", None]
        assert cache.get([]) == []

    def test_a_key_may_be_asked_for_twice(self, cache: Any) -> None:
        cache.set({KEYS[0]: b"here"})
        assert cache.get([KEYS[0], KEYS[0]]) == [b"here", b"here"]

    def test_any_bytes_are_a_key_and_an_empty_value_is_a_value(self, cache: Any) -> None:
        odd = [b"\x00", b"a:b*?[x]", "鍵".encode(), b"\xff" * 64]
        cache.set(dict.fromkeys(odd, b""))
        assert cache.get(odd) == [b""] * 4

    def test_the_newest_value_of_a_key_counts(self, cache: Any) -> None:
        cache.set({KEYS[0]: b"old"})
        cache.set({KEYS[0]: b"new"})
        assert cache.get([KEYS[0]]) == [b"new"]

    def test_nothing_set_changes_nothing(self, cache: Any) -> None:
        cache.set({KEYS[0]: b"here"})
        cache.set({})
        assert cache.get([KEYS[0]]) == [b"here"]

    def test_a_value_lives_as_long_as_was_said(self, cache: Any) -> None:
        cache.set({KEYS[0]: b"short"}, seconds=60)
        cache.set({KEYS[1]: b"long"}, seconds=1000)
        cache.set({KEYS[2]: b"for ever"})
        self.let_pass(cache, 45)
        assert cache.get(KEYS[:3]) == [b"short", b"long", b"for ever"]
        self.let_pass(cache, 16)
        assert cache.get(KEYS[:3]) == [None, b"long", b"for ever"]
        self.let_pass(cache, 1000)
        assert cache.get(KEYS[:3]) == [None, None, b"for ever"]

    def test_setting_again_sets_its_time_again(self, cache: Any) -> None:
        cache.set({KEYS[0]: b"a"}, seconds=10)
        cache.set({KEYS[0]: b"b"})
        cache.set({KEYS[1]: b"a"})
        cache.set({KEYS[1]: b"b"}, seconds=10)
        self.let_pass(cache, 11)
        assert cache.get(KEYS[:2]) == [b"b", None]

    def test_a_value_too_large_is_not_kept_and_its_old_one_neither(self, cache: Any) -> None:
        cache.set({KEYS[0]: b"old", KEYS[1]: b"x" * self.max_value_bytes})
        cache.set({KEYS[0]: b"x" * (self.max_value_bytes + 1), KEYS[2]: b"beside it"})
        assert cache.get([KEYS[0], KEYS[2]]) == [None, b"beside it"]
        assert [len(value or b"") for value in cache.get([KEYS[1]])] == [self.max_value_bytes]

    def test_cleared_means_gone(self, cache: Any) -> None:
        cache.set(dict.fromkeys(KEYS, b"x"))
        cache.set({KEYS[0]: b"x"}, seconds=100)
        cache.clear()
        assert cache.get(KEYS) == [None] * len(KEYS)
        cache.set({KEYS[0]: b"again"})
        assert cache.get([KEYS[0]]) == [b"again"]

    def test_close_twice_is_no_error(self, cache: Any) -> None:
        cache.set({KEYS[0]: b"x"})
        cache.close()
        cache.close()

    def test_a_cache_has_a_name(self, cache: Any) -> None:
        assert cache.name == cache.name.strip().lower() != ""

    def test_threads_see_whole_values(self, cache: Any) -> None:
        wrong: list[Any] = []
        values = {bytes([65 + number]) * 2000 for number in range(8)}

        def work(value: bytes) -> None:
            for round_ in range(50):
                cache.set({KEYS[round_ % 4]: value})
                wrong.extend(found for found in cache.get(KEYS[:4]) if found is not None and found not in values)

        threads = [threading.Thread(target=work, args=(value,)) for value in values]
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(before)
        assert wrong == []
        assert all(found in values for found in cache.get(KEYS[:4]))

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        steps=st.lists(
            st.one_of(
                st.tuples(st.just("set"), st.integers(0, 5), st.binary(max_size=4), st.sampled_from([None, 10, 100])),
                st.tuples(st.just("pass"), st.sampled_from([1, 11])),
                st.tuples(st.just("clear")),
            ),
            max_size=12,
        )
    )
    def test_it_is_a_dictionary_that_forgets(self, cache: Any, steps: list[Any]) -> None:
        cache.clear()
        model: dict[bytes, tuple[bytes, int | None]] = {}
        now = 0
        for what, *values in steps:
            if what == "set":
                number, value, seconds = values
                cache.set({KEYS[number]: value}, seconds=seconds)
                model[KEYS[number]] = (value, None if seconds is None else now + seconds)
            elif what == "pass":
                self.let_pass(cache, values[0])
                now += values[0]
            else:
                cache.clear()
                model.clear()
            model = {key: (value, ends) for key, (value, ends) in model.items() if ends is None or ends > now}
            expected = [model[key][0] if key in model else None for key in KEYS[:6]]
            assert cache.get(KEYS[:6]) == expected
