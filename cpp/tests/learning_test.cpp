#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "levels.hpp"
#include "mettle/learning/ppo.hpp"

namespace {

using mettle::learning::Environments;
using mettle::learning::Index;
using mettle::learning::Level;
using mettle::learning::Lines;
using mettle::learning::Losses;
using mettle::learning::Ppo;
using mettle::learning::PpoShape;
using mettle::learning::Sight;

constexpr Index kInputs = 5;
constexpr Index kActions = 2;
constexpr Index kCount = 70;  // more than one block, and no whole number of them

float number(std::uint64_t& state) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<float>(static_cast<std::int32_t>(state >> 32)) * 0x1.0p-31F;
}

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

PpoShape shape(int threads, Level level = Level::best) {
    return {kInputs, kActions, {9, 6}, kCount, 6,    140,  2,       1e-3F, 0.9F,
            0.8F,    0.2F,     0.01F,  0.5F,   0.5F, threads, 3,    level};
}

void fill(Ppo& ppo) {
    std::uint64_t state = 9;
    for (const auto& tensor : ppo.network().tensors()) {
        for (Index o = 0; o < tensor.outputs; ++o) {
            for (Index i = 0; i < std::max<Index>(1, tensor.inputs); ++i) {
                ppo.weights()[at(tensor.at(o, i))] = 0.5F * number(state);
            }
        }
    }
    ppo.weights_changed();
}

// Shows numbers that depend on the time and the actions; the episode of every environment ends at
// its own fourth step, in every other one by truncation.
class Toy final : public Environments {
public:
    Toy() : seen_(at(kCount * kInputs)), last_(at(kCount * kInputs)), rewards_(at(kCount)),
            terminated_(at(kCount)), truncated_(at(kCount)), returns_(at(kCount), 2.5),
            lengths_(at(kCount), 4) {
        show();
    }
    Sight sight() override {
        return {seen_.data(), rewards_.data(), terminated_.data(), truncated_.data(),
                last_.data(), returns_.data(), lengths_.data()};
    }
    bool step(const float* actions) override {
        time_ += 1;
        for (Index e = 0; e < kCount; ++e) {
            const bool over = (time_ + e) % 4 == 0;
            terminated_[at(e)] = static_cast<std::uint8_t>(over && e % 2 == 0);
            truncated_[at(e)] = static_cast<std::uint8_t>(over && e % 2 == 1);
            rewards_[at(e)] = actions[e * kActions] - actions[e * kActions + 1];
        }
        last_ = seen_;
        show();
        return time_ < 100;
    }

private:
    void show() {
        std::uint64_t state = 1 + static_cast<std::uint64_t>(time_);
        for (float& one : seen_) one = number(state);
    }

    Index time_ = 0;
    std::vector<float> seen_, last_, rewards_;
    std::vector<std::uint8_t> terminated_, truncated_;
    std::vector<double> returns_;
    std::vector<std::int32_t> lengths_;
};

