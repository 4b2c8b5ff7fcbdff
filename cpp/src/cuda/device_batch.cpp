#include "device_batch.hpp"

#include <array>
#include <utility>

namespace mettle::cuda {

using market::BatchState;
using market::Int;
using market::Table;

namespace {

constexpr std::size_t kStateArrays = 14;

// The device's arrays of a state in the snapshot's order.
std::array<void*, kStateArrays> arrays_of(market::StateColumns columns) {
    std::array<void*, kStateArrays> found{};
    std::size_t count = 0;
    each_array(columns, [&](auto* one) { found.at(count++) = one; });
    return found;
}

template <class Array>
std::size_t bytes_of(const Array& array) {
    return array.size() * sizeof(typename Array::value_type);
}

}  // namespace

DeviceBatch::DeviceBatch(market::BatchSetup setup, int device)
    : setup_(std::move(setup)), arrays_(std::make_shared<DeviceArrays>(device)) {
    upload_world();
    make_columns();
    launch_.environments = setup_.shape().environments;
    launch_.overflow = arrays_->make<std::uint32_t>(1);
    launch_.seed = arrays_->make<std::uint64_t>(1);
    reset(setup_.shape().seed, nullptr);
    const OnDevice here(device);
    check(cudaStreamSynchronize(nullptr), "beginning the first episodes");
}

void DeviceBatch::upload_world() {
    const auto copied = [this](const auto& array) {
        return arrays_->copy_of(array.data(), array.size());
    };
    const Table& table = setup_.table();
    launch_.world = setup_.world();
    market::Market& market = launch_.world.market;
    market.price = copied(table.price);
    market.extremes = copied(table.extremes);
    market.volume = copied(table.volume);
    market.funding = copied(table.funding);
    market.missing = copied(table.missing);
    market.wait = copied(setup_.waits());
    market.features = copied(table.features);
    market.terms = copied(table.terms);
    launch_.world.episodes.spans = copied(setup_.spans());
    launch_.world.episodes.starts_before = copied(setup_.starts_before());
}

void DeviceBatch::make_columns() {
    const auto count = static_cast<std::size_t>(setup_.shape().environments);
    const std::size_t cells = count * static_cast<std::size_t>(setup_.table().assets);
    const std::size_t floats = count * static_cast<std::size_t>(setup_.world().width);
    DeviceArrays& make = *arrays_;
    const auto ints = [&] { return make.make<Int>(count); };
    const auto amounts = [&] { return make.make<Int>(cells); };
    const auto numbers = [&] { return make.make<double>(count); };
    const auto flags = [&] { return make.make<std::uint8_t>(count); };
    market::StateColumns& state = launch_.columns.state;
    for (Int** one : {&state.cash, &state.equity, &state.peak, &state.bar, &state.last_bar,
                      &state.episode}) {
        *one = ints();
    }
    for (Int** one : {&state.lots, &state.basis, &state.high_water}) *one = amounts();
    state.bars_held = make.make<std::int32_t>(cells);
    state.length = make.make<std::int32_t>(count);
    for (double** one : {&state.moment_a, &state.moment_b, &state.returns}) *one = numbers();
    launch_.columns.output = {make.make<float>(floats), make.make<float>(count), flags(), flags(),
                              flags()};
    launch_.columns.ends = {make.make<float>(floats), numbers(), make.make<std::int32_t>(count),
                            ints()};
}

void DeviceBatch::clear_overflow(cudaStream_t stream) {
    check(cudaMemsetAsync(launch_.overflow, 0, sizeof(*launch_.overflow), stream), "clearing a flag");
}

void DeviceBatch::reset(std::uint64_t seed, cudaStream_t stream) {
    const OnDevice here(arrays_->device());
    seed_ = seed;
    clear_overflow(stream);
    launch_seed(launch_, seed, stream);
    launch_show(launch_, Fresh::kFirst, stream);
}

void DeviceBatch::begin_all(cudaStream_t stream) {
    const OnDevice here(arrays_->device());
    clear_overflow(stream);
    launch_show(launch_, Fresh::kNext, stream);
}

void DeviceBatch::step(const float* actions, cudaStream_t stream) {
    const OnDevice here(arrays_->device());
    launch_step(launch_, actions, stream);
}

bool DeviceBatch::overflowed(cudaStream_t stream) const {
    const OnDevice here(arrays_->device());
    check(cudaStreamSynchronize(stream), "waiting for the steps");
    std::uint32_t raised = 0;
    arrays_->download(&raised, launch_.overflow, sizeof(raised));
    return raised != 0;
}

std::string DeviceBatch::snapshot(cudaStream_t stream) const {
    const OnDevice here(arrays_->device());
    check(cudaStreamSynchronize(stream), "waiting for the steps");
    BatchState state(setup_);
    state.seed = seed_;
    const auto arrays = arrays_of(launch_.columns.state);
    std::size_t k = 0;
    each_array(state, [&](auto& one) { arrays_->download(one.data(), arrays.at(k++), bytes_of(one)); });
    return state.snapshot(setup_);
}

const char* DeviceBatch::restore(const std::string& bytes, cudaStream_t stream) {
    const OnDevice here(arrays_->device());
    BatchState state(setup_);
    const char* why = state.restore(setup_, bytes);
    if (why != nullptr) return why;
    check(cudaStreamSynchronize(stream), "waiting for the steps");
    const auto arrays = arrays_of(launch_.columns.state);
    std::size_t k = 0;
    each_array(state, [&](auto& one) { arrays_->upload(arrays.at(k++), one.data(), bytes_of(one)); });
    seed_ = state.seed;
    clear_overflow(stream);
    launch_seed(launch_, seed_, stream);
    launch_show(launch_, Fresh::kNone, stream);
    return nullptr;
}

}  // namespace mettle::cuda
