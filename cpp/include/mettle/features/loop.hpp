// A kernel's loops over a block of bars: the same for a whole table and for a bar at a time.
#pragma once

#include <algorithm>
#include <new>
#include <type_traits>

#include "mettle/features/kernel.hpp"
#include "mettle/features/node.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// What bars hand on, a chain whose links wait for each other: four assets at once take hardly
// longer than one. `Carrier` is the part of a kernel that steps.
template <class Carrier, Form form>
class Steps {
  public:
    static void run(const Program::Work& work, const Block* blocks, std::size_t lanes) {
        // Local copies can live in registers: nothing that is written can alias them.
        const Carrier carrier = *static_cast<const Carrier*>(work.kernel);
        auto* const kept = static_cast<State*>(work.states);
        std::size_t done = 0;
        if constexpr (Settles<Carrier>)
            if (lanes == kLanes) done = steady<kLanes>(carrier, kept, blocks, 0);
        for (std::size_t k = 0; k < lanes; ++k) {
            if (blocks[k].count == 1) {
                one(carrier, kept[k], work.memory + k * carrier.memory(), blocks[k]);
                continue;
            }
            std::size_t from = done;
            if constexpr (Settles<Carrier>) from += steady<1>(carrier, kept + k, blocks + k, from);
            if (from < blocks[k].count)
                any(carrier, kept[k], work.memory + k * carrier.memory(), blocks[k], from);
        }
    }

  private:
    using State = typename Carrier::State;
    static constexpr std::size_t kWorthwhile = 8;  // bars, for which to settle

    // A bar at a time is spared the copies that pay in a loop.
    static void one(const Carrier& carrier, State& state, double* memory, const Block& block) {
        double now[Carrier::carried];
        carrier.template step<form>(state, memory, block.bars, 0, now);
        for (std::size_t c = 0; c < Carrier::carried; ++c) block.carry[c * kStride] = now[c];
    }

    static void any(const Carrier& carrier, State& kept, double* memory, const Block& block,
                    std::size_t from) {
        State state = kept;
        const BarSpan bars = block.bars;
        double* const carry = block.carry;
        for (std::size_t i = from; i < block.count; ++i) {
            double now[Carrier::carried];
            carrier.template step<form>(state, memory, bars, static_cast<std::ptrdiff_t>(i), now);
            for (std::size_t c = 0; c < Carrier::carried; ++c) carry[c * kStride + i] = now[c];
        }
        kept = state;
    }

    // Go on from bar `from` for as many as all have, if every one settles; return how many.
    template <std::size_t lanes>
    static std::size_t steady(const Carrier& carrier, State* kept, const Block* blocks,
                              std::size_t from) {
        std::size_t to = kBlock;
        for (std::size_t k = 0; k < lanes; ++k) to = std::min(to, blocks[k].count);
        if (to < from + kWorthwhile) return 0;
        typename Carrier::Steady states[lanes];
        BarSpan bars[lanes];
        double* carry[lanes];
        for (std::size_t k = 0; k < lanes; ++k) {
            bars[k] = blocks[k].bars;
            carry[k] = blocks[k].carry;
            if (!carrier.settle(kept[k], bars[k], from, to, states[k])) return 0;
        }
        if constexpr (Feeds<Carrier>)
            for (std::size_t k = 0; k < lanes; ++k) {
                const BarSpan fed = bars[k];
                for (std::size_t i = from; i < to; ++i)
                    carry[k][i] = carrier.feed(fed, static_cast<std::ptrdiff_t>(i));
            }
        for (std::size_t i = from; i < to; ++i)
            for (std::size_t k = 0; k < lanes; ++k) {
                double now[Carrier::carried];
                if constexpr (Feeds<Carrier>)
                    carrier.step(states[k], carry[k][i], now);
                else
                    carrier.template step<form>(states[k], bars[k], static_cast<std::ptrdiff_t>(i),
                                                now);
                for (std::size_t c = 0; c < Carrier::carried; ++c)
                    carry[k][c * kStride + i] = now[c];
            }
        for (std::size_t k = 0; k < lanes; ++k) carrier.keep(states[k], kept[k]);
        return to - from;
    }
};

