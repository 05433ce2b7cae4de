// Test code: the entry points of libcuda, NVRTC and cuBLASLt that the backend `cuda` uses, played on the host.
//
// Kernels are the ones of the backend, compiled into this library. A stream's work is done when somebody waits for it
// and not before, device memory cannot be touched between, and each allocation ends at a page that nobody may touch.
// PYGPT_FAKE_CUDA holds options, separated by commas:
//   order=ascending|descending|random    of the threads of a block, and of the blocks
//   memory=BYTES                         of the device (default 2 GiB)
//   driver=12040                         the version that the driver gives
//   devices=0                            how many there are
//   capability=75                        compute capability
//   fail=NAME                            launches of this kernel fail
//   late=NAME                            this kernel fails when it runs, and all that comes after it
//   compile=no                           NVRTC finds an error in the kernels
//   graphs=no                            graphs cannot be recorded
//   graphs=frozen                        nodes of graphs cannot be changed
//   count                                at the end a line on stderr says how many graphs were started
//   nothing                              launches and copies do nothing, to measure what calls cost
#include "shim.h"

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <sys/mman.h>

#include "common.cuh"
#include "elements.cu"
#include "activation.cu"
#include "embedding.cu"
#include "norm.cu"
#include "loss.cu"
#include "attention.cu"
#include "attention_mma.cu"
#ifdef PLANTED
#include "planted.cu"
#endif

#define API extern "C" __attribute__((visibility("default"))) int

