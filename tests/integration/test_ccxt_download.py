"""Downloads through the real ccxt against a loopback server shaped like Binance."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from time import monotonic

import numpy as np
import pytest
from mettle.adapters.market_data.ccxt_bars import CcxtMarketData, CcxtSettings
from mettle.adapters.persistence.lake import MemoryBarStore
from mettle.application.data.check import check_bars
from mettle.application.data.download import DownloadBars, Downloaded, DownloadRequest
from mettle.domain.errors import InvalidValue, NotFound, TimedOut, VenueError
from mettle.domain.market import BarState, Symbol, Timeframe
from tests.support.binance_http import FakeBinance, serve
from tests.support.candles import HOUR, START, make_series

BTC = Symbol.parse("BTC/USDT")
H1 = Timeframe.parse("1h")


@pytest.fixture
def venue() -> Iterator[FakeBinance]:
    """Return a running venue with 2,600 bars: three pages of 1,000."""
    with serve(FakeBinance(bars=2600)) as running:
        yield running


def market(venue: FakeBinance, *, timeout_s: float = 5.0, attempts: int = 3) -> CcxtMarketData:
    """Return the adapter, pointed at the loopback server and quick to try again."""
    settings = CcxtSettings(
        "binance",
        timeout_s=timeout_s,
        attempts=attempts,
        patience_s=5.0,
        first_wait_s=0.01,
        endpoint=venue.url,
        throttle=False,
    )
    return CcxtMarketData(settings)


def download(
    store: MemoryBarStore,
    source: CcxtMarketData,
    since: int = START,
    *,
    until_ms: int | None = None,
    fill_gaps: bool = False,
) -> Downloaded:
    """Download hourly bars."""
    request = DownloadRequest(BTC, H1, since, until_ms, fill_gaps)
    return DownloadBars(store, source)(request)


def assert_whole(store: MemoryBarStore, venue: FakeBinance, bars: int) -> None:
    """Check that the lake holds exactly the first ``bars`` bars of the venue, each once."""
    series = store.read(BTC, H1)
    np.testing.assert_array_equal(series.open_time, START + HOUR * np.arange(bars))
    tick = series.instrument.tick_size
    for i in (0, 1, 999, 1000, bars - 1):
        kline = venue.kline(i)
        assert int(series.close[i]) * tick == Decimal(str(kline[4]))
        assert int(series.volume[i]) * series.instrument.lot_size == Decimal(str(kline[5]))


def test_pages_of_a_thousand_with_overlap(venue: FakeBinance) -> None:
    """Every closed bar once; the open one is left out; pages meet in one bar."""
    store = MemoryBarStore()
    found = download(store, market(venue))
    assert_whole(store, venue, 2599)
    assert (found.new_bars, found.revised, found.pages) == (2599, 0, 3)
    assert venue.asked == [START, START + 999 * HOUR, START + 1998 * HOUR]


def test_the_instrument_is_the_venues(venue: FakeBinance) -> None:
    """Tick, lot, minimum and fees come from the venue's filters, exact and not inferred."""
    one = market(venue).instrument(BTC)
    assert (one.tick_size, one.lot_size, one.min_notional) == (
        Decimal("0.01"), Decimal("0.00001"), Decimal(5),
    )  # fmt: skip
    assert (one.venue, one.inferred) == ("binance", False)
    assert one.fees.tiers[0].taker_ppm == 1000


def test_an_interruption_resumes_without_loss_or_doubling(venue: FakeBinance) -> None:
    """What came before a failure is kept; the next run goes on at the last bar."""
    store = MemoryBarStore()
    venue.faults = ["ok", "ok", "503", "503", "503"]
    with pytest.raises(VenueError, match="cannot be reached") as error:
        download(store, market(venue))
    assert "goes on where it stopped" in error.value.mend
    held = len(store.read(BTC, H1))
    assert held == 1999
    venue.asked.clear()
    found = download(store, market(venue))
    assert_whole(store, venue, 2599)
    assert (venue.asked[0], found.new_bars) == (START + (held - 1) * HOUR, 600)


def test_a_stop_by_the_user_keeps_what_came(venue: FakeBinance) -> None:
    """Ctrl-C in the middle of a page loop loses nothing that has come."""
    store = MemoryBarStore()

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    use_case = DownloadBars(store, market(venue))
    with pytest.raises(KeyboardInterrupt):
        use_case(DownloadRequest(BTC, H1, START), stop)
    assert len(store.read(BTC, H1)) == 1999
    use_case(DownloadRequest(BTC, H1, START))
    assert_whole(store, venue, 2599)


@pytest.mark.parametrize("faults", [["429"], ["429", "503"], ["cut", "418"]])
def test_passing_faults_are_ridden_out(venue: FakeBinance, faults: list[str]) -> None:
    """429 with Retry-After, 5xx and broken connections are tried again."""
    store, venue.faults = MemoryBarStore(), list(faults)
    download(store, market(venue))
    assert_whole(store, venue, 2599)
    assert len(venue.asked) == 3 + len(faults)


def test_retry_after_is_honoured(venue: FakeBinance) -> None:
    """The wait that the venue names is kept; one beyond the patience ends the attempt at once."""
    venue.faults, venue.retry_after = ["429"], "0.4"
    source = market(venue)
    source.server_time()
    before = monotonic()
    source.bars(BTC, H1, START, 5)
    assert monotonic() - before >= 0.4
    venue.faults, venue.retry_after = ["429"], "3600"
    venue.asked.clear()
    with pytest.raises(VenueError, match="refuses more requests"):
        source.bars(BTC, H1, START, 5)
    assert len(venue.asked) == 1


