#include "mettle/market/thread_pool.hpp"

#include <algorithm>

namespace mettle::market {

namespace {

// About 20 microseconds: long enough for steps that follow each other at once, short enough to
// leave the core to others while a network thinks.
constexpr int kSpins = 1500;
constexpr std::uint32_t kOpen = 1U << 31;

void pause_core() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

template <class Value>
void wait_while(const std::atomic<Value>& value, Value old) {
    for (int spin = 0; spin < kSpins; ++spin) {
        if (value.load(std::memory_order_acquire) != old) return;
        pause_core();
    }
    value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { serve(); });
}

ThreadPool::~ThreadPool() {
    stopping_.store(true, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    for (auto& worker : workers_) worker.join();
}

void ThreadPool::launch(Job job) {
    if (workers_.empty() || job.count <= job.chunk) {
        if (job.count > 0) job.call(job.body, 0, job.count);
        return;
    }
    job_ = job;
    next_.store(0, std::memory_order_relaxed);
    door_.store(kOpen, std::memory_order_release);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    work();
    // From here on nobody comes in, and the job may change once those who are in have left.
    door_.fetch_and(~kOpen, std::memory_order_acq_rel);
    for (std::uint32_t inside = door_.load(std::memory_order_acquire); inside != 0;
         inside = door_.load(std::memory_order_acquire)) {
        wait_while(door_, inside);
    }
}

void ThreadPool::work() {
    for (;;) {
        const std::int64_t begin = next_.fetch_add(job_.chunk, std::memory_order_relaxed);
        if (begin >= job_.count) return;
        job_.call(job_.body, begin, std::min(job_.count, begin + job_.chunk));
    }
}

bool ThreadPool::enter() {
    std::uint32_t door = door_.load(std::memory_order_relaxed);
    while ((door & kOpen) != 0) {
        if (door_.compare_exchange_weak(door, door + 1, std::memory_order_acq_rel)) return true;
    }
    return false;
}

void ThreadPool::serve() {
    std::uint32_t seen = 0;
    for (;;) {
        wait_while(generation_, seen);
        seen = generation_.load(std::memory_order_acquire);
        if (stopping_.load(std::memory_order_relaxed)) return;
        if (!enter()) continue;  // that run is over
        work();
        if (door_.fetch_sub(1, std::memory_order_acq_rel) == 1) door_.notify_one();
    }
}

}  // namespace mettle::market
