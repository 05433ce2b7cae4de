// Token and position embedding.

// out[row] = wte[ids[row]] + wpe[past + row % T]
KERNEL embedding(
    int rows, int T, int past, int columns, const int* ids, i64 ids_stride, const float* wte,
    i64 wte_stride, const float* wpe, i64 wpe_stride, Matrix out) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  const float* token = wte + ids[row * ids_stride] * wte_stride;
  const float* position = wpe ? wpe + (past + row % T) * wpe_stride : 0;
  for (int c = threadIdx.x; c < columns; c += blockDim.x)
    out.set(row, c, token[c] + (position ? position[c] : 0.0f));
}

// dWte[tokens[i]] += the sum of dOut[order[j]] for starts[i] <= j < starts[i + 1], in that order; a block for each
// token that occurs and each 256 columns.
KERNEL embedding_backward(
    int columns, const int* tokens, const int* starts, const int* order, Matrix dOut, float* dWte,
    i64 dWte_stride) {
  int c = blockIdx.y * blockDim.x + threadIdx.x;
  if (c >= columns) return;
  float sum = 0;
  int end = starts[blockIdx.x + 1];
#pragma unroll 4
  for (int j = starts[blockIdx.x]; j < end; j++) sum += dOut.get(order[j], c);
  dWte[tokens[blockIdx.x] * dWte_stride + c] += sum;
}

// dWpe[t] += the sum over sequences of dOut[b * T + t]
KERNEL position_backward(
    int B, int T, int columns, Matrix dOut, float* dWpe, i64 dWpe_stride) {
  i64 t = row_of_thread();
  if (t >= T) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    float sum = 0;
    for (int b = 0; b < B; b++) sum += dOut.get((i64)b * T + t, c);
    dWpe[t * dWpe_stride + c] += sum;
  }
}
