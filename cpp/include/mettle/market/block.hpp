// A block of threads that steps as many environments: each thread plays one of them, then all threads
// write the rows of all of them side by side. The kernels of cpp/src/cuda launch it; nothing in it
// needs a GPU, so that the tests play it by hand.
#pragma once

#include "environment.hpp"

namespace mettle::market {

// What a launch is given; it fits among a kernel's arguments, which are constant memory.
struct Launch {
    World world;
    Columns columns;
    Int environments;
    std::uint32_t* overflow;  // set where a number left int64
    std::uint64_t* seed;
};

// What the threads of a block tell each other, one entry a thread.
struct BlockMemory {
    Played* played;
    float* portfolios;  // rows of portfolio_width
};

METTLE_HD std::size_t block_bytes(int threads, int assets) {
    const auto row = sizeof(Played) + static_cast<std::size_t>(portfolio_width(assets)) * sizeof(float);
    return static_cast<std::size_t>(threads) * row;
}

METTLE_HD BlockMemory block_memory(void* bytes, int threads) {
    auto* played = static_cast<Played*>(bytes);
    return {played, reinterpret_cast<float*>(played + threads)};
}

// The account of one thread. Where the number of assets is known its entries are copied into memory of
// the thread's own, which are registers or lie beside those of its neighbours; else they stay.
template <int A>
class HeldAccount {
public:
    METTLE_HD HeldAccount(const StateColumns& state, Int e, int) : state_(state), e_(e) {
        account = account_of(state, e, A);
        for (int i = 0; i < A; ++i) {
            lots_[i] = account.lots[i];
            basis_[i] = account.basis[i];
            high_water_[i] = account.high_water[i];
            bars_held_[i] = account.bars_held[i];
        }
        account.lots = lots_;
        account.basis = basis_;
        account.high_water = high_water_;
        account.bars_held = bars_held_;
    }
    HeldAccount(const HeldAccount&) = delete;
    HeldAccount& operator=(const HeldAccount&) = delete;

    METTLE_HD void keep() const {
        const Account kept = account_of(state_, e_, A);
        for (int i = 0; i < A; ++i) {
            kept.lots[i] = lots_[i];
            kept.basis[i] = basis_[i];
            kept.high_water[i] = high_water_[i];
            kept.bars_held[i] = bars_held_[i];
        }
    }

    Account account;

private:
    const StateColumns& state_;
    Int e_;
    Int lots_[A];
    Int basis_[A];
    Int high_water_[A];
    std::int32_t bars_held_[A];
};

template <>
class HeldAccount<0> {
public:
    METTLE_HD HeldAccount(const StateColumns& state, Int e, int assets)
        : account(account_of(state, e, assets)) {}
    METTLE_HD void keep() const {}

    Account account;
};

METTLE_HD float* portfolio_of(const Launch& launch, const BlockMemory& memory, int thread) {
    return memory.portfolios + Int{thread} * portfolio_width(launch.world.market.assets);
}

// First half of a step: the thread's own environment.
template <int A>
METTLE_HD void play_thread(const Launch& launch, const BlockMemory& memory, Int first, int thread,
                           const float* actions) {
    const Int e = first + thread;
    if (e >= launch.environments) return;
    const int assets = A > 0 ? A : launch.world.market.assets;
    HeldAccount<A> held(launch.columns.state, e, assets);
    const Played played = play<A>(launch.world, launch.columns, *launch.seed, e, held.account,
                                  actions + e * assets, portfolio_of(launch, memory, thread));
    held.keep();
    memory.played[thread] = played;
    if (played.overflow) *launch.overflow = 1;
}

// First half of a reset: the first (`anew`) or the next episode begins; without `begins` none does, and
// the state is shown as it is.
METTLE_HD void show_thread(const Launch& launch, const BlockMemory& memory, Int first, int thread,
                           bool begins, bool anew) {
    const Int e = first + thread;
    if (e >= launch.environments) return;
    if (begins) begin(launch.world, launch.columns.state, *launch.seed, anew, e);
    memory.played[thread] =
        show(launch.world, launch.columns, e, portfolio_of(launch, memory, thread));
}

// Entry k of what follows the portfolio at bar t.
METTLE_HD float feature_at(const World& world, Int t, Int k) {
    if (world.mode == Mode::kIndex) return index_part(t, k);
    return feature_rows(world.market, world.mode, world.window, t)[k];
}

// Second half, after all threads have done their first: neighbours write neighbouring floats. The rows
// of a block are one stretch of memory, through which a thread goes in strides without dividing.
METTLE_HD void write_rows(const Launch& launch, const BlockMemory& memory, Int first, int threads,
                          int thread) {
    const World& world = launch.world;
    const Int count = smaller(threads, launch.environments - first);
    const Int portfolio = portfolio_width(world.market.assets);
    const Int width = world.width;
    const Int rows_a_stride = threads / width;
    const Int floats_a_stride = threads % width;
    float* out = launch.columns.output.observations + first * width;
    Int row = thread / width;
    Int column = thread % width;
    while (row < count) {
        out[row * width + column] =
            column < portfolio ? memory.portfolios[row * portfolio + column]
                               : feature_at(world, memory.played[row].shown, column - portfolio);
        row += rows_a_stride;
        column += floats_a_stride;
        if (column >= width) {
            column -= width;
            ++row;
        }
    }
    for (row = 0; row < count; ++row) {
        const Int ended = memory.played[row].ended;
        if (ended == kNoBar) continue;
        float* last = launch.columns.ends.observations + (first + row) * width;
        for (Int k = portfolio + thread; k < width; k += threads) {
            last[k] = feature_at(world, ended, k - portfolio);
        }
    }
}

}  // namespace mettle::market
