// A node's state: kept and saved as bytes, an asset after the other.
#include <cstring>

#include "mettle/features/node.hpp"

namespace mettle::features {

Node::Node(const Program& program, std::size_t assets)
    : program_(program),
      states_((assets * program.state + sizeof(Cell) - 1) / sizeof(Cell)),
      used_(assets * program.state),
      memory_(assets * program.memory) {
    columns_.fill(-1);
}

void Node::bind(std::size_t output, std::size_t column) {
    columns_[output] = static_cast<std::ptrdiff_t>(column);
}

bool Node::lead(Node& other) {
    const Program& mine = program_;
    const Program& its = other.program_;
    if (leader_ != nullptr || mine.step == nullptr || mine.step != its.step ||
        mine.carries != its.carries || std::memcmp(mine.kernel, its.kernel, mine.carries) != 0)
        return false;
    other.leader_ = this;
    led_.push_back(&other);
    return true;
}

std::size_t Node::state_bytes() const {
    return used_ + memory_.size() * sizeof(double);
}

void Node::save(std::byte* to) const {
    if (leader_ != nullptr) return leader_->save(to);  // which has been through the same
    std::memcpy(to, states_.data(), used_);
    if (!memory_.empty()) std::memcpy(to + used_, memory_.data(), memory_.size() * sizeof(double));
}

void Node::load(const std::byte* from) {
    std::memcpy(states_.data(), from, used_);
    if (!memory_.empty())
        std::memcpy(memory_.data(), from + used_, memory_.size() * sizeof(double));
}

}  // namespace mettle::features
