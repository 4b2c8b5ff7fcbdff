"""The exchange's own proof: nothing made, nothing lost, every order the sum of its trades."""

from __future__ import annotations

from ....application.ports.venue import VenueOrderStatus
from ....domain.errors import MettleError
from .accounts import Account
from .floor import Floor
from .ledger import FEES


def audit(floor: Floor) -> None:
    """Prove the ledger, and each account against its orders and trades.

    Raises:
        MettleError: If anything is off: a defect of the exchange.
    """
    floor.ledger.verify()
    fees: dict[str, int] = {}
    for account in floor.accounts.values():
        _check_locks(account)
        if account.forgotten:
            continue
        _check_orders(account)
        _check_balances(floor, account)
        for trade in account.trades:
            fees[trade.fee_asset] = fees.get(trade.fee_asset, 0) + trade.fee_atoms
    if not any(one.forgotten for one in floor.accounts.values()):
        earned = floor.ledger.accounts[FEES].balances
        for asset in fees.keys() | earned.keys():
            if fees.get(asset, 0) != earned.get(asset, 0):
                raise MettleError(f"fees in {asset}: {earned.get(asset)}, trades say {fees}")


def _check_locks(account: Account) -> None:
    needed: dict[str, int] = {}
    for order in account.working.values():
        if not order.is_open:
            raise MettleError(f"{order.venue_id} is {order.status.value} and still works")
        if order.lock_asset:
            needed[order.lock_asset] = needed.get(order.lock_asset, 0) + order.locked
    for asset, count in account.holdings.locked.items():
        if needed.get(asset, 0) != count:
            raise MettleError(
                f"{account.name} locks {count} atoms of {asset}, its orders need {needed}"
            )


def _check_orders(account: Account) -> None:
    filled: dict[int, int] = {}
    for trade in account.trades:
        filled[trade.number] = filled.get(trade.number, 0) + trade.shown.lots
    for order in account.orders:
        if filled.get(order.number, 0) != order.filled or not 0 <= order.filled <= order.new.lots:
            raise MettleError(
                f"{order.venue_id} shows {order.filled} of {order.new.lots} lots, its trades "
                f"{filled.get(order.number, 0)}"
            )
        if (order.filled == order.new.lots) is not (order.status is VenueOrderStatus.FILLED):
            raise MettleError(f"{order.venue_id} is {order.status.value} at {order.filled} lots")
        if order.is_open is not (order.number in account.working):
            raise MettleError(f"{order.venue_id} is {order.status.value} and is not kept so")


def _check_balances(floor: Floor, account: Account) -> None:
    """Add the balances up again from flows, trades and funding."""
    expected = dict(account.holdings.flows)

    def add(asset: str, count: int) -> None:
        expected[asset] = expected.get(asset, 0) + count

    lots: dict[object, int] = {}
    for trade in account.trades:
        shown = trade.shown
        add(trade.fee_asset, -trade.fee_atoms)
        if shown.symbol.is_perpetual:
            add(shown.symbol.settle, trade.realised)
            lots[shown.symbol] = lots.get(shown.symbol, 0) + shown.side * shown.lots
        else:
            value = floor.settlement.value(shown.symbol, shown.lots, shown.ticks)
            add(shown.symbol.quote, -shown.side * value)
            add(shown.symbol.base, shown.side * floor.settlement.base(shown.symbol, shown.lots))
    for row in account.funding:
        add(row.symbol.settle, row.received * 10_000)
    for asset in expected.keys() | account.holdings.balances.keys():
        if expected.get(asset, 0) != account.holdings.total(asset):
            raise MettleError(
                f"{account.name} holds {account.holdings.total(asset)} atoms of {asset}, its "
                f"history adds up to {expected.get(asset, 0)}"
            )
    for symbol, position in account.holdings.positions.items():
        if lots.get(symbol, 0) != position.lots:
            raise MettleError(f"{account.name} holds {position.lots} of {symbol}, not {lots}")
