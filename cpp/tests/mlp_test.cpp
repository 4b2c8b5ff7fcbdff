#include "mettle/inference/mlp.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <thread>
#include <vector>

#include "levels.hpp"

namespace {

using mettle::inference::Activation;
using mettle::inference::DenseLayer;
using mettle::inference::Dispatch;
using mettle::inference::Mlp;

// A fixed sequence in [-1, 1): the tests need no quality, only the same numbers everywhere.
class Numbers {
public:
    explicit Numbers(std::uint64_t seed) : state_(seed) {}
    float next() {
        state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
        return static_cast<float>(static_cast<std::int32_t>(state_ >> 32)) * 0x1.0p-31F;
    }

private:
    std::uint64_t state_;
};

struct Weights {
    std::vector<std::vector<float>> weight, bias;
    std::vector<DenseLayer> layers;

    Weights(std::initializer_list<int> sizes, std::uint64_t seed) {
        Numbers numbers(seed);
        const std::vector<int> widths(sizes);
        for (std::size_t i = 1; i < widths.size(); ++i) {
            auto& w = weight.emplace_back(static_cast<std::size_t>(widths[i - 1] * widths[i]));
            auto& b = bias.emplace_back(static_cast<std::size_t>(widths[i]));
            const float scale = 1.5F / std::sqrt(static_cast<float>(widths[i - 1]));
            for (float& one : w) one = numbers.next() * scale;
            for (float& one : b) one = numbers.next() * 0.1F;
        }
        for (std::size_t i = 0; i < weight.size(); ++i) {
            layers.push_back({weight[i].data(), bias[i].data(), widths[i + 1]});
        }
    }
    Mlp build(int inputs, Activation activation, Dispatch level) const {
        return {inputs, layers.data(), static_cast<int>(layers.size()), activation, level};
    }
    // The same network in doubles: a reference with no order to speak of.
    std::vector<double> reference(const float* obs, int inputs, Activation activation) const {
        std::vector<double> values(obs, obs + inputs);
        for (std::size_t l = 0; l < layers.size(); ++l) {
            std::vector<double> next(bias[l].begin(), bias[l].end());
            for (std::size_t o = 0; o < next.size(); ++o) {
                for (std::size_t i = 0; i < values.size(); ++i) {
                    next[o] += values[i] * static_cast<double>(weight[l][o * values.size() + i]);
                }
                if (l + 1 == layers.size()) {
                    next[o] = std::fmin(1.0, std::fmax(-1.0, next[o]));
                } else {
                    next[o] = activation == Activation::tanh ? std::tanh(next[o])
                                                             : std::fmax(0.0, next[o]);
                }
            }
            values = next;
        }
        return values;
    }
};

std::vector<float> observations(int rows, int inputs) {
    Numbers numbers(99);
    std::vector<float> obs(static_cast<std::size_t>(rows * inputs));
    for (float& one : obs) one = 3.0F * numbers.next();
    return obs;
}

float tanh_of(const Mlp& identity, float x) {
    std::array<float, 32> scratch{};
    float y = 0.0F;
    identity.forward(&x, &y, scratch.data());
    return y;
}

}  // namespace

TEST_CASE_TEMPLATE("a network equals its reference in doubles", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::inference);
    constexpr int kRows = 16;
    for (const auto activation : {Activation::tanh, Activation::relu}) {
        // Widths around the block of 8 and the run of 64, odd and even.
        for (const int inputs : {1, 2, 7, 63, 64, 65, 257, 901}) {
            const Weights weights({inputs, 33, 8, 3}, 7);
            const auto obs = observations(kRows, inputs);
            const Mlp mlp = weights.build(inputs, activation, L::inference);
            REQUIRE(mlp.input_size() == inputs);
            REQUIRE(mlp.output_size() == 3);
            std::vector<float> scratch(mlp.scratch_size());
            for (int row = 0; row < kRows; ++row) {
                const float* one = obs.data() + static_cast<std::ptrdiff_t>(row) * inputs;
                std::array<float, 3> action{};
                mlp.forward(one, action.data(), scratch.data());
                const auto expected = weights.reference(one, inputs, activation);
                for (std::size_t o = 0; o < 3; ++o) {
                    CHECK(std::fabs(static_cast<double>(action[o]) - expected[o]) < 2e-6);
                }
            }
        }
    }
}

