"""Cash, cost and profit of one account, worked out by hand."""

from __future__ import annotations

import pytest
from mettle.domain.errors import InvalidValue, MettleError
from mettle.domain.simulation import Account, AssetState, AssetTerms, move_position, released_basis
from mettle.domain.simulation.numbers import fit, notional

TERMS = AssetTerms(unit_value=10)


def account(cash: int = 1_000_000) -> Account:
    """Return a flat account over one asset whose lot is worth 10 a tick."""
    return Account.opened([TERMS], cash)


def test_a_buy_takes_notional_and_fee() -> None:
    """7 lots at 100 ticks cost 7,000; the fee comes on top and stays out of the basis."""
    one = account()
    assert one.trade(0, 1, 7, 100, fee=28) == 0
    assert one.cash == 1_000_000 - 7_000 - 28
    assert one.assets[0] == AssetState(7, 7_000, 100, 0)
    assert one.equity([110]) == one.cash + 7_700
    assert one.unrealised([110]) == 700
    one.check_identity([110])


def test_adding_keeps_the_high_water_and_sums_the_cost() -> None:
    """A second buy is averaged in; the best price since entry is not forgotten."""
    state = AssetState()
    move_position(state, 1, 2, 100, 10)
    state.high_water, state.bars_held = 130, 4
    move_position(state, 1, 1, 90, 10)
    assert state == AssetState(3, 2_900, 130, 4)


def test_a_reduction_releases_the_floor_of_its_share() -> None:
    """One of three lots that cost 2,900 releases 966; the rest keeps 1,934."""
    state = AssetState(3, 2_900, 130, 4)
    assert move_position(state, -1, 1, 120, 10) == 1_200 - 966
    assert state == AssetState(2, 1_934, 130, 4)
    assert move_position(state, -1, 2, 120, 10) == 2_400 - 1_934
    assert state == AssetState()


def test_a_flip_closes_and_opens() -> None:
    """Selling 5 of 2 long realises on 2 and opens 3 short at the fill price."""
    state = AssetState(2, 2_000, 130, 4)
    assert move_position(state, -1, 5, 110, 10) == 200
    assert state == AssetState(-3, 3_300, 110, 0)


def test_a_short_earns_when_bought_back_lower() -> None:
    """A short's profit is cost less price."""
    one = account()
    one.trade(0, -1, 4, 100, fee=0)
    assert one.cash == 1_004_000
    assert one.unrealised([90]) == 400
    assert one.trade(0, 1, 1, 90, fee=0) == 100
    assert one.assets[0] == AssetState(-3, 3_000, 100, 0)
    one.check_identity([95])


@pytest.mark.parametrize(
    ("side", "rate", "received"), [(1, 10_000, -1), (1, 5_000, 0), (1, 15_000, -2), (-1, 10_000, 1)]
)
def test_a_long_pays_a_positive_rate(side: int, rate: int, received: int) -> None:
    """On 10,000 of notional a rate of 1 bp is 1 unit; halves go to the even one."""
    one = account()
    one.trade(0, side, 10, 100, fee=0)
    cash = one.cash
    assert one.pay_funding(0, 100, rate) == received
    assert one.cash == cash + received
    assert one.funding == received
    one.check_identity([100])


def test_the_last_lots_take_the_whole_basis() -> None:
    """Nothing is left behind by the floors of earlier releases."""
    assert released_basis(1_934, 2, 2) == 1_934
    assert released_basis(1_935, 1, 2) == 967


def test_a_broken_identity_is_our_defect() -> None:
    """Cash that came from nowhere is found, with the difference."""
    one = account()
    one.cash += 7
    with pytest.raises(MettleError, match="by 7") as caught:
        one.check_identity([100])
    assert caught.value.exit_code == 70


def test_sixty_four_bits_are_the_limit() -> None:
    """What int64 cannot hold is refused with its name."""
    assert fit(2**63 - 1, "cash") == 2**63 - 1
    for value in (2**63, -(2**63) - 1):
        with pytest.raises(InvalidValue, match="cash must fit 64 bits"):
            fit(value, "cash")
    with pytest.raises(InvalidValue, match="notional must fit"):
        notional(2**40, 2**20, 8)


def test_worth_is_the_same_as_its_parts() -> None:
    """Long, short and flat at once: values, equity and profit in one pass."""
    one = Account.opened([TERMS, AssetTerms(unit_value=3), TERMS], 1_000_000)
    one.trade(0, 1, 7, 100, fee=28)
    one.trade(1, -1, 5, 200, fee=0)
    marks = [110, 190, 50]
    worth = one.worth(marks)
    assert worth.values == [one.value(index, mark) for index, mark in enumerate(marks)]
    assert worth.values == [7_700, -2_850, 0]
    assert worth.equity == one.equity(marks) == one.cash + 4_850
    assert worth.unrealised == one.unrealised(marks) == 700 + 150


def test_worth_beyond_64_bits_is_refused() -> None:
    """A position whose value fits no int64 has no equity."""
    one = Account.opened([TERMS], 10)
    one.assets[0].lots = 2**50
    with pytest.raises(InvalidValue, match="notional"):
        one.worth([2**20])
