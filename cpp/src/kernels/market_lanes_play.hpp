// The loop of a batch's lanes: steps of groups of environments, the closes of their bars, and what
// their agents see. The file that includes it defines the registers for its level.

#include <cmath>
#include <cstring>

#include "market_lanes_step.hpp"
#include "market_prefetch.hpp"

namespace mettle::market::lanes {
namespace {

constexpr int kBlocks = 4;
constexpr int kTogether = kBlocks * kLanes;  // environments
constexpr Int kFar = 64;                     // environments ahead whose features are asked for

// Not `smaller`, of which every file shares one.
METTLE_LANES Int not_after(Int e, Int end) { return e < end ? e : end; }

// Rows of features are short: a call to copy one costs as much as the copy.
METTLE_LANES void copy_row(const float* from, Int count, float* to) {
    Int at = 0;
    if (count < 8) {
        for (; at < count; ++at) to[at] = from[at];
        return;
    }
    // The last eight may overlap those before.
    for (; at < count - 8; at += 8) _mm256_storeu_ps(to + at, _mm256_loadu_ps(from + at));
    _mm256_storeu_ps(to + count - 8, _mm256_loadu_ps(from + count - 8));
}

// See observe_portfolio; rows `width` floats apart, each with room behind the portfolio.
template <int A>
METTLE_LANES void show_portfolios(const Block<A>& block, int assets, Int width, float* rows) {
    scatter(rows, width, narrow(block.cash / block.equity));
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V value = block.value[i];
        const V basis = block.price[i];
        const M flat = equal(basis, V{});
        const V gain = except(flat, value - basis);
        // Of whole numbers under 2^24 the quotient in float32 is that of float64, rounded.
        scatter_three(rows + 1 + 3 * i, width, narrow(value / block.equity),
                      narrow(gain / pick(flat, all(1.0), basis)),
                      over_hundred(floats(block.age[i])));
    }
}

METTLE_LANES void show_features(const Work& work, Int e, const StateColumns& accounts,
                                float* rows) {
    const World& world = work.world;
    if (world.mode != Mode::kFlat) return work.general.show(work.general.self, e, e + kLanes);
    const Market& market = world.market;
    for (Int lane = 0; lane < kLanes; ++lane) {
        copy_row(market.features + accounts.bar[e + lane] * market.feature_width,
                 market.feature_width, rows + lane * world.width);
    }
}

// Rewards by logarithms that are the library's, one by one: the same on every path.
METTLE_LANES V logarithms(V growth) {
    double values[kLanes];
    store(values, growth);
    for (double& one : values) one = std::log(one);
    return load(values);
}

// The closes of bars at which an episode ends, or with a reward of another kind.
template <int A>
bool close_each(const Work& work, Int e, const Block<A>& block) {
    double ends[kLanes];
    double traded[kLanes];
    store(ends, block.equity);
    store(traded, block.traded);
    bool overflow = false;
    for (Int lane = 0; lane < kLanes; ++lane) {
        overflow |= work.general.close(work.general.self, e + lane, static_cast<Int>(ends[lane]),
                                       static_cast<Int>(traded[lane]));
    }
    return overflow;
}

// The close of the group's bars: marks, rewards, ends of episodes, and what the agents see. Not
// inlined, so that a profile tells it from the rest.
template <int A>
__attribute__((noinline)) bool close_lanes(const Work& work, Int e, const Block<A>& block) {
    const World& world = work.world;
    // Copies: what is written below could alias the originals, which would be read again each time.
    const StateColumns accounts = work.columns.state;
    const OutputColumns out = work.columns.output;
    const int assets = A > 0 ? A : world.market.assets;
    const Ints now = successor(load(accounts.bar + e));
    const M over = equal(now, load(accounts.last_bar + e));
    const M ruined = at_least(all(static_cast<double>(world.settings.ruin_equity)), block.equity);
    if (!work.terms.plain_reward || any(either(ruined, over))) return close_each(work, e, block);
    const V rewards = logarithms(block.equity / block.before);
    store(accounts.returns + e, load(accounts.returns + e) + rewards);
    store(out.rewards + e, narrow(rewards));
    std::memset(out.terminated + e, 0, kLanes);
    std::memset(out.truncated + e, 0, kLanes);
    std::memset(out.done + e, 0, kLanes);
    const Ints mark = to_ints(block.equity);
    store(accounts.equity + e, mark);
    store(accounts.peak + e, most(mark, load(accounts.peak + e)));
    store(accounts.bar + e, now);
    store(accounts.length + e, successor(load(accounts.length + e)));
    float* rows = out.observations + e * world.width;
    show_portfolios<A>(block, assets, world.width, rows);
    show_features(work, e, accounts, rows + 1 + 3 * assets);
    return false;
}

METTLE_LANES Group group_at(const Work& work, Int e, const float* actions) {
    const Market& market = work.world.market;
    const StateColumns& state = work.columns.state;
    const Int cell = e * market.assets;
    Group group{{},
                actions + cell,
                state.cash + e,
                state.equity + e,
                state.lots + cell,
                state.basis + cell,
                state.bars_held + cell};
#pragma GCC unroll 8
    for (int lane = 0; lane < kLanes; ++lane) {
        group.price[lane] = market.price + state.bar[e + lane] * market.assets;
    }
    return group;
}

// What the memory is asked for while a group is in a pass of its step. All of it is spread over the
// passes, since a core keeps few misses in flight.
METTLE_LANES void fetch(const Work& work, Int e, Int end, int pass) {
    constexpr int kReading = kPasses - 2;
    constexpr Int kRows = kLanes / kReading;
    constexpr Int kOutputs = kLanes / 2;
    if (pass < kReading) {
        const Int from = e + kFar + pass * kRows;
        for (Int k = from; k < not_after(from + kRows, end); ++k) {
            prefetch_features<Near::kSecondCache>(work.world, work.columns.state, k);
        }
    } else {
        const Int from = e + (pass - kReading) * kOutputs;
        for (Int k = from; k < from + kOutputs; ++k) {
            prefetch_output(work.world, work.columns.output, k);
        }
    }
}

template <int A>
bool advance_lanes(const Work& work, Int begin, Int end, const float* actions) {
    const World& world = work.world;
    const StateColumns& state = work.columns.state;
    const General& general = work.general;
    const int assets = A > 0 ? A : world.market.assets;
    bool overflow = false;
    Block<A> blocks[kBlocks];
    Group groups[kBlocks];
    for (Int k = begin; k < not_after(begin + kTogether, end); ++k) {
        prefetch_prices(world, state, k);
    }
    for (Int k = begin; k < not_after(begin + kFar, end); ++k) {
        prefetch_features<Near::kSecondCache>(world, state, k);
    }
    Int e = begin;
    while (e + kLanes <= end) {
        const Int left = (end - e) / kLanes;
        const int count = left < kBlocks ? static_cast<int>(left) : kBlocks;
        for (int g = 0; g < count; ++g) groups[g] = group_at(work, e + g * kLanes, actions);
        const Int first = e;
        step<A>(world.settings, work.terms, groups, assets, blocks, count, [&](int pass, int g) {
            fetch(work, first + g * kLanes, end, pass);
        });
        for (int g = 0; g < count; ++g, e += kLanes) {
            const Int next = e + kTogether;
            for (Int k = next; k < not_after(next + kLanes, end); ++k) {
                prefetch_prices(world, state, k);
            }
            overflow |= every(blocks[g].good)
                            ? close_lanes<A>(work, e, blocks[g])
                            : general.advance(general.self, e, e + kLanes, actions);
        }
    }
    return (e < end && general.advance(general.self, e, end, actions)) || overflow;
}

bool play(const Work& work, Int begin, Int end, const float* actions) {
    switch (work.world.market.assets) {
        case 1: return advance_lanes<1>(work, begin, end, actions);
        case 2: return advance_lanes<2>(work, begin, end, actions);
        case 4: return advance_lanes<4>(work, begin, end, actions);
        case 8: return advance_lanes<8>(work, begin, end, actions);
        default: return advance_lanes<0>(work, begin, end, actions);
    }
}

}  // namespace
}  // namespace mettle::market::lanes
