// One kernel over the assets of an engine: what it is, its state and the columns that it writes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mettle/features/bars.hpp"

namespace mettle::features {

// A kernel without its type, as plain data: what is compiled for a certain processor is nothing but
// the loops.
struct Program {
    static constexpr std::size_t kBytes = 64;

    // What a loop works on; states and memory are those of the first block's asset.
    struct Work {
        const void* kernel;
        void* states;
        double* memory;
        const std::ptrdiff_t* columns;  // of each output, or −1
    };
    using Loop = void (*)(const Work& work, const Block* blocks, std::size_t lanes);

    Loop run;
    Loop step;   // its parts: what is carried, or null,
    Loop value;  // and what is told
    int warmup;
    int depth;
    std::size_t state;    // bytes an asset
    std::size_t memory;   // doubles an asset
    std::size_t carries;  // how many bytes of the kernel, from its first, what is carried needs
    alignas(std::max_align_t) std::byte kernel[kBytes];
};

// Kernels whose columns come from one node are of one family.
struct Family {
    const char* name;
    Program (*make)(const int* parameters, Form form);
};

class Node {
  public:
    Node(const Program& program, std::size_t assets);

    int warmup() const { return program_.warmup; }
    int depth() const { return program_.depth; }
    void bind(std::size_t output, std::size_t column);
    // Have `other` told from what this one carries, if the two carry the same; it runs no more.
    bool lead(Node& other);
    // Take the blocks of up to kLanes assets, the first of which is number `asset`.
    void run(std::size_t asset, const Block* blocks, std::size_t lanes) {
        program_.run(work(asset), blocks, lanes);
        for (Node* const one : led_) one->program_.value(one->work(asset), blocks, lanes);
    }

    std::size_t state_bytes() const;
    void save(std::byte* to) const;
    void load(const std::byte* from);

  private:
    struct alignas(std::max_align_t) Cell {
        std::byte bytes[sizeof(std::max_align_t)];
    };

    Program::Work work(std::size_t asset) {
        return {program_.kernel,
                reinterpret_cast<std::byte*>(states_.data()) + asset * program_.state,
                memory_.data() + asset * program_.memory, columns_.data()};
    }

    Program program_;
    std::vector<Cell> states_;
    std::size_t used_;  // bytes of them
    std::vector<double> memory_;
    std::array<std::ptrdiff_t, kOutputs> columns_;
    std::vector<Node*> led_;
    const Node* leader_ = nullptr;
};

}  // namespace mettle::features
