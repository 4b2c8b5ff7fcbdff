// Saves and restores an engine: magic, version, identity, state, checksum. Little-endian, as every
// machine that this is built for.
#include <bit>
#include <cstring>

#include "mettle/features/engine.hpp"

namespace mettle::features {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr char kMagic[8] = {'M', 'T', 'L', 'F', 'E', 'A', 'T', '1'};
constexpr std::size_t kColumns = 6;

// FNV-1a, 64 bits: against damage, not against forgery.
std::uint64_t checksum(const std::byte* bytes, std::size_t size) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (std::size_t i = 0; i < size; ++i)
        hash = (hash ^ static_cast<std::uint64_t>(bytes[i])) * 1099511628211ULL;
    return hash;
}

std::byte* put(std::byte* to, const void* from, std::size_t size) {
    if (size > 0) std::memcpy(to, from, size);
    return to + size;
}

const std::byte* take(const std::byte* from, void* to, std::size_t size) {
    if (size > 0) std::memcpy(to, from, size);
    return from + size;
}

}  // namespace

std::vector<std::byte> Engine::header() const {
    const std::uint64_t size = identity_.size();
    const std::size_t numbers = tick_.size() * sizeof(double);
    std::vector<std::byte> bytes(sizeof kMagic + sizeof size + size + 2 * numbers + sizeof step_);
    std::byte* to = put(bytes.data(), kMagic, sizeof kMagic);
    to = put(to, &size, sizeof size);
    to = put(to, identity_.data(), size);
    to = put(to, tick_.data(), numbers);
    to = put(to, lot_.data(), numbers);
    put(to, &step_, sizeof step_);
    return bytes;
}

std::size_t Engine::body_bytes() const {
    std::size_t size = sizeof next_time_;
    size += assets() * (kColumns * depth_ + 2) * sizeof(std::int64_t);
    size += last_row_.size() * sizeof(double) + last_valid_.size();
    for (const auto& node : nodes_) size += node->state_bytes();
    for (const auto& cross : crosses_) size += cross->state_bytes();
    return size;
}

std::vector<std::byte> Engine::snapshot() const {
    std::vector<std::byte> bytes = header();
    std::size_t at = bytes.size();
    bytes.resize(at + body_bytes() + sizeof(std::uint64_t));
    std::byte* to = put(bytes.data() + at, &next_time_, sizeof next_time_);
    const std::size_t capacity = depth_ + kBlock;
    for (std::size_t a = 0; a < assets(); ++a) {
        const Window& window = windows_[a];
        for (std::size_t k = 0; k < kColumns; ++k)
            to = put(to, window.columns.data() + k * capacity + window.end - depth_,
                     depth_ * sizeof(std::int64_t));
        to = put(to, &window.seen, sizeof window.seen);
    }
    to = put(to, finished_.data(), finished_.size() * sizeof(std::int64_t));
    to = put(to, last_row_.data(), last_row_.size() * sizeof(double));
    to = put(to, last_valid_.data(), last_valid_.size());
    for (const auto& node : nodes_) {
        node->save(to);
        to += node->state_bytes();
    }
    for (const auto& cross : crosses_) {
        cross->save(to);
        to += cross->state_bytes();
    }
    const auto used = static_cast<std::size_t>(to - bytes.data());
    const std::uint64_t sum = checksum(bytes.data(), used);
    put(to, &sum, sizeof sum);
    return bytes;
}

Status Engine::restore(const std::byte* bytes, std::size_t size) {
    std::uint64_t sum = 0;
    if (size < sizeof kMagic + sizeof sum || std::memcmp(bytes, kMagic, sizeof kMagic) != 0)
        return Status::damaged_snapshot;
    take(bytes + size - sizeof sum, &sum, sizeof sum);
    if (sum != checksum(bytes, size - sizeof sum)) return Status::damaged_snapshot;
    const std::vector<std::byte> mine = header();
    if (size != mine.size() + body_bytes() + sizeof sum ||
        std::memcmp(bytes, mine.data(), mine.size()) != 0)
        return Status::foreign_snapshot;
    const std::byte* from = take(bytes + mine.size(), &next_time_, sizeof next_time_);
    const std::size_t capacity = depth_ + kBlock;
    for (Window& window : windows_) {
        for (std::size_t k = 0; k < kColumns; ++k)
            from = take(from, window.columns.data() + k * capacity, depth_ * sizeof(std::int64_t));
        window.end = depth_;
        from = take(from, &window.seen, sizeof window.seen);
    }
    from = take(from, finished_.data(), finished_.size() * sizeof(std::int64_t));
    from = take(from, last_row_.data(), last_row_.size() * sizeof(double));
    from = take(from, last_valid_.data(), last_valid_.size());
    for (const auto& node : nodes_) {
        node->load(from);
        from += node->state_bytes();
    }
    for (const auto& cross : crosses_) {
        cross->load(from);
        from += cross->state_bytes();
    }
    spent_ = false;
    return Status::ok;
}

}  // namespace mettle::features
