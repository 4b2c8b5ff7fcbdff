"""The append-only books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from ..errors import InvalidValue, MettleError
from ..money import add
from .archive import Archive
from .entry import Entry


class Ledger:
    """Entries in the order in which they came; balances are their sums, and nothing else.

    Nothing is changed or removed: a mistake is mended by a further entry. An entry that comes twice
    is applied once. Not thread-safe.
    """

    __slots__ = ("_archive", "_balances")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._archive = Archive()
        self._balances: dict[tuple[str, str], Decimal] = {}
        for entry in entries:
            self.append(entry)

    def append(self, entry: Entry) -> bool:
        """Book an entry and return whether it was new.

        Raises:
            InvalidValue: If another event is already booked under its id.
        """
        if not self.is_new(entry):
            return False
        moved: dict[tuple[str, str], Decimal] = {}
        for posting in entry.postings:
            key = posting.account, posting.asset
            before = moved[key] if key in moved else self.balance(*key)
            moved[key] = add(before, posting.amount)
        # Only once every sum is known, so that a refused entry leaves the books as they were.
        self._balances.update(moved)
        self._archive.add(entry)
        return True

    def is_new(self, entry: Entry) -> bool:
        """Return whether the entry's event is not booked yet.

        Raises:
            InvalidValue: If another event is booked under its id.
        """
        known = self._archive.get(entry.entry_id)
        if known is None:
            return True
        if not known.same_event(entry):
            raise InvalidValue(
                f"entry {entry.entry_id} is booked with other content: {known.postings}, "
                f"now {entry.postings}",
                mend="give the new event an id of its own",
            )
        return False

    def __len__(self) -> int:
        return len(self._archive)

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._archive

    def find(self, entry_id: str) -> Entry | None:
        """Return the entry booked under an id, or None."""
        return self._archive.get(entry_id)

    def __iter__(self) -> Iterator[Entry]:
        """Yield all entries, in the order of booking."""
        return iter(self._archive)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, in the order of booking."""
        return tuple(self._archive)

    @property
    def balances(self) -> Mapping[tuple[str, str], Decimal]:
        """The balance of each (account, asset) that was ever posted to."""
        return dict(self._balances)

    def balance(self, account: str, asset: str) -> Decimal:
        """Return what ``account`` holds of ``asset``; 0 if nothing was ever posted."""
        return self._balances.get((account, asset), Decimal(0))

    def verify(self) -> None:
        """Prove that the balances are the sums of the postings, and that each entry sums to zero.

        Raises:
            MettleError: If not; that is a defect of ours.
        """
        again: dict[tuple[str, str], Decimal] = {}
        for entry in self:  # an entry that does not sum to zero cannot be made again
            for posting in entry.postings:
                key = posting.account, posting.asset
                again[key] = add(again.get(key, Decimal(0)), posting.amount)
        if again != self._balances:
            raise MettleError("the ledger's balances are not the sums of its postings")
