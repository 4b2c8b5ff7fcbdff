#include "mettle/market/batch.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "market_prefetch.hpp"

namespace mettle::market {

namespace {

constexpr Int kAhead = 8;  // environments
constexpr Int kChunkUnit = 128;  // environments: whole registers, of which the first few wait
constexpr int kChunksPerThread = 8;

Int highest_price(const Table& table) {
    Int highest = 1;
    for (const Extremes& one : table.extremes) highest = std::max(highest, one.high);
    return highest;
}

std::size_t size_of(Int count) { return static_cast<std::size_t>(count); }

}  // namespace

Batch::Batch(std::shared_ptr<const Table> table, const Settings& settings, const BatchShape& shape,
             std::vector<Span> spans, LaneLevel level)
    : Batch(BatchSetup(std::move(table), settings, shape, std::move(spans)), level) {}

Batch::Batch(BatchSetup given, LaneLevel level)
    : setup(std::move(given)), state(setup), columns_{}, pool_(setup.shape().threads) {
    const Market& market = setup.world().market;
    const Settings& settings = setup.world().settings;
    const lanes::Loop loop = lanes::loop_of(resolved(level));
    if (loop != nullptr && lanes::fits(market, settings, highest_price(setup.table()))) {
        level_ = resolved(level);
        lane_loop_ = loop;
        lane_terms_ = lanes::prepare(market, settings);
    }
    const std::size_t count = size_of(setup.shape().environments);
    const std::size_t floats = count * size_of(width());
    final_observations.resize(floats);
    final_returns.resize(count);
    final_lengths.resize(count);
    final_equity.resize(count);
    const EndColumns ends{final_observations.data(), final_returns.data(), final_lengths.data(),
                          final_equity.data()};
    for (std::size_t side = 0; side < 2; ++side) {
        Output& one = outputs_[side];
        one.observations.resize(floats);
        one.rewards.resize(count);
        one.terminated.resize(count);
        one.truncated.resize(count);
        one.done.resize(count);
        columns_[side] = {state.columns(),
                          {one.observations.data(), one.rewards.data(), one.terminated.data(),
                           one.truncated.data(), one.done.data()},
                          ends};
    }
    reset(setup.shape().seed);
}

void Batch::reset(std::uint64_t seed) {
    state.seed = seed;
    for (Int e = 0; e < setup.shape().environments; ++e) {
        begin(setup.world(), columns().state, seed, true, e);
    }
    show_all();
}

void Batch::begin_all() {
    for (Int e = 0; e < setup.shape().environments; ++e) {
        begin(setup.world(), columns().state, state.seed, false, e);
    }
    show_all();
}

const char* Batch::restore(const std::string& bytes) {
    const char* why = state.restore(setup, bytes);
    if (why == nullptr) show_all();
    return why;
}

// Write the features that belong to what was played, behind the portfolios.
inline void Batch::show_features(Int e, const Played& played) const {
    const World& world = setup.world();
    const Int at = e * world.width + portfolio_width(world.market.assets);
    if (played.ended != kNoBar) {
        observe_features(world.market, world.mode, world.window, played.ended,
                         columns().ends.observations + at);
    }
    observe_features(world.market, world.mode, world.window, played.shown,
                     columns().output.observations + at);
}

void Batch::show_all() {
    float* rows = columns().output.observations;
    for (Int e = 0; e < setup.shape().environments; ++e) {
        show_features(e, show(setup.world(), columns(), e, rows + e * width()));
    }
}

template <int A>
bool Batch::advance_known(Int begin, Int end, const float* actions) {
    const World& world = setup.world();
    const Columns& all = columns();
    const int assets = A > 0 ? A : world.market.assets;
    bool overflow = false;
    for (Int e = begin; e < end; ++e) {
        if (e + kAhead < end) {
            prefetch_prices(world, all.state, e + kAhead);
            prefetch_features<Near::kFirstCache>(world, all.state, e + kAhead);
        }
        Account one = account_of(all.state, e, assets);
        const Played played = play<A>(world, all, state.seed, e, one, actions + e * assets,
                                      all.output.observations + e * world.width);
        overflow |= played.overflow;
        show_features(e, played);
    }
    return overflow;
}

bool Batch::advance(Int begin, Int end, const float* actions) {
    switch (setup.world().market.assets) {
        case 1: return advance_known<1>(begin, end, actions);
        case 2: return advance_known<2>(begin, end, actions);
        case 4: return advance_known<4>(begin, end, actions);
        case 8: return advance_known<8>(begin, end, actions);
        default: return advance_known<0>(begin, end, actions);
    }
}

// What is left of a step after the mark.
bool Batch::close(Int e, Int equity, Int traded) {
    const World& world = setup.world();
    const int assets = world.market.assets;
    const Int t = state.bar[size_of(e)] + 1;
    Account one = account_of(columns().state, e, assets);
    Context context{world.market, world.settings, nullptr, t, traded, false};
    const StepResult result = close_bar(context, one, equity, assets);
    const Played played = conclude(world, columns(), state.seed, e, one, t, result,
                                   columns().output.observations + e * world.width);
    show_features(e, played);
    return played.overflow;
}

lanes::General Batch::general() {
    return {this,
            [](void* self, Int begin, Int end, const float* actions) {
                return static_cast<Batch*>(self)->advance(begin, end, actions);
            },
            [](void* self, Int e, Int equity, Int traded) {
                return static_cast<Batch*>(self)->close(e, equity, traded);
            },
            [](void* self, Int begin, Int end) {
                const auto& batch = *static_cast<const Batch*>(self);
                for (Int e = begin; e < end; ++e) {
                    batch.show_features(e, {batch.state.bar[size_of(e)], kNoBar, false});
                }
            }};
}

bool Batch::step(const float* actions) {
    side_ = 1 - side_;
    std::atomic<bool> overflow{false};
    const lanes::Work work{setup.world(), columns(), lane_terms_, general()};
    auto body = [&](Int begin, Int end) {
        const bool raised = lane_loop_ != nullptr ? lane_loop_(work, begin, end, actions)
                                                  : advance(begin, end, actions);
        if (raised) overflow.store(true, std::memory_order_relaxed);
    };
    const Int count = setup.shape().environments;
    const Int share = Int{kChunksPerThread} * pool_.threads() * kChunkUnit;
    pool_.run(count, (count + share - 1) / share * kChunkUnit, body);
    return !overflow.load(std::memory_order_relaxed);
}

}  // namespace mettle::market