TEST_CASE_TEMPLATE("the sum keeps the stated order", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::inference);
    // 1e8 swallows what is added to it, so that each grouping of these inputs has its own result.
    const std::array<float, 5> obs{1e8F, 3.0F, 3.0F, -5.0F, -1e8F};
    const std::array<float, 5> weight{1.0F, 1.0F, 1.0F, 1.0F, 1.0F};
    const float bias = 2.5F;
    const float even = (1e8F + 3.0F) + -1e8F;
    const float odd = 3.0F + -5.0F;
    const float expected = bias + (even + odd);
    REQUIRE(expected == 0.5F);
    const DenseLayer layer{weight.data(), &bias, 1};
    const Mlp mlp(5, &layer, 1, Activation::tanh, L::inference);
    std::vector<float> scratch(mlp.scratch_size());
    float action = 0.0F;
    mlp.forward(obs.data(), &action, scratch.data());
    CHECK(action == expected);
}

TEST_CASE_TEMPLATE("batch, threads and dispatch level leave every bit alone", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::inference);
    constexpr int kInputs = 61;
    constexpr std::size_t kRows = 512;
    const Weights weights({kInputs, 64, 64, 5}, 3);
    const auto obs = observations(static_cast<int>(kRows), kInputs);
    const Mlp portable = weights.build(kInputs, Activation::tanh, Dispatch::portable);
    std::vector<float> expected(kRows * 5);
    std::vector<float> scratch(portable.scratch_size());
    for (std::size_t row = 0; row < kRows; ++row) {
        portable.forward(obs.data() + row * kInputs, expected.data() + row * 5, scratch.data());
    }
    const Mlp mlp = weights.build(kInputs, Activation::tanh, L::inference);
    std::vector<float> actions(kRows * 5);
    std::vector<std::thread> threads;
    for (const std::size_t part : {0U, 1U, 2U, 3U}) {
        threads.emplace_back([&, part] {
            std::vector<float> own(mlp.scratch_size());
            const std::size_t first = part * kRows / 4;
            mlp.forward_batch(obs.data() + first * kInputs, kRows / 4,
                              actions.data() + first * 5, own.data());
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(std::memcmp(actions.data(), expected.data(), actions.size() * sizeof(float)) == 0);
}

TEST_CASE("tanh lies within 1e-7 of the true one, for every size of number") {
    const float one = 1.0F;
    const float zero = 0.0F;
    const std::array<DenseLayer, 2> layers{{{&one, &zero, 1}, {&one, &zero, 1}}};
    const Mlp portable(1, layers.data(), 2, Activation::tanh, Dispatch::portable);
    const Mlp best(1, layers.data(), 2, Activation::tanh);
    // Nine units need more than eight lanes, of which the output shows the last.
    const std::array<float, 9> ones{1, 1, 1, 1, 1, 1, 1, 1, 1};
    const std::array<float, 9> zeros{};
    const std::array<float, 9> last{0, 0, 0, 0, 0, 0, 0, 0, 1};
    const std::array<DenseLayer, 2> nine{
        {{ones.data(), zeros.data(), 9}, {last.data(), &zero, 1}}};
    const Mlp wide(1, nine.data(), 2, Activation::tanh);
    double worst = 0.0;
    bool same = true;
    bool odd = true;
    for (std::uint32_t bits = 0; bits <= 0x7F800000U; bits += 9973) {
        const auto x = std::bit_cast<float>(bits);
        const float y = tanh_of(portable, x);
        worst = std::fmax(worst, std::fabs(static_cast<double>(y) -
                                           std::tanh(static_cast<double>(x))));
        same = same && std::bit_cast<std::uint32_t>(y) ==
                           std::bit_cast<std::uint32_t>(tanh_of(best, x));
        same = same && y == tanh_of(wide, x);
        odd = odd && tanh_of(portable, -x) == -y;
    }
    CHECK(worst < 1e-7);
    CHECK(same);
    CHECK(odd);
    CHECK(tanh_of(best, std::numeric_limits<float>::infinity()) == 1.0F);
    CHECK(tanh_of(best, -std::numeric_limits<float>::infinity()) == -1.0F);
}

TEST_CASE_TEMPLATE("actions are clipped, and what is no number stays none", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::inference);
    const float weight = 1.0F;
    const float bias = 0.0F;
    const DenseLayer layer{&weight, &bias, 1};
    const std::array<DenseLayer, 2> deep{{layer, layer}};
    for (const auto activation : {Activation::tanh, Activation::relu}) {
        const Mlp flat(1, &layer, 1, activation, L::inference);
        const Mlp two(1, deep.data(), 2, activation, L::inference);
        CHECK(tanh_of(flat, 7.0F) == 1.0F);
        CHECK(tanh_of(flat, -7.0F) == -1.0F);
        CHECK(tanh_of(flat, 0.25F) == 0.25F);
        CHECK(std::isnan(tanh_of(flat, std::numeric_limits<float>::quiet_NaN())));
        CHECK(std::isnan(tanh_of(two, std::numeric_limits<float>::quiet_NaN())));
    }
}
