// Cross-entropy and its gradient, sums for the loss and for the gradient's norm, AdamW.

constexpr int THREADS_OF_ROW = 256;

// The sum over a block of THREADS_OF_ROW threads, in a fixed order; every thread gets it.
template <class Number>
__device__ __forceinline__ Number block_sum(Number x, Number* shared) {
  shared[threadIdx.x] = x;
  __syncthreads();
  for (int o = THREADS_OF_ROW / 2; o > 0; o /= 2) {
    if (threadIdx.x < o) shared[threadIdx.x] += shared[threadIdx.x + o];
    __syncthreads();
  }
  x = shared[0];
  __syncthreads();
  return x;
}

__device__ __forceinline__ float block_max(float x, float* shared) {
  shared[threadIdx.x] = x;
  __syncthreads();
  for (int o = THREADS_OF_ROW / 2; o > 0; o /= 2) {
    if (threadIdx.x < o) shared[threadIdx.x] = fmaxf(shared[threadIdx.x], shared[threadIdx.x + o]);
    __syncthreads();
  }
  x = shared[0];
  __syncthreads();
  return x;
}

// count = how many targets are not negative; one block
KERNEL count_scored(int rows, const int* targets, i64 stride, int* count) {
  __shared__ int shared[THREADS_OF_ROW];
  int mine = 0;
  for (int row = threadIdx.x; row < rows; row += THREADS_OF_ROW) mine += targets[row * stride] >= 0;
  mine = block_sum(mine, shared);
  if (threadIdx.x == 0) *count = mine;
}

// A block for each row: its loss; its term of the total; and, if dLogits is given, weight * share / divisor *
// (softmax(logits) - onehot(target)), where without weights the divisor is the number of scored rows. dLogits may be
// the logits, which are read twice: a thread scales its sum where it finds a larger logit.
KERNEL cross_entropy(
    int columns, Matrix logits, const int* targets, i64 targets_stride, const int* count, Matrix weights,
    float share, Matrix losses, Matrix dLogits, double* terms) {
  __shared__ float shared[THREADS_OF_ROW];
  i64 row = blockIdx.x;
  int target = targets[row * targets_stride];
  float mine = -infinity(), sum = 0;
  for (int c = threadIdx.x; c < columns; c += THREADS_OF_ROW) {
    float x = logits.get(row, c);
    if (x > mine) {
      sum = sum * expf(mine - x) + 1;
      mine = x;
    } else if (x != -infinity()) {
      sum += expf(x - mine);
    }
  }
  float largest = block_max(mine, shared);
  sum = block_sum(sum == 0 ? 0.0f : sum * expf(mine - largest), shared);
  float chosen = target < 0 ? 0.0f : logits.get(row, target);
  __syncthreads();  // dLogits may be the logits
  double loss = target < 0 ? 0.0 : (double)largest + logf(sum) - chosen;
  float weight = target < 0 ? 0.0f : weights.data ? weights.get(row, 0) : 1.0f;
  double divisor = weights.data ? 1.0 : *count > 0 ? *count : 1;
  if (threadIdx.x == 0) {
    terms[row] = weight * loss / divisor;
    if (losses.data) losses.set(row, 0, (float)loss);
  }
  if (dLogits.data) {
    float factor = (float)(weight * (weights.data ? 1.0f : share) / divisor);
    for (int c = threadIdx.x; c < columns; c += THREADS_OF_ROW) {
      float probability = expf(logits.get(row, c) - largest) / sum;
      dLogits.set(row, c, factor * (probability - (c == target ? 1.0f : 0.0f)));
    }
  }
}

// total = the sum of terms, in a fixed order; one block
KERNEL sum_terms(int length, const double* terms, double* total) {
  __shared__ double shared[THREADS_OF_ROW];
  double sum = 0;
  for (int i = threadIdx.x; i < length; i += THREADS_OF_ROW) sum += terms[i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) *total = sum;
}

// terms[block] = the sum of the squares of `length` elements from block * length on
KERNEL sum_of_squares(i64 all, int length, const float* x, double* terms) {
  __shared__ double shared[THREADS_OF_ROW];
  i64 first = (i64)blockIdx.x * length;
  i64 end = min(all, first + length);
  double sum = 0;
  for (i64 i = first + threadIdx.x; i < end; i += THREADS_OF_ROW) sum += (double)x[i] * x[i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) terms[blockIdx.x] = sum;
}

// Where the moments are bfloat16 (`narrow`), they are rounded by random words of `key` and the number of the weight
// among all, of which `first_weight` is this call's first.
KERNEL adamw(
    i64 length, float rate, float beta1, float beta2, float epsilon, float decay, float correction1,
    float correction2, float gradient_scale, float* weights, const float* gradients, void* m, void* v,
    int narrow, unsigned key, i64 first_weight) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= length) return;
  float g = gradients[i] * gradient_scale;
  float first = narrow ? widened(((unsigned short*)m)[i]) : ((float*)m)[i];
  float second = narrow ? widened(((unsigned short*)v)[i]) : ((float*)v)[i];
  first = beta1 * first + (1 - beta1) * g;
  second = beta2 * second + (1 - beta2) * g * g;
  if (narrow) {
    unsigned word = random_word(first_weight + i, key);
    ((unsigned short*)m)[i] = rounded_at_random(first, word);
    ((unsigned short*)v)[i] = rounded_at_random(second, word >> 16);
  } else {
    ((float*)m)[i] = first;
    ((float*)v)[i] = second;
  }
  float move = first * correction1 / (sqrtf(second * correction2) + epsilon) + decay * weights[i];
  weights[i] -= rate * move;
}
