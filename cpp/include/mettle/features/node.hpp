// A kernel bound to columns of the output: the loop that batch and incremental runs share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "mettle/features/bars.hpp"

namespace mettle::features {

// A kernel is a struct of parameters with
//   static constexpr std::size_t outputs;   values written per bar
//   struct State;                           trivially copyable, without initialisers
//   int warmup() const;                     bars before the first valid value
//   int depth() const;                      how far back it reads bars
//   std::size_t memory() const;             doubles of further state per asset
//   template <Form> void update(State&, double* memory, const BarSpan&, std::ptrdiff_t i,
//                               double* out) const;
// What it writes before its warm-up is thrown away; it must only not trap.
class Node {
  public:
    virtual ~Node() = default;
    virtual int warmup() const = 0;
    virtual int depth() const = 0;
    virtual void bind(std::size_t output, std::size_t column) = 0;
    virtual void run(std::size_t asset, const BarSpan& bars, std::size_t count,
                     const std::size_t* offset, double* out) = 0;
    virtual std::size_t state_bytes() const = 0;
    virtual void save(std::byte* to) const = 0;
    virtual void load(const std::byte* from) = 0;
};

template <class Kernel, Form form>
class KernelNode final : public Node {
  public:
    using State = typename Kernel::State;

    KernelNode(const Kernel& kernel, std::size_t assets)
        : kernel_(kernel), states_(assets), memory_(assets * kernel.memory()) {
        columns_.fill(-1);
    }

    int warmup() const override { return kernel_.warmup(); }
    int depth() const override { return kernel_.depth(); }

    void bind(std::size_t output, std::size_t column) override {
        columns_[output] = static_cast<std::ptrdiff_t>(column);
    }

    void run(std::size_t asset, const BarSpan& span, std::size_t count, const std::size_t* offset,
             double* out) override {
        // Local copies can live in registers: nothing that is written can alias them.
        State state = states_[asset];
        const BarSpan bars = span;
        const Kernel kernel = kernel_;
        const auto columns = columns_;
        double* const memory = memory_.data() + asset * kernel_.memory();
        for (std::size_t i = 0; i < count; ++i) {
            double value[Kernel::outputs];
            kernel.template update<form>(state, memory, bars, static_cast<std::ptrdiff_t>(i),
                                         value);
            double* const row = out + offset[i];
            for (std::size_t k = 0; k < Kernel::outputs; ++k)
                if (columns[k] >= 0) row[columns[k]] = value[k];
        }
        states_[asset] = state;
    }

    std::size_t state_bytes() const override {
        return states_.size() * sizeof(State) + memory_.size() * sizeof(double);
    }

    void save(std::byte* to) const override {
        std::memcpy(to, states_.data(), states_.size() * sizeof(State));
        if (!memory_.empty())
            std::memcpy(to + states_.size() * sizeof(State), memory_.data(),
                        memory_.size() * sizeof(double));
    }

    void load(const std::byte* from) override {
        std::memcpy(states_.data(), from, states_.size() * sizeof(State));
        if (!memory_.empty())
            std::memcpy(memory_.data(), from + states_.size() * sizeof(State),
                        memory_.size() * sizeof(double));
    }

  private:
    Kernel kernel_;
    std::vector<State> states_;
    std::vector<double> memory_;
    std::array<std::ptrdiff_t, Kernel::outputs> columns_{};
};

template <class Kernel>
std::unique_ptr<Node> make_node(const int* parameters, Form form, std::size_t assets) {
    const Kernel kernel(parameters);
    if (form == Form::raw) return std::make_unique<KernelNode<Kernel, Form::raw>>(kernel, assets);
    return std::make_unique<KernelNode<Kernel, Form::stationary>>(kernel, assets);
}

}  // namespace mettle::features
