// What one environment does in a step, from its action to what its agent sees next. Plain pointers and
// no containers: the batch on the CPU and the threads of a GPU share every word of it.
#pragma once

#include "observe.hpp"
#include "random.hpp"
#include "step.hpp"

namespace mettle::market {

// A run of bars [first, stop) at which an episode may start; it ends at bar `last` at the latest.
struct Span {
    Int first;
    Int stop;
    Int last;
};

// Where episodes start and end.
struct Episodes {
    const Span* spans;
    const Int* starts_before;  // allowed starts before each span
    Int span_count;
    Int starts_total;
    Int first_environment;  // index of the first one in the whole population
    Int length;             // 0: to the end of the block
};

// What all environments of a batch share.
struct World {
    Market market;
    Settings settings;
    Episodes episodes;
    Mode mode;
    Int window;
    Int width;  // floats in one observation
};

// Arrays with one entry an environment, or an asset of one (environment-major).
struct StateColumns {
    Int* cash;
    Int* equity;
    Int* peak;
    Int* lots;
    Int* basis;
    Int* high_water;
    Int* bar;
    Int* last_bar;
    Int* episode;
    std::int32_t* bars_held;
    std::int32_t* length;
    double* moment_a;
    double* moment_b;
    double* returns;
};

struct OutputColumns {
    float* observations;
    float* rewards;
    std::uint8_t* terminated;
    std::uint8_t* truncated;
    std::uint8_t* done;
};

// Written at the end of an episode only.
struct EndColumns {
    float* observations;
    double* returns;
    std::int32_t* lengths;
    Int* equity;
};

struct Columns {
    StateColumns state;
    OutputColumns output;
    EndColumns ends;
};

// What is left to be shown of an environment: the features of bar `shown` and, where its episode has
// ended, those of bar `ended` in its last observation.
struct Played {
    Int shown;
    Int ended;  // kNoBar: it goes on
    bool overflow;
};

inline constexpr Int kNoBar = -1;

METTLE_HD Account account_of(const StateColumns& state, Int e, int assets) {
    const Int cell = e * assets;
    return {state.cash[e],      state.equity[e],        state.peak[e],
            state.moment_a[e],  state.moment_b[e],      state.lots + cell,
            state.basis + cell, state.high_water + cell, state.bars_held + cell};
}

METTLE_HD void keep_account(const StateColumns& state, Int e, const Account& account) {
    state.cash[e] = account.cash;
    state.equity[e] = account.equity;
    state.peak[e] = account.peak;
    state.moment_a[e] = account.moment_a;
    state.moment_b[e] = account.moment_b;
}

// Index of the span that holds the start of that rank among all of them.
METTLE_HD Int span_of(const Episodes& episodes, Int start) {
    Int low = 0;
    Int high = episodes.span_count;
    while (high - low > 1) {
        const Int middle = low + (high - low) / 2;
        if (episodes.starts_before[middle] <= start) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

// Draw a start and open the account that plays from there.
METTLE_HD void begin_episode(const World& world, const StateColumns& state, std::uint64_t seed, Int e,
                             Account& account) {
    const Episodes& episodes = world.episodes;
    const std::uint64_t hash =
        episode_hash(seed, static_cast<std::uint64_t>(episodes.first_environment + e),
                     static_cast<std::uint64_t>(state.episode[e]));
    const auto start = static_cast<Int>(hash % static_cast<std::uint64_t>(episodes.starts_total));
    const Int span = span_of(episodes, start);
    const Int first = episodes.spans[span].first + start - episodes.starts_before[span];
    const Int last = episodes.spans[span].last;
    state.bar[e] = first;
    state.last_bar[e] = episodes.length > 0 ? smaller(last, first + episodes.length) : last;
    state.length[e] = 0;
    state.returns[e] = 0.0;
    open_account(world.settings, account, world.market.assets);
    keep_account(state, e, account);
}

// What a step left: true if the episode is over.
METTLE_HD bool settle(const Columns& columns, Int e, const Account& account, Int now,
                      const StepResult& result) {
    const StateColumns& state = columns.state;
    const OutputColumns& output = columns.output;
    state.bar[e] = now;
    state.length[e] += 1;
    state.returns[e] += result.reward;
    const bool truncated = !result.terminated && now == state.last_bar[e];
    const bool done = result.terminated || truncated;
    output.rewards[e] = static_cast<float>(result.reward);
    output.terminated[e] = static_cast<std::uint8_t>(result.terminated);
    output.truncated[e] = static_cast<std::uint8_t>(truncated);
    output.done[e] = static_cast<std::uint8_t>(done);
    keep_account(state, e, account);
    return done;
}

// Keep the end of an episode, its last features aside, and begin the next one.
METTLE_HD void turn_over(const World& world, const Columns& columns, std::uint64_t seed, Int e,
                         Account& account, Int now) {
    const EndColumns& ends = columns.ends;
    observe_portfolio(world.market, account, now, ends.observations + e * world.width);
    ends.returns[e] = columns.state.returns[e];
    ends.lengths[e] = columns.state.length[e];
    ends.equity[e] = account.equity;
    columns.state.episode[e] += 1;
    begin_episode(world, columns.state, seed, e, account);
}

// Everything after the step itself; the portfolio that the agent sees next goes to `portfolio`.
METTLE_HD Played conclude(const World& world, const Columns& columns, std::uint64_t seed, Int e,
                          Account& account, Int now, const StepResult& result, float* portfolio) {
    const bool done = settle(columns, e, account, now, result);
    if (done) turn_over(world, columns, seed, e, account, now);
    const Int shown = columns.state.bar[e];
    observe_portfolio(world.market, account, shown, portfolio);
    return {shown, done ? now : kNoBar, result.overflow};
}

// Step environment e, whose account is given: A is the number of assets, 0 if known at run time only.
template <int A>
METTLE_HD Played play(const World& world, const Columns& columns, std::uint64_t seed, Int e,
                      Account& account, const float* actions, float* portfolio) {
    const Int now = columns.state.bar[e] + 1;
    const StepResult result =
        step<A>(world.market, world.settings, account, now - 1, actions, nullptr);
    return conclude(world, columns, seed, e, account, now, result, portfolio);
}

// Begin the first episode of `seed`, or the next one.
METTLE_HD void begin(const World& world, const StateColumns& state, std::uint64_t seed, bool first,
                     Int e) {
    Account account = account_of(state, e, world.market.assets);
    state.episode[e] = first ? 0 : state.episode[e] + 1;
    begin_episode(world, state, seed, e, account);
}

// What an agent sees before a step: no reward has been earned and nothing is done.
METTLE_HD Played show(const World& world, const Columns& columns, Int e, float* portfolio) {
    const OutputColumns& output = columns.output;
    const Account account = account_of(columns.state, e, world.market.assets);
    output.rewards[e] = 0.0F;
    output.terminated[e] = output.truncated[e] = output.done[e] = 0;
    observe_portfolio(world.market, account, columns.state.bar[e], portfolio);
    return {columns.state.bar[e], kNoBar, false};
}

}  // namespace mettle::market