bool equal(const Lines<float>& one, const Lines<float>& two) {
    return one.size() == two.size() &&
           std::memcmp(one.data(), two.data(), one.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE_TEMPLATE("the gradient is the slope of the loss", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    Ppo ppo(shape(1, L::training));
    fill(ppo);
    Toy toy;
    REQUIRE(ppo.collect(toy));
    std::vector<std::int32_t> positions(100);
    for (std::size_t k = 0; k < 100; ++k) positions[k] = static_cast<std::int32_t>(k * 3);
    fill(ppo);
    ppo.minibatch(positions.data(), 100);
    const Lines<float> gradient = ppo.gradient();
    for (const auto& tensor : ppo.network().tensors()) {
        CAPTURE(tensor.name);
        const auto k = at(tensor.at(tensor.outputs - 1, tensor.inputs / 2));
        constexpr float kStep = 1e-2F;
        const float kept = ppo.weights()[k];
        double loss[2];
        for (const int side : {0, 1}) {
            ppo.weights()[k] = kept + (side == 0 ? -kStep : kStep);
            ppo.weights_changed();
            loss[side] = ppo.minibatch(positions.data(), 100).last;
        }
        ppo.weights()[k] = kept;
        ppo.weights_changed();
        const double slope = (loss[1] - loss[0]) / (2.0 * static_cast<double>(kStep));
        CHECK(static_cast<double>(gradient[k]) == doctest::Approx(slope).epsilon(0.02).scale(0.1));
    }
}

TEST_CASE_TEMPLATE("any number of threads plays and learns the same bits", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    Ppo one(shape(1, L::training));
    fill(one);
    Toy toy;
    REQUIRE(one.collect(toy));
    const Losses losses = one.update(nullptr);
    for (const int threads : {2, 3, 7}) {
        CAPTURE(threads);
        Ppo many(shape(threads, L::training));
        fill(many);
        Toy another;
        REQUIRE(many.collect(another));
        CHECK(equal(many.actions, one.actions));
        CHECK(equal(many.log_probs, one.log_probs));
        CHECK(equal(many.advantages, one.advantages));
        CHECK(many.update(nullptr).last == losses.last);
        CHECK(equal(many.weights(), one.weights()));
        CHECK(equal(many.second(), one.second()));
    }
}

TEST_CASE_TEMPLATE("levels learn the same but for rounding", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::training);
    Ppo portable(shape(1, Level::portable));
    Ppo other(shape(1, L::training));
    for (Ppo* one : {&portable, &other}) {
        fill(*one);
        Toy toy;
        REQUIRE(one->collect(toy));
    }
    for (std::size_t k = 0; k < other.actions.size(); ++k) {
        CHECK(std::abs(other.actions[k] - portable.actions[k]) < 1e-5F);
    }
    const Losses found = other.update(nullptr);
    const Losses wanted = portable.update(nullptr);
    CHECK(found.value == doctest::Approx(wanted.value).epsilon(1e-4));
    CHECK(found.last == doctest::Approx(wanted.last).epsilon(1e-4));
    for (std::size_t k = 0; k < other.weights().size(); ++k) {
        CHECK(std::abs(other.weights()[k] - portable.weights()[k]) < 1e-5F);
    }
}

TEST_CASE("advantages stop at ends and go on behind cuts") {
    Ppo ppo(shape(1));
    fill(ppo);
    Toy toy;
    REQUIRE(ppo.collect(toy));
    CHECK(static_cast<std::ptrdiff_t>(ppo.episodes.size()) ==
          std::count(ppo.dones.begin(), ppo.dones.end(), std::uint8_t{1}));
    for (Index e = 0; e < kCount; ++e) {
        for (Index step = 0; step + 1 < 6; ++step) {
            const auto k = at(step * kCount + e);
            const bool over = ppo.dones[k] != 0;
            CHECK(over == ((step + 1 + e) % 4 == 0));
            const float next = over ? 0.0F : ppo.values[k + at(kCount)];
            const float later = over ? 0.0F : ppo.advantages[k + at(kCount)];
            const float wanted = ppo.rewards[k] + 0.9F * next - ppo.values[k] + 0.72F * later;
            CHECK(ppo.advantages[k] == doctest::Approx(static_cast<double>(wanted)).epsilon(1e-5));
            // The reward of a cut holds the critic's opinion of the last observation besides.
            const float plain = std::clamp(ppo.actions[k * kActions], -1.0F, 1.0F) -
                                std::clamp(ppo.actions[k * kActions + 1], -1.0F, 1.0F);
            CHECK((ppo.rewards[k] == plain) == !(over && e % 2 == 1));
        }
    }
}

TEST_CASE("exploration is noise of the deviation asked for") {
    Ppo ppo(shape(1));
    for (Index j = 0; j < kActions; ++j) ppo.weights()[at(ppo.network().log_std() + j)] = -0.5F;
    ppo.weights_changed();  // all other weights are nil: so are the means
    Toy toy;
    double sum = 0.0;
    double squares = 0.0;
    double products = 0.0;
    double count = 0.0;
    for (int k = 0; k < 10; ++k) {
        REQUIRE(ppo.collect(toy));
        for (std::size_t i = 0; i < ppo.actions.size(); i += 2) {
            const auto x = static_cast<double>(ppo.actions[i]);
            const auto y = static_cast<double>(ppo.actions[i + 1]);
            sum += x + y;
            squares += x * x + y * y;
            products += x * y;
            count += 2.0;
        }
    }
    CHECK(std::abs(sum / count) < 0.03);
    CHECK(std::sqrt(squares / count) == doctest::Approx(std::exp(-0.5)).epsilon(0.03));
    CHECK(std::abs(products / count) < 0.01);
}

TEST_CASE("environments that are spent end the rollout") {
    Ppo ppo(shape(2));
    Toy toy;
    bool going = true;
    for (int k = 0; k < 16; ++k) going = ppo.collect(toy);
    CHECK(going);
    CHECK_FALSE(ppo.collect(toy));
}