def test_an_html_page_is_no_candle(venue: FakeBinance) -> None:
    """A login page with status 200 is named, and is not tried for ever."""
    venue.faults = ["html"]
    with pytest.raises(VenueError, match="something") as error:
        download(store := MemoryBarStore(), market(venue))
    assert "login page" in error.value.mend
    assert not store.catalogue()


def test_silence_is_a_time_out(venue: FakeBinance) -> None:
    """No answer in time is TimedOut, whose outcome is unknown, not a refusal."""
    venue.faults = ["silence", "silence"]
    with pytest.raises(TimedOut, match="did not answer") as error:
        download(MemoryBarStore(), market(venue, timeout_s=0.2, attempts=2))
    assert error.value.exit_code == 7


def test_nobody_there(venue: FakeBinance) -> None:
    """A refused connection is a VenueError that says what to do."""
    venue.url = "http://127.0.0.1:9"
    with pytest.raises(VenueError, match="cannot be reached"):
        download(MemoryBarStore(), market(venue, attempts=1))


def test_empty_bars_are_not_missing_ones(venue: FakeBinance) -> None:
    """A bar with volume 0 is kept and flagged; one that the venue leaves out is a gap."""
    venue.empty, venue.absent = set(), {50, 51, 1000}
    store = MemoryBarStore()
    download(store, market(venue))
    assert check_bars(store.read(BTC, H1)).missing == 3
    # The price of an empty bar is the previous close.
    kline = list(venue.kline(20))
    previous = venue.kline(19)[4]
    kline[1:6] = [previous, previous, previous, previous, "0.00000000"]
    venue.restated[20] = kline
    fresh = MemoryBarStore()
    download(fresh, market(venue), until_ms=START + 40 * HOUR)
    states = fresh.read(BTC, H1).state
    assert states[20] == BarState.EMPTY
    assert (np.delete(states, 20) == BarState.TRADED).all()


def test_only_what_is_lacking_is_asked_for(venue: FakeBinance) -> None:
    """An earlier start gets the head, a complete series only its last bar's successors."""
    store, source = MemoryBarStore(), market(venue)
    download(store, source, START + 2000 * HOUR)
    venue.asked.clear()
    download(store, source, START + 1500 * HOUR)
    assert venue.asked == [START + 1500 * HOUR]
    venue.asked.clear()
    download(store, source, START + 1500 * HOUR)
    assert venue.asked == []
    assert len(store.read(BTC, H1)) == 1099


def test_a_start_before_the_listing_costs_one_request(venue: FakeBinance) -> None:
    """What lies before the first bar that the venue sends is not asked for page by page."""
    store, source = MemoryBarStore(), market(venue)
    found = download(store, source, START - 50_000 * HOUR, until_ms=START + 10 * HOUR)
    assert (found.pages, found.new_bars) == (1, 10)
    venue.asked.clear()
    download(store, source, START - 50_000 * HOUR, until_ms=START + 10 * HOUR)
    assert len(venue.asked) == 1


def test_gaps_are_asked_for_on_demand(venue: FakeBinance) -> None:
    """What the venue lacked once it may have later."""
    store, source = MemoryBarStore(), market(venue)
    venue.absent = {10, 11, 12}
    download(store, source, until_ms=START + 100 * HOUR)
    venue.absent = set()
    venue.asked.clear()
    found = download(store, source, until_ms=START + 100 * HOUR, fill_gaps=True)
    assert (found.new_bars, venue.asked) == (3, [START + 10 * HOUR])
    assert check_bars(store.read(BTC, H1)).clean


def test_a_revised_bar_is_counted(venue: FakeBinance) -> None:
    """Where the venue states the overlapping bar anew, the new one counts and is reported."""
    store, source = MemoryBarStore(), market(venue)
    download(store, source, until_ms=START + 100 * HOUR)
    changed = list(venue.kline(99))
    changed[4] = "7001.99000000"
    changed[2] = "9000.00000000"
    changed[3] = "6000.00000000"
    venue.restated[99] = changed
    found = download(store, source)
    assert found.revised == 1
    assert store.read(BTC, H1).close[99] == 700_199


def test_what_a_venue_lacks_is_not_found(venue: FakeBinance) -> None:
    """Unknown symbol, unknown venue, an empty period, and one that has not begun."""
    source = market(venue)
    with pytest.raises(NotFound, match="does not list DOGE/USDT"):
        source.instrument(Symbol.parse("DOGE/USDT"))
    with pytest.raises(NotFound, match="does not list BTC/EUR") as error:
        source.instrument(Symbol.parse("BTC/EUR"))
    assert "it lists BTC/USDT" in error.value.mend
    with pytest.raises(NotFound, match="knows no venue 'nowhere'"):
        CcxtMarketData(CcxtSettings("nowhere"))
    with pytest.raises(InvalidValue, match="no 1h bar has closed"):
        download(MemoryBarStore(), source, venue.now + HOUR)
    early = START - 5000 * HOUR
    with pytest.raises(NotFound, match="has no 1h bars"):
        download(MemoryBarStore(), source, early, until_ms=START - 10 * HOUR)


def test_downloads_do_not_mix_with_synthetic_bars(venue: FakeBinance) -> None:
    """A lake with generated bars of that symbol refuses real ones."""
    store = MemoryBarStore()
    store.write(make_series(range(5), synthetic=True))
    with pytest.raises(Exception, match="never mixed"):
        download(store, market(venue))
