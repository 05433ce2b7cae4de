// Test code: a program that makes one of the faults that the fake has to find, named by its argument. It ends with
// status 0 only if the fault was not found.
#define PLANTED
#include "fake_cuda.cpp"

namespace {

void launch(const char* name, uintptr_t x, uintptr_t out) {
  void *module, *function;
  cuModuleLoadData(&module, nullptr);
  cuModuleGetFunction(&function, module, name);
  void* parameters[] = {&x, &out};
  cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, nullptr, parameters, nullptr);
}

}  // namespace

int main(int, char** arguments) {
  std::string fault = arguments[1];
  float numbers[64], results[64];
  for (int i = 0; i < 64; i++) numbers[i] = i;
  uintptr_t x, out;
  cuInit(0);
  cuMemAlloc_v2(&x, sizeof numbers);
  cuMemAlloc_v2(&out, sizeof numbers);
  cuMemcpyHtoDAsync_v2(x, numbers, sizeof numbers, nullptr);
  if (fault == "host-access") {
    return *(volatile float*)x > 1e30;  // a segmentation fault
  }
  if (fault == "missing-wait") {  // the numbers change before the copy is made
    memset(numbers, 0, sizeof numbers);
    cuMemcpyDtoHAsync_v2(results, x, sizeof results, nullptr);
    cuStreamSynchronize(nullptr);
    return results[63] != 63;
  }
  std::string kernel = "planted_" + fault;
  launch(kernel.c_str(), x, out);
  cuMemcpyDtoHAsync_v2(results, out, sizeof results, nullptr);
  cuStreamSynchronize(nullptr);
  cuMemFree_v2(out);
  for (int i = 0; i < 64; i++) {
    if (results[i] != numbers[fault == "no_barrier" ? 63 - i : i]) return 2;
  }
  return 0;
}
