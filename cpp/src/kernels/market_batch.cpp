#include "mettle/market/batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "mettle/market/random.hpp"
#include "mettle/market/step.hpp"

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
    : table_(std::move(table)),
      fingerprint_(0),
      settings_(settings),
      shape_(shape),
      market_{},
      width_(0),
      spans_(std::move(spans)),
      pool_(shape.threads) {
    if (settings_.execution == Execution::kMaker) {
        waits_ = interpolate_waits(*table_, settings_.maker_wait);
    }
    market_ = table_->view(waits_.empty() ? nullptr : waits_.data());
    settings_.plain = is_plain(market_, settings_);
#if defined(METTLE_LANES)
    // A row needs room behind the portfolio for what the lanes write across its end.
    use_lanes_ = market_.feature_width > 0 && lanes::fits(market_, settings_, highest_price(*table_)) &&
                 __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (use_lanes_) lanes::prepare(market_, settings_, lane_terms_);
#endif
    width_ = observation_width(market_, shape_.mode, shape_.window);
    for (const Span& span : spans_) {
        starts_before_.push_back(starts_total_);
        starts_total_ += span.stop - span.first;
    }
    const std::size_t count = size_of(shape_.environments);
    const std::size_t cells = count * size_of(table_->assets);
    for (auto* one : {&cash, &equity, &peak, &bar, &last_bar, &episode, &final_equity}) {
        one->resize(count);
    }
    for (auto* one : {&lots, &basis, &high_water}) one->resize(cells);
    bars_held.resize(cells);
    length.resize(count);
    for (auto* one : {&moment_a, &moment_b, &returns, &final_returns}) one->resize(count);
    final_lengths.resize(count);
    final_observations.resize(count * size_of(width_));
    for (Output& one : outputs_) {
        one.observations.resize(count * size_of(width_));
        one.rewards.resize(count);
        one.terminated.resize(count);
        one.truncated.resize(count);
        one.done.resize(count);
    }
    fingerprint_ = fingerprint();
    reset(shape_.seed);
}

inline Account Batch::account(Int e) {
    const std::size_t k = size_of(e);
    const std::size_t cell = k * size_of(table_->assets);
    return {cash[k],         equity[k],      peak[k],
            moment_a[k],     moment_b[k],    lots.data() + cell,
            basis.data() + cell, high_water.data() + cell, bars_held.data() + cell};
}

inline void Batch::keep(Int e, const Account& account) {
    const std::size_t k = size_of(e);
    cash[k] = account.cash;
    equity[k] = account.equity;
    peak[k] = account.peak;
    moment_a[k] = account.moment_a;
    moment_b[k] = account.moment_b;
}

void Batch::begin_episode(Int e) {
    const std::size_t k = size_of(e);
    const std::uint64_t hash =
        episode_hash(shape_.seed, static_cast<std::uint64_t>(shape_.first_environment + e),
                     static_cast<std::uint64_t>(episode[k]));
    const auto start = static_cast<Int>(hash % static_cast<std::uint64_t>(starts_total_));
    const auto after = std::upper_bound(starts_before_.begin(), starts_before_.end(), start);
    const std::size_t span = static_cast<std::size_t>(after - starts_before_.begin()) - 1;
    bar[k] = spans_[span].first + start - starts_before_[span];
    last_bar[k] = spans_[span].last;
    if (shape_.episode_length > 0) {
        last_bar[k] = std::min(last_bar[k], bar[k] + shape_.episode_length);
    }
    length[k] = 0;
    returns[k] = 0.0;
    Account fresh = account(e);
    open_account(settings_, fresh, table_->assets);
    keep(e, fresh);
}

void Batch::reset(std::uint64_t seed) {
    shape_.seed = seed;
    for (Int e = 0; e < shape_.environments; ++e) {
        episode[size_of(e)] = 0;
        begin_episode(e);
    }
    observe_all();
}

void Batch::begin_all() {
    for (Int e = 0; e < shape_.environments; ++e) {
        episode[size_of(e)] += 1;
        begin_episode(e);
    }
    observe_all();
}

