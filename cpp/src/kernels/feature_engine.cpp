// Runs a feature set's kernels over bars, a block of rows at a time.
#include <algorithm>
#include <thread>

#include "mettle/features/engine.hpp"
#include "mettle/features/registry.hpp"

namespace mettle::features {
namespace {

constexpr std::size_t kColumns = 6;            // of a window
constexpr std::size_t kRowsAThread = 1 << 14;  // fewer are not worth a thread

bool sound(const std::vector<int>& parameters, const Entry& entry) {
    if (parameters.size() != static_cast<std::size_t>(entry.parameters)) return false;
    for (const int one : parameters)
        if (one < 1 || one > kMaxParameter) return false;
    return std::string(entry.family) != "macd" || parameters[0] < parameters[1];
}

// Negative if a rule of bars is broken. Differences instead of comparisons: they run in lanes.
std::int64_t faults(const Grid& grid, std::size_t at) {
    const std::int64_t open = grid.open[at];
    const std::int64_t high = grid.high[at];
    const std::int64_t low = grid.low[at];
    const std::int64_t close = grid.close[at];
    const std::int64_t volume = grid.volume[at];
    return (low - 1) | (open - low) | (close - low) | (high - open) | (high - close) |
           (kMaxTicks - 1 - high) | volume | (kMaxLots - volume);
}

}  // namespace

std::unique_ptr<Engine> Engine::create(const std::vector<Spec>& specs,
                                       const std::vector<double>& tick,
                                       const std::vector<double>& lot, std::int64_t origin,
                                       std::int64_t step, Status& status) {
    std::unique_ptr<Engine> engine(new Engine());
    engine->tick_ = tick;
    engine->lot_ = lot;
    engine->next_time_ = origin;
    engine->step_ = step;
    engine->width_ = specs.size();
    for (std::size_t column = 0; column < specs.size(); ++column) {
        status = engine->add(specs[column], column);
        if (status != Status::ok) return nullptr;
    }
    engine->prepare_windows();
    status = Status::ok;
    return engine;
}

Status Engine::add(const Spec& spec, std::size_t column) {
    const auto& all = entries();
    const auto entry = std::find_if(all.begin(), all.end(),
                                    [&](const Entry& one) { return spec.name == one.name; });
    if (entry == all.end()) return Status::unknown_feature;
    if (!sound(spec.parameters, *entry)) return Status::wrong_parameters;
    std::string suffix = spec.form == Form::raw ? "|raw" : "|stationary";
    for (const int one : spec.parameters) suffix += '|' + std::to_string(one);
    identity_ += spec.name + suffix + ';';
    const std::string family = entry->family + suffix;
    auto held = std::find_if(placed_.begin(), placed_.end(),
                             [&](const Placed& one) { return one.family == family; });
    if (held == placed_.end()) {
        if (entry->node != nullptr) {
            nodes_.push_back(entry->node(spec.parameters.data(), spec.form, assets()));
            placed_.push_back({family, nodes_.back().get(), nullptr});
        } else {
            crosses_.push_back(entry->cross(spec.parameters.data(), assets()));
            placed_.push_back({family, nullptr, crosses_.back().get()});
        }
        held = placed_.end() - 1;
    }
    if (held->node != nullptr) {
        held->node->bind(entry->output, column);
        warmup_ = std::max(warmup_, held->node->warmup());
        depth_ = std::max(depth_, static_cast<std::size_t>(held->node->depth()));
    } else {
        held->cross->bind(entry->output, column);
        warmup_ = std::max(warmup_, held->cross->warmup());
    }
    return Status::ok;
}

void Engine::prepare_windows() {
    const Window empty{std::vector<std::int64_t>(kColumns * (depth_ + kBlock)), depth_, 0};
    windows_.assign(assets(), empty);
    finished_.assign(assets(), 0);
    last_row_.assign(assets() * width_, 0.0);
    last_valid_.assign(assets(), 0);
}

bool Engine::check(const Grid& grid, std::size_t from, std::size_t rows) const {
    const std::size_t first = from * assets();
    const std::size_t last = first + rows * assets();
    std::int64_t any = 0;
    for (std::size_t at = first; at < last; ++at) any |= faults(grid, at);
    if (any >= 0) return true;
    for (std::size_t at = first; at < last; ++at)  // a missing bar may hold anything
        if (grid.state[at] != 0 && faults(grid, at) < 0) return false;
    return true;
}

std::size_t Engine::run_block(const Grid& grid, double* values, std::size_t from, std::size_t rows,
                              std::size_t asset) {
    Window& window = windows_[asset];
    const std::size_t capacity = depth_ + kBlock;
    std::int64_t* column[kColumns];
    for (std::size_t k = 0; k < kColumns; ++k) column[k] = window.columns.data() + k * capacity;
    if (window.end + rows > capacity) {
        for (std::int64_t* const one : column)
            std::copy(one + window.end - depth_, one + window.end, one);
        window.end = depth_;
    }
    const std::int64_t* const source[kColumns] = {nullptr,  grid.open,  grid.high,
                                                  grid.low, grid.close, grid.volume};
    for (std::int64_t*& one : column) one += window.end;
    const std::size_t first = from * assets() + asset;
    std::size_t offset[kBlock];  // of each bar's place in the grid
    std::int64_t time = next_time_ + static_cast<std::int64_t>(from) * step_;
    std::size_t count = 0;
    for (std::size_t at = first, row = 0; row < rows; ++row, at += assets(), time += step_) {
        offset[count] = at;
        column[0][count] = time;
        count += grid.state[at] != 0 ? 1 : 0;
    }
    for (std::size_t k = 1; k < kColumns; ++k)
        for (std::size_t i = 0; i < count; ++i) column[k][i] = source[k][offset[i]];
    for (std::size_t i = 0; i < count; ++i) offset[i] *= width_;  // and now in the values
    const BarSpan bars{column[0], column[1],   column[2],    column[3],  column[4],
                       column[5], window.seen, tick_[asset], lot_[asset]};
    for (const auto& node : nodes_) node->run(asset, bars, count, offset, values);
    window.end += count;
    window.seen += static_cast<std::int64_t>(count);
    return count;
}

bool Engine::run_assets(const Grid& grid, double* values, std::uint8_t* valid, std::size_t first,
                        std::size_t last) {
    for (std::size_t from = 0; from < grid.rows; from += kBlock) {
        const std::size_t rows = std::min(kBlock, grid.rows - from);
        if (!check(grid, from, rows)) return false;
        for (std::size_t a = first; a < last; ++a) {
            const std::size_t count = run_block(grid, values, from, rows, a);
            if (crosses_.empty()) finish(grid, values, valid, from, rows, a, count == rows);
        }
    }
    return true;
}

void Engine::run_cross(const Grid& grid, double* values, std::uint8_t* valid) {
    if (crosses_.empty()) return;
    for (std::size_t row = 0; row < grid.rows; ++row) {
        const std::size_t at = row * assets();
        for (const auto& cross : crosses_)
            cross->update(grid.close + at, grid.state + at, values + at * width_, width_);
    }
    for (std::size_t a = 0; a < assets(); ++a) finish(grid, values, valid, 0, grid.rows, a, false);
}

void Engine::finish(const Grid& grid, double* values, std::uint8_t* valid, std::size_t from,
                    std::size_t rows, std::size_t asset, bool whole) {
    double* const kept = last_row_.data() + asset * width_;
    const double* last = kept;
    std::int64_t seen = finished_[asset];
    std::size_t row = from;
    if (whole && seen >= warmup_ && rows > 0) {  // all that is left is to say so
        for (; row < from + rows; ++row) valid[row * assets() + asset] = 1;
        last = values + ((row - 1) * assets() + asset) * width_;
        last_valid_[asset] = 1;
        seen += static_cast<std::int64_t>(rows);
    }
    for (; row < from + rows; ++row) {
        const std::size_t at = row * assets() + asset;
        double* const mine = values + at * width_;
        valid[at] = 0;
        if (grid.state[at] == 0) {
            std::copy(last, last + width_, mine);
        } else if (seen++ < warmup_) {
            std::fill(mine, mine + width_, 0.0);
        } else {
            valid[at] = 1;
        }
        last = mine;
        last_valid_[asset] = valid[at];
    }
    finished_[asset] = seen;
    if (last != kept) std::copy(last, last + width_, kept);
}

bool Engine::run_threads(const Grid& grid, double* values, std::uint8_t* valid,
                         std::size_t workers) {
    std::vector<std::uint8_t> good(workers, 1);
    const auto work = [&](std::size_t worker) {
        const std::size_t first = assets() * worker / workers;
        const std::size_t last = assets() * (worker + 1) / workers;
        good[worker] = run_assets(grid, values, valid, first, last) ? 1 : 0;
    };
    std::vector<std::thread> helpers;
    for (std::size_t worker = 1; worker < workers; ++worker) helpers.emplace_back(work, worker);
    work(0);
    for (std::thread& one : helpers) one.join();
    return std::find(good.begin(), good.end(), 0) == good.end();
}

Status Engine::run(const Grid& grid, double* values, std::uint8_t* valid, int threads) {
    if (spent_) return Status::spent;
    const auto most = static_cast<std::size_t>(std::max(threads, 1));
    const std::size_t workers =
        std::clamp<std::size_t>(grid.rows * assets() / kRowsAThread, 1, std::min(assets(), most));
    // A bar at a time must not touch the heap; only several threads do.
    const bool good = workers > 1 ? run_threads(grid, values, valid, workers)
                                  : run_assets(grid, values, valid, 0, assets());
    if (!good) {
        spent_ = workers > 1 || grid.rows > kBlock;
        return Status::bar_out_of_range;
    }
    run_cross(grid, values, valid);
    next_time_ += static_cast<std::int64_t>(grid.rows) * step_;
    return Status::ok;
}

}  // namespace mettle::features