namespace {

// ---- options -------------------------------------------------------------------------------------------------

std::string option(const std::string& name, const std::string& otherwise) {
  const char* given = getenv("PYGPT_FAKE_CUDA");
  std::string all = given ? given : "";
  for (size_t at = 0; at <= all.size();) {
    size_t end = std::min(all.find(',', at), all.size());
    std::string one = all.substr(at, end - at);
    if (one == name) return "yes";
    if (one.rfind(name + "=", 0) == 0) return one.substr(name.size() + 1);
    at = end + 1;
  }
  return otherwise;
}

long number(const std::string& name, long otherwise) {
  std::string given = option(name, "");
  return given.empty() ? otherwise : std::stol(given);
}

bool does_nothing() {
  static bool nothing = option("nothing", "") == "yes";
  return nothing;
}

// ---- kernels ---------------------------------------------------------------------------------------------------

using Work = std::function<void()>;

struct Entry {
  const char* name;
  std::function<Work(Dim, Dim, unsigned, void**)> bind;
  unsigned dynamic_shared = 48 << 10;  // that a launch may ask for
};

template <class... P, size_t... I>
std::tuple<P...> read(void** parameters, std::index_sequence<I...>) {
  return {*(std::remove_const_t<P>*)parameters[I]...};
}

template <class... P>
Entry entry(const char* name, void (*kernel)(P...)) {
  return {name, [=](Dim grid, Dim block, unsigned shared, void** parameters) -> Work {
            auto arguments = read<P...>(parameters, std::index_sequence_for<P...>());
            return [=] { shim::launch(name, grid, block, shared, kernel, arguments); };
          }};
}

#define ENTRY(kernel) entry(#kernel, kernel)
std::vector<Entry> kernels = {
    ENTRY(bias), ENTRY(column_sums), ENTRY(add_parts), ENTRY(residual), ENTRY(scale), ENTRY(add_scaled),
    ENTRY(copy32), ENTRY(copy16), ENTRY(dropout), ENTRY(rotary), ENTRY(round_weights), ENTRY(few_rows), ENTRY(activation), ENTRY(activation_backward),
    ENTRY(embedding), ENTRY(embedding_backward), ENTRY(position_backward), ENTRY(norm_forward),
    ENTRY(norm_backward), ENTRY(norm_weight_sums), ENTRY(count_scored), ENTRY(cross_entropy),
    ENTRY(sum_terms), ENTRY(sum_of_squares), ENTRY(adamw), ENTRY(attention_delta), ENTRY(attention_64),
    ENTRY(attention_128), ENTRY(attention_256), ENTRY(attention_dq_64), ENTRY(attention_dq_128),
    ENTRY(attention_dq_256), ENTRY(attention_dkv_64), ENTRY(attention_dkv_128), ENTRY(attention_dkv_256),
    ENTRY(attention_one), ENTRY(attention_wide), ENTRY(attention_dq_wide), ENTRY(attention_dkv_wide),
    ENTRY(attention_mma_64), ENTRY(attention_mma_128), ENTRY(attention_mma_dq_64), ENTRY(attention_mma_dq_128),
    ENTRY(attention_mma_dkv_64), ENTRY(attention_mma_dkv_128),
#ifdef PLANTED
    ENTRY(planted_no_barrier), ENTRY(planted_divergent), ENTRY(planted_out_of_bounds),
#endif
};

// ---- memory and the stream ----------------------------------------------------------------------------------------

enum Status {
  SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, NOT_FOUND = 500, LAUNCH_FAILED = 719,
  NOT_SUPPORTED = 801, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901
};

constexpr size_t PAGE = 4096;

struct Allocation {
  char* mapped;
  size_t pages;  // without the one at the end that nobody may touch
  size_t bytes;
};

std::mutex lock;
std::map<uintptr_t, Allocation> allocations;  // by the address that was given out
size_t used;
std::deque<Work> stream;
bool broken;  // by a kernel that failed when it ran

// What is asked of the stream while it is recorded; it is done whenever somebody starts a graph of it.
struct Node {
  Entry* kernel;  // null for what is none
  Work work;
};
struct Graph {
  std::deque<Node> nodes;  // which do not move
  Node* last = nullptr;
  bool valid = true;
};
struct Executable {
  Graph* graph;
  std::vector<Work> works;
};
Graph* recorded;  // now; null while the stream runs

struct Count {
  long graphs = 0, nodes = 0, changes = 0;
  ~Count() {
    if (option("count", "") == "yes") fprintf(stderr, "fake CUDA: %ld graphs, %ld nodes, %ld changes\n", graphs, nodes, changes);
  }
} counted;

// Shared memory of a block, at most: of Turing, Ampere's smaller cards, Hopper.
unsigned most_shared() {
  long capability = number("capability", 90);
  return (capability < 80 ? 64u : capability == 86 || capability == 89 ? 99u : 227u) << 10;
}

size_t total_bytes() { return number("memory", 2L << 30); }

void protect(int how) {
  for (auto& [_, a] : allocations) mprotect(a.mapped, a.pages, how);
}

// Does all that was asked of the stream, in its order.
void drain() {
  if (stream.empty()) return;
  std::string order = option("order", "ascending");
  shim::order = order == "random" ? shim::Order::RANDOM
                : order == "descending" ? shim::Order::DESCENDING
                                        : shim::Order::ASCENDING;
  protect(PROT_READ | PROT_WRITE);
  while (!stream.empty()) {
    if (!broken) stream.front()();
    stream.pop_front();
  }
  protect(PROT_NONE);
}

void enqueue(Work work, Entry* kernel = nullptr) {
  if (recorded) {
    recorded->nodes.push_back({kernel, std::move(work)});
    recorded->last = &recorded->nodes.back();
  } else if (!does_nothing()) {
    stream.push_back(std::move(work));
  }
}

// Whoever waits for a stream that is recorded spoils the recording.
int waiting() {
  if (recorded) {
    recorded->valid = false;
    return CAPTURE_UNSUPPORTED;
  }
  drain();
  return broken ? LAUNCH_FAILED : SUCCESS;
}

bool can_launch(Entry& one, Dim grid, Dim block, unsigned shared) {
  return block.x * block.y * block.z <= 1024 && grid.y <= 65535 && grid.z <= 65535 && shared <= one.dynamic_shared &&
         grid.x * grid.y * grid.z > 0;
}

Work bound(Entry& one, Dim grid, Dim block, unsigned shared, void** parameters) {
  static std::string late = option("late", "");
  if (late == one.name) return [] { broken = true; };
  return one.bind(grid, block, shared, parameters);
}

}  // namespace

// ---- libcuda ----------------------------------------------------------------------------------------------------

API cuInit(unsigned) {
  return number("devices", 1) == 0 ? NO_DEVICE : SUCCESS;
}

API cuDriverGetVersion(int* version) {
  *version = (int)number("driver", 13000);
  return SUCCESS;
}

API cuDeviceGetCount(int* count) {
  *count = (int)number("devices", 1);
  return SUCCESS;
}

API cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal < number("devices", 1) ? SUCCESS : INVALID_VALUE;
}

API cuDeviceGetName(char* name, int length, int device) {
  snprintf(name, length, "Fake GPU %d", device);
  return SUCCESS;
}

API cuDeviceTotalMem_v2(size_t* bytes, int) {
  *bytes = total_bytes();
  return SUCCESS;
}

