// The blocks of threads that a GPU is given, played by hand, against the batch on the CPU.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "mettle/market/batch.hpp"
#include "mettle/market/block.hpp"
#include "random_market.hpp"

using namespace mettle::market;

namespace {

BatchShape random_shape(Random& random) {
    const auto mode = static_cast<Mode>(within(random, 0, 2));
    const Int window = mode == Mode::kFlat ? 1 : within(random, 1, 9);
    return {within(random, 1, 90), within(random, 0, 1'000), random(), within(random, 0, 30),
            window, mode, 1};
}

// Starts in several stretches.
std::vector<Span> random_spans(Random& random, Int window, Int bars) {
    std::vector<Span> spans;
    for (Int first = window - 1; first + 12 < bars;) {
        const Int last = std::min(bars - 1, first + within(random, 10, 80));
        spans.push_back({first, first + within(random, 1, last - first), last});
        first = last + window;
    }
    return spans;
}

// Actions, of which some are no numbers and some out of range.
std::vector<float> random_actions(Random& random, std::size_t count) {
    std::uniform_real_distribution<float> uniform(-1.1F, 1.1F);
    std::vector<float> actions(count);
    for (float& one : actions) {
        one = now_and_then(random, 30) ? std::numeric_limits<float>::quiet_NaN() : uniform(random);
        if (now_and_then(random, 6)) one = 0.0F;
    }
    return actions;
}

// A launch whose arrays are the host's.
class HostLaunch {
public:
    HostLaunch(BatchSetup given, int threads)
        : setup(std::move(given)), state(setup), launch_{}, threads_(threads) {
        const auto count = static_cast<std::size_t>(setup.shape().environments);
        const std::size_t floats = count * static_cast<std::size_t>(setup.world().width);
        output.observations.resize(floats);
        output.rewards.resize(count);
        for (auto* one : {&output.terminated, &output.truncated, &output.done}) one->resize(count);
        last_observations.resize(floats);
        last_returns.resize(count);
        last_lengths.resize(count);
        last_equity.resize(count);
        launch_ = {setup.world(),
                   {state.columns(),
                    {output.observations.data(), output.rewards.data(), output.terminated.data(),
                     output.truncated.data(), output.done.data()},
                    {last_observations.data(), last_returns.data(), last_lengths.data(),
                     last_equity.data()}},
                   setup.shape().environments,
                   &overflow,
                   &state.seed};
        reset(setup.shape().seed);
    }

    void reset(std::uint64_t seed) {
        state.seed = seed;
        show(true, true);
    }

    void show(bool begins, bool anew) {
        each_block([=, this](const BlockMemory& memory, Int first, int thread) {
            show_thread(launch_, memory, first, thread, begins, anew);
        });
    }

    void step(const float* actions) {
        switch (setup.table().assets) {
            case 1: return step_known<1>(actions);
            case 2: return step_known<2>(actions);
            case 4: return step_known<4>(actions);
            case 8: return step_known<8>(actions);
            default: return step_known<0>(actions);
        }
    }

    const BatchSetup setup;
    BatchState state;
    Output output;
    Lines<float> last_observations;
    Lines<double> last_returns;
    Lines<std::int32_t> last_lengths;
    Lines<Int> last_equity;
    std::uint32_t overflow = 0;

private:
    template <int A>
    void step_known(const float* actions) {
        each_block([=, this](const BlockMemory& memory, Int first, int thread) {
            play_thread<A>(launch_, memory, first, thread, actions);
        });
    }

    // Both halves of every block, the threads of each half in an order of their own.
    template <class Half>
    void each_block(Half&& first_half) {
        std::fill(output.observations.begin(), output.observations.end(), -7.0F);
        const std::size_t bytes = block_bytes(threads_, setup.table().assets);
        std::vector<double> memory(bytes / sizeof(double) + 1);
        std::vector<int> order(static_cast<std::size_t>(threads_));
        std::iota(order.begin(), order.end(), 0);
        for (Int first = 0; first < launch_.environments; first += threads_) {
            std::memset(memory.data(), 0xAB, bytes);  // a GPU does not clear it either
            const BlockMemory shared = block_memory(memory.data(), threads_);
            std::shuffle(order.begin(), order.end(), random_);
            for (const int thread : order) first_half(shared, first, thread);
            std::shuffle(order.begin(), order.end(), random_);
            for (const int thread : order) write_rows(launch_, shared, first, threads_, thread);
        }
    }

    Launch launch_;
    int threads_;
    Random random_{1};
};

template <class T>
bool same(const Lines<T>& a, const Lines<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), b.size() * sizeof(T)) == 0;
}

void require_equal(const HostLaunch& launch, Batch& batch) {
    const Output& found = launch.output;
    const Output& wanted = batch.output();
    REQUIRE(same(found.observations, wanted.observations));
    REQUIRE(same(found.rewards, wanted.rewards));
    REQUIRE(same(found.terminated, wanted.terminated));
    REQUIRE(same(found.truncated, wanted.truncated));
    REQUIRE(same(found.done, wanted.done));
    REQUIRE(same(launch.last_observations, batch.final_observations));
    REQUIRE(same(launch.last_returns, batch.final_returns));
    REQUIRE(same(launch.last_lengths, batch.final_lengths));
    REQUIRE(same(launch.last_equity, batch.final_equity));
    // Every array of the state, its seed and what it belongs to.
    REQUIRE(launch.state.snapshot(launch.setup) == batch.snapshot());
}

