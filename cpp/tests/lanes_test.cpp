// A batch's lanes on every set of instructions against the general step, to the bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "levels.hpp"
#include "mettle/market/batch.hpp"
#include "random_market.hpp"

using namespace mettle::market;

namespace {

Settings plain_settings() {
    Settings settings{};
    settings.initial_cash = 1'000'000'000'000;
    settings.max_weight = settings.gross_limit = 10'000;
    settings.slippage = 500;
    settings.leverage = 1;
    settings.ruin_level = 1'000;
    settings.reward_halflife = 256;
    return settings;
}

// Walks without gaps and funding, with volume beyond every order.
std::shared_ptr<const Table> make_table(Random& random, int assets, Int bars, int features,
                                        const std::vector<Terms>& terms) {
    const auto count = static_cast<std::size_t>(bars * assets);
    std::vector<Int> open(count), high(count), low(count), close(count);
    std::vector<Int> volume(count, kMaxTicks), nothing(count, 0);
    std::vector<std::uint8_t> missing(count, 0);
    std::vector<Int> last(static_cast<std::size_t>(assets), 4'000'000);
    std::normal_distribution<double> normal(0.0, 0.02);
    for (std::size_t k = 0; k < count; ++k) {
        Int& price = last[k % static_cast<std::size_t>(assets)];
        open[k] = std::max<Int>(1, price + within(random, -price / 200, price / 200));
        const double moved = static_cast<double>(price) * std::exp(normal(random));
        price = close[k] = std::clamp<Int>(static_cast<Int>(moved), 100, 400'000'000);
        high[k] = std::max(open[k], close[k]) + 1;
        low[k] = std::max<Int>(1, std::min(open[k], close[k]) - 1);
    }
    std::vector<float> rows(static_cast<std::size_t>(bars * features));
    for (float& one : rows) one = static_cast<float>(normal(random));
    auto table = std::make_shared<Table>();
    table->bar_seconds = 3600;
    table->terms = terms;
    fill_table(*table, {bars, assets, features, open.data(), high.data(), low.data(),
                        close.data(), volume.data(), missing.data(), nothing.data(),
                        nothing.data(), rows.data()});
    return table;
}

struct Trial {
    std::shared_ptr<const Table> table;
    Settings settings;
    BatchShape shape;
    std::vector<Span> spans;
};

// Actions, of which some are no numbers and some out of range.
std::vector<float> make_actions(Random& random, const Trial& trial, int odd_one_in) {
    const Int count = trial.shape.environments * trial.table->assets;
    std::uniform_real_distribution<float> uniform(-0.3F, 1.0F);
    std::vector<float> actions(static_cast<std::size_t>(count));
    for (float& one : actions) {
        one = uniform(random);
        if (now_and_then(random, 6)) one = 0.0F;
        if (!now_and_then(random, odd_one_in)) continue;
        one = now_and_then(random, 2) ? std::numeric_limits<float>::quiet_NaN() : 1.1F;
    }
    return actions;
}

template <class T>
bool same(const Lines<T>& a, const Lines<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), b.size() * sizeof(T)) == 0;
}

void require_equal(Batch& found, Batch& wanted) {
    REQUIRE(same(found.output().observations, wanted.output().observations));
    REQUIRE(same(found.output().rewards, wanted.output().rewards));
    REQUIRE(same(found.output().terminated, wanted.output().terminated));
    REQUIRE(same(found.output().truncated, wanted.output().truncated));
    REQUIRE(same(found.output().done, wanted.output().done));
    REQUIRE(same(found.final_observations, wanted.final_observations));
    REQUIRE(same(found.final_returns, wanted.final_returns));
    REQUIRE(same(found.final_lengths, wanted.final_lengths));
    REQUIRE(same(found.final_equity, wanted.final_equity));
    for (auto one : {&BatchState::cash, &BatchState::equity, &BatchState::peak, &BatchState::lots,
                     &BatchState::basis, &BatchState::bar, &BatchState::last_bar,
                     &BatchState::episode}) {
        REQUIRE(same(found.state.*one, wanted.state.*one));
    }
    REQUIRE(same(found.state.bars_held, wanted.state.bars_held));
    REQUIRE(same(found.state.length, wanted.state.length));
    REQUIRE(same(found.state.returns, wanted.state.returns));
}

// A batch at that level, and one that takes the general step throughout.
void play_both(Random& random, Trial trial, LaneLevel level, int steps, int odd_one_in) {
    derive(trial.settings);
    Batch fast(trial.table, trial.settings, trial.shape, trial.spans, level);
    REQUIRE(fast.level() == resolved(level));
    trial.settings.participation = kRateScale;
    Batch general(trial.table, trial.settings, trial.shape, trial.spans);
    REQUIRE(general.level() == LaneLevel::kPortable);
    for (int k = 0; k < steps; ++k) {
        const auto actions = make_actions(random, trial, odd_one_in);
        REQUIRE(fast.step(actions.data()));
        REQUIRE(general.step(actions.data()));
        require_equal(fast, general);
    }
}

}  // namespace

TEST_CASE_TEMPLATE("the lanes give what the general step gives", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::lanes);
    Random random(7);
    for (const int assets : {1, 2, 3, 4, 5, 8, 10}) {
        CAPTURE(assets);
        std::vector<Terms> terms;
        for (int i = 0; i < assets; ++i) terms.push_back({10 + i, 200, 1'000, 500'000, i % 3 == 1});
        Trial trial{make_table(random, assets, 300, 3 * assets, terms), plain_settings(), {}, {}};
        if (assets == 5) trial.settings.reward = Reward::kDifferentialSharpe;
        if (assets == 8) trial.settings.turnover_penalty = 1'000;
        if (assets == 3) trial.settings.ruin_level = 9'900;
        // After the first 64: registers and blocks of every number, and rests that fill none.
        const Int environments = 64 + Int{9} * assets;
        trial.shape = {environments, 0, 11, 20, 1, Mode::kFlat, 1};
        trial.spans = {{0, 299, 299}};
        play_both(random, trial, L::lanes, 40, 400);
    }
}

// Terms, limits and shapes as they fall; cash up to where amounts leave the lanes' exact numbers.
TEST_CASE_TEMPLATE("the lanes agree with the general step in any plain market", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::lanes);
    Random random(2026);
    for (int round = 0; round < 24; ++round) {
        CAPTURE(round);
        const int assets = static_cast<int>(within(random, 1, 9));
        std::vector<Terms> terms;
        for (int i = 0; i < assets; ++i) {
            terms.push_back({within(random, 1, 2'000), 0, within(random, 0, 20'000),
                             within(random, 0, 5'000'000'000), now_and_then(random, 2)});
        }
        const int features = static_cast<int>(within(random, 1, 20));
        Trial trial{make_table(random, assets, 200, features, terms), plain_settings(), {}, {}};
        Settings& settings = trial.settings;
        settings.initial_cash = within(random, 1, 999) * (Int{1} << within(random, 30, 41));
        settings.max_weight = within(random, 1'000, 10'000);
        settings.gross_limit = within(random, 1'000, 10'000);
        settings.slippage = within(random, 0, 20'000);
        settings.ruin_level = now_and_then(random, 3) ? within(random, 9'000, 9'990) : 100;
        const auto mode = static_cast<Mode>(within(random, 0, 2));
        const Int window = mode == Mode::kFlat ? 1 : within(random, 1, 9);
        trial.shape = {within(random, 1, 60), within(random, 0, 9), random(), within(random, 0, 30),
                       window, mode, 1};
        trial.spans = {{window - 1, 150, 199}};
        play_both(random, trial, L::lanes, 30, 40);
    }
}
