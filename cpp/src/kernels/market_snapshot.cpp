// The whole state of a batch as bytes: header, arrays, checksum.
#include <algorithm>
#include <cstring>
#include <string>

#include "mettle/market/batch.hpp"
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

// Call visit(array) for every array of the state.
template <class AnyBatch, class Visit>
void each_array(AnyBatch& batch, Visit&& visit) {
    visit(batch.cash);
    visit(batch.equity);
    visit(batch.peak);
    visit(batch.lots);
    visit(batch.basis);
    visit(batch.high_water);
    visit(batch.bar);
    visit(batch.last_bar);
    visit(batch.episode);
    visit(batch.bars_held);
    visit(batch.length);
    visit(batch.moment_a);
    visit(batch.moment_b);
    visit(batch.returns);
}

template <class Array>
std::size_t bytes_of(const Array& array) {
    return array.size() * sizeof(typename Array::value_type);
}

}  // namespace

std::uint64_t Batch::fingerprint() const {
    std::uint64_t hash = table_->fingerprint();
    const auto chain = [&hash](auto value) {
        hash = mix(hash ^ static_cast<std::uint64_t>(static_cast<Int>(value)));
    };
    each_setting(settings_, [&chain](const char*, auto value) { chain(value); });
    for (const Span& span : spans_) {
        chain(span.first);
        chain(span.stop);
        chain(span.last);
    }
    chain(shape_.first_environment);
    chain(shape_.episode_length);
    chain(shape_.window);
    return hash;
}

std::string Batch::snapshot() const {
    Header header{kMagic,
                  kVersion,
                  static_cast<std::uint64_t>(shape_.environments),
                  static_cast<std::uint64_t>(table_->assets),
                  fingerprint_,
                  shape_.seed,
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

const char* Batch::restore(const std::string& bytes) {
    Header header{};
    std::uint64_t sum = 0;
    if (bytes.size() < sizeof(header) + sizeof(sum)) return "it is too short";
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.magic != kMagic) return "it is not a market snapshot";
    if (header.version != kVersion) return "it is of another version";
    if (header.environments != static_cast<std::uint64_t>(shape_.environments) ||
        header.assets != static_cast<std::uint64_t>(table_->assets)) {
        return "it holds another number of environments or assets";
    }
    if (header.fingerprint != fingerprint_) {
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
    shape_.seed = header.seed;
    observe_all();
    return nullptr;
}

}  // namespace mettle::market