// Write what the agent sees before its first step; no reward has been earned and nothing is done.
void Batch::observe_all() {
    Output& out = outputs_[side_];
    for (Int e = 0; e < shape_.environments; ++e) {
        const std::size_t k = size_of(e);
        observe(market_, account(e), shape_.mode, shape_.window, bar[k],
                out.observations.data() + e * width_);
        out.rewards[k] = 0.0F;
        out.terminated[k] = out.truncated[k] = out.done[k] = 0;
    }
}

void Batch::finish_episode(Int e, const Account& account, Int now) {
    const std::size_t k = size_of(e);
    observe(market_, account, shape_.mode, shape_.window, now,
            final_observations.data() + e * width_);
    final_returns[k] = returns[k];
    final_lengths[k] = length[k];
    final_equity[k] = account.equity;
    episode[k] += 1;
    begin_episode(e);
}

// The rows of bars t and t + 1 lie side by side; that of t was read a whole sweep ago.
inline void Batch::prefetch_prices(Int e) const {
    const Int assets = market_.assets;
    prefetch_lines(market_.price + bar[size_of(e)] * assets,
                   2 * assets * static_cast<Int>(sizeof(Price)));
}

inline void Batch::prefetch_features(Int e) const {
    if (shape_.mode == Mode::kIndex) return;
    prefetch_lines(market_.features + (bar[size_of(e)] + 1) * market_.feature_width,
                   market_.feature_width * static_cast<Int>(sizeof(float)));
}

// Keep what a step left, and begin the next episode if this one is over; returns the account that
// the agent sees next.
inline Account Batch::settle(Int e, Account& account_now, Int now, const StepResult& result) {
    Output& out = outputs_[side_];
    const std::size_t k = size_of(e);
    bar[k] = now;
    length[k] += 1;
    returns[k] += result.reward;
    const bool truncated = !result.terminated && now == last_bar[k];
    const bool done = result.terminated || truncated;
    out.rewards[k] = static_cast<float>(result.reward);
    out.terminated[k] = static_cast<std::uint8_t>(result.terminated);
    out.truncated[k] = static_cast<std::uint8_t>(truncated);
    out.done[k] = static_cast<std::uint8_t>(done);
    keep(e, account_now);
    if (!done) return account_now;
    finish_episode(e, account_now, now);
    return account(e);
}

template <int A>
bool Batch::advance(Int begin, Int end, const float* actions) {
    float* observations = outputs_[side_].observations.data();
    const int assets = A > 0 ? A : market_.assets;
    bool overflow = false;
    for (Int e = begin; e < end; ++e) {
        if (e + kGroup < end) {
            prefetch_prices(e + kGroup);
            prefetch_features(e + kGroup);
        }
        Account one = account(e);
        const Int now = bar[size_of(e)] + 1;
        const StepResult result =
            market::step<A>(market_, settings_, one, now - 1, actions + e * assets, nullptr);
        overflow |= result.overflow;
        const Account next = settle(e, one, now, result);
        observe(market_, next, shape_.mode, shape_.window, bar[size_of(e)],
                observations + e * width_);
    }
    return overflow;
}

#if defined(METTLE_LANES)

// What a step writes is fetched, too.
inline void Batch::prefetch_output(Int e) const {
    const auto* row = reinterpret_cast<const char*>(outputs_[side_].observations.data() + e * width_);
    const Int bytes = std::min(width_ * static_cast<Int>(sizeof(float)), kMostWritten);
    for (Int offset = 0; offset < bytes; offset += kLineBytes) __builtin_prefetch(row + offset, 1);
}

inline lanes::Four Batch::four_at(Int e, const float* actions) {
    const std::size_t k = size_of(e);
    const std::size_t cell = k * size_of(market_.assets);
    const auto row = [this, k](std::size_t lane) {
        return market_.price + bar[k + lane] * market_.assets;
    };
    return {{row(0), row(1), row(2), row(3)},
            actions + e * market_.assets,
            cash.data() + k,
            equity.data() + k,
            lots.data() + cell,
            basis.data() + cell,
            bars_held.data() + cell};
}

