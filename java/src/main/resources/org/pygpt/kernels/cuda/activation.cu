// Activations of the feed-forward layer and their slopes; numbered as the enum Activation is.

enum Function {
  GELU, GELU_EXACT, RELU, RELU2, SWIGLU_UNUSED, SILU, QUICK_GELU, GELU_10, SIGMOID, TANH, MISH,
  LAPLACE, LEAKY_RELU, RELU6, HARDSWISH, SQRTSOFTPLUS, LINEAR
};

__device__ __forceinline__ float sigmoid(float u) { return 1 / (1 + expf(-u)); }
__device__ __forceinline__ float softplus(float u) { return fmaxf(u, 0.0f) + log1pf(expf(-fabsf(u))); }
// Of the normal distribution.
__device__ __forceinline__ float density(float u) { return 0.398942280401432678f * expf(-u * u / 2); }
__device__ __forceinline__ float normal_cdf(float u) { return 0.5f * erfcf(-0.707106781186547524f * u); }

// sqrt(2 / pi) (u + 0.044715 u^3), Hendrycks and Gimpel 2016
__device__ __forceinline__ float gelu_argument(float u) {
  return 0.797884560802865356f * (u + 0.044715f * u * u * u);
}

constexpr float QUICK_SCALE = 1.702f;
// Ma et al. 2022, MEGA
constexpr float LAPLACE_MEAN = 0.707106781186547524f;
constexpr float LAPLACE_STD = 0.282094791773878143f;
constexpr float LEAK = 0.01f;
constexpr float DEEP = -20;  // where log(1 + e^u) is e^u

__device__ __forceinline__ float clamp(float x, float low, float high) {
  return fminf(fmaxf(x, low), high);
}

__device__ float value(int kind, float u) {
  switch (kind) {
    case GELU: return u * sigmoid(2 * gelu_argument(u));
    case GELU_EXACT: return u * normal_cdf(u);
    case RELU: return fmaxf(u, 0.0f);
    case RELU2: return fmaxf(u, 0.0f) * fmaxf(u, 0.0f);
    case SILU: return u * sigmoid(u);
    case QUICK_GELU: return u * sigmoid(QUICK_SCALE * u);
    case GELU_10: return clamp(u * normal_cdf(u), -10.0f, 10.0f);
    case SIGMOID: return sigmoid(u);
    case TANH: return tanhf(u);
    case MISH: return u * tanhf(softplus(u));
    case LAPLACE: return normal_cdf((u - LAPLACE_MEAN) / LAPLACE_STD);
    case LEAKY_RELU: return u > 0 ? u : LEAK * u;
    case RELU6: return clamp(u, 0.0f, 6.0f);
    case HARDSWISH: return u * clamp(u + 3, 0.0f, 6.0f) / 6;
    case SQRTSOFTPLUS: return u < DEEP ? expf(u / 2) : sqrtf(softplus(u));
    default: return u;
  }
}

__device__ float slope(int kind, float u) {
  switch (kind) {
    case GELU: {
      float s = sigmoid(2 * gelu_argument(u));
      float d_argument = 0.797884560802865356f * (1 + 3 * 0.044715f * u * u);
      return s + u * s * (1 - s) * 2 * d_argument;
    }
    case GELU_EXACT: return normal_cdf(u) + u * density(u);
    case RELU: return u > 0 ? 1.0f : 0.0f;
    case RELU2: return 2 * fmaxf(u, 0.0f);
    case SILU: {
      float s = sigmoid(u);
      return s + u * s * (1 - s);
    }
    case QUICK_GELU: {
      float s = sigmoid(QUICK_SCALE * u);
      return s + QUICK_SCALE * u * s * (1 - s);
    }
    case GELU_10: return u * normal_cdf(u) > 10 ? 0.0f : normal_cdf(u) + u * density(u);
    case SIGMOID: return sigmoid(u) * (1 - sigmoid(u));
    case TANH: return 1 - tanhf(u) * tanhf(u);
    case MISH: {
      float t = tanhf(softplus(u));
      return t + u * (1 - t * t) * sigmoid(u);
    }
    case LAPLACE: return density((u - LAPLACE_MEAN) / LAPLACE_STD) / LAPLACE_STD;
    case LEAKY_RELU: return u > 0 ? 1.0f : LEAK;
    case RELU6: return u > 0 && u < 6 ? 1.0f : 0.0f;
    case HARDSWISH: return u <= -3 ? 0.0f : u >= 3 ? 1.0f : (2 * u + 3) / 6;
    case SQRTSOFTPLUS: return u < DEEP ? expf(u / 2) / 2 : sigmoid(u) / (2 * sqrtf(softplus(u)));
    default: return 1.0f;
  }
}

// With u = x + bias: out = f(u), (rows, F); with a gate, f(u[:F]) * u[F:].
KERNEL activation(int kind, int gated, int rows, int F, Matrix x, const float* bias, Matrix out) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < F; c += blockDim.x) {
    float y = value(kind, x.get(row, c) + (bias ? bias[c] : 0.0f));
    if (gated) y *= x.get(row, F + c) + (bias ? bias[F + c] : 0.0f);
    out.set(row, c, y);
  }
}

// dX = dOut * f'(u); with a gate, dX[:F] = dOut * f'(u) * u[F:] and dX[F:] = dOut * f(u).
KERNEL activation_backward(
    int kind, int gated, int rows, int F, Matrix x, const float* bias, Matrix dOut, Matrix dX) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < F; c += blockDim.x) {
    float u = x.get(row, c) + (bias ? bias[c] : 0.0f);
    float d = dOut.get(row, c);
    if (gated) {
      float v = x.get(row, F + c) + (bias ? bias[F + c] : 0.0f);
      dX.set(row, c, d * v * slope(kind, u));
      dX.set(row, F + c, d * value(kind, u));
    } else {
      dX.set(row, c, d * slope(kind, u));
    }
  }
}
