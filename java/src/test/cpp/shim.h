// Test code: the part of CUDA C++ that the kernels use, as C++ on the host. One OS thread runs a device, a block after
// another; the threads of a block are fibers that are switched at barriers and shuffles alone, in an order that a test
// chooses. Shared memory is filled with NaN before every block, so that what is read before it is written shows.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <tuple>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("cuda_shared")))

struct Dim {
  unsigned x = 1, y = 1, z = 1;
};
inline Dim threadIdx, blockIdx, blockDim, gridDim;
extern "C" char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));

namespace shim {

enum class Order { ASCENDING, DESCENDING, RANDOM };
enum class State { READY, AT_BARRIER, AT_WARP, DONE };

struct Fiber {
  void* stack_pointer = nullptr;
  State state = State::READY;
  int line = 0;
  unsigned mask = 0, exchanges = 0;
  Dim index;
  char* stack = nullptr;
};

struct Slot {
  unsigned words[6];
};

constexpr size_t STACK = 1 << 16;
inline std::vector<Fiber> fibers;
inline std::vector<Slot> slots;  // [exchange % 2][thread]
inline std::vector<char> dynamic;
inline int current;
inline Order order = Order::ASCENDING;
inline void* scheduler;
inline std::function<void()> body;
inline const char* kernel_name = "";
inline std::mt19937 generator(1);

inline float* dynamic_shared() {
  uintptr_t first = (reinterpret_cast<uintptr_t>(dynamic.data()) + 15) / 16 * 16;
  return reinterpret_cast<float*>(first);
}

[[noreturn]] inline void fail(const char* format, int a, int b, int line) {
  fprintf(stderr, "fake CUDA: kernel %s: ", kernel_name);
  fprintf(stderr, format, a, b, line);
  fprintf(stderr, "\n");
  abort();
}

// Saves the registers that a call must keep and the stack pointer, and goes on with another stack.
extern "C" void shim_switch(void** save, void* load);
asm(".text\n.weak shim_switch\n.type shim_switch,@function\nshim_switch:\n"
    "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n");

inline void yield(State state, int line, unsigned mask = 0) {
  Fiber& fiber = fibers[current];
  fiber.state = state;
  fiber.line = line;
  fiber.mask = mask;
  shim_switch(&fiber.stack_pointer, scheduler);
}

inline void entry() {
  body();
  yield(State::DONE, 0);
  abort();
}

inline void prepare(int threads) {
  size_t bytes = __stop_cuda_shared - __start_cuda_shared;
  if (bytes) memset(__start_cuda_shared, 0xff, bytes);
  std::fill(dynamic.begin(), dynamic.end(), (char)0xff);
  while ((int)fibers.size() < threads) {
    Fiber fiber;
    fiber.stack = (char*)aligned_alloc(64, STACK);
    fibers.push_back(fiber);
  }
  slots.resize(2 * threads);
  for (int i = 0; i < threads; i++) {
    Fiber& fiber = fibers[i];
    fiber.state = State::READY;
    fiber.exchanges = 0;
    fiber.index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
    void** top = (void**)(fiber.stack + STACK - 64);
    *--top = nullptr;
    *--top = (void*)entry;
    fiber.stack_pointer = top - 6;
  }
}

// Lets the warps go on whose lanes of the mask have all arrived.
inline bool release_warps(int threads) {
  bool released = false;
  for (int first = 0; first < threads; first += 32) {
    int lanes = std::min(32, threads - first);
    unsigned arrived = 0, mask = 0;
    for (int lane = 0; lane < lanes; lane++) {
      Fiber& fiber = fibers[first + lane];
      if (fiber.state == State::AT_WARP) {
        arrived |= 1u << lane;
        mask |= fiber.mask;
      }
    }
    unsigned alive = lanes == 32 ? ~0u : (1u << lanes) - 1;
    if (arrived && arrived == (mask & alive)) {
      released = true;
      for (int lane = 0; lane < lanes; lane++)
        if (arrived >> lane & 1) fibers[first + lane].state = State::READY;
    }
  }
  return released;
}

inline void run_block() {
  int threads = blockDim.x * blockDim.y * blockDim.z;
  prepare(threads);
  std::vector<int> sequence(threads);
  std::iota(sequence.begin(), sequence.end(), 0);
  if (order == Order::DESCENDING) std::reverse(sequence.begin(), sequence.end());
  if (order == Order::RANDOM) std::shuffle(sequence.begin(), sequence.end(), generator);
  for (;;) {
    bool ran = false;
    for (int i : sequence) {
      if (fibers[i].state != State::READY) continue;
      ran = true;
      current = i;
      threadIdx = fibers[i].index;
      shim_switch(&scheduler, fibers[i].stack_pointer);
    }
    ran |= release_warps(threads);
    int done = 0, waiting = 0;
    for (int i = 0; i < threads; i++) {
      done += fibers[i].state == State::DONE;
      waiting += fibers[i].state == State::AT_BARRIER;
    }
    if (done == threads) return;
    if (waiting == threads) {
      for (int i = 0; i < threads; i++) {
        if (fibers[i].line != fibers[0].line)
          fail("its threads are at different barriers, lines %d and %d", fibers[0].line, fibers[i].line, 0);
        fibers[i].state = State::READY;
      }
      ran = true;
    }
    if (!ran) {
      int line = 0;
      for (int i = 0; i < threads; i++)
        if (fibers[i].state != State::DONE) line = fibers[i].line;
      fail("a barrier that %d of %d threads miss, line %d", threads - waiting, threads, line);
    }
  }
}

// Runs a kernel: its blocks in the order that is chosen.
template <class... P>
void launch(const char* name, Dim grid, Dim block, unsigned shared_bytes, void (*kernel)(P...), std::tuple<P...> arguments) {
  kernel_name = name;
  gridDim = grid;
  blockDim = block;
  dynamic.resize(shared_bytes + 64);
  body = [&] { std::apply(kernel, arguments); };
  long blocks = (long)grid.x * grid.y * grid.z;
  std::vector<long> sequence(blocks);
  std::iota(sequence.begin(), sequence.end(), 0L);
  if (order == Order::DESCENDING) std::reverse(sequence.begin(), sequence.end());
  if (order == Order::RANDOM) std::shuffle(sequence.begin(), sequence.end(), generator);
  for (long i : sequence) {
    blockIdx = {(unsigned)(i % grid.x), (unsigned)(i / grid.x % grid.y), (unsigned)(i / ((long)grid.x * grid.y))};
    run_block();
  }
}

// One barrier of a warp for each exchange: two sets of slots keep the next one's writes away.
inline Slot* exchange(unsigned mask, const Slot& mine, int line) {
  int threads = blockDim.x * blockDim.y * blockDim.z;
  int me = current;
  Slot* all = slots.data() + (fibers[me].exchanges++ & 1) * threads;
  all[me] = mine;
  yield(State::AT_WARP, line, mask);
  return all + me / 32 * 32;
}

template <class T>
T shuffle(unsigned mask, T value, int from, int line) {
  static_assert(sizeof(T) == 4);
  int lane = current % 32;
  if (!(mask >> lane & 1)) fail("a shuffle by lane %d, which is not in its mask, line %d", lane, line, 0);
  Slot slot{};
  memcpy(slot.words, &value, 4);
  Slot* warp = exchange(mask, slot, line);
  if (from < 0 || from > 31) from = lane;
  if (!(mask >> from & 1)) fail("a shuffle from lane %d, which is not in its mask, line %d", from, line, 0);
  memcpy(&value, warp[from].words, 4);
  return value;
}

// Element `half` of two that a word has.
inline float half_of(unsigned word, int half) {
  unsigned bits = half ? word & 0xffff0000u : word << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// d (16, 8) += a (16, 16) @ b (16, 8) of bfloat16, from the fragments of a warp (PTX ISA, mma.m16n8k16).
inline void mma_16x8x16(float* d, const unsigned* a, unsigned b0, unsigned b1, int line) {
  Slot* warp = exchange(~0u, Slot{{a[0], a[1], a[2], a[3], b0, b1}}, line);
  int lane = current % 32;
  for (int i = 0; i < 4; i++) {
    int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    for (int k = 0; k < 16; k++) {
      float left = half_of(warp[row % 8 * 4 + k % 8 / 2].words[row / 8 + k / 8 * 2], k % 2);
      float right = half_of(warp[column * 4 + k % 8 / 2].words[4 + k / 8], k % 2);
      d[i] += left * right;
    }
  }
}

// Four matrices of 8 x 8 numbers of two bytes, whose rows the lanes of a warp name (PTX ISA, ldmatrix.x4).
inline void load_matrices(unsigned* to, const unsigned short* row, bool turned, int line) {
  if ((uintptr_t)row % 16) fail("a row of a matrix that is not at a multiple of 16 bytes, line %d", line, 0, 0);
  Slot mine{};
  memcpy(mine.words, &row, sizeof row);
  Slot* warp = exchange(~0u, mine, line);
  int lane = current % 32, g = lane / 4, t = lane % 4;
  for (int j = 0; j < 4; j++) {
    unsigned short both[2];
    for (int i = 0; i < 2; i++) {
      const unsigned short* from;
      memcpy(&from, warp[8 * j + (turned ? 2 * t + i : g)].words, sizeof from);
      both[i] = from[turned ? g : 2 * t + i];
    }
    to[j] = both[0] | (unsigned)both[1] << 16;
  }
}

}  // namespace shim

#define __syncthreads() shim::yield(shim::State::AT_BARRIER, __LINE__)
#define __syncwarp() shim::yield(shim::State::AT_WARP, __LINE__, ~0u)
#define __shfl_xor_sync(mask, value, o) shim::shuffle(mask, value, (shim::current % 32) ^ (o), __LINE__)

using std::max;
using std::min;

inline float __int_as_float(int bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

inline int __float_as_int(float value) {
  int bits;
  memcpy(&bits, &value, 4);
  return bits;
}