// What the trials met, so that none of them passes for want of anything to compare.
struct Met {
    Int ruins = 0;
    Int ends = 0;
    Int shorts = 0;
};

void play_both(Random& random, int assets, Met& met) {
    constexpr Int kBars = 260;
    constexpr int kSteps = 40;
    const auto table = random_table(random, random_terms(random, assets), kBars);
    const Settings settings = random_settings(random);
    const BatchShape shape = random_shape(random);
    const auto spans = random_spans(random, shape.window, kBars);
    const int threads = static_cast<int>(within(random, 0, 1) == 0 ? 32 : within(random, 1, 70));
    HostLaunch launch({table, settings, shape, spans}, threads);
    Batch batch(table, settings, shape, spans);
    require_equal(launch, batch);
    const auto cells = static_cast<std::size_t>(shape.environments * assets);
    for (int k = 0; k < kSteps; ++k) {
        const auto actions = random_actions(random, cells);
        const bool exact = batch.step(actions.data());
        launch.step(actions.data());
        REQUIRE((launch.overflow == 0) == exact);
        if (!exact) return;
        require_equal(launch, batch);
        met.ruins += std::accumulate(batch.output().terminated.begin(),
                                     batch.output().terminated.end(), Int{0});
        met.ends += std::accumulate(batch.output().done.begin(), batch.output().done.end(), Int{0});
        met.shorts += std::count_if(batch.state.lots.begin(), batch.state.lots.end(),
                                    [](Int lots) { return lots < 0; });
        if (k == kSteps / 2) {
            batch.begin_all();
            launch.show(true, false);
            require_equal(launch, batch);
        }
    }
    batch.reset(3);
    launch.reset(3);
    require_equal(launch, batch);
}

}  // namespace

TEST_CASE("blocks of threads play what the batch plays, to the bit") {
    Random random(2026);
    Met met;
    for (int trial = 0; trial < 30; ++trial) {
        for (const int assets : {1, 2, 3, 4, 5, 8, 11}) {
            CAPTURE(trial);
            CAPTURE(assets);
            play_both(random, assets, met);
        }
    }
    CHECK(met.ruins > 100);
    CHECK(met.ends > 1'000);
    CHECK(met.shorts > 10'000);
}

TEST_CASE("a snapshot of one way to play is continued by the other") {
    Random random(7);
    const auto table = random_table(random, random_terms(random, 4), 200);
    const Settings settings = random_settings(random);
    const BatchShape shape{50, 0, 11, 20, 1, Mode::kFlat, 1};
    const std::vector<Span> spans{{0, 199, 199}};
    Batch batch(table, settings, shape, spans);
    std::vector<std::vector<float>> actions;
    for (int k = 0; k < 20; ++k) actions.push_back(random_actions(random, 200));
    for (const auto& one : actions) batch.step(one.data());
    HostLaunch launch({table, settings, shape, spans}, 32);
    REQUIRE(launch.state.restore(launch.setup, batch.snapshot()) == nullptr);
    launch.show(false, false);
    Batch other(table, settings, shape, spans);
    REQUIRE(other.restore(launch.state.snapshot(launch.setup)) == nullptr);
    CHECK(same(launch.output.observations, other.output().observations));
    for (const auto& one : actions) {
        REQUIRE(batch.step(one.data()));
        launch.step(one.data());
        REQUIRE(launch.state.snapshot(launch.setup) == batch.snapshot());
        REQUIRE(same(launch.output.observations, batch.output().observations));
    }
}

TEST_CASE("a thread whose numbers leave 64 bits says so") {
    Random random(1);
    auto table = std::make_shared<Table>(*random_table(random, random_terms(random, 1), 50));
    table->funding.clear();
    table->missing.clear();
    table->terms[0].unit = 1'000'000;  // a lot is worth 10^18 at the highest price
    Settings settings{};
    settings.initial_cash = Int{1} << 62;
    settings.max_weight = settings.gross_limit = 10'000;
    settings.leverage = 1;
    settings.ruin_level = 1'000;
    settings.reward_halflife = 256;
    derive(settings);
    for (std::size_t t = 20; t < 50; ++t) {
        table->price[t] = {kMaxTicks, kMaxTicks};
        table->extremes[t] = {kMaxTicks, kMaxTicks};
    }
    HostLaunch launch({table, settings, {8, 0, 1, 0, 1, Mode::kFlat, 1}, {{0, 49, 49}}}, 32);
    const std::vector<float> all_in(8, 1.0F);
    for (int k = 0; k < 45 && launch.overflow == 0; ++k) launch.step(all_in.data());
    CHECK(launch.overflow == 1);
}
