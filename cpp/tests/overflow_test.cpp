// Amounts at the edge of 64 bits in any market: told, and harmless. What harm there is, the sanitizers see.
#include <doctest/doctest.h>

#include <vector>

#include "random_market.hpp"

using namespace mettle::market;

namespace {

constexpr Int kBars = 120;

// Units up to where the highest price's lot just fits, and cash up to half of all there is.
std::vector<Terms> heavy_terms(Random& random, int assets) {
    std::vector<Terms> terms = random_terms(random, assets);
    for (Terms& one : terms) one.unit = Int{1} << within(random, 20, 34);
    return terms;
}

// Play one account; whether a step said that it left 64 bits.
bool play(Random& random, const Table& table, const Settings& settings) {
    const auto count = static_cast<std::size_t>(table.assets);
    std::vector<Int> lots(count), basis(count), high_water(count);
    std::vector<std::int32_t> bars_held(count);
    Account account{0, 0, 0, 0.0, 0.0, lots.data(), basis.data(), high_water.data(), bars_held.data()};
    open_account(settings, account, table.assets);
    const Lines<Wait> waits = interpolate_waits(table, settings.maker_wait);
    const Market market = table.view(waits.data());
    std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
    std::vector<float> actions(count);
    for (Int t = 0; t + 1 < kBars; ++t) {
        for (float& one : actions) one = uniform(random);
        const StepResult result = step<0>(market, settings, account, t, actions.data(), nullptr);
        if (result.overflow) return true;
        if (result.terminated) return false;
    }
    return false;
}

}  // namespace

TEST_CASE("a step at the edge of 64 bits is told and does no harm") {
    Random random(64);
    int told = 0;
    constexpr int kRounds = 600;
    for (int round = 0; round < kRounds; ++round) {
        CAPTURE(round);
        const int assets = static_cast<int>(within(random, 1, 4));
        const auto table = random_table(random, heavy_terms(random, assets), kBars);
        Settings settings = random_settings(random);
        settings.initial_cash = within(random, 1, 99) << within(random, 50, 56);
        settings.plain = is_plain(table->view(nullptr), settings);
        derive(settings);
        told += static_cast<int>(play(random, *table, settings));
    }
    CHECK(told > kRounds / 20);
    CHECK(told < kRounds);
}
