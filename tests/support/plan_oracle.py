"""A random venue that the plan is played against, and the rules that each story must keep."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mettle.domain.market import Symbol
from mettle.domain.orders import (
    FINAL,
    AttemptView,
    Cancel,
    Canceled,
    Cancelling,
    Clarify,
    ExecutionPolicy,
    Expired,
    Filled,
    Finish,
    Leg,
    NotPlaced,
    Open,
    Opening,
    OrderIntent,
    OrderState,
    Partial,
    Place,
    PlanKind,
    PlanStep,
    Purpose,
    Reduction,
    Rejected,
    Side,
    Unknown,
    Wait,
    filled_lots,
)
from mettle.domain.orders import plan as planning

BTC = Symbol("BTC", "USDT")
TURNS = 600
"""A story that has no end by then has none."""
FAULTS = 12
"""After so many faults the venue does what it is asked."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the plan saw and said once."""

    at: int
    attempts: tuple[AttemptView, ...]
    stopping: bool
    step: PlanStep


@dataclass(slots=True)
class Truth:
    """One order as the venue has it."""

    lots: int
    filled: int = 0
    live: bool = True
    placed: bool = True


@dataclass(slots=True)
class Story:
    """One intent from its first step to its last.

    Attributes:
        orders: What the venue really has, one an attempt.
    """

    kind: PlanKind
    intent: OrderIntent
    policy: ExecutionPolicy
    turns: list[Turn] = field(default_factory=list)
    orders: list[Truth] = field(default_factory=list)

    def ended(self) -> bool:
        """Return whether the last step was the end."""
        return bool(self.turns) and isinstance(self.turns[-1].step, Finish)


def play(seed: int) -> Story:
    """Play one intent against a venue that answers at random."""
    return _Player(random.Random(seed)).play()  # noqa: S311  seeded play


