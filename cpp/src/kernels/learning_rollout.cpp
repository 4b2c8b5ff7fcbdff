// The rollout: the policy plays in all environments, then advantages are estimated.
#include <algorithm>
#include <cmath>

#include "mettle/learning/ppo.hpp"
#include "mettle/market/random.hpp"

namespace mettle::learning {

namespace {

constexpr std::uint64_t kNoise = 0x6E6F697365ULL;
constexpr float kTau = 6.28318530718F;

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

struct Pair {
    float one;
    float two;
};

// Two independent normal numbers out of 48 of 64 random bits (Box & Muller 1958).
Pair normals(std::uint64_t bits) {
    const float length = static_cast<float>((bits >> 40U) + 1) * 0x1p-24F;
    const float angle = kTau * static_cast<float>(bits & 0xFFFFFFU) * 0x1p-24F;
    const float radius = std::sqrt(-2.0F * std::log(length));
    return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace

void Ppo::sample(Index step, Index environment, const float* mean) {
    const Index position = step * shape_.environments + environment;
    float* action = actions.data() + position * shape_.actions;
    float* sent = sent_.data() + environment * shape_.actions;
    const std::uint64_t key = market::mix(market::mix(shape_.seed ^ kNoise) ^
                                          static_cast<std::uint64_t>(environment));
    const std::uint64_t moment = market::mix(key ^ static_cast<std::uint64_t>(counters_.steps + step));
    Pair noise{};
    for (Index j = 0; j < shape_.actions; ++j) {
        if (j % 2 == 0) noise = normals(market::mix(moment ^ static_cast<std::uint64_t>(j)));
        const float away = deviation_[at(j)] * (j % 2 == 0 ? noise.one : noise.two);
        action[j] = mean[j / kPanel * kStride + j % kPanel] + away;
        sent[j] = action[j] > 1.0F ? 1.0F : (action[j] < -1.0F ? -1.0F : action[j]);
    }
    log_probs[at(position)] = log_prob(action, mean);
}

void Ppo::act(const Sight& sight, Index step, Index begin, Index count, Scratch& scratch) {
    const Index position = step * shape_.environments + begin;
    for (Index i = 0; i < count; ++i) {
        const float* from = sight.observations + (begin + i) * shape_.inputs;
        std::copy_n(from, shape_.inputs, observations.data() + (position + i) * row());
        pack(from, i, scratch);
    }
    network_.forward(weights_.data(), count, scratch);
    for (Index i = 0; i < count; ++i) {
        values[at(position + i)] = scratch.value[at(i * kPanel)];
        sample(step, begin + i, scratch.mean.data() + i * kPanel);
    }
}

// The critic's opinion of `count` observations that lie side by side.
void Ppo::estimate(const float* rows, Index count, float* out) {
    share((count + kBlock - 1) / kBlock, [&](Index k, Scratch& scratch) {
        const Index begin = k * kBlock;
        const Index here = std::min(kBlock, count - begin);
        for (Index i = 0; i < here; ++i) pack(rows + (begin + i) * shape_.inputs, i, scratch);
        network_.forward_value(weights_.data(), here, scratch);
        for (Index i = 0; i < here; ++i) out[begin + i] = scratch.value[at(i * kPanel)];
    });
}

// Keep rewards and ends. An episode that was only cut off goes on to be worth what the critic says
// of its last observation.
void Ppo::finish(const Sight& sight, Index step) {
    const Index first = step * shape_.environments;
    ended_.clear();
    ends_.clear();
    for (Index e = 0; e < shape_.environments; ++e) {
        rewards[at(first + e)] = sight.rewards[e];
        const bool over = sight.terminated[e] != 0 || sight.truncated[e] != 0;
        dones[at(first + e)] = static_cast<std::uint8_t>(over);
        if (!over) continue;
        episodes.push_back({sight.final_returns[e], sight.final_lengths[e]});
        if (sight.terminated[e] != 0) continue;
        const float* last = sight.final_observations + e * shape_.inputs;
        ended_.push_back(static_cast<std::int32_t>(e));
        ends_.insert(ends_.end(), last, last + shape_.inputs);
    }
    if (ended_.empty()) return;
    end_values_.resize(ended_.size());
    estimate(ends_.data(), static_cast<Index>(ended_.size()), end_values_.data());
    for (std::size_t k = 0; k < ended_.size(); ++k) {
        rewards[at(first + ended_[k])] += shape_.discount * end_values_[k];
    }
}

// Generalised advantage estimation (Schulman et al. 2016).
void Ppo::estimate_advantages() {
    const Index count = shape_.environments;
    std::vector<float> carried(at(count), 0.0F);
    const float* next = last_values_.data();
    for (Index step = shape_.rollout; step-- > 0;) {
        const Index first = step * count;
        for (Index e = 0; e < count; ++e) {
            const std::size_t k = at(first + e);
            const float goes_on = dones[k] != 0 ? 0.0F : 1.0F;
            const float surprise = rewards[k] + shape_.discount * next[e] * goes_on - values[k];
            const float ahead = shape_.discount * shape_.gae_lambda * goes_on * carried[at(e)];
            carried[at(e)] = surprise + ahead;
            advantages[k] = surprise + ahead;
            returns[k] = advantages[k] + values[k];
        }
        next = values.data() + first;
    }
}

bool Ppo::collect(Environments& environments) {
    episodes.clear();
    const Index count = shape_.environments;
    for (Index step = 0; step < shape_.rollout; ++step) {
        const Sight before = environments.sight();
        share((count + kBlock - 1) / kBlock, [&](Index k, Scratch& scratch) {
            const Index begin = k * kBlock;
            act(before, step, begin, std::min(kBlock, count - begin), scratch);
        });
        if (!environments.step(sent_.data())) return false;
        finish(environments.sight(), step);
    }
    counters_.steps += shape_.rollout;
    estimate(environments.sight().observations, count, last_values_.data());
    estimate_advantages();
    return true;
}

}  // namespace mettle::learning