// The close of four bars: marks, rewards, ends of episodes, and what the agents see.
template <int A>
__attribute__((target("avx2,fma"))) bool Batch::close_lanes(Int e, const lanes::Block<A>& block) {
    const std::size_t k = size_of(e);
    const int assets = A > 0 ? A : market_.assets;
    Output& out = outputs_[side_];
    float* rows = out.observations.data() + e * width_;
    const __m256i now = _mm256_add_epi64(lanes::four(bar.data() + k), _mm256_set1_epi64x(1));
    const __m256i over = _mm256_cmpeq_epi64(now, lanes::four(last_bar.data() + k));
    const lanes::V ruined =
        lanes::at_least(lanes::all(static_cast<double>(settings_.ruin_equity)), block.equity);
    const lanes::V special = _mm256_or_pd(ruined, _mm256_castsi256_pd(over));
    if (!lane_terms_.plain_reward || _mm256_movemask_pd(special) != 0) {
        double ends[lanes::kLanes];
        double traded[lanes::kLanes];
        _mm256_storeu_pd(ends, block.equity);
        _mm256_storeu_pd(traded, block.traded);
        bool overflow = false;
        for (Int lane = 0; lane < lanes::kLanes; ++lane) {
            Account one = account(e + lane);
            const Int t = bar[size_of(e + lane)] + 1;
            Context context{market_, settings_, nullptr, t, static_cast<Int>(traded[lane]), false};
            const StepResult result =
                close_bar(context, one, static_cast<Int>(ends[lane]), assets);
            overflow |= result.overflow;
            const Account next = settle(e + lane, one, t, result);
            observe(market_, next, shape_.mode, shape_.window, bar[size_of(e + lane)],
                    rows + lane * width_);
        }
        return overflow;
    }
    double growth[lanes::kLanes];
    _mm256_storeu_pd(growth, _mm256_div_pd(block.equity, block.before));
    for (double& one : growth) one = std::log(one);
    const lanes::V rewards = _mm256_loadu_pd(growth);
    _mm256_storeu_pd(returns.data() + k, _mm256_add_pd(_mm256_loadu_pd(returns.data() + k), rewards));
    _mm_storeu_ps(out.rewards.data() + k, _mm256_cvtpd_ps(rewards));
    std::memset(out.terminated.data() + k, 0, lanes::kLanes);
    std::memset(out.truncated.data() + k, 0, lanes::kLanes);
    std::memset(out.done.data() + k, 0, lanes::kLanes);
    lanes::store(equity.data() + k, block.equity);
    const __m256i highest = lanes::four(peak.data() + k);
    const __m256i mark = lanes::to_ints(block.equity);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(peak.data() + k),
                        _mm256_blendv_epi8(highest, mark, _mm256_cmpgt_epi64(mark, highest)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bar.data() + k), now);
    auto* ages = reinterpret_cast<__m128i*>(length.data() + k);
    _mm_storeu_si128(ages, _mm_add_epi32(_mm_loadu_si128(ages), _mm_set1_epi32(1)));
    lanes::observe_portfolio<A>(block, assets, width_, rows);
    const Int portfolio = portfolio_width(assets);
    for (Int lane = 0; lane < lanes::kLanes; ++lane) {
        const Int t = bar[k + size_of(lane)];
        float* to = rows + lane * width_ + portfolio;
        if (shape_.mode == Mode::kFlat) {
            lanes::copy_row(market_.features + t * market_.feature_width, market_.feature_width, to);
        } else {
            observe_features(market_, shape_.mode, shape_.window, t, to);
        }
    }
    return false;
}

// The same for four environments at a time, in the lanes of registers.
template <int A>
__attribute__((target("avx2,fma"))) bool Batch::advance_lanes(Int begin, Int end,
                                                              const float* actions) {
    const int assets = A > 0 ? A : market_.assets;
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
        lanes::step<A>(settings_, lane_terms_, fours, assets, blocks, count);
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
        switch (market_.assets) {
            case 1: raised = advance_some<1>(begin, end, actions); break;
            case 2: raised = advance_some<2>(begin, end, actions); break;
            case 4: raised = advance_some<4>(begin, end, actions); break;
            case 8: raised = advance_some<8>(begin, end, actions); break;
            default: raised = advance_some<0>(begin, end, actions); break;
        }
        if (raised) overflow.store(true, std::memory_order_relaxed);
    };
    const Int chunk = std::max(
        kSmallestChunk, shape_.environments / (Int{kChunksPerThread} * pool_.threads()) + 1);
    pool_.run(shape_.environments, chunk, body);
    return !overflow.load(std::memory_order_relaxed);
}

}  // namespace mettle::market