class _Player:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        lots = chance.choice([1, 2, 5, 100])
        opening = chance.random() < 0.5
        purpose = chance.choice([Purpose.REBALANCE, Purpose.STOP, Purpose.FLATTEN])
        intent: OrderIntent = Opening("a", BTC, Side.BUY, lots, 1)
        if not opening:
            intent = Reduction("a", BTC, Side.SELL, lots, 1, purpose)
        policy = ExecutionPolicy(reprices=chance.randint(0, 3), exit_tries=chance.randint(1, 6))
        on_bars = chance.random() < 0.1
        kind = planning.plan_for(intent, bar_orders=on_bars)
        self._story = Story(kind, intent, policy)
        self._now = chance.randint(0, 10**12)
        self._views: list[AttemptView] = []
        self._faults = 0
        self._stop_at = chance.choice([0, 1, 3, 8]) if chance.random() < 0.15 else None

    def play(self) -> Story:
        story = self._story
        for number in range(TURNS):
            stopping = self._stop_at is not None and number >= self._stop_at
            step = planning.next_step(
                story.kind, story.intent, self._views, self._now, story.policy, stopping=stopping
            )
            story.turns.append(Turn(self._now, tuple(self._views), stopping, step))
            if isinstance(step, Finish):
                break
            self._do(step)
        return story

    def _do(self, step: PlanStep) -> None:
        if isinstance(step, Place):
            self._place(step)
        elif isinstance(step, Cancel):
            self._set(Cancelling(filled_lots(self._views[-1].state)))
            self._late_fill()
        elif isinstance(step, Clarify):
            self._now += self._chance.randint(1, 20_000)
            self._clarify()
        elif isinstance(step, Wait):
            self._wait(step.until)

    def _fault(self, often: float) -> bool:
        if self._faults >= FAULTS or self._chance.random() >= often:
            return False
        self._faults += 1
        return True

    def _set(self, state: OrderState, **changes: int) -> None:
        self._views[-1] = replace(self._views[-1], state=state, **changes)  # type: ignore[arg-type]  # ints

    def _place(self, step: Place) -> None:
        self._now += self._chance.randint(0, 400)
        truth = Truth(step.lots)
        self._story.orders.append(truth)
        self._views.append(AttemptView(step.leg, step.number, Open(), self._now, 0))
        if self._fault(0.2):
            truth.live = truth.placed = self._chance.random() < 0.5
            self._set(Unknown(0, self._now))
        elif self._fault(0.15):
            truth.live = truth.placed = False
            self._refuse(step.leg)
        elif step.leg is Leg.TAKER and self._chance.random() < 0.9:
            self._end_of_taker(truth)

    def _refuse(self, leg: Leg) -> None:
        word = self._chance.choice(["crossed", "pause", "pause", "no"])
        view = replace(self._views[-1], state=Rejected(word))
        if word == "crossed" and leg is Leg.MAKER:
            view = replace(view, would_cross=True)
        elif word == "pause":
            view = replace(view, retry_at=self._now + self._chance.randint(1, 60_000))
        self._views[-1] = view

    def _end_of_taker(self, truth: Truth) -> None:
        faulty = self._faults < FAULTS and self._chance.random() < 0.4
        truth.filled = self._chance.randint(0, truth.lots) if faulty else truth.lots
        truth.live = False
        self._faults += faulty
        self._show_end(truth)

    def _show_end(self, truth: Truth) -> None:
        ended: OrderState = Expired(truth.filled, "no liquidity")
        if isinstance(self._views[-1].state, Cancelling):
            ended = Canceled(truth.filled)
        if truth.filled == truth.lots:
            ended = Filled(truth.filled)
        missing = self._chance.randint(0, truth.filled) if self._fault(0.3) else 0
        stale = self._chance.randint(1, 9) if self._fault(0.1) else 0
        # A pause that the venue once asked for may still stand beside the attempt.
        self._set(
            ended, booked=truth.filled - missing, retry_at=max(0, self._now - stale) if stale else 0
        )

    def _late_fill(self) -> None:
        truth = self._story.orders[-1]
        if self._chance.random() < 0.3:
            truth.filled = self._chance.randint(truth.filled, truth.lots)

    def _clarify(self) -> None:
        """Ask; sometimes in vain."""
        if self._fault(0.3):
            return
        views = self._views
        truth = self._story.orders[-1]
        if isinstance(views[-1].state, Unknown):
            if not truth.placed:
                self._set(NotPlaced("two histories without it"))
            elif truth.live and self._chance.random() < 0.5:
                self._set(Partial(truth.filled) if truth.filled else Open(), booked=truth.filled)
            else:
                self._late_fill()
                truth.live = False
                self._show_end(truth)
            return
        for index, (view, real) in enumerate(zip(views, self._story.orders, strict=True)):
            views[index] = replace(view, booked=real.filled)

    def _wait(self, until: int | None) -> None:
        last, truth = (self._views[-1], self._story.orders[-1])
        if until is not None:
            early = self._chance.random() < 0.3
            self._now = self._chance.randint(self._now, until) if early else until
        else:
            self._now += self._chance.randint(1, 5_000)
        if isinstance(last.state, FINAL):
            return
        if self._chance.random() < 0.3:
            truth.filled = self._chance.randint(truth.filled, truth.lots)
        if self._fault(0.1):
            self._set(Unknown(filled_lots(last.state), self._now))
        elif until is None or truth.filled == truth.lots or self._fault(0.1):
            truth.live = False
            self._show_end(truth)
        elif truth.filled:
            behind = self._chance.randint(0, truth.filled) if self._fault(0.3) else 0
            self._set(Partial(truth.filled), booked=truth.filled - behind)


Rule = Callable[[Story], None]


def _places(story: Story) -> list[tuple[Turn, Place]]:
    return [(one, one.step) for one in story.turns if isinstance(one.step, Place)]


