// Proximal policy optimisation (Schulman et al. 2017) as Stable-Baselines3 does it: rollouts and
// updates in native threads, with results that do not depend on their number.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "mettle/learning/network.hpp"
#include "mettle/market/thread_pool.hpp"

namespace mettle::learning {

struct PpoShape {
    Index inputs;
    Index actions;
    std::vector<Index> hidden;
    Index environments;
    Index rollout;  // steps of each environment between two updates
    Index batch;    // divides environments × rollout, at least 2
    Index epochs;
    float learning_rate;
    float discount;
    float gae_lambda;
    float clip_range;
    float entropy_coefficient;
    float value_coefficient;
    float max_gradient_norm;
    int threads;
    std::uint64_t seed;
    Level level;
};

// What a vector of environments shows; finished ones have begun anew.
struct Sight {
    const float* observations;  // (environments, inputs)
    const float* rewards;
    const std::uint8_t* terminated;
    const std::uint8_t* truncated;
    const float* final_observations;  // of those that have just finished
    const double* final_returns;
    const std::int32_t* final_lengths;
};

class Environments {
public:
    virtual ~Environments() = default;
    virtual Sight sight() = 0;
    // Actions: (environments, actions) in [-1, 1]. False if the environments are spent.
    virtual bool step(const float* actions) = 0;
};

struct Episode {
    double reward;
    std::int32_t length;
};

// Means over the minibatches of an update, as Stable-Baselines3 logs them.
struct Losses {
    double policy = 0.0;
    double value = 0.0;
    double entropy = 0.0;
    double kl = 0.0;  // of the last epoch
    double clipped = 0.0;
    double last = 0.0;  // the whole loss of the last minibatch
};

// How far a run is; with the weights and moments it is all that there is between two rollouts.
struct Counters {
    std::int64_t steps = 0;    // of each environment
    std::int64_t epochs = 0;   // of all updates
    std::int64_t updates = 0;  // of the weights
};

class Ppo {
public:
    // The caller has checked the shape.
    explicit Ppo(PpoShape shape);

    const PpoShape& shape() const { return shape_; }
    const Network& network() const { return network_; }
    Index frames() const { return shape_.environments * shape_.rollout; }
    Index row() const { return padded(shape_.inputs); }  // floats of one kept observation

    Lines<float>& weights() { return weights_; }
    Lines<float>& first() { return first_; }
    Lines<float>& second() { return second_; }
    const Lines<float>& gradient() const { return gradient_; }
    Counters& counters() { return counters_; }
    void weights_changed();

    // Play one rollout and estimate the advantages. False if the environments are spent.
    bool collect(Environments& environments);
    // Take one update; `order` holds epochs × frames positions, or null for an own shuffle.
    Losses update(const std::int32_t* order);
    // The gradient of one minibatch, before clipping, and its losses.
    Losses minibatch(const std::int32_t* positions, Index count);

    // The rollout: position step · environments + environment.
    Lines<float> observations, actions, log_probs, values, rewards, advantages, returns;
    Lines<std::uint8_t> dones;
    // Those that ended in the last rollout, in order of time.
    std::vector<Episode> episodes;

private:
    // Call body(index, scratch) for every index below `count`, on all threads.
    template <class Body>
    void share(Index count, const Body& body) {
        std::atomic<Index> next{0};
        auto work = [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t t = begin; t < end; ++t) {
                Scratch& own = scratch_[static_cast<std::size_t>(t)];
                for (;;) {
                    const Index index = next.fetch_add(1, std::memory_order_relaxed);
                    if (index >= count) break;
                    body(index, own);
                }
            }
        };
        pool_.run(pool_.threads(), 1, work);
    }

    void pack(const float* row, Index at, Scratch& scratch) const;
    float log_prob(const float* action, const float* mean) const;
    void act(const Sight& sight, Index step, Index begin, Index count, Scratch& scratch);
    void sample(Index step, Index environment, const float* mean);
    void estimate(const float* rows, Index count, float* out);
    void finish(const Sight& sight, Index step);
    void estimate_advantages();
    void normalise(const std::int32_t* positions, Index count);
    void learn_block(const std::int32_t* positions, Index count, Index left, float share_of_one,
                     Scratch& scratch, float* gradient, double* sums) const;
    void compare(const std::int32_t* positions, Index count, Scratch& scratch) const;
    void slopes(const std::int32_t* positions, Index count, float share_of_one, Scratch& scratch,
                float* gradient, double* sums) const;
    void shuffle();
    void step_weights();

    PpoShape shape_;
    Network network_;
    market::ThreadPool pool_;
    std::vector<Scratch> scratch_;  // one a thread
    Lines<float> weights_, first_, second_, gradient_;
    Lines<float> parts_;  // gradients of the shares of a minibatch
    std::vector<double> sums_;
    std::vector<std::int32_t> order_;
    Lines<float> sent_;  // clipped actions
    Lines<float> last_values_, ends_, end_values_;
    std::vector<std::int32_t> ended_;
    Counters counters_;
    // Of the weights.
    std::vector<float> deviation_, precision_;
    float log_scale_ = 0.0F;
    float entropy_ = 0.0F;
    // Of the minibatch's advantages.
    float mean_ = 0.0F;
    float scale_ = 1.0F;
};

}  // namespace mettle::learning