API cuDeviceGetAttribute(int* value, int attribute, int) {
  int capability = (int)number("capability", 90);
  switch (attribute) {
    case 75: *value = capability / 10; return SUCCESS;
    case 76: *value = capability % 10; return SUCCESS;
    case 16: *value = 2; return SUCCESS;        // multiprocessors
    case 97: *value = (int)most_shared(); return SUCCESS;
    default: return INVALID_VALUE;
  }
}

API cuDevicePrimaryCtxRetain(void** context, int) {
  *context = (void*)1;
  return SUCCESS;
}

API cuCtxSetCurrent(void*) { return SUCCESS; }

API cuMemGetInfo_v2(size_t* free, size_t* total) {
  std::lock_guard guard(lock);
  *total = total_bytes();
  *free = *total - std::min(used, *total);
  return SUCCESS;
}

API cuMemAlloc_v2(uintptr_t* address, size_t bytes) {
  std::lock_guard guard(lock);
  if (bytes == 0) return INVALID_VALUE;
  if (used + bytes > total_bytes()) return OUT_OF_MEMORY;
  size_t aligned = (bytes + 255) / 256 * 256;  // the card aligns to this
  size_t pages = (aligned + PAGE - 1) / PAGE * PAGE;
  char* mapped = (char*)mmap(nullptr, pages + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return OUT_OF_MEMORY;
  memset(mapped, 0xff, pages);  // NaN
  mprotect(mapped, pages + PAGE, PROT_NONE);
  *address = (uintptr_t)mapped + pages - aligned;
  allocations[*address] = {mapped, pages, bytes};
  used += bytes;
  return SUCCESS;
}

API cuMemFree_v2(uintptr_t address) {
  std::lock_guard guard(lock);
  if (int status = waiting()) return status;  // as the driver does
  auto found = allocations.find(address);
  if (found == allocations.end()) return INVALID_VALUE;
  Allocation& a = found->second;
  mprotect(a.mapped, a.pages, PROT_READ);
  for (char* p = (char*)address + a.bytes; p < a.mapped + a.pages; p++) {
    if (*p != (char)0xff) shim::fail("a write %d bytes behind an allocation", (int)(p - (char*)address - a.bytes), 0, 0);
  }
  munmap(a.mapped, a.pages + PAGE);
  used -= a.bytes;
  allocations.erase(found);
  return SUCCESS;
}

API cuMemHostAlloc(void** address, size_t bytes, unsigned) {
  *address = aligned_alloc(64, (bytes + 63) / 64 * 64);
  return SUCCESS;
}

API cuMemFreeHost(void* address) {
  free(address);
  return SUCCESS;
}

API cuMemcpyHtoDAsync_v2(uintptr_t to, const void* from, size_t bytes, void*) {
  std::lock_guard guard(lock);
  enqueue([=] { memcpy((void*)to, from, bytes); });
  return SUCCESS;
}

API cuMemcpyDtoHAsync_v2(void* to, uintptr_t from, size_t bytes, void*) {
  std::lock_guard guard(lock);
  enqueue([=] { memcpy(to, (void*)from, bytes); });
  return SUCCESS;
}

API cuMemsetD8Async(uintptr_t to, unsigned char value, size_t bytes, void*) {
  std::lock_guard guard(lock);
  enqueue([=] { memset((void*)to, value, bytes); });
  return SUCCESS;
}

API cuStreamCreate(void** made, unsigned) {
  *made = (void*)2;
  return SUCCESS;
}

API cuStreamSynchronize(void*) {
  std::lock_guard guard(lock);
  return waiting();
}

API cuModuleLoadData(void** module, const void*) {
  *module = (void*)3;
  return SUCCESS;
}

API cuModuleGetFunction(void** function, void*, const char* name) {
  for (Entry& one : kernels) {
    if (strcmp(one.name, name) == 0) {
      *function = &one;
      return SUCCESS;
    }
  }
  return NOT_FOUND;
}

API cuFuncSetAttribute(void* function, int attribute, int value) {
  if (attribute != 8 || value < 0 || (unsigned)value > most_shared()) return INVALID_VALUE;
  ((Entry*)function)->dynamic_shared = value;
  return SUCCESS;
}

API cuLaunchKernel(
    void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
    void*, void** parameters, void**) {
  if (does_nothing() && !recorded) return SUCCESS;
  Entry& one = *(Entry*)function;
  static std::string failing = option("fail", "");
  if (failing == one.name || broken) return LAUNCH_FAILED;
  Dim grid{gx, gy, gz}, block{bx, by, bz};
  if (!can_launch(one, grid, block, shared)) return INVALID_VALUE;
  Work work = bound(one, grid, block, shared, parameters);
  std::lock_guard guard(lock);
  enqueue(std::move(work), &one);
  return SUCCESS;
}

// ---- graphs: the stream recorded, to be done again ------------------------------------------------------------

API cuStreamBeginCapture_v2(void*, int) {
  std::lock_guard guard(lock);
  static std::string graphs = option("graphs", "");
  if (graphs == "no" || recorded) return NOT_SUPPORTED;
  recorded = new Graph();
  return SUCCESS;
}

API cuStreamGetCaptureInfo_v2(void*, int* status, uint64_t* id, Graph** graph, Node*** last, size_t* count) {
  std::lock_guard guard(lock);
  *status = recorded != nullptr;  // CU_STREAM_CAPTURE_STATUS_ACTIVE
  *id = 1;
  *graph = recorded;
  *count = recorded && recorded->last;
  *last = *count ? &recorded->last : nullptr;
  return SUCCESS;
}

API cuStreamEndCapture(void*, Graph** made) {
  std::lock_guard guard(lock);
  *made = recorded;
  recorded = nullptr;
  if (*made && (*made)->valid) return SUCCESS;
  delete *made;
  *made = nullptr;
  return CAPTURE_INVALIDATED;
}

API cuGraphInstantiateWithFlags(Executable** made, Graph* graph, unsigned long long) {
  *made = new Executable{graph, {}};
  for (Node& node : graph->nodes) (*made)->works.push_back(node.work);
  return SUCCESS;
}

struct KernelNode {  // CUDA_KERNEL_NODE_PARAMS_v2
  void* function;
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared;
  void **parameters, **extra;
  void *kernel, *context;
};
static_assert(sizeof(KernelNode) == 72);

API cuGraphExecKernelNodeSetParams_v2(Executable* executable, Node* node, const KernelNode* how) {
  std::lock_guard guard(lock);
  static std::string graphs = option("graphs", "");
  Entry& one = *(Entry*)how->function;
  Dim grid{how->grid_x, how->grid_y, how->grid_z}, block{how->block_x, how->block_y, how->block_z};
  if (graphs == "frozen" || node->kernel != &one || !can_launch(one, grid, block, how->shared)) return INVALID_VALUE;
  counted.changes++;
  if (does_nothing()) return SUCCESS;
  for (size_t i = 0; i < executable->works.size(); i++) {
    if (&executable->graph->nodes[i] == node) {
      executable->works[i] = bound(one, grid, block, how->shared, how->parameters);
      return SUCCESS;
    }
  }
  return INVALID_VALUE;
}

API cuGraphLaunch(Executable* executable, void*) {
  std::lock_guard guard(lock);
  if (broken) return LAUNCH_FAILED;
  counted.graphs++;
  counted.nodes += executable->works.size();
  if (does_nothing()) return SUCCESS;
  for (Work& work : executable->works) stream.push_back(work);
  return SUCCESS;
}

API cuGraphExecDestroy(Executable* executable) {
  delete executable;
  return SUCCESS;
}

API cuGraphDestroy(Graph* graph) {
  delete graph;
  return SUCCESS;
}

API cuGetErrorName(int status, const char** name) {
  switch (status) {
    case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case NO_DEVICE: *name = "CUDA_ERROR_NO_DEVICE"; break;
    case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; break;
    case NOT_SUPPORTED: *name = "CUDA_ERROR_NOT_SUPPORTED"; break;
    case CAPTURE_UNSUPPORTED: *name = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"; break;
    case LAUNCH_FAILED: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
    default: *name = "CUDA_ERROR_UNKNOWN";
  }
  return SUCCESS;
}

// ---- NVRTC ------------------------------------------------------------------------------------------------------

API nvrtcVersion(int* major, int* minor) {
  *major = 0;  // of no real one, so that no real one's compiled kernels are taken for these
  *minor = 1;
  return SUCCESS;
}

API nvrtcCreateProgram(void** program, const char*, const char*, int, const char* const*, const char* const*) {
  *program = (void*)4;
  return SUCCESS;
}

constexpr char COMPILED[] = "";
constexpr char REFUSED[] = "norm.cu(17): error: identifier \"rms\" is undefined\n\n1 error detected.\n";
const char* compiler_log() { return option("compile", "") == "no" ? REFUSED : COMPILED; }

API nvrtcCompileProgram(void*, int, const char* const*) { return *compiler_log() ? 6 : SUCCESS; }
API nvrtcGetProgramLogSize(void*, size_t* size) {
  *size = strlen(compiler_log()) + 1;
  return SUCCESS;
}
API nvrtcGetProgramLog(void*, char* log) {
  strcpy(log, compiler_log());
  return SUCCESS;
}
API nvrtcGetCUBINSize(void*, size_t* size) {
  *size = 4;
  return SUCCESS;
}
API nvrtcGetCUBIN(void*, char* cubin) {
  memcpy(cubin, "FAKE", 4);
  return SUCCESS;
}
API nvrtcDestroyProgram(void**) { return SUCCESS; }

// ---- cuBLASLt: column-major products of float32 or bfloat16 -------------------------------------------------------

namespace {
struct Description {
  int transpose_a = 0, transpose_b = 0;
};
struct Layout {
  bool narrow;  // bfloat16
  uint64_t rows, columns;
  int64_t stride;

  float get(const void* data, uint64_t row, uint64_t column) const {
    return Matrix{(void*)data, stride, narrow}.get(column, row);
  }
};
}  // namespace

API cublasLtCreate(void** handle) {
  *handle = (void*)5;
  return SUCCESS;
}

API cublasLtMatmulDescCreate(void** made, int, int) {
  *made = new Description();
  return SUCCESS;
}

API cublasLtMatmulDescSetAttribute(void* description, int attribute, const void* value, size_t) {
  Description& d = *(Description*)description;
  int given;
  memcpy(&given, value, 4);
  switch (attribute) {
    case 3: d.transpose_a = given; return SUCCESS;
    case 4: d.transpose_b = given; return SUCCESS;
    default: return 7;
  }
}

API cublasLtMatmulDescDestroy(void* description) {
  delete (Description*)description;
  return SUCCESS;
}

API cublasLtMatrixLayoutCreate(void** made, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  if ((int64_t)rows > stride || (type != 0 && type != 14)) return 7;
  *made = new Layout{type == 14, rows, columns, stride};
  return SUCCESS;
}

API cublasLtMatrixLayoutDestroy(void* layout) {
  delete (Layout*)layout;
  return SUCCESS;
}

API cublasLtMatmulPreferenceCreate(void** made) {
  *made = (void*)6;
  return SUCCESS;
}
API cublasLtMatmulPreferenceSetAttribute(void*, int, const void*, size_t) { return SUCCESS; }
API cublasLtMatmulPreferenceDestroy(void*) { return SUCCESS; }

API cublasLtMatmulAlgoGetHeuristic(void*, void*, void*, void*, void*, void*, void*, int, void* result, int* count) {
  memset(result, 0, 96);
  *count = 1;
  return SUCCESS;
}

API cublasLtMatmul(
    void*, void* description, const void* alpha, const void* a, void* a_layout, const void* b, void* b_layout,
    const void* beta, const void* c, void* c_layout, void* d, void* d_layout, const void*, void*, size_t, void*) {
  Description how = *(Description*)description;
  Layout la = *(Layout*)a_layout, lb = *(Layout*)b_layout, ld = *(Layout*)d_layout;
  uint64_t k = how.transpose_a ? la.rows : la.columns;
  uint64_t m = how.transpose_a ? la.columns : la.rows;
  uint64_t n = how.transpose_b ? lb.rows : lb.columns;
  if (m != ld.rows || n != ld.columns || k != (how.transpose_b ? lb.columns : lb.rows) || c != d) return 7;
  if (la.narrow != lb.narrow) return 15;  // not supported
  if (does_nothing() && !recorded) return SUCCESS;
  float scale = *(const float*)alpha, keep = *(const float*)beta;
  std::lock_guard guard(lock);
  enqueue([=] {
    Matrix out{d, ld.stride, ld.narrow};
    for (uint64_t j = 0; j < n; j++) {
      for (uint64_t i = 0; i < m; i++) {
        double sum = 0;
        for (uint64_t p = 0; p < k; p++) {
          double left = how.transpose_a ? la.get(a, p, i) : la.get(a, i, p);
          double right = how.transpose_b ? lb.get(b, j, p) : lb.get(b, p, j);
          sum += left * right;
        }
        out.set(j, i, (float)(scale * sum + (keep == 0 ? 0.0 : (double)keep * out.get(j, i))));
      }
    }
  });
  return SUCCESS;
}