def _explained(attempts: Sequence[AttemptView]) -> bool:
    return all(
        isinstance(one.state, FINAL) and one.booked == filled_lots(one.state) for one in attempts
    )


def one_order_at_a_time(story: Story) -> None:
    """Nothing is placed while an earlier attempt may live or its fills do not add up (I5)."""
    for turn, _ in _places(story):
        assert _explained(turn.attempts)


def never_more_than_wanted(story: Story) -> None:
    """Each attempt is for what is left; all real fills are no more than the intent (I3)."""
    for turn, place in _places(story):
        left = story.intent.lots - sum(one.booked for one in turn.attempts)
        assert 0 < place.lots <= left
    assert sum(one.filled for one in story.orders) <= story.intent.lots


def every_story_ends(story: Story) -> None:
    """Once the faults are over an intent comes to its end (I18)."""
    assert story.ended()


def attempts_are_counted(story: Story) -> None:
    """No name is used twice: within a leg the numbers rise by one from one."""
    for leg in Leg:
        numbers = [place.number for _, place in _places(story) if place.leg is leg]
        assert numbers == list(range(1, len(numbers) + 1))


def makers_come_first(story: Story) -> None:
    """A maker-first intent begins as a maker, takes once, and never goes back; exits only take."""
    legs = [place.leg for _, place in _places(story)]
    if story.kind is PlanKind.MAKER_FIRST:
        assert legs == sorted(legs, key=[Leg.MAKER, Leg.TAKER].index)
        assert not legs or legs[0] is Leg.MAKER
    else:
        assert set(legs) <= {Leg.TAKER if story.kind is PlanKind.TAKER else Leg.BAR}
    for turn, place in _places(story):
        # What the venue took and ended is followed by the other leg, and that by nothing.
        ended = [one.leg for one in turn.attempts if isinstance(one.state, (Canceled, Expired))]
        if ended and story.kind is PlanKind.MAKER_FIRST:
            assert place.leg is Leg.TAKER
            assert Leg.TAKER not in ended


def patience_is_kept(story: Story) -> None:
    """Cancelled when its time is over and not before, and once; a bar's order only to stop."""
    cancelled: list[int] = []
    for turn in story.turns:
        last = turn.attempts[-1] if turn.attempts else None
        if last is None or not isinstance(last.state, (Open, Partial)):
            assert not isinstance(turn.step, Cancel)
            continue
        patience = story.policy.exit_retry if last.leg is Leg.TAKER else story.policy.maker_wait
        over = turn.at >= last.sent_at + patience and last.leg is not Leg.BAR
        assert isinstance(turn.step, Cancel) is (turn.stopping or over)
        if isinstance(turn.step, Cancel):
            cancelled.append(len(turn.attempts))
    lost = sum(isinstance(one.attempts[-1].state, Unknown) for one in story.turns if one.attempts)
    if not lost:
        assert len(cancelled) == len(set(cancelled))


def pauses_are_kept(story: Story) -> None:
    """Nothing is sent before the venue wants to hear from us again."""
    for turn, _ in _places(story):
        assert not turn.attempts or turn.at >= turn.attempts[-1].retry_at


def stopped_is_stopped(story: Story) -> None:
    """What is to stop places nothing more, and ends only once nothing of it may live."""
    for turn in story.turns:
        if turn.stopping:
            assert not isinstance(turn.step, Place)


def crossings_are_few(story: Story) -> None:
    """A maker that would cross is priced again so often and no more."""
    for turn, place in _places(story):
        if turn.attempts and turn.attempts[-1].would_cross and place.leg is Leg.MAKER:
            assert turn.attempts[-1].number <= story.policy.reprices


