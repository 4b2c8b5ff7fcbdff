#include "mettle/market/batch_setup.hpp"

#include "mettle/market/random.hpp"

namespace mettle::market {

BatchSetup::BatchSetup(std::shared_ptr<const Table> table, const Settings& settings,
                       const BatchShape& shape, std::vector<Span> spans)
    : table_(std::move(table)), shape_(shape), spans_(std::move(spans)), world_{}, fingerprint_(0) {
    if (settings.execution == Execution::kMaker) {
        waits_ = interpolate_waits(*table_, settings.maker_wait);
    }
    Int starts = 0;
    for (const Span& span : spans_) {
        starts_before_.push_back(starts);
        starts += span.stop - span.first;
    }
    world_.market = table_->view(waits_.empty() ? nullptr : waits_.data());
    world_.settings = settings;
    world_.settings.plain = is_plain(world_.market, settings);
    world_.episodes = {spans_.data(),
                       starts_before_.data(),
                       static_cast<Int>(spans_.size()),
                       starts,
                       shape_.first_environment,
                       shape_.episode_length};
    world_.mode = shape_.mode;
    world_.window = shape_.window;
    world_.width = observation_width(world_.market, shape_.mode, shape_.window);
    fingerprint_ = found_fingerprint();
}

std::uint64_t BatchSetup::found_fingerprint() const {
    std::uint64_t hash = table_->fingerprint();
    const auto chain = [&hash](auto value) {
        hash = mix(hash ^ static_cast<std::uint64_t>(static_cast<Int>(value)));
    };
    each_setting(world_.settings, [&chain](const char*, auto value) { chain(value); });
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

}  // namespace mettle::market
