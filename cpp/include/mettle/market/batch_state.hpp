// The state of a batch: its accounts, where they are and what they have earned.
#pragma once

#include <string>

#include "batch_setup.hpp"

namespace mettle::market {

struct BatchState {
    std::uint64_t seed = 0;
    // One entry an environment (and asset).
    Lines<Int> cash, equity, peak, lots, basis, high_water, bar, last_bar, episode;
    Lines<std::int32_t> bars_held, length;
    Lines<double> moment_a, moment_b, returns;

    explicit BatchState(const BatchSetup& setup);
    StateColumns columns();

    std::string snapshot(const BatchSetup& setup) const;
    // Null if the state now equals the snapshot's, else why not; it is then unchanged.
    const char* restore(const BatchSetup& setup, const std::string& bytes);
};

// Call visit(array) for every array of a state, BatchState or StateColumns, in the snapshot's order.
template <class AnyState, class Visit>
void each_array(AnyState& state, Visit&& visit) {
    visit(state.cash);
    visit(state.equity);
    visit(state.peak);
    visit(state.lots);
    visit(state.basis);
    visit(state.high_water);
    visit(state.bar);
    visit(state.last_bar);
    visit(state.episode);
    visit(state.bars_held);
    visit(state.length);
    visit(state.moment_a);
    visit(state.moment_b);
    visit(state.returns);
}

}  // namespace mettle::market