def ends_have_a_reason(story: Story) -> None:
    """An end leaves lots only if it was stopped, refused, or had tried all that the plan holds."""
    if not story.ended():
        return
    turn = story.turns[-1]
    assert not turn.attempts or _explained(turn.attempts)
    if turn.stopping or story.kind is PlanKind.BAR:
        return
    assert turn.attempts
    last, booked = turn.attempts[-1], sum(one.booked for one in turn.attempts)
    if booked >= story.intent.lots:
        return
    if isinstance(last.state, Rejected):
        crossed = last.would_cross and last.leg is Leg.MAKER
        assert not crossed
        assert not last.retry_at
        return
    assert not isinstance(last.state, NotPlaced)
    assert last.leg is Leg.TAKER
    if story.kind is PlanKind.TAKER:
        assert last.number >= story.policy.exit_tries


def exits_keep_their_pace(story: Story) -> None:
    """An exit that found no liquidity leaves the venue a moment before it asks again."""
    for turn, place in _places(story):
        last = turn.attempts[-1] if turn.attempts else None
        if last is None or place.leg is not Leg.TAKER or last.leg is not Leg.TAKER:
            continue
        if isinstance(last.state, (Expired, Canceled)):
            assert turn.at >= last.sent_at + story.policy.exit_retry


def waits_are_for_something(story: Story) -> None:
    """A wait ends in the future; without an end only where the venue alone can tell."""
    for turn in story.turns:
        if not isinstance(turn.step, Wait):
            continue
        if turn.step.until is None:
            last = turn.attempts[-1]
            assert isinstance(last.state, Cancelling) or last.leg is Leg.BAR
        else:
            assert turn.step.until > turn.at


RULES: list[Rule] = [
    one_order_at_a_time,
    never_more_than_wanted,
    every_story_ends,
    attempts_are_counted,
    makers_come_first,
    patience_is_kept,
    pauses_are_kept,
    stopped_is_stopped,
    crossings_are_few,
    ends_have_a_reason,
    exits_keep_their_pace,
    waits_are_for_something,
]


@dataclass(frozen=True, slots=True)
class Touch:
    """A touch and what is asked of it; ratios in millionths."""

    bid: int
    ask: int
    offset: int
    cap: int


def touch(seed: int) -> Touch:
    """Draw a touch, now and then locked or crossed."""
    chance = random.Random(seed)  # noqa: S311  seeded play
    bid = int(10 ** chance.uniform(0, 9))
    ask = max(2, bid + chance.choice([-1, 0, 1, 2, bid // 100, bid]))
    return Touch(bid, ask, chance.choice([0, 0, 1, 500]), chance.choice([0, 1, 3_000]))


def makers_never_cross(at: Touch) -> None:
    """On its own side of the other touch, always, and no further away than the offset asks."""
    buying = planning.maker_price(True, at.bid, at.ask, at.offset)
    selling = planning.maker_price(False, at.bid, at.ask, at.offset)
    assert 1 <= buying < at.ask
    assert selling > at.bid
    if at.bid < at.ask:
        assert (at.bid - buying) * 10**6 < at.bid * at.offset + 10**6
        assert (selling - at.ask) * 10**6 < at.ask * at.offset + 10**6
        assert (at.bid - buying) * 10**6 >= at.bid * at.offset or buying in {1, at.ask - 1}
        assert (selling - at.ask) * 10**6 >= at.ask * at.offset


def takers_keep_their_cap(at: Touch) -> None:
    """Marketable, and never further than the cap: rounded towards the touch."""
    buying = planning.taker_price(True, at.bid, at.ask, at.cap)
    selling = planning.taker_price(False, at.bid, at.ask, at.cap)
    assert at.ask * 10**6 <= buying * 10**6 <= at.ask * (10**6 + at.cap)
    assert buying * 10**6 > at.ask * (10**6 + at.cap) - 10**6
    assert selling == 1 or at.bid * (10**6 - at.cap) <= selling * 10**6 <= at.bid * 10**6
    assert selling == 1 or selling * 10**6 < at.bid * (10**6 - at.cap) + 10**6


PRICE_RULES: list[Callable[[Touch], None]] = [makers_never_cross, takers_keep_their_cap]
