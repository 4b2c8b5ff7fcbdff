"""Everything that can go wrong between the exchange and its clients, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ....application.ports.randomness import Randomness
from ....domain.errors import ConfigError
from .dice import Dice


class Site(Enum):
    """Where a fault strikes, and so what its rate counts.

    All but LASTING and EVENT are shares of the opportunities; those two are counts an hour. What
    FOLLOWS counts shares of what it follows.
    """

    CALL = "any request"
    CREATE = "an order is sent"
    CANCEL = "a cancellation is sent"
    READ = "a question is asked"
    HISTORY = "fills are asked for"
    QUOTE = "the touch is asked for"
    FILL = "an order fills"
    PUSH = "a fill is pushed"
    RESTING = "an order rests"
    FEED = "a bar is delivered"
    LASTING = "a state of things that lasts"
    EVENT = "something happens at the exchange"
    FOLLOWS = "follows from another fault or from the world"


class Fault(Enum):
    """The catalogue; values are the names of the scoreboard."""

    REQUEST_LOST = "request lost"
    RESPONSE_LOST = "response lost after the order was taken"
    ARRIVES_LATE = "request arrives after its time-out"
    VISIBLE_LATE = "order visible only after a delay"
    GATEWAY_TIMEOUT = "504 after commit"
    GARBLED_ACK = "unparsable answer after commit"
    ERROR_THEN_FILL = "error on ack, fill later"
    POST_ONLY_ERROR = "post-only refused by 400"
    POST_ONLY_REJECTED = "post-only refused by 200 and rejected"
    POST_ONLY_LATE_CANCEL = "post-only refused by late cancel"
    FILL_BEFORE_CANCEL = "fill between cancel and its processing"
    CANCEL_UNKNOWN = "cancel answers unknown order"
    PARTIAL_THEN_CANCEL = "partial fill, then cancel"
    CANCEL_LOST = "cancel request lost"
    CANCEL_RESPONSE_LOST = "cancel response lost"
    READ_TIMEOUT = "question times out"
    FILLS_TRUNCATED = "fill history truncated"
    STALE_TICKER = "stale REST ticker"
    ZERO_PRICE = "zero price"
    SLOW_ANSWER = "slow answer"
    RATE_LIMIT_429 = "429 with Retry-After"
    BANNED_418 = "418 after 429"
    FILLED_BEFORE_FILLS = "status filled before its fills"
    FILL_TWICE = "fill pushed twice"
    FILL_REORDERED = "fills pushed out of order"
    FILL_LATE = "fill pushed 40 minutes late"
    PUSH_LOST = "push lost"
    STREAM_DROP = "stream drops in a fill burst"
    STREAM_FROZEN = "stream open but frozen"
    LISTEN_KEY_EXPIRED = "listen key expired"
    PARTIAL_FILL = "partial fill"
    DUST_REMAINDER = "remainder under lot or notional"
    UNASKED_CANCEL = "cancelled by nobody we know"
    DNS_GONE = "DNS gone for an hour"
    MAINTENANCE_503 = "maintenance: 503"
    EMPTY_BODY = "maintenance: empty body"
    HTML_BODY = "maintenance: HTML"
    CLOCK_SKEW = "clock skew up to ±90 s"
    CLOCK_STEP = "clock steps"
    FEE_IN_BASE = "fee in base"
    FEE_IN_THIRD = "fee in a third asset"
    FILTERS_CHANGE = "filters change at run time"
    STOP_LOCKS_BALANCE = "balance locked by a stop"
    FOREIGN_ORDER = "foreign order"
    BALANCE_MOVED = "deposit or withdrawal by hand"
    LIQUIDATION = "liquidation"
    FUNDING_PAID = "funding against us"
    FUNDING_RECEIVED = "funding for us"
    FILL_WHILE_DOWN = "fill while down"
    FEED_FROZEN = "candle feed frozen"
    FEED_GAP = "candle feed gapped"
    FEED_TWICE = "candle feed duplicated"
    FEED_OUT_OF_ORDER = "candle feed out of order"
    FEED_STILL_OPEN = "still-open bar"


@dataclass(frozen=True, slots=True)
class FaultTerms:
    """How a fault behaves.

    Attributes:
        rate: In a storm: a share of the opportunities, or a count an hour.
        lasts: Least and most minutes of a lasting one.
    """

    site: Site
    rate: float
    lasts: tuple[int, int] = (0, 0)


_SHARES: dict[Site, dict[Fault, float]] = {
    Site.CALL: {Fault.SLOW_ANSWER: 0.004, Fault.RATE_LIMIT_429: 0.002},
    Site.CREATE: {
        Fault.REQUEST_LOST: 0.02,
        Fault.RESPONSE_LOST: 0.02,
        Fault.ARRIVES_LATE: 0.02,
        Fault.VISIBLE_LATE: 0.02,
        Fault.GATEWAY_TIMEOUT: 0.02,
        Fault.GARBLED_ACK: 0.02,
        Fault.ERROR_THEN_FILL: 0.02,
        Fault.POST_ONLY_ERROR: 0.02,
        Fault.POST_ONLY_REJECTED: 0.02,
        Fault.POST_ONLY_LATE_CANCEL: 0.02,
    },
    Site.CANCEL: {
        Fault.FILL_BEFORE_CANCEL: 0.06,
        Fault.CANCEL_UNKNOWN: 0.05,
        Fault.PARTIAL_THEN_CANCEL: 0.08,
        Fault.CANCEL_LOST: 0.04,
        Fault.CANCEL_RESPONSE_LOST: 0.04,
    },
    Site.READ: {Fault.READ_TIMEOUT: 0.005},
    Site.HISTORY: {Fault.FILLS_TRUNCATED: 0.05},
    Site.QUOTE: {Fault.STALE_TICKER: 0.01, Fault.ZERO_PRICE: 0.005},
    Site.FILL: {Fault.FILLED_BEFORE_FILLS: 0.04},
    Site.PUSH: {
        Fault.FILL_TWICE: 0.05,
        Fault.FILL_REORDERED: 0.05,
        Fault.FILL_LATE: 0.03,
        Fault.PUSH_LOST: 0.03,
        Fault.STREAM_DROP: 0.02,
    },
    Site.RESTING: {
        Fault.PARTIAL_FILL: 0.15,
        Fault.DUST_REMAINDER: 0.03,
        Fault.UNASKED_CANCEL: 0.02,
    },
    Site.FEED: {
        Fault.FEED_GAP: 0.002,
        Fault.FEED_TWICE: 0.003,
        Fault.FEED_OUT_OF_ORDER: 0.002,
        Fault.FEED_STILL_OPEN: 0.002,
    },
    Site.EVENT: {
        Fault.CLOCK_STEP: 0.04,
        Fault.FOREIGN_ORDER: 0.04,
        Fault.BALANCE_MOVED: 0.02,
        Fault.LIQUIDATION: 0.02,
        Fault.FUNDING_PAID: 0.06,
        Fault.FUNDING_RECEIVED: 0.06,
    },
    Site.FOLLOWS: {Fault.BANNED_418: 0.1, Fault.FILL_WHILE_DOWN: 0.0},
}
_LASTING: dict[Fault, tuple[float, tuple[int, int]]] = {
    Fault.DNS_GONE: (0.02, (60, 60)),
    Fault.MAINTENANCE_503: (0.05, (1, 10)),
    Fault.EMPTY_BODY: (0.05, (1, 5)),
    Fault.HTML_BODY: (0.05, (1, 5)),
    Fault.STREAM_FROZEN: (0.1, (1, 30)),
    Fault.LISTEN_KEY_EXPIRED: (0.05, (10, 60)),
    Fault.CLOCK_SKEW: (0.05, (10, 60)),
    Fault.FEE_IN_BASE: (0.1, (30, 120)),
    Fault.FEE_IN_THIRD: (0.1, (30, 120)),
    Fault.FILTERS_CHANGE: (0.1, (10, 60)),
    Fault.STOP_LOCKS_BALANCE: (0.04, (2, 20)),
    Fault.FEED_FROZEN: (0.02, (2, 60)),
}

_COUNTED = (Site.LASTING, Site.EVENT)
"""Their rates are counts an hour, all others are shares."""

CATALOGUE: Mapping[Fault, FaultTerms] = {
    **{
        fault: FaultTerms(site, rate)
        for site, rates in _SHARES.items()
        for fault, rate in rates.items()
    },
    **{fault: FaultTerms(Site.LASTING, rate, lasts) for fault, (rate, lasts) in _LASTING.items()},
}
"""Every fault and how it behaves in a storm."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that is to happen, for the replay of an incident.

    Attributes:
        at: True time from which on it strikes, at the first opportunity.
        times: How many opportunities it takes.
        until: True time at which it is over; a lasting fault needs one.
        account: Only there; empty is anywhere.
    """

    fault: Fault
    at: int
    times: int = 1
    until: int | None = None
    account: str = ""

    def __post_init__(self) -> None:
        if CATALOGUE[self.fault].site is Site.LASTING and self.until is None:
            raise ConfigError(f"{self.fault.value!r} lasts: it needs an end")
        if CATALOGUE[self.fault].site is Site.FOLLOWS:
            raise ConfigError(f"{self.fault.value!r} cannot be ordered: it follows from others")


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What goes wrong, how often and until when.

    Attributes:
        rates: As :class:`Site` counts them; a fault that is not named does not happen.
        strikes: What happens at set times besides.
        without: Never happens, though it is drawn: so that the other draws stay what they were.
        ends_at: True time at which all faults end.
        lasts: Least and most minutes of a lasting fault, where the catalogue's do not fit.
    """

    rates: Mapping[Fault, float] = field(default_factory=dict)
    strikes: tuple[Strike, ...] = ()
    without: frozenset[Fault] = frozenset()
    ends_at: int | None = None
    lasts: Mapping[Fault, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shares: dict[Site, float] = {}
        for fault, rate in self.rates.items():
            if rate < 0:
                raise ConfigError(f"the rate of {fault.value!r} must not be negative, was {rate}")
            site = CATALOGUE[fault].site
            shares[site] = shares.get(site, 0.0) + rate
        for site, share in shares.items():
            if site not in _COUNTED and share > 1:
                raise ConfigError(f"the shares of {site.value!r} add up to {share}, at most 1")
        for fault, (low, high) in self.lasts.items():
            if CATALOGUE[fault].site is not Site.LASTING or not 0 < low <= high:
                raise ConfigError(f"{fault.value!r} cannot last {low} to {high} minutes")

    @classmethod
    def storm(
        cls,
        level: float = 1.0,
        *,
        ends_at: int | None = None,
        without: Sequence[Fault] = (),
        strikes: Sequence[Strike] = (),
    ) -> FaultPlan:
        """Return everything at once, ``level`` times as often as the catalogue says.

        Shares of one site never add up to more than nine tenths: something must go well.
        """
        sums: dict[Site, float] = {}
        for terms in CATALOGUE.values():
            sums[terms.site] = sums.get(terms.site, 0.0) + terms.rate
        rates = {}
        for fault, terms in CATALOGUE.items():
            counted = terms.site in _COUNTED or not sums[terms.site]
            most = level if counted else min(level, 0.9 / sums[terms.site])
            rates[fault] = terms.rate * most
        return cls(rates, tuple(strikes), frozenset(without), ends_at)


States = Callable[[str, str], Sequence[str]]
"""Account and client id → states of the orders concerned; an empty id means all live ones."""


class Faults:
    """Decides when faults strike, and counts them.

    Attributes:
        fired: How often each fault struck an order in which state.
        struck: How often each fault struck, however many orders it concerned.
        states: Says in which state; the exchange's own view unless replaced.
    """

    def __init__(self, plan: FaultPlan, randomness: Randomness) -> None:
        self.plan = plan
        self.fired: Counter[tuple[Fault, str]] = Counter()
        self.struck: Counter[Fault] = Counter()
        self.states: States = lambda _account, _client_id: ()
        self.is_over = False
        self._randomness = randomness
        self._tables: dict[Site, list[tuple[float, Fault]]] = {}
        self._dice: dict[Site, Dice] = {}
        self._open: dict[Fault, int] = {}
        self._pending = {index: strike.times for index, strike in enumerate(plan.strikes)}
        for fault, rate in plan.rates.items():
            table = self._tables.setdefault(CATALOGUE[fault].site, [])
            table.append((rate + (table[-1][0] if table else 0.0), fault))

    def dice(self, *key: str | int) -> Dice:
        """Return chance of its own for a purpose."""
        return Dice(self._randomness, "faults", *key)

    def pick(self, site: Site, account: str, now: int, dice: Dice | None = None) -> Fault | None:
        """Return the fault that strikes at this opportunity; it is counted by :meth:`fire`.

        Args:
            dice: Chance to draw from; the site's own unless given.
        """
        if self.is_over:
            return None
        ordered = self._ordered(site, account, now) if self._pending else None
        table = self._tables.get(site)
        if table is None:
            return ordered
        dice = dice or self._dice.get(site)
        if dice is None:
            dice = self._dice[site] = self.dice(site.value)
        share = dice.share()
        if ordered is not None:
            return ordered
        if share >= table[-1][0]:
            return None
        found = next(fault for limit, fault in table if share < limit)
        return None if found in self.plan.without else found

    def _ordered(self, site: Site, account: str, now: int) -> Fault | None:
        for index, left in self._pending.items():
            strike = self.plan.strikes[index]
            if CATALOGUE[strike.fault].site is not site or now < strike.at:
                continue
            if strike.until is not None and now >= strike.until:
                continue
            if not strike.account or strike.account == account:
                self._pending[index] = left - 1
                if left == 1:
                    del self._pending[index]
                return strike.fault
        return None

    def is_on(self, fault: Fault, now: int) -> bool:
        """Return whether a lasting fault is on."""
        return bool(self._open) and now < self._open.get(fault, 0)

    def open(self, fault: Fault, until: int) -> None:
        """Begin a lasting fault, or let it last longer."""
        self._open[fault] = max(until, self._open.get(fault, 0))

    def fire(self, fault: Fault, account: str, client_id: str = "") -> None:
        """Count a fault that has struck: once, and once a state."""
        self.struck[fault] += 1
        for state in dict.fromkeys(self.states(account, client_id)) or ("idle",):
            self.fired[fault, state] += 1

    def end(self) -> None:
        """Let nothing more happen, and end what lasts."""
        self.is_over = True
        self._open.clear()
