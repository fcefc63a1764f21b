"""Places and carts: nothing appears, nothing vanishes, the first expired lot is first."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.inventory import Cart, LotStock
from simulator.lots import LotBook, LotTable

OPENING = LotTable.of(
    item=[0, 0, 0, 1],
    batch_code=["B3", "B2", "B1", "B4"],
    received=[date(2026, 1, 1)] * 4,
    expiry=[date(2026, 2, 1), date(2026, 1, 5), date(2026, 2, 1), date(2026, 1, 1)],
)


LOTS = LotBook(OPENING)


def stock(*quantities: int) -> LotStock:
    return LotStock(LOTS, 2, enumerate(quantities))


def test_lots_are_first_expired_first_then_by_code():
    assert stock(1, 1, 1, 1).present(0) == [1, 2, 0]


def test_an_empty_lot_goes_and_comes_back_to_its_place():
    place = stock(2, 3, 4, 0)
    assert place.take(2, 9) == 4
    assert place.present(0) == [1, 0]
    assert place.take(2, 1) == 0
    place.put(2, 1)
    assert place.present(0) == [1, 2, 0]
    assert place.on_hand(0) == 6
    assert [place.quantity(lot) for lot in range(4)] == [2, 3, 1, 0]
    assert place.rows() == [(0, 2), (1, 3), (2, 1)]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 5)), max_size=60),
)
def test_counts_agree_after_any_moves(moves):
    place = stock(3, 0, 2, 5)
    expected = [3, 0, 2, 5]
    for is_put, lot, quantity in moves:
        if is_put:
            place.put(lot, quantity)
            expected[lot] += quantity
        else:
            taken = place.take(lot, quantity)
            assert taken == min(quantity, expected[lot])
            expected[lot] -= taken
    assert [place.quantity(lot) for lot in range(4)] == expected
    assert [place.on_hand(0), place.on_hand(1)] == [sum(expected[:3]), expected[3]]
    assert place.present(0) == [lot for lot in (1, 2, 0) if expected[lot]]


def test_delivered_lots_are_known_until_they_are_gone_everywhere():
    book = LotBook(OPENING)
    fish = book.add(1, "SUP-20260102-X-1", date(2026, 1, 2), date(2026, 1, 5))
    meat = book.add(0, "SUP-20260102-Y-1", date(2026, 1, 2), date(2026, 1, 4))
    assert (fish, meat) == (4, 5)
    place = LotStock(book, 2)
    place.put(1, 2)
    place.put(meat, 3)
    assert place.present(0) == [meat, 1]
    book.forget_all_but({meat})
    assert fish not in book.batch_code
    assert set(book.item) == {0, 1, 2, 3, meat}
    again = LotBook(OPENING, book.state())
    assert again.state() == book.state()
    assert again.fefo_rank[meat] == ("2026-01-04", "SUP-20260102-Y-1")
    # A number stands for one lot for ever.
    assert again.add(0, "SUP-20260105-Y-1", date(2026, 1, 5), date(2026, 1, 9)) == 6


def test_a_cart_gives_back_the_last_taken_first():
    cart = Cart()
    cart.put(0, 1, 2)
    cart.put(0, 2, 1)
    cart.put(1, 3, 1)
    cart.put(0, 1, 1)
    assert cart.pieces(0) == 4
    assert cart.lines() == [(0, 1, 3), (0, 2, 1), (1, 3, 1)]
    assert cart.take(0, 2) == [(2, 1), (1, 1)]
    assert cart.lines() == [(0, 1, 2), (1, 3, 1)]
    assert cart.take(1, 1) == [(3, 1)]
    assert cart.lines() == [(0, 1, 2)]
    assert cart.take(0, 2) == [(1, 2)]
    assert not cart


@pytest.mark.parametrize(("share", "item"), [(0.0, 5), (0.49, 5), (0.5, 2), (0.999, 2)])
def test_items_of_a_cart_by_share(share, item):
    cart = Cart({5: [(0, 1)], 2: [(1, 9)]})
    assert cart.item_at(share) == item
