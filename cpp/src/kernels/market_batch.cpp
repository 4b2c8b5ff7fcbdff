#include "mettle/market/batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace mettle::market {

namespace {

constexpr Int kGroup = 8;
constexpr int kBlocks = 4;
constexpr Int kSmallestChunk = 64;
constexpr int kChunksPerThread = 8;
constexpr Int kLineBytes = 64;
constexpr Int kMostWritten = 8 * kLineBytes;  // of a row, fetched before it is written

void prefetch_lines(const void* address, Int bytes) {
    const auto* at = static_cast<const char*>(address);
    for (Int offset = 0; offset < bytes; offset += kLineBytes) __builtin_prefetch(at + offset);
    __builtin_prefetch(at + bytes - 1);  // the row need not begin on a line
}

Int highest_price(const Table& table) {
    Int highest = 1;
    for (const Extremes& one : table.extremes) highest = std::max(highest, one.high);
    return highest;
}

std::size_t size_of(Int count) { return static_cast<std::size_t>(count); }

}  // namespace

Batch::Batch(std::shared_ptr<const Table> table, const Settings& settings, const BatchShape& shape,
             std::vector<Span> spans)
    : Batch(BatchSetup(std::move(table), settings, shape, std::move(spans))) {}

Batch::Batch(BatchSetup given)
    : setup(std::move(given)), state(setup), columns_{}, pool_(setup.shape().threads) {
#if defined(METTLE_LANES)
    const Market& market = setup.world().market;
    const Settings& settings = setup.world().settings;
    // A row needs room behind the portfolio for what the lanes write across its end.
    use_lanes_ = market.feature_width > 0 &&
                 lanes::fits(market, settings, highest_price(setup.table())) &&
                 __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (use_lanes_) lanes::prepare(market, settings, lane_terms_);
#endif
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

// The rows of bars t and t + 1 lie side by side; that of t was read a whole sweep ago.
inline void Batch::prefetch_prices(Int e) const {
    const Market& market = setup.world().market;
    const Int assets = market.assets;
    prefetch_lines(market.price + state.bar[size_of(e)] * assets,
                   2 * assets * static_cast<Int>(sizeof(Price)));
}

inline void Batch::prefetch_features(Int e) const {
    const World& world = setup.world();
    const Int floats = world.market.feature_width;
    if (world.mode == Mode::kIndex || floats == 0) return;
    prefetch_lines(world.market.features + (state.bar[size_of(e)] + 1) * floats,
                   floats * static_cast<Int>(sizeof(float)));
}

template <int A>
bool Batch::advance(Int begin, Int end, const float* actions) {
    const World& world = setup.world();
    const Columns& all = columns();
    const int assets = A > 0 ? A : world.market.assets;
    bool overflow = false;
    for (Int e = begin; e < end; ++e) {
        if (e + kGroup < end) {
            prefetch_prices(e + kGroup);
            prefetch_features(e + kGroup);
        }
        Account one = account_of(all.state, e, assets);
        const Played played = play<A>(world, all, state.seed, e, one, actions + e * assets,
                                      all.output.observations + e * world.width);
        overflow |= played.overflow;
        show_features(e, played);
    }
    return overflow;
}

#if defined(METTLE_LANES)

// What a step writes is fetched, too.
inline void Batch::prefetch_output(Int e) const {
    const auto* row = reinterpret_cast<const char*>(columns().output.observations + e * width());
    const Int bytes = std::min(width() * static_cast<Int>(sizeof(float)), kMostWritten);
    for (Int offset = 0; offset < bytes; offset += kLineBytes) __builtin_prefetch(row + offset, 1);
}

inline lanes::Four Batch::four_at(Int e, const float* actions) {
    const Market& market = setup.world().market;
    const StateColumns& columns = columns_[side_].state;
    const Int cell = e * market.assets;
    const auto row = [&](Int lane) { return market.price + columns.bar[e + lane] * market.assets; };
    return {{row(0), row(1), row(2), row(3)},
            actions + cell,
            columns.cash + e,
            columns.equity + e,
            columns.lots + cell,
            columns.basis + cell,
            columns.bars_held + cell};
}

// The close of four bars: marks, rewards, ends of episodes, and what the agents see.
template <int A>
__attribute__((target("avx2,fma"))) bool Batch::close_lanes(Int e, const lanes::Block<A>& block) {
    const World& world = setup.world();
    const Market& market = world.market;
    // Copies: what is written below could alias the originals, which would be read again each time.
    const StateColumns accounts = columns().state;
    const OutputColumns out = columns().output;
    const int assets = A > 0 ? A : market.assets;
    float* rows = out.observations + e * world.width;
    const __m256i now = _mm256_add_epi64(lanes::four(accounts.bar + e), _mm256_set1_epi64x(1));
    const __m256i over = _mm256_cmpeq_epi64(now, lanes::four(accounts.last_bar + e));
    const lanes::V ruined = lanes::at_least(
        lanes::all(static_cast<double>(world.settings.ruin_equity)), block.equity);
    const lanes::V special = _mm256_or_pd(ruined, _mm256_castsi256_pd(over));
    if (!lane_terms_.plain_reward || _mm256_movemask_pd(special) != 0) {
        double ends[lanes::kLanes];
        double traded[lanes::kLanes];
        _mm256_storeu_pd(ends, block.equity);
        _mm256_storeu_pd(traded, block.traded);
        bool overflow = false;
        for (Int lane = 0; lane < lanes::kLanes; ++lane) {
            Account one = account_of(accounts, e + lane, assets);
            const Int t = accounts.bar[e + lane] + 1;
            Context context{market, world.settings, nullptr, t, static_cast<Int>(traded[lane]), false};
            const StepResult result =
                close_bar(context, one, static_cast<Int>(ends[lane]), assets);
            const Played played = conclude(world, columns(), state.seed, e + lane, one, t, result,
                                           rows + lane * world.width);
            overflow |= played.overflow;
            show_features(e + lane, played);
        }
        return overflow;
    }
    double growth[lanes::kLanes];
    _mm256_storeu_pd(growth, _mm256_div_pd(block.equity, block.before));
    for (double& one : growth) one = std::log(one);
    const lanes::V rewards = _mm256_loadu_pd(growth);
    _mm256_storeu_pd(accounts.returns + e, _mm256_add_pd(_mm256_loadu_pd(accounts.returns + e), rewards));
    _mm_storeu_ps(out.rewards + e, _mm256_cvtpd_ps(rewards));
    std::memset(out.terminated + e, 0, lanes::kLanes);
    std::memset(out.truncated + e, 0, lanes::kLanes);
    std::memset(out.done + e, 0, lanes::kLanes);
    lanes::store(accounts.equity + e, block.equity);
    const __m256i highest = lanes::four(accounts.peak + e);
    const __m256i mark = lanes::to_ints(block.equity);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(accounts.peak + e),
                        _mm256_blendv_epi8(highest, mark, _mm256_cmpgt_epi64(mark, highest)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(accounts.bar + e), now);
    auto* ages = reinterpret_cast<__m128i*>(accounts.length + e);
    _mm_storeu_si128(ages, _mm_add_epi32(_mm_loadu_si128(ages), _mm_set1_epi32(1)));
    lanes::observe_portfolio<A>(block, assets, world.width, rows);
    const Int portfolio = portfolio_width(assets);
    for (Int lane = 0; lane < lanes::kLanes; ++lane) {
        const Int t = accounts.bar[e + lane];
        float* to = rows + lane * world.width + portfolio;
        if (world.mode == Mode::kFlat) {
            lanes::copy_row(market.features + t * market.feature_width, market.feature_width, to);
        } else {
            observe_features(market, world.mode, world.window, t, to);
        }
    }
    return false;
}

// The same for four environments at a time, in the lanes of registers.
template <int A>
__attribute__((target("avx2,fma"))) bool Batch::advance_lanes(Int begin, Int end,
                                                              const float* actions) {
    const Settings& settings = setup.world().settings;
    const int assets = A > 0 ? A : setup.world().market.assets;
    bool overflow = false;
    lanes::Block<A> blocks[kBlocks];
    lanes::Four fours[kBlocks];
    Int e = begin;
    while (e + lanes::kLanes <= end) {
        const int count = static_cast<int>(std::min<Int>(kBlocks, (end - e) / lanes::kLanes));
        for (int g = 0; g < count; ++g) {
            fours[g] = four_at(e + g * lanes::kLanes, actions);
        }
        const Int stop = e + count * lanes::kLanes;
        const Int ahead = std::min(stop + kBlocks * lanes::kLanes, end);
        // Spread over the step: a core keeps few misses in flight.
        for (Int k = e; k < stop; ++k) prefetch_output(k);
        lanes::step<A>(settings, lane_terms_, fours, assets, blocks, count);
        for (Int k = stop; k < ahead; ++k) prefetch_prices(k);
        for (int g = 0; g < count; ++g, e += lanes::kLanes) {
            const Int next = e + count * lanes::kLanes;
            for (Int k = next; k < std::min(next + lanes::kLanes, end); ++k) prefetch_features(k);
            overflow |= lanes::every(blocks[g].good) ? close_lanes<A>(e, blocks[g])
                                                     : advance<A>(e, e + lanes::kLanes, actions);
        }
    }
    return (e < end && advance<A>(e, end, actions)) || overflow;
}

#endif

template <int A>
bool Batch::advance_some(Int begin, Int end, const float* actions) {
#if defined(METTLE_LANES)
    if (use_lanes_) return advance_lanes<A>(begin, end, actions);
#endif
    return advance<A>(begin, end, actions);
}

bool Batch::step(const float* actions) {
    side_ = 1 - side_;
    std::atomic<bool> overflow{false};
    auto body = [&](Int begin, Int end) {
        bool raised = false;
        switch (setup.world().market.assets) {
            case 1: raised = advance_some<1>(begin, end, actions); break;
            case 2: raised = advance_some<2>(begin, end, actions); break;
            case 4: raised = advance_some<4>(begin, end, actions); break;
            case 8: raised = advance_some<8>(begin, end, actions); break;
            default: raised = advance_some<0>(begin, end, actions); break;
        }
        if (raised) overflow.store(true, std::memory_order_relaxed);
    };
    const Int chunk = std::max(
        kSmallestChunk, setup.shape().environments / (Int{kChunksPerThread} * pool_.threads()) + 1);
    pool_.run(setup.shape().environments, chunk, body);
    return !overflow.load(std::memory_order_relaxed);
}

}  // namespace mettle::market
