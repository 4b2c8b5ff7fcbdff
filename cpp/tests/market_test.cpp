// The market's batch, step and arithmetic. Parity with the plain Python reference is tested there.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "mettle/market/backtest.hpp"
#include "mettle/market/batch.hpp"
#include "mettle/market/random.hpp"

using namespace mettle::market;

namespace {

constexpr Int kCash = 1'000'000'000'000;

Settings plain_settings() {
    Settings settings{};
    settings.initial_cash = kCash;
    settings.max_weight = 10'000;
    settings.gross_limit = 10'000;
    settings.threshold = 3'000;
    settings.increment = 2'500;
    settings.slippage = 500;
    settings.maker_wait = 120;
    settings.stop_limit_offset = 5'000;
    settings.leverage = 1;
    settings.maintenance_margin = 5'000;
    settings.liquidation_fee = 5'000;
    settings.soft_margin = 8'000;
    settings.hard_margin = 9'000;
    settings.ruin_level = 1'000;
    settings.reward_halflife = 256;
    derive(settings);
    return settings;
}

Settings margin_settings() {
    Settings settings = plain_settings();
    settings.allow_short = true;
    settings.leverage = 5;
    settings.gross_limit = 50'000;
    settings.max_weight = 30'000;
    settings.execution = Execution::kMaker;
    settings.stop_loss = 20'000;
    settings.trailing_stop = 30'000;
    settings.participation = 100'000;
    settings.reward = Reward::kDifferentialSharpe;
    derive(settings);
    return settings;
}

std::shared_ptr<Table> make_table(int assets, Int bars, bool rough) {
    std::mt19937_64 random(7);
    std::normal_distribution<double> normal;
    const auto count = static_cast<std::size_t>(bars * assets);
    std::vector<Int> open(count), high(count), low(count), close(count), volume(count, 100'000);
    std::vector<Int> funding(count, 0), nothing(count, 0);
    std::vector<std::uint8_t> missing(count, 0);
    std::vector<double> price(static_cast<std::size_t>(assets), 4e6);
    std::vector<Int> last(static_cast<std::size_t>(assets), 4'000'000);
    for (std::size_t k = 0; k < count; ++k) {
        const std::size_t i = k % static_cast<std::size_t>(assets);
        price[i] *= std::exp(normal(random) * (rough ? 0.03 : 0.008));
        open[k] = last[i];
        close[k] = last[i] = std::max<Int>(1, static_cast<Int>(price[i]));
        high[k] = std::max(open[k], close[k]) + 1'000;
        low[k] = std::max<Int>(1, std::min(open[k], close[k]) - 1'000);
        if (rough && k % 8 == 3) funding[k] = 10'000;
    }
    std::vector<float> features(count * 3);
    for (float& one : features) one = static_cast<float>(normal(random));
    auto table = std::make_shared<Table>();
    table->bar_seconds = 3600;
    for (int i = 0; i < assets; ++i) table->terms.push_back({10 + i, 200, 1'000, 500'000, rough});
    fill_table(*table, {bars, assets, 3 * assets, open.data(), high.data(), low.data(),
                        close.data(), volume.data(), missing.data(), funding.data(),
                        nothing.data(), features.data()});
    return table;
}

std::vector<float> make_actions(std::size_t count, unsigned seed, bool odd) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(odd ? -1.2F : -1.0F, odd ? 1.2F : 1.0F);
    std::vector<float> actions(count);
    for (float& one : actions) one = uniform(random);
    return actions;
}

Batch make_batch(const std::shared_ptr<Table>& table, const Settings& settings, Int environments,
                 int threads, Int first = 0, Mode mode = Mode::kFlat, Int window = 1) {
    return {table, settings,
            BatchShape{environments, first, 11, 20, window, mode, threads},
            {{window - 1, table->bars - 1, table->bars - 1}}};
}

template <class T>
bool same_bytes(const Lines<T>& a, const Lines<T>& b, std::size_t from = 0) {
    return std::memcmp(a.data() + from, b.data(), b.size() * sizeof(T)) == 0;
}

}  // namespace

TEST_CASE("divisions floor and round half to even") {
    CHECK(floor_divide(-7, 2) == -4);
    CHECK(ceil_divide(-7, 2) == -3);
    CHECK(ceil_divide(7, 2) == 4);
    CHECK(fee_of(2'500'000, 1) == 2);   // 2.5 to 2
    CHECK(fee_of(3'500'000, 1) == 4);   // 3.5 to 4
    bool overflow = false;
    CHECK(scale_half_even<10>(-5, 1, overflow) == 0);    // -0.5 to 0
    CHECK(scale_half_even<10>(-15, 1, overflow) == -2);  // -1.5 to -2
    CHECK(round_half_even(2.5) == 2);
    CHECK(round_half_even(-0.5) == 0);
    CHECK_FALSE(overflow);
}

TEST_CASE("products and quotients equal those of 128 bits") {
    std::mt19937_64 random(3);
    for (int k = 0; k < 200'000; ++k) {
        const Int a = static_cast<Int>(random() >> (1 + random() % 62));
        const Int b = static_cast<Int>(random() >> (1 + random() % 62));
        const Int c = static_cast<Int>(random() >> (1 + random() % 62)) + 1;
        const Wide exact = static_cast<Wide>(a) * b / c;
        REQUIRE(multiply_divide(a, b, c) == saturated(exact));
        REQUIRE(divide(a, c) == a / c);
        const Int rate = b % (kRateScale + 1);
        bool overflow = false;
        REQUIRE(scale_down<kRateScale>(a, rate, overflow) ==
                static_cast<Int>(static_cast<Wide>(a) * rate / kRateScale));
        REQUIRE_FALSE(overflow);
    }
}

TEST_CASE("what a GPU does for a product and a sum is what the processor does") {
    std::mt19937_64 random(5);
    for (int k = 0; k < 200'000; ++k) {
        const auto a = static_cast<Int>(random()) >> (random() % 64);
        const auto b = static_cast<Int>(random()) >> (random() % 64);
        bool here = false;
        bool there = false;
        REQUIRE(narrowed(static_cast<Wide>(a) * b, there) == multiply(a, b, here));
        REQUIRE(there == here);
        here = there = false;
        REQUIRE(narrowed(static_cast<Wide>(a) + b, there) == add(a, b, here));
        REQUIRE(there == here);
    }
}

TEST_CASE("overflow is told, not wrapped") {
    bool overflow = false;
    multiply(Int{1} << 40, Int{1} << 30, overflow);
    CHECK(overflow);
    overflow = false;
    add(kLargest, 1, overflow);
    CHECK(overflow);
}

TEST_CASE("the generator is splitmix64") {
    CHECK(mix(0) == 0xE220A8397B1DCDAFULL);  // first output of the reference for seed 0
}

TEST_CASE("the pool visits every index once, again and again") {
    for (const int threads : {1, 2, 5}) {
        ThreadPool pool(threads);
        std::vector<std::atomic<int>> visits(1'000);
        auto body = [&visits](std::int64_t begin, std::int64_t end) {
            for (std::int64_t k = begin; k < end; ++k) ++visits[static_cast<std::size_t>(k)];
        };
        for (int round = 0; round < 50; ++round) pool.run(1'000, 7, body);
        for (const auto& one : visits) REQUIRE(one == 50);
    }
}

TEST_CASE("a pool's threads that wake late miss a run, and no run touches another") {
    ThreadPool pool(4);
    for (int round = 0; round < 400; ++round) {
        // Sleepers wake while this run is over, or the next one under way.
        if (round % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
        const std::int64_t count = 1 + round % 40;
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
        auto body = [&visits](std::int64_t begin, std::int64_t end) {
            for (std::int64_t k = begin; k < end; ++k) ++visits[static_cast<std::size_t>(k)];
        };
        pool.run(count, 2, body);
        for (const auto& one : visits) REQUIRE(one == 1);
    }
}

TEST_CASE("threads and splits change nothing") {
    for (const bool rough : {false, true}) {
        for (const int assets : {1, 3, 4}) {
            const auto table = make_table(assets, 300, rough);
            const Settings settings = rough ? margin_settings() : plain_settings();
            const auto width = static_cast<std::size_t>(assets);
            Batch whole = make_batch(table, settings, 300, 1);
            Batch parallel = make_batch(table, settings, 300, 3);
            Batch part = make_batch(table, settings, 100, 2, 200);
            for (unsigned k = 0; k < 40; ++k) {
                const auto actions = make_actions(300 * width, k, k % 5 == 0);
                REQUIRE(whole.step(actions.data()));
                REQUIRE(parallel.step(actions.data()));
                REQUIRE(part.step(actions.data() + 200 * width));
                REQUIRE(same_bytes(whole.output().observations, parallel.output().observations));
                REQUIRE(same_bytes(whole.output().rewards, parallel.output().rewards));
                REQUIRE(same_bytes(whole.output().observations, part.output().observations,
                                   200 * static_cast<std::size_t>(whole.width())));
                REQUIRE(same_bytes(whole.state.cash, part.state.cash, 200));
            }
        }
    }
}

TEST_CASE("a snapshot continues exactly, and refuses what is not its own") {
    const auto table = make_table(4, 300, true);
    Batch batch = make_batch(table, margin_settings(), 50, 2);
    std::vector<std::vector<float>> actions;
    for (unsigned k = 0; k < 30; ++k) actions.push_back(make_actions(200, k, true));
    for (unsigned k = 0; k < 10; ++k) batch.step(actions[k].data());
    const std::string kept = batch.snapshot();
    for (unsigned k = 10; k < 30; ++k) batch.step(actions[k].data());
    Batch other = make_batch(table, margin_settings(), 50, 1);
    REQUIRE(other.restore(kept) == nullptr);
    for (unsigned k = 10; k < 30; ++k) other.step(actions[k].data());
    CHECK(batch.snapshot() == other.snapshot());
    CHECK(same_bytes(batch.output().observations, other.output().observations));

    std::string damaged = kept;
    damaged[damaged.size() / 2] ^= 1;
    CHECK(other.restore(damaged) != nullptr);
    CHECK(other.restore(kept.substr(0, kept.size() - 1)) != nullptr);
    CHECK(other.restore("") != nullptr);
    Batch smaller = make_batch(table, margin_settings(), 49, 1);
    CHECK(smaller.restore(kept) != nullptr);
    Batch elsewhere = make_batch(table, plain_settings(), 50, 1);
    CHECK(elsewhere.restore(kept) != nullptr);
    CHECK(batch.snapshot() == other.snapshot());  // a refused restore changes nothing
}

TEST_CASE("the three modes show the same") {
    const auto table = make_table(3, 300, false);
    const Int window = 5;
    Batch flat = make_batch(table, plain_settings(), 20, 1);
    Batch stacked = make_batch(table, plain_settings(), 20, 1, 0, Mode::kWindow, window);
    Batch index = make_batch(table, plain_settings(), 20, 1, 0, Mode::kIndex, window);
    CHECK(stacked.width() == 10 + 45);
    CHECK(index.width() == 12);
    for (unsigned k = 0; k < 30; ++k) {
        const auto actions = make_actions(60, k, true);
        stacked.step(actions.data());
        index.step(actions.data());
        for (std::size_t e = 0; e < 20; ++e) {
            const float* shown = stacked.output().observations.data() + e * 55;
            const float* found = index.output().observations.data() + e * 12;
            REQUIRE(std::memcmp(shown, found, 10 * sizeof(float)) == 0);
            const auto t = static_cast<Int>(found[10]) * kIndexBase + static_cast<Int>(found[11]);
            REQUIRE(t == stacked.state.bar[e]);
            const float* first = table->features.data() + (t - window + 1) * 9;
            REQUIRE(std::memcmp(shown + 10, first, 45 * sizeof(float)) == 0);
        }
    }
    const float* shown = flat.output().observations.data();
    CHECK(std::memcmp(shown + 10, table->features.data() + flat.state.bar[0] * 9, 36) == 0);
}

TEST_CASE("a step that leaves 64 bits is told") {
    const auto table = make_table(1, 50, false);
    Settings settings = plain_settings();
    settings.initial_cash = Int{1} << 62;
    derive(settings);
    table->terms[0].unit = 1'000'000;  // a lot is worth 10^18 at the highest price
    for (std::size_t t = 20; t < 50; ++t) {
        table->price[t] = {kMaxTicks, kMaxTicks};
        table->extremes[t] = {kMaxTicks, kMaxTicks};
    }
    Batch batch = make_batch(table, settings, 8, 1);
    const std::vector<float> all_in(8, 1.0F);
    bool exact = true;
    for (int k = 0; k < 45 && exact; ++k) exact = batch.step(all_in.data());
    CHECK_FALSE(exact);
}

TEST_CASE("a backtest starts flat, keeps every fill and ends with what it lost") {
    const auto table = make_table(4, 200, true);
    const Market market = [&] {
        static Lines<Wait> waits = interpolate_waits(*table, 120);
        return table->view(waits.data());
    }();
    std::vector<Int> equity(150), cash(150), lots(600), funding(596);
    auto actions = make_actions(596, 3, true);
    BacktestOutput output{equity.data(), cash.data(), lots.data(), actions.data(), funding.data(),
                          {}, -1};
    const Settings settings = margin_settings();
    REQUIRE(run_backtest(market, settings, 20, 170, 1, nullptr, output) == Ending::kFinished);
    CHECK(equity[0] == kCash);
    CHECK(output.fills.size() > 100);
    Int fees = 0;
    Int realised = 0;
    for (const Fill& one : output.fills) {
        CHECK(one.lots > 0);
        fees += one.fee;
        realised += one.realised;
    }
    Int funded = 0;
    for (const Int one : funding) funded += one;
    std::vector<Int> signed_lots(4, 0);
    for (const Fill& one : output.fills) {
        signed_lots[static_cast<std::size_t>(one.asset)] += one.side * one.lots;
    }
    const std::size_t last = 4 * std::size_t{149};
    for (std::size_t i = 0; i < 4; ++i) CHECK(signed_lots[i] == lots[last + i]);
    if (output.ruined_at >= 0) CHECK(equity[149] == kCash + realised - fees + funded);
}
