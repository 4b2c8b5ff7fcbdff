"""Symbol, timeframe and venue out of a file's name and a column of symbols."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ....domain.errors import InvalidValue
from ....domain.market import Symbol, Timeframe

QUOTES = (
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "DAI", "USD", "EUR", "GBP", "JPY", "TRY",
    "BRL", "AUD", "BTC", "ETH", "BNB",
)  # fmt: skip
VENUES = (
    "binance", "binanceus", "bitfinex", "bitget", "bitmex", "bitstamp", "bittrex", "bybit",
    "coinbase", "deribit", "ftx", "gateio", "gemini", "htx", "huobi", "kraken", "kucoin", "mexc",
    "okx", "poloniex", "alpaca",
)  # fmt: skip

_WORDS = {"hourly": "1h", "daily": "1d", "minute": "1m", "d": "1d", "1hour": "1h", "1day": "1d"}
_PERPETUAL = {"perp", "perpetual", "futures", "swap", "usdm"}
_PAIR = re.compile(
    rf"(?<![A-Z0-9])([A-Z0-9]{{2,15}})[_/\-]({'|'.join(QUOTES)})"
    rf"(?:[_:]({'|'.join(QUOTES)}))?(?![A-Z0-9])"
)
_VENUE = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(VENUES)})(?![A-Za-z])", re.IGNORECASE)
_JOINED = re.compile(rf"^([A-Z0-9]{{2,15}}?)({'|'.join(QUOTES)})$")


@dataclass(frozen=True, slots=True)
class Guess:
    """What a name says; empty or None where it says nothing."""

    symbols: tuple[Symbol, ...]
    timeframe: Timeframe | None
    venue: str


def guess_from_name(name: str) -> Guess:
    """Read a file's name, such as ``binance_BTCUSDT_1h.csv.gz`` or ``BTC_USDT-1h.feather``."""
    stem = name.split(".", maxsplit=1)[0]
    words = [word for word in re.split(r"[_\-. ]+", stem) if word]
    lower = [word.lower() for word in words]
    venue = next((word for word in lower if word in VENUES), "")
    perpetual = bool(_PERPETUAL & set(lower))
    if venue == "binance" and "usdm" in lower:
        venue = "binance-usdm"
    frames = {frame for word in words if (frame := _timeframe(word)) is not None}
    return Guess(
        symbols=_symbols(stem, words, perpetual=perpetual),
        timeframe=frames.pop() if len(frames) == 1 else None,
        venue=venue,
    )


def parse_symbol(text: str, quote: str = "") -> Symbol | None:
    """Read ``BTC/USD``, ``BTCUSD`` or, with a quote given, ``BTC``; None if it is neither."""
    text = text.strip().upper()
    joined = _JOINED.match(text)
    if joined is not None:
        return Symbol(joined[1], joined[2])
    try:
        return Symbol.parse(f"{text}/{quote.upper()}" if quote and text.isalnum() else text)
    except InvalidValue:
        return None


def _timeframe(word: str) -> Timeframe | None:
    if word == "1M":  # a month, in every venue's archive
        return None
    label = _WORDS.get(word.lower(), word.lower())
    return Timeframe.parse(label) if label in Timeframe.LABELS else None


def _symbols(stem: str, words: list[str], *, perpetual: bool) -> tuple[Symbol, ...]:
    found: list[Symbol] = []
    # Blanked, not cut, so that `kraken-eth-eur` is not read as KRAKEN against ETH.
    stem = _VENUE.sub(lambda match: "." * len(match[0]), stem)
    for match in _PAIR.finditer(stem.upper()):
        base, quote, settle = match[1], match[2], match[3] or (match[2] if perpetual else "")
        # `unnamed_BTC` is no pair: a pair is written in one case.
        written = stem[match.start(1) : match.end(2)]
        if written.isupper() or written.islower():
            found.append(Symbol(base, quote, settle))
    for word in words:
        joined = _JOINED.match(word.upper())
        if joined is not None and word.upper() not in QUOTES:
            found.append(Symbol(joined[1], joined[2], joined[2] if perpetual else ""))
    return tuple(dict.fromkeys(found))
