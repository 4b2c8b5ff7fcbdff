// Features of an asset among the others. An asset takes part at an instant where it has a bar and
// enough bars before it; free of units in both forms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "mettle/features/bars.hpp"

namespace mettle::features {

class CrossNode {
  public:
    virtual ~CrossNode() = default;
    virtual int warmup() const = 0;
    virtual void bind(std::size_t output, std::size_t column) = 0;
    // Take one instant: closes and states of all assets; write to row[asset·width + column].
    virtual void update(const std::int64_t* close, const std::uint8_t* state, double* row,
                        std::size_t width) = 0;
    virtual std::size_t state_bytes() const = 0;
    virtual void save(std::byte* to) const = 0;
    virtual void load(const std::byte* from) = 0;
};

// Outputs over the n-bar log return: 0 own minus the mean of all, 1 rank in [−1, 1].
std::unique_ptr<CrossNode> make_cross_return(const int* parameters, std::size_t assets);

// Outputs over the last n pairs of own and mean one-bar log return: 0 correlation, 1 beta.
std::unique_ptr<CrossNode> make_cross_moments(const int* parameters, std::size_t assets);

}  // namespace mettle::features
