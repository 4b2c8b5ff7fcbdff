// The loops of training on every set of instructions: sums round exactly as stated, whatever tile
// an entry falls into, and curves lie near those of doubles.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "levels.hpp"
#include "mettle/learning/kernels.hpp"

namespace {

using mettle::learning::AdamStep;
using mettle::learning::Index;
using mettle::learning::kernels;
using mettle::learning::Kernels;
using mettle::learning::kPanel;
using mettle::learning::kTanhStep;
using mettle::learning::Surrogate;

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

// Numbers in [-1, 1) that are the same everywhere.
std::vector<float> numbers(Index count, std::uint64_t seed) {
    std::vector<float> values(at(count));
    for (float& one : values) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        one = static_cast<float>(static_cast<std::int32_t>(seed >> 32)) * 0x1.0p-31F;
    }
    return values;
}

// sum + a · b as the level rounds it: once where it fuses, twice where it does not.
struct Added {
    bool fused;
    float operator()(float sum, float a, float b) const {
        const float product = a * b;
        return fused ? std::fma(a, b, sum) : sum + product;
    }
};

Added added_by(mettle::learning::Level level) {
    return {&kernels(level) != &kernels(mettle::learning::Level::portable)};
}

bool same(float one, float two) {
    return std::bit_cast<std::uint32_t>(one) == std::bit_cast<std::uint32_t>(two);
}

double wide(float value) { return static_cast<double>(value); }

bool near(float found, double wanted, double relative) {
    return std::fabs(wide(found) - wanted) <= relative * std::fabs(wanted);
}

}  // namespace

TEST_CASE("the best level of training is the widest that the processor has") {
    using mettle::learning::Level;
    Level widest = Level::portable;
    for (const Level one : {Level::avx2, Level::avx512}) {
        if (mettle::learning::supported(one)) widest = one;
    }
    MESSAGE("training runs at level " << std::string(mettle::test::kLevelNames[static_cast<int>(widest)]));
    CHECK(&kernels(Level::best) == &kernels(widest));
}

TEST_CASE_TEMPLATE("products keep the stated order in every tile", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    const Kernels& table = kernels(L::training);
    const Added added = added_by(L::training);
    for (Index rows = 1; rows <= 40; ++rows) {
        for (const Index depth : {1, 15, 16, 17, 70}) {
            CAPTURE(rows);
            CAPTURE(depth);
            const Index stride = (rows + 3) * kPanel;  // a panel may have more rows than are used
            const Index a_panels = (depth + kPanel - 1) / kPanel;
            const auto a = numbers(a_panels * stride, 1);
            const auto b = numbers(depth * kPanel, 2);
            const auto start = numbers(kPanel, 3);
            for (const float* from : {start.data(), static_cast<const float*>(nullptr)}) {
                std::vector<float> c(at(rows * kPanel) + 1, 7.0F);
                table.product(rows, depth, a.data(), stride, b.data(), from, c.data());
                bool exact = true;
                for (Index r = 0; r < rows; ++r) {
                    for (Index j = 0; j < kPanel; ++j) {
                        float sum = from == nullptr ? 0.0F : start[at(j)];
                        for (Index p = 0; p < depth; ++p) {
                            sum = added(sum, a[at(p / kPanel * stride + r * kPanel + p % kPanel)],
                                           b[at(p * kPanel + j)]);
                        }
                        exact = exact && same(c[at(r * kPanel + j)], sum);
                    }
                }
                CHECK(exact);
                CHECK(c.back() == 7.0F);  // nothing behind the last row is written
            }
        }
    }
}

TEST_CASE_TEMPLATE("transposed products add to what is there", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    const Added added = added_by(L::training);
    for (Index rows = 1; rows <= kPanel; ++rows) {
        for (const Index depth : {1, 2, 31, 64, 100}) {
            CAPTURE(rows);
            CAPTURE(depth);
            const auto a = numbers(depth * kPanel, 4);
            const auto b = numbers(depth * kPanel, 5);
            const auto before = numbers(kPanel * kPanel, 6);
            std::vector<float> c = before;
            kernels(L::training).transposed(rows, depth, a.data(), b.data(), c.data());
            bool exact = true;
            for (Index r = 0; r < kPanel; ++r) {
                for (Index j = 0; j < kPanel; ++j) {
                    float sum = before[at(r * kPanel + j)];
                    for (Index p = 0; p < depth && r < rows; ++p) {
                        sum = added(sum, a[at(p * kPanel + r)], b[at(p * kPanel + j)]);
                    }
                    exact = exact && same(c[at(r * kPanel + j)], sum);
                }
            }
            CHECK(exact);
        }
    }
}

TEST_CASE_TEMPLATE("parts are added one after the other", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    constexpr Index kCount = 3 * kPanel;
    constexpr Index kApart = kCount + 5;
    for (Index parts = 1; parts <= 9; ++parts) {
        const auto values = numbers(parts * kApart, 7);
        std::vector<float> out(at(kCount));
        kernels(L::training).add(kCount, parts, values.data(), kApart, out.data());
        for (Index i = 0; i < kCount; ++i) {
            float sum = values[at(i)];
            for (Index k = 1; k < parts; ++k) sum += values[at(k * kApart + i)];
            CHECK(same(out[at(i)], sum));
        }
    }
}

