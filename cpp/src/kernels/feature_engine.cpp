// Runs a feature set's kernels over bars, a block of rows at a time.
#include <algorithm>
#include <thread>

#include "feature_transpose.hpp"
#include "mettle/features/engine.hpp"
#include "mettle/features/registry.hpp"

namespace mettle::features {
namespace {

constexpr std::size_t kColumns = 6;            // of a window
constexpr std::size_t kCached = 1 << 20;       // values of a result that the caches may keep
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
                                       std::int64_t step, Status& status, Level level) {
    std::unique_ptr<Engine> engine(new Engine());
    engine->tick_ = tick;
    engine->lot_ = lot;
    engine->next_time_ = origin;
    engine->step_ = step;
    engine->width_ = specs.size();
    for (std::size_t column = 0; column < specs.size(); ++column) {
        status = engine->add(specs[column], column, level);
        if (status != Status::ok) return nullptr;
    }
    engine->prepare_windows();
    status = Status::ok;
    return engine;
}

Status Engine::add(const Spec& spec, std::size_t column, Level level) {
    const auto all = entries();
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
        if (entry->cross == nullptr) {
            const Program kernel = program(entry->family, spec.parameters.data(), spec.form, level);
            nodes_.push_back(std::make_unique<Node>(kernel, assets()));
            Node& node = *nodes_.back();
            if (std::none_of(leaders_.begin(), leaders_.end(),
                             [&](Node* const one) { return one->lead(node); }))
                leaders_.push_back(&node);
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
    columns_.assign(columns_size(), 0.0);
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

// An asset's place in a block of rows.
struct Engine::Lane {
    std::int64_t* column[kColumns];  // of its window, where its new bars go
    std::size_t count;               // of them
    std::uint8_t row[kBlock];        // that each is of; not filled if no asset lacks any
};
static_assert(kBlock <= 256);

// Make room for the asset's next bars.
void Engine::open(std::size_t from, std::size_t rows, std::size_t asset, Lane& lane) {
    Window& window = windows_[asset];
    const std::size_t capacity = depth_ + kBlock;
    std::int64_t* const columns = window.columns.data();
    if (window.end + rows > capacity) {
        for (std::size_t k = 0; k < kColumns; ++k) {
            std::int64_t* const one = columns + k * capacity;
            std::copy(one + window.end - depth_, one + window.end, one);
        }
        window.end = depth_;
    }
    for (std::size_t k = 0; k < kColumns; ++k) lane.column[k] = columns + k * capacity + window.end;
    const std::int64_t step = step_;
    std::int64_t time = next_time_ + static_cast<std::int64_t>(from) * step;
    for (std::size_t i = 0; i < rows; ++i, time += step) lane.column[0][i] = time;
    lane.count = rows;
}

// Copy the bars that assets next to each other have in those rows.
void Engine::gather(const Grid& grid, std::size_t from, std::size_t rows, std::size_t asset,
                    Lane* lanes, std::size_t count) const {
    const std::size_t stride = assets();
    const std::size_t first = from * stride + asset;
    const std::int64_t* const sources[kColumns] = {nullptr,  grid.open,  grid.high,
                                                   grid.low, grid.close, grid.volume};
    if (rows == 1) {
        for (std::size_t k = 0; k < count; ++k) {
            for (std::size_t c = 1; c < kColumns; ++c)
                lanes[k].column[c][0] = sources[c][first + k];
            lanes[k].row[0] = 0;
            lanes[k].count = grid.state[first + k] != 0 ? 1 : 0;
        }
        return;
    }
    bool whole = true;
    for (std::size_t k = 0; k < count; ++k)
        for (std::size_t i = 0; i < rows; ++i) whole &= grid.state[first + k + i * stride] != 0;
    if (whole) {
        for (std::size_t c = 1; c < kColumns; ++c) {
            const std::int64_t* const source = sources[c] + first;
            if (stride == 1) {
                std::copy(source, source + rows, lanes[0].column[c]);
            } else {
                std::size_t k = 0;
                for (; k + 2 <= count; k += 2)
                    part_pairs(source + k, stride, rows, lanes[k].column[c],
                               lanes[k + 1].column[c]);
                if (k < count)
                    for (std::size_t i = 0; i < rows; ++i)
                        lanes[k].column[c][i] = source[i * stride + k];
            }
        }
        return;
    }
    for (std::size_t k = 0; k < count; ++k) {
        Lane& lane = lanes[k];
        lane.count = 0;
        for (std::size_t i = 0; i < rows; ++i) {
            lane.row[lane.count] = static_cast<std::uint8_t>(i);
            lane.column[0][lane.count] = lane.column[0][i];
            lane.count += grid.state[first + k + i * stride] != 0 ? 1 : 0;
        }
    }
    for (std::size_t c = 1; c < kColumns; ++c)
        for (std::size_t k = 0; k < count; ++k) {
            const std::int64_t* const source = sources[c] + first + k;
            for (std::size_t i = 0; i < lanes[k].count; ++i)
                lanes[k].column[c][i] = source[lanes[k].row[i] * stride];
        }
}

// Write the rows of a group in which bars are missing; what is missing is left as it is.
void Engine::write_present(const Lane* lanes, const Block* blocks, std::size_t rows,
                           std::size_t count, double* first) const {
    std::size_t next[kGroup] = {};
    for (std::size_t row = 0; row < rows; ++row, first += assets() * width_)
        for (std::size_t k = 0; k < count; ++k) {
            const std::size_t i = next[k];
            if (i == lanes[k].count || lanes[k].row[i] != row) continue;
            double* const to = first + k * width_;
            const double* const from = blocks[k].values + i;
            for (std::size_t c = 0; c < width_; ++c) to[c] = from[c * kStride];
            ++next[k];
        }
}

bool Engine::past_caches(const Grid& grid) const {
    return grid.rows * assets() * width_ > kCached;
}

// Take those rows of assets next to each other, whose results are next to each other as well.
void Engine::run_group(const Grid& grid, double* values, std::uint8_t* valid, std::size_t from,
                       std::size_t rows, std::size_t asset, std::size_t count, double* columns) {
    Lane lanes[kGroup];
    Block blocks[kGroup];
    for (std::size_t k = 0; k < count; ++k) open(from, rows, asset + k, lanes[k]);
    gather(grid, from, rows, asset, lanes, count);
    double* const first = values + (from * assets() + asset) * width_;
    double* const carries = columns + count * width_ * kStride;
    const bool alone = rows == 1;  // whose values are a row as they come
    bool whole = true;
    for (std::size_t k = 0; k < count; ++k) {
        std::int64_t* const* const column = lanes[k].column;
        Window& window = windows_[asset + k];
        blocks[k] = {{column[0], column[1], column[2], column[3], column[4], column[5], window.seen,
                      tick_[asset + k], lot_[asset + k]},
                     lanes[k].count,
                     carries + k * kCarried * kStride,
                     alone ? first + k * width_ : columns + k * width_ * kStride,
                     alone ? 1 : kStride};
        window.end += lanes[k].count;
        window.seen += static_cast<std::int64_t>(lanes[k].count);
        whole = whole && lanes[k].count == rows;
    }
    for (Node* const node : leaders_)
        for (std::size_t k = 0; k < count; k += kLanes)
            node->run(asset + k, blocks + k, std::min(kLanes, count - k));
    if (!alone && whole)
        write_rows(columns, count * width_, rows, first, assets() * width_,
                   past_caches(grid));
    else if (!alone)
        write_present(lanes, blocks, rows, count, first);
    if (crosses_.empty())
        for (std::size_t k = 0; k < count; ++k)
            finish(grid, values, valid, from, rows, asset + k, lanes[k].count == rows);
}

bool Engine::run_assets(const Grid& grid, double* values, std::uint8_t* valid, std::size_t first,
                        std::size_t last, double* columns) {
    for (std::size_t from = 0; from < grid.rows; from += kBlock) {
        const std::size_t rows = std::min(kBlock, grid.rows - from);
        if (!check(grid, from, rows)) return false;
        for (std::size_t a = first; a < last; a += kGroup)
            run_group(grid, values, valid, from, rows, a, std::min(kGroup, last - a), columns);
    }
    if (past_caches(grid)) finish_streams();
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
        std::vector<double> columns(columns_size());
        good[worker] = run_assets(grid, values, valid, first, last, columns.data()) ? 1 : 0;
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
                                  : run_assets(grid, values, valid, 0, assets(), columns_.data());
    if (!good) {
        spent_ = workers > 1 || grid.rows > kBlock;
        return Status::bar_out_of_range;
    }
    run_cross(grid, values, valid);
    next_time_ += static_cast<std::int64_t>(grid.rows) * step_;
    return Status::ok;
}

}  // namespace mettle::features
