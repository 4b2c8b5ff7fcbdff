#include "mettle/market/sweep.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "mettle/market/step.hpp"
#include "mettle/market/thread_pool.hpp"
#include "sweep_levels.hpp"

namespace mettle::market {

namespace {

constexpr double kNothing = 1e-200;

// One pair's account in whole numbers, and what its fills add up to.
struct Book {
    Int cash;
    Int lots;
    Int basis;
    Int high_water;
    std::int32_t bars_held;
    Int fees;
    Int fills;
    Wide turnover;
    Int ruined_at;
};

struct Player {
    const Market& market;
    const Settings& settings;
    bool plain;
    Book books[kSweepBlock];
    int failed;  // lane that left 64 bits first, or -1
    Int failed_at;

    Account account(Book& book, Int equity) const {
        return {book.cash, equity,     equity,           0.0, 0.0, &book.lots,
                &book.basis, &book.high_water, &book.bars_held};
    }
    bool trade(SweepBlock& block, int lane, Int t, double action);
    bool trade_quickly(Book& book, Int t, float action, Int& equity) const;
    bool step_fully(Book& book, Int t, float action, Int& equity) const;
};

// The commonest market, without a list of fills: there is one at most, and it is what changed.
bool Player::trade_quickly(Book& book, Int t, float action, Int& equity) const {
    const Int held = book.lots;
    const Int basis = book.basis;
    Account account = this->account(book, equity);
    Context context{market, settings, nullptr, t + 1, 0, false};
    if (!trade_plain<1>(context, account, &action, 1, false)) return false;
    const Int marked = mark(context, account, 1);
    if (context.overflow || marked <= settings.ruin_equity) {
        book.lots = held;
        book.basis = basis;
        return false;
    }
    const Int moved = book.lots - held;
    if (moved != 0) {
        book.fees += book.cash - account.cash - (moved > 0 ? context.traded : -context.traded);
        book.fills += 1;
        book.turnover += context.traded;
    }
    book.cash = account.cash;
    equity = marked;
    return true;
}

bool Player::step_fully(Book& book, Int t, float action, Int& equity) const {
    Account account = this->account(book, equity);
    Fill fills[kMaxFillsPerAsset];
    Int funding = 0;
    Trace trace{fills, 0, &funding};
    const StepResult result = step<1>(market, settings, account, t, &action, &trace);
    bool overflow = result.overflow;
    for (int i = 0; i < trace.count; ++i) {
        book.fees = add(book.fees, fills[i].fee, overflow);
        book.turnover += notional(fills[i].lots, fills[i].ticks, market.terms[0].unit, overflow);
    }
    book.fills += trace.count;
    book.cash = account.cash;
    equity = account.equity;
    if (result.terminated) book.ruined_at = t + 1;
    return !overflow;
}

bool Player::trade(SweepBlock& block, int lane, Int t, double action) {
    Book& book = books[lane];
    // Of whole numbers: the lane's own mark may have been rounded.
    bool overflow = false;
    const Int held = notional(book.lots, market.price[t].close, market.terms[0].unit, overflow);
    Int equity = add(book.cash, held, overflow);
    const auto given = static_cast<float>(action);
    if (overflow || (!(plain && trade_quickly(book, t, given, equity)) &&
                     !step_fully(book, t, given, equity))) {
        if (failed < 0 || t < failed_at || (t == failed_at && lane < failed)) {
            failed = lane;
            failed_at = t;
        }
        return false;
    }
    block.cash[lane] = static_cast<double>(book.cash);
    block.lots[lane] = static_cast<double>(book.lots);
    block.equity[lane] = static_cast<double>(equity);
    const bool exact = std::fabs(block.cash[lane]) < kExactLimit &&
                       std::fabs(block.lots[lane]) < kExactLimit &&
                       std::fabs(block.equity[lane]) < kExactLimit;
    block.limit[lane] = exact ? kExactLimit : 0.0;
    if (book.ruined_at >= 0) {
        block.alive[lane] = 0.0;
        // Nothing left would be 0 / 0 at the next mark; what is left is read from the book.
        if (equity == 0) block.cash[lane] = block.equity[lane] = kNothing;
    }
    return true;
}

bool event(void* self, SweepBlock& block, int lane, Int t, double action) {
    return static_cast<Player*>(self)->trade(block, lane, t, action);
}

Int highest_close(const Market& market, Int stop) {
    Int highest = 0;
    for (Int t = 0; t < stop; ++t) highest = larger(highest, market.price[t].close);
    return highest;
}

SweepWorld world_of(const Market& market, const Settings& settings, const SweepPlan& plan) {
    const Terms& terms = market.terms[0];
    const auto unit = static_cast<double>(terms.unit);
    const Int weight = smaller(smaller(kActionScale, settings.max_weight), settings.gross_limit);
    const bool targets = settings.scheme == Scheme::kTargetWeight;
    const bool levels =
        settings.leverage > 1 || settings.stop_loss > 0 || settings.trailing_stop > 0;
    SweepWorld world{};
    world.price = market.price;
    world.funding = market.funding;
    world.missing = market.missing;
    world.start = plan.start;
    world.stop = plan.stop;
    world.tick = plan.tick;
    world.unit = unit;
    world.below = plan.allow_short && (settings.allow_short || !targets) ? -1.0 : 0.0;
    world.share = static_cast<double>(weight) / static_cast<double>(kActionScale);
    world.rounding = weight == kActionScale ? 0.0 : kSlack;
    world.band = static_cast<double>(settings.rebalance_band) /
                 static_cast<double>(kActionScale) * (1.0 - kSlack);
    world.more = static_cast<double>(terms.min_notional) * (1.0 - kSlack);
    world.less = terms.perpetual ? 0.0 : world.more;
    world.ruin_equity = static_cast<double>(settings.ruin_equity);
    world.may_hold = targets && !levels &&
                     static_cast<double>(highest_close(market, plan.stop)) * unit < kExactLimit;
    world.event = event;
    return world;
}

// Sums of the first closes that are there, by their number: the seeds of the averages.
std::vector<Int> first_sums(const Market& market, const SweepPlan& plan) {
    std::int32_t longest = 0;
    for (Int k = 0; k < plan.count; ++k) {
        longest = std::max({longest, plan.pairs[k].fast, plan.pairs[k].slow});
    }
    std::vector<Int> sums(static_cast<std::size_t>(longest) + 1);
    std::size_t seen = 0;
    for (Int t = 0; t < plan.stop && seen + 1 < sums.size(); ++t) {
        if (market.missing != nullptr && market.missing[t] != 0) continue;
        sums[seen + 1] = sums[seen] + market.price[t].close;
        ++seen;
    }
    return sums;
}

void set_average(int period, const std::vector<Int>& sums, double& value, double& weight,
                 double& bars) {
    value = static_cast<double>(sums[static_cast<std::size_t>(period)]) / period;
    weight = 2.0 / (period + 1);
    bars = period;
}

void open_lanes(const SweepPlan& plan, const Settings& settings, const std::vector<Int>& sums,
                Int first, SweepBlock& block, Player& player) {
    const auto cash = static_cast<double>(settings.initial_cash);
    for (int k = 0; k < kSweepBlock; ++k) {
        // Lanes without a pair repeat the last one and never trade.
        const EmaPair pair = plan.pairs[smaller(first + k, plan.count - 1)];
        set_average(pair.fast, sums, block.fast[k], block.fast_weight[k], block.fast_period[k]);
        set_average(pair.slow, sums, block.slow[k], block.slow_weight[k], block.slow_period[k]);
        block.alive[k] = first + k < plan.count ? 1.0 : 0.0;
        block.limit[k] = cash < kExactLimit ? kExactLimit : 0.0;
        block.cash[k] = block.equity[k] = block.peak[k] = cash;
        block.lots[k] = block.sum[k] = block.square[k] = 0.0;
        block.worst[k] = 1.0;
        player.books[k] = {settings.initial_cash, 0, 0, 0, 0, 0, 0, 0, -1};
    }
}

void keep_results(const SweepPlan& plan, const Market& market, Int first, const SweepBlock& block,
                  const Player& player, SweepOutput& output) {
    const Int last = smaller(plan.count - first, kSweepBlock);
    const auto returns = static_cast<double>(plan.stop - plan.start - 1);
    for (Int k = 0; k < last; ++k) {
        const Book& book = player.books[k];
        const Int row = first + k;
        const double mean = block.sum[k] / returns;
        const double spread = block.square[k] - block.sum[k] * mean;
        output.equity[row] =
            book.cash + book.lots * market.price[plan.stop - 1].close * market.terms[0].unit;
        output.fees[row] = book.fees;
        output.fills[row] = book.fills;
        output.ruined_at[row] = book.ruined_at;
        output.turnover[row] = static_cast<double>(book.turnover);
        output.mean[row] = mean;
        output.deviation[row] = returns > 1.0 ? std::sqrt(std::max(spread, 0.0) / (returns - 1.0)) : 0.0;
        output.drawdown[row] = std::clamp(1.0 - block.worst[k], 0.0, 1.0);
    }
}

SweepLoop loop_of(LaneLevel level) {
#if defined(__x86_64__)
    const LaneLevel found = resolved(level);
    if (found == LaneLevel::kAvx512) return sweep_avx512;
    if (found == LaneLevel::kAvx2) return sweep_avx2;
#else
    static_cast<void>(level);
#endif
    return sweep_portable;
}

}  // namespace

Int run_sweep(const Market& market, const Settings& given, const SweepPlan& plan,
              SweepOutput& output) {
    Settings settings = given;
    settings.plain = is_plain(market, settings);
    const bool plain = settings.plain && settings.stop_loss == 0 && settings.trailing_stop == 0;
    const SweepWorld shared = world_of(market, settings, plan);
    const SweepLoop loop = loop_of(plan.level);
    const std::vector<Int> sums = first_sums(market, plan);
    std::atomic<Int> failed{plan.count};
    auto body = [&](Int begin, Int end) {
        for (Int number = begin; number < end; ++number) {
            const Int first = number * kSweepBlock;
            SweepBlock block;
            Player player{market, settings, plain, {}, -1, 0};
            open_lanes(plan, settings, sums, first, block, player);
            SweepWorld world = shared;
            world.self = &player;
            loop(world, block);
            if (player.failed < 0) {
                keep_results(plan, market, first, block, player, output);
                continue;
            }
            const Int pair = first + player.failed;
            Int before = failed.load();
            while (pair < before && !failed.compare_exchange_weak(before, pair)) {
            }
        }
    };
    const Int blocks = (plan.count + kSweepBlock - 1) / kSweepBlock;
    ThreadPool pool(static_cast<int>(smaller(plan.threads, blocks)));
    pool.run(blocks, 1, body);
    return failed.load() < plan.count ? failed.load() : -1;
}

}  // namespace mettle::market
