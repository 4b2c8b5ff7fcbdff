"""A loopback server that answers like Binance's public market data, with faults on order."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

from tests.support.candles import HOUR, START

SYMBOL = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "baseAssetPrecision": 8,
    "quoteAsset": "USDT", "quotePrecision": 8, "quoteAssetPrecision": 8,
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "icebergAllowed": True, "ocoAllowed": True,
    "quoteOrderQtyMarketAllowed": True, "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False, "permissions": [], "permissionSets": [["SPOT"]],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000",
         "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000",
         "stepSize": "0.00001000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
         "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
    ],
}  # fmt: skip

ERRORS = {
    "418": {"code": -1003, "msg": "Way too many requests; IP banned until 1."},
    "429": {"code": -1003, "msg": "Too much request weight used."},
    "503": {"code": -1008, "msg": "Server is currently overloaded with other requests."},
}


@dataclass
class FakeBinance:
    """What the server knows and does.

    Attributes:
        bars: Number of hourly bars from 2020-01-01 on; the last is still open.
        absent: Bars that the venue never had.
        faults: What to do instead of answering the next requests for candles, in order:
            ``429``, ``503``, ``418``, ``html``, ``silence``, ``cut``, ``ok``.
        asked: Start times of the requests for candles.
        restated: Rows that the venue gives in place of its own, by the bar's number.
    """

    bars: int = 100
    absent: set[int] = field(default_factory=set)
    empty: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    restated: dict[int, list[object]] = field(default_factory=dict)
    retry_after: str = "0.01"
    silence_s: float = 1.5
    url: str = ""

    @property
    def now(self) -> int:
        """The venue's clock: half an hour into the last bar."""
        return START + (self.bars - 1) * HOUR + HOUR // 2

    def kline(self, i: int) -> list[object]:
        """Return bar ``i`` in Binance's shape."""
        if i in self.restated:
            return self.restated[i]
        price = 7000 + (i * 37) % 500
        flat = i in self.empty
        high, low = (price, price) if flat else (price + 3.5, price - 2.25)
        close = price if flat else price + 1.01
        volume = "0.00000000" if flat else f"{1 + i % 7}.12345000"
        return [
            START + i * HOUR, f"{price:.8f}", f"{high:.8f}", f"{low:.8f}", f"{close:.8f}", volume,
            START + (i + 1) * HOUR - 1, "1000.0", 10, "1.0", "1000.0", "0",
        ]  # fmt: skip

    def klines(self, start: int, limit: int) -> list[list[object]]:
        """Return up to ``limit`` bars from ``start`` on, as Binance does."""
        first = max(0, -(-(start - START) // HOUR))
        held = (i for i in range(first, self.bars) if i not in self.absent)
        return [self.kline(i) for i, _ in zip(held, range(limit), strict=False)]


class _Server(ThreadingHTTPServer):
    """A server that knows its venue."""

    venue: FakeBinance


class _Handler(BaseHTTPRequestHandler):
    """Answers one request for the venue of its server."""

    @property
    def venue(self) -> FakeBinance:
        """The venue that is served."""
        assert isinstance(self.server, _Server)
        return self.server.venue

    def do_GET(self) -> None:
        """Route by the end of the path."""
        url = urlparse(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.endswith("/exchangeInfo"):
            symbols = [SYMBOL] if "/api/v3" in url.path else []
            self._json({"timezone": "UTC", "serverTime": self.venue.now, "symbols": symbols})
        elif url.path.endswith("/time"):
            self._json({"serverTime": self.venue.now})
        elif url.path.endswith("/klines"):
            self._klines(int(query["startTime"]), int(query["limit"]))
        else:
            self._json({"code": -1, "msg": "unknown path"}, 404)

    def _klines(self, start: int, limit: int) -> None:
        self.venue.asked.append(start)
        fault = self.venue.faults.pop(0) if self.venue.faults else "ok"
        if fault == "ok":
            self._json(self.venue.klines(start, limit))
        elif fault == "html":
            self._send(b"<!DOCTYPE html><html><body>log in</body></html>", 200, "text/html")
        elif fault == "silence":
            time.sleep(self.venue.silence_s)
            self.close_connection = True
        elif fault == "cut":
            self.close_connection = True
        else:
            self._json(ERRORS[fault], int(fault), {"Retry-After": self.venue.retry_after})

    def _json(
        self, value: object, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self._send(json.dumps(value).encode(), status, "application/json", headers)

    def _send(
        self, body: bytes, status: int, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@contextmanager
def serve(venue: FakeBinance) -> Iterator[FakeBinance]:
    """Run the server while the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.venue = venue
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    venue.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield venue
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
