// The update: minibatches in a shuffled order, their gradients in fixed shares, and Adam.
#include <algorithm>
#include <cmath>

#include "mettle/learning/ppo.hpp"
#include "mettle/market/random.hpp"

namespace mettle::learning {

namespace {

// A minibatch is added up in this many shares, whoever computes them, so that the sums are the same
// for any number of threads.
constexpr Index kShares = 32;
constexpr Index kSums = 4;  // surrogate, squared error, divergence, clipped samples
constexpr Index kReduced = 1024;  // parameters that are added up together
constexpr Index kAhead = 12;      // samples fetched early
constexpr Index kLine = 16;       // floats
constexpr float kAdamEpsilon = 1e-5F;
constexpr double kHalfLogTau = 0.91893853320467274178;  // ln √(2π)
constexpr std::uint64_t kShuffle = 0x73687566666C65ULL;

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

}  // namespace

Ppo::Ppo(PpoShape shape)
    : shape_(std::move(shape)),
      network_(shape_.inputs, shape_.hidden, shape_.actions, shape_.level),
      pool_(shape_.threads) {
    const Index count = frames();
    observations.resize(at(count * row()));
    actions.resize(at(count * shape_.actions));
    for (auto* one : {&log_probs, &values, &rewards, &advantages, &returns}) one->resize(at(count));
    dones.resize(at(count));
    for (auto* one : {&weights_, &first_, &second_, &gradient_}) one->resize(at(network_.size()));
    parts_.resize(at(kShares * network_.size()));
    sums_.resize(at(kShares * kSums));
    order_.resize(at(count));
    sent_.resize(at(shape_.environments * shape_.actions));
    last_values_.resize(at(shape_.environments));
    for (int t = 0; t < shape_.threads; ++t) scratch_.push_back(network_.scratch());
    deviation_.resize(at(shape_.actions));
    precision_.resize(at(shape_.actions));
    weights_changed();
}

void Ppo::weights_changed() {
    network_.prepare(weights_.data());
    double log_scale = 0.0;
    double entropy = 0.0;
    for (Index j = 0; j < shape_.actions; ++j) {
        const float log_std = weights_[at(network_.log_std() + j)];
        deviation_[at(j)] = std::exp(log_std);
        precision_[at(j)] = 1.0F / (deviation_[at(j)] * deviation_[at(j)]);
        log_scale += static_cast<double>(log_std) + kHalfLogTau;
        entropy += static_cast<double>(log_std) + kHalfLogTau + 0.5;
    }
    log_scale_ = static_cast<float>(log_scale);
    entropy_ = static_cast<float>(entropy);
}

void Ppo::pack(const float* row, Index index, Scratch& scratch) const {
    float* to = scratch.input.data() + index * kPanel;
    Index left = shape_.inputs;
    for (; left >= kPanel; left -= kPanel, row += kPanel, to += kStride) {
        std::copy_n(row, kPanel, to);
    }
    std::copy_n(row, left, to);
}

float Ppo::log_prob(const float* action, const float* mean) const {
    float squares = 0.0F;
    for (Index j = 0; j < shape_.actions; ++j) {
        const float away = action[j] - mean[j / kPanel * kStride + j % kPanel];
        squares += away * away * precision_[at(j)];
    }
    return -0.5F * squares - log_scale_;
}

void Ppo::normalise(const std::int32_t* positions, Index count) {
    double total = 0.0;
    for (Index i = 0; i < count; ++i) {
        total += static_cast<double>(advantages[at(positions[i])]);
    }
    const double mean = total / static_cast<double>(count);
    double squares = 0.0;
    for (Index i = 0; i < count; ++i) {
        const double away = static_cast<double>(advantages[at(positions[i])]) - mean;
        squares += away * away;
    }
    const double deviation = std::sqrt(squares / static_cast<double>(count - 1));
    mean_ = static_cast<float>(mean);
    scale_ = static_cast<float>(1.0 / (deviation + 1e-8));
}

void Ppo::compare(const std::int32_t* positions, Index count, Scratch& scratch) const {
    for (Index i = 0; i < count; ++i) {
        const Index position = positions[i];
        const float now = log_prob(actions.data() + position * shape_.actions,
                                   scratch.mean.data() + i * kPanel);
        scratch.log_ratio[at(i)] = now - log_probs[at(position)];
        scratch.advantage[at(i)] = advantages[at(position)];
    }
    network_.kernels().surrogate({count, shape_.clip_range, mean_, scale_, scratch.log_ratio.data(),
                                  scratch.advantage.data(),
                                  scratch.ratio.data(), scratch.log_slope.data(),
                                  scratch.gain.data()});
}

void Ppo::slopes(const std::int32_t* positions, Index count, float share_of_one, Scratch& scratch,
                 float* gradient, double* sums) const {
    const float of_value = 2.0F * shape_.value_coefficient * share_of_one;
    float* log_std = gradient + network_.log_std();
    for (Index i = 0; i < count; ++i) {
        const Index position = positions[i];
        const float slope = scratch.log_slope[at(i)] * share_of_one;
        const float* action = actions.data() + position * shape_.actions;
        for (Index j = 0; j < shape_.actions; ++j) {
            const Index entry = j / kPanel * kStride + i * kPanel + j % kPanel;
            const float away = action[j] - scratch.mean[at(entry)];
            const float pull = away * precision_[at(j)];
            scratch.mean_slope[at(entry)] = slope * pull;
            log_std[j] += slope * (away * pull - 1.0F);
        }
        const float error = scratch.value[at(i * kPanel)] - returns[at(position)];
        scratch.value_slope[at(i * kPanel)] = of_value * error;
        const float ratio = scratch.ratio[at(i)];
        sums[0] += static_cast<double>(scratch.gain[at(i)]);
        sums[1] += static_cast<double>(error * error);
        sums[2] += static_cast<double>((ratio - 1.0F) - scratch.log_ratio[at(i)]);
        sums[3] += std::abs(ratio - 1.0F) > shape_.clip_range ? 1.0 : 0.0;
    }
}

void Ppo::learn_block(const std::int32_t* positions, Index count, Index left, float share_of_one,
                      Scratch& scratch, float* gradient, double* sums) const {
    for (Index i = 0; i < count; ++i) {
        if (i + kAhead < left) {
            const float* next = observations.data() + positions[i + kAhead] * row();
            for (Index k = 0; k < row(); k += kLine) __builtin_prefetch(next + k);
        }
        pack(observations.data() + positions[i] * row(), i, scratch);
    }
    network_.forward(weights_.data(), count, scratch);
    compare(positions, count, scratch);
    slopes(positions, count, share_of_one, scratch, gradient, sums);
    network_.backward(weights_.data(), count, scratch, gradient);
}

Losses Ppo::minibatch(const std::int32_t* positions, Index count) {
    normalise(positions, count);
    const Index shares = std::min(kShares, (count + kBlock - 1) / kBlock);
    const Index size = network_.size();
    const float share_of_one = 1.0F / static_cast<float>(count);
    share(shares, [&](Index k, Scratch& scratch) {
        float* gradient = parts_.data() + k * size;
        double* sums = sums_.data() + k * kSums;
        std::fill_n(gradient, size, 0.0F);
        std::fill_n(sums, kSums, 0.0);
        const Index end = (k + 1) * count / shares;
        for (Index from = k * count / shares; from < end; from += kBlock) {
            learn_block(positions + from, std::min(kBlock, end - from), end - from, share_of_one,
                        scratch, gradient, sums);
        }
    });
    share((size + kReduced - 1) / kReduced, [&](Index k, Scratch&) {
        const Index from = k * kReduced;
        network_.kernels().add(std::min(kReduced, size - from), shares, parts_.data() + from, size,
                               gradient_.data() + from);
    });
    for (Index j = 0; j < shape_.actions; ++j) {
        gradient_[at(network_.log_std() + j)] -= shape_.entropy_coefficient;
    }
    double sums[kSums] = {};
    for (Index k = 0; k < shares * kSums; ++k) sums[k % kSums] += sums_[at(k)];
    const auto whole = static_cast<double>(count);
    Losses losses{-sums[0] / whole, sums[1] / whole, -static_cast<double>(entropy_),
                  sums[2] / whole, sums[3] / whole, 0.0};
    losses.last = losses.policy +
                  static_cast<double>(shape_.entropy_coefficient) * losses.entropy +
                  static_cast<double>(shape_.value_coefficient) * losses.value;
    return losses;
}

void Ppo::step_weights() {
    double squares = 0.0;
    for (const float one : gradient_) squares += static_cast<double>(one) * static_cast<double>(one);
    const double clip =
        std::min(1.0, static_cast<double>(shape_.max_gradient_norm) / (std::sqrt(squares) + 1e-6));
    counters_.updates += 1;
    const auto count = static_cast<double>(counters_.updates);
    const double rate = static_cast<double>(shape_.learning_rate) / (1.0 - std::pow(0.9, count));
    const AdamStep step{static_cast<float>(std::isnan(squares) ? squares : clip),
                        static_cast<float>(rate),
                        static_cast<float>(std::sqrt(1.0 - std::pow(0.999, count))), kAdamEpsilon};
    network_.kernels().adam(network_.size(), step, gradient_.data(), weights_.data(),
                            first_.data(), second_.data());
    weights_changed();
}

// Fisher & Yates, in the form of Durstenfeld 1964.
void Ppo::shuffle() {
    const Index count = frames();
    for (Index i = 0; i < count; ++i) order_[at(i)] = static_cast<std::int32_t>(i);
    const std::uint64_t key = market::mix(market::mix(shape_.seed ^ kShuffle) ^
                                          static_cast<std::uint64_t>(counters_.epochs));
    for (Index i = count - 1; i > 0; --i) {
        const std::uint64_t bits = market::mix(key ^ static_cast<std::uint64_t>(i)) >> 32U;
        const std::uint64_t other = (bits * static_cast<std::uint64_t>(i + 1)) >> 32U;
        std::swap(order_[at(i)], order_[static_cast<std::size_t>(other)]);
    }
}

Losses Ppo::update(const std::int32_t* order) {
    Losses means;
    const Index count = frames();
    const double share_of_all =
        static_cast<double>(shape_.batch) / static_cast<double>(count * shape_.epochs);
    for (Index epoch = 0; epoch < shape_.epochs; ++epoch) {
        if (order == nullptr) shuffle();
        const std::int32_t* positions = order == nullptr ? order_.data() : order + epoch * count;
        means.kl = 0.0;
        for (Index from = 0; from < count; from += shape_.batch) {
            const Losses one = minibatch(positions + from, shape_.batch);
            step_weights();
            means.policy += one.policy * share_of_all;
            means.value += one.value * share_of_all;
            means.entropy += one.entropy * share_of_all;
            means.clipped += one.clipped * share_of_all;
            means.kl += one.kl * share_of_all * static_cast<double>(shape_.epochs);
            means.last = one.last;
        }
        counters_.epochs += 1;
    }
    return means;
}

}  // namespace mettle::learning
