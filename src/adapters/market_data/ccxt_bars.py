"""Candles through ccxt: any of its venues, exact decimals, reads repeated where that helps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import ccxt
import stamina

from ...application.ports.market_data import VenueBar
from ...domain.errors import InvalidValue, NotFound, TimedOut, VenueError
from ...domain.market import FeeSchedule, Instrument, Symbol, Timeframe

Answer = TypeVar("Answer")

_PAGE_LIMITS = {"binance": 1000, "coinbase": 300, "kraken": 720, "bitstamp": 1000}
_PAGE_DEFAULT = 300
"""What every large venue grants."""
_SENDS_EMPTY = frozenset({"binance", "binanceusdm", "binanceus", "bybit", "okx", "kucoin"})
_TRANSIENT = (ccxt.NetworkError,)  # 429, 5xx, broken connections, time-outs
_FEE_PPM = 1000
_AGAIN = "run the same command again: it goes on where it stopped"
_HOST = re.compile(r"^https?://[^/]+")


@dataclass(frozen=True, slots=True)
class CcxtSettings:
    """How to talk to a venue.

    Attributes:
        venue: ccxt's name of it.
        timeout_s: Longest wait for one answer.
        attempts: How often a read is tried.
        patience_s: Longest time for one read with its repetitions; also the longest
            ``Retry-After`` that is honoured.
        first_wait_s: Wait before the second try; it doubles from there, with jitter.
        endpoint: Scheme and host that replace the venue's own, for proxies and tests.
        throttle: Whether to keep the venue's request rate.
    """

    venue: str
    timeout_s: float = 10.0
    attempts: int = 6
    patience_s: float = 120.0
    first_wait_s: float = 0.5
    endpoint: str = ""
    throttle: bool = True


class CcxtMarketData:
    """A MarketData over one ccxt exchange.

    Raises:
        NotFound: If ccxt knows no such venue.
    """

    def __init__(self, settings: CcxtSettings) -> None:
        name = settings.venue.replace("-", "")
        if name not in ccxt.exchanges:
            raise NotFound(
                f"ccxt knows no venue {settings.venue!r}",
                mend="for example binance, coinbase, kraken, bybit",
            )
        self._settings = settings
        self._name = name
        self._exchange = _exchange(name, settings)
        self._status = 0
        self._exchange.on_rest_response = self._note_status
        # The default hook logs to stdout, which belongs to the verb's answer.
        stamina.instrumentation.set_on_retry_hooks(())

    @property
    def venue(self) -> str:
        """The venue's name."""
        return self._settings.venue

    @property
    def page_limit(self) -> int:
        """The most bars that one call returns."""
        return _PAGE_LIMITS.get(self._name.removesuffix("usdm"), _PAGE_DEFAULT)

    @property
    def sends_empty_bars(self) -> bool:
        """Whether the venue answers with bars in which nobody traded."""
        return self._name in _SENDS_EMPTY

    def instrument(self, symbol: Symbol) -> Instrument:
        """Return what trades under ``symbol``."""
        market = self._market(symbol)
        try:
            tick, lot = (
                _decimal(market["precision"]["price"]),
                _decimal(market["precision"]["amount"]),
            )
            minimum = (market["limits"].get("cost") or {}).get("min")
            return Instrument(
                symbol=symbol,
                tick_size=tick,
                lot_size=Instrument.coarsen(tick, lot),
                fees=FeeSchedule.flat(_ppm(market.get("maker")), _ppm(market.get("taker"))),
                min_notional=Decimal(0) if minimum is None else _decimal(minimum),
                venue=self.venue,
            )
        except (KeyError, TypeError, InvalidOperation, InvalidValue) as error:
            raise VenueError(
                f"{self.venue} describes {symbol} in a way that is not understood: {error}"
            ) from error

    def bars(
        self, symbol: Symbol, timeframe: Timeframe, since_ms: int, limit: int
    ) -> Sequence[VenueBar]:
        """Return up to ``limit`` bars from ``since_ms`` on, rising."""
        if timeframe.label not in (self._exchange.timeframes or {}):
            raise NotFound(
                f"{self.venue} has no {timeframe} bars",
                mend="get a finer timeframe and `mettle data prepare`",
            )
        self._market(symbol)
        rows = self._call(
            f"bars of {symbol}",
            lambda: self._exchange.fetch_ohlcv(str(symbol), timeframe.label, since_ms, limit),
        )
        try:
            return [VenueBar(int(row[0]), *(_decimal(value) for value in row[1:6])) for row in rows]
        except (IndexError, KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise self._no_answer(f"bars of {symbol}") from error

    def server_time(self) -> int:
        """Return the venue's clock, Unix milliseconds."""
        if not self._exchange.has.get("fetchTime"):
            return int(self._exchange.milliseconds())
        answer = self._call("the time", self._exchange.fetch_time)
        if not isinstance(answer, int):
            raise VenueError(f"{self.venue} answered {answer!r} when asked for the time")
        return answer

    def _market(self, symbol: Symbol) -> dict[str, Any]:
        if not self._exchange.markets:
            self._call("the list of markets", self._exchange.load_markets)
        markets = self._exchange.markets or {}
        market = markets.get(str(symbol))
        if market is None:
            near = sorted(name for name in markets if name.startswith(f"{symbol.base}/"))[:5]
            raise NotFound(
                f"{self.venue} does not list {symbol}",
                mend=f"it lists {', '.join(near)}" if near else "check the symbol",
            )
        return dict(market)

    def _call(self, what: str, ask: Callable[[], Answer]) -> Answer:
        settings = self._settings
        try:
            for attempt in stamina.retry_context(
                on=self._wait_or_give_up,
                attempts=settings.attempts,
                timeout=settings.patience_s,
                wait_initial=settings.first_wait_s,
                wait_max=30.0,
                wait_jitter=settings.first_wait_s,
            ):
                with attempt:
                    self._exchange.last_response_headers = None
                    self._exchange.last_json_response = None
                    self._status = 0
                    answer = ask()
            # ccxt reads a page of HTML as an empty list: a hole that nobody would see.
            if not isinstance(self._exchange.last_json_response, list | dict):
                raise self._no_answer(what)
        except ccxt.BaseError as error:
            raise self._translate(what, error) from error
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            # ccxt parses before it looks.
            raise self._no_answer(what) from error
        return answer

    def _note_status(self, status: int, *rest: Any) -> str:
        """Remember the status of an answer; ccxt calls this with it and passes on what we return.

        Needed because ccxt tells errors by the venue's code first: Binance's "overloaded" (503,
        -1008) comes out of it as a plain refusal.
        """
        self._status = status
        return str(rest[4]).strip()

    @property
    def _overloaded(self) -> bool:
        return self._status == 429 or self._status >= 500

    def _no_answer(self, what: str) -> VenueError:
        return VenueError(
            f"{self.venue} answered the question for {what} with something that is no answer",
            mend="a proxy or a login page may stand between; open the venue in a browser",
        )

    def _wait_or_give_up(self, error: Exception) -> bool | float:
        """Return how long to wait before the next try; False gives up."""
        if not (isinstance(error, _TRANSIENT) or self._overloaded):
            return False
        headers = self._exchange.last_response_headers or {}
        try:
            wait = float(headers.get("Retry-After") or 0)
        except ValueError:
            wait = 0.0
        if wait > self._settings.patience_s:
            return False
        return wait if wait > 0 else True

    def _translate(self, what: str, error: ccxt.BaseError) -> VenueError | TimedOut | NotFound:
        text = " ".join(str(error).split())[:200]
        if isinstance(error, ccxt.RequestTimeout):
            return TimedOut(
                f"{self.venue} did not answer the question for {what} within "
                f"{self._settings.timeout_s:g} s, {self._settings.attempts} times",
                mend=_AGAIN,
            )
        if isinstance(error, ccxt.BadSymbol):
            return NotFound(f"{self.venue}: {text}", mend="check the symbol")
        if isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection):
            return VenueError(
                f"{self.venue} refuses more requests for now: {text}",
                mend=f"wait some minutes and {_AGAIN}",
            )
        if isinstance(error, ccxt.NetworkError) or self._overloaded:
            return VenueError(
                f"{self.venue} cannot be reached for {what}: {text}",
                mend=f"check the network, and {_AGAIN}",
            )
        return VenueError(f"{self.venue} refused the question for {what}: {text}")


def _exchange(name: str, settings: CcxtSettings) -> Any:
    exchange = getattr(ccxt, name)(
        {
            "timeout": int(settings.timeout_s * 1000),
            "enableRateLimit": settings.throttle,
            "options": {"maxRetriesOnFailure": 0, "fetchMarkets": {"types": ["spot", "linear"]}}
            if name.startswith("binance")
            else {"maxRetriesOnFailure": 0},
        }
    )
    exchange.number = str  # exact decimals; floats would lose the tick
    exchange.enableLastResponseHeaders = True
    exchange.enableLastJsonResponse = True
    if settings.endpoint:
        exchange.urls["api"] = _redirect(exchange.urls["api"], settings.endpoint.rstrip("/"))
    return exchange


def _redirect(urls: Any, endpoint: str) -> Any:
    if isinstance(urls, dict):
        return {name: _redirect(url, endpoint) for name, url in urls.items()}
    return _HOST.sub(endpoint, urls) if isinstance(urls, str) else urls


def _decimal(value: Any) -> Decimal:
    if value is None:
        raise ValueError("a number is missing")
    return Decimal(str(value))


def _ppm(rate: Any) -> int:
    return _FEE_PPM if rate is None else int(_decimal(rate) * 1_000_000)
