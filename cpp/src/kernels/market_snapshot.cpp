// The whole state of a batch as bytes: header, arrays, checksum.
#include <algorithm>
#include <cstring>
#include <string>

#include "mettle/market/batch_state.hpp"
#include "mettle/market/random.hpp"

namespace mettle::market {

namespace {

constexpr std::uint64_t kMagic = 0x6D6574746C654D31ULL;  // "mettleM1"
constexpr std::uint64_t kVersion = 1;

struct Header {
    std::uint64_t magic;
    std::uint64_t version;
    std::uint64_t environments;
    std::uint64_t assets;
    std::uint64_t fingerprint;  // of data, settings, spans and shape
    std::uint64_t seed;
    std::uint64_t bytes;  // of the arrays
};

std::uint64_t checksum(const char* bytes, std::size_t count) {
    std::uint64_t hash = mix(count);
    for (std::size_t at = 0; at < count; at += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes + at, std::min(sizeof(word), count - at));
        hash = mix(hash ^ word);
    }
    return hash;
}

template <class Array>
std::size_t bytes_of(const Array& array) {
    return array.size() * sizeof(typename Array::value_type);
}

}  // namespace

BatchState::BatchState(const BatchSetup& setup) {
    const auto count = static_cast<std::size_t>(setup.shape().environments);
    const std::size_t cells = count * static_cast<std::size_t>(setup.table().assets);
    for (auto* one : {&cash, &equity, &peak, &bar, &last_bar, &episode}) one->resize(count);
    for (auto* one : {&lots, &basis, &high_water}) one->resize(cells);
    bars_held.resize(cells);
    length.resize(count);
    for (auto* one : {&moment_a, &moment_b, &returns}) one->resize(count);
}

StateColumns BatchState::columns() {
    return {cash.data(),     equity.data(),   peak.data(),      lots.data(),    basis.data(),
            high_water.data(), bar.data(),    last_bar.data(),  episode.data(), bars_held.data(),
            length.data(),   moment_a.data(), moment_b.data(),  returns.data()};
}

std::string BatchState::snapshot(const BatchSetup& setup) const {
    Header header{kMagic,
                  kVersion,
                  static_cast<std::uint64_t>(setup.shape().environments),
                  static_cast<std::uint64_t>(setup.table().assets),
                  setup.fingerprint(),
                  seed,
                  0};
    each_array(*this, [&header](const auto& array) { header.bytes += bytes_of(array); });
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    bytes.reserve(sizeof(header) + header.bytes + sizeof(std::uint64_t));
    each_array(*this, [&bytes](const auto& array) {
        bytes.append(reinterpret_cast<const char*>(array.data()), bytes_of(array));
    });
    const std::uint64_t sum = checksum(bytes.data(), bytes.size());
    return bytes.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
}

const char* BatchState::restore(const BatchSetup& setup, const std::string& bytes) {
    Header header{};
    std::uint64_t sum = 0;
    if (bytes.size() < sizeof(header) + sizeof(sum)) return "it is too short";
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.magic != kMagic) return "it is not a market snapshot";
    if (header.version != kVersion) return "it is of another version";
    if (header.environments != static_cast<std::uint64_t>(setup.shape().environments) ||
        header.assets != static_cast<std::uint64_t>(setup.table().assets)) {
        return "it holds another number of environments or assets";
    }
    if (header.fingerprint != setup.fingerprint()) {
        return "it belongs to other data, settings, blocks, window or episode length";
    }
    std::size_t expected = 0;
    each_array(*this, [&expected](const auto& array) { expected += bytes_of(array); });
    if (header.bytes != expected || bytes.size() != sizeof(header) + expected + sizeof(sum)) {
        return "its length is wrong";
    }
    std::memcpy(&sum, bytes.data() + bytes.size() - sizeof(sum), sizeof(sum));
    if (sum != checksum(bytes.data(), bytes.size() - sizeof(sum))) return "its checksum is wrong";
    const char* at = bytes.data() + sizeof(header);
    each_array(*this, [&at](auto& array) {
        std::memcpy(array.data(), at, bytes_of(array));
        at += bytes_of(array);
    });
    seed = header.seed;
    return nullptr;
}

}  // namespace mettle::market
