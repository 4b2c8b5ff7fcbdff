// Thousands of environments over one table, stepped together.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lanes.hpp"
#include "observe.hpp"
#include "settings.hpp"
#include "step.hpp"
#include "table.hpp"
#include "thread_pool.hpp"

namespace mettle::market {

// A run of bars [first, stop) at which an episode may start; it ends at bar `last` at the latest.
struct Span {
    Int first;
    Int stop;
    Int last;
};

struct BatchShape {
    Int environments;
    Int first_environment;  // index of the first one in the whole population, for splits
    std::uint64_t seed;
    Int episode_length;  // 0: to the end of the block
    Int window;
    Mode mode;
    int threads;
};

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
    // The caller has checked the settings, and that the spans hold a start and lie in the table with
    // a window before and a bar after each start.
    Batch(std::shared_ptr<const Table> table, const Settings& settings, const BatchShape& shape,
          std::vector<Span> spans);

    void reset(std::uint64_t seed);
    // Begin the next episode of every environment.
    void begin_all();
    // Actions: (environments, assets). False if a number left int64; the batch is then spent.
    bool step(const float* actions);

    std::string snapshot() const;
    // Null if the batch now equals the snapshot's, else why not; it is then unchanged.
    const char* restore(const std::string& bytes);

    Int width() const { return width_; }
    const BatchShape& shape() const { return shape_; }
    const Table& table() const { return *table_; }
    Output& output() { return outputs_[side_]; }
    Output& output(int side) { return outputs_[side]; }
    int side() const { return side_; }

    // Written at the end of an episode only.
    Lines<float> final_observations;
    Lines<double> final_returns;
    Lines<std::int32_t> final_lengths;
    Lines<Int> final_equity;

    // State, one entry an environment (and asset).
    Lines<Int> cash, equity, peak, lots, basis, high_water, bar, last_bar, episode;
    Lines<std::int32_t> bars_held, length;
    Lines<double> moment_a, moment_b, returns;

private:
    template <int A>
    bool advance(Int begin, Int end, const float* actions);
    template <int A>
    bool advance_some(Int begin, Int end, const float* actions);
#if defined(METTLE_LANES)
    template <int A>
    bool advance_lanes(Int begin, Int end, const float* actions);
    template <int A>
    bool close_lanes(Int e, const lanes::Block<A>& block);
    lanes::Four four_at(Int e, const float* actions);
    void prefetch_output(Int e) const;
#endif
    Account settle(Int e, Account& account, Int now, const StepResult& result);
    Account account(Int e);
    void keep(Int e, const Account& account);
    std::uint64_t fingerprint() const;
    void observe_all();
    void begin_episode(Int e);
    void finish_episode(Int e, const Account& account, Int now);
    void prefetch_prices(Int e) const;
    void prefetch_features(Int e) const;

    std::shared_ptr<const Table> table_;
    std::uint64_t fingerprint_;  // of data, settings, spans and shape
    Settings settings_;
    BatchShape shape_;
    Lines<Wait> waits_;
    Market market_;
    Int width_;
#if defined(METTLE_LANES)
    bool use_lanes_ = false;
    lanes::Terms lane_terms_{};
#endif
    std::vector<Span> spans_;
    std::vector<Int> starts_before_;  // allowed starts before each span
    Int starts_total_ = 0;
    Output outputs_[2];
    int side_ = 0;
    ThreadPool pool_;
};

}  // namespace mettle::market
