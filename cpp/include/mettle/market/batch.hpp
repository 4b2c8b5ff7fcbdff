// Thousands of environments over one table, stepped together.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "batch_setup.hpp"
#include "batch_state.hpp"
#include "lanes.hpp"
#include "thread_pool.hpp"

namespace mettle::market {

// One side of the double buffer: what a step wrote. It stays until the step after the next.
struct Output {
    Lines<float> observations;
    Lines<float> rewards;
    Lines<std::uint8_t> terminated;
    Lines<std::uint8_t> truncated;
    Lines<std::uint8_t> done;
};

class Batch {
public:
    // See BatchSetup; the level is supported. What is played does not depend on it.
    Batch(std::shared_ptr<const Table> table, const Settings& settings, const BatchShape& shape,
          std::vector<Span> spans, LaneLevel level = LaneLevel::kBest);
    explicit Batch(BatchSetup setup, LaneLevel level = LaneLevel::kBest);

    void reset(std::uint64_t seed);
    // Begin the next episode of every environment.
    void begin_all();
    // Actions: (environments, assets). False if a number left int64; the batch is then spent.
    bool step(const float* actions);

    std::string snapshot() const { return state.snapshot(setup); }
    // Null if the batch now equals the snapshot's, else why not; it is then unchanged.
    const char* restore(const std::string& bytes);

    Int width() const { return setup.world().width; }
    const BatchShape& shape() const { return setup.shape(); }
    const Table& table() const { return setup.table(); }
    Output& output() { return outputs_[side_]; }
    Output& output(int side) { return outputs_[side]; }
    int side() const { return side_; }
    // What steps are played with: portable where the lanes do not cover the market.
    LaneLevel level() const { return level_; }

    const BatchSetup setup;
    BatchState state;

    // Written at the end of an episode only.
    Lines<float> final_observations;
    Lines<double> final_returns;
    Lines<std::int32_t> final_lengths;
    Lines<Int> final_equity;

private:
    template <int A>
    bool advance_known(Int begin, Int end, const float* actions);
    bool advance(Int begin, Int end, const float* actions);
    bool close(Int e, Int equity, Int traded);
    lanes::General general();
    const Columns& columns() const { return columns_[side_]; }
    void show_features(Int e, const Played& played) const;
    void show_all();

    LaneLevel level_ = LaneLevel::kPortable;
    lanes::Loop lane_loop_ = nullptr;  // null: the general code plays
    lanes::Terms lane_terms_{};
    Output outputs_[2];
    Columns columns_[2];  // of the arrays above, by side
    int side_ = 0;
    ThreadPool pool_;
};

}  // namespace mettle::market
