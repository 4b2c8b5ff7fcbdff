"""Names of what trades, in ccxt's unified form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InvalidValue

_UNIFIED = re.compile(r"^([A-Z0-9]{1,20})[/\-_]([A-Z0-9]{2,20})(?::([A-Z0-9]{2,20}))?$")


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A pair: ``BTC/USDT`` for spot, ``BTC/USDT:USDT`` for a perpetual settled in USDT."""

    base: str
    quote: str
    settle: str = ""

    @classmethod
    def parse(cls, text: str) -> Symbol:
        """Read ``BTC/USDT``, ``BTC-USD``, ``BNB_USDT`` or ``BTC/USDT:USDT``, in any case.

        Raises:
            InvalidValue: If the text is none of these.
        """
        found = _UNIFIED.match(text.strip().upper())
        if found is None:
            raise InvalidValue(
                f"unknown symbol {text!r}", mend="write it as BASE/QUOTE, for example BTC/USDT"
            )
        return cls(found[1], found[2], found[3] or "")

    @property
    def is_perpetual(self) -> bool:
        """Whether it is a perpetual future (it names its settlement currency)."""
        return bool(self.settle)

    @property
    def file_stem(self) -> str:
        """The symbol as a file name: ``BTC_USDT`` or ``BTC_USDT_USDT``."""
        return "_".join(part for part in (self.base, self.quote, self.settle) if part)

    def __str__(self) -> str:
        suffix = f":{self.settle}" if self.settle else ""
        return f"{self.base}/{self.quote}{suffix}"
