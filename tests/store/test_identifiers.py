"""Ids: their form, and that things made together keep their order."""

import re
from concurrent.futures import ThreadPoolExecutor

from store.identifiers import new_id
from tests.store.conftest import NOW, after


def test_the_form_of_the_contract() -> None:
    assert re.fullmatch(r"case_[0-9a-z]{24}", new_id("case", NOW))


def test_ids_of_one_millisecond_grow_and_those_of_a_later_one_are_greater() -> None:
    ids = [new_id("mbr", NOW) for _ in range(1_000)]
    assert ids == sorted(set(ids))
    assert ids[-1] < new_id("mbr", after(milliseconds=1))


def test_threads_make_no_id_twice() -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: new_id("cmsg", NOW), range(5_000)))
    assert len(set(ids)) == len(ids)