// What is told of the bars, each for itself: neighbours share the processor's vectors.
template <class Kernel, Form form>
class Values {
  public:
    static void run(const Program::Work& work, const Block* blocks, std::size_t lanes) {
        const Kernel& kernel = *static_cast<const Kernel*>(work.kernel);
        for (std::size_t k = 0; k < lanes; ++k)
            if (blocks[k].count == 1)
                one(kernel, work.columns, blocks[k]);
            else
                many(kernel, work.columns, blocks[k]);
    }

  private:
    struct Told {
        double values[Kernel::outputs];
    };

    static Told tell(const Kernel& kernel, const BarSpan& bars, const double* carry,
                     std::size_t i) {
        double now[std::max<std::size_t>(Kernel::carried, 1)];
        for (std::size_t c = 0; c < Kernel::carried; ++c) now[c] = carry[c * kStride + i];
        Told told;
        kernel.template value<form>(now, bars, static_cast<std::ptrdiff_t>(i), told.values);
        return told;
    }

    // A bar at a time is spared the vectors' preliminaries.
    static void one(const Kernel& kernel, const std::ptrdiff_t* columns, const Block& block) {
        const Told told = tell(kernel, block.bars, block.carry, 0);
        for (std::size_t j = 0; j < Kernel::outputs; ++j)
            if (columns[j] >= 0)
                block.values[static_cast<std::size_t>(columns[j]) * block.stride] = told.values[j];
    }

    static void many(const Kernel& given, const std::ptrdiff_t* columns, const Block& block) {
        // Local copies can live in registers: nothing that is written can alias them.
        const Kernel kernel = given;
        const BarSpan bars = block.bars;
        const double* const carry = block.carry;
        const std::size_t count = block.count;
        double spare[kBlock];  // for what nobody asked for
        double* out[Kernel::outputs];
        for (std::size_t j = 0; j < Kernel::outputs; ++j)
            out[j] = columns[j] < 0
                         ? spare
                         : block.values + static_cast<std::size_t>(columns[j]) * block.stride;
        for (std::size_t i = 0; i < count; ++i) {
            const Told told = tell(kernel, bars, carry, i);
            for (std::size_t j = 0; j < Kernel::outputs; ++j) out[j][i] = told.values[j];
        }
    }
};

template <class Kernel>
struct CarrierOf {
    using type = Kernel;
};
template <class Kernel>
    requires requires { typename Kernel::Carrier; }
struct CarrierOf<Kernel> {
    using type = typename Kernel::Carrier;
};

template <class Kernel, Form form>
constexpr Form carried_form() {
    if constexpr (requires { Kernel::carried_form; }) return Kernel::carried_form;
    return form;
}

template <class Kernel, Form form>
Program make_program(const int* parameters) {
    static_assert(sizeof(Kernel) <= Program::kBytes && std::is_trivially_copyable_v<Kernel>);
    static_assert(Kernel::carried <= kCarried && Kernel::outputs <= kOutputs);
    using State = typename Kernel::State;
    static_assert(std::is_trivially_copyable_v<State>);
    Program program{};
    const Kernel& kernel = *new (program.kernel) Kernel(parameters);
    program.run = Values<Kernel, form>::run;
    program.value = Values<Kernel, form>::run;
    program.warmup = kernel.warmup();
    program.depth = kernel.depth();
    program.state = sizeof(State);
    program.memory = kernel.memory();
    if constexpr (Kernel::carried > 0) {
        using Carrier = typename CarrierOf<Kernel>::type;
        using Stepping = Steps<Carrier, carried_form<Kernel, form>()>;
        program.step = Stepping::run;
        program.carries = sizeof(Carrier);
        program.run = [](const Program::Work& work, const Block* blocks, std::size_t lanes) {
            Stepping::run(work, blocks, lanes);
            Values<Kernel, form>::run(work, blocks, lanes);
        };
    }
    return program;
}

template <class Kernel>
Program make_program(const int* parameters, Form form) {
    return form == Form::raw ? make_program<Kernel, Form::raw>(parameters)
                             : make_program<Kernel, Form::stationary>(parameters);
}

}  // namespace mettle::features::inline METTLE_LEVEL
