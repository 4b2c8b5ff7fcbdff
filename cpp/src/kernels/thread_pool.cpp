#include "mettle/market/thread_pool.hpp"

#include <algorithm>

namespace mettle::market {

namespace {

// About 20 microseconds: long enough for steps that follow each other at once, short enough to
// leave the core to others while a network thinks.
constexpr int kSpins = 1500;

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
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    work();
    for (int left = busy_.load(std::memory_order_acquire); left != 0;
         left = busy_.load(std::memory_order_acquire)) {
        wait_while(busy_, left);
    }
}

void ThreadPool::work() {
    for (;;) {
        const std::int64_t begin = next_.fetch_add(job_.chunk, std::memory_order_relaxed);
        if (begin >= job_.count) return;
        job_.call(job_.body, begin, std::min(job_.count, begin + job_.chunk));
    }
}

void ThreadPool::serve() {
    std::uint32_t seen = 0;
    for (;;) {
        wait_while(generation_, seen);
        seen += 1;
        if (stopping_.load(std::memory_order_relaxed)) return;
        work();
        if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
    }
}

}  // namespace mettle::market
