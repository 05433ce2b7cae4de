// Faults on purpose, which the shim has to find.

// Without the barrier between the write and the read of its neighbour.
KERNEL planted_no_barrier(const float* x, float* out) {
  __shared__ float shared[64];
  shared[threadIdx.x] = x[threadIdx.x];
  out[threadIdx.x] = shared[63 - threadIdx.x];
}

// A barrier that some threads never reach.
KERNEL planted_divergent(const float* x, float* out) {
  if (threadIdx.x < 40) __syncthreads();
  out[threadIdx.x] = x[threadIdx.x];
}

// One element too many.
KERNEL planted_out_of_bounds(const float* x, float* out) { out[threadIdx.x + 1] = x[threadIdx.x]; }