TEST_CASE_TEMPLATE("tanh of training lies within 2e-7 of the true one", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    const auto tanh = kernels(L::training).tanh;
    double worst = 0.0;
    std::vector<float> in(at(kTanhStep));
    for (std::uint32_t bits = 0; bits <= 0x7F800000U; bits += 9973 * kTanhStep) {
        for (std::size_t i = 0; i < in.size(); ++i) {
            const auto size = std::min<std::uint32_t>(
                bits + 9973 * static_cast<std::uint32_t>(i), 0x7F800000U);
            in[i] = std::bit_cast<float>(size) * (i % 2 == 0 ? 1.0F : -1.0F);
        }
        std::vector<float> out = in;
        tanh(kTanhStep, out.data());
        for (std::size_t i = 0; i < in.size(); ++i) {
            worst = std::max(worst, std::fabs(wide(out[i]) - std::tanh(wide(in[i]))));
        }
    }
    CHECK(worst < 2e-7);
    std::vector<float> odd(at(kTanhStep), std::numeric_limits<float>::quiet_NaN());
    odd[1] = std::numeric_limits<float>::infinity();
    odd[2] = -odd[1];
    tanh(kTanhStep, odd.data());
    CHECK(std::isnan(odd[0]));
    CHECK(odd[1] == 1.0F);
    CHECK(odd[2] == -1.0F);
}

TEST_CASE_TEMPLATE("the slope of tanh and its sums are those of doubles", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    for (const Index rows : {1, 2, 3, 64, 65}) {
        CAPTURE(rows);
        const auto output = numbers(rows * kPanel, 8);
        const auto before = numbers(rows * kPanel, 9);
        const auto sums_before = numbers(kPanel, 10);
        std::vector<float> slope = before;
        std::vector<float> sums = sums_before;
        kernels(L::training).tanh_back(rows, output.data(), slope.data(), sums.data());
        for (Index j = 0; j < kPanel; ++j) {
            double sum = wide(sums_before[at(j)]);
            for (Index i = 0; i < rows; ++i) {
                const std::size_t k = at(i * kPanel + j);
                const double wanted = wide(before[k]) * (1.0 - wide(output[k]) * wide(output[k]));
                CHECK(std::fabs(wide(slope[k]) - wanted) < 2e-7);
                sum += wanted;
            }
            CHECK(std::fabs(wide(sums[at(j)]) - sum) < 1e-5);
        }
    }
}

TEST_CASE_TEMPLATE("the surrogate is clipped as Schulman et al. do", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    constexpr Index kRows = 20 * kPanel;
    auto log_ratio = numbers(kRows, 11);
    for (std::size_t k = 0; k < log_ratio.size(); k += 5) log_ratio[k] *= 80.0F;
    const auto advantage = numbers(kRows, 12);
    std::vector<float> ratio(at(kRows)), slope(at(kRows)), gain(at(kRows));
    kernels(L::training).surrogate({kRows, 0.2F, 0.125F, 2.0F, log_ratio.data(), advantage.data(),
                                    ratio.data(), slope.data(), gain.data()});
    int clipped = 0;
    for (std::size_t k = 0; k < ratio.size(); ++k) {
        const double wanted = std::exp(wide(log_ratio[k]));
        CHECK(near(ratio[k], wanted, 1e-5));
        const double scaled = (wide(advantage[k]) - 0.125) * 2.0;
        const double free = scaled * wide(ratio[k]);
        const double bound = scaled * std::clamp(wide(ratio[k]), wide(1.0F - 0.2F), wide(1.0F + 0.2F));
        CHECK(near(gain[k], std::min(free, bound), 1e-6));
        CHECK(near(slope[k], bound < free ? 0.0 : -free, 1e-6));
        clipped += bound < free;
    }
    CHECK(clipped > 20);
    CHECK(clipped < kRows - 20);
}

TEST_CASE_TEMPLATE("Adam takes the steps of Kingma and Ba", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    constexpr Index kCount = 40 * kPanel;
    const AdamStep step{0.5F, 1e-2F, 0.25F, 1e-5F};
    const auto gradient = numbers(kCount, 13);
    const auto weights = numbers(kCount, 14);
    const auto firsts = numbers(kCount, 15);
    auto seconds = numbers(kCount, 16);
    for (float& one : seconds) one = std::fabs(one);
    std::vector<float> weight = weights;
    std::vector<float> first = firsts;
    std::vector<float> second = seconds;
    kernels(L::training).adam(kCount, step, gradient.data(), weight.data(), first.data(),
                              second.data());
    for (std::size_t k = 0; k < weight.size(); ++k) {
        const double g = wide(gradient[k]) * 0.5;
        const double m = wide(firsts[k]) * 0.9 + g * 0.1;
        const double v = wide(seconds[k]) * 0.999 + g * g * 0.001;
        CHECK(std::fabs(wide(first[k]) - m) < 2e-7);
        CHECK(std::fabs(wide(second[k]) - v) < 2e-7);
        const double size = std::sqrt(v) / 0.25 + 1e-5;
        CHECK(std::fabs(wide(weight[k]) - (wide(weights[k]) - 1e-2 * m / size)) < 1e-6);
    }
}
