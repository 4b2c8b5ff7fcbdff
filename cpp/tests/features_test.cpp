// The feature engine: exact mathematics, streams equal to tables, snapshots, refusals, threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <tuple>

#include "mettle/features/engine.hpp"
#include "mettle/features/exact_math.hpp"
#include "mettle/features/numbers.hpp"

using namespace mettle::features;

namespace {

struct Bars {
    std::vector<std::int64_t> open, high, low, close, volume;
    std::vector<std::uint8_t> state;
    std::size_t rows;
    std::size_t assets;

    Grid grid(std::size_t from, std::size_t count) const {
        const std::size_t at = from * assets;
        return {open.data() + at,
                high.data() + at,
                low.data() + at,
                close.data() + at,
                volume.data() + at,
                state.data() + at,
                count};
    }
};

std::mt19937_64 generator(std::uint64_t seed) {
    return std::mt19937_64(seed);
}

Bars random_bars(std::size_t rows, std::size_t assets, std::uint64_t seed) {
    std::mt19937_64 random = generator(seed);
    const auto draw = [&](std::uint64_t below) {
        return static_cast<std::int64_t>(random() % below);
    };
    Bars bars{{}, {}, {}, {}, {}, {}, rows, assets};
    std::vector<std::int64_t> price(assets, 1'000'000);
    for (std::size_t i = 0; i < rows * assets; ++i) {
        std::int64_t& close = price[i % assets];
        bars.open.push_back(close);
        close = std::max<std::int64_t>(close + draw(20'001) - 10'000, 1);
        bars.close.push_back(close);
        bars.high.push_back(std::max(close, bars.open.back()) + draw(500));
        bars.low.push_back(
            std::max<std::int64_t>(std::min(close, bars.open.back()) - draw(500), 1));
        bars.volume.push_back(draw(1'000'000));
        bars.state.push_back(draw(20) == 0 ? 0 : 1);
    }
    return bars;
}

// Calm and wild stretches, from a few ticks to the largest that are allowed.
Bars extreme_bars(std::size_t rows, std::size_t assets, std::uint64_t seed) {
    Bars bars = random_bars(rows, assets, seed);
    std::mt19937_64 random = generator(seed);
    for (std::size_t i = 0; i < rows * assets; ++i) {
        const auto stretch = static_cast<int>(i / assets / 150 % 3);
        const auto top = std::uint64_t{1} << (stretch == 0 ? 49 : stretch == 1 ? 32 : 4);
        const auto price = [&] { return static_cast<std::int64_t>(random() % top) + 1; };
        bars.open[i] = price();
        bars.close[i] = price();
        bars.high[i] = std::max(bars.open[i], bars.close[i]) + price();
        bars.low[i] = std::min(bars.open[i], bars.close[i]);
        bars.volume[i] =
            static_cast<std::int64_t>(random() % (std::uint64_t{1} << (stretch == 0   ? 62
                                                                       : stretch == 1 ? 20
                                                                                      : 1)));
    }
    return bars;
}

// The bars of one asset.
Bars only(const Bars& bars, std::size_t asset) {
    Bars one{{}, {}, {}, {}, {}, {}, bars.rows, 1};
    for (std::size_t at = asset; at < bars.rows * bars.assets; at += bars.assets) {
        one.open.push_back(bars.open[at]);
        one.high.push_back(bars.high[at]);
        one.low.push_back(bars.low[at]);
        one.close.push_back(bars.close[at]);
        one.volume.push_back(bars.volume[at]);
        one.state.push_back(bars.state[at]);
    }
    return one;
}

// Every kernel in one form, with small windows.
std::vector<Spec> all_specs(Form form) {
    std::vector<Spec> specs;
    for (const KernelName& kernel : kernel_names()) {
        std::vector<int> parameters{7, 11, 3};
        parameters.resize(static_cast<std::size_t>(kernel.parameters));
        specs.push_back({kernel.name, parameters, form});
    }
    return specs;
}

std::unique_ptr<Engine> build(const std::vector<Spec>& specs, std::size_t assets,
                              Level level = Level::best) {
    Status status = Status::ok;
    auto engine = Engine::create(specs, std::vector<double>(assets, 0.01),
                                 std::vector<double>(assets, 0.001), 0, 3'600'000, status, level);
    REQUIRE(status == Status::ok);
    return engine;
}

struct Table {
    std::vector<double> values;
    std::vector<std::uint8_t> valid;
    bool operator==(const Table& other) const {
        return valid == other.valid && values.size() == other.values.size() &&
               std::memcmp(values.data(), other.values.data(), values.size() * sizeof(double)) == 0;
    }
};

// Run the rows in pieces of `piece`, saving and restoring in between if asked to.
Table run(const Bars& bars, const std::vector<Spec>& specs, std::size_t piece, int threads,
          bool restart, Level level = Level::best) {
    auto engine = build(specs, bars.assets, level);
    Table table{std::vector<double>(bars.rows * bars.assets * specs.size()),
                std::vector<std::uint8_t>(bars.rows * bars.assets)};
    for (std::size_t from = 0; from < bars.rows; from += piece) {
        const std::size_t at = from * bars.assets;
        const Grid grid = bars.grid(from, std::min(piece, bars.rows - from));
        REQUIRE(engine->run(grid, table.values.data() + at * specs.size(), table.valid.data() + at,
                            threads) == Status::ok);
        if (!restart) continue;
        const auto state = engine->snapshot();
        engine = build(specs, bars.assets);
        REQUIRE(engine->restore(state.data(), state.size()) == Status::ok);
    }
    return table;
}

}  // namespace

TEST_CASE("the logarithm of a ratio is within two units of the last place") {
    std::mt19937_64 random = generator(3);
    for (int i = 0; i < 20'000; ++i) {
        const auto a = static_cast<std::int64_t>(random() % (std::uint64_t{1} << (1 + i % 50))) + 1;
        const auto b = static_cast<std::int64_t>(random() % (std::uint64_t{1} << (1 + i % 37))) + 1;
        const long double exact =
            std::log(static_cast<long double>(a)) - std::log(static_cast<long double>(b));
        const double bound = 4.5e-16 * std::max(std::abs(static_cast<double>(exact)), 1e-3);
        CHECK(std::abs(static_cast<double>(exact - static_cast<long double>(log_ratio(a, b)))) <=
              bound);
        CHECK(log_ratio(a, b) == -log_ratio(b, a));
        CHECK(log_ratio(a, a) == 0.0);
    }
    CHECK(log_ratio(1'000'000'000'001, 1'000'000'000'000) == doctest::Approx(1e-12).epsilon(1e-12));
}

TEST_CASE("whole numbers become the nearest float64") {
    std::mt19937_64 random = generator(4);
    for (int i = 0; i < 20'000; ++i) {
        const auto any = static_cast<std::int64_t>(random() >> (1 + i % 62));
        CHECK(lots(any) == static_cast<double>(any));
        const std::int64_t small = (any & ((std::int64_t{1} << 51) - 1)) * (i % 2 == 0 ? 1 : -1);
        CHECK(ticks(small) == static_cast<double>(small));
    }
    CHECK(lots(std::numeric_limits<std::int64_t>::max()) == 0x1p63);
    CHECK(std::signbit(ticks(0)) == std::signbit(0.0));
}

TEST_CASE("sine and cosine agree with the library's and are exact at the quarters") {
    constexpr std::int64_t whole = 86'400'000;
    for (std::int64_t part = 0; part < whole; part += 61'001) {
        const double angle =
            2.0 * 3.141592653589793 * static_cast<double>(part) / static_cast<double>(whole);
        const Turn point = turn(part, whole);
        CHECK(std::abs(point.sine - std::sin(angle)) < 1e-15);
        CHECK(std::abs(point.cosine - std::cos(angle)) < 1e-15);
    }
    for (const auto& [part, sine, cosine] :
         {std::tuple{0, 0.0, 1.0}, {1, 1.0, 0.0}, {2, 0.0, -1.0}, {3, -1.0, 0.0}}) {
        CHECK(turn(part, 4).sine == sine);
        CHECK(turn(part, 4).cosine == cosine);
    }
}

TEST_CASE("any split of the rows gives the same bits, saved and restored or not") {
    const Bars bars = random_bars(700, 3, 1);
    for (const Form form : {Form::raw, Form::stationary}) {
        const auto specs = all_specs(form);
        const Table whole = run(bars, specs, bars.rows, 1, false);
        for (const std::size_t piece : {1U, 2U, 127U, 128U, 129U, 300U})
            CHECK(run(bars, specs, piece, 1, piece != 2) == whole);
        for (std::size_t i = 0; i < whole.valid.size(); ++i)
            if (whole.valid[i] != 0)
                for (std::size_t k = 0; k < specs.size(); ++k)
                    CHECK(std::isfinite(whole.values[i * specs.size() + k]));
    }
}

TEST_CASE("an asset has the same bits among any number of others, whoever lacks bars") {
    for (const Form form : {Form::raw, Form::stationary}) {
        auto specs = all_specs(form);
        std::erase_if(specs, [](const Spec& one) {
            return std::any_of(entries().begin(), entries().end(), [&](const Entry& entry) {
                return one.name == entry.name && entry.cross != nullptr;
            });
        });
        for (const std::size_t assets : {2U, 3U, 4U, 5U, 7U, 8U, 9U, 13U}) {
            Bars bars = random_bars(400, assets, assets);
            // All there for half of the time, and then gaps in every other asset only.
            for (std::size_t i = 0; i < bars.state.size(); ++i)
                if (i / assets < 200 || i % assets % 2 == 0) bars.state[i] = 1;
            const Table all = run(bars, specs, bars.rows, 1, false);
            CHECK(run(bars, specs, 150, 2, true) == all);
            for (std::size_t asset = 0; asset < assets; ++asset) {
                const Table alone = run(only(bars, asset), specs, bars.rows, 1, false);
                const std::size_t bytes = specs.size() * sizeof(double);
                for (std::size_t row = 0; row < bars.rows; ++row) {
                    const std::size_t at = row * assets + asset;
                    REQUIRE(all.valid[at] == alone.valid[row]);
                    REQUIRE(std::memcmp(&all.values[at * specs.size()],
                                        &alone.values[row * specs.size()], bytes) == 0);
                }
            }
        }
    }
}

TEST_CASE("any processor gives the same bits, from the smallest bars to the largest") {
    for (const Bars& bars : {extreme_bars(1'000, 5, 7), random_bars(1'000, 4, 8)})
        for (const Form form : {Form::raw, Form::stationary}) {
            const auto specs = all_specs(form);
            const Table portable = run(bars, specs, bars.rows, 1, false, Level::portable);
            for (const Level level : {Level::best, Level::avx2})
                if (supported(level)) CHECK(run(bars, specs, 300, 1, true, level) == portable);
            CHECK(run(bars, specs, 1, 1, false, Level::portable) == portable);
        }
}

TEST_CASE("features that carry the same share it, and save it as if they did not") {
    const Bars bars = random_bars(300, 4, 9);
    const Spec deviation{"rolling_std", {20}, Form::raw};
    const Spec band{"bollinger_upper", {20, 2}, Form::raw};
    const Table together = run(bars, {band, deviation}, bars.rows, 1, false);
    const Table alone = run(bars, {deviation}, bars.rows, 1, false);
    for (std::size_t i = 0; i < alone.values.size(); ++i)
        REQUIRE(together.values[2 * i + 1] == alone.values[i]);
    auto engine = build({band, deviation}, 4);
    auto other = build({band, {"rolling_std", {20}, Form::stationary}}, 4);
    std::vector<double> values(bars.rows * 4 * 2);
    std::vector<std::uint8_t> valid(bars.rows * 4);
    for (Engine* const one : {engine.get(), other.get()})
        REQUIRE(one->run(bars.grid(0, bars.rows), values.data(), valid.data(), 1) == Status::ok);
    CHECK(engine->snapshot().size() + std::strlen("stationary") ==
          other->snapshot().size() + std::strlen("raw"));
}

TEST_CASE("any number of threads gives the same bits") {
    const Bars bars = random_bars(20'000, 5, 2);
    const std::vector<Spec> specs{{"rsi", {14}, Form::stationary},
                                  {"macd_signal", {12, 26, 9}, Form::raw},
                                  {"stochastic_d", {9, 3, 3}, Form::stationary},
                                  {"cross_rank", {20}, Form::stationary}};
    const Table one = run(bars, specs, bars.rows, 1, false);
    for (const int threads : {2, 3, 16}) CHECK(run(bars, specs, bars.rows, threads, false) == one);
}

TEST_CASE("unknown names and wrong parameters are refused") {
    const auto status_of = [](const Spec& spec) {
        Status status = Status::ok;
        const auto engine = Engine::create({spec}, {0.01}, {0.01}, 0, 1, status);
        CHECK((engine == nullptr) == (status != Status::ok));
        return status;
    };
    CHECK(status_of({"rsi", {14}, Form::raw}) == Status::ok);
    CHECK(status_of({"rssi", {14}, Form::raw}) == Status::unknown_feature);
    CHECK(status_of({"rsi", {}, Form::raw}) == Status::wrong_parameters);
    CHECK(status_of({"rsi", {0}, Form::raw}) == Status::wrong_parameters);
    CHECK(status_of({"rsi", {5001}, Form::raw}) == Status::wrong_parameters);
    CHECK(status_of({"macd", {26, 12, 9}, Form::raw}) == Status::wrong_parameters);
}

TEST_CASE("a short run with a wrong bar changes nothing, a long one spends the engine") {
    const auto specs = all_specs(Form::raw);
    Bars bars = random_bars(600, 2, 4);
    std::vector<double> values(bars.rows * 2 * specs.size());
    std::vector<std::uint8_t> valid(bars.rows * 2);
    bars.state[11] = 1;
    bars.low[11] = 0;
    auto engine = build(specs, 2);
    const auto before = engine->snapshot();
    CHECK(engine->run(bars.grid(0, 100), values.data(), valid.data(), 1) ==
          Status::bar_out_of_range);
    CHECK(engine->snapshot() == before);
    CHECK(engine->run(bars.grid(0, 5), values.data(), valid.data(), 1) == Status::ok);
    bars.state[11] = 0;  // a missing bar may hold anything
    CHECK(engine->run(bars.grid(5, 95), values.data(), valid.data(), 1) == Status::ok);
    bars.state[1100] = 1;
    bars.high[1100] = kMaxTicks;
    const auto good = engine->snapshot();
    CHECK(engine->run(bars.grid(100, 500), values.data(), valid.data(), 1) ==
          Status::bar_out_of_range);
    CHECK(engine->run(bars.grid(100, 1), values.data(), valid.data(), 1) == Status::spent);
    CHECK(engine->restore(good.data(), good.size()) == Status::ok);
    CHECK(engine->run(bars.grid(100, 1), values.data(), valid.data(), 1) == Status::ok);
}

TEST_CASE("damaged and foreign snapshots are refused") {
    const Bars bars = random_bars(64, 2, 5);
    const auto specs = all_specs(Form::stationary);
    auto engine = build(specs, 2);
    std::vector<double> values(bars.rows * 2 * specs.size());
    std::vector<std::uint8_t> valid(bars.rows * 2);
    REQUIRE(engine->run(bars.grid(0, 64), values.data(), valid.data(), 1) == Status::ok);
    const auto state = engine->snapshot();
    for (std::size_t at = 0; at < state.size(); at += 37) {
        auto flipped = state;
        flipped[at] ^= std::byte{4};
        CHECK(engine->restore(flipped.data(), flipped.size()) == Status::damaged_snapshot);
        CHECK(engine->restore(state.data(), at) == Status::damaged_snapshot);
    }
    CHECK(engine->snapshot() == state);
    CHECK(build(all_specs(Form::raw), 2)->restore(state.data(), state.size()) ==
          Status::foreign_snapshot);
    CHECK(build(specs, 3)->restore(state.data(), state.size()) == Status::foreign_snapshot);
}

TEST_CASE("the largest bars stay inside the integers") {
    constexpr std::int64_t top = kMaxTicks - 1;
    const std::size_t rows = 5'100;
    Bars bars{std::vector<std::int64_t>(rows, top),
              std::vector<std::int64_t>(rows, top),
              std::vector<std::int64_t>(rows, top),
              std::vector<std::int64_t>(rows, top),
              std::vector<std::int64_t>(rows, kMaxLots),
              std::vector<std::uint8_t>(rows, 1),
              rows,
              1};
    for (std::size_t i = 0; i < rows; i += 2) {
        bars.open[i] = bars.low[i] = bars.close[i] = 1;
    }
    const std::vector<Spec> specs{{"rolling_std", {5000}, Form::raw},
                                  {"vwap_distance", {5000}, Form::stationary},
                                  {"money_flow", {5000}, Form::stationary},
                                  {"volume_sma", {5000}, Form::raw},
                                  {"bollinger_upper", {5000, 2}, Form::stationary}};
    const Table table = run(bars, specs, rows, 1, false);
    const double* const last = table.values.data() + (rows - 1) * specs.size();
    CHECK(last[0] == doctest::Approx(0.01 * static_cast<double>(top - 1) / 2).epsilon(1e-12));
    CHECK(last[1] == doctest::Approx(0.5).epsilon(1e-6));
    CHECK(std::abs(last[2]) <= 1.0);
    CHECK(last[3] == doctest::Approx(0.001 * static_cast<double>(kMaxLots)));
}
